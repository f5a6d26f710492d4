"""How items did in exams, as their pages and the list show it: estimates with errors, flags, and who looked at them.

Only the newest statistics of an exam session count. An item is to be revised while a flag of its newest version stands that
nobody has looked at: a new version, or a reason why it stays, ends that.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, insert, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from itembank.tables import Bank, Form, Item
from server.audit import trail
from server.auth.staff import Staff
from server.errors import Conflict, FieldError, Invalid
from server.grading.statistics_tables import ItemLook, ItemStatistic, SessionStatistics
from server.pages import _
from server.registry.tables import ExamSession


@dataclass(frozen=True)
class Performance:
    """An item in one exam session. `body`: see `server.grading.statistics_report.item_body`."""

    exam_session_id: int
    title: str
    starts_at: datetime
    run_no: int
    form_label: str
    version: int
    n: int
    body: dict[str, Any]
    looks: tuple[ItemLook, ...]


def _is_newest() -> ColumnElement[bool]:
    """No later marking of the same exam session has statistics."""
    later = select(col(SessionStatistics.run_no)).where(
        col(SessionStatistics.exam_session_id) == col(ItemStatistic.exam_session_id),
        col(SessionStatistics.run_no) > col(ItemStatistic.run_no),
    )
    return ~later.exists()


def performances(db: Session, item_id: int) -> list[Performance]:
    """The exams an item was in, the newest first."""
    rows = db.execute(
        select(ItemStatistic, col(ExamSession.title), col(ExamSession.starts_at), col(Form.label))
        .join(ExamSession, col(ExamSession.id) == col(ItemStatistic.exam_session_id))
        .join(Form, col(Form.id) == col(ItemStatistic.form_id))
        .where(col(ItemStatistic.item_id) == item_id, _is_newest())
        .order_by(col(ExamSession.starts_at).desc())
    ).all()
    found = select(ItemLook).where(col(ItemLook.item_id) == item_id).order_by(col(ItemLook.id).desc())
    looks = list(db.execute(found).scalars()) if rows else []
    return [
        Performance(
            row.exam_session_id,
            title,
            starts_at,
            row.run_no,
            label,
            row.version,
            row.n,
            row.body,
            tuple(look for look in looks if (look.exam_session_id, look.run_no) == (row.exam_session_id, row.run_no)),
        )
        for row, title, starts_at, label in rows
    ]


def to_revise(bank: Bank) -> Select[Any]:
    """Ids of the items of a bank that are to be revised."""
    mine = aliased(Item)
    looked = select(col(ItemLook.id)).where(
        col(ItemLook.item_id) == col(ItemStatistic.item_id),
        col(ItemLook.exam_session_id) == col(ItemStatistic.exam_session_id),
        col(ItemLook.run_no) == col(ItemStatistic.run_no),
    )
    return (
        select(col(ItemStatistic.item_id))
        .join(mine, (mine.id == col(ItemStatistic.item_id)) & (mine.current_version == col(ItemStatistic.version)))  # type: ignore[arg-type]
        .where(col(ItemStatistic.bank_id) == bank.id, col(ItemStatistic.revise), _is_newest(), ~looked.exists())
    )


def open_flags(found: list[Performance], item: Item) -> list[Performance]:
    """Those whose flags still ask for somebody."""
    return [one for one in found if one.body["flags"] and not one.looks and one.version == item.current_version]


def look_refusal(item: Item, who: Staff) -> str | None:
    """Why this person cannot say that a flagged item stays as it is."""
    if item.author_id == who.person_id:
        return _("You wrote this item: somebody else says whether it stays as it is.")
    return None


def look(db: Session, item: Item, who: Staff, reason: str, now: datetime) -> int:
    """Somebody looked at all open flags of an item and leaves it as it is; how many exams that were."""
    refusal = look_refusal(item, who)
    if refusal:
        raise Conflict(refusal)
    if not reason:
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    waiting = open_flags(performances(db, item.id), item)
    if not waiting:
        raise Conflict(_("No flag of this item waits for anybody."))
    rows = [
        {"item_id": item.id, "exam_session_id": one.exam_session_id, "run_no": one.run_no, "reason": reason, "at": now}
        | {"by_id": who.person_id, "by_name": who.name}
        for one in waiting
    ]
    db.execute(insert(ItemLook), rows)
    detail = {"exam_sessions": [one.exam_session_id for one in waiting], "reason": reason}
    trail.append(db, who.actor, "item.flags_looked_at", f"item:{item.id}", now=now, detail=detail)
    return len(waiting)
