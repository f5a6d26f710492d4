"""Counts of a bank: items by state and kind, what the ledger says, coverage of the syllabus tree. A few statements each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Subquery, and_, case, func, select
from sqlmodel import Session, col

from itembank.pool import capacity_of, scope_of, visible
from itembank.tables import Bank, Blueprint, ImportBatch, Item, ItemState, ItemVersion, LedgerEntry, PaperSet, Topic
from server.bank.performance import to_revise

LEAST_PER_LEAF = 4
"""At least so many items on every knowledge point is the usual rule; fewer is a warning."""


@dataclass(slots=True)
class Tally:
    """Items that may be drawn (approved, in use) and what the ledger says of them; `waiting` are drafts and reviews."""

    approved: int = 0
    free: int = 0
    reserved: int = 0
    burned: int = 0
    waiting: int = 0

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.approved += other.approved
        self.free += other.free
        self.reserved += other.reserved
        self.burned += other.burned
        self.waiting += other.waiting


@dataclass(slots=True)
class TopicRow:
    """A line of the coverage table. `weight` in hundredths of a percent."""

    code: str
    name: str
    depth: int
    is_leaf: bool
    importance: str | None
    weight: int | None
    tally: Tally = field(default_factory=Tally)

    @property
    def short(self) -> int:
        """How many items a leaf lacks to the usual least number."""
        return max(0, LEAST_PER_LEAF - self.tally.approved) if self.is_leaf else 0


@dataclass(frozen=True, slots=True)
class BankLine:
    """One bank in the list."""

    bank: Bank
    items: int
    approved: int
    free: int


def live_claims(scopes: Sequence[str]) -> Subquery:
    """family_id, how many live claims, whether any is burned; for these scopes."""
    return (
        select(
            col(LedgerEntry.family_id).label("family_id"),
            func.count().label("claims"),
            func.max(case((col(LedgerEntry.burned_at).is_not(None), 1), else_=0)).label("burned"),
        )
        .where(col(LedgerEntry.scope).in_(scopes), col(LedgerEntry.ended_at).is_(None))
        .group_by(col(LedgerEntry.family_id))
        .subquery()
    )


def drawable() -> ColumnElement[bool]:
    """Approved once and not taken out of use."""
    return and_(col(Item.approved_version).is_not(None), col(Item.state).not_in((ItemState.RETIRED, ItemState.QUARANTINED)))


def claim_columns(live: Subquery, capacity: int) -> dict[str, ColumnElement[bool]]:
    """Conditions on a row of `Item` left-joined to `live`: free, reserved, burned."""
    claims = func.coalesce(live.c.claims, 0)
    burned = func.coalesce(live.c.burned, 0)
    return {
        "free": claims < capacity,
        "reserved": and_(claims >= capacity, burned == 0),
        "burned": and_(claims >= capacity, burned == 1),
    }


def banks(db: Session, institution_id: int) -> list[BankLine]:
    """The banks of an institution with how full they are."""
    found = [
        row for (row,) in db.execute(select(Bank).where(col(Bank.institution_id) == institution_id).order_by(col(Bank.code)))
    ]
    return [_line(db, bank) for bank in found]


def _line(db: Session, bank: Bank) -> BankLine:
    live = live_claims([scope_of(bank)])
    free = claim_columns(live, capacity_of(bank))["free"]
    statement = (
        select(func.count(), _sum(drawable()), _sum(and_(drawable(), free)))
        .select_from(Item)
        .outerjoin(live, live.c.family_id == col(Item.family_id))
        .where(col(Item.bank_id) == bank.id, visible())
    )
    items, approved, unspent = db.execute(statement).one()
    return BankLine(bank, items, int(approved or 0), int(unspent or 0))


def by_state_and_kind(db: Session, bank: Bank) -> Counter[tuple[str, str]]:
    """(state, kind) -> how many items."""
    statement = (
        select(col(Item.state), col(ItemVersion.kind), func.count())
        .join(ItemVersion, and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version)))
        .where(col(Item.bank_id) == bank.id, visible())
        .group_by(col(Item.state), col(ItemVersion.kind))
    )
    return Counter({(state, kind): count for state, kind, count in db.execute(statement)})


def coverage(db: Session, bank: Bank) -> list[TopicRow]:
    """The syllabus tree in its own order with tallies; an area's is the sum of what lies under it."""
    tallies = _tallies(db, bank)
    rows: list[TopicRow] = []
    by_code: dict[str, TopicRow] = {}
    topics = db.execute(select(Topic).where(col(Topic.syllabus_id) == bank.syllabus_id).order_by(col(Topic.position)))
    for (topic,) in topics:
        row = TopicRow(topic.code, topic.name, topic.depth, topic.is_leaf, topic.importance, topic.weight)
        row.tally.add(tallies.get(topic.id, Tally()))
        rows.append(row)
        by_code[topic.code] = row
    for row in (row for row in rows if row.is_leaf):
        above = row.code
        while "-" in above:
            above = above.rpartition("-")[0]
            by_code[above].tally.add(row.tally)
    return sorted(rows, key=lambda row: row.code.split("-"))


def _tallies(db: Session, bank: Bank) -> dict[int, Tally]:
    live = live_claims([scope_of(bank)])
    claim = claim_columns(live, capacity_of(bank))
    statement = (
        select(
            col(Item.topic_id),
            _sum(drawable()),
            *(_sum(and_(drawable(), claim[name])) for name in ("free", "reserved", "burned")),
            _sum(col(Item.state).in_((ItemState.DRAFT, ItemState.SUBMITTED, ItemState.RETURNED))),
        )
        .outerjoin(live, live.c.family_id == col(Item.family_id))
        .where(col(Item.bank_id) == bank.id, visible())
        .group_by(col(Item.topic_id))
    )
    return {topic: Tally(*(int(count or 0) for count in counts)) for topic, *counts in db.execute(statement)}


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def waiting_counts(db: Session, bank: Bank) -> dict[str, int]:
    """What waits for somebody: items in review, imports to be decided, items to revise; blueprints and paper sets there are."""
    review = select(func.count()).where(col(Item.bank_id) == bank.id, col(Item.state) == ItemState.SUBMITTED, visible())
    batches = select(func.count()).where(col(ImportBatch.bank_id) == bank.id, col(ImportBatch.state) == "staged")
    plans = select(func.count()).where(col(Blueprint.bank_id) == bank.id, col(Blueprint.retired_at).is_(None))
    papers = select(func.count()).where(col(PaperSet.bank_id) == bank.id)
    revise = select(func.count()).select_from(to_revise(bank).distinct().subquery())
    wanted = {"review": review, "imports": batches, "revise": revise, "blueprints": plans, "papers": papers}
    counts = select(*(statement.scalar_subquery() for statement in wanted.values()))
    return dict(zip(wanted, db.execute(counts).one(), strict=True))
