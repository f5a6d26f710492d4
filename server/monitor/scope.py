"""Which exam sessions and rooms a person may look at: the one place where the board's isolation is decided.

Everything the board reads afterwards is asked for by the room ids of a `Scope`, so another centre's rows are never read,
let alone filtered out later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from server.auth.staff import Staff
from server.errors import NotFound
from server.monitor.rules import Timing
from server.registry.rules import SessionProfile
from server.registry.tables import Centre, ExamSession, ExamSessionRoom, Room
from server.sitting.exams import exam_of
from server.sitting.store import to_datetime

OFFERED_STATES = ("scheduled", "open", "ended", "marked", "published")
OFFERED_FOR = timedelta(days=2)


@dataclass(frozen=True)
class RoomPlace:
    """A room of the board: seats 1..capacity in rows of `columns`."""

    id: int
    number: str
    name: str
    centre_id: int
    centre_name: str
    capacity: int
    columns: int


@dataclass(frozen=True)
class Exam:
    """What the board needs of an exam session."""

    id: int
    institution_id: int
    title: str
    state: str
    starts_at: datetime
    duration_ms: int
    profile: SessionProfile

    bell: datetime | None

    @property
    def timing(self) -> Timing:
        """The times tiles depend on."""
        limits = self.profile.scaled(self.duration_ms)
        return Timing(self.bell, timedelta(milliseconds=limits.latest_entry_ms), self.profile.seat_binding)


@dataclass(frozen=True)
class Scope:
    """One exam session as one person may see it: some of its rooms."""

    exam: Exam
    rooms: tuple[RoomPlace, ...]
    single: bool
    """Whether one room was chosen (else: every room this person may see)."""

    @property
    def room_ids(self) -> tuple[int, ...]:
        """Sorted, so that equal scopes are equal keys."""
        return tuple(sorted(room.id for room in self.rooms))

    def url(self, page: str = "") -> str:
        """Path of this board, or of one of its pages."""
        path = f"/board/{self.exam.id}" + (f"/{page}" if page else "")
        return f"{path}?room={self.rooms[0].id}" if self.single else path

    def room(self, room_id: int) -> RoomPlace:
        """One of the rooms; raises `NotFound` for any other."""
        for room in self.rooms:
            if room.id == room_id:
                return room
        raise NotFound


def find_scope(db: Session, who: Staff, exam_session_id: int, room_id: int | None = None) -> Scope:
    """The exam session with one room, or with all rooms this person may see; `NotFound` for anything not theirs."""
    exam = db.get(ExamSession, exam_session_id)
    if exam is None or exam.state == "draft":
        raise NotFound
    who.must_own(exam.institution_id)
    rooms = tuple(room for room in rooms_of(db, [exam_session_id]).get(exam_session_id, ()) if who.sees_centre(room.centre_id))
    if room_id is not None:
        rooms = tuple(room for room in rooms if room.id == room_id)
    if not rooms:
        raise NotFound
    return Scope(as_exam(exam), rooms, room_id is not None)


def rooms_of(db: Session, exam_session_ids: Iterable[int]) -> dict[int, list[RoomPlace]]:
    """Exam session id -> its rooms, by centre and number."""
    rows = db.exec(
        select(ExamSessionRoom.exam_session_id, Room, Centre)
        .join(Room, col(Room.id) == col(ExamSessionRoom.room_id))
        .join(Centre, col(Centre.id) == col(Room.centre_id))
        .where(col(ExamSessionRoom.exam_session_id).in_(list(exam_session_ids)))
    )
    found: dict[int, list[RoomPlace]] = {}
    for exam_session_id, room, centre in sorted(rows, key=lambda row: (row[2].code, len(row[1].number), row[1].number)):
        place = RoomPlace(room.id or 0, room.number, room.name, room.centre_id, centre.name, room.capacity, max(1, room.columns))
        found.setdefault(exam_session_id, []).append(place)
    return found


def offered(db: Session, who: Staff, now: datetime) -> list[Scope]:
    """The exam sessions a person may choose at the desk, nearest first: open ones, then what comes, then what just ended."""
    exams = db.exec(
        select(ExamSession)
        .where(
            ExamSession.institution_id == who.institution_id,
            col(ExamSession.state).in_(OFFERED_STATES),
            (col(ExamSession.starts_at) >= now - OFFERED_FOR) | (col(ExamSession.state) == "open"),
        )
        .order_by(col(ExamSession.starts_at))
        .limit(50)
    ).all()
    rooms = rooms_of(db, [exam.id for exam in exams if exam.id is not None])
    scopes = []
    for exam in exams:
        mine = tuple(room for room in rooms.get(exam.id or 0, ()) if who.sees_centre(room.centre_id))
        if mine:
            scopes.append(Scope(as_exam(exam), mine, False))
    order = {"open": 0, "scheduled": 1}
    return sorted(scopes, key=lambda scope: (order.get(scope.exam.state, 2), scope.exam.starts_at))


def as_exam(row: ExamSession) -> Exam:
    """A row as a value that outlives its session."""
    facts = exam_of(row)
    return Exam(
        row.id or 0,
        row.institution_id,
        row.title,
        row.state,
        row.starts_at,
        row.duration_ms,
        SessionProfile.from_json(row.profile),
        None if facts.bell_at is None else to_datetime(facts.bell_at),
    )
