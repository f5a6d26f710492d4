"""Storing what was parsed: a syllabus, and an import of thousands of items that must not hold up an exam.

An import is written in chunks, a transaction each, under a batch nobody sees (`BatchState.STAGING`); everything slow
(sanitised HTML, digests, sealing of keys) is done outside of them, so that SQLite's write lock is held for
milliseconds at a time. `publish_batch` then flips one flag. A crash half way leaves an invisible batch, and that is all.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from itembank import keys, sealing, syllabus
from itembank.blueprint import BlueprintBody, check
from itembank.cases import store_texts
from itembank.errors import FieldProblem, ItemBankError, msg
from itembank.exchange.figures import Figure
from itembank.exchange.item_row import ImportedItem
from itembank.items import with_stimulus
from itembank.lifecycle import DEFAULT_DIFFICULTY, NotAllowed, add_media, get_batch, plain_stem
from itembank.pool import banks_in_scope, find_same, get_bank, load_topics, visible
from itembank.tables import (
    Bank,
    BatchState,
    Blueprint,
    Family,
    ImportBatch,
    Item,
    ItemKey,
    ItemState,
    ItemVersion,
    Syllabus,
    Topic,
)

Transactions = Callable[[], AbstractContextManager[Session]]
Progress = Callable[[int, int], None]

CHUNK: Final = 50
SAMPLE_SIZE: Final = 10


class UnknownTopics(ItemBankError):
    """Items name knowledge points the bank's syllabus does not have."""

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__(msg("The syllabus has no knowledge point %(codes)s.", codes=", ".join(codes)))
        self.codes = tuple(codes)


class AlreadyThere(ItemBankError):
    """Items the bank already has; `rows` maps the row of the file to the item there is. Nothing was stored."""

    def __init__(self, rows: Mapping[int, int]) -> None:
        super().__init__(msg("The bank already has %(n)s of these questions.", n=len(rows)))
        self.rows = dict(rows)


class InvalidBlueprint(ItemBankError):
    """A blueprint that is wrong for the syllabus; `problems` says where."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        listing = "; ".join(f"{p.field}: {p.problem}" for p in problems)
        super().__init__(msg("The blueprint is not valid: %(problems)s", problems=listing))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Source:
    """Where an import comes from: file name, SHA-256 hex of the file, who brings it, when."""

    name: str
    digest: str
    by: int
    now: datetime


def store_syllabus(
    db: Session,
    institution_id: int,
    tree: syllabus.Syllabus,
    *,
    level: int,
    by: int,
    now: datetime,
    was: Mapping[str, int] | None = None,
) -> Syllabus:
    """Store a checked content table as the next version for its occupation and level.

    `was`: the topic of the version before that each place (full code) comes from.
    """
    latest = select(func.max(Syllabus.version)).where(
        Syllabus.institution_id == institution_id,
        Syllabus.occupation_code == tree.occupation_code,
        Syllabus.level == level,
    )
    row = Syllabus(
        institution_id=institution_id,
        occupation_code=tree.occupation_code,
        occupation_name=tree.occupation,
        level=level,
        version=(db.exec(latest).one() or 0) + 1,
        title=f"{tree.occupation} {tree.level}",
        method=tree.method,
        created_at=now,
        created_by=by,
    )
    db.add(row)
    db.flush()
    _store_areas(db, row.id, tree, was or {})
    return row


def _store_areas(db: Session, syllabus_id: int, tree: syllabus.Syllabus, was: Mapping[str, int]) -> None:
    ids: dict[str, int] = {}
    leaves: list[dict[str, Any]] = []
    position = 0
    for code, area in syllabus.walk_areas(tree):
        position += 1
        topic = Topic(
            syllabus_id=syllabus_id,
            parent_id=ids.get(code.rpartition("-")[0]),
            code=code,
            name=area.name,
            depth=code.count("-") + 1,
            position=position,
            is_leaf=False,
            weight=None if area.weight is None else round(area.weight * 100),
            ratio=None if area.ratio is None else str(area.ratio),
            was_id=was.get(code),
        )
        db.add(topic)
        db.flush()
        ids[code] = topic.id
        for leaf in area.leaves:
            position += 1
            leaves.append(
                {
                    "syllabus_id": syllabus_id,
                    "parent_id": topic.id,
                    "code": f"{code}-{leaf.code}",
                    "name": leaf.name,
                    "depth": topic.depth + 1,
                    "position": position,
                    "is_leaf": True,
                    "importance": leaf.importance,
                    "page": leaf.page or None,
                    "was_id": was.get(f"{code}-{leaf.code}"),
                }
            )
    db.execute(insert(Topic), leaves)


def store_blueprint(db: Session, bank_id: int, body: BlueprintBody, *, name: str, by: int, now: datetime) -> Blueprint:
    """Store a blueprint that fits the bank's syllabus; raises `InvalidBlueprint`, `NotFound`."""
    problems = check(body, load_topics(db, get_bank(db, bank_id)))
    if problems:
        raise InvalidBlueprint(problems)
    value = body.model_dump(mode="json")
    row = Blueprint(bank_id=bank_id, name=name, body=value, digest=sealing.digest(value), created_at=now, created_by=by)
    db.add(row)
    db.flush()
    return row


def stage_import(
    begin: Transactions,
    keyring: sealing.Keyring,
    bank_id: int,
    items: Sequence[ImportedItem],
    figures: Mapping[str, Figure],
    source: Source,
    *,
    progress: Progress | None = None,
) -> int:
    """Store parsed items as a staged batch, invisible until published; the batch id.

    `begin` makes a transaction each time it is called. `progress(done, total)` may raise to give up: what was written
    stays invisible. Raises `UnknownTopics`, `AlreadyThere`, `NotFound` before anything is stored.
    """
    with begin() as db:
        topics = _check_import(db, bank_id, items)
        batch = ImportBatch(
            bank_id=bank_id,
            source_name=source.name,
            source_digest=source.digest,
            created_at=source.now,
            created_by=source.by,
        )
        db.add(batch)
        db.flush()
        batch_id = batch.id
    for figure in figures.values():
        with begin() as db:
            add_media(db, figure.digest, figure.type, figure.data, now=source.now)
    shared = {item.body.stimulus: item.body.stimulus_html for item in items if item.body.stimulus}
    with begin() as db:
        sets = store_texts(db, bank_id, batch_id, shared, by=source.by, now=source.now)
    stored: list[int] = []
    for start in range(0, len(items), CHUNK):
        if progress is not None:
            progress(start, len(items))
        rows = list(_prepare(keyring, bank_id, batch_id, items[start : start + CHUNK], topics, sets, source))
        with begin() as db:
            stored += _store_chunk(db, rows)
    with begin() as db:
        batch = get_batch(db, batch_id)
        batch.item_count = len(stored)
        batch.sample = sorted(random.SystemRandom().sample(stored, min(SAMPLE_SIZE, len(stored))))
        batch.state = BatchState.STAGED
    if progress is not None:
        progress(len(items), len(items))
    return batch_id


def publish_batch(db: Session, batch_id: int, *, by: int, now: datetime) -> int:
    """Make an approved import visible, all at once; how many items. Raises `NotAllowed`, `AlreadyThere`."""
    batch = get_batch(db, batch_id)
    if batch.state != BatchState.APPROVED:
        raise NotAllowed(msg("Only an approved import can be published."))
    # One publication at a time and bank: two imports of the same questions must not pass the check side by side.
    bank = get_bank(db, batch.bank_id, lock=True)
    clashes = _clashes(db, batch, bank)
    if clashes:
        raise AlreadyThere(clashes)
    batch.state, batch.published_at, batch.published_by = BatchState.PUBLISHED, now, by
    db.flush()
    return batch.item_count


def _check_import(db: Session, bank_id: int, items: Sequence[ImportedItem]) -> dict[str, int]:
    bank = get_bank(db, bank_id)
    leaves = db.exec(select(Topic.code, Topic.id).where(Topic.syllabus_id == bank.syllabus_id, col(Topic.is_leaf)))
    topics = dict(leaves.all())
    unknown = sorted({item.topic_code for item in items} - topics.keys())
    if unknown:
        raise UnknownTopics(unknown)
    there = find_same(db, bank, (item.digest.hex() for item in items))
    if there:
        raise AlreadyThere({item.row: there[item.digest.hex()] for item in items if item.digest.hex() in there})
    return topics


@dataclass(frozen=True, slots=True)
class _Prepared:
    item: dict[str, Any]
    version: dict[str, Any]
    key: dict[str, Any]


def _prepare(
    keyring: sealing.Keyring,
    bank_id: int,
    batch_id: int,
    items: Iterable[ImportedItem],
    topics: Mapping[str, int],
    sets: Mapping[str, int],
    source: Source,
) -> Iterator[_Prepared]:
    """Rows without the ids of their parents: all the slow work, outside any transaction."""
    made = {"created_at": source.now, "created_by": source.by}
    for item in items:
        stimulus_id = sets.get(item.body.stimulus)
        name = "" if stimulus_id is None else str(stimulus_id)
        body = with_stimulus(item.body, name, item.body.stimulus_html).model_dump(mode="json")
        yield _Prepared(
            item={
                "bank_id": bank_id,
                "topic_id": topics[item.topic_code],
                "state": ItemState.APPROVED,
                "author_id": source.by,
                "current_version": 1,
                "approved_version": 1,
                "import_batch_id": batch_id,
                "import_row": item.row,
                "created_at": source.now,
                "stimulus_id": stimulus_id,
                "set_position": item.row if stimulus_id is not None else 0,
            },
            version={
                "version": 1,
                "kind": item.body.kind,
                "body": body,
                "plain": plain_stem(item.body),
                "normal_digest": item.digest.hex(),
                "difficulty": item.difficulty or DEFAULT_DIFFICULTY,
                "cognitive": item.cognitive,
                "source_clause": item.source,
                **made,
            },
            key={"key_version": 1, "ciphertext": keys.seal_key(keyring, body, item.key), "cancelled": False, **made},
        )


def _store_chunk(db: Session, rows: Sequence[_Prepared]) -> list[int]:
    """Four inserts; the ids of the items."""
    families = _insert(db, Family, [{"bank_id": row.item["bank_id"], "created_at": row.item["created_at"]} for row in rows])
    items = _insert(db, Item, [row.item | {"family_id": family} for row, family in zip(rows, families, strict=True)])
    versions = _insert(db, ItemVersion, [row.version | {"item_id": item} for row, item in zip(rows, items, strict=True)])
    db.execute(insert(ItemKey), [row.key | {"item_version_id": version} for row, version in zip(rows, versions, strict=True)])
    return items


def _insert(db: Session, table: type[Family] | type[Item] | type[ItemVersion], rows: list[dict[str, Any]]) -> list[int]:
    statement = insert(table).returning(col(table.id), sort_by_parameter_order=True)
    return list(db.execute(statement, rows).scalars())


def _clashes(db: Session, batch: ImportBatch, bank: Bank) -> dict[int, int]:
    """Row of the import -> item that became visible since and asks the same."""
    mine, theirs = aliased(ItemVersion), aliased(ItemVersion)
    other = aliased(Item)
    statement = (
        select(Item.import_row, col(theirs.item_id))
        .join(mine, col(mine.item_id) == col(Item.id))
        .join(theirs, col(theirs.normal_digest) == col(mine.normal_digest))
        .join(other, col(other.id) == col(theirs.item_id))
        .where(
            Item.import_batch_id == batch.id,
            col(theirs.item_id) != col(mine.item_id),
            col(other.bank_id).in_(banks_in_scope(db, bank)),
            visible(other),
        )
    )
    return {row or 0: item for row, item in db.exec(statement)}
