"""Marginal maximum likelihood of the Rasch and two-parameter logistic models: the machinery under `irt`.

P(right | θ) = 1 / (1 + exp(-(a θ + d))), θ normal with mean 0 and standard deviation 1 (Bock and Aitkin 1981, Psychometrika
46, 443-459). What makes it fast: given the slopes, a person's answers enter the likelihood through one number only, the
weighted score s = Σ a u (Birnbaum 1968), since Σ u (a θ + d) = θ s + constant. So the E-step needs no people × items × points
product: the posterior is exp(s θ - A(θ)) normalised, and the M-step needs only Σ u and Σ u E(θ).

- The M-step also estimates the mean and spread of θ and puts them back into the items at once (parameter expansion: Liu, Rubin
  and Wu 1998, Biometrika 85, 755-770); without it a long test takes hundreds of steps to find its scale.
- The information is Louis's (1982, JRSS B 44, 226-233): complete information less the posterior covariance of the complete
  scores. What depends on s alone is summed over up to 2,000 groups of people with nearly the same s. Newton steps finish the job.
- Points are equally spaced, not Gauss-Hermite: for a smooth integrand the sum converges just as fast and can be made as fine as
  a long test's narrow posteriors need (Trefethen and Weideman 2014, SIAM Review 56, 385-458).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from itembank.statistics.values import Floats, Ints

Real = npt.NDArray[np.floating[Any]]

REACH: Final = 6.0  # points from -6 to 6 standard deviations
BLOCK: Final = 4096  # people at a time: a block of posteriors stays in the cache
GROUPS: Final = 2000
SLOPE_BOUND: Final = 8.0
INTERCEPT_BOUND: Final = 16.0


@dataclass(frozen=True, slots=True)
class Answers:
    """Right and wrong. ``right``: patterns × items, 0 or 1; ``weight``: how many people gave each pattern; ``n`` people."""

    right: Real
    weight: Floats
    n: int
    hits: Floats


@dataclass(frozen=True, slots=True)
class Points:
    """``x`` (Q,): abilities; ``log_weight`` (Q,): logarithm of the normal density there, made to sum to 1."""

    x: Floats
    log_weight: Floats


@dataclass(frozen=True, slots=True)
class Expected:
    """Of an E-step. ``people`` (Q,): expected people at each point; ``right_x`` (k,): Σ u E(θ); ``loglik``."""

    people: Floats
    right_x: Floats
    loglik: float


def answers(right: npt.NDArray[np.uint8]) -> Answers:
    """People × items of 0 and 1, made ready: same patterns of a short test together, single precision for a large one."""
    n, k = right.shape
    if k <= 16:
        codes, first, counts = np.unique(right @ (1 << np.arange(k, dtype=np.int64)), return_index=True, return_counts=True)
        if 2 * len(codes) <= n:
            patterns = right[first].astype(np.float64)
            return Answers(patterns, counts.astype(np.float64), n, counts @ patterns)
    kind = np.float32 if n * k > 500_000 else np.float64
    hits = right.sum(axis=0, dtype=np.int64).astype(np.float64)
    return Answers(right.astype(kind), np.ones(n), n, hits)


def points(slopes: Floats) -> Points:
    """Points close enough for the narrowest posterior these slopes can give: 1.2 of its standard deviations, at least 61."""
    narrow = 1.0 / np.sqrt(1.0 + 0.25 * float(slopes @ slopes))
    count = int(np.clip(np.ceil(2 * REACH / (1.2 * narrow)), 60, 240)) + 1
    x = np.linspace(-REACH, REACH, count)
    log_weight = -x * x / 2
    return Points(x, log_weight - np.log(np.exp(log_weight).sum()))


def logistic(slopes: Floats, intercepts: Floats, x: Floats) -> Floats:
    """(k, Q) probabilities of a right answer at each point."""
    return np.asarray(1.0 / (1.0 + np.exp(-(slopes[:, None] * x + intercepts[:, None]))))


def posteriors(
    scores: Real, grid: Points, slopes: Floats, intercepts: Floats
) -> Iterator[tuple[slice, Real, npt.NDArray[np.float64]]]:
    """Blocks of weighted scores ``scores`` (m,): which of them, (Q, rows) posterior weights that sum to 1 over Q, and (rows,) the
    log-likelihood of each but for Σ u d."""
    z = slopes[:, None] * grid.x + intercepts[:, None]
    kind = scores.dtype
    x, fall = grid.x.astype(kind)[:, None], (grid.log_weight - np.logaddexp(0.0, z).sum(axis=0)).astype(kind)[:, None]
    for start in range(0, len(scores), BLOCK):
        rows = slice(start, start + BLOCK)
        density = x * scores[rows]
        density += fall
        top = density.max(axis=0)
        density -= top
        np.exp(density, out=density)
        total = density.sum(axis=0)
        density /= total
        yield rows, density, (top + np.log(total)).astype(np.float64)


def weighted_scores(data: Answers, slopes: Floats) -> Real:
    """(patterns,) s = Σ a u."""
    return data.right @ slopes.astype(data.right.dtype)


def expect(data: Answers, grid: Points, slopes: Floats, intercepts: Floats) -> Expected:
    """E-step."""
    people, right_x, loglik = np.zeros(len(grid.x)), np.zeros(len(slopes)), float(data.hits @ intercepts)
    scores = weighted_scores(data, slopes)
    x = grid.x.astype(scores.dtype)
    for rows, density, likelihood in posteriors(scores, grid, slopes, intercepts):
        weight = data.weight[rows]
        people += density @ weight.astype(density.dtype)
        right_x += (weight * (x @ density)).astype(density.dtype) @ data.right[rows]
        loglik += float(weight @ likelihood)
    return Expected(people, right_x, loglik)


def gradient(data: Answers, grid: Points, slopes: Floats, intercepts: Floats, found: Expected) -> Floats:
    """(2k,) of the marginal log-likelihood, intercepts first (Fisher's identity)."""
    p = logistic(slopes, intercepts, grid.x)
    return np.concatenate([data.hits - p @ found.people, found.right_x - p @ (found.people * grid.x)])


def maximise(data: Answers, grid: Points, slopes: Floats, intercepts: Floats, found: Expected, free: bool) -> None:
    """M-step in place: two Newton steps per item on the expected log-likelihood; ``free``: slopes too, else intercepts only."""
    for _ in range(2):
        p = logistic(slopes, intercepts, grid.x)
        pq = p * (1 - p) * found.people
        i00, i01, i11 = pq.sum(axis=1), pq @ grid.x, pq @ (grid.x**2)
        g0 = data.hits - p @ found.people
        g1 = found.right_x - p @ (found.people * grid.x)
        if free:
            det = np.maximum(i00 * i11 - i01**2, 1e-9 * i00 * i11 + 1e-12)
            slopes += np.clip((i00 * g1 - i01 * g0) / det, -0.7, 0.7)
            intercepts += np.clip((i11 * g0 - i01 * g1) / det, -1.5, 1.5)
        else:
            intercepts += np.clip(g0 / np.maximum(i00, 1e-12), -1.5, 1.5)
        np.clip(slopes, -SLOPE_BOUND, SLOPE_BOUND, out=slopes)
        np.clip(intercepts, -INTERCEPT_BOUND, INTERCEPT_BOUND, out=intercepts)


def information(data: Answers, grid: Points, slopes: Floats, intercepts: Floats) -> Floats:
    """(2k, 2k) observed information, intercepts first."""
    k, x, p = len(slopes), grid.x, logistic(slopes, intercepts, grid.x)
    scores = weighted_scores(data, slopes)
    near = _neighbours(data, scores)
    moments = np.concatenate([p, x * p, x * x * p, x[None, :], (x * x)[None, :]])
    people, lost, variance = np.zeros(len(x)), np.zeros((2 * k, 2 * k)), np.zeros(len(near.weight))
    for rows, density, _ in posteriors(near.score, grid, slopes, intercepts):
        people += density @ near.weight[rows]
        means: Floats = np.asarray(moments @ density, dtype=np.float64)
        lost += _posterior_covariance(near.right[:, rows], means, near.weight[rows])
        variance[rows] = means[-1] - means[-2] ** 2
    lost[k:, k:] += _squares(data, variance[near.group])
    pq = p * (1 - p) * people
    full, diagonal = np.zeros((2 * k, 2 * k)), np.arange(k)
    full[diagonal, diagonal] = pq.sum(axis=1)
    full[diagonal, diagonal + k] = full[diagonal + k, diagonal] = pq @ x
    full[diagonal + k, diagonal + k] = pq @ (x * x)
    both = np.concatenate([p, p * x])
    return np.asarray(full - lost - (both * people) @ both.T)


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """Groups of people with nearly the same weighted score. ``score`` (G,); ``weight`` (G,) people; ``right`` (k, G) their right
    answers; ``group`` (patterns,) where each pattern went."""

    score: Floats
    weight: Floats
    right: Floats
    group: Ints


def _neighbours(data: Answers, scores: Real) -> _Neighbours:
    m = len(scores)
    order = np.argsort(scores, kind="stable")
    starts = np.unique(np.linspace(0, m, min(m, GROUPS), endpoint=False).astype(np.int64))
    group = np.empty(m, dtype=np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=m))
    weight = np.asarray(np.bincount(group, weights=data.weight), dtype=np.float64)
    score: Floats = np.bincount(group, weights=data.weight * scores) / weight
    sums = np.add.reduceat(data.right[order] * data.weight[order, None].astype(data.right.dtype), starts, axis=0)
    return _Neighbours(score, weight, sums.T.astype(np.float64), group)


def _posterior_covariance(right: Floats, means: Floats, weight: Floats) -> Floats:
    """(2k, 2k) sum over people of the posterior covariance of (u - P, x (u - P)), but for E(P Pᵀ) and its like and u uᵀ Var(x).

    ``right`` (k, G); ``means`` (3k + 2, G): posterior means of P, x P, x² P, x, x²; ``weight`` (G,).
    """
    k = len(right)
    p, xp, xxp, x = means[:k], means[k : 2 * k], means[2 * k : 3 * k], means[3 * k]
    second = np.concatenate([p, xp])
    covariance = -(second * weight) @ second.T
    cross = np.concatenate([xp - x * p, xxp - x * xp]) @ right.T  # Cov(x, P), Cov(x, x P)
    covariance[:, k:] -= cross
    covariance[k:, :] -= cross.T
    return np.asarray(covariance)


def _squares(data: Answers, variance: Floats) -> Floats:
    """(k, k) Σ u uᵀ Var(x) over people."""
    weight = np.sqrt(variance * data.weight).astype(data.right.dtype)
    total = np.zeros((data.right.shape[1], data.right.shape[1]))
    for start in range(0, len(weight), BLOCK):
        part = data.right[start : start + BLOCK] * weight[start : start + BLOCK, None]
        total += part.T @ part
    return total


def inverse(matrix: Floats) -> Floats | None:
    """Of a symmetric matrix; None unless it is positive definite."""
    try:
        root = np.linalg.inv(np.linalg.cholesky((matrix + matrix.T) / 2))
    except np.linalg.LinAlgError:
        return None
    inverse: Floats = root.T @ root
    return inverse if np.isfinite(inverse).all() else None
