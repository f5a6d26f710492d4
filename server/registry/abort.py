"""Aborting an exam session (中止): one officer asks, another agrees within half an hour; the reserve set takes over.

All of it is one transaction: the exam session is aborted, its items are burned (they were at the release), the reserve set is
released and unsealed by the same two people, and a new exam session stands there with everything copied. Only the sittings end
afterwards, by commands to the writer, with a sweeper behind (`sitting.aborting`).
"""

from datetime import datetime, timedelta

from sqlalchemy import func, insert, update
from sqlmodel import Session, col, select

from itembank import passport
from itembank.tables import PaperSet
from server.audit import trail
from server.auth.staff import Staff
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.keyring import Keyring
from server.pages import beijing
from server.registry import lots, release, release_rules, reserve
from server.registry.custody_tables import ExamAbort
from server.registry.enrolment import resealed
from server.registry.readiness import RESERVE_NOT_READY
from server.registry.release_rules import Approval
from server.registry.rules import SessionProfile, abort_refusal
from server.registry.tables import Entry, ExamSession, ExamSessionRoom

LEAST_REASON = 4
WITHIN = release_rules.TOGETHER
"""The second person's word counts no later than this after the first's."""


def waiting(db: Session, exam_session_id: int, now: datetime) -> ExamAbort | None:
    """The request that waits for a second person, unless it is too old."""
    here = [col(ExamAbort.exam_session_id) == exam_session_id, col(ExamAbort.decided_at).is_(None)]
    return db.exec(select(ExamAbort).where(*here, col(ExamAbort.asked_at) >= now - WITHIN)).first()


def agreed(db: Session, exam_session_id: int) -> ExamAbort | None:
    """The request that aborted the exam session."""
    return db.exec(select(ExamAbort).where(ExamAbort.exam_session_id == exam_session_id, col(ExamAbort.agreed).is_(True))).first()


def refusal(db: Session, session: ExamSession) -> str | None:
    """Why it cannot be aborted, as a msgid."""
    return abort_refusal(session.state, released=release.find(db, session) is not None)


def ask(
    db: Session, who: Staff, session: ExamSession, *, reason: str, use_reserve: bool, starts_at: datetime | None, now: datetime
) -> ExamAbort:
    """The first person asks. Raises `Invalid`, `Conflict`."""
    _lock(db, session)
    no_way = refusal(db, session)
    if no_way:
        raise Conflict(no_way)
    if waiting(db, session.id or 0, now) is not None:
        raise Conflict("Somebody has asked to abort this exam session already: a second person decides.")
    problems = []
    if len(reason.strip()) < LEAST_REASON:
        problems.append(FieldError("reason", "Please give the reason in a few words."))
    if use_reserve:
        problems += _start_problems(session, starts_at, now)
        _reserve_must_do(db, session)
    if problems:
        raise Invalid(fields=problems)
    here = ExamAbort.exam_session_id == session.id
    _close_expired(db, session.id or 0, now)
    row = ExamAbort(
        exam_session_id=session.id or 0,
        no=1 + (db.exec(select(func.max(ExamAbort.no)).where(here)).one() or 0),
        institution_id=session.institution_id,
        reason=reason.strip(),
        reserve=use_reserve,
        starts_at=starts_at if use_reserve else None,
        asked_at=now,
        asked_by=who.person_id,
        asked_name=who.name,
    )
    db.add(row)
    db.flush()
    detail = {"request": row.no, "reason": row.reason, "reserve": session.reserve_paper_set_id if use_reserve else None}
    trail.append(db, who.actor, "exam_session.abort_asked", f"exam_session:{session.id}", now=now, detail=detail)
    return row


def latest_start(now: datetime, profile: SessionProfile) -> datetime:
    """The reserve is unsealed at once, so its exam begins within the time a paper may be out."""
    return now + timedelta(milliseconds=profile.release_before_ms)


def proposed_start(now: datetime, profile: SessionProfile) -> datetime:
    """In a quarter of an hour, on a whole minute."""
    wanted = (now + timedelta(minutes=15)).replace(second=0, microsecond=0)
    return min(wanted, latest_start(now, profile))


def _start_problems(session: ExamSession, starts_at: datetime | None, now: datetime) -> list[FieldError]:
    if starts_at is None:
        return [FieldError("starts_at", "The start is not a date and time.")]
    latest = latest_start(now, SessionProfile.from_json(session.profile))
    if not now <= starts_at <= latest:
        message = "The candidates start again between now and %(latest)s: the reserve set is unsealed at once."
        return [FieldError("starts_at", message, (("latest", beijing(latest)),))]
    return []


def _reserve_must_do(db: Session, session: ExamSession) -> None:
    if session.reserve_paper_set_id is None:
        raise Conflict("No reserve set is named for this exam session.")
    if not reserve.ready(db, session):
        raise Conflict(RESERVE_NOT_READY)


def _close_expired(db: Session, exam_session_id: int, now: datetime) -> None:
    here = [col(ExamAbort.exam_session_id) == exam_session_id, col(ExamAbort.decided_at).is_(None)]
    late = update(ExamAbort).where(*here, col(ExamAbort.asked_at) < now - WITHIN)
    db.execute(late.values(decided_at=now, agreed=False, decision_note="expired"))


def decide(
    db: Session,
    keyring: Keyring,
    who: Staff,
    session: ExamSession,
    *,
    agree: bool,
    note: str,
    clock_suspect: bool,
    now: datetime,
) -> ExamAbort:
    """The second person's word; with it all is done but the end of the sittings.

    Raises `NotFound`, `Forbidden`, `Conflict`.
    """
    _lock(db, session)
    row = waiting(db, session.id or 0, now)
    if row is None:
        raise NotFound("Nobody asks to abort this exam session, or the request is older than 30 minutes.")
    if row.asked_by == who.person_id:
        raise Forbidden("You asked for this yourself: another person has to confirm it.")
    successor: ExamSession | None = None
    if agree:
        successor = _abort(db, keyring, row, session, who, clock_suspect=clock_suspect, now=now)
    row.decided_at, row.decided_by, row.decided_name = now, who.person_id, who.name
    row.agreed, row.decision_note = agree, note
    if successor is not None:
        row.successor_id = successor.id
    db.flush()
    verb = "exam_session.aborted" if agree else "exam_session.abort_refused"
    detail = {"request": row.no, "asked_by": row.asked_by, "reason": row.reason, "successor": row.successor_id}
    trail.append(db, who.actor, verb, f"exam_session:{session.id}", now=now, detail=detail)
    return row


def _abort(
    db: Session, keyring: Keyring, row: ExamAbort, session: ExamSession, who: Staff, *, clock_suspect: bool, now: datetime
) -> ExamSession | None:
    no_way = refusal(db, session)
    if no_way:
        raise Conflict(no_way)
    if row.reserve:
        _reserve_must_do(db, session)
        if clock_suspect:
            raise Conflict(release_rules.CLOCK_IN_DOUBT)
    assert session.paper_set_id is not None
    passport.burn(db, session.paper_set_id, now, session.id, row.asked_by, second_by=who.person_id, only=lots.drawn(db, session))
    session.state, session.ended_at = "aborted", now
    db.flush()
    if not row.reserve:
        return None
    successor = _successor(db, session, row.starts_at or now)
    _copy(db, keyring, session, successor)
    detail = {"replaces": session.id, "paper_set": successor.paper_set_id}
    trail.append(db, who.actor, "exam_session.created", f"exam_session:{successor.id}", now=now, detail=detail)
    first, second = Approval(row.asked_by, row.asked_name, row.asked_at), Approval(who.person_id, who.name, now)
    release.give(db, keyring, successor, first, second)
    return successor


def _successor(db: Session, session: ExamSession, starts_at: datetime) -> ExamSession:
    assert session.reserve_paper_set_id is not None
    papers = db.get_one(PaperSet, session.reserve_paper_set_id)
    made = ExamSession(
        institution_id=session.institution_id,
        plan_id=session.plan_id,
        title=f"{session.title[:90]} （备用卷）",
        starts_at=starts_at,
        duration_ms=session.duration_ms,
        profile=dict(session.profile),
        blueprint_id=papers.blueprint_id,
        paper_set_id=papers.id,
        replaces_id=session.id,
        admission_pattern=session.admission_pattern,
        state="scheduled",
    )
    db.add(made)
    db.flush()
    return made


def _copy(db: Session, keyring: Keyring, session: ExamSession, successor: ExamSession) -> None:
    """Rooms with their people, and every entry with its number, seat and form.

    Not what was checked in the room that day: identity and the supervisor's presence are checked again.
    """
    rooms = db.exec(select(ExamSessionRoom).where(ExamSessionRoom.exam_session_id == session.id)).all()
    people = [
        {
            "exam_session_id": successor.id,
            "room_id": room.room_id,
            "chief_name": room.chief_name,
            "invigilator_names": room.invigilator_names,
            "notes": "",
        }
        for room in rooms
    ]
    if people:
        db.execute(insert(ExamSessionRoom), people)
    entries = db.exec(select(Entry).where(Entry.exam_session_id == session.id).order_by(col(Entry.no))).all()
    again = {"exam_session_id", "id_cipher", "identity_checked_at", "identity_checked_by", "signed_in_at"}
    copies = [
        entry.model_dump(exclude=again)
        | {"exam_session_id": successor.id, "id_cipher": resealed(keyring, entry, successor.id or 0)}
        for entry in entries
    ]
    if copies:
        db.execute(insert(Entry), copies)


def _lock(db: Session, session: ExamSession) -> None:
    """One at a time, in whatever state; whoever holds a copy in memory learns that there is news."""
    db.execute(
        update(ExamSession)
        .where(col(ExamSession.id) == session.id)
        .values(version=ExamSession.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.refresh(session)
