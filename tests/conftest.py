"""Fixtures shared by all tests: the clock, both databases, keys, the application and people to sign in as."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from server import migrations
from server.app import create_app
from server.clock import FakeClock
from server.db import Databases, connect, transaction
from server.keyring import Keyring
from server.settings import Settings
from tests import factories, postgresql

START = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
_numbers = itertools.count(1)
JOURNEYS = Path(__file__).with_name("journeys")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`.ci/check` looks for browser tests in one place: one that lies elsewhere would never run."""
    lost = [item.nodeid for item in items if item.get_closest_marker("browser") and JOURNEYS not in item.path.parents]
    if lost:
        raise pytest.UsageError(f"browser tests belong into {JOURNEYS.name}/: {', '.join(lost)}")


@pytest.fixture
def clock() -> FakeClock:
    """Nine o'clock in Beijing, standing still."""
    return FakeClock(START)


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    return Keyring.ephemeral()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    url = f"sqlite:///{path}"
    migrations.upgrade(url)
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with postgresql.cluster() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """Name of an empty, migrated database to copy."""
    name = f"template_{next(_numbers)}"
    migrations.upgrade(postgresql.create_database(postgresql_server, name))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "jikao.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: str = request.getfixturevalue("postgresql_server")
    template: str = request.getfixturevalue("postgresql_template")
    name = f"test_{next(_numbers)}"
    yield postgresql.create_database(server, name, template)
    postgresql.drop_database(server, name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "jikao.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def dbs(database_url: str) -> Iterator[Databases]:
    """Engines on each kind of database."""
    databases = connect(database_url)
    yield databases
    databases.dispose()


@pytest.fixture
def db(dbs: Databases) -> Iterator[Session]:
    """A write session on each kind of database."""
    with transaction(dbs) as session:
        yield session


@pytest.fixture
def sqlite_dbs(sqlite_url: str) -> Iterator[Databases]:
    databases = connect(sqlite_url)
    yield databases
    databases.dispose()


@pytest.fixture
def app(sqlite_url: str, clock: FakeClock, keyring: Keyring, tmp_path: Path) -> FastAPI:
    """The application on SQLite, with the fake clock."""
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url)
    return create_app(settings, clock=clock, keyring=keyring, duties_run=False)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A browser-like client; follows no redirects, so that tests see them."""
    with TestClient(app, follow_redirects=False, headers={"accept": "text/html"}) as browser:
        yield browser


@pytest.fixture
def sign_in(app: FastAPI, client: TestClient, clock: FakeClock) -> Callable[..., factories.SignedIn]:
    """`sign_in("invigilator", institution_id=…, centre_id=…)` makes a person of that role and signs the client in."""

    def act(
        *roles: str, institution_id: int | None = None, centre_id: int | None = None, browser: TestClient | None = None
    ) -> factories.SignedIn:
        with transaction(app.state.dbs) as session:
            signed = factories.signed_in_person(session, roles, clock.now(), institution_id=institution_id, centre_id=centre_id)
        (browser or client).cookies.set("jikao_s", signed.token)
        return signed

    return act
