"""The editor of a content table: its lines from what a browser sent, what items hold fast, and what an edit changed."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlmodel import Session, col

from itembank.syllabus import DEPTH, Syllabus, walk_areas, walk_leaves
from itembank.syllabus_edit import Edited, Line
from itembank.tables import Bank, Item, Topic

MOST_LINES = 2_000
"""More are changed in a spreadsheet: a page of so many fields helps nobody."""


def read_lines(values: Mapping[str, str], known: frozenset[int]) -> list[Line]:
    """The lines in order: `row.N` is a level or `leaf`, a colon, and the topic it was; `code.N`, `name.N` and so on beside it.

    `known`: the topics of the table that is edited; others are not believed.
    """
    numbers = sorted(int(name[4:]) for name in values if name.startswith("row.") and name[4:].isdecimal() and len(name) < 10)
    found = []
    for number in numbers[: MOST_LINES + 200]:
        level, _colon, was = values[f"row.{number}"].partition(":")
        topic = int(was) if was.isdecimal() and len(was) < 10 else 0

        def field(name: str, number: int = number) -> str:
            return values.get(f"{name}.{number}", "").strip()

        found.append(
            Line(
                depth=min(max(int(level), 1), DEPTH) if level.isdecimal() and len(level) < 3 else 0,
                was=topic if topic in known else None,
                code=field("code"),
                name=field("name"),
                weight=field("weight"),
                importance=field("importance"),
                page=field("page"),
                move=field("move"),
                drop=field("drop") == "1",
            )
        )
    return found


def topics_of(db: Session, syllabus_id: int) -> dict[str, int]:
    """Full code -> topic."""
    rows = select(col(Topic.code), col(Topic.id)).where(col(Topic.syllabus_id) == syllabus_id)
    found: dict[str, int] = {}
    found.update(db.execute(rows).all())
    return found


def held_by_items(db: Session, syllabus_id: int) -> dict[int, int]:
    """Topic -> items that stand on it, in whatever state and bank."""
    count = (
        select(col(Item.topic_id), func.count())
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .where(col(Topic.syllabus_id) == syllabus_id)
        .group_by(col(Item.topic_id))
    )
    found: dict[int, int] = {}
    found.update(db.execute(count).all())
    return found


def followers(db: Session, institution_id: int, syllabus_ids: Sequence[int]) -> dict[int, list[Bank]]:
    """Table -> the banks that follow it."""
    rows = select(Bank).where(col(Bank.institution_id) == institution_id, col(Bank.syllabus_id).in_(syllabus_ids))
    found: dict[int, list[Bank]] = {}
    for bank in db.execute(rows.order_by(col(Bank.code))).scalars():
        found.setdefault(bank.syllabus_id, []).append(bank)
    return found


def changes(before: Syllabus, topics: Mapping[str, int], edited: Edited) -> Counter[str]:
    """How many places were added, removed, moved or altered."""
    old = {topics[code]: (code, about) for code, about in _places(before)}
    found: Counter[str] = Counter()
    kept = set()
    for code, about in _places(edited.tree):
        was = edited.was.get(code)
        if was is None or was not in old:
            found["added"] += 1
            continue
        kept.add(was)
        found["moved"] += old[was][0] != code
        found["altered"] += old[was][1] != about
    found["removed"] = len(old.keys() - kept)
    return +found


def _places(tree: Syllabus) -> list[tuple[str, tuple[object, ...]]]:
    areas: list[tuple[str, tuple[object, ...]]] = [(code, (area.name, area.weight)) for code, area in walk_areas(tree)]
    return areas + [(code, (leaf.name, leaf.importance, leaf.page)) for code, leaf in walk_leaves(tree)]
