"""The exam freeze: while an exam session is open its sealed forms, keys, profile, blueprint and paper set stay as they are.

Writers go on working: a revision is a new version, and what is being sat was frozen at sealing. Refusals say until when. Of the
profile two people may change what the room needs (`override`); nothing else has a way around.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from itembank.tables import Form, FormSlot, PaperSet
from server.errors import Conflict
from server.pages import beijing
from server.registry.tables import ExamSession

MESSAGE = "The exam session “%(title)s” is open: nothing of its paper changes until it has ended (planned for %(until)s)."
SESSION = "The exam session is open: plan, paper and rules are frozen until it has ended (planned for %(until)s)."


@dataclass(frozen=True)
class Frozen:
    """An open exam session that something belongs to, and when it should be over; credits may make it later."""

    exam_session_id: int
    title: str
    until: datetime

    @property
    def refusal(self) -> Conflict:
        """To raise."""
        return Conflict(MESSAGE, title=self.title, until=beijing(self.until))


def planned_end(session: ExamSession) -> datetime:
    """Start, or the opening where that was later, plus the time of the paper."""
    begins = max(session.starts_at, session.opened_at or session.starts_at)
    return begins + timedelta(milliseconds=session.duration_ms)


def of_paper_set(db: Session, paper_set_id: int) -> Frozen | None:
    """Whether the set is being sat."""
    return _first(db, col(ExamSession.paper_set_id) == paper_set_id)


def of_blueprint(db: Session, blueprint_id: int) -> Frozen | None:
    """Whether an exam goes on under the blueprint, or with a set made from it."""
    made = select(PaperSet.id).where(PaperSet.blueprint_id == blueprint_id)
    return _first(db, or_(col(ExamSession.blueprint_id) == blueprint_id, col(ExamSession.paper_set_id).in_(made)))


def of_item_version(db: Session, item_version_id: int) -> Frozen | None:
    """Whether the question is on a form that is being sat."""
    on = select(Form.paper_set_id).join(FormSlot, col(FormSlot.form_id) == col(Form.id))
    return _first(db, col(ExamSession.paper_set_id).in_(on.where(FormSlot.item_version_id == item_version_id)))


def _first(db: Session, belongs: ColumnElement[bool]) -> Frozen | None:
    statement = select(ExamSession).where(ExamSession.state == "open", belongs).order_by(col(ExamSession.id)).limit(1)
    found = db.exec(statement).first()
    return None if found is None else Frozen(found.id or 0, found.title, planned_end(found))


def require(frozen: Frozen | None) -> None:
    """Raise the refusal where there is a freeze."""
    if frozen is not None:
        raise frozen.refusal
