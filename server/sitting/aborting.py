"""The sittings of an aborted exam session end: by the one door there is, as papers collected by the staff.

The abort itself is a transaction of the registry; a process may die between it and the end of the sittings. So the closer looks
after every aborted exam session for a day.
"""

from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from server.audit.trail import SYSTEM
from server.db import Databases, reading
from server.registry.tables import ExamSession
from server.sitting.commands import Force, Who
from server.sitting.state import OPEN, PAUSED
from server.sitting.tables import SittingRow
from server.sitting.writer import Writer

REASON = "场次已中止"


def end_sittings(dbs: Databases, writer: Writer, exam_session_id: int, *, actor: Who, reason: str = REASON) -> int:
    """Collect the papers of everybody who is still at work; how many."""
    return _collect(dbs, writer, col(SittingRow.exam_session_id) == exam_session_id, actor=actor, reason=reason)


def sweep(dbs: Databases, writer: Writer, since: datetime) -> None:
    """The same for every exam session aborted since then."""
    aborted = select(ExamSession.id).where(ExamSession.state == "aborted", col(ExamSession.ended_at) > since)
    _collect(dbs, writer, col(SittingRow.exam_session_id).in_(aborted), actor=SYSTEM, reason=REASON)


def _collect(dbs: Databases, writer: Writer, of: ColumnElement[bool], *, actor: Who, reason: str) -> int:
    at_work = select(SittingRow.exam_session_id, SittingRow.entry_no).where(of, col(SittingRow.state).in_((OPEN, PAUSED)))
    with reading(dbs) as db:
        keys = db.exec(at_work.order_by(col(SittingRow.exam_session_id), col(SittingRow.entry_no))).all()
    outcomes = writer.do_many([Force(*key, actor=actor, reason=reason) for key in keys])
    return sum(outcome.ok for outcome in outcomes)
