"""The integer program over single units: for small pools where items are not interchangeable, and on a relaxation's support.

`x[unit, form]` is 0 or 1. It grows with units × forms and is symmetric in the forms, so it is no way for large pools: there
`search` finds and `relax` proves. Where it ends without forms it is a proof for the units it was given.
"""

from dataclasses import dataclass

import numpy as np

from itembank.assembly.cliques import Flags
from itembank.assembly.matrix import Floats, Groups, Matrix
from itembank.assembly.model import Ints
from itembank.assembly.solve import Program, Watch, minimise


@dataclass(frozen=True, slots=True)
class WholeForms:
    """`forms[f]` are unit numbers; `value` and `bound` of the worst goal, or of the spread where there is no goal."""

    forms: Groups
    value: float
    bound: float


def solve_whole(
    matrix: Matrix,
    forms: int,
    *,
    seed: int = 0,
    seconds: float = 60.0,
    gap: float = 1e-6,
    first: bool = False,
    watch: Watch | None = None,
) -> WholeForms | None:
    """The best forms, or None when there are none, proved. Raises `SolverGaveUp` after `seconds` without any.

    Best: the highest worst goal; without goals the smallest spread of the difficulty sum. `first`: any forms will do.
    """
    program, x = _program(matrix, forms)
    if not first:
        last = _add_goal(program, matrix, forms, x) if matrix.goals else _add_spread(program, matrix, x)
        if not matrix.goals:
            random = np.random.default_rng(
                seed
            )  # among equally good ones the seed decides: all such costs together below one grade
            for columns in x:
                for column in columns:
                    program.cost[column] = float(random.random()) * 0.4 / max(1.0, forms * float(matrix.quota.sum()))
    absolute = 1e-6 if matrix.goals else 0.5
    answer = minimise(program, absolute_gap=absolute, relative_gap=gap, seconds=seconds, any_will_do=True, watch=watch)
    if answer.x is None:
        return None
    found = tuple(tuple(u for u, column in enumerate(columns) if answer.x[column] > 0.5) for columns in x)
    if first:
        return WholeForms(found, 0.0, 0.0)
    value = float(answer.x[last])
    return WholeForms(found, value, -answer.bound if matrix.goals else max(0.0, float(np.ceil(answer.bound - 0.5))))


def buy_whole(matrix: Matrix, forms: int, fresh: Flags, cost: Floats, *, seconds: float = 20.0) -> tuple[Ints, float] | None:
    """The cheapest `fresh` units (as many of each as wanted) beside the others: how many of each, and the proved least cost.

    None: no number of them is enough. Raises `SolverGaveUp`.
    """
    program, x = _program(matrix, forms, fresh)
    for columns in x:
        for u in np.flatnonzero(fresh):
            program.cost[columns[int(u)]] = float(cost[u])
            program.upper[columns[int(u)]] = float(matrix.quota.sum())
    answer = minimise(program, absolute_gap=0.5, seconds=seconds, any_will_do=True)
    if answer.x is None:
        return None
    counts = sum(np.rint(answer.x[columns.start : columns.stop]).astype(np.int64) for columns in x)
    return np.where(fresh, counts, 0), answer.bound


def _program(matrix: Matrix, forms: int, fresh: Flags | None = None) -> tuple[Program, list[range]]:
    program = Program()
    x = [program.variables(matrix.size, upper=1.0) for _ in range(forms)]
    filled = [np.flatnonzero(matrix.columns[:, r]) for r in range(matrix.columns.shape[1])]
    for columns in x:
        for r, inside in enumerate(filled):
            values = (matrix.columns[inside, r] * matrix.scale[r]).tolist()
            low, high = matrix.low[r] * matrix.scale[r], matrix.high[r] * matrix.scale[r]
            program.row(float(low), [columns[int(u)] for u in inside], values, float(high))
        for clique in matrix.enemies:
            program.row(0.0, [columns[u] for u in clique], [1.0] * len(clique), 1.0)
    for u in range(matrix.size) if fresh is None else (int(u) for u in np.flatnonzero(~fresh)):
        program.row(0.0, [columns[u] for columns in x], [1.0] * forms, 1.0)
    for family in matrix.families:
        program.row(0.0, [columns[u] for columns in x for u in family], [1.0] * (forms * len(family)), 1.0)
    return program, x


def _add_goal(program: Program, matrix: Matrix, forms: int, x: list[range]) -> int:
    """t <= every goal of every form, divided by its worth; minimise -t."""
    t = program.variables(1, cost=-1.0, integer=False)[0]
    for columns in x:
        for g, worth in zip(matrix.goals, matrix.worth, strict=True):
            inside = np.flatnonzero(matrix.columns[:, g])
            values = (matrix.columns[inside, g] / worth).tolist()
            program.row(0.0, [*(columns[int(u)] for u in inside), t], [*values, -1.0], np.inf)
    return t


def _add_spread(program: Program, matrix: Matrix, x: list[range]) -> int:
    """A variable not less than the difference of any two forms' difficulty sums."""
    spread = program.variables(1, cost=1.0)[0]
    floor = program.variables(1, integer=False)[0]
    weights = matrix.columns[:, matrix.grade].tolist()
    for columns in x:
        program.row(0.0, [*columns, floor], [*weights, -1.0], np.inf)
        program.row(0.0, [spread, floor, *columns], [1.0, 1.0, *(-w for w in weights)], np.inf)
    return spread
