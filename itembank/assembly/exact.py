"""Finds k disjoint forms exactly, where the pool is small enough for one integer program over cells.

Whole numbers `x[cell, form]` say how many units of a cell a form takes. Two passes over the same rows:

1. the smallest possible *spread* of the difficulty sum between the easiest and the hardest form (parallel forms);
2. with that spread kept, the cheapest picks under costs drawn from the seed, so that another seed gives other forms.
   Scarce cells cost more: a bank is drawn down evenly.

Then units are drawn from the cells by the same seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from itembank.assembly.model import Ints, Model
from itembank.assembly.pool_item import PoolItem
from itembank.assembly.solve import Program, SolverGaveUp, Standing, Watch, minimise

_PICK_GAP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Solution:
    """`forms[f]` are positions in the pool. `spread` is the difficulty sum of the hardest form minus the easiest one's.

    `bound`: no k forms of this pool have a smaller spread.
    """

    forms: tuple[tuple[int, ...], ...]
    spread: int
    bound: float


def find_forms(model: Model, pool: Sequence[PoolItem], forms: int, seed: int, watch: Watch | None = None) -> Solution | None:
    """`forms` disjoint forms, or None when it is proved that there are none. Raises `SolverGaveUp`.

    `watch` sees the first pass, whose value is the spread, and of the second only that it goes on.
    """
    program, x = forms_program(model, forms)
    spread = _add_spread(program, model, x)
    program.cost[spread] = 1.0
    parallel = minimise(program, watch=watch)
    if parallel.x is None:
        return None
    least = round(parallel.objective)
    random = np.random.default_rng(seed)
    costs = random.random((forms, len(model.cells))) + 1.0 / np.maximum(model.supply, 1)
    program.cost = [0.0] * len(program.cost)
    for f in range(forms):
        for c, column in enumerate(x[f]):
            program.cost[column] = float(costs[f, c])
    program.upper[spread] = least
    picked = minimise(program, relative_gap=_PICK_GAP, start=parallel.x, watch=_blind(watch))
    if picked.x is None:
        raise SolverGaveUp("the second pass lost the solution of the first")
    counts = np.rint(picked.x).astype(np.int64)
    taken = np.array([[counts[column] for column in x[f]] for f in range(forms)], dtype=np.int64)
    return Solution(_draw(model, pool, taken, random), least, round(parallel.bound, 6))


def _blind(watch: Watch | None) -> Watch | None:
    """The same without figures: what the second pass makes cheap means nothing to people."""
    if watch is None:
        return None
    tell = watch
    return lambda standing: tell(Standing(None, None, standing.share))


def forms_program(model: Model, forms: int, *, supply: bool = True, times: int = 1) -> tuple[Program, list[range]]:
    """The rows every form has to meet, and (unless `supply` is False) that the bank is not drawn on twice.

    `times` scales every bound: one block of variables then stands for so many forms added up.
    """
    program = Program()
    cells = len(model.cells)
    x = [program.variables(cells, upper=float(model.item_count * times)) for _ in range(forms)]
    nonzero = [np.flatnonzero(row) for row in model.counts]
    weights = [float(value) for value in model.difficulty]
    for columns in x:
        for r, inside in enumerate(nonzero):
            low, high = float(model.low[r] * times), float(model.high[r] * times)
            program.row(low, [columns[int(c)] for c in inside], [1.0] * len(inside), high)
        scaled = [100.0 * weight for weight in weights]
        program.row(float(model.difficulty_low * times), list(columns), scaled, float(model.difficulty_high * times))
    if supply:
        for c in range(cells):
            program.row(0.0, [columns[c] for columns in x], [1.0] * forms, float(model.supply[c]))
    for tie in model.ties:
        program.row(0.0, [columns[c] for columns in x for c in tie], [1.0] * (forms * len(tie)), 1.0)
    return program, x


def _add_spread(program: Program, model: Model, x: Sequence[range]) -> int:
    """A variable not less than the difference of any two forms' difficulty sums; its index."""
    spread = program.variables(1)[0]
    floor = program.variables(1, integer=False)[0]
    weights = [float(value) for value in model.difficulty]
    for columns in x:
        program.row(0.0, [*columns, floor], [*weights, -1.0], np.inf)
        program.row(0.0, [spread, floor, *columns], [1.0, 1.0, *(-w for w in weights)], np.inf)
    return spread


def _draw(model: Model, pool: Sequence[PoolItem], taken: Ints, random: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    """Units for the counts (forms × cells): shuffle each cell once, deal it out; one member of each unit by lot."""
    forms: list[list[int]] = [[] for _ in range(len(taken))]
    for c, cell in enumerate(model.cells):
        order = random.permutation(cell.supply)
        dealt = 0
        for f, form in enumerate(forms):
            for unit in order[dealt : dealt + int(taken[f, c])]:
                members = cell.units[int(unit)]
                form.append(members[int(random.integers(len(members)))])
            dealt += int(taken[f, c])
    return tuple(tuple(sorted(form, key=pool.__getitem__)) for form in forms)
