"""A candidate moves to another seat: which are free, and the roster's note of it once the writer has fenced the old PC."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from server.audit import trail
from server.audit.trail import Actor
from server.errors import Conflict, FieldError, Invalid
from server.monitor.acts import Target
from server.monitor.scope import Scope
from server.pages import _
from server.registry import devices
from server.registry.tables import Entry


@dataclass(frozen=True)
class FreeSeat:
    """A seat nobody was given, and the code of the PC that stands there, if any."""

    room_id: int
    seat_no: int
    seat: str
    pc: str | None

    @property
    def value(self) -> str:
        """As the form sends it."""
        return f"{self.room_id}-{self.seat_no}"


def free_seats(db: Session, scope: Scope) -> list[FreeSeat]:
    """Seats of the scope without a candidate, those with a PC first."""
    rows = db.execute(
        select(col(Entry.room_id), col(Entry.seat_no)).where(
            col(Entry.exam_session_id) == scope.exam.id, col(Entry.room_id).in_(scope.room_ids)
        )
    )
    taken = {(room_id, seat_no) for room_id, seat_no in rows}
    bound = devices.bound_seats(db, scope.room_ids)
    found = [
        FreeSeat(room.id, no, f"{room.number}-{no}", bound.get((room.id, no)))
        for room in scope.rooms
        for no in range(1, room.capacity + 1)
        if (room.id, no) not in taken
    ]
    return sorted(found, key=lambda seat: (seat.pc is None, seat.room_id, seat.seat_no))


def chosen_seat(db: Session, scope: Scope, value: str) -> FreeSeat | None:
    """The free seat a form names; None when the candidate stays at the seat. Raises `Invalid` for any other."""
    if not value:
        return None
    for seat in free_seats(db, scope):
        if seat.value == value:
            return seat
    raise Invalid(fields=[FieldError("seat", _("This seat is not free any more. Choose another."))])


def move(db: Session, exam_session_id: int, target: Target, seat: FreeSeat, actor: Actor, now: datetime) -> None:
    """Give the candidate the seat; raises `Conflict` when somebody else got it first."""
    taken = db.exec(
        select(Entry.no).where(
            Entry.exam_session_id == exam_session_id, Entry.room_id == seat.room_id, Entry.seat_no == seat.seat_no
        )
    ).first()
    if taken is not None and taken != target.entry_no:
        raise Conflict(_("This seat is not free any more. Choose another."))
    db.execute(
        update(Entry)
        .where(col(Entry.exam_session_id) == exam_session_id, col(Entry.no) == target.entry_no)
        .values(room_id=seat.room_id, seat_no=seat.seat_no)
    )
    detail = {"from": target.seat, "to": seat.seat}
    trail.append(db, actor, "entry.moved", f"sitting:{exam_session_id}-{target.entry_no}", now=now, detail=detail)
