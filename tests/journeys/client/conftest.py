"""Fixtures of the exam page's tests: a real Chromium, a fake server, and one candidate's page."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import ARGUMENTS, Room


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser: JIKAO_CHROMIUM, or one on the PATH. Missing is a failure, not a skip."""
    names = [os.environ.get("JIKAO_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    found = next((path for path in map(shutil.which, filter(None, names)) if path), None)
    if not found:
        pytest.fail("no Chromium: set JIKAO_CHROMIUM or run `apt-get install chromium fonts-noto-cjk`")
    return Path(found)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
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
