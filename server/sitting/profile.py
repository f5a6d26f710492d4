"""What a candidate's page says about its candidate: the `me` of the protocol."""

from datetime import datetime
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import select
from sqlmodel import Session, col

from server.pages import BEIJING, mask_name
from server.registry.tables import Entry, ExamSession, Occupation, Plan, Room
from server.sitting.core import Core
from server.sitting.exams import exam_of
from server.sitting.package_api import offered
from server.sitting.state import Sitting
from server.sitting.store import to_ms
from server.sitting.tokens import Pass
from server.sitting.wire import status

LOAD_S = 5.0


async def about(core: Core, given: Pass) -> dict[str, Any] | None:
    """The whole `me`, the sitting's status included; None when there is no such sitting."""
    exam = await core.hub.exam(given.exam_session_id)
    view = await core.hub.view(given.key, LOAD_S)
    found = await core.read(me, given.exam_session_id, given.entry_no, core.clock.now())
    if found is None or view is None or exam is None:
        return None
    found["package"] = await offered(core, view.sitting, exam)
    found["identity"] = identity(view.sitting, exam.terms.identity_check)
    found["sitting"] = asdict(status(view.sitting, core.writer.now_ms(), view.version, view.message))
    return found


def me(db: Session, exam_session_id: int, entry_no: int, now: datetime) -> dict[str, Any] | None:
    """Name, seat, exam and rules; None when the entry is gone. The ID number is not in it."""
    row = db.execute(
        select(Entry, ExamSession, col(Occupation.name), Room)
        .join(ExamSession, col(ExamSession.id) == col(Entry.exam_session_id))
        .join(Plan, col(Plan.id) == col(ExamSession.plan_id))
        .join(Occupation, col(Occupation.id) == col(Plan.occupation_id))
        .outerjoin(Room, col(Room.id) == col(Entry.room_id))
        .where(col(Entry.exam_session_id) == exam_session_id, col(Entry.no) == entry_no)
    ).one_or_none()
    if row is None:
        return None
    entry, session, occupation, room = row
    exam = exam_of(session)
    seat = f"{room.number}-{entry.seat_no}" if room is not None else ""
    clock = now.astimezone(BEIJING).strftime("%H:%M")
    return {
        "key": f"{exam_session_id}-{entry_no}",
        "name": entry.name,
        "admission_no": entry.admission_no,
        "seat": str(entry.seat_no or ""),
        "room": "" if room is None else room.name,
        "exam": session.title,
        "occupation": occupation,
        "starts_at_ms": exam.starts_at,
        "starts_in_ms": exam.starts_in_ms(to_ms(now)),
        "duration_ms": exam.duration_ms,
        "extra_ms": entry.extra_ms,
        "latest_entry_ms": exam.terms.latest_entry_ms,
        "earliest_hand_in_ms": exam.terms.earliest_hand_in_ms,
        "grace_ms": exam.terms.grace_ms,
        "bell": exam.bell,
        "exam_state": exam.state,
        "watermark": " · ".join(part for part in (mask_name(entry.name), entry.admission_no[-4:], seat, clock) if part),
    }


def identity(sitting: Sitting, needed: bool) -> str:
    """not_needed, waiting or checked."""
    if not needed:
        return "not_needed"
    return "waiting" if sitting.identity_at is None else "checked"
