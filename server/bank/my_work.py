"""What a person has to do in a bank: tasks, what came back with remarks, what is not handed in, what waits for a review."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlmodel import Session, col

from itembank.pool import visible
from itembank.tables import Bank, Item, ItemState, ItemVersion
from server.auth.staff import Staff
from server.bank import review_queue, tasks
from server.bank.tasks import TaskLine

SHOWN = 8


@dataclass(frozen=True)
class OwnItem:
    """An item this person wrote."""

    id: int
    plain: str
    since: datetime


@dataclass(frozen=True)
class Work:
    """All of it. `asked`, `late`: for a bank manager, the open tasks of all writers. `reviews`: items waiting for this person."""

    tasks: list[TaskLine]
    returned: list[OwnItem]
    drafts: list[OwnItem]
    asked: int
    late: int
    reviews: int

    @property
    def any(self) -> bool:
        """Whether there is something of one's own to do."""
        return bool(self.tasks or self.returned or self.drafts)


def work_of(db: Session, who: Staff, bank: Bank, *, now: datetime) -> Work:
    """Tasks first, the most urgent on top; those that are done have their place in the list of tasks."""
    may_write, assigns = who.may("item.write"), who.may("task.assign")
    mine = tasks.listed(db, bank, now=now, to=who.person_id) if may_write else []
    everybodys = tasks.listed(db, bank, now=now) if assigns else []
    waiting = review_queue.queue(db, bank, who) if who.may("item.review") else []
    return Work(
        [line for line in mine if not line.progress.done],
        _own(db, bank, who, ItemState.RETURNED) if may_write else [],
        _own(db, bank, who, ItemState.DRAFT) if may_write else [],
        sum(not line.progress.done for line in everybodys),
        sum(line.late for line in everybodys),
        sum(row.todo for row in waiting),
    )


def _own(db: Session, bank: Bank, who: Staff, state: ItemState) -> list[OwnItem]:
    current = and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version))
    statement = (
        select(col(Item.id), col(ItemVersion.plain), col(ItemVersion.created_at))
        .join(ItemVersion, current)
        .where(col(Item.bank_id) == bank.id, col(Item.author_id) == who.person_id, col(Item.state) == state, visible())
        .order_by(col(ItemVersion.created_at), col(Item.id))
        .limit(100)
    )
    return [OwnItem(*row) for row in db.execute(statement)]
