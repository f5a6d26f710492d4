"""Item response theory: the Rasch and two-parameter logistic models, and what a person's ability is under them.

Fitted by marginal maximum likelihood (`marginal`), with standard errors from the observed information. Items that everyone got
right, or everyone wrong, have no parameters and take no part; nor do items whose slope grows without end. There are no missing
answers: a blank is wrong.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from itembank.statistics import marginal
from itembank.statistics.marginal import INTERCEPT_BOUND, SLOPE_BOUND, Answers, Points, Real
from itembank.statistics.tally import whole_numbers
from itembank.statistics.values import (
    DEFAULTS,
    NORMAL_95,
    Bytes,
    Estimate,
    Floats,
    Measured,
    Needed,
    NoSpread,
    TooFew,
    Unsettled,
    around,
)

EM_STEPS: Final = 100
EM_TOLERANCE: Final = 2e-3  # Newton's steps take over from here
NEWTON_STEPS: Final = 20
NEWTON_TOLERANCE: Final = 1e-4
REFITS: Final = 4


@dataclass(frozen=True, slots=True)
class ItemParameters:
    """``slope`` a and ``intercept`` d of P = 1 / (1 + exp(-(a θ + d))); ``difficulty`` = -d / a, where a is clearly not 0."""

    slope: Measured
    intercept: Measured
    difficulty: Measured


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model. ``items``: one per column. ``used`` (k,): items with parameters, whose ``slopes`` and ``intercepts`` (k,)
    are numbers (0 elsewhere). ``loglik``: marginal log-likelihood; ``parameters``: how many were free; ``settled``: whether the
    maximum was found. θ has mean 0 and standard deviation 1 in the group."""

    n: int
    items: list[ItemParameters]
    used: npt.NDArray[np.bool_]
    slopes: Floats
    intercepts: Floats
    loglik: float
    parameters: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Abilities:
    """Expected a posteriori: ``theta`` and its standard error ``se``, (people,), in standard deviations of the group.
    ``reliability``: variance of theta over itself plus the mean error variance."""

    theta: Floats
    se: Floats
    reliability: float


def two_parameter(right: npt.ArrayLike, needed: Needed = DEFAULTS) -> Fit | TooFew | NoSpread:
    """2PL. ``right``: people × items, 1 right, 0 wrong or blank."""
    return _fit(_binary(right), None, free=True, least=needed.two_pl)


def rasch(right: npt.ArrayLike, slope: float | None = None, needed: Needed = DEFAULTS) -> Fit | TooFew | NoSpread:
    """Rasch. ``right``: people × items. ``slope``: the same for all items; None estimates it, which is the same as a fixed slope
    of 1 and a free standard deviation of θ."""
    return _fit(_binary(right), slope, free=False, least=needed.rasch)


def abilities(fit: Fit, right: npt.ArrayLike) -> Abilities:
    """Ability of each person by EAP (Bock and Mislevy 1982, Applied Psychological Measurement 6, 431-444)."""
    matrix = _binary(right)
    if matrix.shape[1] != len(fit.used):
        raise ValueError(f"the fit has {len(fit.used)} items, the answers {matrix.shape[1]}")
    chosen = np.ascontiguousarray(matrix[:, fit.used])
    n = len(chosen)
    kind = np.float32 if chosen.size > 500_000 else np.float64
    slopes, intercepts = fit.slopes[fit.used], fit.intercepts[fit.used]
    grid = marginal.points(slopes)
    theta, se = np.zeros(n), np.ones(n)
    basis: Real = np.stack([grid.x, grid.x**2]).astype(kind)
    scores: Real = (chosen @ slopes).astype(kind)
    for rows, density, _ in marginal.posteriors(scores, grid, slopes, intercepts):
        mean, square = np.asarray(basis @ density, dtype=np.float64)
        theta[rows], se[rows] = mean, np.sqrt(np.maximum(square - mean**2, 0.0))
    explained, error = (float(theta.var()), float((se**2).mean())) if n else (0.0, 1.0)
    return Abilities(theta, se, explained / (explained + error))


def _binary(right: npt.ArrayLike) -> Bytes:
    matrix = whole_numbers(right, "right")
    if matrix.size and (matrix.min() < 0 or matrix.max() > 1):
        raise ValueError("answers must be 0 or 1")
    return np.ascontiguousarray(matrix, dtype=np.uint8)


def _fit(matrix: Bytes, slope: float | None, *, free: bool, least: int) -> Fit | TooFew | NoSpread:
    n = len(matrix)
    if n < max(least, 3):
        return TooFew(n, max(least, 3))
    hits = matrix.sum(axis=0, dtype=np.int64)
    used = (hits > 0) & (hits < n)
    k = int(used.sum())
    if k == 0:
        return NoSpread(n)
    if k < 3 and slope is None:
        return TooFew(k, 3)
    search = _settle(matrix, used, slope, free=free)
    slopes, intercepts = np.zeros(len(used)), np.zeros(len(used))
    slopes[used], intercepts[used] = search.slopes, search.intercepts
    described = iter(_describe(search, search.covariance() if search.settled else None, n, fixed=slope is not None))
    spread = (hits > 0) & (hits < n)
    items = [
        next(described) if one else _without(NoSpread(n) if not some else Unsettled(n))
        for one, some in zip(used, spread, strict=True)
    ]
    return Fit(n, items, used, slopes, intercepts, search.loglik, search.design.shape[1], search.settled)


def _without(reason: NoSpread | Unsettled) -> ItemParameters:
    return ItemParameters(reason, reason, reason)


def _settle(matrix: Bytes, used: npt.NDArray[np.bool_], slope: float | None, *, free: bool) -> "_Search":
    """Fit; items that run off without end (their answers split people perfectly) are left out of ``used`` and the rest fitted."""
    for refits_left in reversed(range(REFITS)):
        search = _Search(marginal.answers(np.ascontiguousarray(matrix[:, used])), free, slope)
        if search.run():
            break
        keep = ~search.running_off()
        if not refits_left or keep.all() or keep.sum() < 3:
            break
        used[np.flatnonzero(used)[~keep]] = False
    return search


class _Search:
    """The climb to the maximum. The design matrix turns the model's free parameters into (intercepts, slopes)."""

    def __init__(self, data: Answers, free: bool, slope: float | None) -> None:
        k = data.right.shape[1]
        self.data, self.free, self.fixed = data, free, slope is not None
        self.slopes, self.intercepts = _start(data, free, slope)
        self.design = _design(k, free, self.fixed)
        self.grid: Points = marginal.points(self.slopes)
        self.inverse: Floats | None = None
        self.last = np.zeros(2 * k)
        self.settled = False
        self.loglik = -np.inf

    def run(self) -> bool:
        """Whether it arrived."""
        for step in range(EM_STEPS):
            if step in {3, 10, 40}:
                self.grid = marginal.points(self.slopes)
            if self._em() < EM_TOLERANCE:
                break
        self.grid = marginal.points(self.slopes)
        self.settled = self._newton()
        return self.settled

    def running_off(self) -> npt.NDArray[np.bool_]:
        """(k,) the items that will not settle: near a bound, or still moving."""
        k = len(self.slopes)
        moving = np.abs(self.last).reshape(2, k).max(axis=0)
        at_bound = (np.abs(self.slopes) > 0.6 * SLOPE_BOUND) | (np.abs(self.intercepts) > 0.7 * INTERCEPT_BOUND)
        if self.free and not at_bound.any():
            at_bound = (moving > 0) & (moving >= 0.5 * moving.max())
        return at_bound if self.free else np.zeros(k, dtype=np.bool_)

    def _em(self) -> float:
        before = np.concatenate([self.intercepts, self.slopes])
        found = marginal.expect(self.data, self.grid, self.slopes, self.intercepts)
        marginal.maximise(self.data, self.grid, self.slopes, self.intercepts, found, self.free)
        mean = float(found.people @ self.grid.x) / self.data.n
        variance = float(found.people @ self.grid.x**2) / self.data.n - mean**2
        spread = float(np.sqrt(max(variance, 1e-6)))
        self.intercepts += self.slopes * mean
        if not self.fixed:
            self.slopes *= spread
        return float(np.abs(np.concatenate([self.intercepts, self.slopes]) - before).max())

    def _newton(self) -> bool:
        found = marginal.expect(self.data, self.grid, self.slopes, self.intercepts)
        for _ in range(NEWTON_STEPS):
            self.loglik = found.loglik
            slope = self.design.T @ marginal.gradient(self.data, self.grid, self.slopes, self.intercepts, found)
            self.inverse = marginal.inverse(self.design.T @ self._information() @ self.design)
            if self.inverse is None:
                self._em()
                found = marginal.expect(self.data, self.grid, self.slopes, self.intercepts)
                continue
            step = self.design @ (self.inverse @ slope)
            size, self.last = float(np.abs(step).max()), step
            found = self._climb(step / max(1.0, size), found.loglik)
            if size < NEWTON_TOLERANCE:
                self.loglik = found.loglik
                return True
        return False

    def _information(self) -> Floats:
        return marginal.information(self.data, self.grid, self.slopes, self.intercepts)

    def _climb(self, step: Floats, floor: float) -> marginal.Expected:
        """Go along the step, half as far while the likelihood would fall; rounding does not count as falling."""
        k = len(self.slopes)
        slack = 1e-6 * (1 + abs(floor)) if self.data.right.dtype == np.float32 else 1e-9 * (1 + abs(floor))
        intercepts, slopes = self.intercepts, self.slopes
        for _ in range(8):
            self.intercepts = np.clip(intercepts + step[:k], -INTERCEPT_BOUND, INTERCEPT_BOUND)
            self.slopes = np.clip(slopes + step[k:], -SLOPE_BOUND, SLOPE_BOUND)
            found = marginal.expect(self.data, self.grid, self.slopes, self.intercepts)
            if found.loglik >= floor - slack:
                break
            step = step / 2
        return found

    def covariance(self) -> Floats | None:
        """(2k, 2k) of intercepts and slopes, from the information at the last step."""
        return None if self.inverse is None else self.design @ self.inverse @ self.design.T


def _start(data: Answers, free: bool, slope: float | None) -> tuple[Floats, Floats]:
    """From item-rest correlations, as if normal: a = 1.7 r / sqrt(1 - r²)."""
    k = data.right.shape[1]
    share = (data.hits + 0.5) / (data.n + 1)
    if slope is not None:
        slopes = np.full(k, float(slope))
    elif not free:
        slopes = np.ones(k)
    else:
        total = data.right.sum(axis=1).astype(np.float64)
        total -= data.weight @ total / data.n
        both = (data.weight * total).astype(data.right.dtype) @ data.right
        variance = data.n * share * (1 - share)
        rest = np.maximum(data.weight @ total**2 - 2 * both + variance, 1e-9)
        r = np.clip(1.25 * (both - variance) / np.sqrt(variance * rest), -0.6, 0.8)
        slopes = np.clip(1.7 * r / np.sqrt(1 - r * r), -1.0, 2.5).astype(np.float64)
        slopes[np.abs(slopes) < 0.1] = 0.1
    return slopes, np.log(share / (1 - share)) * np.sqrt(1 + slopes**2 / 2.9)


def _design(k: int, free: bool, fixed: bool) -> Floats:
    if free:
        return np.eye(2 * k)
    design = np.zeros((2 * k, k + (not fixed)))
    design[:k, :k] = np.eye(k)
    if not fixed:
        design[k:, k] = 1.0
    return design


def _describe(search: _Search, covariance: Floats | None, n: int, *, fixed: bool) -> list[ItemParameters]:
    k = len(search.slopes)
    items = []
    for j, (a, d) in enumerate(zip(search.slopes.tolist(), search.intercepts.tolist(), strict=True)):
        if covariance is None or abs(a) > 0.98 * SLOPE_BOUND or abs(d) > 0.98 * INTERCEPT_BOUND:
            items.append(ItemParameters(Unsettled(n), Unsettled(n), Unsettled(n)))
            continue
        v_d, v_a, both = covariance[j, j], covariance[k + j, k + j], covariance[j, k + j]
        slope = Estimate(a, 0.0, a, a) if fixed else around(a, float(np.sqrt(v_a)))
        items.append(ItemParameters(slope, around(d, float(np.sqrt(v_d))), _difficulty(a, d, v_d, v_a, both, n)))
    return items


def _difficulty(a: float, d: float, v_d: float, v_a: float, both: float, n: int) -> Measured:
    """-d / a with its error by the delta method; unsettled where the slope's own interval holds 0."""
    if abs(a) <= NORMAL_95 * np.sqrt(v_a):
        return Unsettled(n)
    b = -d / a
    return around(b, float(np.sqrt(max(v_d + 2 * b * both + b * b * v_a, 0.0))) / abs(a))
