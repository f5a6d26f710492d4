"""All k forms at once by swapping: reaches every row of every form, or gives up. Pure numpy, one thread, no proof.

Never form by form: the last form of a sequential run gets what the others left. The state is which form each unit is in,
a forms × rows matrix of sums and a forms × cliques matrix of counts. A step takes a form that misses something, some of its
units whose going would help, some thousand units of the same class from anywhere (unused, or in another form: then the two
change places) and takes the best pair. One that makes it worse by d is taken with probability exp(-d / t) (simulated annealing at
one temperature: Kirkpatrick, Gelatt and Vecchi 1983), and who has just gone does not come back for a while (tabu search:
Glover 1989). The same matrix and seed give the same forms.

What makes a step cheap: what a form misses is a sum over rows, and one question adds 0 or 1 to a counting row. So once a unit has
left, what any other would change is its row of the matrix times the *marginals* (what one more would change in each row): one
matrix product for all of them. Only the few rows that are no counts (words, information) are looked at pair by pair, and only the
best pairs in full.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from itembank.assembly.cliques import Cliques, Flags, Taken
from itembank.assembly.matrix import Floats, Matrix
from itembank.assembly.model import Ints

Stage = Literal["relaxation", "search", "program"]


@dataclass(frozen=True, slots=True)
class State:
    """How far it is: `share` (0 to 1) of the stage's allowance is gone.

    Of a search also the best so far: `met` of `forms` forms meet every demand, the others still miss `missed` in all. Of an
    integer program the best `value` found and the proved `bound`, where there are any.
    """

    share: float
    stage: Stage
    step: int = 0
    forms: int = 0
    met: int = 0
    missed: float = 0.0
    value: float | None = None
    bound: float | None = None


Tell = Callable[[State], None]
"""Told now and then how far it is. Raising ends the search: that is how to cancel."""

_TEMPERATURE: Final = 0.08
_OUTGOING: Final = 8
_SEEN: Final = 2048
_WEIGHED: Final = 48
_TABU: Final = 12
_NEAR: Final = 1e-9
_EVERY: Final = 32


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
    steps: int = 6_000,
    starts: int = 3,
    tell: Tell = lambda _state: None,
) -> Found | None:
    """Forms that meet every row, or None after `steps` swaps, shared by `starts` beginnings: which proves nothing.

    `first` (units): begin with those that have most of it, such as a relaxation's answer.
    """
    random = np.random.default_rng(seed)
    done, best = 0, (0, np.inf)
    for start in range(starts):
        members = deal(matrix, forms, random, first)
        if members is None:
            continue
        state = _State(matrix, members, random)
        limit = steps * (start + 1) // starts
        while state.worst() > _NEAR:
            if done >= limit:
                break
            if done % _EVERY == 0:
                best = max(best, state.standing(), key=lambda one: (one[0], -one[1]))
                tell(State(done / steps, "search", done, forms, best[0], round(best[1], 1)))
            state.step()
            done += 1
        else:
            return Found(tuple(tuple(sorted(int(u) for u in members)) for members in state.members), done)
    return None


def deal(matrix: Matrix, forms: int, random: np.random.Generator, first: Floats | None) -> list[list[int]] | None:
    """A start with the right kinds and no conflicts; None when this draw does not come out."""
    quotas = np.tile(matrix.quota, (forms, 1))
    members: list[list[int]] = [[] for _ in range(forms)]
    order = random.permutation(matrix.size)
    if first is not None:
        # Dealt in the order of what they count for, those alike go to all forms evenly.
        alike = matrix.columns[order] @ (0.5 ** np.arange(matrix.columns.shape[1]))
        order = order[np.lexsort((alike, -np.round(2 * first[order])))]
    sizes = matrix.singles.sum(axis=1)[matrix.kinds[order]] if matrix.size else np.zeros(0, dtype=np.int64)
    big, small = order[sizes > 1], order[sizes == 1]
    room = dict(enumerate(_share(matrix)))
    taken = Taken(matrix, forms)
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
                return members
    return members if not quotas.any() else None


def _share(matrix: Matrix) -> list[int]:
    """How many units of each class a form begins with at most, in proportion to what there is: only for stimulus sets."""
    have = np.bincount(matrix.kinds, minlength=len(matrix.singles))
    whole = np.maximum(have @ matrix.singles, 1)
    part = matrix.quota / whole
    return [max(1, round(float(n * part[brings > 0].min()))) for n, brings in zip(have, matrix.singles, strict=True)]


class _State:
    """Who is where, and the sums that follow from it."""

    def __init__(self, matrix: Matrix, members: Sequence[Sequence[int]], random: np.random.Generator) -> None:
        self.matrix, self.random = matrix, random
        self.members = [np.array(units, dtype=np.int64) for units in members]
        self.where = np.full(matrix.size, -1, dtype=np.int64)
        for f, units in enumerate(self.members):
            self.where[units] = f
        self.sums = np.array([matrix.columns[units].sum(axis=0) for units in self.members])
        counting = np.asarray(((matrix.columns == 0.0) | (matrix.columns == 1.0)).all(axis=0))
        self.scale = _weights(matrix, counting)
        self.counts, self.others = np.flatnonzero(counting), np.flatnonzero(~counting)
        # Each class in one random order, so that any window of it is a sample that needs no gathering.
        self.classes = [random.permutation(np.flatnonzero(matrix.kinds == k)) for k in range(len(matrix.singles))]
        self.blocks = [matrix.columns[np.ix_(units, self.counts)].astype(np.float32) for units in self.classes]
        self.enemies = Cliques(matrix.enemies, matrix.size, self.members)
        self.families = Cliques(matrix.families, matrix.size, [np.concatenate(self.members)])
        self.tabu = np.zeros(matrix.size, dtype=np.int64)
        self.clock = 0
        self.missed = np.array([self._penalty(row) for row in self.sums])

    def worst(self) -> float:
        """What the worst form misses; 0 when every row of every form is met."""
        return float(self.missed.max())

    def standing(self) -> tuple[int, float]:
        """How many forms meet everything, and what the others miss in all."""
        return int((self.missed <= _NEAR).sum()), float(self.missed.sum())

    def _penalty(self, sums: Floats, rows: Ints | slice = slice(None)) -> Floats:
        m = self.matrix
        away = np.maximum(np.maximum(m.low[rows] - sums, sums - m.high[rows]), 0.0)
        away[away < _NEAR] = 0.0
        return np.asarray(away @ self.scale[rows])

    def step(self) -> None:
        """One swap for one form that misses something."""
        m, random = self.matrix, self.random
        self.clock += 1
        f = int(random.choice(len(self.missed), p=self.missed / self.missed.sum()))
        sums, mine = self.sums[f], self.members[f]
        wish = np.where(sums < m.low - _NEAR, self.scale, np.where(sums > m.high + _NEAR, -self.scale, 0.0))
        relief = m.columns[mine] @ wish + random.exponential(size=len(mine))
        out = mine[np.argsort(relief)[:_OUTGOING]]
        best: tuple[float, int, int] | None = None
        for k in np.unique(m.kinds[out]):
            pair = self._pairs(f, out[m.kinds[out] == k], int(k))
            if pair is not None and (best is None or pair[0] < best[0]):
                best = pair
        if best is None:
            return
        if best[0] < 0 or random.random() < np.exp(-best[0] / _TEMPERATURE):
            self._swap(f, best[1], best[2])

    def _pairs(self, f: int, out: Ints, k: int) -> tuple[float, int, int] | None:
        """The best exchange of one of `out` for one unit of class `k`: (change of the penalty, out, in)."""
        units = self.classes[k]
        begin = int(self.random.integers(0, max(1, len(units) - _SEEN + 1)))
        window = slice(begin, begin + _SEEN)
        seen = units[window]
        change = self._estimate(f, out, seen, self.blocks[k][window])
        change[:, (self.where[seen] == f) | (self.tabu[seen] > self.clock)] = np.inf
        place = np.argpartition(change, min(_WEIGHED, change.size - 1), axis=None)[:_WEIGHED]
        o, i = np.divmod(place[np.isfinite(change.ravel()[place])], len(seen))
        if not len(o):
            return None
        gone, new = out[o], seen[i]
        exact = self._change(f, gone, new)
        exact[self._conflicts(f, gone, new)] = np.inf
        best = int(np.argmin(exact))
        return (float(exact[best]), int(gone[best]), int(new[best])) if np.isfinite(exact[best]) else None

    def _estimate(self, f: int, out: Ints, seen: Ints, block: Floats) -> Floats:
        """out × seen: what the exchange would change in form `f`, exact where single questions are exchanged."""
        m, c, r = self.matrix, self.counts, self.others
        left = self.sums[f][None, c] - m.columns[np.ix_(out, c)]
        low, high, scale = m.low[c], m.high[c], self.scale[c]
        without = np.maximum(np.maximum(low - left, left - high), 0.0)
        marginals = (np.maximum(np.maximum(low - left - 1, left + 1 - high), 0.0) - without) * scale
        change = (block @ marginals.T.astype(np.float32)).T + (without @ scale)[:, None] - self.missed[f]
        rest = self.sums[f][None, r] - m.columns[np.ix_(out, r)]
        for n, row in enumerate(r):
            sums = rest[:, n, None] + m.columns[seen, row][None, :]
            change += np.maximum(np.maximum(m.low[row] - sums, sums - m.high[row]), 0.0) * self.scale[row]
        return np.asarray(change)

    def _change(self, f: int, gone: Ints, new: Ints) -> Floats:
        """Pair by pair, both forms: what the exchange changes."""
        swapped = self.matrix.columns[new] - self.matrix.columns[gone]
        change = self._penalty(self.sums[f] + swapped) - self.missed[f]
        crossing = np.flatnonzero(self.where[new] >= 0)
        if len(crossing):
            theirs = self.where[new[crossing]]
            change[crossing] += self._penalty(self.sums[theirs] - swapped[crossing]) - self.missed[theirs]
        return np.asarray(change)

    def _conflicts(self, f: int, gone: Ints, new: Ints) -> Flags:
        bad = np.zeros(len(gone), dtype=bool)
        home = self.where[new]
        if self.enemies:
            bad |= self.enemies.clash(np.full(len(new), f), gone, new)
            crossing = np.flatnonzero(home >= 0)
            bad[crossing] |= self.enemies.clash(home[crossing], new[crossing], gone[crossing])
        if self.families:
            fresh = np.flatnonzero(home < 0)  # from another form it brings no new family
            bad[fresh] |= self.families.clash(np.zeros(len(fresh), dtype=np.int64), gone[fresh], new[fresh])
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


def _weights(matrix: Matrix, counting: Flags) -> Floats:
    """What a unit missed of each row costs: 1 for a count; for a sum, so much that exchanges typically change it by 1."""
    weights = np.ones(matrix.columns.shape[1])
    for row in np.flatnonzero(~counting):
        weights[row] = 1.0 / max(float(matrix.columns[:, row].std()), 1e-9)
    return weights
