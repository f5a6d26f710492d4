"""Fixtures of the exam page's tests: a fake server and one candidate's page. The browser comes from the package above."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import Room


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
