"""The only file that knows the solver (HiGHS, through highspy): integer programs whole, linear ones column by column.

One thread, gaps instead of time limits: the same program gives the same answer on any machine; a run that meets the emergency
time limit says so (`SolverGaveUp`).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import highspy
import numpy as np
from numpy.typing import NDArray

from itembank.errors import ItemBankError, msg

THREADS: Final = 1
"""One count for the whole process: a second solver object with another count returns "Not Set" without a word."""
TIME_LIMIT_S: Final = 120.0
_LOOK_S: Final = 0.25


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
class Standing:
    """How an integer program stands: the best found (None: nothing yet), what is proved, the share of the time that is gone."""

    value: float | None
    bound: float | None
    share: float


Watch = Callable[[Standing], None]
"""Told some times a second; what it raises ends the program and comes out of `minimise`."""


def minimise(
    program: Program,
    *,
    relative_gap: float = 0.0,
    absolute_gap: float = 1e-6,
    start: NDArray[np.float64] | None = None,
    whole: bool = True,
    seconds: float = TIME_LIMIT_S,
    any_will_do: bool = False,
    watch: Watch | None = None,
) -> Answer:
    """Solve; `whole=False` solves the linear relaxation. Raises `SolverGaveUp` unless solved or proved infeasible.

    `any_will_do`: what was found within `seconds` is taken, with the bound proved so far.
    """
    solver = _solver(relative_gap, absolute_gap, seconds)
    solver.passModel(_as_lp(program, whole))
    if start is not None:
        guess = highspy.HighsSolution()
        guess.col_value = start.tolist()
        solver.setSolution(guess)
    if watch is not None:
        _run_watched(solver, watch, seconds)
    else:
        solver.run()
    status = solver.getModelStatus()
    if status in {highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible}:
        return Answer(None)
    info = solver.getInfo()
    enough = any_will_do and info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if status != highspy.HighsModelStatus.kOptimal and not enough:
        raise SolverGaveUp(solver.modelStatusToString(status))
    bound = info.mip_dual_bound if whole else info.objective_function_value
    return Answer(np.array(solver.getSolution().col_value), info.objective_function_value, bound)


def _run_watched(solver: highspy.Highs, watch: Watch, seconds: float) -> None:
    """Solve, looking up now and then. The answer does not depend on it."""
    raised: list[BaseException] = []
    last = time.monotonic()

    def look(event: highspy.highs.HighsCallbackEvent) -> None:
        nonlocal last
        if not raised and time.monotonic() - last > _LOOK_S:
            last = time.monotonic()
            out = event.data_out
            try:
                watch(Standing(_finite(out.mip_primal_bound), _finite(out.mip_dual_bound), min(1.0, out.running_time / seconds)))
            except BaseException as error:  # it must not cross the solver's own frames
                raised.append(error)
        if raised:
            event.interrupt()

    solver.cbMipInterrupt.subscribe(look)
    solver.run()
    solver.cbMipInterrupt.clear()  # type: ignore[no-untyped-call]
    if raised:
        raise raised[0]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _solver(relative_gap: float, absolute_gap: float, seconds: float = TIME_LIMIT_S) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates all but its constructor
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": THREADS,
        "random_seed": 0,
        "time_limit": seconds,
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


Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Priced:
    """A linear answer: value of every column and price (dual) of every row."""

    objective: float
    x: Floats
    prices: Floats


class GrowingProgram:
    """Minimise cost · x with row_low <= A x <= row_high, 0 <= x <= upper, where columns and rows come as they are needed.

    Every row has two elastic columns that cost `elastic[row]` a unit (the first rows columns hold what is missed below, the next
    what is too much), so there always is an answer. The basis is kept from one answer to the next.
    """

    def __init__(self, row_low: Floats, row_high: Floats, elastic: Floats) -> None:
        self._solver = _solver(0.0, 0.0)
        # Dual simplex at each start: after new columns the basis is still dual feasible only in part; presolve would lose it.
        self._solver.setOptionValue("presolve", "off")
        self._elastic = float(elastic.max(initial=0.0))
        nothing: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._rows = len(row_low)
        self._solver.addRows(self._rows, row_low, row_high, 0, nothing, nothing, np.zeros(0))
        self._first: list[int] = []
        self._columns = 0
        every = np.eye(self._rows)
        for sign in (1.0, -1.0):
            self.add_columns(sign * every, elastic, np.full(self._rows, np.inf))

    def add_columns(self, dense: Floats, cost: Floats, upper: Floats) -> range:
        """Add columns (new × rows so far); their indices."""
        many = len(dense)
        line, row = np.nonzero(dense)
        starts = np.searchsorted(line, np.arange(many)).astype(np.int32)
        values = dense[line, row]
        self._solver.addCols(many, cost, np.zeros(many), upper, len(values), starts, row.astype(np.int32), values)
        first, self._columns = self._columns, self._columns + many
        return range(first, first + many)

    def add_row(self, high: float, columns: Sequence[int]) -> None:
        """Add Σ x[columns] <= high (with an elastic column of its own)."""
        self._solver.addRow(-highspy.kHighsInf, high, len(columns), np.array(columns, dtype=np.int32), np.ones(len(columns)))
        self._rows += 1
        self._solver.addCol(
            self._elastic, 0.0, highspy.kHighsInf, 1, np.array([self._rows - 1], dtype=np.int32), np.array([-1.0])
        )
        self._columns += 1

    def solve(self) -> Priced:
        """The answer for what is there now. Raises `SolverGaveUp`."""
        self._solver.run()
        status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverGaveUp(self._solver.modelStatusToString(status))
        found = self._solver.getSolution()
        return Priced(self._solver.getInfo().objective_function_value, np.array(found.col_value), np.array(found.row_dual))
