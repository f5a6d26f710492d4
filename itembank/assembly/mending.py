"""What would mend a bank or a blueprint of any size: one elastic linear program each, over the units of the relaxation.

The rows are those of the relaxation, added up over k forms, each with an elastic part that has a price: kinds of questions are
what an exam is, so theirs is highest. Two answers:

- *buying*: questions that could be written (one column for each cell they can be told apart by) cost 1 each, far less than any
  row. Rounded up they are enough for the sum; what the program costs is a proved least number. A row still missed then is missed
  with any bank: the blueprint contradicts itself.
- *bending*: no buying; the cheapest changes of the demands.

Both are about the sum of the forms. That they are enough for each single form is found by assembling with them, and said.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from itembank.assembly.explanation import Bend, Explanation, Measure, Mend, common_topic
from itembank.assembly.matrix import Floats, Matrix, build_matrix, counted
from itembank.assembly.pool_item import PoolItem
from itembank.assembly.relax import cheapest
from itembank.assembly.search import Tell
from itembank.assembly.solve import SolverGaveUp
from itembank.assembly.whole import buy_whole
from itembank.blueprint import BlueprintBody, Row, TopicFacts, kind_counts, rows

_KINDS: Final = 1000.0
_DEAR: Final = 50.0
"""Bending costs so much more than buying one question, where buying is asked for."""
_OFF_CENTRE: Final = 1e-3
_NEAR: Final = 1e-4
_EXACT: Final = 4000
"""Units × forms up to which the integer program is tried."""


@dataclass(frozen=True, slots=True)
class Writable:
    """A question that could be written, standing for all that no demand tells from it; `leaves` it may stand on."""

    item: PoolItem
    leaves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bought:
    """`mends` to write, of which `least` are proved necessary; `missed` by any bank; `used` are positions in the pool."""

    mends: tuple[Mend, ...]
    least: int
    missed: tuple[Bend, ...]
    used: tuple[int, ...]


def writable(pool: Sequence[PoolItem], body: BlueprintBody, topics: Iterable[TopicFacts]) -> list[Writable]:
    """Every cell that a new question could fall into, told apart by demands and difficulty only. Item ids follow the pool's."""
    leaves = [topic for topic in topics if topic.is_leaf]
    levels = [one.level for one in body.cognitive] or [""]
    letters = [one.letter for one in body.letters] or [""]
    grades = range(1, 6) if body.difficulty or body.grades else (3,)
    words = round(sum(item.words for item in pool) / len(pool)) if pool and body.words else 0
    number = max((item.item_id for item in pool), default=0)
    every = [
        PoolItem(0, 0, 0, kind, leaf.code, leaf.importance or "", grade, level, letter, words)
        for kind in kind_counts(body)
        for leaf in leaves
        for grade in grades
        for level in levels
        for letter in (letters if kind == "single" else [""])
    ]
    seen = counted(every, rows(body, [*(item.topic for item in pool), *(leaf.code for leaf in leaves)])).astype(np.bool_)
    alike: dict[tuple[bytes, int], list[PoolItem]] = defaultdict(list)
    for item, row in zip(every, seen, strict=True):
        alike[row.tobytes(), item.difficulty].append(item)
    found = []
    for n, group in enumerate(alike.values(), number + 1):
        one = group[0]
        new = PoolItem(n, n, -n, one.kind, one.topic, one.importance, one.difficulty, one.cognitive, one.letter, words)
        found.append(Writable(new, tuple(sorted({item.topic for item in group}))))
    return found


def buy(shop: "Shop", forms: int, *, tell: Tell = lambda _state: None) -> Bought:
    """The fewest questions to add for the sum of `forms` forms."""
    body = shop.body
    matrix, fresh = shop.matrix, shop.fresh
    upper = np.where(fresh, float(forms * body.item_count), 1.0)
    answer = cheapest(matrix, forms, _DEAR * prices(matrix, body), cost=shop.cost, upper=upper, tell=tell)
    missed = shop.bends(answer.missed, forms)
    used = (p for u in np.flatnonzero(~fresh & (answer.z > _NEAR)) for p in matrix.units[int(u)])
    return Bought(shop.mends(answer.z), 0 if missed else least_number(answer.bound), missed, tuple(used))


def buy_exactly(shop: "Shop", forms: int) -> Bought | None:
    """The same for every single form instead of their sum, by an integer program; None where it is too large or takes too long.

    No mends: no questions that could be written are enough.
    """
    if shop.matrix.size * forms > _EXACT:
        return None
    try:
        found = buy_whole(shop.matrix, forms, shop.fresh, shop.cost)
    except SolverGaveUp:
        return None
    if found is None:
        return Bought((), 0, (), ())
    counts, bound = found
    return Bought(shop.mends(counts.astype(np.float64)), least_number(bound), (), ())


def least_number(cost: float) -> int:
    """Questions away from the middle cost a little more than 1: so many are proved necessary."""
    return max(0, math.ceil(cost / (1 + 4 * _OFF_CENTRE) - 0.01))


class Shop:
    """The bank's units and those that could be written, in one matrix; `fresh` (units) says which, `cost` for how much.

    Wishes for information are left aside.
    """

    def __init__(
        self, pool: Sequence[PoolItem], body: BlueprintBody, topics: Sequence[TopicFacts], enemies: Iterable[Iterable[int]]
    ) -> None:
        self.topics, self.body, self.size = topics, body, len(pool)
        self.new = writable(pool, body, topics)
        self.leaves = [topic.code for topic in topics if topic.is_leaf]
        everything = [*pool, *(one.item for one in self.new)]
        self.demands = rows(body, [*(item.topic for item in pool), *self.leaves])
        self.matrix = without_information(build_matrix(everything, body, enemies, self.leaves), body)
        self.fresh = np.array([unit[0] >= len(pool) for unit in self.matrix.units], dtype=bool)
        middle = (body.difficulty.low + body.difficulty.high) / 200 if body.difficulty else 3.0
        away = np.abs(self.matrix.columns[:, self.matrix.grade] - middle)
        self.cost: Floats = np.where(self.fresh, 1.0 + _OFF_CENTRE * away, 0.0)

    def mends(self, amounts: Floats) -> tuple[Mend, ...]:
        """What to write: amounts (units) rounded up."""
        found = []
        for unit in np.flatnonzero(self.fresh & (amounts > _NEAR)):
            one, amount = self.new[self.matrix.units[int(unit)][0] - self.size], math.ceil(amounts[unit] - _NEAR)
            q, topic = one.item, common_topic(one.leaves)
            importance = _importance(one, self.topics)
            found.append(Mend(q.kind, topic, one.leaves, importance, q.difficulty, amount, q.cognitive, q.letter))
        return tuple(sorted(found, key=lambda mend: (-mend.add, mend.topic, mend.kind, mend.difficulty)))

    def bends(self, missed: Floats, forms: int) -> tuple[Bend, ...]:
        """What is missed over all forms, as changes of each form's demands, in whole steps that are enough."""
        found = []
        for r in np.flatnonzero(np.abs(missed) > _NEAR):
            step = 100 / self.body.item_count if r == self.matrix.grade else 1.0
            by = math.ceil(abs(float(missed[r])) / forms * step - _NEAR)
            row = self.demands[int(r)] if r < len(self.demands) else None
            measure: Measure = "count" if row else "difficulty" if r == self.matrix.grade else "words"
            low, high = _bounds(row, measure, self.body)
            lower, higher = (by, 0) if missed[r] > 0 else (0, by)
            found.append(Bend(row, lower, higher, measure, low, high))
        return tuple(sorted(found, key=lambda one: -max(one.lower_by, one.raise_by)))


def bend(shop: "Shop", forms: int, *, tell: Tell = lambda _state: None) -> tuple[tuple[Bend, ...], tuple[int, ...]] | None:
    """The cheapest changes of the demands, and the positions then used; None where only other sections would help."""
    matrix, body = shop.matrix.only(np.flatnonzero(~shop.fresh)), shop.body
    answer = cheapest(matrix, forms, prices(matrix, body), tell=tell)
    if (np.abs(answer.missed[: len(kind_counts(body))]) > _NEAR).any():
        return None
    used = (p for u in np.flatnonzero(answer.z > _NEAR) for p in matrix.units[int(u)])
    return shop.bends(answer.missed, forms), tuple(used)


def _importance(one: Writable, topics: Sequence[TopicFacts]) -> str:
    of = {topic.importance or "" for topic in topics if topic.code in set(one.leaves)}
    return of.pop() if len(of) == 1 else ""


def without_information(matrix: Matrix, body: BlueprintBody) -> Matrix:
    """Wishes for information are lowered to what there is, elsewhere: here they demand nothing."""
    low, high = matrix.low.copy(), matrix.high.copy()
    first = matrix.columns.shape[1] - len(body.information)
    low[first:], high[first:] = 0.0, np.inf
    return matrix.within(low, high)


def prices(matrix: Matrix, body: BlueprintBody) -> Floats:
    """What one unit missed of each row costs, in one form: a kind most, a count 1, sums by what a question typically brings."""
    each = np.ones(matrix.columns.shape[1])
    each[: len(kind_counts(body))] = _KINDS
    each[matrix.grade] = 0.5
    for row in range(matrix.grade + 1, len(each)):
        each[row] = 1.0 / max(float(np.abs(matrix.columns[:, row]).mean()) if matrix.size else 1.0, 1e-9)
    return each


def _bounds(row: Row | None, measure: Measure, body: BlueprintBody) -> tuple[int, int]:
    if row is not None:
        return row.low, row.high
    band = body.difficulty if measure == "difficulty" else body.words
    return (band.low, band.high) if band else (100, 500)


def bent(body: BlueprintBody, bends: Sequence[Bend]) -> BlueprintBody:
    """The blueprint after these changes."""
    changes: dict[str, object] = {}
    for one in bends:
        if one.measure != "count" or one.row is None:
            name = "difficulty" if one.measure == "difficulty" else "words"
            band = getattr(body, name)
            if band is not None:
                changes[name] = band.model_copy(update={"low": band.low - one.lower_by, "high": band.high + one.raise_by})
            continue
        row = one.row
        field = _field(row, body)
        if field == "max_per_leaf":
            changes[field] = max(int(str(changes.get(field, 0))), row.high + one.raise_by)
            continue
        changes[field] = tuple(
            demand.model_copy(update={"low": max(0, demand.low - one.lower_by), "high": demand.high + one.raise_by})
            if demand_row(field, demand) == row
            else demand
            for demand in changes.get(field, getattr(body, field))  # type: ignore[attr-defined]
        )
    return body.model_copy(update=changes)


def _field(row: Row, body: BlueprintBody) -> str:
    if row.topic is not None:
        return "topics" if any(demand_row("topics", demand) == row for demand in body.topics) else "max_per_leaf"
    if row.importance is not None:
        return "importance"
    if row.difficulty is not None:
        return "grades"
    return "cognitive" if row.cognitive is not None else "letters"


def demand_row(field: str, demand: object) -> Row | None:
    """The row of one demand of the blueprint's field."""
    low, high = getattr(demand, "low", 0), getattr(demand, "high", 0)
    if field == "topics":
        return Row(low, high, kind=getattr(demand, "kind", None), topic=getattr(demand, "code", None))
    if field == "importance":
        return Row(low, high, importance=getattr(demand, "importance", None))
    if field == "grades":
        return Row(low, high, difficulty=getattr(demand, "difficulty", None))
    if field == "cognitive":
        return Row(low, high, cognitive=getattr(demand, "level", None))
    return Row(low, high, kind="single", letter=getattr(demand, "letter", None))


def mended(
    pool: Sequence[PoolItem], body: BlueprintBody, topics: Sequence[TopicFacts], told: Explanation
) -> list[tuple[Sequence[PoolItem], BlueprintBody]]:
    """Bank and blueprint after each of the ways an explanation names: with the new questions; with the changed demands."""
    ways: list[tuple[Sequence[PoolItem], BlueprintBody]] = []
    if told.mends:
        ways.append(([*pool, *written(told.mends, pool, body, topics)], body))
    if told.bends:
        ways.append((pool, bent(body, told.bends)))
    return ways


def written(mends: Sequence[Mend], pool: Sequence[PoolItem], body: BlueprintBody, topics: Sequence[TopicFacts]) -> list[PoolItem]:
    """The questions these mends name, written, with ids after the pool's: each its own family, spread over the leaves."""
    importance = {topic.code: topic.importance or "" for topic in topics}
    number = max((max(item.item_id, item.family_id) for item in pool), default=0)
    words = round(sum(item.words for item in pool) / len(pool)) if pool and body.words else 0
    found = []
    for mend in mends:
        for n in range(mend.add):
            number += 1
            leaf = mend.leaves[n % len(mend.leaves)]
            found.append(
                PoolItem(
                    number, number, number, mend.kind, leaf, importance[leaf], mend.difficulty, mend.cognitive, mend.letter, words
                )
            )
    return found
