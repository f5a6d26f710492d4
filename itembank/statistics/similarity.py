"""Answers too alike: an omega-type index of pairs within given groups (a room, neighbouring seats, an address).

How many answers two people share against how many they would share if each had answered alone, at the strength that each
showed (Wollack 1997, Applied Psychological Measurement 21, 307-320). Where Wollack takes the chance of each option from a nominal
response model, here it is the share of people of about the same total who chose it: that holds for any item with options, and
for small groups it is smoothed towards the share among all. Pairs of a whole exam are not searched: among so many, chance alone
brings forth pairs as alike as real copies. The p-values are corrected for the pairs compared (Holm 1979). A result is a
reason to look, never a verdict.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from itembank.statistics.tally import ability_groups, total_of, whole_numbers
from itembank.statistics.values import DEFAULTS, Floats, Ints, Needed, TooFew

PRIOR: Final = 10.0  # people of the whole group, added to each group of like strength
PER_LEVEL: Final = 25  # people of like strength that their shares rest on
MOST_LEVELS: Final = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Rows ``a`` < ``b``. ``shared``: answers alike, blanks apart; ``expected`` of them. ``omega``: standardised excess, the
    larger of a given b and b given a. ``p_value``: one-sided; ``corrected``: after Holm, over all pairs and both directions."""

    a: int
    b: int
    shared: int
    expected: float
    omega: float
    p_value: float
    corrected: float


def similar_pairs(
    answers: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: Iterable[Sequence[int]],
    level: float = 0.05,
    needed: Needed = DEFAULTS,
) -> list[Pair] | TooFew:
    """Pairs whose corrected p-value is at most ``level``, the most alike first.

    ``answers``: people × items, bit masks of options chosen, 0 for blank: all who took the form, for the shares rest on them.
    ``scores``: people × items, marks. ``groups``: rows within which pairs are compared; a pair in two groups counts once.
    """
    masks, marks = whole_numbers(answers, "answers"), whole_numbers(scores, "scores")
    if masks.shape != marks.shape:
        raise ValueError(f"answers {masks.shape} and scores {marks.shape} differ in shape")
    if len(masks) < max(needed.similarity, 4):
        return TooFew(len(masks), max(needed.similarity, 4))
    pairs = _pairs(groups, len(masks))
    if not len(pairs):
        return []
    level_of = _levels(total_of(marks))
    first, second = pairs.T
    shared, sums, squares = np.zeros(len(pairs)), np.zeros((2, len(pairs))), np.zeros((2, len(pairs)))
    for column in masks.T:
        code, chance = _chances(column, level_of)
        shared += (column[first] == column[second]) & (column[first] != 0)
        for way, (copier, source) in enumerate(((first, second), (second, first))):
            p = np.where(column[source] != 0, chance[level_of[copier], code[source]], 0.0)
            sums[way] += p
            squares[way] += p * (1 - p)
    spread = np.sqrt(np.maximum(squares, 1e-9))
    omega = (shared - 0.5 - sums) / spread  # half an answer for continuity
    way = omega.argmax(axis=0)
    best = omega.max(axis=0)
    expected = np.take_along_axis(sums, way[None, :], axis=0)[0]
    p_values = np.asarray(ndtr(-best))
    corrected = _holm(np.minimum(2 * p_values, 1.0))
    order = [int(at) for at in np.argsort(-best, kind="stable") if corrected[at] <= level]
    return [
        Pair(
            int(first[at]),
            int(second[at]),
            int(shared[at]),
            float(expected[at]),
            float(best[at]),
            float(p_values[at]),
            float(corrected[at]),
        )
        for at in order
    ]


def _pairs(groups: Iterable[Sequence[int]], n: int) -> Ints:
    """(pairs, 2) different pairs of rows, the smaller first."""
    found = set[tuple[int, int]]()
    for group in groups:
        rows = sorted(set(group))
        if rows and not 0 <= rows[0] <= rows[-1] < n:
            raise ValueError("a group names a row that does not exist")
        found.update((a, b) for at, a in enumerate(rows) for b in rows[at + 1 :])
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def _levels(totals: Ints) -> Ints:
    distinct, place = np.unique(totals, return_inverse=True)
    people = np.bincount(place, minlength=len(distinct))
    return ability_groups(people, int(np.clip(len(totals) // PER_LEVEL, 1, MOST_LEVELS)))[place]


def _chances(column: npt.NDArray[np.integer], level_of: Ints) -> tuple[Ints, Floats]:
    """(people,) a code of each answer, and (levels, codes) the smoothed share of it at each level."""
    answers, code = np.unique(column, return_inverse=True)
    levels = int(level_of.max()) + 1
    counts = np.bincount(level_of * len(answers) + code, minlength=levels * len(answers)).reshape(levels, -1).astype(np.float64)
    overall = (counts.sum(axis=0) + 0.5) / (counts.sum() + 0.5 * len(answers))
    return code, (counts + PRIOR * overall) / (counts.sum(axis=1, keepdims=True) + PRIOR)


def _holm(p_values: Floats) -> Floats:
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(steps, 1.0)
    return corrected
