"""A bank made through the pages, once; each test gets its own copy of the database."""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from itembank.tables import Bank, ImportBatch
from server import apart, jobs
from server.app import create_app
from server.clock import FakeClock
from server.db import connect, transaction
from server.keyring import Keyring
from server.settings import Settings
from tests import factories
from tests.conftest import START

CONTENT = Path(__file__).resolve().parents[2] / "server" / "demo" / "content"
ROLES = {
    "manager": ("bank_manager",),
    "second": ("bank_manager",),
    "writer": ("item_writer",),
    "reviewer": ("reviewer",),
    "reviewer2": ("reviewer",),
    "supervisor": ("supervisor",),
    "all_in_one": ("item_writer", "reviewer", "bank_manager"),
}


@dataclass
class House:
    """One institution with its people; `act` signs one of them in. `stranger` manages banks elsewhere."""

    app: FastAPI
    client: TestClient
    people: dict[str, factories.SignedIn]

    def act(self, name: str) -> TestClient:
        """The client, signed in as this person."""
        self.client.cookies.set("jikao_s", self.people[name].token)
        return self.client

    def work(self) -> None:
        """Do what the child process would do."""
        state = self.app.state
        while jobs.run_next(state.dbs, state.keyring, state.clock):
            pass

    def db(self) -> Session:
        """A session to look with."""
        return Session(self.app.state.dbs.read)


def people_of(url: str) -> dict[str, factories.SignedIn]:
    databases = connect(url)
    with transaction(databases) as db:
        home = factories.institution(db)
        people = {name: factories.signed_in_person(db, roles, START, institution_id=home) for name, roles in ROLES.items()}
        people["stranger"] = factories.signed_in_person(db, ("bank_manager", "reviewer", "item_writer"), START)
    databases.dispose()
    return people


def open_house(path: Path, people: dict[str, factories.SignedIn], keyring: Keyring, clock: FakeClock) -> Iterator[House]:
    settings = Settings(data_dir=path.parent, database_url=f"sqlite:///{path}")
    app = create_app(settings, clock=clock, keyring=keyring)
    with TestClient(app, follow_redirects=False, headers={"accept": "text/html"}) as browser:
        yield House(app, browser, people)


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process does not start in tests; `House.work` does its work."""
    monkeypatch.setattr(jobs.Jobs, "wake", lambda self: None)
    monkeypatch.setattr(jobs.Jobs, "wait", lambda self, job_id, seconds: None)


def here_and_now(function: Callable[..., object], *args: object, **_limits: object) -> object:
    """`apart.run` without the process: half a second less for each file."""
    return function(*args)


@pytest.fixture(autouse=True)
def no_process_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in the tests' own process; `test_apart` and `test_import_limits` have the real one."""
    monkeypatch.setattr(apart, "run", here_and_now)


@dataclass(frozen=True)
class Furnished:
    """A database file with a bank in it, made through the pages."""

    path: Path
    people: dict[str, factories.SignedIn]
    bank_id: int


@pytest.fixture(scope="session")
def furnished(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Furnished:
    path = tmp_path_factory.mktemp("bank") / "bank.db"
    shutil.copy(sqlite_template, path)
    people = people_of(f"sqlite:///{path}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.Jobs, "wake", lambda self: None)
        patch.setattr(apart, "run", here_and_now)
        for house in open_house(path, people, keyring, FakeClock(START)):
            bank_id = make_bank(house)
            approve(house, bank_id, import_items(house, bank_id))
    return Furnished(path, people, bank_id)


@pytest.fixture
def house(furnished: Furnished, tmp_path: Path, keyring: Keyring, clock: FakeClock) -> Iterator[House]:
    """The people and their bank, on a copy."""
    path = tmp_path / "bank.db"
    shutil.copy(furnished.path, path)
    yield from open_house(path, furnished.people, keyring, clock)


@pytest.fixture
def bank(furnished: Furnished) -> str:
    """The address of the bank."""
    return f"/bank/{furnished.bank_id}"


@pytest.fixture
def empty_house(sqlite_template: Path, tmp_path: Path, keyring: Keyring, clock: FakeClock) -> Iterator[House]:
    """The people without a bank."""
    path = tmp_path / "empty.db"
    shutil.copy(sqlite_template, path)
    yield from open_house(path, people_of(f"sqlite:///{path}"), keyring, clock)


def figures_zip(**more: bytes) -> bytes:
    """The demo's figures, and others by name (`evil_svg` is packed as `evil.svg`)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted((CONTENT / "figures").iterdir()):
            archive.write(path, path.name)
        for name, data in more.items():
            archive.writestr(name.replace("_", "."), data)
    return out.getvalue()


def upload(client: TestClient, url: str, name: str, data: bytes, **more: tuple[str, bytes]) -> str:
    """POST a file; where the answer leads."""
    files: dict[str, tuple[str, bytes]] = {"file": (name, data), **more}
    answer = client.post(url, files=files)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def make_bank(house: House, code: str = "E4") -> int:
    """Content table, then the bank that follows it."""
    client = house.act("manager")
    preview = upload(client, "/bank/syllabus/import", "细目表.xlsx", (CONTENT / "syllabus.xlsx").read_bytes())
    assert "职业道德与职业守则" in client.get(preview).text
    following = client.post(preview).headers["location"]
    assert client.get(following).status_code == 200
    syllabus = following.partition("syllabus=")[2]
    made = client.post("/bank/new", data={"code": code, "name": "电工四级题库", "syllabus_id": syllabus})
    assert made.status_code == 303, made.text
    return int(made.headers["location"].rpartition("/")[2])


def import_items(house: House, bank_id: int) -> int:
    """The demo's items through upload, reading and storing; the staged batch."""
    client = house.act("manager")
    data = (CONTENT / "items.xlsx").read_bytes()
    page = upload(client, f"/bank/{bank_id}/imports", "试题.xlsx", data, figures=("figures.zip", figures_zip()))
    assert "正在排队" in client.get(page).text
    house.work()
    read = client.get(page).text
    assert "没有发现错误" in read
    client.post(f"{page}/store")
    house.work()
    return int(client.get(page).headers["location"].rpartition("/")[2])


def sample_of(house: House, batch_id: int) -> list[int]:
    with house.db() as db:
        return db.exec(select(ImportBatch.sample).where(ImportBatch.id == batch_id)).one()


def approve(house: House, bank_id: int, batch_id: int) -> None:
    read = {"read": [str(number) for number in sample_of(house, batch_id)]}
    done = house.act("second").post(f"/bank/{bank_id}/batches/{batch_id}/approve", data=read)
    assert done.status_code == 303, done.text


def the_bank(house: House) -> Bank:
    with house.db() as db:
        return db.exec(select(Bank)).one()
