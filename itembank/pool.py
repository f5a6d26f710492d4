"""Reads from SQL what may be drawn: visible items, a bank's topics, the pool for assembly with what is spoken for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, case, func
from sqlmodel import Session, and_, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import TopicFacts
from itembank.errors import NotFound
from itembank.family_tables import TwinCase
from itembank.items import CASE_SET
from itembank.tables import (
    Bank,
    BatchState,
    ImportBatch,
    Item,
    ItemState,
    ItemVersion,
    LedgerEntry,
    Provenance,
    ReusePolicy,
    Topic,
)

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Pool:
    """`free` may be drawn now.

    `spent` is approved but spoken for; of a case set all questions are where the worst of them is. `slots`: the ledger slot a
    family would take, if not 0. `sets`: how many questions each case set of the bank has.
    """

    free: tuple[PoolItem, ...]
    spent: tuple[PoolItem, ...]
    slots: dict[int, int]
    sets: dict[int, int] = field(default_factory=dict)


def get_bank(db: Session, bank_id: int, *, lock: bool = False) -> Bank:
    """The bank; raises `NotFound`. `lock`: one at a time until the transaction ends (SQLite's writers always are)."""
    statement = select(Bank).where(Bank.id == bank_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    bank = db.exec(statement).first()
    if bank is None:
        raise NotFound("bank", bank_id)
    return bank


def visible(item: type[Item] = Item) -> ColumnElement[bool]:
    """Condition on `Item` (or an alias of it): written by hand, or of a published import. Every list of items filters by it."""
    published = select(ImportBatch.id).where(ImportBatch.state == BatchState.PUBLISHED)
    return or_(col(item.import_batch_id).is_(None), col(item.import_batch_id).in_(published))


def scope_of(bank: Bank) -> str:
    """Within what a family may not come back: the institution for self-built banks, else the bank itself."""
    if bank.provenance == Provenance.SELF_BUILT:
        return f"institution:{bank.institution_id}"
    return f"bank:{bank.id}"


def banks_in_scope(db: Session, bank: Bank) -> list[int]:
    """The banks within which a question must not come twice: all self-built ones of the institution, or this one."""
    if bank.provenance != Provenance.SELF_BUILT:
        return [bank.id]
    statement = select(Bank.id).where(Bank.institution_id == bank.institution_id, Bank.provenance == Provenance.SELF_BUILT)
    return list(db.exec(statement.order_by(col(Bank.id))))


def find_same(db: Session, bank: Bank, normal_digests: Iterable[str]) -> dict[str, int]:
    """Which of these questions the scope of the bank already has, in whatever version: digest -> item id.

    Items of unpublished imports do not count.
    """
    wanted, found = sorted(set(normal_digests)), dict[str, int]()
    banks = banks_in_scope(db, bank)
    for start in range(0, len(wanted), _BATCH):
        statement = (
            select(ItemVersion.normal_digest, Item.id)
            .join(Item, col(Item.id) == col(ItemVersion.item_id))
            .where(col(ItemVersion.normal_digest).in_(wanted[start : start + _BATCH]), col(Item.bank_id).in_(banks), visible())
            .order_by(col(Item.id).desc())
        )
        found.update(dict(db.exec(statement).all()))
    return found


def capacity_of(bank: Bank) -> int:
    """How many live claims one family may carry."""
    return bank.cap if bank.policy == ReusePolicy.CAPPED else 1


def load_topics(db: Session, bank: Bank) -> tuple[TopicFacts, ...]:
    """The topics of the bank's syllabus, in the order of the table."""
    return topics_of(db, bank.syllabus_id)


def topics_of(db: Session, syllabus_id: int) -> tuple[TopicFacts, ...]:
    """The topics of a content table, in its order."""
    return topic_facts(db.exec(select(Topic).where(Topic.syllabus_id == syllabus_id).order_by(col(Topic.position))))


def topic_facts(found: Iterable[Topic]) -> tuple[TopicFacts, ...]:
    """What a blueprint needs to know of these topics."""
    return tuple(TopicFacts(t.code, t.name, t.depth, t.is_leaf, t.importance, t.weight) for t in found)


def load_pool(db: Session, bank: Bank) -> Pool:
    """Approved versions of visible items, parted by the ledger. Four statements, whatever the size of the bank."""
    taken = _live_slots(db, scope_of(bank))
    capacity = capacity_of(bank)
    slots = {family: next((slot for slot in range(capacity) if slot not in used), -1) for family, used in taken.items()}
    sets = _sets(db, bank)
    everything = [item for item in _approved(db, bank) if not item.stimulus or item.stimulus in sets]
    gone = {item.stimulus for item in everything if item.stimulus and slots.get(item.family_id, 0) < 0}
    spent = [slots.get(item.family_id, 0) < 0 or item.stimulus in gone for item in everything]
    return Pool(
        free=tuple(item for item, out in zip(everything, spent, strict=True) if not out),
        spent=tuple(item for item, out in zip(everything, spent, strict=True) if out),
        slots={family: slot for family, slot in slots.items() if slot >= 0},
        sets=sets,
    )


def _sets(db: Session, bank: Bank) -> dict[int, int]:
    """The case sets that may be drawn, with the number of their questions.

    A set consists of its approved questions that are not out of use for good. It is drawn whole or not at all: so not while one
    of them is quarantined or waits for people's word on its likeness, nor while they do not all stand on the same text.
    """
    undecided = set(db.exec(_undecided(bank)))
    statement = (
        select(Item.stimulus_id, Item.id, Item.state, ItemVersion.body)
        .join(ItemVersion, _in_force())
        .where(Item.bank_id == bank.id, col(Item.stimulus_id).is_not(None), Item.state != ItemState.RETIRED, visible())
    )
    texts: dict[int, list[str]] = defaultdict(list)
    held: set[int] = set()
    for stimulus, item_id, state, body in db.exec(statement):
        number = stimulus or 0
        texts[number].append(str(body.get("stimulus_html", "")))
        if state == ItemState.QUARANTINED or item_id in undecided:
            held.add(number)
    return {number: len(found) for number, found in texts.items() if number not in held and len(set(found)) == 1}


def _live_slots(db: Session, scope: str) -> dict[int, set[int]]:
    """Family -> slots taken. A claim counts for the family it was made under, and for the one its item has moved to since."""
    live = (
        select(LedgerEntry.family_id, LedgerEntry.slot, Item.family_id)
        .join(Item, col(Item.id) == col(LedgerEntry.item_id))
        .where(LedgerEntry.scope == scope, col(LedgerEntry.ended_at).is_(None))
    )
    found: dict[int, set[int]] = defaultdict(set)
    moved: list[int] = []
    for family, slot, now_in in db.exec(live):
        found[family].add(slot)
        if now_in != family:
            moved.append(now_in)
    for family in moved:
        taken = found[family]
        taken.add(next(slot for slot in range(len(taken) + 1) if slot not in taken))
    return found


def _approved(db: Session, bank: Bank) -> Sequence[PoolItem]:
    """Items that may be drawn at all, by item id. One under revision is drawn in its last approved version.

    One that is like another item waits until people have decided.
    """
    out_of_use = (ItemState.RETIRED, ItemState.QUARANTINED)
    statement = (
        select(
            col(Item.id),
            col(ItemVersion.id),
            col(Item.family_id),
            case((col(Item.stimulus_id).is_not(None), CASE_SET), else_=col(ItemVersion.kind)),
            col(Topic.code),
            func.coalesce(Topic.importance, ""),
            col(ItemVersion.difficulty),
            func.coalesce(Item.stimulus_id, 0),
            case((col(Item.stimulus_id).is_not(None), col(Item.set_position)), else_=0),
        )  # type: ignore[call-overload]  # sqlmodel's select is typed up to four columns
        .join(ItemVersion, _in_force())
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .where(Item.bank_id == bank.id, col(Item.state).not_in(out_of_use), col(Item.id).not_in(_undecided(bank)), visible())
        .order_by(col(Item.id))
    )
    return [
        PoolItem(item, version, family, kind, topic, importance, difficulty, stimulus=stimulus, place=place)
        for item, version, family, kind, topic, importance, difficulty, stimulus, place in db.exec(statement)
    ]


def _undecided(bank: Bank) -> SelectOfScalar[int]:
    """Items that people have still to decide about."""
    return select(TwinCase.item_id).where(TwinCase.bank_id == bank.id, col(TwinCase.decided_at).is_(None))


def _in_force() -> ColumnElement[bool]:
    """Condition that joins an item to its approved version."""
    return and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.approved_version))
