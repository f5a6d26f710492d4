"""Equating forms without common items: random groups, made so by the spiral of forms over the seats.

The score on form Y that means the same as each score on form X. Kolen and Brennan, *Test Equating, Scaling, and Linking* (3rd
ed. 2014), chapters 2, 3 and 7. Scores are whole numbers from 0; a score is spread evenly from half a point below to half above.

At the ends: where nobody on form X had a score or a lower one, the equipercentile method knows nothing (the percentile rank is 0
and any score that nobody on Y had would do). Such a score is `TooFew(0, 1)`, not the -0.5 that the formula's lower branch gives;
the same above the highest score. `conversion` makes a whole table of it: from the ends it goes by the slope 1 next to the
nearest known score, and stays within the scale of Y. Smoothed frequencies are never 0, so that every score has a value.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itembank.statistics.smoothing import Smoothed, score_counts, smooth
from itembank.statistics.tally import whole_numbers
from itembank.statistics.values import DEFAULTS, Estimate, Floats, Measured, Needed, NoSpread, TooFew, Unsettled, around


@dataclass(frozen=True, slots=True)
class Equating:
    """Equivalents on form Y of each score 0 to K of form X, by four methods, each (K + 1,) figures in points of Y."""

    mean: list[Measured]
    linear: list[Measured]
    equipercentile: list[Measured]
    smoothed: list[Measured]
    degree_x: int | None
    degree_y: int | None


def frequencies(totals: npt.ArrayLike, highest: int) -> npt.NDArray[np.int64]:
    """(highest + 1,) how many people had each score, from (people,) whole totals within 0 and ``highest``."""
    scores = whole_numbers(totals, "totals", 1)
    if len(scores) and (scores.min() < 0 or scores.max() > highest):
        raise ValueError(f"totals must lie within 0 and {highest}")
    return np.bincount(scores.astype(np.int64), minlength=highest + 1)


def equate(x: npt.ArrayLike, y: npt.ArrayLike, degree: int | None = None, needed: Needed = DEFAULTS) -> Equating:
    """All methods. ``x``, ``y``: (K + 1,) people with each score on either form. ``degree``: of the smoothing; None: by AIC."""
    fx, fy = score_counts(x), score_counts(y)
    smaller = int(min(fx.sum(), fy.sum()))
    plain = even = _all(fx, TooFew(smaller, max(needed.equipercentile, 2)))
    sx = sy = None
    if smaller >= max(needed.equipercentile, 2):
        plain, sx, sy = equipercentile(fx, fy), smooth(fx, degree), smooth(fy, degree)
        even = equipercentile_smoothed(sx, sy) if sx and sy else _all(fx, NoSpread(smaller))
    degrees = (sx.degree if sx else None, sy.degree if sy else None)
    return Equating(mean(fx, fy, needed), linear(fx, fy, needed), plain, even, *degrees)


def mean(x: npt.ArrayLike, y: npt.ArrayLike, needed: Needed = DEFAULTS) -> list[Measured]:
    """x - mean(X) + mean(Y)."""
    fx, fy = score_counts(x), score_counts(y)
    if min(fx.sum(), fy.sum()) < max(needed.equating, 2):
        return _all(fx, TooFew(int(min(fx.sum(), fy.sum())), max(needed.equating, 2)))
    a, b = _moments(fx), _moments(fy)
    se = float(np.sqrt(a.variance / a.n + b.variance / b.n))
    return [around(score - a.mean + b.mean, se) for score in range(len(fx))]


def linear(x: npt.ArrayLike, y: npt.ArrayLike, needed: Needed = DEFAULTS) -> list[Measured]:
    """Equal standard scores. Error by the delta method, without normality: Braun and Holland (1982) in *Test Equating*."""
    fx, fy = score_counts(x), score_counts(y)
    smaller = int(min(fx.sum(), fy.sum()))
    if smaller < max(needed.equating, 2):
        return _all(fx, TooFew(smaller, max(needed.equating, 2)))
    a, b = _moments(fx), _moments(fy)
    if a.variance <= 0 or b.variance <= 0:
        return _all(fx, NoSpread(smaller))
    slope = float(np.sqrt(b.variance / a.variance))
    found: list[Measured] = []
    for score in range(len(fx)):
        z = (score - a.mean) / np.sqrt(a.variance)
        error = sum((1 + m.skew * z + (m.kurtosis - 1) / 4 * z * z) / m.n for m in (a, b))
        found.append(around(b.mean + slope * (score - a.mean), float(np.sqrt(b.variance * max(error, 0.0)))))
    return found


def difference(x: npt.ArrayLike, y: npt.ArrayLike, needed: Needed = DEFAULTS) -> Measured:
    """mean(X) - mean(Y) of random groups, from (people,) totals: Welch (1947), Biometrika 34, 28-35. Fit for small groups."""
    a, b = (whole_numbers(totals, name, 1).astype(np.float64) for totals, name in ((x, "x"), (y, "y")))
    least = max(needed.difference, 2)
    if min(len(a), len(b)) < least:
        return TooFew(min(len(a), len(b)), least)
    of_a, of_b = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    if of_a + of_b <= 0:
        return NoSpread(min(len(a), len(b)))
    df = (of_a + of_b) ** 2 / (of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1))
    return around(float(a.mean() - b.mean()), float(np.sqrt(of_a + of_b)), df=df)


def equipercentile(x: npt.ArrayLike, y: npt.ArrayLike) -> list[Measured]:
    """Equal percentile ranks. Standard error: Lord (1982), Journal of Educational Statistics 7, 165-174."""
    fx, fy = score_counts(x), score_counts(y)
    nx, ny = float(fx.sum()), float(fy.sum())
    if min(nx, ny) < 1:
        return _all(fx, TooFew(0, 1))
    f, g = fx / nx, fy / ny
    ranks = np.cumsum(f) - f / 2
    below, found = np.cumsum(g) - g, list[Measured]()
    for rank, lower in zip(ranks.tolist(), (np.cumsum(fx) > 0).tolist(), strict=True):
        if not lower or rank >= 1.0 - 1e-12:
            found.append(TooFew(0, 1))
            continue
        at = _place(rank, g)
        part = (rank - below[at]) / g[at]
        error = rank * (1 - rank) * (1 / nx + 1 / ny) - part * (1 - part) * g[at] / ny
        found.append(around(at - 0.5 + part, float(np.sqrt(max(error, 0.0)) / g[at])))
    return found


def equipercentile_smoothed(x: Smoothed, y: Smoothed) -> list[Measured]:
    """Equal percentile ranks of smoothed frequencies. Standard error by the delta method from both covariances (Holland and
    Thayer 1989, ETS Research Report 89-7)."""
    f, g = x.probabilities, y.probabilities
    ranks, below = np.cumsum(f) - f / 2, np.cumsum(g) - g
    found: list[Measured] = []
    for score, rank in enumerate(ranks.tolist()):
        at = _place(rank, g)
        part = (rank - below[at]) / g[at]
        of_rank = np.zeros(len(f))
        of_rank[:score], of_rank[score] = 1.0, 0.5
        of_g = np.zeros(len(g))
        of_g[:at], of_g[at] = 1.0, part
        error = float(of_rank @ x.covariance @ of_rank + of_g @ y.covariance @ of_g)
        found.append(around(at - 0.5 + part, float(np.sqrt(max(error, 0.0)) / g[at])))
    return found


def conversion(equivalents: list[Measured], highest: int) -> list[float]:
    """A whole table, for those who must report one: every score of X to a score within 0 and ``highest`` on Y, never falling.

    Unknown ends continue with slope 1 from the nearest known score. Raises ValueError where no score is known.
    """
    known = {score: one.value for score, one in enumerate(equivalents) if isinstance(one, Estimate)}
    if not known:
        raise ValueError("no score has an equivalent")
    nearest = [min(known, key=lambda at, score=score: abs(at - score)) for score in range(len(equivalents))]  # type: ignore[misc]
    table = [known[at] + score - at for score, at in enumerate(nearest)]
    return [float(score) for score in np.maximum.accumulate(np.clip(table, 0.0, float(highest)))]


@dataclass(frozen=True, slots=True)
class _Moments:
    n: float
    mean: float
    variance: float
    skew: float
    kurtosis: float


def _moments(counts: Floats) -> _Moments:
    n, scores = float(counts.sum()), np.arange(len(counts))
    average = float(counts @ scores) / n
    away = scores - average
    squares = float(counts @ away**2)
    if squares <= 0:
        return _Moments(n, average, 0.0, 0.0, 1.0)
    sd = np.sqrt(squares / n)
    return _Moments(n, average, squares / (n - 1), float(counts @ (away / sd) ** 3) / n, float(counts @ (away / sd) ** 4) / n)


def _all(counts: Floats, one: TooFew | NoSpread | Unsettled) -> list[Measured]:
    return [one] * len(counts)


def _place(rank: float, g: Floats) -> int:
    """The smallest score of Y with more than ``rank`` at or below it, and somebody on it."""
    upto = np.cumsum(g)
    at = int(np.searchsorted(upto, rank * (1 + 1e-14), side="right"))
    at = min(at, int(np.flatnonzero(g > 0)[-1]))
    return at if g[at] > 0 else at + int(np.flatnonzero(g[at:] > 0)[0])
