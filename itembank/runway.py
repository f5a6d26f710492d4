"""How long a bank lasts: how many more paper sets of a blueprint it can give, and what runs dry first.

One linear relaxation, whatever the size: k sets of f forms average to `z` with k·f·low <= A z <= k·f·high and z within the
supply; maximise k (van der Linden's shadow-test bound in its simplest form). It is a bound from above; the
explanation of the set after the last is exact.
"""

import math
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session

from itembank.assembly.explain import count_demands, count_shortages, smallest_mend
from itembank.assembly.explanation import Demand, Explanation
from itembank.assembly.model import Model, build_with_room
from itembank.assembly.solve import Program, minimise
from itembank.attributes import NO_SOURCES, Sources
from itembank.papers import load_case


@dataclass(frozen=True, slots=True)
class Runway:
    """`sets` more paper sets of `forms` forms at most; `next_missing` says what the set after them lacks."""

    sets: int
    forms: int
    free_items: int
    spent_items: int
    next_missing: Explanation
    demands: tuple[Demand, ...]
    """Each demand of one set against what is there; `lasts` says for how many sets."""


def runway(db: Session, blueprint_id: int, *, forms: int | None = None, sources: Sources = NO_SOURCES) -> Runway:
    """The runway of a bank under one of its blueprints. Loads the solver: child process only. Raises `NotFound`."""
    case = load_case(db, blueprint_id, sources)
    each = forms or case.body.forms
    model = build_with_room(case.pool.free, case.body, case.topics)
    sets = math.floor(most_forms(model) / each + 1e-6)
    wanted = (sets + 1) * each
    shortages = count_shortages(case.pool.free, case.pool.spent, case.body, wanted)
    mends = smallest_mend(model, case.body, wanted, together=True) or ()
    demands = count_demands(case.pool.free, case.pool.spent, case.body, each)
    return Runway(sets, each, len(case.pool.free), len(case.pool.spent), Explanation(shortages, mends), demands)


def most_forms(model: Model) -> float:
    """The most forms the relaxation allows; no more exist."""
    program = Program()
    z = program.variables(len(model.cells), integer=False)
    for c, column in enumerate(z):
        program.upper[column] = float(model.supply[c])
    n = program.variables(1, cost=-1.0, upper=float(model.supply.sum()), integer=False)[0]
    for r in range(len(model.rows)):
        inside = [z[int(c)] for c in np.flatnonzero(model.counts[r])]
        ones = [1.0] * len(inside)
        program.row(0.0, [*inside, n], [*ones, -float(model.low[r])], np.inf)
        program.row(-np.inf, [*inside, n], [*ones, -float(model.high[r])], 0.0)
    weights = [100.0 * float(value) for value in model.difficulty]
    program.row(0.0, [*z, n], [*weights, -float(model.difficulty_low)], np.inf)
    program.row(-np.inf, [*z, n], [*weights, -float(model.difficulty_high)], 0.0)
    for tie in model.ties:
        program.row(0.0, [z[c] for c in tie], [1.0] * len(tie), 1.0)
    answer = minimise(program, whole=False)
    return 0.0 if answer.x is None else -answer.objective
