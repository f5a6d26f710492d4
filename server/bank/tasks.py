"""Writing tasks: what a bank manager asks a writer for, how far that is, which items came of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from itembank.blueprint import is_under
from itembank.tables import Bank, Item, ItemState, ItemVersion, Topic
from server.audit import trail
from server.auth import permissions
from server.auth.staff import Staff
from server.auth.tables import Person, RoleGrant
from server.bank.scope import names
from server.bank.tables import TaskItem, WritingTask
from server.errors import Conflict, NotFound
from server.pages import _

MOST = 200
LONGEST_NOTE = 500
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Progress:
    """Items made under a task, by how far they are. For a revision: 1 where the new version stands."""

    wanted: int
    drafts: int = 0
    review: int = 0
    approved: int = 0

    @property
    def written(self) -> int:
        """All there are."""
        return self.drafts + self.review + self.approved

    @property
    def handed_in(self) -> int:
        """What the writer has done with."""
        return self.review + self.approved

    @property
    def done(self) -> bool:
        """Whether as many are approved as were wanted."""
        return self.approved >= self.wanted


@dataclass(frozen=True)
class TaskLine:
    """A task with its progress. `late`: the day is over and the writer has not handed in what was asked for."""

    task: WritingTask
    to: str
    topic_name: str
    progress: Progress
    late: bool


def writers(db: Session, institution_id: int) -> list[tuple[int, str]]:
    """(id, name) of the people who may write items."""
    statement = (
        select(col(Person.id), col(Person.name))
        .join(RoleGrant, col(RoleGrant.person_id) == col(Person.id))
        .where(
            col(Person.institution_id) == institution_id,
            col(Person.active),
            col(RoleGrant.ended_at).is_(None),
            col(RoleGrant.role).in_(permissions.ACTIONS["item.write"]),
        )
        .distinct()
        .order_by(col(Person.name), col(Person.id))
    )
    return [(number, name) for number, name in db.execute(statement)]


def listed(db: Session, bank: Bank, *, now: datetime, to: int | None = None, closed: bool = False) -> list[TaskLine]:
    """Tasks of a bank (of one writer), the most urgent first; closed ones newest first."""
    where = [col(WritingTask.bank_id) == bank.id]
    where.append(col(WritingTask.closed_at).is_not(None) if closed else col(WritingTask.closed_at).is_(None))
    if to is not None:
        where.append(col(WritingTask.to_id) == to)
    order = col(WritingTask.closed_at).desc() if closed else col(WritingTask.due_on)
    found = db.execute(select(WritingTask).where(*where).order_by(order, col(WritingTask.id)).limit(500)).scalars()
    return lines(db, bank, list(found), now=now)


def lines(db: Session, bank: Bank, found: Sequence[WritingTask], *, now: datetime) -> list[TaskLine]:
    """Tasks with people, topics and progress. Four statements, however many there are."""
    people = names(db, (task.to_id for task in found))
    wanted = {task.topic for task in found}
    topics = dict(
        db.execute(
            select(col(Topic.code), col(Topic.name)).where(
                col(Topic.syllabus_id) == bank.syllabus_id, col(Topic.code).in_(wanted)
            )
        ).all()
    )
    figures = _progress(db, found)
    return [_line(task, people[task.to_id], topics.get(task.topic, ""), figures[task.id], now) for task in found]


def _line(task: WritingTask, to: str, topic: str, progress: Progress, now: datetime) -> TaskLine:
    late = task.closed_at is None and now >= task.due_on + DAY and progress.handed_in < progress.wanted
    return TaskLine(task, to, topic, progress, late)


def _progress(db: Session, found: Sequence[WritingTask]) -> dict[int, Progress]:
    in_use = col(Item.state).not_in((ItemState.RETIRED, ItemState.QUARANTINED))
    approved = col(Item.approved_version).is_not(None) & in_use
    states = {
        "drafts": col(Item.state).in_((ItemState.DRAFT, ItemState.RETURNED)) & ~approved,
        "review": (col(Item.state) == ItemState.SUBMITTED) & ~approved,
        "approved": approved,
    }
    sums = [func.sum(case((condition, 1), else_=0)) for condition in states.values()]
    statement = (
        select(col(TaskItem.task_id), *sums)
        .join(Item, col(Item.id) == col(TaskItem.item_id))
        .where(col(TaskItem.task_id).in_([task.id for task in found]))
        .group_by(col(TaskItem.task_id))
    )
    counts: dict[int, dict[str, int]] = {
        number: dict(zip(states, map(int, figures), strict=True)) for number, *figures in db.execute(statement)
    }
    revised = {item.id: item for item in _items(db, (task.item_id for task in found))}
    return {
        task.id: Progress(task.wanted, **counts.get(task.id, {})) if task.item_id is None else _of_revision(task, revised)
        for task in found
    }


def _items(db: Session, numbers: Iterable[int | None]) -> list[Item]:
    wanted = sorted({number for number in numbers if number is not None})
    return list(db.execute(select(Item).where(col(Item.id).in_(wanted))).scalars()) if wanted else []


def _of_revision(task: WritingTask, revised: dict[int, Item]) -> Progress:
    item = revised[task.item_id or 0]
    if item.current_version <= task.base_version:
        return Progress(1)
    if (item.approved_version or 0) > task.base_version:
        return Progress(1, approved=1)
    return Progress(1, review=1) if item.state == ItemState.SUBMITTED else Progress(1, drafts=1)


def own_task(db: Session, who: Staff, bank: Bank, number: int) -> WritingTask:
    """A task of the bank: any for those who assign, one's own for writers. Raises `NotFound`."""
    task = db.get(WritingTask, number)
    if task is None or task.bank_id != bank.id or not (who.may("task.assign") or task.to_id == who.person_id):
        raise NotFound
    return task


def open_task(db: Session, who: Staff, bank: Bank, number: int | None) -> WritingTask | None:
    """The task a writer is at, if it is theirs, open, and asks for new items."""
    task = db.get(WritingTask, number) if number else None
    fits = task is not None and task.bank_id == bank.id and task.to_id == who.person_id
    return task if fits and task is not None and task.closed_at is None and task.item_id is None else None


def counts_for(task: WritingTask, topic: str, kind: str) -> bool:
    """Whether an item of this topic and kind is what the task asks for. Difficulty is the writer's estimate and not asked."""
    return (not task.topic or is_under(topic, task.topic)) and task.kind in {"", kind}


def link(db: Session, task: WritingTask, item: Item, *, now: datetime) -> None:
    """The item was made under the task."""
    db.add(TaskItem(item_id=item.id, task_id=task.id, at=now))
    db.flush()


def items_of(db: Session, task: WritingTask) -> list[tuple[Item, str]]:
    """What was made under it with its text, oldest first; of a revision the item itself."""
    current = (col(ItemVersion.item_id) == col(Item.id)) & (col(ItemVersion.version) == col(Item.current_version))
    made = col(Item.id).in_(select(col(TaskItem.item_id)).where(col(TaskItem.task_id) == task.id))
    wanted = made if task.item_id is None else col(Item.id) == task.item_id
    found = db.execute(select(Item, col(ItemVersion.plain)).join(ItemVersion, current).where(wanted).order_by(col(Item.id)))
    return [(item, plain) for item, plain in found]


def change(db: Session, who: Staff, task: WritingTask, *, wanted: int, due_on: datetime, now: datetime) -> None:
    """Another number or day. Raises `Conflict` for a closed task."""
    _must_be_open(task)
    before: dict[str, Any] = {"wanted": task.wanted, "due_on": task.due_on.isoformat()}
    task.wanted, task.due_on = wanted, due_on
    db.flush()
    detail = {"before": before, "after": {"wanted": wanted, "due_on": due_on.isoformat()}}
    trail.append(db, who.actor, "task.changed", f"task:{task.id}", now=now, detail=detail)


def close(db: Session, who: Staff, task: WritingTask, reason: str, *, now: datetime) -> None:
    """Put the task away. Raises `Conflict` when it is closed already."""
    _must_be_open(task)
    task.closed_at, task.closed_by, task.close_reason = now, who.person_id, reason
    db.flush()
    trail.append(db, who.actor, "task.closed", f"task:{task.id}", now=now, detail={"reason": reason})


def _must_be_open(task: WritingTask) -> None:
    if task.closed_at is not None:
        raise Conflict(_("This task is closed."))
