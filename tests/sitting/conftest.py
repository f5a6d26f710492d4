"""An exam session with a sealed, filed paper of five items, four candidates, half an hour before its start."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from itembank import passport
from server.clock import FakeClock
from server.db import Databases, connect, transaction
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSessionRoom
from server.sitting.core import Core
from tests import factories
from tests.conftest import START
from tests.grading.world import forms_without_solver

PROFILE = SessionProfile(identity_check=False)
Papers = Callable[[Databases, Keyring, FakeClock], tuple[int, dict[str, int]]]


@dataclass(frozen=True)
class Exam:
    id: int
    place: factories.Place
    starts_at: datetime
    forms: dict[str, int]


def make_exam(
    dbs: Databases,
    clock: FakeClock,
    keyring: Keyring,
    *,
    profile: SessionProfile = PROFILE,
    entries: int = 4,
    supervisor: bool = True,
    duration: timedelta = timedelta(minutes=20),
    institution_id: int | None = None,
    released: bool = True,
    papers: Papers = forms_without_solver,
) -> Exam:
    starts_at = clock.now() + timedelta(minutes=30)
    with transaction(dbs) as db:
        place = factories.place(db, institution_id, capacity=max(30, entries))
    paper_set, forms = papers(dbs, keyring, clock)
    with transaction(dbs) as db:
        for form_id in forms.values():
            passport.file_form(db, form_id, f"备案{form_id}", by=1, now=clock.now())
        exam = factories.exam_session(db, place, starts_at, profile=profile, paper_set_id=paper_set, duration=duration)
        for no in range(1, entries + 1):
            factories.entry(db, place, exam, no, keyring, form_label=sorted(forms)[no % len(forms)])
        if released:
            factories.release(db, keyring, exam, clock.now())
        if supervisor:
            room = db.get_one(ExamSessionRoom, (exam, place.room_id))
            room.supervisor_name, room.supervisor_at = "督导员", clock.now()
            db.add(room)
    return Exam(exam, place, starts_at, forms)


class Candidate:
    """A browser of one candidate, at the level of requests; on the event loop of the running application."""

    def __init__(self, running: TestClient, exam: Exam, no: int) -> None:
        self.http = TestClient(running.app, follow_redirects=False)
        self.http.portal = running.portal
        self.http.headers["sec-fetch-site"] = "same-origin"
        self.exam, self.no = exam, no
        self.epoch = 0

    def enter(self, secret: str | None = None, admission_no: str | None = None) -> Any:
        number = factories.id_number(self.no)
        form = {
            "admission_no": admission_no or f"2026{self.exam.id:04d}{self.no:04d}",
            "secret": number[-6:] if secret is None else secret,
        }
        return self.http.post("/exam/enter", data=form)

    def post(self, path: str, body: Any) -> Any:
        return self.http.post(f"/exam/api/{path}", json=body)

    def open(self, page: str = "page-one-1", have: str | None = None) -> Any:
        body = {"page": page} if have is None else {"page": page, "have": have}
        answer = self.post("open", body)
        if answer.status_code == 200:
            self.epoch = answer.json()["epoch"]
        return answer

    def ops(self, *ops: dict[str, Any], epoch: int | None = None) -> Any:
        return self.post("ops", {"epoch": self.epoch if epoch is None else epoch, "ops": list(ops)})

    def pulse(self, version: int = -1, epoch: int | None = None) -> Any:
        return self.http.get(f"/exam/api/pulse?epoch={self.epoch if epoch is None else epoch}&v={version}")


@pytest.fixture(scope="session")
def exam_template(sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exam]:
    """A database file that holds the exam session: made once, copied for each test."""
    path = tmp_path_factory.mktemp("exam") / "exam.db"
    shutil.copy(sqlite_template, path)
    dbs = connect(f"sqlite:///{path}")
    made = make_exam(dbs, FakeClock(START), keyring)
    dbs.dispose()
    return path, made


@pytest.fixture
def sqlite_url(exam_template: tuple[Path, Exam], tmp_path: Path) -> str:
    path = tmp_path / "jikao.db"
    shutil.copy(exam_template[0], path)
    return f"sqlite:///{path}"


@pytest.fixture
def exam(exam_template: tuple[Path, Exam]) -> Exam:
    return exam_template[1]


@pytest.fixture
def core(app: FastAPI, client: TestClient) -> Core:
    """The running core; `client` keeps the application up. Its closer rests: tests tick it."""
    made: Core = app.state.core
    made.closer.stop()
    return made


@pytest.fixture
def later(core: Core, clock: FakeClock) -> Callable[[float], None]:
    """Let seconds pass without an outage: the closer was alive all the time, then has its round."""

    def act(seconds: float) -> None:
        clock.advance(seconds)
        core.closer.beaten(clock.now())
        core.closer.tick()

    return act


@pytest.fixture
def candidate(client: TestClient, core: Core, exam: Exam) -> Callable[[int], Candidate]:
    return lambda no: Candidate(client, exam, no)


@pytest.fixture
def ring(later: Callable[[float], None], clock: FakeClock, exam: Exam) -> Callable[[], None]:
    """Go to the start and let the closer open the exam session."""

    def act() -> None:
        later((exam.starts_at - clock.now()).total_seconds())

    return act
