"""Overriding the exam freeze: two people change what the room needs of an open exam session's profile, with a reason.

Paper, keys, blueprint, start and duration have no such way. A change works from now on; what sittings have in their journals (the
earliest hand-in of those who have begun) stays as it was.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from server.audit import trail
from server.auth.staff import Staff
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.registry import release_rules
from server.registry.custody_tables import FreezeOverride
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession

LEAST_REASON = 4
WITHIN = release_rules.TOGETHER
FIELDS: Final[frozenset[str]] = frozenset(
    {
        "identity_check",
        "seat_binding",
        "latest_entry_ms",
        "earliest_hand_in_ms",
        "outage_credit_max_ms",
        "late_entrant_gets_full_time",
    }
)
"""What may be changed."""


def waiting(db: Session, exam_session_id: int, now: datetime) -> FreezeOverride | None:
    """The request that waits for a second person, unless it is too old."""
    here = [col(FreezeOverride.exam_session_id) == exam_session_id, col(FreezeOverride.decided_at).is_(None)]
    return db.exec(select(FreezeOverride).where(*here, col(FreezeOverride.asked_at) >= now - WITHIN)).first()


def listed(db: Session, exam_session_id: int) -> list[FreezeOverride]:
    """All, newest first."""
    rows = select(FreezeOverride).where(FreezeOverride.exam_session_id == exam_session_id)
    return list(db.exec(rows.order_by(col(FreezeOverride.no).desc())).all())


def ask(
    db: Session, who: Staff, session: ExamSession, values: Mapping[str, Any], *, reason: str, now: datetime
) -> FreezeOverride:
    """The first person asks for these values. Raises `Invalid`, `Conflict`."""
    _lock_open(db, session)
    if waiting(db, session.id or 0, now) is not None:
        raise Conflict("Somebody has asked for a change already: a second person decides.")
    before = SessionProfile.from_json(session.profile).to_json()
    changes = {name: value for name, value in sorted(values.items()) if name in FIELDS and before[name] != value}
    if not changes:
        raise Invalid(fields=[FieldError("changes", "Nothing is changed: choose other values.")])
    if len(reason.strip()) < LEAST_REASON:
        raise Invalid(fields=[FieldError("reason", "Please give the reason in a few words.")])
    _close_expired(db, session.id or 0, now)
    here = FreezeOverride.exam_session_id == session.id
    row = FreezeOverride(
        exam_session_id=session.id or 0,
        no=1 + (db.exec(select(func.max(FreezeOverride.no)).where(here)).one() or 0),
        institution_id=session.institution_id,
        changes=changes,
        before={name: before[name] for name in changes},
        reason=reason.strip(),
        asked_at=now,
        asked_by=who.person_id,
        asked_name=who.name,
    )
    db.add(row)
    db.flush()
    detail = {"request": row.no, "changes": changes, "reason": row.reason}
    trail.append(db, who.actor, "freeze.override_asked", f"exam_session:{session.id}", now=now, detail=detail)
    return row


def _close_expired(db: Session, exam_session_id: int, now: datetime) -> None:
    here = [col(FreezeOverride.exam_session_id) == exam_session_id, col(FreezeOverride.decided_at).is_(None)]
    late = update(FreezeOverride).where(*here, col(FreezeOverride.asked_at) < now - WITHIN)
    db.execute(late.values(decided_at=now, agreed=False))


def decide(db: Session, who: Staff, session: ExamSession, *, agree: bool, now: datetime) -> FreezeOverride:
    """The second person's word; agreed, the values hold from now on. Raises `NotFound`, `Forbidden`, `Conflict`."""
    _lock_open(db, session)
    row = waiting(db, session.id or 0, now)
    if row is None:
        raise NotFound("Nobody asks for a change, or the request is older than 30 minutes.")
    if row.asked_by == who.person_id:
        raise Forbidden("You asked for this yourself: another person has to confirm it.")
    if agree:
        profile = SessionProfile.from_json(session.profile).to_json()
        if any(profile[name] != value for name, value in row.before.items()):
            raise Conflict("The rules have changed since this was asked: ask again.")
        session.profile = profile | row.changes
    row.decided_at, row.decided_by, row.decided_name, row.agreed = now, who.person_id, who.name, agree
    db.flush()
    verb = "freeze.overridden" if agree else "freeze.override_refused"
    detail = {"request": row.no, "asked_by": row.asked_by, "before": row.before, "changes": row.changes}
    trail.append(db, who.actor, verb, f"exam_session:{session.id}", now=now, detail=detail)
    return row


def _lock_open(db: Session, session: ExamSession) -> None:
    """One at a time, and only while it is open; every process learns that there is news."""
    found = db.execute(
        update(ExamSession)
        .where(col(ExamSession.id) == session.id, col(ExamSession.state) == "open")
        .values(version=ExamSession.version + 1)
        .execution_options(synchronize_session=False)
    )
    if found.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("There is no freeze: before the opening the exam session is edited, after its end its rules are history.")
    db.refresh(session)
