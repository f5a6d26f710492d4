"""Opening an exam session: sittings for all entries, then the bell.

By a person of the staff, or by the closer's loop at the scheduled start; never before two custodians have released the paper. The
sittings are made first and idempotently; the state and the audit row are one transaction. The items were burned when the paper
was unsealed at its release; the opening burns what was not, so that no way past the safe leaves an item unused.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from itembank import passport
from itembank.tables import Form
from server.audit import trail
from server.audit.trail import Actor
from server.db import Databases, reading, transaction
from server.registry import lots, release
from server.registry.readiness import Facts, Reason, RoomFacts, may_open
from server.registry.rules import SessionProfile
from server.registry.tables import Entry, ExamSession, ExamSessionRoom, Room
from server.sitting.commands import Admit
from server.sitting.writer import Writer


def admit_commands(db: Session, exam_session_id: int, entry_no: int | None = None) -> list[Admit]:
    """The command that makes each entry's (or one entry's) sitting, or renews its facts before the opening."""
    session = db.get(ExamSession, exam_session_id)
    if session is None:
        return []
    forms: dict[str, int] = {}
    if session.paper_set_id is not None:
        rows = db.execute(select(col(Form.label), col(Form.id)).where(col(Form.paper_set_id) == session.paper_set_id))
        forms = {row[0]: row[1] for row in rows}
    entries = db.execute(
        select(col(Entry.no), col(Entry.institution_id), col(Entry.room_id), col(Entry.form_label), col(Entry.extra_ms))
        .where(col(Entry.exam_session_id) == exam_session_id, *([] if entry_no is None else [col(Entry.no) == entry_no]))
        .order_by(col(Entry.no))
    )
    return [
        Admit(
            exam_session_id,
            no,
            institution_id=institution_id,
            room_id=room_id,
            form_id=forms.get(label or ""),
            extra_ms=extra_ms,
        )
        for no, institution_id, room_id, label, extra_ms in entries
    ]


def admit_entries(dbs: Databases, writer: Writer, exam_session_id: int) -> bool:
    """Make every entry's sitting; whether all of them are stored now."""
    with reading(dbs) as db:
        commands = admit_commands(db, exam_session_id)
    return all(outcome.ok for outcome in writer.do_many(commands))


def open_exam_session(
    dbs: Databases,
    writer: Writer,
    exam_session_id: int,
    *,
    by: Actor,
    now: datetime,
    without_supervisor: bool = False,
    reason: str = "",
) -> list[Reason]:
    """Open it: [] when it is open now (also if it was before), else what stands in the way and nothing has changed.

    `without_supervisor` overrides the missing check-in; `reason` then goes to the audit trail.
    """
    with reading(dbs) as db:
        hindrances = _hindrances(db, exam_session_id, now, without_supervisor)
    if hindrances is None:
        return []
    if hindrances:
        return hindrances
    if not admit_entries(dbs, writer, exam_session_id):
        return [Reason("The server could not store the sittings. Try again.")]
    with transaction(dbs) as db:
        claimed = db.execute(
            update(ExamSession)
            .where(col(ExamSession.id) == exam_session_id, col(ExamSession.state) == "scheduled")
            .values(state="open", opened_at=now, opened_by=by.name, version=ExamSession.version + 1)
        )
        if claimed.rowcount != 1:  # type: ignore[attr-defined]
            return []  # somebody else opened it meanwhile
        session = db.get(ExamSession, exam_session_id)
        assert session is not None
        if session.paper_set_id is not None:
            passport.burn(db, session.paper_set_id, now, exam_session_id, by.id, only=lots.drawn(db, session))
        detail = {"paper_set": session.paper_set_id, "without_supervisor": without_supervisor, "reason": reason}
        trail.append(db, by, "exam_session.opened", f"exam_session:{exam_session_id}", now=now, detail=detail)
    return []


def _hindrances(db: Session, exam_session_id: int, now: datetime, without_supervisor: bool) -> list[Reason] | None:
    session = db.get(ExamSession, exam_session_id)
    if session is None:
        return [Reason("There is nothing here.")]
    if session.state == "open":
        return None
    return may_open(_facts(db, session), now, without_supervisor=without_supervisor)


def _facts(db: Session, session: ExamSession) -> Facts:
    rooms = _rooms(db, session.id or 0)
    mine = col(Entry.exam_session_id) == session.id
    counts = func.count(), func.count(col(Entry.seat_no)), func.count(col(Entry.form_label))
    entries, seated, with_form = db.execute(select(*counts).where(mine)).one()
    unready = () if session.paper_set_id is None else tuple(passport.paper_set_ready(db, session.paper_set_id, session.id))
    labels = db.execute(select(col(Form.label)).where(col(Form.paper_set_id) == session.paper_set_id)).scalars()
    used = db.execute(select(col(Entry.form_label)).where(mine, col(Entry.form_label).is_not(None)).distinct()).scalars()
    return Facts(
        state=session.state,
        starts_at=session.starts_at,
        duration_ms=session.duration_ms,
        entries=entries,
        unseated=entries - seated,
        seats=sum(room.capacity - room.spare for room, _row, _seated in rooms),
        rooms=tuple(RoomFacts(room.name, count, bool(row.chief_name), bool(row.supervisor_at)) for room, row, count in rooms),
        paper_set_chosen=session.paper_set_id is not None,
        paper_reasons=unready,
        released=release.find(db, session) is not None,
        formless=max(0, seated - with_form),
        labels_match=set(used) <= set(labels),
        supervisor_required=SessionProfile.from_json(session.profile).supervisor_required,
    )


def _rooms(db: Session, exam_session_id: int) -> list[tuple[Room, ExamSessionRoom, int]]:
    seated = db.execute(
        select(col(Entry.room_id), func.count())
        .where(col(Entry.exam_session_id) == exam_session_id, col(Entry.seat_no).is_not(None))
        .group_by(col(Entry.room_id))
    )
    counts = {row[0]: row[1] for row in seated}
    rows = db.execute(
        select(Room, ExamSessionRoom)
        .join(ExamSessionRoom, col(ExamSessionRoom.room_id) == col(Room.id))
        .where(col(ExamSessionRoom.exam_session_id) == exam_session_id)
    )
    return [(room, row, counts.get(room.id, 0)) for room, row in rows]


def close_exam_session(db: Session, exam_session_id: int, now: datetime) -> bool:
    """Mark an open exam session ended once every sitting is; whether this call did it."""
    closed = db.execute(
        update(ExamSession)
        .where(col(ExamSession.id) == exam_session_id, col(ExamSession.state) == "open")
        .values(state="ended", ended_at=now, version=ExamSession.version + 1)
    )
    if closed.rowcount != 1:  # type: ignore[attr-defined]
        return False
    trail.append(db, trail.SYSTEM, "exam_session.ended", f"exam_session:{exam_session_id}", now=now)
    return True
