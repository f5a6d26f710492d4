"""The sittings of an aborted exam session end: by the one door there is, as papers collected by the staff.

The abort itself is a transaction of the registry; a process may die between it and the end of the sittings. So the closer looks
after every aborted exam session for a day.
"""

from datetime import datetime

from sqlmodel import Session, col, select

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
    with reading(dbs) as db:
        at_work = _at_work(db, exam_session_id)
    if not at_work:
        return 0
    outcomes = writer.do_many([Force(exam_session_id, entry_no, actor=actor, reason=reason) for entry_no in at_work])
    return sum(outcome.ok for outcome in outcomes)


def _at_work(db: Session, exam_session_id: int) -> list[int]:
    mine = [col(SittingRow.exam_session_id) == exam_session_id, col(SittingRow.state).in_((OPEN, PAUSED))]
    return list(db.exec(select(SittingRow.entry_no).where(*mine).order_by(col(SittingRow.entry_no))))


def sweep(dbs: Databases, writer: Writer, since: datetime) -> None:
    """The same for every exam session aborted since then."""
    with reading(dbs) as db:
        aborted = list(
            db.exec(select(ExamSession.id).where(ExamSession.state == "aborted", col(ExamSession.ended_at) > since)).all()
        )
    for exam_session_id in aborted:
        end_sittings(dbs, writer, exam_session_id or 0, actor=SYSTEM)
