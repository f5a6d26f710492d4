"""Differential item functioning: is an item harder for one group than for another of the same ability? Mantel and Haenszel.

Mantel and Haenszel (1959), JNCI 22, 719-748; Holland and Thayer (1988) in *Test Validity*; classes of the Educational Testing
Service: Zieky (1993) in *Differential Item Functioning*. People are matched on the number of right answers, the item included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, ndtr

from itembank.statistics.tally import total_of, whole_numbers
from itembank.statistics.values import DEFAULTS, Bytes, Estimate, Floats, Ints, Needed, NoSpread, TooFew, around

Class = Literal["A", "B", "C"]
DELTA: Final = -2.35  # log odds to the delta scale, on which 4 is about one standard deviation of ability


@dataclass(frozen=True, slots=True)
class ItemDif:
    """One item. ``delta``: Mantel-Haenszel D-DIF, negative where the item is harder for the focal group. ``chi_square`` (1 degree
    of freedom, with continuity correction) and its ``p_value``. ``klass``: A negligible, B moderate, C large."""

    delta: Estimate
    chi_square: float
    p_value: float
    klass: Class


def mantel_haenszel(right: npt.ArrayLike, focal: npt.ArrayLike, needed: Needed = DEFAULTS) -> list[ItemDif | TooFew | NoSpread]:
    """DIF of each item.

    ``right``: people × items, 1 right, 0 wrong or blank. ``focal``: (people,) booleans, the others are the reference group. An
    item is `NoSpread` where no total has both right and wrong answers in both groups.
    """
    matrix = whole_numbers(right, "right")
    member = np.asarray(focal)
    if member.dtype != np.bool_ or member.shape != matrix.shape[:1]:
        raise ValueError("focal must be one boolean per person")
    smaller = int(min(member.sum(), (~member).sum()))
    if smaller < max(needed.dif, 2):
        few = TooFew(smaller, max(needed.dif, 2))
        return [few] * matrix.shape[1]
    return [_item(table) for table in matched_counts(matrix.astype(np.uint8), total_of(matrix), member)]


def matched_counts(right: Bytes, totals: Ints, focal: npt.NDArray[np.bool_]) -> Iterator[Floats]:
    """For each item (S, 2, 2): people by total, focal or not, right or not."""
    distinct, place = np.unique(totals, return_inverse=True)
    stratum = 4 * place + 2 * focal
    for column in np.ascontiguousarray(right.T):
        yield np.bincount(stratum + column, minlength=4 * len(distinct)).reshape(-1, 2, 2).astype(np.float64)


def _item(table: Floats) -> ItemDif | NoSpread:
    table = table[table.sum(axis=(1, 2)) > 1]
    n = table.sum(axis=(1, 2))
    b, a, d, c = table[:, 0, 0], table[:, 0, 1], table[:, 1, 0], table[:, 1, 1]  # reference right a, wrong b; focal c, d
    plus, minus = a * d / n, b * c / n
    r, s = float(plus.sum()), float(minus.sum())
    hits, misses = a + c, b + d
    variance = float(((a + b) * (c + d) * hits * misses / (n * n * (n - 1))).sum()) if len(n) else 0.0
    if r <= 0 or s <= 0 or variance <= 0:
        return NoSpread(int(table.sum()))
    gap = abs(float((a - (a + b) * hits / n).sum()))
    chi_square = max(gap - 0.5, 0.0) ** 2 / variance
    # Robins, Breslow and Greenland (1986), Biometrics 42, 311-323.
    p, q = (a + d) / n, (b + c) / n
    error = (p * plus).sum() / (2 * r * r) + (p * minus + q * plus).sum() / (2 * r * s) + (q * minus).sum() / (2 * s * s)
    delta = around(DELTA * float(np.log(r / s)), -DELTA * float(np.sqrt(error)))
    p_value = float(chdtrc(1, chi_square))
    return ItemDif(delta, chi_square, p_value, _class(delta, p_value))


def _class(delta: Estimate, p_value: float) -> Class:
    """A: not significantly different from 0 or less than 1. C: at least 1.5 and significantly more than 1. Else B. Level 5 %."""
    size = abs(delta.value)
    if p_value >= 0.05 or size < 1.0:
        return "A"
    return "C" if size >= 1.5 and float(ndtr((1.0 - size) / delta.se)) < 0.05 else "B"
