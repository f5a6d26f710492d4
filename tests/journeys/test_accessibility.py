"""Every page of the running demo: axe-core finds nothing serious, the console is quiet, nothing is wider than the window."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests import tour, tour_day
from tests.journeys.client.room import SAFE_RULES, VENDOR
from tests.tour import Demo, Passes
from tests.tour_stops import STOPS

pytestmark = pytest.mark.browser

AXE = (VENDOR / "axe-core@4.14.1" / "axe.min.js").read_text(encoding="utf-8")
GRAVE = {"serious", "critical"}
SIZE = (1024, 768)
NO_PAGE = re.compile(
    r"\.(xlsx|pdf)$|^/(livez|readyz|static)|^/exam/api/|^/bank/media/|/stream$|/progress$|/exports/\{[^}]*\}/file$|^/exam/check/now$|/twins/looked/|/blueprints/verdict/|^/public/results/\{"
)
"""Routes without a page of their own; the public list has one only after publishing: a journey looks at it."""


def complaints(page: Page, contrast: bool | None = None) -> list[str]:
    """What is wrong with the page as it stands, by WCAG 2.2 AA; `contrast`: that rule alone, or all but that one."""
    page.evaluate(AXE)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")  # the board's bar of acts rests at its own place there
    how: dict[str, Any] = {"runOnly": {"type": "tag", "values": SAFE_RULES}, "resultTypes": ["violations"]}
    if contrast:
        how["runOnly"] = {"type": "rule", "values": ["color-contrast"]}
    elif contrast is False:
        how["rules"] = {"color-contrast": {"enabled": False}}
    found = page.evaluate("async how => ({ violations: (await axe.run(document, how)).violations })", how)
    said = [
        f"axe {item['id']} ({item['impact']}): {node['target']} {node['failureSummary']}"
        for item in found["violations"]
        if item["impact"] in GRAVE
        for node in item["nodes"]
    ]
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if width[0] > width[1]:
        said.append(f"{width[0]} px wide in a window of {width[1]}")
    return said


class Watched:
    """A page whose console is kept. A refused request of the page itself is the exam's protocol, not an error."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(f"thrown: {error}"))
        self.page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(f"console: {message.text}")

    def take(self) -> list[str]:
        errors, self.errors = self.errors, []
        return errors


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with tour.running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def names(browser: Browser, demo: Demo) -> dict[str, str]:
    return tour_day.enrich(browser, demo)


def test_every_page_has_a_stop(app: FastAPI) -> None:
    paths = [re.sub(r"\{.*?\}", "1", stop.path.split("?")[0]) for stop in STOPS] + ["/exam", "/exam/room"]
    missing = []
    for route in iter_route_contexts(app.routes):
        path, methods = str(getattr(route, "path", "")), getattr(route, "methods", None) or ()
        if "GET" in methods and not NO_PAGE.search(path):
            pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))
            if not any(pattern.fullmatch(one) for one in paths):
                missing.append(path)
    assert missing == []


@pytest.mark.parametrize(
    ("theme", "language", "contrast"),
    [
        ("light", "zh_CN", False),
        pytest.param("light", "zh_CN", True, marks=pytest.mark.slow),  # `make screenshots` runs these too
        pytest.param("dark", "en", True, marks=pytest.mark.slow),
    ],
)
def test_staff_pages(browser: Browser, demo: Demo, names: dict[str, str], theme: str, language: str, contrast: bool) -> None:
    """Light and in Chinese by all rules; what a theme can break, the contrast, in passes of its own."""
    made = tour.context(browser, demo.url, size=SIZE, theme=theme, language=language, bypass_csp=True)
    passes, watched, wrong = Passes(browser, demo.url), Watched(made), []
    for stop in STOPS:
        passes.wear(made, stop.who)
        tour.go(watched.page, demo, stop, names)
        wrong += [f"{stop.name}: {one}" for one in complaints(watched.page, contrast) + watched.take()]
    made.close()
    assert wrong == [], "\n".join(wrong)


def test_candidate_screens(browser: Browser, demo: Demo) -> None:
    made = tour.context(browser, demo.url, size=SIZE, theme="light", language="zh_CN", bypass_csp=True)
    watched, wrong = Watched(made), []
    for name, before in tour.candidate_screens(browser, watched.page, demo):
        for theme in tour.THEMES:
            watched.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            watched.page.reload()
            before()
            wrong += [f"{name} {theme}: {one}" for one in complaints(watched.page) + watched.take()]
    made.close()
    assert wrong == [], "\n".join(wrong)
