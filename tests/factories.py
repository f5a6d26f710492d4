"""Small makers of real rows for tests. They go through the product's own functions wherever there is one."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from server.auth import staff
from server.auth.tables import Person, RoleGrant
from server.keyring import Keyring
from server.registry import release as custody
from server.registry.release_rules import Approval
from server.registry.rules import SessionProfile, id_check_digit, sex_from_id
from server.registry.tables import (
    Centre,
    Entry,
    ExamSession,
    ExamSessionRoom,
    Institution,
    Occupation,
    Plan,
    Room,
)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class SignedIn:
    """A person with a live sign-in."""

    person_id: int
    institution_id: int
    token: str


@dataclass(frozen=True)
class Place:
    """An institution with one centre and one room."""

    institution_id: int
    centre_id: int
    room_id: int


def institution(db: Session, name: str = "示范评价机构") -> int:
    row = Institution(code=f"I{next(_numbers):04d}", name=name)
    db.add(row)
    db.flush()
    assert row.id is not None
    return row.id


def person(db: Session, institution_id: int, now: datetime, login: str = "", password_hash: str = "-") -> int:
    number = next(_numbers)
    row = Person(
        institution_id=institution_id,
        login=login or f"p{number}",
        name=f"人员{number}",
        password_hash=password_hash,
        created_at=now,
    )
    db.add(row)
    db.flush()
    assert row.id is not None
    return row.id


def signed_in_person(
    db: Session,
    roles: tuple[str, ...],
    now: datetime,
    *,
    institution_id: int | None = None,
    centre_id: int | None = None,
) -> SignedIn:
    home = institution_id if institution_id is not None else institution(db)
    who = person(db, home, now)
    for role in roles:
        db.add(RoleGrant(person_id=who, role=role, centre_id=centre_id, granted_at=now))
    token = staff.open_session(db, who, "127.0.0.1", now, hours=12)
    return SignedIn(who, home, token)


def place(db: Session, institution_id: int | None = None, capacity: int = 30) -> Place:
    home = institution_id if institution_id is not None else institution(db)
    centre = Centre(institution_id=home, code=f"C{next(_numbers):03d}", name="第一考点")
    db.add(centre)
    db.flush()
    assert centre.id is not None
    room = Room(centre_id=centre.id, number="1", name="第一机房", capacity=capacity)
    db.add(room)
    db.flush()
    assert room.id is not None
    return Place(home, centre.id, room.id)


def exam_session(
    db: Session,
    where: Place,
    starts_at: datetime,
    *,
    duration: timedelta = timedelta(minutes=20),
    state: str = "scheduled",
    profile: SessionProfile | None = None,
    paper_set_id: int | None = None,
) -> int:
    number = next(_numbers)
    occupation = Occupation(code=f"6-31-01-{number:02d}", name="电工")
    db.add(occupation)
    db.flush()
    assert occupation.id is not None
    plan = Plan(
        institution_id=where.institution_id,
        code=f"P{number:03d}",
        name="电工四级认定计划",
        occupation_id=occupation.id,
        level="4",
    )
    db.add(plan)
    db.flush()
    assert plan.id is not None
    row = ExamSession(
        institution_id=where.institution_id,
        plan_id=plan.id,
        title="电工四级理论知识考试",
        starts_at=starts_at,
        duration_ms=int(duration.total_seconds() * 1000),
        profile=(profile or SessionProfile()).to_json(),
        paper_set_id=paper_set_id,
        state=state,
    )
    db.add(row)
    db.flush()
    assert row.id is not None
    db.add(ExamSessionRoom(exam_session_id=row.id, room_id=where.room_id, chief_name="总监考"))
    db.flush()
    return row.id


def release(db: Session, keyring: Keyring, exam_session_id: int, now: datetime) -> None:
    """Two people let the paper out of the safe."""
    session = db.get_one(ExamSession, exam_session_id)
    first, second = (Approval(person(db, session.institution_id, now), f"保管员{n}", now) for n in (1, 2))
    custody.give(db, keyring, session, first, second)


def id_number(serial: int, year: int = 1990) -> str:
    """A valid number of nobody: area code 999999 is not assigned."""
    first = f"999999{year}0101{serial:03d}"
    return first + id_check_digit(first)


def entry(
    db: Session,
    where: Place,
    exam_session_id: int,
    no: int,
    keyring: Keyring,
    *,
    form_label: str = "A",
    seat_no: int | None = None,
) -> Entry:
    number = id_number(no)
    row = Entry(
        exam_session_id=exam_session_id,
        no=no,
        institution_id=where.institution_id,
        admission_no=f"2026{exam_session_id:04d}{no:04d}",
        name=f"考生{no}",
        sex=sex_from_id(number),
        id_cipher=keyring.seal("id_number", number.encode(), f"entry:{exam_session_id}:{no}".encode()),
        id_index=keyring.blind_index(number),
        id_tail=number[-4:],
        factor_index=keyring.blind_index(number[-6:].upper(), domain="second_factor"),
        room_id=where.room_id,
        seat_no=seat_no if seat_no is not None else no,
        form_label=form_label,
    )
    db.add(row)
    db.flush()
    return row
