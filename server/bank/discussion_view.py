"""The discussion of an item for people: by version, each remark with its answers; for the editor, by field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from itembank import discussion
from itembank.discussion import CHANGE, Comment
from itembank.sealing import Keyring
from itembank.tables import Item, ItemVersion
from server.bank.field_words import where
from server.bank.scope import names


@dataclass(frozen=True)
class Remark:
    """One remark by name, with the answers to it."""

    id: int
    field: str
    where: str
    text: str
    by: str
    at: datetime
    answers: list["Remark"] = made_by(default_factory=list)


@dataclass(frozen=True)
class Talk:
    """What was said about one version. `why`: the writer's word on what changed."""

    version: int
    why: str
    remarks: list[Remark]


def talks(db: Session, keyring: Keyring, item: Item) -> list[Talk]:
    """The whole discussion, newest version first; versions nobody said anything about are left out."""
    numbers = dict(
        db.execute(select(col(ItemVersion.id), col(ItemVersion.version)).where(col(ItemVersion.item_id) == item.id)).all()
    )
    said = discussion.of_versions(db, keyring, numbers)
    people = names(db, (one.by for one in said))
    found = []
    for version_id, number in sorted(numbers.items(), key=lambda pair: -pair[1]):
        here = [one for one in said if one.version_id == version_id]
        if here:
            why = "\n".join(one.text for one in here if one.field == CHANGE and one.reply_to is None)
            found.append(Talk(number, why, _threads([one for one in here if one.field != CHANGE], people)))
    return found


def newest_remarks(db: Session, keyring: Keyring, item: Item) -> Talk | None:
    """What a writer has to answer to: the newest version that was remarked on."""
    return next((talk for talk in talks(db, keyring, item) if talk.remarks), None)


def _threads(said: Iterable[Comment], people: Mapping[int | None, str]) -> list[Remark]:
    first: dict[int, Remark] = {}
    for one in said:
        remark = Remark(one.id, one.field, where(one.field), one.text, people[one.by], one.at)
        if one.reply_to is None:
            first[one.id] = remark
        elif one.reply_to in first:
            first[one.reply_to].answers.append(remark)
    return list(first.values())
