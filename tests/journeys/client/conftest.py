"""Fixtures of the exam page's tests: a real Chromium, a fake server, and one candidate's page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests import live
from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import ARGUMENTS, Room


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; missing is a failure, not a skip."""
    return live.chromium()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    yield launched
    launched.close()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    yield opened
    opened.close()


@pytest.fixture
def room(server: FakeServer, context: BrowserContext) -> Room:
    """A candidate in the open exam (the bell has rung)."""
    server.begin()
    return Room(context.new_page(), server).enter()
