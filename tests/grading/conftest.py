"""The small exam is sat once for each kind of database; every test gets a copy of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.clock import FakeClock
from server.db import connect
from server.keyring import Keyring
from tests import postgresql
from tests.conftest import START
from tests.grading import world
from tests.grading.world import World


def _build(url: str, keyring: Keyring) -> World:
    databases = connect(url)
    try:
        return world.build(databases, FakeClock(START), keyring)
    finally:
        databases.dispose()


@pytest.fixture(scope="session")
def sqlite_sat(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> tuple[Path, World]:
    path = tmp_path_factory.mktemp("sat") / "sat.db"
    shutil.copy(sqlite_template, path)
    return path, _build(f"sqlite:///{path}", keyring)


@pytest.fixture(scope="session")
def postgresql_sat(postgresql_server: str, postgresql_template: str, keyring: Keyring) -> tuple[str, World]:
    name = "sat_exam"
    return name, _build(postgresql.create_database(postgresql_server, name, postgresql_template), keyring)


@pytest.fixture(params=["sqlite", "postgresql"])
def sat_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, World]]:
    """A database with the exam sat and ended, not marked."""
    if request.param == "sqlite":
        template, made = request.getfixturevalue("sqlite_sat")
        path = tmp_path / "sat.db"
        shutil.copy(template, path)
        yield f"sqlite:///{path}", made
        return
    server: str = request.getfixturevalue("postgresql_server")
    name, made = request.getfixturevalue("postgresql_sat")
    copy = f"copy_of_{name}"
    yield postgresql.create_database(server, copy, name), made
    postgresql.drop_database(server, copy)


@pytest.fixture
def database_url(sat_url: tuple[str, World]) -> str:
    return sat_url[0]


@pytest.fixture
def sqlite_url(sqlite_sat: tuple[Path, World], tmp_path: Path) -> str:
    path = tmp_path / "app.db"
    shutil.copy(sqlite_sat[0], path)
    return f"sqlite:///{path}"


@pytest.fixture
def sat(sat_url: tuple[str, World], clock: FakeClock) -> World:
    clock.advance(21 * 60)
    return sat_url[1]
