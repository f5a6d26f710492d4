"""Does the model describe an item? S-X² of Orlando and Thissen (2000), Applied Psychological Measurement 24, 50-64.

Observed shares of right answers at each number-right score against those the fitted model expects, where the expected come from
the recursion of Lord and Wingersky (1984). Cells with fewer than 1 expected right or wrong answer join their neighbour.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from itembank.statistics import marginal
from itembank.statistics.irt import Fit
from itembank.statistics.tally import whole_numbers
from itembank.statistics.values import Floats, NoSpread, TooFew, Unsettled

LEAST_EXPECTED: Final = 1.0


@dataclass(frozen=True, slots=True)
class ItemFit:
    """``chi_square`` with ``df`` degrees of freedom, and the chance ``p_value`` of as much where the model holds."""

    chi_square: float
    df: int
    p_value: float


def item_fit(fit: Fit, right: npt.ArrayLike) -> list[ItemFit | TooFew | NoSpread | Unsettled]:
    """S-X² of each item. ``right``: the people × items that were fitted. `TooFew` counts cells left after joining."""
    matrix = whole_numbers(right, "right")
    if matrix.shape[1:] != fit.used.shape:
        raise ValueError(f"the fit has {len(fit.used)} items, the answers {matrix.shape}")
    k = int(fit.used.sum())
    columns = np.ascontiguousarray(matrix[:, fit.used].T, dtype=np.int64)
    number_right = columns.sum(axis=0)
    people = np.bincount(number_right, minlength=k + 1).astype(np.float64)
    expected = iter(_expected(fit.slopes[fit.used], fit.intercepts[fit.used]))
    column = iter(columns)
    parameters = 2 if fit.parameters == 2 * k else 1
    found: list[ItemFit | TooFew | NoSpread | Unsettled] = []
    for used, item in zip(fit.used, fit.items, strict=True):
        if not used:
            found.append(item.slope if isinstance(item.slope, NoSpread) else Unsettled(fit.n))
            continue
        hits = np.asarray(np.bincount(number_right, weights=next(column), minlength=k + 1), dtype=np.float64)
        share = next(expected)
        found.append(_compare(hits[1:k], people[1:k], share[1:k], parameters) if fit.settled else Unsettled(fit.n))
    return found


def _expected(slopes: Floats, intercepts: Floats) -> Floats:
    """(k, k + 1) expected share right on each item at each number-right score 0 to k."""
    grid = marginal.points(slopes)
    p = marginal.logistic(slopes, intercepts, grid.x)
    density = np.exp(grid.log_weight)
    k = len(slopes)
    everyone = _score_densities(p, np.arange(k))[0] @ density
    without = np.empty((k, k))
    for start in range(0, k, 20):
        some = np.arange(start, min(start + 20, k))
        without[some] = np.einsum("jsq,jq->js", _score_densities(p, some, leave_out=True)[:, :k], p[some] * density)
    share = np.zeros((k, k + 1))
    share[:, 1:] = without / np.maximum(everyone[1:], 1e-300)
    return np.clip(share, 0.0, 1.0)


def _score_densities(p: Floats, items: npt.NDArray[np.int64], *, leave_out: bool = False) -> Floats:
    """(items or 1, k + 1, Q) probability of each number right at each point, of all items, or of all but each of ``items``."""
    k, q = p.shape
    chance = np.zeros((len(items) if leave_out else 1, k + 1, q))
    chance[:, 0] = 1.0
    for j in range(k):
        rows = np.flatnonzero(items != j) if leave_out else np.zeros(1, dtype=np.int64)
        before = chance[rows, : j + 2]
        after = before * (1.0 - p[j])
        after[:, 1:] += before[:, :-1] * p[j]
        chance[rows, : j + 2] = after
    return chance


def _compare(hits: Floats, people: Floats, share: Floats, parameters: int) -> ItemFit | TooFew:
    cells, taken = [], np.zeros(3)
    for right, n, p in zip(hits.tolist(), people.tolist(), share.tolist(), strict=True):
        taken += (right, n, n * p)
        if min(taken[2], taken[1] - taken[2]) >= LEAST_EXPECTED:
            cells.append(taken)
            taken = np.zeros(3)
    if cells:
        cells[-1] = cells[-1] + taken
    df = len(cells) - parameters
    if df < 1:
        return TooFew(len(cells), parameters + 1)
    right, n, expect = np.array(cells).T
    chi_square = float(((right - expect) ** 2 * n / (expect * (n - expect))).sum())
    return ItemFit(chi_square, df, float(chdtrc(df, chi_square)))
