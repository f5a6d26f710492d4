"""Figures as they are stored, and read again by pages: plain JSON, no numpy on the reading side.

A figure is `{value, se, low, high}` (95 % interval), or why there is none: `{too_few: [n, needed]}`, `{no_spread: n}`,
`{unsettled: n}`.
"""

from typing import Any, Final

from itembank.statistics.values import Estimate, Measured, NoSpread, TooFew

DIGITS: Final = 6
Stored = dict[str, Any]


def stored(found: Measured, unit: float = 1.0) -> Stored:
    """A figure; `unit`: what it is divided by (100 for hundredths of marks)."""
    if isinstance(found, Estimate):
        ends = {"value": found.value, "se": found.se, "low": found.low, "high": found.high}
        return {name: _round(value / unit) for name, value in ends.items()}
    if isinstance(found, TooFew):
        return {"too_few": [found.n, found.needed]}
    return {"no_spread": found.n} if isinstance(found, NoSpread) else {"unsettled": found.n}


def _round(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
