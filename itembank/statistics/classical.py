"""Classical test theory: difficulty, item-total correlation, distractors, reliability. Pure numpy.

Every figure is a value, or `TooFew` people to say it, or `NoSpread` where everyone did the same. Formulas as in Lord and
Novick, *Statistical Theories of Mental Test Scores* (1968); standard deviations divide by n - 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from itembank.statistics.values import DEFAULTS, Figure, Floats, Ints, Needed, NoSpread, TooFew, has_spread

__all__ = [
    "DEFAULTS",
    "GROUP_SHARE",
    "Figure",
    "FormFigures",
    "ItemFigures",
    "Needed",
    "NoSpread",
    "OptionFigures",
    "TooFew",
    "form_figures",
    "item_figures",
    "mask",
    "option_figures",
]

GROUP_SHARE: Final = 0.27  # upper and lower group, Kelley (1939)


@dataclass(frozen=True, slots=True)
class ItemFigures:
    """One item. ``p``: mean share of its marks, 0 to 1. ``item_total``: correlation with the rest of the test."""

    n: int
    p: Figure
    sd: Figure
    item_total: Figure
    alpha_without: Figure


@dataclass(frozen=True, slots=True)
class FormFigures:
    """One form as a whole, in marks. ``alpha`` is KR-20 where every item is 0 or 1."""

    n: int
    items: int
    mean: Figure
    sd: Figure
    alpha: Figure
    sem: Figure


@dataclass(frozen=True, slots=True)
class OptionFigures:
    """How often an option was chosen: by all, and by the lowest and highest 27 % on the total score."""

    option: int
    chosen: int
    low: int | TooFew
    high: int | TooFew


def _matrix(scores: npt.ArrayLike) -> Floats:
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 1:
        raise ValueError(f"scores must be people × items, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("scores must be finite; leave out people who did not sit the test")
    return matrix


def item_figures(scores: npt.ArrayLike, maximum: npt.ArrayLike = 1.0, needed: Needed = DEFAULTS) -> list[ItemFigures]:
    """Figures of each item.

    ``scores``: people × items, marks obtained, 0 for blank. ``maximum``: marks of each item, (items,) or one number.
    Raises ValueError for another shape, scores that are not finite, or maxima that are not positive.
    """
    matrix = _matrix(scores)
    n, k = matrix.shape
    marks = np.broadcast_to(np.asarray(maximum, dtype=np.float64), (k,))
    if not (marks > 0).all():
        raise ValueError("maximum marks must be positive")
    if n == 0:
        nobody = ItemFigures(
            n=0,
            p=TooFew(0, max(needed.difficulty, 1)),
            sd=TooFew(0, max(needed.spread, 2)),
            item_total=TooFew(0, max(needed.correlation, 3)),
            alpha_without=TooFew(0, max(needed.reliability, 2)),
        )
        return [nobody] * k
    # Moments about the means give the figures of all items at once: var(rest) = var(total) + var(item) - 2 cov.
    centred = matrix - matrix.mean(axis=0)
    total = centred.sum(axis=1)
    item, both, whole = np.einsum("ij,ij->j", centred, centred), centred.T @ total, float(total @ total)
    rest = whole + item - 2 * both
    rest[rest <= 1e-12 * (whole + item)] = 0.0
    item[~(np.ptp(matrix, axis=0) > 1e-9 * np.maximum(1.0, np.abs(matrix).max(axis=0)))] = 0.0
    return [
        ItemFigures(
            n=n,
            p=float(matrix[:, j].mean() / marks[j]) if n >= max(needed.difficulty, 1) else TooFew(n, max(needed.difficulty, 1)),
            sd=_sd(matrix[:, j], needed),
            item_total=_pearson(n, float(both[j] - item[j]), float(item[j] * rest[j]), needed),
            alpha_without=_alpha(n, k - 1, float(item.sum() - item[j]), float(rest[j]), needed),
        )
        for j in range(k)
    ]


def form_figures(scores: npt.ArrayLike, needed: Needed = DEFAULTS) -> FormFigures:
    """Mean, standard deviation, reliability (KR-20 / Cronbach's alpha) and standard error of measurement, in marks.

    ``scores``: people × items as for `item_figures`. SEM = SD · sqrt(1 - alpha); alpha below 0 counts as 0 there.
    """
    matrix = _matrix(scores)
    n, k = matrix.shape
    total = matrix.sum(axis=1)
    items = float(((matrix - matrix.mean(axis=0)) ** 2).sum()) if n else 0.0
    whole = float(((total - total.mean()) ** 2).sum()) if has_spread(total) else 0.0
    sd, alpha = _sd(total, needed), _alpha(n, k, items, whole, needed)
    sem: Figure = sd if not isinstance(sd, float) else alpha
    if isinstance(sd, float) and isinstance(alpha, float):
        sem = sd * float(np.sqrt(1.0 - max(alpha, 0.0)))
    return FormFigures(n=n, items=k, mean=float(total.mean()) if n else TooFew(0, 1), sd=sd, alpha=alpha, sem=sem)


def _sd(values: Floats, needed: Needed) -> Figure:
    if len(values) < max(needed.spread, 2):
        return TooFew(len(values), max(needed.spread, 2))
    return float(values.std(ddof=1)) if has_spread(values) else 0.0


def _pearson(n: int, products: float, squares: float, needed: Needed) -> Figure:
    """Pearson from sums about the means; for a 0/1 item this is the point-biserial. ``squares``: product of both sums."""
    if n < max(needed.correlation, 3):
        return TooFew(n, max(needed.correlation, 3))
    return float(np.clip(products / np.sqrt(squares), -1.0, 1.0)) if squares > 0 else NoSpread(n)


def _alpha(n: int, k: int, items: float, whole: float, needed: Needed) -> Figure:
    """Cronbach (1951): k/(k-1) · (1 - sum of item variances / variance of the total), from sums of squares."""
    if n < max(needed.reliability, 2):
        return TooFew(n, max(needed.reliability, 2))
    if k < 2:
        return TooFew(k, 2)
    return k / (k - 1) * (1.0 - items / whole) if whole > 0 else NoSpread(n)


def option_figures(chosen: npt.ArrayLike, totals: npt.ArrayLike, options: int, needed: Needed = DEFAULTS) -> list[OptionFigures]:
    """How often each option of one item was chosen; the last entry, ``option`` 0, counts the blanks.

    ``chosen``: (people,) bit masks, bit ``id - 1`` for option ``id`` (see `mask`), 0 for blank. ``totals``: (people,) scores.
    The low and high groups are the 27 % with the lowest and highest totals, ties in order of the rows.
    """
    masks = np.asarray(chosen, dtype=np.int64)
    scores = np.asarray(totals, dtype=np.float64)
    if masks.ndim != 1 or masks.shape != scores.shape:
        raise ValueError(f"one mask and one total per person, got {masks.shape} and {scores.shape}")
    if len(masks) and (masks.min() < 0 or masks.max() >= 1 << options):
        raise ValueError("a mask names an option that does not exist")
    order = np.argsort(scores, kind="stable")
    size = round(GROUP_SHARE * len(masks))
    low, high = masks[order[:size]], masks[order[len(masks) - size :]]
    few = len(masks) < needed.groups
    return [
        OptionFigures(
            option,
            _chose(masks, option),
            TooFew(len(masks), needed.groups) if few else _chose(low, option),
            TooFew(len(masks), needed.groups) if few else _chose(high, option),
        )
        for option in [*range(1, options + 1), 0]
    ]


def _chose(masks: Ints, option: int) -> int:
    picked = masks & (1 << (option - 1)) if option else masks == 0
    return int(np.count_nonzero(picked))


def mask(ids: Sequence[int]) -> int:
    """The bit mask of a response: option ids from 1, empty for blank."""
    return sum(1 << (option - 1) for option in set(ids))
