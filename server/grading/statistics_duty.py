"""What waits for its statistics: the sweeper behind the job that follows every marking, and the way in for older exams."""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from server.audit.trail import SYSTEM
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.grading.statistics_tables import SessionStatistics
from server.grading.tables import MarkingRun
from server.jobs import Job, Jobs

KIND: Final = "grading.statistics"
AT_ONCE: Final = 5
RETRY: Final = timedelta(hours=1)
SETTLED: Final = timedelta(seconds=10)
"""The job that marked queues its statistics itself; the sweeper comes after it."""


def due(db: Session, before: datetime) -> list[tuple[int, int]]:
    """(exam session, run) of results in force, complete before then, that have no statistics yet; the newest exams first."""
    newer = MarkingRun.__table__.alias("newer")  # type: ignore[attr-defined]
    superseded = select(newer.c.no).where(
        newer.c.exam_session_id == MarkingRun.exam_session_id, newer.c.no > MarkingRun.no, newer.c.completed_at.is_not(None)
    )
    known = select(SessionStatistics.run_no).where(
        SessionStatistics.exam_session_id == MarkingRun.exam_session_id, SessionStatistics.run_no == MarkingRun.no
    )
    rows = db.execute(
        select(col(MarkingRun.exam_session_id), col(MarkingRun.no))
        .where(col(MarkingRun.completed_at) < before, ~superseded.exists(), ~known.exists())
        .order_by(col(MarkingRun.exam_session_id).desc())
        .limit(200)
    ).all()
    return [(exam_session_id, no) for exam_session_id, no in rows]


def queue_due(dbs: Databases, clock: Clock, jobs: Jobs) -> int:
    """The duty of the serving process; how many were queued. What failed is tried again after an hour."""
    now = clock.now()
    with reading(dbs) as db:
        waiting = due(db, now - SETTLED)
        busy = _busy(db, now) if waiting else set()
    chosen = [one for one in waiting if one not in busy][:AT_ONCE]
    if not chosen or len(busy) >= AT_ONCE:
        return 0
    with transaction(dbs) as db:
        for exam_session_id, run_no in chosen:
            jobs.submit(db, KIND, {"exam_session_id": exam_session_id, "run_no": run_no}, SYSTEM)
    jobs.wake()
    return len(chosen)


def _busy(db: Session, now: datetime) -> set[tuple[int, int]]:
    """Those at work, or tried within the hour."""
    rows = db.exec(select(Job).where(Job.kind == KIND, col(Job.created_at) > now - RETRY, col(Job.state) != "done")).all()
    return {(int(job.args["exam_session_id"]), int(job.args["run_no"])) for job in rows}


def is_under_way(db: Session, exam_session_id: int) -> bool:
    """Whether this exam session's statistics are being computed or wait for it."""
    rows = select(Job).where(Job.kind == KIND, col(Job.state).in_(("queued", "running")))
    return any(int(job.args["exam_session_id"]) == exam_session_id for job in db.exec(rows).all())
