"""The proof: one linear relaxation whose size does not grow with the number of forms.

If k forms exist, the sum z of their 0/1 vectors, taken over units, has 0 <= z <= 1 and k·low <= A z <= k·high: they are disjoint.
So no k forms can be better than the best such z, and where there is no such z there are no k forms (van der Linden 2005,
Linear models for optimal test design, 6: the total over parallel forms is the relaxation). A family gives the row Σ z <= 1, an
enemy clique Σ z <= k; they are added when an answer breaks them, since they are many and few bind.

Solved by *sifting*: some thousand columns are given to the solver, all others are priced in numpy against its duals, and the ones
that would help are added (Bixby, Gregory, Lustig, Marsten and Shanno 1992). What proves the bound is not that this has
converged: any prices y give the bound y·b + Σ min(0, c - Aᵀy) by weak duality, so it may stop early and be honest.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from itembank.assembly.matrix import Floats, Matrix
from itembank.assembly.model import Ints
from itembank.assembly.search import State, Tell
from itembank.assembly.solve import GrowingProgram, Priced

_FIRST: Final = 3000
_MORE: Final = 1500
_ROUNDS: Final = 60
_CUTS: Final = 200
_TOLERANCE: Final = 1e-6
_ELASTIC: Final = 50.0
"""What a unit missed of a scaled row costs, in units of the largest goal an item can bring: more than any row can be worth."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """`impossible`: there are no such forms, proved. `bound`: no forms have a better worst goal (None where there is none).

    `z` (units) is the answer, `reduced` (units) what taking one more of a unit would cost: for `support`.
    """

    impossible: bool
    bound: float | None
    z: Floats
    reduced: Floats

    def support(self, many: int) -> Ints:
        """The `many` units the answer uses, or would use next; ascending."""
        order = np.lexsort((self.reduced, -self.z))
        return np.sort(order[: max(many, int((self.z > _TOLERANCE).sum()))])


def relax(matrix: Matrix, forms: int, seed: int = 0, *, gap: float = 2e-4, tell: Tell = lambda _state: None) -> Relaxed:
    """Solve the relaxation, with the goals if there are any. A goal stops within `gap` of its optimum (the bound holds)."""
    best = None
    if matrix.goals:
        best = _Sifter(matrix, forms, seed, matrix.goals).run(gap, tell)
        if best.missed <= _TOLERANCE:
            return Relaxed(False, best.bound, best.z, best.reduced)
    possible = _Sifter(matrix, forms, seed, ()).run(gap, tell)
    return Relaxed(possible.bound > _TOLERANCE, best.bound if best else None, possible.z, possible.reduced)


@dataclass(frozen=True, slots=True)
class Bent:
    """The cheapest way to have k forms after all, added up over them.

    `missed` (rows): what is short (positive) or too much (negative) of each row; `z` (units) what is taken; nothing costs less
    than `bound`.
    """

    missed: Floats
    z: Floats
    bound: float


def cheapest(
    matrix: Matrix,
    forms: int,
    elastic: Floats,
    *,
    cost: Floats | None = None,
    upper: Floats | None = None,
    seed: int = 0,
    tell: Tell = lambda _state: None,
) -> Bent:
    """Least of what is missed and taken: `elastic` (rows) prices a unit missed, `cost` (units) taking one, 0 to `upper` of it."""
    sifted = _Sifter(matrix, forms, seed, (), elastic / matrix.scale, cost, upper).run(1e-4, tell)
    return Bent(sifted.rows / matrix.scale, sifted.z, sifted.bound)


@dataclass(frozen=True, slots=True)
class _Sifted:
    bound: float
    missed: float
    rows: Floats
    z: Floats
    reduced: Floats


class _Sifter:
    """Rows scaled so that an item counts about 1; with goals, a last column t: Σ goal - k·t >= 0, minimise -t."""

    def __init__(
        self,
        matrix: Matrix,
        forms: int,
        seed: int,
        goals: tuple[int, ...],
        elastic: Floats | None = None,
        cost: Floats | None = None,
        upper: Floats | None = None,
    ) -> None:
        self.matrix, self.forms, self.goals = matrix, forms, goals
        self.scaled = matrix.columns * matrix.scale
        self.low = np.where(np.isfinite(matrix.low), matrix.low, 0.0) * matrix.scale * forms
        self.high = matrix.high * matrix.scale * forms
        self.unit = max((1 / matrix.scale[g] / w for g, w in zip(goals, matrix.worth, strict=False)), default=1.0)
        self.elastic = np.full(len(self.low), _ELASTIC if goals else 1.0) if elastic is None else elastic
        self.cost = np.zeros(matrix.size) if cost is None else cost
        self.upper = np.ones(matrix.size) if upper is None else upper
        self.priced = bool(goals) or cost is not None
        self.most = 0.0
        for g in goals:
            self.low[g], self.high[g] = 0.0, np.inf
        self.program = GrowingProgram(self.low, self.high, self.elastic)
        if goals:
            # t in units of the best single item: no form has more than its whole pool could give
            self.most = float((matrix.columns[:, list(goals)] / matrix.worth).sum(axis=0).max()) / self.unit
            column = np.zeros((1, len(self.low)))
            for g, worth in zip(goals, matrix.worth, strict=True):
                column[0, g] = -forms * matrix.scale[g] * self.unit * worth
            self.goal = self.program.add_columns(column, np.array([-1.0]), np.array([self.most]))[0]
            self.goal_column = column[0]
        self.place = np.full(matrix.size, -1, dtype=np.int64)
        self.groups: list[tuple[tuple[int, ...], float]] = []
        self.cut = np.zeros((matrix.size, 0))
        self._enter(self._start(np.random.default_rng(seed)))

    def _start(self, random: np.random.Generator) -> Ints:
        n = self.matrix.size
        if n <= _FIRST:
            return np.arange(n)
        worth = random.random(n)
        if self.goals:
            worth += 2 * (self.scaled[:, list(self.goals)]).mean(axis=1) / self.scaled[:, list(self.goals)].mean()
        return np.sort(np.argsort(-worth)[:_FIRST])

    def _enter(self, units: Ints) -> None:
        dense = np.hstack([self.scaled[units], self.cut[units]]) if self.groups else self.scaled[units]
        added = self.program.add_columns(dense, self.cost[units], self.upper[units])
        self.place[units] = np.arange(added.start, added.stop)

    def run(self, gap: float, tell: Tell) -> _Sifted:
        """Price and add until nothing helps, no row of a family or clique is broken, and the bound is met."""
        bound = -np.inf
        for turn in range(_ROUNDS):
            tell(State(turn / _ROUNDS, "relaxation", turn))
            answer = self.program.solve()
            reduced, lower = self._price(answer)
            bound = max(bound, lower)
            close = answer.objective - bound <= gap * max(abs(bound), 1e-3) * (1 if self.priced else 0) + _TOLERANCE / 10
            helps = np.flatnonzero((reduced < -1e-7) & (self.place < 0))
            done = close or not len(helps)
            if not done:
                self._enter(helps[np.argsort(reduced[helps])[:_MORE]])
            elif not self._add_cuts(answer):
                break
        inside = self.place >= 0
        z = np.zeros(self.matrix.size)
        z[inside] = answer.x[self.place[inside]]
        missed = answer.objective if not self.goals else (answer.objective + answer.x[self.goal]) / _ELASTIC
        value = -bound * self.unit if self.goals else bound
        short = len(self.low)
        rows = answer.x[:short] - answer.x[short : 2 * short]
        return _Sifted(float(value), float(missed), rows, z, reduced)

    def _price(self, answer: Priced) -> tuple[Floats, float]:
        """Reduced costs of all units, and the bound these prices prove."""
        rows = len(self.low)
        y = np.clip(answer.prices[:rows], -self.elastic, self.elastic)
        y[(y < 0) & np.isinf(self.high)] = 0.0
        y_cut = np.minimum(answer.prices[rows:], 0.0)
        reduced = self.cost - self.scaled @ y
        if self.groups:
            reduced -= self.cut @ y_cut
        lower = float(
            np.where(y > 0, y * self.low, np.where(y < 0, y * np.where(np.isinf(self.high), 0.0, self.high), 0.0)).sum()
        )
        lower += float(sum(price * most for price, (_members, most) in zip(y_cut, self.groups, strict=True)))
        lower += float((np.minimum(reduced, 0.0) * self.upper).sum())
        if self.goals:
            lower += min(0.0, -1.0 - float(self.goal_column @ y)) * self.most
        return reduced, lower

    def _add_cuts(self, answer: Priced) -> bool:
        inside = self.place >= 0
        z = np.zeros(self.matrix.size)
        z[inside] = answer.x[self.place[inside]]
        wanted = [(members, 1.0) for members in self.matrix.families] + [
            (members, float(self.forms)) for members in self.matrix.enemies
        ]
        broken = [(float(z[list(m)].sum()) - most, m, most) for m, most in wanted]
        broken = sorted((b for b in broken if b[0] > 1e-5), key=lambda b: (-b[0], b[1]))[:_CUTS]
        for _by, members, most in broken:
            self.program.add_row(most, [int(self.place[u]) for u in members if self.place[u] >= 0])
            self.groups.append((members, most))
        if broken:
            fresh = np.zeros((self.matrix.size, len(broken)))
            for n, (_by, members, _most) in enumerate(broken):
                fresh[list(members), n] = 1.0
            self.cut = np.hstack([self.cut, fresh])
        return bool(broken)
