"""Log-linear presmoothing of score frequencies, with the covariance that the smoothing leaves."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from itembank.statistics.values import Floats

DEGREES: Final = (2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Smoothed:
    """Log-linear model of score frequencies. ``probabilities`` (K + 1,); ``covariance`` (K + 1, K + 1) of them; ``degree``: how
    many moments it keeps; ``n`` people."""

    probabilities: Floats
    covariance: Floats
    degree: int
    n: int


def score_counts(counts: npt.ArrayLike) -> Floats:
    """(K + 1,) people with each score from 0. Raises ValueError unless whole, not negative, and of two scores at least."""
    array = np.asarray(counts, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all() or (array < 0).any() or (array != np.rint(array)).any():
        raise ValueError("counts must be people with each score from 0, at least two scores")
    return array


def smooth(counts: npt.ArrayLike, degree: int | None = None) -> Smoothed | None:
    """Log-linear presmoothing: log f is a polynomial of the score, the first ``degree`` moments are kept (Holland and Thayer
    1987, ETS Research Report 87-31). A ``degree`` of None tries 2 to 6 and keeps the
    least AIC. None where fewer than 3 scores occur, or the model does not settle."""
    observed = score_counts(counts)
    distinct = int((observed > 0).sum())
    if distinct < 3:
        return None
    best: tuple[float, Smoothed] | None = None
    for tried in DEGREES if degree is None else (degree,):
        if tried >= distinct:
            continue
        fitted, loglik = _loglinear(observed, tried)
        if fitted is not None and (best is None or 2 * tried - 2 * loglik < best[0]):
            best = 2 * tried - 2 * loglik, fitted
    return None if best is None else best[1]


def _loglinear(observed: Floats, degree: int) -> tuple[Smoothed | None, float]:
    """Newton on the multinomial likelihood, in orthonormal polynomials of the score."""
    n, scores = float(observed.sum()), np.linspace(-1.0, 1.0, len(observed))
    basis = np.linalg.qr(np.vander(scores, degree + 1, increasing=True))[0][:, 1:]
    start = (observed + 0.5) / (observed + 0.5).sum()
    beta = np.linalg.lstsq(
        np.column_stack([np.ones(len(scores)), basis]) * np.sqrt(start)[:, None], np.sqrt(start) * np.log(start)
    )[0][1:]
    target = basis.T @ observed / n
    loglik = -np.inf
    for _ in range(100):
        p = _softmax(basis @ beta)
        spread = (basis * p[:, None]).T @ basis - np.outer(basis.T @ p, basis.T @ p)
        try:
            step = np.linalg.solve(spread, target - basis.T @ p)
        except np.linalg.LinAlgError:
            return None, loglik
        scale = min(1.0, 5.0 / max(float(np.abs(basis @ step).max()), 1e-12))
        loglik, beta = float(observed @ np.log(p)), beta + scale * step
        if float(np.abs(step).max()) < 1e-10:
            root = p[:, None] * (basis - basis.T @ p)
            return Smoothed(p, root @ np.linalg.solve(spread, root.T) / n, degree, int(n)), loglik
    return None, loglik


def _softmax(z: Floats) -> Floats:
    e = np.exp(np.maximum(z - z.max(), -600.0))
    return np.asarray(e / e.sum())
