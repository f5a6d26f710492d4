"""How many people with each total gave each answer to each item: all that the figures of a form need to know.

One pass over the answers; every figure afterwards is a weighted sum over a few hundred cells instead of 100,000 people.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itembank.statistics.values import Floats, Ints

Numbers = npt.NDArray[np.integer]
_DENSE = 1 << 16


@dataclass(frozen=True, slots=True)
class ItemTally:
    """One item. ``answers`` (V,): the different answers, ascending; ``marks`` (V,): what each earned; ``counts`` (S, V)."""

    answers: Ints
    marks: Floats
    counts: Ints


@dataclass(frozen=True, slots=True)
class Tally:
    """``totals`` (S,): the different totals, ascending; ``people`` (S,): how many had each; ``items``: one per item."""

    totals: Floats
    people: Ints
    items: list[ItemTally]

    @property
    def n(self) -> int:
        """How many people."""
        return int(self.people.sum())


def whole_numbers(values: npt.ArrayLike, name: str, dimensions: int = 2) -> Numbers:
    """``values`` as an array of whole numbers; booleans become 0 and 1. Raises ValueError for anything else."""
    array = np.asarray(values)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != dimensions or not np.issubdtype(array.dtype, np.integer):
        shape = "people × items" if dimensions == 2 else "one number each"
        raise ValueError(f"{name} must be whole numbers, {shape}; got {array.dtype} {array.shape}")
    return array


def total_of(scores: Numbers) -> Ints:
    """(people,) totals of (people × items) marks."""
    return np.asarray(scores.sum(axis=1, dtype=np.int64))


def tally(answers: npt.ArrayLike, scores: npt.ArrayLike | None = None) -> Tally:
    """Count answers by total.

    ``answers``: people × items, any whole numbers >= 0 (bit masks of the options chosen, or the marks themselves).
    ``scores``: people × items, marks as whole numbers; None where the answers are the marks. The marks must follow from
    the answer: ValueError where the same answer to an item earned different marks.
    """
    given = whole_numbers(answers, "answers")
    earned = given if scores is None else whole_numbers(scores, "scores")
    if given.shape != earned.shape:
        raise ValueError(f"answers {given.shape} and scores {earned.shape} differ in shape")
    if given.size and given.min() < 0:
        raise ValueError("answers must not be negative")
    totals, place = np.unique(total_of(earned), return_inverse=True)
    people = np.bincount(place, minlength=len(totals))
    columns = np.ascontiguousarray(given.T)
    marks = columns if scores is None else np.ascontiguousarray(earned.T)
    items = [_item(column, mark, place, len(totals)) for column, mark in zip(columns, marks, strict=True)]
    return Tally(totals.astype(np.float64), people, items)


def _item(column: Numbers, marks: Numbers, place: Ints, levels: int) -> ItemTally:
    if len(column) and int(column.max()) < _DENSE:
        seen = np.bincount(column)
        answers = np.flatnonzero(seen)
        index = np.zeros(len(seen), dtype=np.int64)
        index[answers] = np.arange(len(answers))
        which = index[column]
    else:
        answers, which = np.unique(column, return_inverse=True)
    width = len(answers)
    earned = np.zeros(width, dtype=marks.dtype)
    earned[which] = marks
    if marks is not column and not np.array_equal(earned[which], marks):
        raise ValueError("the same answer earned different marks")
    counts = np.bincount(place * width + which, minlength=levels * width).reshape(levels, width)
    return ItemTally(answers.astype(np.int64), earned.astype(np.float64), counts)


def ability_groups(people: Ints, groups: int) -> Ints:
    """(S,) the group, 0 for the weakest, of each total: equal shares of the people, people with one total kept together."""
    if not len(people):
        return np.zeros(0, dtype=np.int64)
    middle: Floats = (np.cumsum(people) - people / 2) / people.sum()
    return np.minimum((middle * groups).astype(np.int64), groups - 1)


def end_weights(people: Ints, portion: float) -> tuple[Floats, Floats]:
    """(S,), (S,): which part of the people with each total is in the lowest and in the highest ``portion`` of all.

    People with the total at the border count in part, so that the order of the rows decides nothing.
    """
    size = portion * people.sum()
    upto = np.cumsum(people)
    low = np.clip((size - (upto - people)) / np.maximum(people, 1), 0.0, 1.0)
    high = np.clip((size - (people.sum() - upto)) / np.maximum(people, 1), 0.0, 1.0)
    return low, high
