"""A stored content table as the library's tree again, and a tree as lines to show."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlmodel import Session, col

from itembank.syllabus import Area, Leaf, Ratio, Syllabus, walk_areas
from itembank.syllabus_edit import Line as EditorLine
from itembank.tables import Bank, Topic
from itembank.tables import Syllabus as SyllabusRow
from server.errors import NotFound


@dataclass(frozen=True)
class Line:
    """One line of the tree. `weight` in percent as text."""

    code: str
    name: str
    depth: int
    is_leaf: bool
    importance: str
    ratio: str
    weight: str


def lines(tree: Syllabus) -> list[Line]:
    """Areas and leaves in the order of the table."""
    found: list[Line] = []
    for code, area in walk_areas(tree):
        depth = code.count("-") + 1
        ratio = str(area.ratio) if area.ratio else ""
        weight = "" if area.weight is None else f"{area.weight:g}"
        found.append(Line(code, area.name, depth, False, "", ratio, weight))
        found += [Line(f"{code}-{leaf.code}", leaf.name, depth + 1, True, leaf.importance, "", "") for leaf in area.leaves]
    return found


def tree_of(db: Session, syllabus_id: int) -> Syllabus:
    """The stored table as a tree; raises `NotFound`."""
    row = db.get(SyllabusRow, syllabus_id)
    if row is None:
        raise NotFound
    found = select(Topic).where(col(Topic.syllabus_id) == syllabus_id).order_by(col(Topic.position))
    below: dict[int | None, list[Topic]] = {}
    for topic in db.execute(found).scalars():
        below.setdefault(topic.parent_id, []).append(topic)
    areas = tuple(_area(topic, below) for topic in below.get(None, []) if not topic.is_leaf)
    return Syllabus(row.occupation_name, row.occupation_code, level_text(row), row.method, None, areas)


def newer(db: Session, bank: Bank) -> SyllabusRow | None:
    """The newest version of the bank's table, where the bank does not follow it."""
    row = db.get(SyllabusRow, bank.syllabus_id)
    newest = versions(db, row)[0] if row is not None else None
    return newest if newest is not None and newest.id != bank.syllabus_id else None


def versions(db: Session, row: SyllabusRow) -> list[SyllabusRow]:
    """All versions of the table of this occupation and level, newest first."""
    same = (
        col(SyllabusRow.institution_id) == row.institution_id,
        col(SyllabusRow.occupation_code) == row.occupation_code,
        col(SyllabusRow.level) == row.level,
    )
    return list(db.execute(select(SyllabusRow).where(*same).order_by(col(SyllabusRow.version).desc())).scalars())


def typed_codes(lines: Sequence[EditorLine]) -> list[str]:
    """The full code of every line of the editor as it is typed; a leaf that is to move still by its old place."""
    path: list[str] = []
    found = []
    for line in lines:
        if not line.is_leaf:
            path[max(line.depth, 1) - 1 :] = [line.code]
        found.append("-".join([*path, line.code] if line.is_leaf else path))
    return found


def level_text(row: SyllabusRow) -> str:
    """The level as it was written in the file, such as 四级: the title is the occupation and this."""
    return row.title.removeprefix(row.occupation_name).strip() or str(row.level)


def _area(topic: Topic, below: dict[int | None, list[Topic]]) -> Area:
    children = below.get(topic.id, [])
    areas = tuple(_area(child, below) for child in children if not child.is_leaf)
    leaves = tuple(_leaf(child) for child in children if child.is_leaf)
    weight = None if topic.weight is None else Decimal(topic.weight) / 100
    return Area(topic.code.rpartition("-")[2], topic.name, _ratio(topic.ratio), weight, areas, leaves)


def _leaf(topic: Topic) -> Leaf:
    return Leaf(topic.code.rpartition("-")[2], topic.name, topic.importance or "", topic.page or "")


def _ratio(text: str | None) -> Ratio | None:
    if text is None:
        return None
    return Ratio(*(int(part) for part in text.strip("()").split(":")))
