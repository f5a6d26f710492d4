"""PCs and the seats they stand at.

A browser that opens the exam gets a random token in a cookie; the database keeps its digest and a short code, which the
PC shows until an invigilator binds it to a seat. One PC per seat and one seat per PC at a time: two partial UNIQUE indexes
decide, this module ends what stands in the way first. Bindings are never edited: a move ends one and adds another.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from server.audit import trail
from server.audit.trail import Actor
from server.errors import Conflict, NotFound
from server.registry.tables import Centre, Device, Room, SeatBinding

CODE_ALPHABET = "234679ACDEFGHJKMNPQRTUVWXY"
"""Without characters that look alike on a screen across a room (0/O, 1/I/L, 5/S, 8/B, Z/2)."""

CODE_LENGTH = 5
LISTED_FOR = timedelta(hours=12)
"""How long a PC that was not heard of again stays in the list of unbound PCs."""


@dataclass(frozen=True)
class UnboundDevice:
    """A PC waiting to be bound."""

    id: int
    code: str
    address: str
    last_seen_at: datetime


def token_digest(token: str) -> str:
    """What the database keeps of a device token."""
    return hashlib.sha256(token.encode()).hexdigest()


def register(db: Session, address: str, now: datetime) -> str:
    """Add a PC and return the token for its cookie; it is not stored and cannot be had again."""
    token = secrets.token_urlsafe(32)
    db.add(Device(token_hash=token_digest(token), code=_free_code(db), address=address, first_seen_at=now, last_seen_at=now))
    db.flush()
    return token


def _free_code(db: Session) -> str:
    while True:
        code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
        if db.exec(select(col(Device.id)).where(col(Device.code) == code)).first() is None:
            return code


def renew(db: Session, device_id: int, address: str, now: datetime) -> str:
    """A new token for a known PC, whose old one is worth nothing from now on; audited."""
    token = secrets.token_urlsafe(32)
    db.execute(
        update(Device)
        .where(col(Device.id) == device_id)
        .values(token_hash=token_digest(token), address=address, last_seen_at=now)
    )
    trail.append(db, trail.SYSTEM, "device.renewed", f"device:{device_id}", now=now)
    return token


def set_aside(db: Session, device_id: int, now: datetime) -> None:
    """A PC that turned out to be another one: not listed as waiting any more. Its row stays, ids are never used again."""
    db.execute(update(Device).where(col(Device.id) == device_id).values(last_seen_at=now - LISTED_FOR - timedelta(seconds=1)))


def device_of(db: Session, token: str) -> Device | None:
    """The PC that holds `token`."""
    return db.exec(select(Device).where(col(Device.token_hash) == token_digest(token))).first()


def touch(db: Session, device_id: int, address: str, now: datetime) -> None:
    """Note that the PC was heard of, and from which address."""
    db.execute(update(Device).where(col(Device.id) == device_id).values(address=address, last_seen_at=now))


def seat_of(db: Session, device: Device) -> tuple[int, int] | None:
    """(room id, seat number) where the PC stands, None when it is not bound."""
    binding = _live_binding(db, device.id or 0)
    return None if binding is None else (binding.room_id, binding.seat_no)


def device_at(db: Session, room_id: int, seat_no: int) -> Device | None:
    """The PC bound to a seat."""
    return db.exec(
        select(Device)
        .join(SeatBinding, col(SeatBinding.device_id) == col(Device.id))
        .where(
            col(SeatBinding.room_id) == room_id,
            col(SeatBinding.seat_no) == seat_no,
            col(SeatBinding.ended_at).is_(None),
        )
    ).first()


def bound_seats(db: Session, room_ids: tuple[int, ...]) -> dict[tuple[int, int], str]:
    """(room id, seat number) -> code of the PC standing there, for the given rooms."""
    rows = db.execute(
        select(col(SeatBinding.room_id), col(SeatBinding.seat_no), col(Device.code))
        .join(Device, col(SeatBinding.device_id) == col(Device.id))
        .where(col(SeatBinding.room_id).in_(room_ids), col(SeatBinding.ended_at).is_(None))
    )
    return {(room_id, seat_no): code for room_id, seat_no, code in rows}


def unbound(db: Session, now: datetime, limit: int = 200) -> list[UnboundDevice]:
    """PCs heard of lately that stand at no seat, by code."""
    bound = select(col(SeatBinding.device_id)).where(col(SeatBinding.ended_at).is_(None))
    rows = db.exec(
        select(Device)
        .where(col(Device.id).not_in(bound), col(Device.last_seen_at) >= now - LISTED_FOR)
        .order_by(col(Device.last_seen_at).desc())
        .limit(limit)
    )
    found = [UnboundDevice(row.id or 0, row.code, row.address, row.last_seen_at) for row in rows]
    return sorted(found, key=lambda device: device.code)


def find_by_code(db: Session, code: str) -> Device | None:
    """The PC that shows `code`, however it was typed."""
    return db.exec(select(Device).where(col(Device.code) == code.strip().upper())).first()


def bind(db: Session, device_id: int, room_id: int, seat_no: int, *, actor: Actor, now: datetime) -> None:
    """Put the PC at a seat; wherever it stood before, and whatever stood there, is unbound in the same transaction.

    Raises `NotFound` for a PC, room or seat that is not there.
    """
    room = db.get(Room, room_id)
    if room is None or db.get(Device, device_id) is None or not 1 <= seat_no <= room.capacity:
        raise NotFound
    before = _live_binding(db, device_id)
    if before is not None and (before.room_id, before.seat_no) == (room_id, seat_no):
        return
    db.execute(
        update(SeatBinding)
        .where(col(SeatBinding.ended_at).is_(None))
        .where(
            (col(SeatBinding.device_id) == device_id)
            | ((col(SeatBinding.room_id) == room_id) & (col(SeatBinding.seat_no) == seat_no))
        )
        .values(ended_at=now)
    )
    db.add(SeatBinding(room_id=room_id, seat_no=seat_no, device_id=device_id, bound_at=now, bound_by=actor.id))
    db.flush()
    trail.append(db, actor, "device.bound", f"room:{room_id}", now=now, detail={"seat": seat_no, "device": device_id})


def unbind(db: Session, room_id: int, seat_no: int, *, actor: Actor, now: datetime) -> None:
    """Free a seat of its PC; raises `Conflict` when none stands there."""
    ended = db.execute(
        update(SeatBinding)
        .where(
            col(SeatBinding.room_id) == room_id,
            col(SeatBinding.seat_no) == seat_no,
            col(SeatBinding.ended_at).is_(None),
        )
        .values(ended_at=now)
        .returning(col(SeatBinding.device_id))
    ).all()
    if not ended:
        raise Conflict("No PC is bound to this seat.")
    trail.append(db, actor, "device.unbound", f"room:{room_id}", now=now, detail={"seat": seat_no, "device": ended[0][0]})


def institution_of_room(db: Session, room_id: int) -> int | None:
    """Whose room it is."""
    return db.exec(
        select(col(Centre.institution_id)).join(Room, col(Room.centre_id) == col(Centre.id)).where(col(Room.id) == room_id)
    ).first()


def _live_binding(db: Session, device_id: int) -> SeatBinding | None:
    return db.exec(
        select(SeatBinding).where(col(SeatBinding.device_id) == device_id, col(SeatBinding.ended_at).is_(None))
    ).first()
