"""What waits to be marked, and who sets it going: the sweeper of the serving process, or the command line."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from sqlmodel import Session, col, select

from itembank.errors import ItemBankError
from server.audit.trail import SYSTEM, Actor
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.errors import AppError
from server.grading import rules, runs
from server.grading.marking import MarkingError
from server.grading.tables import MarkingRun
from server.jobs import Job, Jobs
from server.keyring import Keyring, KeyringError
from server.pages import _, translate
from server.registry.tables import ExamSession

log = structlog.get_logger()

AUTOMATIC: Final = _("Marked by itself at the end of the exam session.")
AFTER_CORRECTION: Final = _("Marked again after key correction %(no)s.")
BY_HAND: Final = _("Started by hand.")
RETRY: Final = timedelta(seconds=60)


def reason_text(run: MarkingRun) -> str:
    """Why a run was made, in the reader's language."""
    if run.reason == AFTER_CORRECTION:
        return translate(AFTER_CORRECTION, no=run.correction_no)
    return translate(run.reason) if run.reason in (AUTOMATIC, BY_HAND) else run.reason


def reason_of(correction: int) -> str:
    """The reason to store (a msgid) for a run that brings in `correction`, 0 for the first one."""
    return AFTER_CORRECTION if correction else AUTOMATIC


def due(db: Session) -> Iterator[tuple[int, int]]:
    """(exam session, approved correction not yet marked or 0) of all that wait to be marked."""
    sessions = db.exec(
        select(ExamSession.id, ExamSession.state).where(col(ExamSession.state).in_(rules.MARKABLE)).order_by(col(ExamSession.id))
    ).all()
    for exam_session_id, state in sessions:
        if exam_session_id is None:
            continue
        run = runs.latest(db, exam_session_id)
        correction = runs.approved_correction(db, exam_session_id)
        behind = run is not None and correction > run.correction_no
        if (state == "ended" or behind) and runs.unfinished(db, exam_session_id) == 0:
            yield exam_session_id, correction if behind else 0


def mark_finished(dbs: Databases, keyring: Keyring, clock: Clock) -> list[int]:
    """Mark every exam session that waits for it, here and now; returns those that were. For the command line and tests.

    One that cannot be marked is logged and left for the next time; it does not hold up the others.
    """
    with reading(dbs) as db:
        waiting = list(due(db))
    done = []
    for exam_session_id, correction in waiting:
        try:
            reason = reason_of(correction)
            if runs.mark_session(dbs, keyring, clock, exam_session_id, by=SYSTEM, reason=reason) is not None:
                done.append(exam_session_id)
        except (AppError, ItemBankError, MarkingError, KeyringError, InvalidTag) as error:
            log.warning("marking_waits", exam_session=exam_session_id, why=type(error).__name__)
    return done


def queue_due(dbs: Databases, clock: Clock, jobs: Jobs) -> list[int]:
    """The duty of the serving process: hand what waits to the child process. Returns the exam sessions queued.

    Cheap when nothing waits. A marking that failed is tried again after a minute.
    """
    with reading(dbs) as db:
        waiting = list(due(db))
        busy, left_over = _busy(db, clock.now()) if waiting else (set(), False)
    queued = [exam_session_id for exam_session_id, _correction in waiting if exam_session_id not in busy]
    for exam_session_id in queued:
        with transaction(dbs) as db:
            runs.lock_session(db, exam_session_id)  # another serving process looks after the same
            if not _at_work(db, exam_session_id):
                jobs.submit(db, "grading.mark", {"exam_session_id": exam_session_id}, SYSTEM)
    if queued or left_over:  # a job whose wake-up was lost would wait for ever
        jobs.wake()
    return queued


def queue(dbs: Databases, jobs: Jobs, exam_session_id: int, by: Actor, reason: str) -> None:
    """Ask for a marking by hand. Nothing is queued while one waits or runs."""
    with transaction(dbs) as db:
        runs.lock_session(db, exam_session_id)
        if _at_work(db, exam_session_id):
            return
        jobs.submit(db, "grading.mark", {"exam_session_id": exam_session_id, "reason": reason}, by)
    jobs.wake()


def _at_work(db: Session, exam_session_id: int) -> bool:
    job = job_of(db, exam_session_id)
    return job is not None and job.state in ("queued", "running")


def problem_text(job: Job | None) -> str:
    """Why a job failed, in the reader's language; empty when it has not."""
    if job is None or job.state != "failed":
        return ""
    return translate(job.problem, **(job.result or {}).get("params", {}))


def job_of(db: Session, exam_session_id: int) -> Job | None:
    """The newest marking job of an exam session, when it is at work or has failed; None when all went well."""
    rows = select(Job).where(Job.kind == "grading.mark").order_by(col(Job.id).desc()).limit(50)
    for job in db.exec(rows).all():
        if int(job.args["exam_session_id"]) == exam_session_id:
            return None if job.state == "done" else job
    return None


def _busy(db: Session, now: datetime) -> tuple[set[int], bool]:
    """Exam sessions with a job at work or lately failed; and whether a job is only queued."""
    rows = db.exec(select(Job).where(Job.kind == "grading.mark", col(Job.created_at) > now - timedelta(days=1))).all()
    busy = {
        int(job.args["exam_session_id"])
        for job in rows
        if job.state in ("queued", "running")
        or (job.state in ("failed", "cancelled") and job.ended_at and now - job.ended_at < RETRY)
    }
    return busy, any(job.state == "queued" for job in rows)
