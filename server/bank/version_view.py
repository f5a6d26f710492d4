"""Two versions of an item beside each other: what differs, field by field, for reviewers and for the item's history."""

from dataclasses import dataclass

from sqlalchemy import exists, or_, select
from sqlmodel import Session, col

from itembank import changes, keys
from itembank.changes import Piece
from itembank.items import ItemBody
from itembank.review_tables import ItemComment
from itembank.sealing import Keyring
from itembank.tables import Item, ItemVersion, Review
from server.bank.field_words import where
from server.bank.words import KINDS
from server.errors import NotFound
from server.pages import _, translate


@dataclass(frozen=True)
class Difference:
    """One field that differs. `look`: only its formatting does, so that the pieces show nothing."""

    field: str
    where: str
    pieces: tuple[Piece, ...]
    look: bool


def compare(db: Session, keyring: Keyring, old: ItemVersion, new: ItemVersion) -> list[Difference]:
    """What differs from `old` to `new`, with the answer: for people who may see it."""
    before, after = ItemBody.model_validate(old.body), ItemBody.model_validate(new.body)
    old_key, new_key = keys.read_key(db, keyring, old.id), keys.read_key(db, keyring, new.id)
    found = [(change.field, _in_words(change)) for change in changes.changes(before, after, old_key, new_key)]
    if old.source_clause != new.source_clause:
        found.append(("source", changes.text_pieces(old.source_clause, new.source_clause)))
    if old.cognitive != new.cognitive:
        found.append(("cognitive", changes.text_pieces(old.cognitive, new.cognitive)))
    if old.difficulty != new.difficulty:
        found.append(("difficulty", changes.text_pieces(str(old.difficulty), str(new.difficulty))))
    return [Difference(field, where(field), pieces, all(p.kind == "same" for p in pieces)) for field, pieces in found]


def _in_words(change: changes.Change) -> tuple[Piece, ...]:
    """Codes that people do not read, as words."""
    if change.field == "kind":
        return tuple(Piece(one.kind, word) for one in _whole(change) if (word := translate(KINDS.get(one.text, one.text))))
    if change.field == "fixed_order":
        words = {"True": _("stays as written"), "False": _("may be shuffled")}
        return tuple(Piece(one.kind, translate(words.get(one.text, one.text))) for one in _whole(change))
    return change.pieces


def _whole(change: changes.Change) -> tuple[Piece, Piece]:
    """The old text and the new one instead of their pieces."""
    old = "".join(one.text for one in change.pieces if one.kind != "added")
    new = "".join(one.text for one in change.pieces if one.kind != "removed")
    return Piece("removed", old), Piece("added", new)


def find_version(db: Session, item: Item, number: int) -> ItemVersion:
    """A version by its number. Raises `NotFound`."""
    statement = select(ItemVersion).where(col(ItemVersion.item_id) == item.id, col(ItemVersion.version) == number)
    row: ItemVersion | None = db.execute(statement).scalar()
    if row is None:
        raise NotFound
    return row


def reviewed_before(db: Session, item: Item, version: ItemVersion) -> ItemVersion | None:
    """The version people knew before this one: the last that was voted or remarked on, or that is in force; None for none."""
    voted = exists().where(col(Review.item_version_id) == col(ItemVersion.id))
    remarked = exists().where(col(ItemComment.item_version_id) == col(ItemVersion.id), col(ItemComment.field) != "change")
    known = or_(voted, remarked, col(ItemVersion.version) == (item.approved_version or 0))
    statement = (
        select(ItemVersion)
        .where(col(ItemVersion.item_id) == item.id, col(ItemVersion.version) < version.version, known)
        .order_by(col(ItemVersion.version).desc())
        .limit(1)
    )
    found: ItemVersion | None = db.execute(statement).scalar()
    return found
