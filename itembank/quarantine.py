"""Quarantine: items or forms that may have leaked are out of use at once; two people let them back.

The whole family goes: who has seen one wording has seen them all. Forms that hold such an item and are not opened yet are held
(`passport` refuses to open them); what was opened already is listed by `touched`, with the exam sessions it was used in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, select, update
from sqlmodel import Session, col

from itembank.errors import ItemBankError, NotFound, SecondPersonNeeded, msg
from itembank.family_tables import FormHold, Quarantine
from itembank.tables import Form, FormSlot, FormState, Item, ItemState, PaperSet

_UNOPENED = (FormState.COMPOSED, FormState.REVIEWED, FormState.SEALED, FormState.FILED, FormState.REFUSED)


class NotLiftable(ItemBankError):
    """The quarantine is lifted already, or nobody has asked for that."""


@dataclass(frozen=True, slots=True)
class TouchedForm:
    """A form with items in quarantine; `exam_session_id` where its set was opened for one."""

    form_id: int
    paper_set_id: int
    label: str
    title: str
    state: str
    exam_session_id: int | None
    items: int


def suspect_items(db: Session, bank_id: int, item_ids: Iterable[int], *, reason: str, by: int, now: datetime) -> Quarantine:
    """Put the families of these items into quarantine, because they may have leaked. Raises `NotFound`."""
    wanted = sorted(set(item_ids))
    families = select(col(Item.family_id)).where(col(Item.id).in_(wanted))
    found = list(
        db.execute(select(Item).where(col(Item.family_id).in_(families)).order_by(col(Item.id)).with_for_update()).scalars()
    )
    if not found:
        raise NotFound("item", ", ".join(map(str, wanted)))
    before: list[list[int | str]] = [[item.id, item.state] for item in found]
    for item in found:
        item.state = ItemState.QUARANTINED
    slots = select(col(FormSlot.form_id)).where(col(FormSlot.item_id).in_([item.id for item in found]))
    forms = db.execute(select(col(Form.id)).where(col(Form.id).in_(slots), col(Form.state).in_(_UNOPENED))).scalars()
    return hold(db, bank_id, sorted(forms), cause="leak", reason=reason, by=by, now=now, items=before)


def suspect_form(db: Session, bank_id: int, form_id: int, *, reason: str, by: int, now: datetime) -> Quarantine:
    """The same for every item of a form."""
    items = db.execute(select(col(FormSlot.item_id)).where(col(FormSlot.form_id) == form_id)).scalars()
    return suspect_items(db, bank_id, items, reason=reason, by=by, now=now)


def hold(
    db: Session,
    bank_id: int,
    form_ids: Sequence[int],
    *,
    cause: str,
    reason: str,
    by: int,
    now: datetime,
    items: list[list[int | str]] | None = None,
) -> Quarantine:
    """Record a quarantine that holds these forms."""
    row = Quarantine(bank_id=bank_id, cause=cause, reason=reason, items=items or [], at=now, by=by)
    db.add(row)
    db.flush()
    db.add_all(FormHold(quarantine_id=row.id, form_id=form_id) for form_id in form_ids)
    db.flush()
    return row


def held_forms(db: Session, form_ids: Iterable[int]) -> set[int]:
    """Which of these forms must not be opened now."""
    statement = (
        select(col(FormHold.form_id))
        .join(Quarantine, col(Quarantine.id) == col(FormHold.quarantine_id))
        .where(col(FormHold.form_id).in_(list(form_ids)), col(Quarantine.lifted_at).is_(None))
    )
    return set(db.execute(statement).scalars())


def ask_lift(db: Session, quarantine_id: int, *, by: int, reason: str, now: datetime) -> None:
    """The first person asks, with a reason. Raises `NotLiftable`."""
    took = update(Quarantine).where(col(Quarantine.id) == quarantine_id, col(Quarantine.lift_asked_at).is_(None))
    if _rowcount(db, took.values(lift_asked_at=now, lift_asked_by=by, lift_reason=reason)) != 1:
        raise NotLiftable(msg("Somebody has asked to lift this quarantine already."))


def lift(db: Session, quarantine_id: int, *, by: int, now: datetime) -> int:
    """The second person agrees: forms are free, items are as they were; how many. Raises `SecondPersonNeeded`, `NotLiftable`.

    An item that another quarantine still holds stays in it.
    """
    row = get_quarantine(db, quarantine_id)
    if row.lift_asked_by is None:
        raise NotLiftable(msg("Nobody has asked to lift this quarantine."))
    if row.lift_asked_by == by:
        raise SecondPersonNeeded
    took = update(Quarantine).where(col(Quarantine.id) == quarantine_id, col(Quarantine.lifted_at).is_(None))
    if _rowcount(db, took.values(lifted_at=now, lifted_by=by)) != 1:
        raise NotLiftable(msg("This quarantine is lifted already."))
    others = db.execute(select(Quarantine).where(col(Quarantine.bank_id) == row.bank_id, col(Quarantine.lifted_at).is_(None)))
    still = {int(number) for other in others.scalars() if other.id != row.id for number, _state in other.items}
    freed = 0
    for number, state in row.items:
        if int(number) not in still:
            took = update(Item).where(col(Item.id) == int(number), col(Item.state) == ItemState.QUARANTINED)
            freed += _rowcount(db, took.values(state=_before(db, row, int(number), str(state))))
    return freed


def _before(db: Session, row: Quarantine, number: int, state: str) -> str:
    """The state an item had before the first of the quarantines that followed one another."""
    if state != ItemState.QUARANTINED:
        return state
    earlier = select(Quarantine).where(col(Quarantine.bank_id) == row.bank_id, col(Quarantine.id) < row.id)
    for other in db.execute(earlier.order_by(col(Quarantine.id).desc())).scalars():
        states = {int(item): str(was) for item, was in other.items}
        if number in states and states[number] != ItemState.QUARANTINED:
            return states[number]
    return ItemState.RETIRED


def touched(db: Session, row: Quarantine) -> list[TouchedForm]:
    """Every form that has one of the items, or is held, whatever its state, with the exam session its set was opened for."""
    items = [int(number) for number, _state in row.items]
    held = set(db.execute(select(col(FormHold.form_id)).where(col(FormHold.quarantine_id) == row.id)).scalars())
    counts: dict[int, int] = dict.fromkeys(held, 0)
    for form_id in db.execute(select(col(FormSlot.form_id)).where(col(FormSlot.item_id).in_(items))).scalars():
        counts[form_id] = counts.get(form_id, 0) + 1
    statement = (
        select(Form, PaperSet)
        .join(PaperSet, col(PaperSet.id) == col(Form.paper_set_id))
        .where(col(Form.id).in_(counts))
        .order_by(col(Form.id))
    )
    return [
        TouchedForm(form.id, papers.id, form.label, papers.title, form.state, papers.exam_session_id, counts[form.id])
        for form, papers in db.execute(statement)
    ]


def get_quarantine(db: Session, quarantine_id: int) -> Quarantine:
    """The quarantine, locked where the database can; raises `NotFound`."""
    row: Quarantine | None = db.execute(select(Quarantine).where(col(Quarantine.id) == quarantine_id).with_for_update()).scalar()
    if row is None:
        raise NotFound("quarantine", quarantine_id)
    return row


def _rowcount(db: Session, statement: Any) -> int:
    result: CursorResult[Any] = db.execute(statement)  # type: ignore[assignment]  # an UPDATE gives a cursor result
    return result.rowcount
