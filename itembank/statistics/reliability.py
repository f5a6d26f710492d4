"""Reliability of a form: alpha, standard error of measurement, split halves, and whether a second form would decide alike.

Standard errors are of a jackknife over groups of people (Tukey 1958; Miller 1974, Biometrika 61, 1-15): people fall into at most
50 groups by a fixed shuffle, each figure is computed again without each group. It assumes no distribution of the marks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc

from itembank.statistics.tally import Numbers, total_of, whole_numbers
from itembank.statistics.values import (
    DEFAULTS,
    Estimate,
    Floats,
    Measured,
    Needed,
    NoSpread,
    TooFew,
    Unsettled,
    around,
    positive,
)

FOLDS: Final = 50


@dataclass(frozen=True, slots=True)
class Reliability:
    """One form, in marks.

    ``alpha``: Cronbach's, which is KR-20 where every item is right or wrong. ``sem``: standard error of measurement.
    ``split_half``: odd against even items, stepped up by Spearman and Brown. ``agreement``: probability that a second such form
    decides pass or fail alike; ``kappa``: the same beyond chance. The last two are None without a pass mark.
    """

    n: int
    items: int
    mean: Measured
    sd: Measured
    alpha: Measured
    sem: Measured
    split_half: Measured
    agreement: Measured | None
    kappa: Measured | None


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of some people: how many, per item the sum of marks, of squares and of products with the total, how many had each total,
    and of odd items' totals the sum, the sum of squares and of products with the total."""

    n: float
    item: Floats
    square: Floats
    cross: Floats
    people: Floats
    odd: Floats

    def without(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.n - other.n,
            self.item - other.item,
            self.square - other.square,
            self.cross - other.cross,
            self.people - other.people,
            self.odd - other.odd,
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """What the figures need besides sums: the different totals (S,), the full marks and the pass mark."""

    totals: Floats
    full: float
    pass_mark: float | None


def reliability(scores: npt.ArrayLike, full: float, pass_mark: float | None = None, needed: Needed = DEFAULTS) -> Reliability:
    """Figures of a form as a whole.

    ``scores``: people × items, marks as whole numbers, 0 for blank. ``full``: full marks of the form. ``pass_mark``: the total
    that just passes, in marks.
    """
    matrix = whole_numbers(scores, "scores")
    if full <= 0:
        raise ValueError("full marks must be positive")
    n, k = matrix.shape
    totals = total_of(matrix)
    distinct, place = np.unique(totals, return_inverse=True)
    form = _Form(distinct.astype(np.float64), float(full), pass_mark)
    folds = _folds(matrix, totals, place, len(distinct))
    whole = _added(folds, k, len(distinct))
    parts = [whole.without(fold) for fold in folds]

    def measure(figure: Callable[[_Sums, _Form], float | None], least: int, wrap: str) -> Measured:
        if n < least:
            return TooFew(n, least)
        if len(distinct) < 2:
            return NoSpread(n)
        return _jackknife(figure(whole, form), [figure(part, form) for part in parts], wrap, n)

    few_items = TooFew(k, 2) if k < 2 and n >= needed.reliability else None
    correlation = max(needed.reliability, 4)
    decided = pass_mark is not None
    return Reliability(
        n=n,
        items=k,
        mean=_mean(whole, form, n),
        sd=measure(_sd, max(needed.spread, 3), "positive"),
        alpha=few_items or measure(_alpha, correlation, "coefficient"),
        sem=few_items or measure(_sem, correlation, "positive"),
        split_half=few_items or measure(_split_half, correlation, "coefficient"),
        agreement=(few_items or measure(_agreement, correlation, "share")) if decided else None,
        kappa=(few_items or measure(_kappa, correlation, "coefficient")) if decided else None,
    )


def alphas_without(scores: npt.ArrayLike, needed: Needed = DEFAULTS) -> list[Measured]:
    """Alpha of the form without each of its items, in order. ``scores``: people × items, marks as whole numbers."""
    matrix = whole_numbers(scores, "scores")
    n, k = matrix.shape
    least = max(needed.reliability, 4)
    if n < least or k < 3:
        return [TooFew(n, least) if n < least else TooFew(k - 1, 2)] * k
    totals = total_of(matrix)
    distinct, place = np.unique(totals, return_inverse=True)
    folds = _folds(matrix, totals, place, len(distinct))
    whole = _added(folds, k, len(distinct))
    of_whole = _each_without(whole, distinct)
    of_parts = [_each_without(whole.without(fold), distinct) for fold in folds]
    return [
        NoSpread(n) if value is None else _jackknife(value, [part[item] for part in of_parts], "coefficient", n)
        for item, value in enumerate(of_whole)
    ]


def _each_without(sums: _Sums, totals: npt.NDArray[np.int64]) -> list[float | None]:
    """Alpha without each item; None where nothing varies in the rest."""
    kept = len(sums.item) - 1
    squares = np.maximum(sums.square - sums.item**2 / sums.n, 0.0)
    total = float(sums.people @ totals)
    all_squares = float(sums.people @ totals.astype(np.float64) ** 2) - total**2 / sums.n
    rest = all_squares + squares - 2 * (sums.cross - sums.item * total / sums.n)
    others = squares.sum() - squares
    return [
        None if left <= 1e-6 else kept / (kept - 1) * (1 - mine / left)
        for left, mine in zip(rest.tolist(), others.tolist(), strict=True)
    ]


def _folds(matrix: Numbers, totals: npt.NDArray[np.int64], place: npt.NDArray[np.int64], levels: int) -> list[_Sums]:
    n = len(matrix)
    shuffled = np.random.default_rng(20231).permutation(n)
    folds = []
    for rows in np.array_split(shuffled, min(FOLDS, n)) if n else []:
        marks = matrix[np.sort(rows)].astype(np.float64)
        odd = marks[:, ::2].sum(axis=1)
        folds.append(
            _Sums(
                float(len(rows)),
                marks.sum(axis=0),
                np.einsum("ij,ij->j", marks, marks),
                marks.T @ marks.sum(axis=1),
                np.bincount(place[rows], minlength=levels).astype(np.float64),
                np.array([odd.sum(), odd @ odd, odd @ marks.sum(axis=1)]),
            )
        )
    return folds


def _added(folds: list[_Sums], k: int, levels: int) -> _Sums:
    whole = _Sums(0.0, np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(levels), np.zeros(3))
    for fold in folds:
        whole = _Sums(
            whole.n + fold.n,
            whole.item + fold.item,
            whole.square + fold.square,
            whole.cross + fold.cross,
            whole.people + fold.people,
            whole.odd + fold.odd,
        )
    return whole


def _jackknife(value: float | None, parts: list[float | None], wrap: str, n: int) -> Measured:
    kept = np.array([part for part in parts if part is not None])
    if value is None or len(kept) < len(parts) or len(kept) < 2:
        return Unsettled(n)
    df = len(kept) - 1
    if wrap == "positive" and value > 0 and kept.min() > 0:
        return positive(value, value * _spread_of(np.log(kept)), df=df)
    if wrap == "coefficient" and value < 1 and kept.max() < 1:
        # 1 - alpha is a ratio of variances: its logarithm is nearer to normal (Feldt 1965, Psychometrika 30, 357-370).
        gap = positive(1 - value, (1 - value) * _spread_of(np.log(1 - kept)), df=df)
        return Estimate(value, gap.se, min(1 - gap.high, value), max(1 - gap.low, value))
    least, most = (0.0, 1.0) if wrap == "share" else (-np.inf, np.inf)
    return around(value, _spread_of(kept), df=df, least=least, most=most)


def _spread_of(kept: Floats) -> float:
    g = len(kept)
    return float(np.sqrt((g - 1) / g * ((kept - kept.mean()) ** 2).sum()))


def _mean(whole: _Sums, form: _Form, n: int) -> Measured:
    if n < 2:
        return TooFew(n, 2)
    mean, squares = _about_mean(whole, form)
    return around(mean, float(np.sqrt(squares / (n - 1) / n)), df=n - 1)


def _about_mean(sums: _Sums, form: _Form) -> tuple[float, float]:
    """Mean of the totals, and the sum of squares about it; 0 where it is rounding."""
    mean = float(sums.people @ form.totals) / sums.n
    squares = float(sums.people @ (form.totals - mean) ** 2)
    return mean, squares if squares > 1e-6 else 0.0


def _sd(sums: _Sums, form: _Form) -> float | None:
    return float(np.sqrt(_about_mean(sums, form)[1] / (sums.n - 1)))


def _alpha(sums: _Sums, form: _Form) -> float | None:
    """Cronbach (1951), Psychometrika 16, 297-334: k/(k-1) · (1 - sum of item variances / variance of the total)."""
    squares = _about_mean(sums, form)[1]
    k = len(sums.item)
    return None if squares == 0 else k / (k - 1) * (1 - float((sums.square - sums.item**2 / sums.n).sum()) / squares)


def _sem(sums: _Sums, form: _Form) -> float | None:
    alpha, sd = _alpha(sums, form), _sd(sums, form)
    return None if alpha is None or sd is None else sd * float(np.sqrt(max(1 - max(alpha, 0.0), 0.0)))


def _split_half(sums: _Sums, form: _Form) -> float | None:
    """Spearman and Brown (1910): 2r / (1 + r) of odd and even items, taken in the order of the form."""
    mean, total = _about_mean(sums, form)
    first, second, product = sums.odd
    odd = second - first**2 / sums.n
    both = product - first * mean
    even, between = total - 2 * both + odd, both - odd
    if odd <= 1e-6 or even <= 1e-6:
        return None
    r = between / np.sqrt(odd * even)
    return None if r <= -1 + 1e-9 else float(2 * r / (1 + r))


def _decisions(sums: _Sums, form: _Form) -> tuple[float, float] | None:
    """Agreement and kappa at the pass mark, after Subkoviak (1976), Journal of Educational Measurement 13, 265-276.

    A person's true share of the marks is the observed one drawn to the mean by alpha; marks on a form are binomial about it. The
    number of trials is the effective test length of Livingston and Lewis (1995), Journal of Educational Measurement 32, 179-197,
    so that items may carry different marks and need not be equally hard.
    """
    alpha = _alpha(sums, form)
    mean, squares = _about_mean(sums, form)
    if alpha is None or form.pass_mark is None or not 0 < mean < form.full:
        return None
    trust = min(max(alpha, 0.0), 0.99)
    variance = squares / (sums.n - 1)
    length = max(round((mean * (form.full - mean) - trust * variance) / (variance * (1 - trust))), 1)
    true = (trust * form.totals + (1 - trust) * mean) / form.full
    to_pass = int(np.ceil(form.pass_mark / form.full * length - 1e-9))
    passes = np.ones_like(true) if to_pass <= 0 else bdtrc(to_pass - 1, length, np.clip(true, 0.0, 1.0))
    if to_pass > length:
        passes = np.zeros_like(true)
    part = sums.people / sums.n
    agreement = float(part @ (passes**2 + (1 - passes) ** 2))
    chance = float(part @ passes) ** 2 + float(part @ (1 - passes)) ** 2
    return agreement, 1.0 if chance >= 1 - 1e-12 else (agreement - chance) / (1 - chance)


def _agreement(sums: _Sums, form: _Form) -> float | None:
    found = _decisions(sums, form)
    return None if found is None else found[0]


def _kappa(sums: _Sums, form: _Form) -> float | None:
    found = _decisions(sums, form)
    return None if found is None else found[1]
