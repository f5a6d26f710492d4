"""A file of items against a bank: read apart, what the bank has already, what is like something else. Stores nothing.

Shared by the pages' jobs and the command line.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from itembank import lint
from itembank.errors import TooMuchAlike, msg
from itembank.exchange.files import FileOfItems, FileRead, read_file
from itembank.exchange.item_row import ImportedItem
from itembank.exchange.item_sheet import SortedItems, whole_sets
from itembank.exchange.mistakes import RowError, file_error, shorten
from itembank.similarity import bands
from itembank.tables import Bank, Topic
from server import apart
from server.db import Databases, reading

if TYPE_CHECKING:
    from itembank.near import Near, Scope


def leaf_codes(db: Session, syllabus_id: int) -> frozenset[str]:
    """The knowledge points there are."""
    leaves = select(col(Topic.code)).where(col(Topic.syllabus_id) == syllabus_id, col(Topic.is_leaf))
    return frozenset(db.execute(leaves).scalars())


def read_apart(file: FileOfItems, waiting: Callable[[], object] = lambda: None) -> FileRead:
    """What is in the file; one that takes more memory or time than a reader may have is a mistake as a whole."""
    try:
        read: FileRead = apart.run(read_file, file, waiting=waiting)
    except apart.OutOfBounds:
        problem = msg("Reading the file took more memory or time than one file may, or the file breaks its reader.")
        mistake = file_error(problem, msg("Save it anew, split it, or use another format."))
        return FileRead(file.format, SortedItems((), {}, (mistake,), ()))
    return read


def without_twins(found: SortedItems, there: Mapping[str, int]) -> tuple[list[ImportedItem], list[RowError]]:
    """Good items the bank does not have yet, and all mistakes. ``there``: content digest -> item of the bank."""
    twins = {item.row: there[item.digest.hex()] for item in found.items if item.digest.hex() in there}
    known = [_twin(item, twins[item.row]) for item in found.items if item.row in twins]
    items, broken = whole_sets(found.items, {item.body.stimulus: item.row for item in found.items if item.row in twins})
    items = [item for item in items if item.row not in twins]
    refused = [*found.refused, *known, *(one for one in broken if one.row not in twins)]
    return items, sorted(refused, key=lambda one: one.row)


def _twin(item: ImportedItem, item_id: int) -> RowError:
    problem = msg("The bank already has this question: item %(item_id)s.", item_id=item_id)
    return RowError(item.row, "", "", stem_of(item), problem, msg("Delete the row."))


def stem_of(item: ImportedItem) -> str:
    """Enough of the text to find the item by."""
    return shorten(lint.lint_item(item.body, item.key).stem)


def near_rows(dbs: Databases, bank: Bank, scope: "Scope", items: list[ImportedItem]) -> list[dict[str, Any]]:
    """Items that are like one of the bank, or like an earlier one: what people will be asked once they are stored.

    As JSON, in the order of the file. Raises `TooMuchAlike` where so many are like each other that nobody could decide.
    """
    from itembank import near as nearness  # numpy

    texts, sets = [bands.texts_of(item.body) for item in items], [item.body.stimulus for item in items]
    within = [
        {"row": items[b].row, "other_row": items[a].row, "score": round(score, 3), "variant": variant}
        for a, b, score, variant in nearness.among_themselves(texts, sets, nearness.MOST_PAIRS)
    ]
    with reading(dbs) as db:
        found = scope.find(db, bank, texts)
    there = [{"row": item.row, **told(one)} for item, near in zip(items, found, strict=True) for one in near]
    stems = {item.row: stem_of(item) for item in items}
    return [one | {"stem": stems[one["row"]]} for one in sorted([*there, *within], key=lambda one: (one["row"], -one["score"]))]


def told(one: "Near") -> dict[str, Any]:
    """A likeness as JSON."""
    return {
        "item_id": one.item_id,
        "version_id": one.version_id,
        "score": round(one.score, 3),
        "way": one.way.value,
        "variant": one.variant,
        "live": one.live,
        "band": one.band.value,
    }


def too_much_alike(refusal: TooMuchAlike) -> RowError:
    """As a mistake of the file."""
    return file_error(refusal.message, msg("Leave out what is the same question with other numbers or names."))
