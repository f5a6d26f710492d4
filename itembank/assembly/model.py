"""Pool and blueprint as whole-number arrays. Pure numpy.

Two questions are interchangeable when every demand counts them alike, so the solver does not choose among questions but
among *cells*: distinct columns of the demand matrix. A bank of 50,000 has some hundred cells. What is counted in a cell
are *units*, one per family, since a family may stand once at most; a family whose members fall into different cells
gets cells of its own, tied by one row (`ties`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itembank.assembly.pool_item import Look, PoolItem
from itembank.blueprint import BlueprintBody, Row, TopicFacts, rows

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cell:
    """Interchangeable units. `units` are tuples of pool positions: the members of one family that are of this cell.

    `sample` names one (kind, topic, importance, difficulty) of the cell, `topics` all its leaves, for people to read.
    """

    column: tuple[int, ...]
    difficulty: int
    units: tuple[tuple[int, ...], ...]
    kind: str
    importance: str
    topics: tuple[str, ...]

    @property
    def supply(self) -> int:
        """How many units there are to draw."""
        return len(self.units)


@dataclass(frozen=True, slots=True)
class Model:
    """`counts` (rows × cells) holds 0 or 1; `low`, `high` (rows) bound its product with a form's picks.

    `ties` are groups of cells (indices) that belong to one family: together they give one unit at most.
    `difficulty_low`, `difficulty_high` bound the difficulty sum × 100 of a form.
    """

    cells: tuple[Cell, ...]
    rows: tuple[Row, ...]
    counts: Ints
    low: Ints
    high: Ints
    supply: Ints
    difficulty: Ints
    difficulty_low: int
    difficulty_high: int
    ties: tuple[tuple[int, ...], ...]
    item_count: int


def build(pool: Sequence[PoolItem], body: BlueprintBody) -> Model:
    """The model of `pool` under `body`.

    Cells and units come in an order that depends on the content of the pool alone.
    """
    demands = rows(body, (item.topic for item in pool))
    return assemble_model(demands, body, _cells(pool, demands))


def build_with_room(pool: Sequence[PoolItem], body: BlueprintBody, topics: Iterable[TopicFacts]) -> Model:
    """As `build`, and also every cell a question *could* be written for, with an empty supply.

    What `explain` works on.
    """
    leaves = [topic for topic in topics if topic.is_leaf]
    demands = rows(body, [*(item.topic for item in pool), *(leaf.code for leaf in leaves)])
    possible = [
        PoolItem(0, 0, 0, kind, leaf.code, leaf.importance or "", difficulty, level, letter)
        for leaf in leaves
        for kind in sorted({section.kind for section in body.sections})
        for difficulty in range(1, 6)
        for level in [one.level for one in body.cognitive] or [""]
        for letter in ([one.letter for one in body.letters] if kind == "single" else []) or [""]
    ]
    return assemble_model(demands, body, _cells(pool, demands, possible))


def assemble_model(demands: tuple[Row, ...], body: BlueprintBody, cells: tuple[Cell, ...]) -> Model:
    """Arrays for these demands and cells."""
    owners: dict[int, list[int]] = defaultdict(list)
    for index, cell in enumerate(cells):
        if cell.column and cell.column[-1] >= 0:
            owners[cell.column[-1]].append(index)
    band, count = body.difficulty, body.item_count
    matrix = np.array([cell.column[:-1] for cell in cells], dtype=np.int64).reshape(len(cells), len(demands))
    return Model(
        cells=cells,
        rows=demands,
        counts=np.ascontiguousarray(matrix.T),
        low=np.array([row.low for row in demands], dtype=np.int64),
        high=np.array([row.high for row in demands], dtype=np.int64),
        supply=np.array([cell.supply for cell in cells], dtype=np.int64),
        difficulty=np.array([cell.difficulty for cell in cells], dtype=np.int64),
        difficulty_low=band.low * count if band else 100 * count,
        difficulty_high=band.high * count if band else 500 * count,
        ties=tuple(tuple(indices) for indices in owners.values()),
        item_count=count,
    )


def _cells(pool: Sequence[PoolItem], demands: Sequence[Row], possible: Sequence[PoolItem] = ()) -> tuple[Cell, ...]:
    """Group units by (column of demands, difficulty).

    The last number of a column is the family of a torn one, else -1.
    """
    columns: dict[Look, tuple[int, ...]] = {}

    def column(item: PoolItem) -> tuple[int, ...]:
        key = item.look
        if key not in columns:
            columns[key] = tuple(int(row.matches(*key)) for row in demands)
        return columns[key]

    families: dict[int, list[int]] = defaultdict(list)
    kinds = {row.kind for row in demands}
    for position in sorted(range(len(pool)), key=pool.__getitem__):
        if pool[position].kind not in kinds:
            continue
        families[pool[position].family_id].append(position)

    units: dict[tuple[tuple[int, ...], int], list[tuple[int, ...]]] = defaultdict(list)
    members: dict[tuple[tuple[int, ...], int], list[PoolItem]] = defaultdict(list)
    for family_id, positions in families.items():
        parts: dict[tuple[tuple[int, ...], int], list[int]] = defaultdict(list)
        for position in positions:
            parts[column(pool[position]), pool[position].difficulty].append(position)
        owner = family_id if len(parts) > 1 else -1
        for (bits, difficulty), part in parts.items():
            units[(*bits, owner), difficulty].append(tuple(part))
            members[(*bits, owner), difficulty] += [pool[position] for position in part]
    for item in possible:
        members[(*column(item), -1), item.difficulty].append(item)

    return tuple(
        Cell(
            column=bits,
            difficulty=difficulty,
            units=tuple(units.get((bits, difficulty), ())),
            kind=members[bits, difficulty][0].kind,
            importance=_common([item.importance for item in members[bits, difficulty]]),
            topics=tuple(sorted({item.topic for item in members[bits, difficulty]})),
        )
        for bits, difficulty in sorted(members)
    )


def _common(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else ""
