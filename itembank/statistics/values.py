"""What a statistic can be: a number with its standard error and 95 % interval, or the reason why there is none.

Nothing here or in the modules above is ever NaN, infinite or a warning. Intervals are two-sided and cover 95 %.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

NORMAL_95: Final = float(ndtri(0.975))


@dataclass(frozen=True, slots=True)
class TooFew:
    """There are ``n`` people (or items), and the figure needs ``needed``."""

    n: int
    needed: int


@dataclass(frozen=True, slots=True)
class NoSpread:
    """Everyone had the same score, so that nothing can be said about who did better. ``n`` people."""

    n: int


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The data do not pin the figure down: an estimate that runs off without end, or has no finite error. ``n`` people."""

    n: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its standard error and the ends of its 95 % interval, all in the unit of the figure."""

    value: float
    se: float
    low: float
    high: float


Figure = float | TooFew | NoSpread
Measured = Estimate | TooFew | NoSpread | Unsettled


@dataclass(frozen=True, slots=True)
class Needed:
    """How many people each figure needs at least; ``dif``, ``equipercentile``, ``difference`` count each group or form."""

    difficulty: int = 1
    spread: int = 2
    correlation: int = 30
    reliability: int = 30
    groups: int = 30
    rasch: int = 150
    two_pl: int = 500
    dif: int = 100
    difference: int = 5
    equating: int = 30
    equipercentile: int = 200
    similarity: int = 30


DEFAULTS: Final = Needed()


def around(value: float, se: float, *, df: float | None = None, least: float = -np.inf, most: float = np.inf) -> Estimate:
    """``value`` ± 1.96 ``se``, or Student's t with ``df`` degrees of freedom; ends kept within [``least``, ``most``]."""
    value, se = float(value), float(se)
    reach = se * (NORMAL_95 if df is None else float(stdtrit(df, 0.975)))
    return Estimate(value, se, min(max(value - reach, least), value), max(min(value + reach, most), value))


def share(hits: float, n: float) -> Estimate:
    """A proportion with Wilson's interval (Wilson 1927, JASA 22, 209-212), which stays within 0 and 1. ``n`` > 0."""
    p = hits / n
    square = NORMAL_95**2
    middle = (p + square / (2 * n)) / (1 + square / n)
    reach = NORMAL_95 / (1 + square / n) * np.sqrt(p * (1 - p) / n + square / (4 * n * n))
    low, high = max(0.0, float(middle - reach)), min(1.0, float(middle + reach))
    return Estimate(p, float(np.sqrt(p * (1 - p) / n)), min(low, p), max(high, p))


def correlation(r: float, se: float) -> Estimate:
    """A correlation with the interval taken on Fisher's scale, artanh r, by the given standard error of r."""
    r = min(max(r, -1.0), 1.0)
    room = 1.0 - r * r
    if room < 1e-12:
        return Estimate(r, 0.0, r, r)
    z, reach = float(np.arctanh(r)), NORMAL_95 * se / room
    return Estimate(r, se, float(np.tanh(z - reach)), float(np.tanh(z + reach)))


def positive(value: float, se: float, *, df: float | None = None) -> Estimate:
    """A figure above 0 with the interval taken on its logarithm."""
    factor = NORMAL_95 if df is None else float(stdtrit(df, 0.975))
    reach = float(np.exp(min(factor * se / value, 300.0)))
    return Estimate(value, se, value / reach, value * reach)


def has_spread(values: Floats) -> bool:
    """Whether the values differ by more than rounding: sums of tenths of marks differ in the last bit."""
    return bool(len(values) and np.ptp(values) > 1e-9 * max(1.0, float(np.abs(values).max())))
