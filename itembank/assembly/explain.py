"""Why there are no k forms, and the smallest mend. Infeasible is an answer, found in this order:

1. *Counting*, in milliseconds: one demand against what the bank still has. "Topic B-C wants 4 per form × 3 = 12, the bank
   has 10 unspent (26 spent): 2 short." Each such finding is certain, and each has to be mended.
2. *Joint faults*, by the solver: demands that can be met one by one but not together. The same rows as for the forms,
   with a price on every question the bank would have to gain; the cheapest purchase is the smallest mend. Adding
   exactly the questions it names is enough, and fewer are not.
3. Where no purchase helps, the blueprint contradicts itself; the demands named are those whose figures bend least.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from itembank.assembly.exact import forms_program
from itembank.assembly.model import Model, build_with_room
from itembank.assembly.pool_item import PoolItem
from itembank.assembly.solve import Answer, Program, minimise
from itembank.blueprint import BlueprintBody, Row, TopicFacts, rows

_OFF_CENTRE = 1e-3
"""Price of one grade of difficulty away from the middle: among equal purchases, ask for ordinary questions."""
_GAP = 0.5
"""Below one question: the number is proved least, the choice among equal purchases is not."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """One demand that counting alone refuses.

    `wants` = per_form × forms, `has` unspent, `spent` before, `short` missing.
    """

    kind: str | None
    topic: str | None
    importance: str | None
    per_form: int
    forms: int
    wants: int
    has: int
    spent: int

    @property
    def short(self) -> int:
        """How many questions are missing."""
        return self.wants - self.has


@dataclass(frozen=True, slots=True)
class Mend:
    """`add` new questions of this kind on any of these leaves (path codes), of about this difficulty.

    `topic` is the deepest topic above all the leaves ('' for the whole syllabus).
    """

    kind: str
    topic: str
    leaves: tuple[str, ...]
    importance: str
    difficulty: int
    add: int


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A demand that no bank can meet beside the others.

    Lower its least count, or raise its highest, by `by` per form.
    """

    row: Row | None
    """None: the bounds of the mean difficulty."""
    lower_by: int
    raise_by: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """`shortages` are each necessary.

    `mends` together are enough and as few as can be; or the blueprint contradicts itself.
    """

    shortages: tuple[Shortage, ...]
    mends: tuple[Mend, ...]
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def missing(self) -> int:
        """How many questions the bank has to gain."""
        return sum(mend.add for mend in self.mends)


def explain(
    pool: Sequence[PoolItem],
    spent: Sequence[PoolItem],
    body: BlueprintBody,
    topics: Sequence[TopicFacts],
    forms: int,
) -> Explanation:
    """Why `pool` does not give `forms` forms.

    Empty where it does. `spent` are questions out of reach, for the story only.
    """
    shortages = count_shortages(pool, spent, body, forms)
    model = build_with_room(pool, body, topics)
    mends = smallest_mend(model, body, forms)
    if mends is not None:
        return Explanation(shortages, mends)
    return Explanation(shortages, (), contradictions(model))


def count_shortages(pool: Sequence[PoolItem], spent: Sequence[PoolItem], body: BlueprintBody, forms: int) -> tuple[Shortage, ...]:
    """Demands that want more families than match, worst first."""
    found = []
    for row in rows(body):
        if row.low == 0:
            continue
        has, gone = _families(pool, row), _families(spent, row)
        if row.low * forms > has:
            found.append(Shortage(row.kind, row.topic, row.importance, row.low, forms, row.low * forms, has, gone))
    return tuple(sorted(found, key=lambda s: (-s.short, s.topic or "", s.kind or "", s.importance or "")))


def _families(pool: Iterable[PoolItem], row: Row) -> int:
    return len({item.family_id for item in pool if row.matches(*item.look)})


def smallest_mend(model: Model, body: BlueprintBody, forms: int, *, together: bool = False) -> tuple[Mend, ...] | None:
    """The fewest questions to add so that `forms` forms exist, or None when no number of them is enough.

    `together` adds the forms up and does not deal the questions out among them: far smaller, for many forms; the answer
    is then a least number.
    """
    program, bought = _purchase(model, body, forms, together=True)
    answer = minimise(program, absolute_gap=_GAP)
    if answer.x is not None and not together:
        least = sum(round(answer.x[column]) for column in bought)
        program, bought = _purchase(model, body, forms, together=False)
        program.row(float(least), list(bought), [1.0] * len(bought), np.inf)  # spares the solver most of the proof
        answer = minimise(program, absolute_gap=_GAP)
    if answer.x is None:
        return None
    return _mends(model, [round(answer.x[column]) for column in bought])


def _purchase(model: Model, body: BlueprintBody, forms: int, *, together: bool) -> tuple[Program, range]:
    many = forms if together else 1
    program, x = forms_program(model, forms // many, supply=False, times=many)
    most = float(forms * body.item_count)
    bought = program.variables(len(model.cells), cost=1.0)
    middle = (model.difficulty_low + model.difficulty_high) / (200 * body.item_count)
    for c, cell in enumerate(model.cells):
        torn = cell.column[-1] >= 0
        program.cost[bought[c]] = 1.0 + _OFF_CENTRE * abs(cell.difficulty - middle)
        program.upper[bought[c]] = 0.0 if torn else most
        taken = [columns[c] for columns in x]
        program.row(-most, [*taken, bought[c]], [*([1.0] * len(taken)), -1.0], float(model.supply[c]))
    return program, bought


def _mends(model: Model, amounts: Sequence[int]) -> tuple[Mend, ...]:
    found = [
        Mend(cell.kind, common_topic(cell.topics), cell.topics, cell.importance, cell.difficulty, amount)
        for cell, amount in zip(model.cells, amounts, strict=True)
        if amount > 0
    ]
    return tuple(sorted(found, key=lambda mend: (-mend.add, mend.topic, mend.kind, mend.difficulty)))


def common_topic(codes: Sequence[str]) -> str:
    """The deepest path code above all of these: 'B-C' for 'B-C-A-001' and 'B-C-B-007'; '' when there is none."""
    shared: list[str] = []
    for parts in zip(*(code.split("-") for code in codes), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "-".join(shared)


def contradictions(model: Model) -> tuple[Contradiction, ...]:
    """Least bending of the demands of one form so that an unlimited bank could meet them."""
    program = Program()
    x = program.variables(len(model.cells), upper=float(model.item_count))
    count = len(model.rows)
    below, above = program.variables(count + 1, cost=1.0), program.variables(count + 1, cost=1.0)
    for r in range(count):
        inside = [x[int(c)] for c in np.flatnonzero(model.counts[r])]
        program.row(float(model.low[r]), [*inside, below[r]], [*([1.0] * len(inside)), 1.0], np.inf)
        program.row(-np.inf, [*inside, above[r]], [*([1.0] * len(inside)), -1.0], float(model.high[r]))
    weights = [100.0 * float(value) for value in model.difficulty]
    program.row(float(model.difficulty_low), [*x, below[count]], [*weights, 1.0], np.inf)
    program.row(-np.inf, [*x, above[count]], [*weights, -1.0], float(model.difficulty_high))
    return _bent(model, minimise(program), below, above)


def _bent(model: Model, answer: Answer, below: range, above: range) -> tuple[Contradiction, ...]:
    if answer.x is None:
        return ()
    amounts: Counter[int] = Counter()
    rises: Counter[int] = Counter()
    for r in range(len(model.rows) + 1):
        amounts[r], rises[r] = round(answer.x[below[r]]), round(answer.x[above[r]])
    return tuple(
        Contradiction(model.rows[r] if r < len(model.rows) else None, amounts[r], rises[r])
        for r in range(len(model.rows) + 1)
        if amounts[r] or rises[r]
    )
