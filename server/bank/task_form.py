"""The form for new writing tasks: read, checked, one task for each writer made."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel
from sqlmodel import Session, col, select
from starlette.datastructures import FormData

from itembank.tables import Bank, Item, ItemState, Topic
from server.audit import trail
from server.auth.staff import Staff
from server.bank import tasks
from server.bank.paper_view import day
from server.bank.scope import own_item, text
from server.bank.tables import WritingTask
from server.bank.words import KINDS
from server.errors import FieldError, Invalid
from server.pages import _, beijing


@dataclass
class TaskForm:
    """As typed. `item`: the item to revise, "" for new items."""

    topic: str = ""
    kind: str = ""
    difficulty: str = ""
    n: str = "5"
    due_on: str = ""
    to: list[int] = field(default_factory=list)
    note: str = ""
    item: str = ""


class TaskQuery(BaseModel):
    """What a link to the form says: a cell that is short of `n` items, or an `item` to revise. All text, as browsers send it."""

    topic: str = ""
    kind: str = ""
    difficulty: str = ""
    n: str = ""
    item: str = ""


def proposed(asked: TaskQuery, now: datetime) -> TaskForm:
    """The form as a link fills it: what is odd is left open, a mean difficulty is rounded; due in two weeks."""
    try:
        grade = str(round(float(asked.difficulty))) if asked.difficulty else ""
    except (ValueError, OverflowError):
        grade = ""
    n = str(min(int(asked.n), tasks.MOST)) if asked.n.isdecimal() and len(asked.n) < 8 and int(asked.n) else "5"
    return TaskForm(
        topic=asked.topic[:60],
        kind=asked.kind if asked.kind in KINDS else "",
        difficulty=grade if grade in {"1", "2", "3", "4", "5"} else "",
        n=n,
        due_on=beijing(now + 14 * tasks.DAY, "%Y-%m-%d"),
        item=asked.item if asked.item.isdecimal() and len(asked.item) < 10 else "",
    )


def read(fields: FormData) -> TaskForm:
    """The form from what a browser sent."""
    return TaskForm(
        topic=text(fields, "topic"),
        kind=text(fields, "kind"),
        difficulty=text(fields, "difficulty"),
        n=text(fields, "n"),
        due_on=text(fields, "due_on"),
        to=sorted({int(one) for one in fields.getlist("to") if isinstance(one, str) and one.isdecimal() and len(one) < 10}),
        note=text(fields, "note"),
        item=text(fields, "item"),
    )


def make(db: Session, who: Staff, bank: Bank, form: TaskForm, *, now: datetime) -> list[WritingTask]:
    """A task for each chosen writer. Raises `Invalid` with every field at fault, `NotFound` for an item that is not there."""
    item = own_item(db, who, bank, int(form.item)) if form.item.isdecimal() and len(form.item) < 10 else None
    problems = [*_problems(db, bank, form, now), *_problems_of_people(db, who, form, item)]
    due_on = day(form.due_on)
    if problems or due_on is None:
        raise Invalid(fields=problems)
    made = []
    for person in form.to:
        task = WritingTask(
            bank_id=bank.id,
            to_id=person,
            topic="" if item else form.topic,
            kind="" if item else form.kind,
            difficulty=0 if item else int(form.difficulty or 0),
            item_id=item.id if item else None,
            base_version=item.current_version if item else 0,
            wanted=1 if item else int(form.n),
            due_on=due_on,
            note=form.note,
            made_at=now,
            made_by=who.person_id,
        )
        db.add(task)
        db.flush()
        detail = {"to": person, "topic": task.topic, "kind": task.kind, "wanted": task.wanted, "item": task.item_id}
        trail.append(db, who.actor, "task.assigned", f"task:{task.id}", now=now, detail=detail)
        made.append(task)
    return made


def _problems(db: Session, bank: Bank, form: TaskForm, now: datetime) -> list[FieldError]:
    found = []
    if not form.item:
        topic = select(Topic.id).where(Topic.syllabus_id == bank.syllabus_id, Topic.code == form.topic)
        if form.topic and db.exec(topic).first() is None:
            found.append(FieldError("topic", _("The content table has no such topic.")))
        if form.kind and form.kind not in KINDS:
            found.append(FieldError("kind", _("Choose one of the kinds.")))
        if form.difficulty and form.difficulty not in {"1", "2", "3", "4", "5"}:
            found.append(FieldError("difficulty", _("Difficulty is 1 to 5.")))
    problem = problem_of_number(form.n) if not form.item else None
    found += [one for one in (problem, problem_of_day(form.due_on, now)) if one is not None]
    if len(form.note) > tasks.LONGEST_NOTE:
        found.append(FieldError("note", _("At most %(longest)s characters."), (("longest", tasks.LONGEST_NOTE),)))
    return found


def problem_of_number(typed: str) -> FieldError | None:
    """What is wrong with the number of items wanted."""
    if typed.isdecimal() and len(typed) < 5 and 1 <= int(typed) <= tasks.MOST:
        return None
    return FieldError("n", _("Ask for 1 to %(most)s items."), (("most", tasks.MOST),))


def problem_of_day(typed: str, now: datetime) -> FieldError | None:
    """What is wrong with the due date."""
    due_on = day(typed)
    if due_on is None:
        return FieldError("due_on", _("Say by which day, like 2027-03-31."))
    return FieldError("due_on", _("That day is over.")) if due_on + tasks.DAY <= now else None


def _problems_of_people(db: Session, who: Staff, form: TaskForm, item: Item | None) -> list[FieldError]:
    known = {number for number, _name in tasks.writers(db, who.institution_id)}
    if not form.to or not set(form.to) <= known:
        return [FieldError("to", _("Choose who writes: people who may write items."))]
    if item is None:
        return []
    if len(form.to) > 1:
        return [FieldError("to", _("One person revises an item."))]
    if item.state in {ItemState.RETIRED, ItemState.QUARANTINED}:
        return [FieldError("item", _("This item is out of use already."))]
    asked = select(WritingTask.id).where(WritingTask.item_id == item.id, col(WritingTask.closed_at).is_(None))
    if db.exec(asked).first() is not None:
        return [FieldError("item", _("Somebody is asked to revise it already."))]
    return []
