"""Candidate sign-in: admission number and second factor (the last six characters of the ID number).

At most five tries in fifteen minutes per account and per PC (its seat where it is bound), and a wider limit per network
address so that throwing the PC's cookie away gains nothing. One uniform refusal, whatever was wrong.
"""

import hmac
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from server.audit import trail
from server.audit.trail import Actor
from server.auth import rules as auth_rules
from server.auth import staff
from server.auth.tables import SignInAttempt
from server.db import Databases, reading, transaction
from server.keyring import Keyring
from server.pages import _
from server.registry import devices
from server.registry.rules import SessionProfile
from server.registry.tables import Device, Entry, ExamSession, Room
from server.sitting.commands import Arrive
from server.sitting.opening import admit_commands
from server.sitting.tokens import Pass
from server.sitting.writer import Writer

BEFORE = timedelta(hours=3)
"""Sign-in is possible this long before the scheduled start."""
AFTER = timedelta(hours=24)
"""And this long after it, to come back to a reopened sitting or to the receipt."""
PER_ADDRESS = 60

KIND, NET = "candidate", "candidate_net"
WRONG = _("The admission number or the six characters are not right. Check both, or raise your hand.")
WAIT = _("Too many attempts at this computer or with this number. Raise your hand, or try again in 15 minutes.")
SEAT = _("Your seat is %(seat)s. Please go there, or raise your hand.")
AGAIN = _("The server is busy. Please try again in a moment.")


class Entered(NamedTuple):
    """Signed in: for the cookie."""

    given: Pass


class NotEntered(NamedTuple):
    """Refused, with what to show."""

    status: int
    message: str
    params: dict[str, str]


class Place(NamedTuple):
    """Where a try comes from."""

    device_id: int
    seat: tuple[int, int] | None
    address: str

    @property
    def name(self) -> str:
        """What the throttle counts."""
        return f"seat:{self.seat[0]}-{self.seat[1]}" if self.seat else f"pc:{self.device_id}"


def place_of(db: Session, device: Device, address: str) -> Place:
    """The PC, its seat and network address."""
    return Place(device.id or 0, devices.seat_of(db, device), address)


def enter(
    dbs: Databases, writer: Writer, keyring: Keyring, place: Place, admission_no: str, secret: str, now: datetime
) -> Entered | NotEntered:
    """Check both, then tell the sitting that its candidate has arrived at this PC."""
    account = admission_no.strip().upper()[:40]
    with transaction(dbs) as db:
        wait, number = (1, 0) if _crowded(db, place.address, now) else staff.take_try(db, KIND, account, place.name, now)
    if wait:
        return NotEntered(429, WAIT, {})
    with reading(dbs) as db:
        entry = _find(db, keyring, account, secret, now)
        misplaced = None if entry is None else _misplaced(db, entry, place)
    if entry is None:
        with transaction(dbs) as db:
            staff.note_failure(db, NET, place.address, place.address, now)
        return NotEntered(401, WRONG, {})
    with transaction(dbs) as db:
        staff.forget_try(db, number)
    if misplaced is not None:
        return NotEntered(403, SEAT, {"seat": misplaced})
    return _arrive(dbs, writer, entry, place, now)


def _crowded(db: Session, address: str, now: datetime) -> bool:
    tries: int = db.execute(
        select(func.count())
        .select_from(SignInAttempt)
        .where(
            col(SignInAttempt.kind) == NET,
            col(SignInAttempt.account) == address,
            col(SignInAttempt.at) > now - auth_rules.WINDOW,
        )
    ).scalar_one()
    return tries >= PER_ADDRESS


def _find(db: Session, keyring: Keyring, account: str, secret: str, now: datetime) -> Entry | None:
    factor = keyring.blind_index(secret.strip().upper()[:6], domain="second_factor")
    candidates = db.execute(
        select(Entry)
        .join(ExamSession, col(ExamSession.id) == col(Entry.exam_session_id))
        .where(
            col(Entry.admission_no) == account,
            col(ExamSession.state).in_(("scheduled", "open", "ended")),
            col(ExamSession.starts_at) < now + BEFORE,
            col(ExamSession.starts_at) > now - AFTER,
        )
        .order_by(col(ExamSession.starts_at).desc())
    ).scalars()
    fitting = [entry for entry in candidates if hmac.compare_digest(entry.factor_index, factor)]
    return fitting[0] if fitting else None


def _misplaced(db: Session, entry: Entry, place: Place) -> str | None:
    """The candidate's own seat, when the profile wants bound PCs and this is not it."""
    session = db.get(ExamSession, entry.exam_session_id)
    if session is None or not SessionProfile.from_json(session.profile).seat_binding:
        return None
    if place.seat == (entry.room_id, entry.seat_no):
        return None
    room = None if entry.room_id is None else db.get(Room, entry.room_id)
    return f"{room.number if room else '?'}-{entry.seat_no}"


def _arrive(dbs: Databases, writer: Writer, entry: Entry, place: Place, now: datetime) -> Entered | NotEntered:
    key = (entry.exam_session_id, entry.no)
    device = str(place.device_id)
    with reading(dbs) as db:
        admits = admit_commands(db, *key)
    outcomes = writer.do_many([*admits, Arrive(*key, device=device)])
    if not outcomes[-1].ok and outcomes[-1].code != "absent":
        return NotEntered(503, AGAIN, {})
    with transaction(dbs) as db:
        db.execute(
            update(Entry)
            .where(col(Entry.exam_session_id) == key[0], col(Entry.no) == key[1], col(Entry.signed_in_at).is_(None))
            .values(signed_in_at=now)
        )
        who = Actor("candidate", entry.no, entry.admission_no, entry.institution_id)
        detail = {"device": place.device_id, "seat": list(place.seat) if place.seat else None}
        trail.append(db, who, "candidate.signed_in", f"sitting:{key[0]}-{key[1]}", now=now, detail=detail)
    return Entered(Pass(*key, device))
