"""The discussion of an item: remarks on a version or one of its fields, answers, what a writer says of a change.

Remarks are sealed like drafts, because "the answer is C" is a common one, and bound to the version and field they were made
on. Nothing is edited or deleted: whoever was wrong says so in an answer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from itembank.errors import NotFound
from itembank.markup import storable
from itembank.review_tables import ItemComment
from itembank.sealing import Keyring
from itembank.tables import ItemVersion

LONGEST: Final = 2000
CHANGE: Final = "change"
"""The field under which a writer says what changed and why."""
_PURPOSE: Final = "item_body"
_FIELD: Final = re.compile(r"[a-z_]{1,20}(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark, opened."""

    id: int
    version_id: int
    field: str
    text: str
    by: int
    at: datetime
    reply_to: int | None


def add(
    db: Session,
    keyring: Keyring,
    version_id: int,
    text: str,
    *,
    by: int,
    now: datetime,
    field: str = "",
    reply_to: int | None = None,
) -> ItemComment:
    """Say something about a version. `text` is plain, cut to `LONGEST`; a field that can be none counts as the whole item.

    An answer stands beside what it answers. Raises `NotFound` when that belongs to another version.
    """
    if reply_to is not None:
        first = db.get(ItemComment, reply_to)
        if first is None or first.item_version_id != version_id:
            raise NotFound("comment", reply_to)
        field = first.field
        reply_to = first.reply_to or first.id
    field = field if _FIELD.fullmatch(field) else ""
    plain = storable(text).strip()[:LONGEST]
    row = ItemComment(
        item_version_id=version_id,
        field=field,
        reply_to=reply_to,
        ciphertext=keyring.seal(_PURPOSE, plain.encode(), _aad(version_id, field, by)),
        by=by,
        at=now,
    )
    db.add(row)
    db.flush()
    return row


def version_of(db: Session, item_id: int, comment_id: int) -> int:
    """The version a remark was made on. Raises `NotFound` when it belongs to another item."""
    statement = (
        select(ItemComment.item_version_id)
        .join(ItemVersion, col(ItemVersion.id) == col(ItemComment.item_version_id))
        .where(ItemComment.id == comment_id, ItemVersion.item_id == item_id)
    )
    found = db.exec(statement).first()
    if found is None:
        raise NotFound("comment", comment_id)
    return found


def of_versions(db: Session, keyring: Keyring, version_ids: Iterable[int]) -> list[Comment]:
    """All that was said about these versions, oldest first."""
    statement = select(ItemComment).where(col(ItemComment.item_version_id).in_(sorted(set(version_ids))))
    return [_opened(keyring, row) for row in db.exec(statement.order_by(col(ItemComment.id)))]


def of_item(db: Session, keyring: Keyring, item_id: int) -> list[Comment]:
    """The same for every version of an item."""
    return of_versions(db, keyring, db.exec(select(ItemVersion.id).where(ItemVersion.item_id == item_id)).all())


def _opened(keyring: Keyring, row: ItemComment) -> Comment:
    text = keyring.open(_PURPOSE, row.ciphertext, _aad(row.item_version_id, row.field, row.by)).decode()
    return Comment(row.id, row.item_version_id, row.field, text, row.by, row.at, row.reply_to)


def _aad(version_id: int, field: str, by: int) -> bytes:
    return f"item_comment:{version_id}:{field}:{by}".encode()
