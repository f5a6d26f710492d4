"""Finds k disjoint forms at once, exactly. The only file that knows the solver (HiGHS, through highspy).

Whole numbers `x[cell, form]` say how many units of a cell a form takes. Two passes over the same rows:

1. the smallest possible *spread* of the difficulty sum between the easiest and the hardest form (parallel forms);
2. with that spread kept, the cheapest picks under costs drawn from the seed, so that another seed gives other forms.
   Scarce cells cost more: a bank is drawn down evenly.

Then units are drawn from the cells by the same seed. One thread, gaps instead of time limits: the same pool, blueprint
and seed give the same forms on any machine; a run that meets the emergency time limit says so (`SolverGaveUp`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import highspy
import numpy as np
from numpy.typing import NDArray

from itembank.assembly.model import Ints, Model, PoolItem
from itembank.errors import ItemBankError, msg

THREADS: Final = 1
"""One count for the whole process: a second solver object with another count returns "Not Set" without a word."""
TIME_LIMIT_S: Final = 120.0
_PICK_GAP: Final = 0.05


class SolverGaveUp(ItemBankError):
    """Neither an answer nor a proof that there is none, within the emergency time limit."""

    def __init__(self, status: str) -> None:
        super().__init__(msg("The solver gave up: %(status)s.", status=status))
        self.status = status


@dataclass(slots=True)
class Program:
    """Minimise cost · x with lower <= x <= upper, row_low <= A x <= row_high, grown row by row."""

    cost: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    row_low: list[float] = field(default_factory=list)
    row_high: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def variables(self, n: int, *, cost: float = 0.0, upper: float = highspy.kHighsInf, integer: bool = True) -> range:
        """Add `n` variables from 0 to `upper`; their indices."""
        first = len(self.cost)
        self.cost += [cost] * n
        self.lower += [0.0] * n
        self.upper += [upper] * n
        self.integer += [integer] * n
        return range(first, first + n)

    def row(self, low: float, columns: Sequence[int], values: Sequence[float], high: float) -> None:
        """Add low <= Σ values · x[columns] <= high."""
        self.row_low.append(low)
        self.row_high.append(high)
        self.columns += columns
        self.values += values
        self.starts.append(len(self.columns))


@dataclass(frozen=True, slots=True)
class Answer:
    """`x` is None when the program is proved infeasible. `bound`: no solution costs less."""

    x: NDArray[np.float64] | None
    objective: float = 0.0
    bound: float = 0.0


@dataclass(frozen=True, slots=True)
class Solution:
    """`forms[f]` are positions in the pool. `spread` is the difficulty sum of the hardest form minus the easiest one's.

    `bound`: no k forms of this pool have a smaller spread.
    """

    forms: tuple[tuple[int, ...], ...]
    spread: int
    bound: float


def find_forms(model: Model, pool: Sequence[PoolItem], forms: int, seed: int) -> Solution | None:
    """`forms` disjoint forms, or None when it is proved that there are none. Raises `SolverGaveUp`."""
    program, x = forms_program(model, forms)
    spread = _add_spread(program, model, x)
    program.cost[spread] = 1.0
    parallel = minimise(program)
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
    picked = minimise(program, relative_gap=_PICK_GAP, start=parallel.x)
    if picked.x is None:
        raise SolverGaveUp("the second pass lost the solution of the first")
    counts = np.rint(picked.x).astype(np.int64)
    taken = np.array([[counts[column] for column in x[f]] for f in range(forms)], dtype=np.int64)
    return Solution(_draw(model, pool, taken, random), least, round(parallel.bound, 6))


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
        program.row(0.0, [*columns, floor], [*weights, -1.0], highspy.kHighsInf)
        program.row(0.0, [spread, floor, *columns], [1.0, 1.0, *(-w for w in weights)], highspy.kHighsInf)
    return spread


def minimise(
    program: Program,
    *,
    relative_gap: float = 0.0,
    absolute_gap: float = 1e-6,
    start: NDArray[np.float64] | None = None,
    whole: bool = True,
) -> Answer:
    """Solve; `whole=False` solves the linear relaxation. Raises `SolverGaveUp` unless solved or proved infeasible."""
    solver = _solver(relative_gap, absolute_gap)
    solver.passModel(_as_lp(program, whole))
    if start is not None:
        guess = highspy.HighsSolution()
        guess.col_value = start.tolist()
        solver.setSolution(guess)
    solver.run()
    status = solver.getModelStatus()
    if status in {highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible}:
        return Answer(None)
    if status != highspy.HighsModelStatus.kOptimal:
        raise SolverGaveUp(solver.modelStatusToString(status))
    info = solver.getInfo()
    bound = info.mip_dual_bound if whole else info.objective_function_value
    return Answer(np.array(solver.getSolution().col_value), info.objective_function_value, bound)


def _solver(relative_gap: float, absolute_gap: float) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates all but its constructor
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": THREADS,
        "random_seed": 0,
        "time_limit": TIME_LIMIT_S,
        "mip_rel_gap": relative_gap,
        "mip_abs_gap": absolute_gap,
    }
    for name, value in options.items():
        solver.setOptionValue(name, value)
    return solver


def _as_lp(program: Program, whole: bool) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.cost), len(program.row_low)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_low, program.row_high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = program.starts, program.columns, program.values
    if whole:
        kind = highspy.HighsVarType
        lp.integrality_ = [kind.kInteger if i else kind.kContinuous for i in program.integer]
    return lp


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
