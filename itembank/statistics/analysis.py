"""Item analysis with standard errors and 95 % intervals: difficulty, discrimination, distractors, the mis-key rule.

Formulas as in Lord and Novick, *Statistical Theories of Mental Test Scores* (1968). Standard errors of correlations come
from the influence of each person on the coefficient (asymptotically free of any distribution: Cramér, *Mathematical Methods
of Statistics* (1946), 28), so that they hold for items marked 0/1, with part marks, and for skewed totals.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from itembank.statistics.classical import GROUP_SHARE
from itembank.statistics.tally import ItemTally, Tally, ability_groups, end_weights
from itembank.statistics.values import (
    DEFAULTS,
    Estimate,
    Figure,
    Floats,
    Measured,
    Needed,
    NoSpread,
    TooFew,
    Unsettled,
    around,
    correlation,
    share,
)

ABILITY_GROUPS: Final = 5
RARE: Final = 5
"""A correlation rests on those who did not do what most did; with fewer its error cannot be told from the data."""
LOW_CORRELATION: Final = (
    0.10  # below it an item hardly tells strong from weak candidates: Ebel, Measuring Educational Achievement (1965)
)


@dataclass(frozen=True, slots=True)
class ItemAnalysis:
    """One item among ``n`` people.

    ``p``: mean share of its marks, 0 to 1. ``sd``: in marks, dividing by n - 1. ``point_biserial``: correlation with the total,
    the item included; ``item_total``: with the rest of the test; ``biserial``: of full marks or not with the total, the item
    included (it can pass 1). ``discrimination``: mean share of marks in the highest 27 % less that in the lowest 27 %.
    ``alpha_without``: reliability of the test without it.
    """

    n: int
    p: Measured
    sd: Figure
    point_biserial: Measured
    item_total: Measured
    biserial: Measured
    discrimination: Measured
    alpha_without: Figure


@dataclass(frozen=True, slots=True)
class OptionAnalysis:
    """One option of an item; ``option`` 0 is the blank.

    ``chosen``: how many chose it. ``share``: their part of all. ``by_group``: (chose it, people) in each ability group, the
    weakest first; or too few people to split. ``with_rest``: correlation of choosing it with the total of the other items.
    """

    option: int
    in_key: bool
    chosen: int
    share: Measured
    by_group: tuple[tuple[int, int], ...] | TooFew
    with_rest: Measured


def analyse_items(found: Tally, maximum: npt.ArrayLike, needed: Needed = DEFAULTS) -> list[ItemAnalysis]:
    """Figures of each item of a form. ``maximum``: full marks of each item, (items,) or one number, above 0."""
    k = len(found.items)
    full = np.broadcast_to(np.asarray(maximum, dtype=np.float64), (k,))
    if not (full > 0).all():
        raise ValueError("maximum marks must be positive")
    moments = [_moments(found, item) for item in found.items]
    spread = sum(moment.item for moment in moments)
    return [
        ItemAnalysis(
            n=found.n,
            p=_difficulty(item, float(mark), found.n, needed),
            sd=_sd(moment, needed),
            point_biserial=_with_total(found, item, item.marks, needed),
            item_total=_with_rest(found, item, item.marks, needed),
            biserial=_biserial(found, item, item.marks == mark, needed),
            discrimination=_discrimination(found, item, float(mark), needed),
            alpha_without=_alpha_without(moment, k - 1, spread, needed),
        )
        for item, moment, mark in zip(found.items, moments, full, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Moments:
    """Sums of squares about the means: of the item, of the rest of the test."""

    n: int
    item: float
    rest: float


def _moments(found: Tally, item: ItemTally) -> _Moments:
    n = found.n
    if n == 0:
        return _Moments(0, 0.0, 0.0)
    x, t = item.marks[None, :], found.totals[:, None]
    x_mean, t_mean = float((item.counts * x).sum()) / n, float((item.counts * t).sum()) / n
    rest = (t - t_mean) - (x - x_mean)
    return _Moments(n, float((item.counts * (x - x_mean) ** 2).sum()), _whole(float((item.counts * rest**2).sum())))


def _whole(squares: float) -> float:
    """Marks are whole numbers, so that a sum of squares this small is rounding."""
    return squares if squares > 1e-6 else 0.0


def _sd(moment: _Moments, needed: Needed) -> Figure:
    least = max(needed.spread, 2)
    return TooFew(moment.n, least) if moment.n < least else float(np.sqrt(_whole(moment.item) / (moment.n - 1)))


def _alpha_without(moment: _Moments, items: int, spread: float, needed: Needed) -> Figure:
    least = max(needed.reliability, 2)
    if moment.n < least:
        return TooFew(moment.n, least)
    if items < 2:
        return TooFew(items, 2)
    if moment.rest == 0:
        return NoSpread(moment.n)
    return items / (items - 1) * (1.0 - (spread - moment.item) / moment.rest)


def _difficulty(item: ItemTally, full: float, n: int, needed: Needed) -> Measured:
    """Right or wrong: a proportion with Wilson's interval. Part marks: a mean with Student's t, within 0 and 1."""
    if n < max(needed.difficulty, 1):
        return TooFew(n, max(needed.difficulty, 1))
    people = item.counts.sum(axis=0)
    part = item.marks / full
    if ((part == 0) | (part == 1)).all():
        return share(float(people @ part), n)
    mean = float(people @ part) / n
    if n < 2:
        return TooFew(n, 2)
    se = float(np.sqrt(people @ (part - mean) ** 2 / (n - 1) / n))
    return around(mean, se, df=n - 1, least=0.0, most=1.0)


def _with_total(found: Tally, item: ItemTally, x: Floats, needed: Needed) -> Measured:
    return _pearson(item.counts.astype(np.float64), x[None, :], found.totals[:, None], needed)


def _with_rest(found: Tally, item: ItemTally, x: Floats, needed: Needed) -> Measured:
    return _pearson(item.counts.astype(np.float64), x[None, :], found.totals[:, None] - item.marks[None, :], needed)


def _pearson(weight: Floats, x: Floats, y: Floats, needed: Needed) -> Measured:
    """Pearson's r; the influence of a person on it is zx zy - r (zx² + zy²) / 2."""
    n = int(weight.sum())
    least = max(needed.correlation, 4)
    if n < least:
        return TooFew(n, least)
    x, y = x - (weight * x).sum() / n, y - (weight * y).sum() / n
    xx, yy = float((weight * x * x).sum()), float((weight * y * y).sum())
    if _whole(xx) == 0 or _whole(yy) == 0:
        return NoSpread(n)
    if _unlike(weight, x) < RARE:
        return Unsettled(n)
    x, y = x * np.sqrt(n / xx), y * np.sqrt(n / yy)
    r = float((weight * x * y).sum() / n)
    influence = x * y - r * (x * x + y * y) / 2
    return correlation(r, float(np.sqrt((weight * influence**2).sum() / n / (n - 3))))


def _unlike(weight: Floats, x: Floats) -> float:
    """How many people differ from what most of them have in ``x`` (1, V)."""
    _values, place = np.unique(x[0], return_inverse=True)
    return float(weight.sum() - np.bincount(place, weights=weight.sum(axis=0)).max())


def _biserial(found: Tally, item: ItemTally, right: npt.NDArray[np.bool_], needed: Needed) -> Measured:
    """Pearson (1909): cov(right, total) / (sd · ordinate of the normal curve at p); standard error by influence."""
    n = found.n
    least = max(needed.correlation, 4)
    if n < least:
        return TooFew(n, least)
    weight, hit = item.counts.astype(np.float64), right.astype(np.float64)[None, :]
    p = float((weight * hit).sum() / n)
    total = found.totals[:, None] - (found.people @ found.totals) / n
    variance = float(found.people @ total[:, 0] ** 2) / n
    if not 0 < p < 1 or _whole(variance * n) == 0:
        return NoSpread(n)
    if round(min(p, 1 - p) * n) < RARE:
        return Unsettled(n)
    z = float(ndtri(p))
    scale = float(np.sqrt(variance) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
    covariance = float((weight * (hit - p) * total).sum() / n)
    r = covariance / scale
    ordinate = scale / np.sqrt(variance)
    influence = ((hit - p) * total - covariance) / scale - r * (total**2 / variance - 1) / 2 + r * z * (hit - p) / ordinate
    return around(r, float(np.sqrt((weight * influence**2).sum() / n / (n - 3))))


def _discrimination(found: Tally, item: ItemTally, full: float, needed: Needed) -> Measured:
    """Kelley (1939). Right or wrong: the interval of a difference of proportions by Newcombe (1998), Statistics in Medicine 17,
    873-890, the error after Agresti and Caffo (2000); part marks: the share of marks within a group varies like a mean."""
    n = found.n
    if n < max(needed.groups, 8):
        return TooFew(n, max(needed.groups, 8))
    if len(found.totals) < 2:
        return NoSpread(n)
    ends = [part @ item.counts for part in end_weights(found.people, GROUP_SHARE)]
    part_marks = item.marks / full
    if ((part_marks == 0) | (part_marks == 1)).all():
        return _of_shares(*((float(people @ part_marks), float(people.sum())) for people in ends))
    means, errors = [], []
    for people in ends:
        size = people.sum()
        mean = people @ item.marks / size / full
        means.append(mean)
        errors.append(people @ (item.marks / full - mean) ** 2 / size / (size - 1))
    return around(float(means[1] - means[0]), float(np.sqrt(sum(errors))), least=-1.0, most=1.0)


def _of_shares(low: tuple[float, float], high: tuple[float, float]) -> Estimate:
    """The share in the high group less that in the low one; each (right, people)."""
    below, above = share(*low), share(*high)
    value = above.value - below.value
    down = float(np.hypot(above.value - above.low, below.high - below.value))
    up = float(np.hypot(above.high - above.value, below.value - below.low))
    adjusted = [((hits + 1) / (people + 2), people + 2) for hits, people in (low, high)]
    se = float(np.sqrt(sum(p * (1 - p) / people for p, people in adjusted)))
    return Estimate(value, se, max(value - down, -1.0), min(value + up, 1.0))


def analyse_options(found: Tally, item: int, options: int, key: int = 0, needed: Needed = DEFAULTS) -> list[OptionAnalysis]:
    """Every option of one item of a tally of bit masks, and last the blank.

    ``item``: its column. ``options``: how many there are, ids 1 to ``options``. ``key``: bit mask of the right ones. Raises
    ValueError when an answer names an option that does not exist.
    """
    one = found.items[item]
    if len(one.answers) and int(one.answers.max()) >= 1 << options:
        raise ValueError("a mask names an option that does not exist")
    few = found.n < needed.groups
    group = ability_groups(found.people, ABILITY_GROUPS)
    sizes = np.bincount(group, weights=found.people, minlength=ABILITY_GROUPS).astype(np.int64)
    analysed = []
    for option in [*range(1, options + 1), 0]:
        picked = (one.answers & (1 << (option - 1))) != 0 if option else one.answers == 0
        by_total = one.counts[:, picked].sum(axis=1)
        in_group = np.bincount(group, weights=by_total, minlength=ABILITY_GROUPS).astype(np.int64)
        chosen = int(by_total.sum())
        analysed.append(
            OptionAnalysis(
                option=option,
                in_key=bool(option and key >> (option - 1) & 1),
                chosen=chosen,
                share=share(chosen, found.n) if found.n else TooFew(0, 1),
                by_group=TooFew(found.n, needed.groups)
                if few
                else tuple((int(some), int(size)) for some, size in zip(in_group, sizes, strict=True)),
                with_rest=_with_rest(found, one, picked.astype(np.float64), needed),
            )
        )
    return analysed


def miskeyed(options: list[OptionAnalysis]) -> list[int]:
    """The options that the strong prefer where they hardly choose the key: the key may be wrong. Empty: nothing speaks for it.

    Rule, for an item with one right option: the key's correlation with the rest is below 0.10, and another option's whole 95 %
    interval lies above 0 and its correlation above the key's. A person looks at the item; nothing changes by itself.
    """
    keys = [option for option in options if option.in_key]
    if len(keys) != 1 or not isinstance(keys[0].with_rest, Estimate) or keys[0].with_rest.value >= LOW_CORRELATION:
        return []
    key = keys[0].with_rest.value
    return [
        rival.option
        for rival in options
        if rival.option
        and not rival.in_key
        and isinstance(rival.with_rest, Estimate)
        and rival.with_rest.low > 0
        and rival.with_rest.value > key
    ]
