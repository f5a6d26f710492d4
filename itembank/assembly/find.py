"""Which way to the forms: the strategy, top to bottom.

1. Small pools go to an exact integer program: over cells where items are interchangeable (`exact`), else over units (`whole`).
2. Larger ones: the relaxation comes first; it takes a fraction of a second and proves what is impossible. A wish for
   information beyond the bank is lowered to what it says there is, less 2 %, and the result says so.
3. Then the search: for a goal (most information in the worst form) from below its proved bound; without one for the demands and
   for equally hard forms.
4. What is neither found nor impossible goes to an integer program on the relaxation's support, then is *not found*.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from itembank.assembly.exact import find_forms
from itembank.assembly.matrix import Groups, Matrix, build_matrix
from itembank.assembly.model import build
from itembank.assembly.pool_item import PoolItem
from itembank.assembly.relax import Relaxed, relax
from itembank.assembly.search import State, Tell, search
from itembank.assembly.solve import SolverGaveUp, Watch
from itembank.assembly.whole import solve_whole
from itembank.blueprint import BlueprintBody, InformationDemand

CELLS: Final = 3000
"""Cells × forms up to which the integer program over cells is quick."""
_UNITS: Final = 900
"""Units × forms up to which the one over units is."""
_EXACT_SECONDS: Final = 20.0
_FALLBACK_SECONDS: Final = 60.0
_FALLBACK_UNITS: Final = 3000
_APPROACH: Final = (0.994, 0.98, 0.95)
"""Shares of the proved bound a goal is tried at, one after the other."""
_AROUND: Final = 2
"""Near a goal's bound only units near the relaxation's answer are of use: so many times what the forms take."""
_REACHABLE: Final = 0.98

_QUICK: Final = 80
"""Swaps a form from a random beginning, three times what mostly is enough; then it begins at the relaxation's answer."""

Method = Literal["exact", "search", "restricted"]
Objective = Literal["spread", "information"]


@dataclass(frozen=True, slots=True)
class Lowered:
    """A wish for information at `ability` (hundredths) that the bank cannot meet, and what was asked instead (thousandths)."""

    ability: int
    wished: int
    given: int


@dataclass(frozen=True, slots=True)
class Assembled:
    """`forms[f]` are positions in the pool.

    `objective` spread: `value` is the difficulty sum of the hardest form minus the easiest one's, no k forms have less than
    `bound`. Information: `value` is the least information of any form at any goal, no k forms have more than `bound`.
    `body` is the blueprint that was met: the one asked, but for `lowered`.
    """

    forms: Groups
    objective: Objective
    value: float
    bound: float
    method: Method
    steps: int
    body: BlueprintBody
    lowered: tuple[Lowered, ...] = ()

    @property
    def gap(self) -> float:
        """How far from the bound: grades for the spread, a share for information."""
        if self.objective == "spread":
            return max(0.0, self.value - self.bound)
        return max(0.0, (self.bound - self.value) / self.bound) if self.bound > 0 else 0.0


@dataclass(frozen=True, slots=True)
class NoForms:
    """No forms. `proved`: there are none; else they were not found within the time allowed."""

    proved: bool


def assemble(
    pool: Sequence[PoolItem],
    body: BlueprintBody,
    forms: int,
    seed: int,
    *,
    enemies: Iterable[Iterable[int]] = (),
    tell: Tell = lambda _state: None,
) -> Assembled | NoForms:
    """`forms` disjoint forms of `pool` under `body`; `enemies` are cliques of item ids.

    The same arguments give the same forms. What `tell` raises ends it.
    """
    cliques = [tuple(clique) for clique in enemies]
    if is_alike(pool, body, cliques):
        model = build(pool, body)
        if len(model.cells) * forms <= CELLS:
            try:
                solution = find_forms(model, pool, forms, seed, _watching(tell))
            except SolverGaveUp:
                solution = None
            else:
                if solution is None:
                    return NoForms(proved=True)
                return Assembled(solution.forms, "spread", solution.spread, solution.bound, "exact", 0, body)
    matrix = build_matrix(pool, body, cliques)
    found = _best(matrix, forms, seed, body, tell)
    if isinstance(found, Assembled):
        return replace(found, forms=_positions(matrix, found.forms, pool))
    return found


def _watching(tell: Tell) -> Watch:
    """A solver's standing as a state of the assembly, told once before it begins."""
    tell(State(0.0, "program"))
    return lambda standing: tell(State(standing.share, "program", value=standing.value, bound=standing.bound))


def is_alike(pool: Sequence[PoolItem], body: BlueprintBody, enemies: Sequence[Sequence[int]]) -> bool:
    """Whether questions that are counted alike are interchangeable: then cells say everything."""
    return not enemies and body.words is None and not body.information and not any(item.stimulus for item in pool)


def exist(pool: Sequence[PoolItem], body: BlueprintBody, forms: int, enemies: Sequence[Sequence[int]]) -> bool:
    """Whether forms are found at all, however unlike in difficulty."""
    matrix = build_matrix(pool, body, enemies)
    if matrix.size * forms > _UNITS:
        relaxed = relax(matrix, forms)
        if relaxed.impossible:
            return False
        if search(matrix, forms, 0, first=relaxed.z, steps=2 * _QUICK * forms, starts=1) is not None:
            return True
    return isinstance(assemble(pool, body, forms, 0, enemies=enemies), Assembled)


def _positions(matrix: Matrix, forms: Groups, pool: Sequence[PoolItem]) -> Groups:
    return tuple(tuple(sorted((p for u in form for p in matrix.units[u]), key=pool.__getitem__)) for form in forms)


def _best(matrix: Matrix, forms: int, seed: int, body: BlueprintBody, tell: Tell) -> Assembled | NoForms:
    if matrix.size * forms <= _UNITS:
        small = _small(matrix, forms, seed, body, tell)
        if small is not None:
            return small
    if matrix.goals:
        return _with_goal(matrix, forms, seed, body, tell)
    relaxed = relax(matrix, forms, seed, tell=tell)
    if relaxed.impossible:
        wishes = tuple(demand for demand in body.information if demand.low)
        return _lowered(matrix, forms, seed, body, tell) if wishes else NoForms(proved=True)
    hard = _equally_hard(matrix)
    hit = (
        search(hard, forms, seed, steps=_QUICK * forms, starts=1, tell=tell)
        or search(hard, forms, seed, first=relaxed.z, tell=tell)
        or search(matrix, forms, seed + 1, tell=tell)
    )
    if hit is not None:
        return Assembled(hit.forms, "spread", _spread(matrix, hit.forms), 0.0, "search", hit.steps, body)
    return _restricted(matrix, relaxed, forms, body, tell)


def _small(matrix: Matrix, forms: int, seed: int, body: BlueprintBody, tell: Tell) -> Assembled | NoForms | None:
    """Exactly; None when the time was too short, or when wishes for information may have to be lowered."""
    try:
        whole = solve_whole(matrix, forms, seed=seed, seconds=_EXACT_SECONDS, watch=_watching(tell))
    except SolverGaveUp:
        return None
    if whole is None:
        return None if any(demand.low for demand in body.information) else NoForms(proved=True)
    if matrix.goals:
        return Assembled(whole.forms, "information", _worst(matrix, whole.forms), whole.bound, "exact", 0, body)
    return Assembled(whole.forms, "spread", _spread(matrix, whole.forms), whole.bound, "exact", 0, body)


def _with_goal(matrix: Matrix, forms: int, seed: int, body: BlueprintBody, tell: Tell) -> Assembled | NoForms:
    relaxed = relax(matrix, forms, seed, tell=tell)
    if relaxed.impossible:
        wishes = any(demand.low for demand in body.information)
        return _lowered(matrix, forms, seed, body, tell) if wishes else NoForms(proved=True)
    if relaxed.bound is None:
        return NoForms(proved=False)
    per_form = int(matrix.quota.sum())
    support = relaxed.support(_AROUND * forms * per_form)
    part, first = matrix.only(support), relaxed.z[support]
    for share in _APPROACH:
        low = matrix.low.copy()
        low[list(matrix.goals)] = relaxed.bound * share * np.array(matrix.worth)
        hit = search(part.within(low, matrix.high), forms, seed, first=first, tell=tell, steps=6000)
        if hit is not None:
            chosen = tuple(tuple(int(support[u]) for u in form) for form in hit.forms)
            return Assembled(chosen, "information", _worst(matrix, chosen), relaxed.bound, "search", hit.steps, body)
    return _restricted(matrix, relaxed, forms, body, tell)


def _restricted(matrix: Matrix, relaxed: Relaxed, forms: int, body: BlueprintBody, tell: Tell) -> Assembled | NoForms:
    """The integer program on the relaxation's support. That it has no forms proves nothing about the others."""
    support = relaxed.support(max(_FALLBACK_UNITS // forms, 1))
    part = matrix.only(support)
    try:
        watch = _watching(tell)
        whole = solve_whole(part, forms, seconds=_FALLBACK_SECONDS, gap=0.01, first=not matrix.goals, watch=watch)
    except SolverGaveUp:
        return NoForms(proved=False)
    if whole is None:
        return NoForms(proved=len(support) == matrix.size)
    chosen = tuple(tuple(int(support[u]) for u in form) for form in whole.forms)
    if matrix.goals and relaxed.bound is not None:
        return Assembled(chosen, "information", _worst(matrix, chosen), relaxed.bound, "restricted", 0, body)
    return Assembled(chosen, "spread", _spread(matrix, chosen), 0.0, "restricted", 0, body)


def _lowered(matrix: Matrix, forms: int, seed: int, body: BlueprintBody, tell: Tell) -> Assembled | NoForms:
    """Ask for the share of every wish that the relaxation says there is, less 2 %: declared, and met like any other demand."""
    wished, relaxed = _relax_wishes(matrix, forms, seed, body, tell)
    if relaxed.impossible:
        return NoForms(proved=True)
    share = min(1.0, relaxed.bound or 0.0) * _REACHABLE
    less = replace_information(body, share)
    given = matrix.low.copy(), matrix.high.copy()
    for row, demand in zip(wished, (d for d in less.information if d.low is not None), strict=False):
        given[0][row] = (demand.low or 0) / 1000
        given[1][row] = np.inf if demand.high is None else demand.high / 1000
    changes = tuple(
        Lowered(old.ability, old.low, new.low or 0)
        for old, new in zip(body.information, less.information, strict=True)
        if old.low
    )
    reachable = replace(matrix.within(*given), goals=(), worth=())
    hit = search(reachable, forms, seed, tell=tell)
    if hit is not None:
        return Assembled(hit.forms, "spread", _spread(matrix, hit.forms), 0.0, "search", hit.steps, less, changes)
    other = _restricted(reachable, relaxed, forms, less, tell)
    return replace(other, lowered=changes) if isinstance(other, Assembled) else NoForms(proved=False)


def _relax_wishes(matrix: Matrix, forms: int, seed: int, body: BlueprintBody, tell: Tell) -> tuple[tuple[int, ...], Relaxed]:
    """The rows wished for, and the relaxation whose goal is the same share of all of them."""
    first = matrix.columns.shape[1] - len(body.information)
    wished = tuple(first + n for n, demand in enumerate(body.information) if demand.low)
    low, high = matrix.low.copy(), matrix.high.copy()
    low[list(wished)], high[list(wished)] = 0.0, np.inf
    worth = tuple(float(matrix.low[row]) for row in wished)
    return wished, relax(replace(matrix, low=low, high=high, goals=wished, worth=worth), forms, seed, tell=tell)


def share_of_wishes(matrix: Matrix, forms: int, body: BlueprintBody, tell: Tell) -> float:
    """How much of every wish for information the relaxation says there is, 1 for all."""
    return min(1.0, _relax_wishes(matrix, forms, 0, body, tell)[1].bound or 0.0)


def replace_information(body: BlueprintBody, share: float) -> BlueprintBody:
    """The same blueprint with this share of every wish for information."""

    def part(amount: int | None) -> int | None:
        return None if amount is None else int(amount * share)

    demands = tuple(
        InformationDemand(ability=d.ability, low=part(d.low), high=part(d.high)) if d.low else d for d in body.information
    )
    return body.model_copy(update={"information": demands})


def _equally_hard(matrix: Matrix) -> Matrix:
    """The difficulty sum of every form pinned to one whole number: what a form has on average, within the bounds."""
    mean = [
        matrix.columns[matrix.columns[:, k] > 0, matrix.grade].mean() if matrix.size else 0.0 for k in range(len(matrix.quota))
    ]
    low, high = matrix.low.copy(), matrix.high.copy()
    wanted = float(np.round(np.clip(np.dot(mean, matrix.quota), np.ceil(low[matrix.grade]), np.floor(high[matrix.grade]))))
    low[matrix.grade] = high[matrix.grade] = wanted
    return matrix.within(low, high)


def _spread(matrix: Matrix, forms: Groups) -> float:
    sums = [float(matrix.columns[list(form), matrix.grade].sum()) for form in forms]
    return max(sums) - min(sums)


def _worst(matrix: Matrix, forms: Groups) -> float:
    goals = list(matrix.goals)
    return min(float((matrix.columns[np.ix_(list(form), goals)].sum(axis=0) / matrix.worth).min()) for form in forms)
