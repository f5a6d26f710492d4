"""What the registry's pages show, read with a fixed number of queries; whoever may not see a thing gets `NotFound`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlmodel import Session, col

from server.auth.staff import Staff
from server.errors import NotFound
from server.registry import choices, lots, release, reserve
from server.registry.readiness import Facts, RoomFacts
from server.registry.rules import SessionProfile
from server.registry.tables import Centre, Entry, ExamSession, ExamSessionRoom, Occupation, Plan, Room


@dataclass(frozen=True)
class SessionRow:
    """One line of the list of exam sessions."""

    id: int
    title: str
    state: str
    starts_at: datetime
    duration_ms: int
    plan_name: str
    occupation: str
    level: str
    rooms: int
    entries: int


@dataclass(frozen=True)
class RoomRow:
    """A room of an exam session with its people and how many sit there."""

    room_id: int
    number: str
    name: str
    centre_id: int
    centre_name: str
    capacity: int
    columns: int
    spare: int
    chief_name: str
    invigilator_names: str
    supervisor_name: str | None
    supervisor_organisation: str | None
    supervisor_at: datetime | None
    supervisor_recorded_by: str | None
    notes: str
    seated: int

    @property
    def label(self) -> str:
        """How the room is called on screens and forms."""
        return f"{self.centre_name} {self.number} {self.name}".strip()


@dataclass(frozen=True)
class EntryRow:
    """One line of the list of entries: nothing of the ID number but its last four."""

    no: int
    admission_no: str
    name: str
    sex: str
    id_tail: str
    exam_type: str
    employer: str
    extra_ms: int
    room_id: int | None
    room_name: str
    seat_no: int | None
    form_label: str | None


def _in_scope(who: Staff) -> ColumnElement[bool]:
    """The person's exam sessions: their institution's; with centres of their own, those with a room there."""
    mine = col(ExamSession.institution_id) == who.institution_id
    if who.centre_ids is None:
        return mine
    here = (
        exists()
        .where(col(ExamSessionRoom.exam_session_id) == col(ExamSession.id))
        .where(col(Room.id) == col(ExamSessionRoom.room_id))
        .where(col(Room.centre_id).in_(who.centre_ids))
    )
    return mine & here


def _my_rooms(who: Staff) -> list[ColumnElement[bool]]:
    return [] if who.centre_ids is None else [col(Room.centre_id).in_(who.centre_ids)]


def get_session(db: Session, who: Staff, exam_session_id: int) -> ExamSession:
    """The exam session, or `NotFound` when it is not theirs to see."""
    query = select(ExamSession).where(col(ExamSession.id) == exam_session_id, _in_scope(who))
    found: ExamSession | None = db.execute(query).scalar()
    if found is None:
        raise NotFound
    return found


def sessions(db: Session, who: Staff, *, state: str = "", limit: int = 500) -> list[SessionRow]:
    """Exam sessions, latest first, with counts of the rooms and entries this person may see."""
    rooms, entries = _counts(who)
    query = (
        select(
            col(ExamSession.id),
            col(ExamSession.title),
            col(ExamSession.state),
            col(ExamSession.starts_at),
            col(ExamSession.duration_ms),
            col(Plan.name),
            col(Occupation.name),
            col(Plan.level),
            rooms,
            entries,
        )
        .join(Plan, col(Plan.id) == col(ExamSession.plan_id))
        .join(Occupation, col(Occupation.id) == col(Plan.occupation_id))
        .where(_in_scope(who))
        .order_by(col(ExamSession.starts_at).desc(), col(ExamSession.id).desc())
        .limit(limit)
    )
    if state:
        query = query.where(col(ExamSession.state) == state)
    return [SessionRow(*row) for row in db.execute(query)]


def _counts(who: Staff) -> tuple[Any, Any]:
    rooms = (
        select(func.count())
        .select_from(ExamSessionRoom)
        .join(Room, col(Room.id) == col(ExamSessionRoom.room_id))
        .where(col(ExamSessionRoom.exam_session_id) == col(ExamSession.id), *_my_rooms(who))
    )
    entries = select(func.count()).select_from(Entry).where(col(Entry.exam_session_id) == col(ExamSession.id))
    if who.centre_ids is not None:
        entries = entries.join(Room, col(Room.id) == col(Entry.room_id)).where(*_my_rooms(who))
    return rooms.scalar_subquery(), entries.scalar_subquery()


def rooms_of(db: Session, who: Staff, exam_session_id: int) -> list[RoomRow]:
    """The rooms of an exam session this person may see, by centre and number."""
    seated = (
        select(func.count())
        .select_from(Entry)
        .where(
            col(Entry.exam_session_id) == col(ExamSessionRoom.exam_session_id),
            col(Entry.room_id) == col(ExamSessionRoom.room_id),
        )
        .scalar_subquery()
    )
    query: Any = (
        select(
            col(Room.id),
            col(Room.number),
            col(Room.name),
            col(Centre.id),
            col(Centre.name),
            col(Room.capacity),
            col(Room.columns),
            col(Room.spare),
            col(ExamSessionRoom.chief_name),
            col(ExamSessionRoom.invigilator_names),
            col(ExamSessionRoom.supervisor_name),
            col(ExamSessionRoom.supervisor_organisation),
            col(ExamSessionRoom.supervisor_at),
            col(ExamSessionRoom.supervisor_recorded_by),
            col(ExamSessionRoom.notes),
            seated,
        )
        .join(Room, col(Room.id) == col(ExamSessionRoom.room_id))
        .join(Centre, col(Centre.id) == col(Room.centre_id))
        .where(col(ExamSessionRoom.exam_session_id) == exam_session_id, *_my_rooms(who))
        .order_by(col(Centre.code), col(Room.number))
    )
    return [RoomRow(*row) for row in db.execute(query)]


def get_room(db: Session, who: Staff, exam_session_id: int, room_id: int) -> RoomRow:
    """One room of an exam session, or `NotFound`."""
    get_session(db, who, exam_session_id)
    for room in rooms_of(db, who, exam_session_id):
        if room.room_id == room_id:
            return room
    raise NotFound


def entries_of(db: Session, who: Staff, exam_session_id: int, room_id: int | None = None) -> list[EntryRow]:
    """Entries by admission number; who is bound to centres sees those seated there."""
    query: Any = (
        select(
            col(Entry.no),
            col(Entry.admission_no),
            col(Entry.name),
            col(Entry.sex),
            col(Entry.id_tail),
            col(Entry.exam_type),
            col(Entry.employer),
            col(Entry.extra_ms),
            col(Entry.room_id),
            func.coalesce(Room.name, ""),
            col(Entry.seat_no),
            col(Entry.form_label),
        )
        .outerjoin(Room, col(Room.id) == col(Entry.room_id))
        .where(col(Entry.exam_session_id) == exam_session_id, *_my_rooms(who))
        .order_by(col(Entry.admission_no))
    )
    if room_id is not None:
        query = query.where(col(Entry.room_id) == room_id)
    return [EntryRow(*row) for row in db.execute(query)]


def get_entry(db: Session, who: Staff, exam_session_id: int, no: int) -> Entry:
    """One entry, or `NotFound`."""
    get_session(db, who, exam_session_id)
    query = select(Entry).where(col(Entry.exam_session_id) == exam_session_id, col(Entry.no) == no)
    if who.centre_ids is not None:
        query = query.join(Room, col(Room.id) == col(Entry.room_id)).where(*_my_rooms(who))
    found: Entry | None = db.execute(query).scalar()
    if found is None:
        raise NotFound
    return found


def facts_of(db: Session, session: ExamSession, rooms: list[RoomRow], paper_reasons: tuple[str, ...]) -> Facts:
    """What the rules of readiness look at."""
    at = col(Entry.exam_session_id) == session.id
    counts = func.count(), func.count(col(Entry.seat_no)), func.count(col(Entry.form_label))
    entries, with_seat, with_form = db.execute(select(*counts).where(at)).one()
    released = release.find(db, session) is not None
    used = set(db.execute(select(col(Entry.form_label)).where(at, col(Entry.form_label).is_not(None)).distinct()).scalars())
    labels = set(choices.labels_of(db, session.paper_set_id)) if session.paper_set_id else used
    return Facts(
        reserve_ready=session.state not in {"draft", "scheduled"} or reserve.ready(db, session),
        released=released,
        formless=0 if lots.uses_lot(session) and not released else max(0, with_seat - with_form),
        state=session.state,
        starts_at=session.starts_at,
        duration_ms=session.duration_ms,
        entries=entries,
        unseated=entries - with_seat,
        seats=sum(max(0, room.capacity - room.spare) for room in rooms),
        rooms=tuple(RoomFacts(room.label, room.seated, bool(room.chief_name), bool(room.supervisor_at)) for room in rooms),
        paper_set_chosen=session.paper_set_id is not None,
        paper_reasons=paper_reasons,
        labels_match=used <= labels,
        supervisor_required=SessionProfile.from_json(session.profile).supervisor_required,
    )
