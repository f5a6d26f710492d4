"""All k forms at once by swapping: reaches every row of every form, or gives up. Pure numpy, one thread, no proof.

Never form by form: the last form of a sequential run gets what the others left. The state is which form each unit is in,
a forms × rows matrix of sums and a forms × cliques matrix of counts. A step takes a form that misses something, the
units whose going would help it most, a sample of units of the same class from anywhere (unused, or in another form: then
the two change places), looks at what every pair would do to all rows, and takes the best. One that makes it worse by d is
taken with probability exp(-d / 0.08) (simulated annealing at one temperature: Kirkpatrick, Gelatt and Vecchi 1983), and who
has just gone does not come back for a while (tabu search: Glover 1989). The same matrix and seed give the same forms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from itembank.assembly.matrix import Floats, Groups, Matrix
from itembank.assembly.model import Ints

Tell = Callable[[float], None]
"""Told now and then how much of the search's allowance is gone (0 to 1). Raising ends the search: that is how to cancel."""

_TEMPERATURE: Final = 0.08
_OUTGOING: Final = 16
_SEEN: Final = 384
_WEIGHED: Final = 40
_TABU: Final = 12
_NEAR: Final = 1e-9
_EVERY: Final = 32
_STARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """`forms[f]` are unit numbers. `steps` as many swaps were tried."""

    forms: tuple[tuple[int, ...], ...]
    steps: int


def search(
    matrix: Matrix,
    forms: int,
    seed: int,
    *,
    first: Floats | None = None,
    steps: int = 20_000,
    tell: Tell = lambda _share: None,
) -> Found | None:
    """Forms that meet every row, or None after `steps` swaps: which proves nothing.

    `first` (units): begin with those that have most of it, such as a relaxation's answer.
    """
    random = np.random.default_rng(seed)
    done = 0
    for start in range(_STARTS):
        state = _State.deal(matrix, forms, random, first)
        if state is None:
            continue
        limit = steps * (start + 1) // _STARTS
        while state.worst() > _NEAR:
            if done >= limit:
                break
            if done % _EVERY == 0:
                tell(done / steps)
            state.step()
            done += 1
        else:
            return Found(tuple(tuple(sorted(int(u) for u in members)) for members in state.members), done)
    return None


class _State:
    """Who is where, and the sums that follow from it."""

    def __init__(self, matrix: Matrix, members: Sequence[Sequence[int]], random: np.random.Generator) -> None:
        self.matrix, self.random = matrix, random
        self.members = [np.array(units, dtype=np.int64) for units in members]
        self.where = np.full(matrix.size, -1, dtype=np.int64)
        for f, units in enumerate(self.members):
            self.where[units] = f
        self.sums = np.array([matrix.columns[units].sum(axis=0) for units in self.members])
        self.classes = [np.flatnonzero(matrix.kinds == k) for k in range(len(matrix.singles))]
        self.enemies = _Cliques(matrix.enemies, matrix.size, self.members)
        self.families = _Cliques(matrix.families, matrix.size, [np.concatenate(self.members)])
        self.tabu = np.zeros(matrix.size, dtype=np.int64)
        self.clock = 0
        self.missed = np.array([self._penalty(row) for row in self.sums])

    @classmethod
    def deal(cls, matrix: Matrix, forms: int, random: np.random.Generator, first: Floats | None) -> "_State | None":
        """A start with the right kinds and no conflicts; None when this draw does not come out."""
        quotas = np.tile(matrix.quota, (forms, 1))
        members: list[list[int]] = [[] for _ in range(forms)]
        order = random.permutation(matrix.size)
        if first is not None:
            order = order[np.argsort(-first[order], kind="stable")]
        sizes = matrix.singles.sum(axis=1)[matrix.kinds[order]] if matrix.size else np.zeros(0, dtype=np.int64)
        big, small = order[sizes > 1], order[sizes == 1]
        share = _share(matrix)
        room = dict(enumerate(share))
        taken = _Taken(matrix, forms)
        for units, limited in ((big, True), (small, False)):
            for unit in units:
                brings = matrix.singles[matrix.kinds[unit]]
                fits = [f for f in np.argsort(-quotas.sum(axis=1), kind="stable") if (brings <= quotas[f]).all()]
                for f in fits:
                    k = int(matrix.kinds[unit])
                    if limited and sum(int(matrix.kinds[u]) == k for u in members[f]) >= room[k]:
                        continue
                    if taken.may(int(unit), int(f)):
                        taken.take(int(unit), int(f))
                        members[f].append(int(unit))
                        quotas[f] -= brings
                        break
                if not quotas.any():
                    return cls(matrix, members, random)
        return cls(matrix, members, random) if not quotas.any() else None

    def worst(self) -> float:
        """What the worst form misses; 0 when every row of every form is met."""
        return float(self.missed.max())

    def _penalty(self, sums: Floats) -> Floats:
        m = self.matrix
        away = np.maximum(np.maximum(m.low - sums, sums - m.high), 0.0)
        away[away < _NEAR] = 0.0
        return np.asarray(away @ m.scale)

    def step(self) -> None:
        """One swap for one form that misses something."""
        m, random = self.matrix, self.random
        self.clock += 1
        f = int(random.choice(len(self.missed), p=self.missed / self.missed.sum()))
        sums = self.sums[f]
        wish = np.where(sums < m.low - _NEAR, m.scale, np.where(sums > m.high + _NEAR, -m.scale, 0.0))
        mine = self.members[f]
        relief = m.columns[mine] @ wish + random.random(len(mine)) * 0.3
        out = mine[np.argsort(relief)[:_OUTGOING]]
        best: tuple[float, int, int] | None = None
        for k in np.unique(m.kinds[out]):
            pairs = self._pairs(f, out[m.kinds[out] == k], wish, int(k))
            if pairs is not None and (best is None or pairs[0] < best[0]):
                best = pairs
        if best is not None and (best[0] < 0 or random.random() < np.exp(-best[0] / _TEMPERATURE)):
            self._swap(f, best[1], best[2])

    def _pairs(self, f: int, out: Ints, wish: Floats, k: int) -> tuple[float, int, int] | None:
        """The best exchange of one of `out` for one unit of class `k`: (change of the penalty, out, in)."""
        m, random = self.matrix, self.random
        pool = self.classes[k]
        seen = pool if len(pool) <= _SEEN else pool[random.integers(0, len(pool), _SEEN)]
        seen = seen[(self.where[seen] != f) & (self.tabu[seen] <= self.clock)]
        if not len(seen):
            return None
        promise = m.columns[seen] @ wish + random.random(len(seen)) * 0.3
        incoming = seen[np.argsort(-promise)[:_WEIGHED]] if len(seen) > _WEIGHED else seen
        swapped = m.columns[incoming][None, :, :] - m.columns[out][:, None, :]
        change = self._penalty(self.sums[f] + swapped) - self.missed[f]
        home = self.where[incoming]
        crossing = np.flatnonzero(home >= 0)
        if len(crossing):
            theirs = home[crossing]
            change[:, crossing] += self._penalty(self.sums[theirs][None] - swapped[:, crossing]) - self.missed[theirs]
        change[self._conflicts(f, out, incoming, home)] = np.inf
        place = int(np.argmin(change))
        o, i = divmod(place, len(incoming))
        return (float(change[o, i]), int(out[o]), int(incoming[i])) if np.isfinite(change[o, i]) else None

    def _conflicts(self, f: int, out: Ints, incoming: Ints, home: Ints) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
        bad = np.zeros((len(out), len(incoming)), dtype=bool)
        if self.enemies:
            bad |= self.enemies.clash(np.full(len(incoming), f), out, incoming)
            crossing = np.flatnonzero(home >= 0)
            for n, o in enumerate(out):
                if len(crossing):
                    back = self.enemies.clash_in(home[crossing], int(o), incoming[crossing])
                    bad[n, crossing] |= back
        if self.families:
            fresh = np.flatnonzero(home < 0)  # from another form it brings no new family
            if len(fresh):
                bad[:, fresh] |= self.families.clash(np.zeros(len(fresh), dtype=np.int64), out, incoming[fresh])
        return bad

    def _swap(self, f: int, out: int, new: int) -> None:
        m, home = self.matrix, int(self.where[new])
        self._replace(f, out, new)
        if home >= 0:
            self._replace(home, new, out)
        else:
            self.families.move(0, out, new)
        self.where[out], self.where[new] = home, f
        self.tabu[out] = self.clock + _TABU
        for g in {f, home} - {-1}:
            self.sums[g] = m.columns[self.members[g]].sum(axis=0)  # afresh: no rounding adds up
            self.missed[g] = self._penalty(self.sums[g])

    def _replace(self, f: int, out: int, new: int) -> None:
        self.members[f][self.members[f] == out] = new
        self.enemies.move(f, out, new)


def _share(matrix: Matrix) -> list[int]:
    """How many units of each class a form begins with at most, in proportion to what there is: only for stimulus sets."""
    have = np.bincount(matrix.kinds, minlength=len(matrix.singles))
    whole = np.maximum(have @ matrix.singles, 1)
    part = matrix.quota / whole
    return [max(1, round(float(n * part[brings > 0].min()))) for n, brings in zip(have, matrix.singles, strict=True)]


class _Taken:
    """While dealing: which families are gone, which cliques have somebody in which form."""

    def __init__(self, matrix: Matrix, forms: int) -> None:
        self.families = _of_unit(matrix.families)
        self.enemies = _of_unit(matrix.enemies)
        self.gone: set[int] = set()
        self.inside: list[set[int]] = [set() for _ in range(forms)]

    def may(self, unit: int, f: int) -> bool:
        """Whether it conflicts with nobody."""
        return not (
            any(family in self.gone for family in self.families.get(unit, ()))
            or any(clique in self.inside[f] for clique in self.enemies.get(unit, ()))
        )

    def take(self, unit: int, f: int) -> None:
        """Remember it."""
        self.gone.update(self.families.get(unit, ()))
        self.inside[f].update(self.enemies.get(unit, ()))


def _of_unit(groups: Groups) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for unit in group:
            found.setdefault(unit, []).append(number)
    return found


class _Cliques:
    """Counts of clique members by place (a form, or all forms together), and the cliques of each unit, padded."""

    def __init__(self, groups: Groups, size: int, places: Sequence[Ints]) -> None:
        of_unit = _of_unit(groups)
        width = max((len(numbers) for numbers in of_unit.values()), default=0)
        self.nobody = len(groups)
        self.of_unit = np.full((size, width), self.nobody, dtype=np.int64)
        for unit, numbers in of_unit.items():
            self.of_unit[unit, : len(numbers)] = numbers
        self.counts = np.zeros((len(places), len(groups) + 1), dtype=np.int64)
        for place, units in enumerate(places):
            np.add.at(self.counts[place], self.of_unit[units].ravel(), 1)
        self.counts[:, self.nobody] = 0

    def __bool__(self) -> bool:
        return self.nobody > 0

    def clash(self, places: Ints, out: Ints, incoming: Ints) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
        """out × incoming: whether the incoming one would meet an enemy at its place once the outgoing one has left it."""
        cliques = self.of_unit[incoming]
        met = self.counts[places[:, None], cliques]
        leaves = (cliques[None, :, :, None] == self.of_unit[out][:, None, None, :]).any(axis=-1) & (cliques != self.nobody)
        return np.asarray((met[None] - leaves > 0).any(axis=-1))

    def clash_in(self, homes: Ints, out: int, incoming: Ints) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Whether `out` would meet an enemy in the home of each incoming one, once that one has left it."""
        cliques = self.of_unit[out]
        met = self.counts[homes[:, None], cliques[None, :]]
        leaves = (cliques[None, :, None] == self.of_unit[incoming][:, None, :]).any(axis=-1) & (cliques != self.nobody)
        return np.asarray((met - leaves > 0).any(axis=-1))

    def move(self, place: int, out: int, new: int) -> None:
        """One leaves, another comes."""
        np.subtract.at(self.counts[place], self.of_unit[out], 1)
        np.add.at(self.counts[place], self.of_unit[new], 1)
        self.counts[place, self.nobody] = 0
