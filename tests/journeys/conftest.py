"""Fixtures of the browser tests: one Chromium for all of them, a server on a copy of the empty database, people at desks."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from server.clock import wall_clock
from server.db import Databases, connect, transaction
from server.demo import people
from server.demo.people import House
from tests import live
from tests.journeys.desk import ARGUMENTS, Desk
from tests.live import LiveServer

PATIENCE_MS = 90_000
"""How long an expectation waits at most; a busy machine is slow, not wrong."""

LONGEST = [
    "test_accessibility.py",
    "test_four_candidates.py",
    "test_from_import_to_filed_forms.py",
    "test_real_server.py",
    "test_kinds.py",
]
"""Minutes each: they begin first, so that several processes end together (`.ci/check` keeps this order)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the rest as they were."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="package")
def chromium() -> str:
    """The browser; missing is a failure, not a skip."""
    return live.chromium()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Stopped with the package: its event loop must not be around in other tests."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=live.headless_shell(), args=ARGUMENTS)
    yield launched
    launched.close()


@pytest.fixture
def patience() -> Iterator[None]:
    """Expectations of whole journeys wait longer than those of one page."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def data(sqlite_template: Path, tmp_path: Path) -> Path:
    """A data folder with an empty, migrated database."""
    shutil.copy(sqlite_template, tmp_path / "jikao.db")
    return tmp_path


@pytest.fixture
def stored(data: Path) -> Iterator[Databases]:
    """Engines on the server's own database, to prepare before it starts and to read beside it."""
    dbs = connect(f"sqlite:///{data / 'jikao.db'}")
    yield dbs
    dbs.dispose()


@pytest.fixture
def house(stored: Databases) -> House:
    """An institution with centres, rooms and the people of the demo."""
    with transaction(stored) as db:
        return people.load(db, wall_clock())


@pytest.fixture
def server(data: Path) -> Iterator[LiveServer]:
    """`jikao serve`, not yet started: a test prepares its data, then calls `start`."""
    made = LiveServer(data)
    yield made
    made.stop()


@pytest.fixture
def desk(browser: Browser, server: LiveServer, patience: None) -> Iterator[Callable[..., Desk]]:
    """`desk("bank")` is that person, signed in, at a browser of their own."""
    made: list[Desk] = []

    def sit_down(login: str = "", language: str = "zh_CN") -> Desk:
        made.append(Desk(browser, server.url, language))
        return made[-1].sign_in(login) if login else made[-1]

    yield sit_down
    for one in made:
        one.close()
