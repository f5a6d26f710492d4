"""Pool and blueprint as units × rows, for the search and the relaxation: where items are *not* interchangeable. Pure numpy.

A *unit* is what is taken or left as a whole: one question, or all questions on one stimulus. A *row* adds up something
over a form and has to lie between `low` and `high`. Families (at most one in all forms together) and enemies (at most
one of a clique in one form) are lists, not rows: there are thousands and each touches few.

Information of a unit at ability t under the two-parameter logistic model: a² p (1 - p), p = 1 / (1 + exp(-a (t - b)))
(Lord 1980, Applications of item response theory, 5.4); it adds up over a form, which is what makes it a linear row.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from itembank.assembly.model import Ints
from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import BlueprintBody, Row, kind_counts, rows
from itembank.demands import meets

Floats = NDArray[np.float64]
Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """`columns` (units × rows) says what a unit adds to each row, `low` and `high` (rows) what a form may have.

    `units[u]` are positions in the pool. `kinds` (units) numbers the units that may replace each other: the same questions of
    each kind; `singles[k]` says how many questions of which kind a unit of class `k` brings (classes × kinds), `quota` (kinds)
    what a form has of each. `families`: units of which all forms together may have one; `enemies`: of which one form may.
    `goals` are the rows whose worst value, over all forms and goals and divided by their `worth`, is to be as high as possible.
    Row `grade` is the sum of difficulties, always there: forms are to be equally hard.
    """

    columns: Floats
    low: Floats
    high: Floats
    scale: Floats
    units: Groups
    kinds: Ints
    singles: Ints
    quota: Ints
    families: Groups
    enemies: Groups
    goals: tuple[int, ...]
    worth: tuple[float, ...]
    grade: int

    @property
    def size(self) -> int:
        """How many units there are."""
        return len(self.units)

    def within(self, low: Floats, high: Floats) -> "Matrix":
        """The same with other bounds."""
        return replace(self, low=low, high=high)

    def only(self, chosen: Ints) -> "Matrix":
        """The same with these units only (ascending positions), renumbered."""
        new = {int(old): number for number, old in enumerate(chosen)}
        return replace(
            self,
            columns=self.columns[chosen],
            units=tuple(self.units[int(u)] for u in chosen),
            kinds=self.kinds[chosen],
            families=_kept(self.families, new),
            enemies=_kept(self.enemies, new),
        )


def _kept(groups: Groups, new: dict[int, int]) -> Groups:
    kept = (tuple(new[unit] for unit in group if unit in new) for group in groups)
    return tuple(group for group in kept if len(group) > 1)


def build_matrix(
    pool: Sequence[PoolItem], body: BlueprintBody, enemies: Iterable[Iterable[int]] = (), leaves: Iterable[str] = ()
) -> Matrix:
    """The matrix of `pool` under `body`; `enemies` are cliques (or pairs) of item ids. `leaves`: as for `rows`, more than the
    pool's.

    Units come in an order that depends on the pool's content alone. A stimulus with a question of a kind the blueprint does
    not use, with two questions of one family or with two enemies can never be taken and is left out.
    """
    quota = kind_counts(body)
    names = {kind: n for n, kind in enumerate(quota)}
    cliques = [sorted(set(clique)) for clique in enemies]
    units = _units(pool, quota, cliques)
    owner = {position: u for u, unit in enumerate(units) for position in unit}
    of_item = np.zeros((len(units), len(names)), dtype=np.int64)
    for position, u in owner.items():
        of_item[u, names[pool[position].kind]] += 1
    singles, kinds = np.unique(of_item, axis=0, return_inverse=True) if units else (of_item, np.zeros(0, dtype=np.int64))
    columns, low, high, grade = _rows(pool, body, units, owner, leaves)
    scale = np.maximum(np.abs(columns).max(axis=0, initial=0.0), 1e-12)
    goals = _first_goal(columns.shape[1], body)
    return Matrix(
        columns=columns,
        low=low,
        high=high,
        scale=1.0 / scale,
        units=units,
        kinds=kinds.reshape(-1).astype(np.int64),
        singles=singles,
        quota=np.array(list(quota.values()), dtype=np.int64),
        families=_groups(((pool[position].family_id, u) for position, u in owner.items())),
        enemies=_cliques(pool, owner, cliques),
        goals=goals,
        worth=(1.0,) * len(goals),
        grade=grade,
    )


def _first_goal(rows_in_all: int, body: BlueprintBody) -> tuple[int, ...]:
    """Information stands last, in the order of the blueprint."""
    first = rows_in_all - len(body.information)
    return tuple(first + n for n, demand in enumerate(body.information) if demand.low is None)


def _units(pool: Sequence[PoolItem], quota: dict[str, int], cliques: Sequence[Sequence[int]]) -> Groups:
    together: dict[int, list[int]] = defaultdict(list)
    found: list[tuple[int, ...]] = []
    spoiled: set[int] = set()
    for position in sorted(range(len(pool)), key=lambda p: (pool[p].item_id, pool[p].item_version_id)):
        item = pool[position]
        if item.stimulus:
            together[item.stimulus].append(position)
            if item.kind not in quota:
                spoiled.add(item.stimulus)
        elif item.kind in quota:
            found.append((position,))
    stimulus_of = {pool[position].item_id: number for number, members in together.items() for position in members}
    for clique in cliques:
        numbers = [stimulus_of[item_id] for item_id in clique if item_id in stimulus_of]
        spoiled |= {number for number in numbers if numbers.count(number) > 1}
    for number, members in together.items():
        if len({pool[position].family_id for position in members}) == len(members) and number not in spoiled:
            found.append(tuple(members))
    return tuple(found)


def _rows(
    pool: Sequence[PoolItem], body: BlueprintBody, units: Groups, owner: dict[int, int], leaves: Iterable[str]
) -> tuple[Floats, Floats, Floats, int]:
    items = [pool[position] for position in owner]
    demands = rows(body, [*(item.topic for item in items), *leaves])
    counts = counted(items, demands)
    of_unit = np.fromiter(owner.values(), dtype=np.int64, count=len(owner))
    band, grade = body.difficulty, len(demands)
    added: list[Floats] = [np.array([float(item.difficulty) for item in items])]
    low, high = [float(row.low) for row in demands], [float(row.high) for row in demands]
    low.append((band.low if band else 100) * body.item_count / 100)
    high.append((band.high if band else 500) * body.item_count / 100)
    if body.words is not None:
        added.append(np.array([float(item.words) for item in items]))
        low.append(float(body.words.low))
        high.append(float(body.words.high))
    for demand in body.information:
        added.append(information(items, demand.ability / 100))
        low.append((demand.low or 0) / 1000)
        high.append(np.inf if demand.high is None else demand.high / 1000)
    each = np.column_stack([counts, *added])
    if len(units) == len(items):
        columns = np.ascontiguousarray(each)  # every unit is one question, in this very order
    else:
        columns = np.zeros((len(units), len(low)))
        np.add.at(columns, of_unit, each)
    return columns, np.array(low), np.array(high), grade


def counted(items: Sequence[PoolItem], demands: Sequence[Row]) -> Floats:
    """Items × demands: 1 where it counts. Attribute by attribute, since an attribute has few values and a bank many items."""
    attributes = list(zip(*(item.look for item in items), strict=True)) or [()] * 6
    values: list[dict[str | int, int]] = [{value: n for n, value in enumerate(dict.fromkeys(column))} for column in attributes]
    codes = [
        np.fromiter((known[value] for value in column), dtype=np.int64, count=len(items))
        for known, column in zip(values, attributes, strict=True)
    ]
    found = np.ones((len(items), len(demands)))
    for r, row in enumerate(demands):
        for n, (wanted, known, code) in enumerate(zip(row.wanted, values, codes, strict=True)):
            if wanted is not None:
                fits = np.array([meets(wanted, value, n) for value in known], dtype=np.float64)
                found[:, r] *= fits[code] if len(fits) else 0.0
    return found


def information(items: Sequence[PoolItem], ability: float) -> Floats:
    """What each item tells at this ability; 0 for one that is not calibrated."""
    a = np.array([item.discrimination for item in items], dtype=np.float64) / 1000
    b = np.array([item.location for item in items], dtype=np.float64) / 1000
    p = 1 / (1 + np.exp(-a * (ability - b)))
    return np.asarray(a * a * p * (1 - p))


def _groups(pairs: Iterable[tuple[int, int]]) -> Groups:
    """Units that share a number, where there is more than one."""
    found: dict[int, list[int]] = defaultdict(list)
    for number, unit in pairs:
        found[number].append(unit)
    return tuple(tuple(sorted(set(units))) for units in found.values() if len(units) > 1)


def _cliques(pool: Sequence[PoolItem], owner: dict[int, int], cliques: Sequence[Sequence[int]]) -> Groups:
    if not cliques:
        return ()
    unit_of: dict[int, int] = {pool[position].item_id: unit for position, unit in owner.items()}
    found = (tuple(sorted({unit_of[item] for item in clique if item in unit_of})) for clique in cliques)
    return tuple(clique for clique in found if len(clique) > 1)
