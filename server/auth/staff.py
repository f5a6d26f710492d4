"""Who is signed in, and whether they may: the dependency of every staff route."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from fastapi import Request
from sqlalchemy import delete, func, insert, update
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from server.audit.trail import Actor
from server.auth import permissions, rules
from server.auth.tables import Person, RoleGrant, SignInAttempt, StaffSession
from server.db import reading, take_turns
from server.errors import Forbidden, NotFound, SignInNeeded, TooMany

COOKIE = "jikao_s"
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_TWO_AT_A_TIME = threading.BoundedSemaphore(2)
_NOBODY = _HASHER.hash("nobody has this password")


@dataclass(frozen=True)
class Staff:
    """A signed-in person. `centre_ids` None: every centre of the institution."""

    person_id: int
    name: str
    login: str
    institution_id: int
    roles: frozenset[str]
    centre_ids: frozenset[int] | None

    def may(self, action: str) -> bool:
        """Ask the permission table."""
        return permissions.may(self.roles, action)

    def sees_centre(self, centre_id: int) -> bool:
        """Whether the centre is theirs."""
        return self.centre_ids is None or centre_id in self.centre_ids

    def must_own(self, institution_id: int | None) -> None:
        """Raise `NotFound` for another institution's thing."""
        if institution_id != self.institution_id:
            raise NotFound

    @property
    def actor(self) -> Actor:
        """For audit rows."""
        return Actor("staff", self.person_id, self.name, self.institution_id)


Dependency = Callable[[Request], Coroutine[Any, Any, Staff]]


def allow(action: str) -> Dependency:
    """A dependency that yields the signed-in `Staff` when the table allows `action`; 401 or 403 otherwise."""
    if action not in permissions.ACTIONS:
        raise KeyError(f"'{action}' is not in the permission table")

    async def check(request: Request) -> Staff:
        who = await current_staff(request)
        if who is None:
            raise SignInNeeded
        if not who.may(action):
            raise Forbidden
        return who

    check.action = action  # type: ignore[attr-defined]
    return check


async def current_staff(request: Request) -> Staff | None:
    """The signed-in person of this request, or None. Remembered on the request for the page's menu."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    who = await run_in_threadpool(_look_up, request, token)
    request.state.who = who
    return who


def public() -> None:
    """Marks a route that needs no sign-in."""


def _look_up(request: Request, token: str) -> Staff | None:
    with reading(request.app.state.dbs) as db:
        return find_by_token(db, token, request.app.state.clock.now())


def find_by_token(db: Session, token: str, now: datetime) -> Staff | None:
    """The person of a live sign-in."""
    person = db.exec(
        select(Person)
        .join(StaffSession, col(StaffSession.person_id) == Person.id)
        .where(
            StaffSession.token_hash == digest(token),
            col(StaffSession.ended_at).is_(None),
            col(StaffSession.expires_at) > now,
            Person.active,
        )
    ).first()
    return staff_of(db, person) if person else None


def staff_of(db: Session, person: Person) -> Staff:
    """A person with the roles in force."""
    assert person.id is not None
    grants = db.exec(select(RoleGrant).where(RoleGrant.person_id == person.id, col(RoleGrant.ended_at).is_(None))).all()
    everywhere = any(grant.centre_id is None for grant in grants)
    return Staff(
        person_id=person.id,
        name=person.name,
        login=person.login,
        institution_id=person.institution_id,
        roles=frozenset(grant.role for grant in grants),
        centre_ids=None if everywhere else frozenset(grant.centre_id for grant in grants if grant.centre_id is not None),
    )


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def hash_password(password: str) -> str:
    """Argon2id, about 27 ms."""
    with _TWO_AT_A_TIME:
        return _HASHER.hash(password)


def password_fits(password_hash: str | None, password: str) -> bool:
    """Takes as long for an unknown account as for a wrong password."""
    with _TWO_AT_A_TIME:
        try:
            return _HASHER.verify(password_hash or _NOBODY, password) and password_hash is not None
        except (VerifyMismatchError, InvalidHashError):
            return False


def failures(db: Session, kind: str, account: str, address: str, now: datetime) -> int:
    """Seconds this account or this address must wait; 0 when it may try."""
    since = now - rules.WINDOW
    waits = [
        rules.retry_after(list(db.exec(select(SignInAttempt.at).where(*where, col(SignInAttempt.at) > since)).all()), now, most)
        for where, most in (
            ((SignInAttempt.kind == kind, SignInAttempt.account == account), rules.MAX_ATTEMPTS),
            ((SignInAttempt.kind == kind, SignInAttempt.address == address), rules.MAX_FROM_ADDRESS),
        )
    ]
    return max(waits)


def take_try(db: Session, kind: str, account: str, address: str, now: datetime) -> tuple[int, int]:
    """(seconds to wait, 0); or (0, number of the try) when one was left, which counts as failed until `forget_try`.

    In a write transaction of its own, before anything is compared: tries at the same moment, by whichever serving process, take
    one after another.
    """
    take_turns(db, f"try {kind} {account}")
    wait = failures(db, kind, account, address, now)
    return (wait, 0) if wait else (0, note_failure(db, kind, account, address, now))


def forget_try(db: Session, number: int) -> None:
    """It was right."""
    db.execute(delete(SignInAttempt).where(col(SignInAttempt.id) == number))


def note_failure(db: Session, kind: str, account: str, address: str, now: datetime) -> int:
    """Remember one failed attempt and forget those out of the window; its number."""
    row = insert(SignInAttempt).values(kind=kind, account=account, address=address, at=now).returning(col(SignInAttempt.id))
    number = int(db.execute(row).scalar_one())
    db.execute(delete(SignInAttempt).where(col(SignInAttempt.at) < now - 2 * rules.WINDOW))
    return number


def open_session(db: Session, person_id: int, address: str, now: datetime, hours: int) -> str:
    """A new sign-in; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    db.execute(
        insert(StaffSession).values(
            token_hash=digest(token),
            person_id=person_id,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
            address=address,
        )
    )
    return token


def close_session(db: Session, token: str, now: datetime) -> None:
    """End a sign-in."""
    db.execute(update(StaffSession).where(col(StaffSession.token_hash) == digest(token)).values(ended_at=now))


def find_person(db: Session, login: str) -> Person | None:
    """By login, whatever its case."""
    return db.exec(select(Person).where(func.lower(Person.login) == login.strip().lower())).first()


def take_try_or_refuse(db: Session, kind: str, account: str, address: str, now: datetime) -> int:
    """The number of the try; raises `TooMany` while the account or the address must wait."""
    wait, number = take_try(db, kind, account, address, now)
    if wait:
        raise TooMany(
            "Too many attempts. Please wait %(minutes)s minutes and try again.",
            retry_after=wait,
            minutes=(wait + 59) // 60,
        )
    return number
