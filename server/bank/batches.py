"""Imports that are stored and wait for a second person: the list, the sample to read, the decision."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from itembank import intake, keys, lifecycle
from itembank.items import ItemBody
from itembank.lint import Finding, lint
from itembank.sealing import Keyring
from itembank.tables import Bank, ImportBatch, Item, ItemVersion, Topic
from server.audit import trail
from server.auth.staff import Staff
from server.bank.item_view import Preview, key_words, preview_of
from server.bank.scope import names


@dataclass(frozen=True)
class BatchLine:
    """One import in the list."""

    batch: ImportBatch
    by: str
    decided_by: str


@dataclass(frozen=True)
class SampleItem:
    """One item the second person reads: as the candidate sees it, with its key and remarks."""

    item_id: int
    row: int
    topic: str
    preview: Preview
    key: str
    difficulty: int
    source: str
    remarks: list[Finding]


def listed(db: Session, bank: Bank) -> list[BatchLine]:
    """Imports of a bank, newest first; those that broke off while being stored do not count."""
    statement = select(ImportBatch).where(col(ImportBatch.bank_id) == bank.id, col(ImportBatch.state) != "staging")
    found = list(db.execute(statement.order_by(col(ImportBatch.id).desc()).limit(200)).scalars())
    return lines(db, found)


def lines(db: Session, found: list[ImportBatch]) -> list[BatchLine]:
    """Imports with the people by name."""
    people = names(db, [number for batch in found for number in (batch.created_by, batch.decided_by)])
    return [BatchLine(b, people[b.created_by], people[b.decided_by] if b.decided_by else "") for b in found]


def sample(db: Session, keyring: Keyring, batch: ImportBatch) -> list[SampleItem]:
    """The items drawn for the second person to read."""
    statement = (
        select(Item, ItemVersion, col(Topic.code), col(Topic.name))
        .join(ItemVersion, (col(ItemVersion.item_id) == col(Item.id)) & (col(ItemVersion.version) == col(Item.current_version)))
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .where(col(Item.id).in_(batch.sample), col(Item.import_batch_id) == batch.id)
        .order_by(col(Item.import_row))
    )
    found = []
    for item, version, code, name in db.execute(statement):
        body, key = ItemBody.model_validate(version.body), keys.read_key(db, keyring, version.id)
        remarks = lint(body, key, version.source_clause)
        shown = preview_of(body, item.id)
        answer = key_words(version.kind, key, body.unit)
        topic = f"{code} {name}"
        found.append(
            SampleItem(item.id, item.import_row or 0, topic, shown, answer, version.difficulty, version.source_clause, remarks)
        )
    return found


def approve(db: Session, who: Staff, batch: ImportBatch, read: Iterable[int], note: str, *, now: datetime) -> int:
    """Approve and publish in one act; how many items came in. The library refuses the importer and an unread sample."""
    lifecycle.approve_batch(db, batch.id, by=who.person_id, read=read, now=now, note=note)
    count = intake.publish_batch(db, batch.id, by=who.person_id, now=now)
    trail.append(db, who.actor, "import.approved", f"import:{batch.id}", now=now, detail={"items": count, "note": note})
    return count


def reject(db: Session, who: Staff, batch: ImportBatch, note: str, *, now: datetime) -> None:
    """Refuse the import; its items never become visible."""
    lifecycle.reject_batch(db, batch.id, by=who.person_id, now=now, note=note)
    trail.append(db, who.actor, "import.rejected", f"import:{batch.id}", now=now, detail={"note": note})
