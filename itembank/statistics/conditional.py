"""The Rasch model by conditional maximum likelihood: item parameters that need no distribution of abilities at all.

Given how many items a person has right, which ones says nothing about ability (Andersen 1972, JRSS B 34, 42-54). The likelihood
of the patterns given the scores rests on the elementary symmetric functions of exp(easiness), summed here item by item, in
which every term is positive and nothing cancels (Fischer and Molenaar 1995, *Rasch Models*, chapter 8).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from itembank.statistics.marginal import inverse
from itembank.statistics.tally import whole_numbers
from itembank.statistics.values import DEFAULTS, Floats, Measured, Needed, NoSpread, TooFew, Unsettled, around

STEPS: Final = 50
TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class ConditionalFit:
    """``easiness`` of each item in logits, which sum to 0 over the items with spread; ``loglik``: conditional log-likelihood."""

    n: int
    easiness: list[Measured]
    loglik: float


def rasch_conditional(right: npt.ArrayLike, needed: Needed = DEFAULTS) -> ConditionalFit | TooFew | NoSpread | Unsettled:
    """Fit. ``right``: people × items, 1 right, 0 wrong or blank. Items that all or none got right have no easiness.
    `Unsettled` where no maximum exists: the items fall apart into two sets between which nothing is exchanged (Fischer 1981).
    """
    matrix = whole_numbers(right, "right")
    if matrix.size and (matrix.min() < 0 or matrix.max() > 1):
        raise ValueError("answers must be 0 or 1")
    n = len(matrix)
    if n < max(needed.rasch, 3):
        return TooFew(n, max(needed.rasch, 3))
    all_hits = matrix.sum(axis=0, dtype=np.int64)
    used = (all_hits > 0) & (all_hits < n)
    k = int(used.sum())
    if k < 2:
        return TooFew(k, 2)
    people = np.bincount(matrix[:, used].sum(axis=1, dtype=np.int64), minlength=k + 1).astype(np.float64)
    if people[1:k].sum() == 0:
        return NoSpread(n)
    found = _climb(all_hits[used].astype(np.float64), people)
    if found is None:
        return Unsettled(n)
    beta, covariance, loglik = found
    deviations = np.sqrt(np.diag(covariance))
    values = iter([around(b, se) for b, se in zip(beta.tolist(), deviations.tolist(), strict=True)])
    return ConditionalFit(n, [next(values) if one else NoSpread(n) for one in used], loglik)


def _climb(hits: Floats, people: Floats) -> tuple[Floats, Floats, float] | None:
    """Newton, from the logits of the shares right. The information is singular along the sum, hence inverted across it only."""
    k, n = len(hits), people.sum()
    # People with all right or none tell nothing; with all right they count for every item alike.
    hits = hits - people[k]
    share = (hits + 0.5) / (n - people[k] - people[0] + 1)
    beta = np.log(share / (1 - share))
    beta -= beta.mean()
    scores = np.arange(1, k)
    for _ in range(STEPS):
        single, double, gamma = _chances(np.exp(beta))
        expected = people[1:k] @ single
        information = (people[1:k, None, None] * double).sum(axis=0)
        np.fill_diagonal(information, expected)
        information = information - (single * people[1:k, None]).T @ single
        along = np.full((k, k), 1.0 / k)
        size = float(np.trace(information))
        found = inverse(information + size * along)
        if found is None:
            return None
        covariance = found - along / size
        step = covariance @ (hits - expected)
        beta = beta + step / max(1.0, float(np.abs(step).max()))
        beta = beta - beta.mean()
        if float(np.abs(beta).max()) > 30:
            return None
        if float(np.abs(step).max()) < TOLERANCE:
            if (np.diag(covariance) <= 0).any():
                return None
            return beta, covariance, float(hits @ beta - people[scores] @ np.log(gamma[scores]))
    return None


def _chances(epsilon: Floats) -> tuple[Floats, Floats, Floats]:
    """At each score 1 to k - 1: (k - 1, k) chances to have an item right, (k - 1, k, k) two of them; (k + 1,) the functions."""
    k = len(epsilon)
    gamma = _symmetric(epsilon, np.zeros((1, 0), dtype=np.int64))[0]
    without = _symmetric(epsilon, np.arange(k)[:, None])
    single = (without[:, : k - 1] * epsilon[:, None]).T / gamma[1:k, None]
    first, second = np.triu_indices(k, 1)
    pairs = _symmetric(epsilon, np.stack([first, second], axis=1))
    both = np.zeros((k - 1, len(first)))
    both[1:] = (pairs[:, : k - 2] * (epsilon[first] * epsilon[second])[:, None]).T / gamma[2:k, None]
    double = np.zeros((k - 1, k, k))
    double[:, first, second] = double[:, second, first] = both
    return single, double, gamma


def _symmetric(epsilon: Floats, without: npt.NDArray[np.int64]) -> Floats:
    """(rows, k + 1) elementary symmetric functions of all but the items in each row of ``without``."""
    k = len(epsilon)
    gamma = np.zeros((len(without), k + 1))
    gamma[:, 0] = 1.0
    for j in range(k):
        factor = np.where((without == j).any(axis=1), 0.0, epsilon[j])
        gamma[:, 1 : j + 2] = gamma[:, 1 : j + 2] + gamma[:, : j + 1] * factor[:, None]
    return gamma
