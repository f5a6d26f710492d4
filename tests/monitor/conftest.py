"""A room with candidates at work, a real writer, and people at the desk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session, col, update

from server.auth.staff import Staff
from server.auth.tables import Person
from server.clock import FakeClock
from server.db import Databases, transaction
from server.keyring import Keyring
from server.monitor.scope import Scope, find_scope
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting.commands import Admit, Arrive, Command, Op, Open, Operations, Outcome, Terms
from server.sitting.store import store_for, to_ms
from server.sitting.writer import Writer
from tests import factories

ORDER = [[slot, [1, 2, 3, 4]] for slot in range(1, 21)]
DURATION = timedelta(minutes=20)


@dataclass(frozen=True)
class Desk:
    """An open exam session in one room with `people` entries, all of them at work."""

    dbs: Databases
    writer: Writer
    clock: FakeClock
    place: factories.Place
    exam: int
    people: int

    def ask(self, command: Command) -> Outcome:
        return self.writer.do(command)

    def answer(self, entry_no: int, *ops: Op, epoch: int = 1) -> Outcome:
        return self.ask(Operations(self.exam, entry_no, epoch=epoch, ops=list(ops)))

    def staff(self, *roles: str, centre_id: int | None = None, institution_id: int | None = None) -> Staff:
        home = institution_id or self.place.institution_id
        with transaction(self.dbs) as db:
            person = factories.person(db, home, self.clock.now())
            row = db.get(Person, person)
            assert row is not None
            centres = None if centre_id is None else frozenset([centre_id])
            return Staff(person, row.name, row.login, home, frozenset(roles or ("invigilator",)), centres)

    def scope(self, who: Staff, room: int | None = None) -> Scope:
        with transaction(self.dbs) as db:
            return find_scope(db, who, self.exam, room)


def open_room(
    db: Session, keyring: Keyring, now: datetime, people: int, place: factories.Place | None = None
) -> tuple[factories.Place, int]:
    """An exam session that began at `now` in a room of 12 seats; seats 1..people are given."""
    where = place or factories.place(db, capacity=12)
    exam = factories.exam_session(db, where, now, state="open", duration=DURATION, profile=SessionProfile())
    db.execute(update(ExamSession).where(col(ExamSession.id) == exam).values(opened_at=now))
    for no in range(1, people + 1):
        factories.entry(db, where, exam, no, keyring, form_label="ABC"[no % 3])
    return where, exam


def start_work(writer: Writer, exam: int, people: int, institution_id: int, room_id: int, now: datetime) -> None:
    """Bring every candidate to the opening."""
    terms = Terms(to_ms(now), to_ms(now + DURATION) - to_ms(now), 300_000, 300_000, 10_000, identity_check=False)
    for no in range(1, people + 1):
        device = f"pc-{no}"
        writer.do(Admit(exam, no, institution_id=institution_id, room_id=room_id, form_id=1))
        writer.do(Arrive(exam, no, device=device))
        opened = writer.do(Open(exam, no, device=device, page="page-one", terms=terms, order=ORDER, paper_digest="ab"))
        assert opened.ok


@pytest.fixture
def desk(dbs: Databases, clock: FakeClock, keyring: Keyring) -> Iterator[Desk]:
    writer = Writer(store_for(dbs.write), clock)
    writer.start()
    with transaction(dbs) as db:
        place, exam = open_room(db, keyring, clock.now(), 4)
    start_work(writer, exam, 4, place.institution_id, place.room_id, clock.now())
    yield Desk(dbs, writer, clock, place, exam, 4)
    assert writer.stop()


@dataclass(frozen=True)
class Web:
    """The same behind the application; `people` sign in by `enter`."""

    desk: Desk
    app: FastAPI
    enter: Callable[..., TestClient]

    def url(self, page: str = "", room: bool = True) -> str:
        path = f"/board/{self.desk.exam}" + (f"/{page}" if page else "")
        return f"{path}?room={self.desk.place.room_id}" if room else path


@pytest.fixture
def web(
    app: FastAPI, client: TestClient, sign_in: Callable[..., factories.SignedIn], clock: FakeClock, keyring: Keyring
) -> Iterator[Web]:
    dbs: Databases = app.state.dbs
    own = getattr(app.state, "writer", None)
    writer: Writer = own or Writer(store_for(dbs.write), clock)
    if own is None:
        writer.start()
        app.state.writer = writer
    with transaction(dbs) as db:
        place, exam = open_room(db, keyring, clock.now(), 4)
    start_work(writer, exam, 4, place.institution_id, place.room_id, clock.now())
    browsers: list[TestClient] = []

    def enter(*roles: str, institution_id: int | None = None, centre_id: int | None = None) -> TestClient:
        browser = TestClient(app, follow_redirects=False, headers={"accept": "text/html"})
        browsers.append(browser)
        home = institution_id or place.institution_id
        sign_in(*(roles or ("invigilator",)), institution_id=home, centre_id=centre_id, browser=browser)
        browser.cookies.set("lang", "en")
        return browser

    yield Web(Desk(dbs, writer, clock, place, exam, 4), app, enter)
    for browser in browsers:
        browser.close()
    if own is None:
        assert writer.stop()
