"""The list of items: filters, one page of rows, what an export would take. No statement here reads a key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy import case as case_of
from sqlmodel import Session, col

from itembank.markup import storable
from itembank.pool import capacity_of, scope_of, visible
from itembank.tables import Bank, Item, ItemVersion, LedgerEntry, Topic
from server.auth.tables import Person
from server.bank.overview import claim_columns, drawable, live_claims
from server.bank.performance import to_revise
from server.bank.words import KINDS, STATES

PAGE = 50
_LONGEST_QUERY = 100


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed to; empty means all. `topic` is a path code at any level."""

    q: str = ""
    kind: str = ""
    state: str = ""
    topic: str = ""
    difficulty: int = 0
    mine: bool = False
    revise: bool = False

    def query(self, **more: object) -> str:
        """As a query string, without what is empty."""
        values = {**vars(self), "mine": 1 if self.mine else "", "revise": 1 if self.revise else "", **more}
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def is_empty(self) -> bool:
        """Whether nothing is narrowed."""
        return self == Filter()


class FilterQuery(BaseModel):
    """The same as a browser sends it: all text."""

    q: str = ""
    kind: str = ""
    state: str = ""
    topic: str = ""
    difficulty: str = ""
    mine: str = ""
    revise: str = ""
    page: str = "1"

    @property
    def number(self) -> int:
        """The page wanted, from 1."""
        return int(self.page) if self.page.isdecimal() and len(self.page) < 7 else 1

    @property
    def filter(self) -> Filter:
        """Odd values count as empty."""
        return Filter(
            q=storable(self.q).strip()[:_LONGEST_QUERY],
            kind=self.kind if self.kind in KINDS else "",
            state=self.state if self.state in {*STATES, "free", "reserved", "burned"} else "",
            topic=self.topic.strip()[:60],
            difficulty=int(self.difficulty) if self.difficulty in {"1", "2", "3", "4", "5"} else 0,
            mine=self.mine == "1",
            revise=self.revise == "1",
        )


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One line of the list. `claim` is what the ledger says of the item's family: free, reserved, burned, or empty; `revise`:
    a flag from an exam waits for somebody."""

    item: Item
    kind: str
    plain: str
    difficulty: int
    topic_code: str
    topic_name: str
    author: str
    claim: str
    revise: bool


@dataclass(frozen=True)
class ItemPage:
    """A page of the list; `number` counts from 1."""

    rows: list[ItemRow]
    total: int
    number: int
    pages: int


def item_page(
    db: Session, bank: Bank, wanted: Filter, number: int, reader: int, only: ColumnElement[bool] | None = None
) -> ItemPage:
    """Three statements, however many rows there are: how many, which are on the page, and all about those.

    `only`: what the reader may see at all.
    """
    chosen = _chosen(bank, wanted, reader)
    chosen = chosen if only is None else chosen.where(only)
    total = int(db.execute(select(func.count()).select_from(chosen.subquery())).scalar_one())
    pages = max(1, -(-total // PAGE))
    number = min(max(1, number), pages)
    ids = list(db.execute(chosen.order_by(col(Item.id).desc()).limit(PAGE).offset((number - 1) * PAGE)).scalars())
    found = db.execute(_narrowed(bank, Filter(), reader).where(col(Item.id).in_(ids)).order_by(col(Item.id).desc()))
    return ItemPage([_row(*values) for values in found], total, number, pages)


def _chosen(bank: Bank, wanted: Filter, reader: int) -> Select[Any]:
    """Ids of the items the filter lets through, joined to no more than it asks about: counting costs what it touches."""
    live = live_claims([scope_of(bank)])
    claim = claim_columns(live, capacity_of(bank))
    statement = select(col(Item.id)).where(col(Item.bank_id) == bank.id, visible(), *_conditions(bank, wanted, claim, reader))
    if wanted.q or wanted.kind or wanted.difficulty:
        current = and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version))
        statement = statement.join(ItemVersion, current)
    if len(wanted.q) > 1:  # the texts first, in one pass over their index, instead of looking up the text of every item
        having = col(Item.id).in_(select(col(ItemVersion.item_id)).where(_says(wanted.q)))
        number = _number(wanted.q)
        statement = statement.where(having if number is None else or_(having, col(Item.id) == number))
    if wanted.topic:
        statement = statement.join(Topic, col(Topic.id) == col(Item.topic_id))
    if wanted.state in claim:
        statement = statement.outerjoin(live, live.c.family_id == col(Item.family_id))
    return statement


def _row(*values: Any) -> ItemRow:
    item, kind, plain, difficulty, topic_code, topic_name, author, can_draw, free, burned, revise = values
    claim = ""
    if not free:
        claim = "burned" if burned else "reserved"
    elif can_draw:
        claim = "free"
    return ItemRow(item, kind, plain, difficulty, topic_code, topic_name, author or "", claim, bool(revise))


def _narrowed(bank: Bank, wanted: Filter, reader: int) -> Select[Any]:
    live = live_claims([scope_of(bank)])
    claim = claim_columns(live, capacity_of(bank))
    shown: tuple[Any, ...] = (
        Item,
        col(ItemVersion.kind),
        col(ItemVersion.plain),
        col(ItemVersion.difficulty),
        col(Topic.code),
        col(Topic.name),
        col(Person.name),
        drawable().label("can_draw"),
        claim["free"].label("free"),
        claim["burned"].label("burned"),
        col(Item.id).in_(to_revise(bank)).label("revise"),
    )
    return (
        select(*shown)
        .join(ItemVersion, and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version)))
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .outerjoin(Person, col(Person.id) == col(Item.author_id))
        .outerjoin(live, live.c.family_id == col(Item.family_id))
        .where(col(Item.bank_id) == bank.id, visible(), *_conditions(bank, wanted, claim, reader))
    )


def _says(words: str) -> ColumnElement[bool]:
    return col(ItemVersion.plain).contains(words, autoescape=True)


def _number(words: str) -> int | None:
    """The item number these words may also be."""
    number = words.removeprefix("#")
    return int(number) if number.isdecimal() and len(number) < 10 else None


def _conditions(bank: Bank, wanted: Filter, claim: dict[str, ColumnElement[bool]], reader: int) -> Iterator[ColumnElement[bool]]:
    if wanted.q:
        number = _number(wanted.q)
        yield _says(wanted.q) if number is None else or_(_says(wanted.q), col(Item.id) == number)
    if wanted.kind:
        yield col(ItemVersion.kind) == wanted.kind
    if wanted.state in claim:
        yield and_(drawable(), claim[wanted.state]) if wanted.state == "free" else claim[wanted.state]
    elif wanted.state:
        yield col(Item.state) == wanted.state
    if wanted.topic:
        yield or_(col(Topic.code) == wanted.topic, col(Topic.code).startswith(f"{wanted.topic}-", autoescape=True))
    if wanted.difficulty:
        yield col(ItemVersion.difficulty) == wanted.difficulty
    if wanted.mine:
        yield col(Item.author_id) == reader
    if wanted.revise:
        yield col(Item.id).in_(to_revise(bank))


@dataclass(frozen=True, slots=True)
class Choice:
    """An item an export would take. `held`: a form that is not opened yet has it, so it stays; `in_set`: it shares a text."""

    version_id: int
    kind: str
    held: bool
    in_set: bool


def chosen(db: Session, bank: Bank, wanted: Filter, reader: int) -> list[Choice]:
    """Every item the filter lets through, its newest version, in the order of the syllabus; then the case sets, each together."""
    case = func.coalesce(Item.stimulus_id, 0)
    place = case_of((case > 0, 0), else_=col(Topic.position))
    live = live_claims([scope_of(bank)])
    claim = claim_columns(live, capacity_of(bank))
    statement = (
        select(col(ItemVersion.id), col(ItemVersion.kind), held(bank), col(Item.stimulus_id).is_not(None))
        .join(Item, and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version)))
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .outerjoin(live, live.c.family_id == col(Item.family_id))
        .where(col(Item.bank_id) == bank.id, visible(), *_conditions(bank, wanted, claim, reader))
        .order_by(case, place, col(Item.set_position), col(Item.id))
    )
    return [Choice(*row) for row in db.execute(statement)]


def held(bank: Bank) -> ColumnElement[bool]:
    """Whether the family of a row of `Item` is in a form that is not opened yet."""
    claimed = select(col(LedgerEntry.family_id)).where(
        col(LedgerEntry.scope) == scope_of(bank), col(LedgerEntry.ended_at).is_(None), col(LedgerEntry.burned_at).is_(None)
    )
    return col(Item.family_id).in_(claimed)


def topic_choices(db: Session, bank: Bank) -> list[tuple[str, str, int, bool]]:
    """(code, name, depth, is leaf) of every topic, in the order of the table."""
    statement = (
        select(col(Topic.code), col(Topic.name), col(Topic.depth), col(Topic.is_leaf))
        .where(col(Topic.syllabus_id) == bank.syllabus_id)
        .order_by(col(Topic.position))
    )
    rows = [(code, name, depth, leaf) for code, name, depth, leaf in db.execute(statement)]
    return sorted(rows, key=lambda row: row[0].split("-"))
