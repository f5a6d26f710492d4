"""Why there are no k forms, and the smallest mend. Infeasible is an answer, found in this order:

1. *Counting*, in milliseconds: one demand against what the bank still has. "Topic B-C wants 4 per form × 3 = 12, the bank
   has 10 unspent (26 spent): 2 short." Each such finding is certain, and each has to be mended.
2. *Joint faults*, by the solver: demands that can be met one by one but not together. The same rows as for the forms,
   with a price on every question the bank would have to gain; the cheapest purchase is the smallest mend. Adding
   exactly the questions it names is enough, and fewer are not.
   Large banks: the same by linear programs over the sum of the forms (`mending`), and also the cheapest changes of the demands;
   both are tried by assembling with them before they are called enough.
3. Where no purchase helps, the blueprint contradicts itself; the demands named are those whose figures bend least.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from itembank.assembly.exact import forms_program
from itembank.assembly.explanation import Bend, Demand, Explanation, Mend, Shortage, common_topic
from itembank.assembly.find import CELLS, exist, is_alike
from itembank.assembly.matrix import counted
from itembank.assembly.mending import Shop, bend, bent, buy, buy_exactly, written
from itembank.assembly.model import Ints, Model, build_with_room
from itembank.assembly.pool_item import PoolItem
from itembank.assembly.solve import Answer, Program, minimise
from itembank.blueprint import BlueprintBody, Row, TopicFacts, rows

_TURNS: Final = 3
_BESIDES: Final = 1
_NEAR: Final = 1e-6
_OFF_CENTRE = 1e-3
"""Price of one grade of difficulty away from the middle: among equal purchases, ask for ordinary questions."""
_GAP = 0.5
"""Below one question: the number is proved least, the choice among equal purchases is not."""


def explain(
    pool: Sequence[PoolItem],
    spent: Sequence[PoolItem],
    body: BlueprintBody,
    topics: Sequence[TopicFacts],
    forms: int,
    *,
    enemies: Iterable[Iterable[int]] = (),
    proved: bool = True,
) -> Explanation:
    """Why `pool` does not give `forms` forms.

    Empty where it does. `spent` are questions out of reach, for the story only. `proved`: False where forms were merely not
    found.
    """
    shortages = count_shortages(pool, spent, body, forms)
    cliques = [tuple(clique) for clique in enemies]
    if is_alike(pool, body, cliques):
        model = build_with_room(pool, body, topics)
        if len(model.cells) * forms <= CELLS:
            mends = smallest_mend(model, body, forms)
            if mends is not None:
                return Explanation(shortages, mends, least=sum(mend.add for mend in mends))
            return Explanation(shortages, (), contradictions(model))
    return _explain_large(pool, body, topics, forms, cliques, Explanation(shortages, (), proved=proved))


def _explain_large(
    pool: Sequence[PoolItem],
    body: BlueprintBody,
    topics: Sequence[TopicFacts],
    forms: int,
    enemies: Sequence[Sequence[int]],
    told: Explanation,
) -> Explanation:
    """Mends and bends by the elastic programs, each widened a little until forms are found with it, or not called sure."""
    shop = Shop(pool, body, topics, enemies)
    bought = buy(shop, forms)
    if bought.missed:
        return replace(told, contradictions=bought.missed)
    mends, least, sure = bought.mends, bought.least, False
    plain = body.model_copy(update={"information": ()})  # wishes for it are lowered to what there is, never in the way
    for turn in range(_TURNS):
        some = [pool[p] for p in _some(pool, bought.used, forms * body.item_count)]
        sure = bool(mends) and exist([*some, *written(mends, pool, body, topics)], plain, forms, enemies)
        exact = buy_exactly(shop, forms) if not sure and turn == 0 else None
        if exact is not None:  # enough of everything in sum, yet not for every single form
            mends, least, sure = exact.mends, exact.least, bool(exact.mends)
        if sure or exact is not None:
            break
        mends = tuple(replace(mend, add=mend.add + max(1, mend.add // 10)) for mend in mends)
    bends, also = tuple[Bend, ...](), True
    other = bend(shop, forms) if mends else None
    if other is not None:
        bends, used = other
        also = False
        for _turn in range(_TURNS):
            some = [pool[p] for p in _some(pool, used, forms * body.item_count)]
            also = exist(some, bent(plain, bends), forms, enemies)
            if also:
                break
            bends = tuple(
                replace(b, lower_by=b.lower_by + bool(b.lower_by), raise_by=b.raise_by + bool(b.raise_by)) for b in bends
            )
    return replace(told, mends=mends, bends=bends if also else (), least=least, checked=sure)


def _some(pool: Sequence[PoolItem], used: Sequence[int], many: int) -> list[int]:
    """What the program used and as many others besides, evenly through the pool; whole stimulus sets."""
    step = max(1, len(pool) // (_BESIDES * many))
    chosen = set(used) | set(range(0, len(pool), step))
    sets = {pool[p].stimulus for p in chosen if pool[p].stimulus}
    return sorted(chosen | {p for p, item in enumerate(pool) if item.stimulus in sets})


def count_demands(pool: Sequence[PoolItem], spent: Sequence[PoolItem], body: BlueprintBody, forms: int) -> tuple[Demand, ...]:
    """Every counting demand of the blueprint against what is there, in its order; caps on knowledge points aside."""
    wanted = rows(body)
    counted_up = zip(wanted, _families(pool, wanted), _families(spent, wanted), strict=True)
    return tuple(Demand(row, row.low * forms, int(has), int(gone)) for row, has, gone in counted_up)


def count_shortages(pool: Sequence[PoolItem], spent: Sequence[PoolItem], body: BlueprintBody, forms: int) -> tuple[Shortage, ...]:
    """Demands that want more families than match, worst first."""
    found = [
        Shortage(
            one.row.kind,
            one.row.topic,
            one.row.importance,
            one.row.low,
            forms,
            one.wants,
            one.has,
            one.spent,
            one.row.difficulty,
            one.row.cognitive,
            one.row.letter,
        )
        for one in count_demands(pool, spent, body, forms)
        if one.wants > one.has
    ]
    return tuple(sorted(found, key=lambda s: (-s.short, s.topic or "", s.kind or "", s.importance or "")))


def _families(pool: Sequence[PoolItem], wanted: Sequence[Row]) -> Ints:
    """For each row, how many families have a question that counts."""
    if not pool or not wanted:
        return np.zeros(len(wanted), dtype=np.int64)
    family = np.fromiter((item.family_id for item in pool), dtype=np.int64, count=len(pool))
    order = np.argsort(family, kind="stable")
    first = np.flatnonzero(np.diff(family[order], prepend=family[order[0]] - 1))
    return np.asarray(np.maximum.reduceat(counted(pool, wanted)[order], first, axis=0).sum(axis=0).astype(np.int64))


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


def contradictions(model: Model) -> tuple[Bend, ...]:
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


def _bent(model: Model, answer: Answer, below: range, above: range) -> tuple[Bend, ...]:
    if answer.x is None:
        return ()
    found = []
    for r in range(len(model.rows) + 1):
        row = model.rows[r] if r < len(model.rows) else None
        less, more = answer.x[below[r]], answer.x[above[r]]
        if row is None:  # the sum of difficulties x 100 becomes hundredths of the mean
            less, more = less / model.item_count, more / model.item_count
        lower, higher = math.ceil(less - _NEAR), math.ceil(more - _NEAR)
        if lower or higher:
            each = max(1, model.item_count)
            low, high = (row.low, row.high) if row else (model.difficulty_low // each, model.difficulty_high // each)
            found.append(Bend(row, lower, higher, "count" if row else "difficulty", low, high))
    return tuple(found)
