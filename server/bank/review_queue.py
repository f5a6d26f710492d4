"""What waits for a reviewer: the queue, narrowed by topic and kind, and the way through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from pydantic import BaseModel
from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from itembank.pool import visible
from itembank.tables import Bank, Item, ItemState, ItemVersion, Review, Topic
from server.auth.staff import Staff
from server.auth.tables import Person
from server.bank.words import KINDS


@dataclass(frozen=True)
class Narrowed:
    """What the queue is narrowed to; "" means all. `topic` is a path code at any level."""

    topic: str = ""
    kind: str = ""

    @property
    def query(self) -> str:
        """As a query string with its question mark, without what is empty."""
        found = urlencode({name: value for name, value in vars(self).items() if value})
        return f"?{found}" if found else ""


class QueueQuery(BaseModel):
    """The same as a browser sends it; odd values count as empty."""

    topic: str = ""
    kind: str = ""

    @property
    def narrowed(self) -> Narrowed:
        """Checked."""
        return Narrowed(self.topic[:60], self.kind if self.kind in KINDS else "")


@dataclass(frozen=True)
class Waiting:
    """One item in the queue. `mine`: the reader wrote a version of it; `voted`: the reader's vote is cast.

    `earlier`: the reader has reviewed an earlier version.
    """

    item_id: int
    kind: str
    plain: str
    topic_code: str
    topic: str
    author: str
    since: datetime
    version: int
    votes: int
    mine: bool
    voted: bool
    earlier: bool

    @property
    def todo(self) -> bool:
        """Whether it waits for the reader."""
        return not (self.mine or self.voted)


@dataclass(frozen=True)
class Place:
    """Where in the queue an item stands, from 1; the items before and after it. `at` 0: it does not wait for the reader."""

    at: int
    of: int
    before: int | None
    after: int | None


def queue(db: Session, bank: Bank, who: Staff, wanted: Narrowed | None = None) -> list[Waiting]:
    """Everything in review but case sets, oldest first. One statement."""
    wanted = wanted or Narrowed()
    votes = (
        select(
            col(Review.item_version_id).label("version_id"),
            func.count().label("votes"),
            func.max(case((col(Review.reviewer_id) == who.person_id, 1), else_=0)).label("mine"),
        )
        .group_by(col(Review.item_version_id))
        .subquery()
    )
    any_version = aliased(ItemVersion)
    wrote = exists().where(col(any_version.item_id) == col(Item.id), col(any_version.created_by) == who.person_id)
    earlier = exists().where(
        col(any_version.item_id) == col(Item.id),
        col(any_version.version) < col(Item.current_version),
        col(Review.item_version_id) == col(any_version.id),
        col(Review.reviewer_id) == who.person_id,
    )
    statement = (
        select(
            col(Item.id),
            col(ItemVersion.kind),
            col(ItemVersion.plain),
            col(Topic.code),
            col(Topic.name),
            func.coalesce(Person.name, ""),
            col(ItemVersion.created_at),
            col(ItemVersion.version),
            func.coalesce(votes.c.votes, 0),
            wrote,
            func.coalesce(votes.c.mine, 0) == 1,
            earlier,
        )
        .join(ItemVersion, and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version)))
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .outerjoin(Person, col(Person.id) == col(ItemVersion.created_by))
        .outerjoin(votes, votes.c.version_id == col(ItemVersion.id))
        .where(col(Item.bank_id) == bank.id, col(Item.state) == ItemState.SUBMITTED, col(Item.stimulus_id).is_(None), visible())
        .order_by(col(ItemVersion.created_at), col(Item.id))
    )
    if wanted.kind:
        statement = statement.where(col(ItemVersion.kind) == wanted.kind)
    if wanted.topic:
        below = col(Topic.code).startswith(f"{wanted.topic}-", autoescape=True)
        statement = statement.where(or_(col(Topic.code) == wanted.topic, below))
    return [Waiting(*row) for row in db.execute(statement)]


def place_of(rows: Sequence[Waiting], item_id: int) -> Place:
    """Where this item stands among what waits for the reader. One that is done already keeps its neighbours by age."""
    waiting = [row.item_id for row in rows if row.todo]
    if item_id in waiting:
        n = waiting.index(item_id)
        return Place(n + 1, len(waiting), waiting[n - 1] if n else None, waiting[n + 1] if n + 1 < len(waiting) else None)
    order = [row.item_id for row in rows]
    n = order.index(item_id) if item_id in order else 0
    earlier, later = [row for row in rows[:n] if row.todo], [row for row in rows[n:] if row.todo]
    return Place(0, len(waiting), earlier[-1].item_id if earlier else None, later[0].item_id if later else None)
