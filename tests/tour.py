"""A tour through every page of the running demo, as each of its people: for screenshots and the accessibility check.

`tour_day` first does what a day at a centre brings, so that every page has something to show; `tour_stops` are the pages.
"""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import APIRequestContext, Browser, BrowserContext, Page, sync_playwright

from server.demo.people import PASSWORD
from tests import trouble
from tests.live import LiveServer, headless_shell
from tests.tour_stops import Stop

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
THEMES = ("light", "dark")
LANGUAGES = ("zh_CN", "en")


class Demo:
    """The demo as a process, with the sign-ins it printed."""

    def __init__(self, data_dir: Path) -> None:
        self.server = LiveServer(data_dir)
        self.server.program = [sys.executable, "-m", "tests.trouble"]
        self.data_dir = data_dir
        self.url = self.server.url
        self.log = data_dir / "demo.log"

    def start(self) -> None:
        self.server.start("demo", self.log)

    def candidates(self) -> list[tuple[str, str]]:
        """(admission number, secret) of the visitors' entries."""
        return re.findall(r"准考证号 (\d+)\s+身份证后六位 (\w+)", self.log.read_text(encoding="utf-8"))

    @staticmethod
    def entry_of(admission_no: str) -> int:
        """The entry number: the running number at the end."""
        return int(admission_no[-4:])


@contextlib.contextmanager
def running_demo(data_dir: Path) -> Iterator[Demo]:
    demo = Demo(data_dir)
    try:
        demo.start()
        yield demo
    finally:
        demo.server.stop()


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=headless_shell(), args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


def context(
    running: Browser, url: str, *, size: tuple[int, int], theme: str, language: str, bypass_csp: bool = False
) -> BrowserContext:
    """A browser of this look. `bypass_csp`: scripts of a test may run in the page."""
    made = running.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        bypass_csp=bypass_csp,
    )
    made.set_default_timeout(60_000)
    made.add_cookies([{"name": "lang", "value": language, "url": url}])
    return made


def sign_in(page: Page, url: str, login: str) -> None:
    page.goto(f"{url}/sign-in")
    page.fill("[name=login]", login)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/home")


class Passes:
    """Signs everybody in once and hands their cookie to the contexts that need it."""

    def __init__(self, running: Browser, url: str) -> None:
        self.running, self.url = running, url
        self._cookies: dict[str, str] = {}
        self._worn: dict[BrowserContext, str] = {}

    def wear(self, made: BrowserContext, who: str) -> None:
        """Make the context that person's; "" nobody's. Its pages are left first: what they still ask for is the other's."""
        if self._worn.get(made) == who:
            return
        self._worn[made] = who
        for page in made.pages:
            page.goto("about:blank")
        made.clear_cookies(name="jikao_s")
        if not who:
            return
        if who not in self._cookies:
            door = self.running.new_context()
            sign_in(door.new_page(), self.url, who)
            self._cookies[who] = next(one["value"] for one in door.cookies() if one["name"] == "jikao_s")
            door.close()
        made.add_cookies([{"name": "jikao_s", "value": self._cookies[who], "url": self.url}])

    def request(self, made: BrowserContext, who: str) -> APIRequestContext:
        self.wear(made, who)
        return made.request


def go(page: Page, demo: Demo, stop: Stop, names: dict[str, str]) -> None:
    """Be there, as the page looks when it has settled."""
    with trouble.clock_off(demo.data_dir, stop.clock_off_s):
        page.goto(demo.url + stop.path.format_map(names), wait_until="load")
        if stop.until:
            until(lambda: _there(page, stop.until))
        if stop.wait:
            page.wait_for_selector(stop.wait)
    for selector in stop.click:
        page.locator(selector).first.click()
    if stop.click:
        page.wait_for_selector("dialog[open] [name=text]")
    page.evaluate("document.fonts.ready")


def _there(page: Page, selector: str) -> str | None:
    if page.locator(selector).count():
        return selector
    page.reload()
    return None


# -- the candidate's screens --------------------------------------------------------------------------------------------

Before = Callable[[], None]
FORGET_PC = """() => new Promise((done, failed) => {
  const request = indexedDB.deleteDatabase("jikao-pc");
  request.onsuccess = done;
  request.onerror = failed;
})"""
"""The second memory of which PC this is (web/static/exam/pcmirror.js)."""


def candidate_screens(running: Browser, page: Page, demo: Demo) -> Iterator[tuple[str, Before]]:
    """(name, what to do after each load of the page to be there) of one visitor's sitting, in order, up to the receipt."""
    admission_no, secret = demo.candidates()[0]

    def seen(selector: str) -> Before:
        return page.locator(selector).first.wait_for

    page.goto(f"{demo.url}/exam")
    yield "exam-sign-in", seen("#secret")

    unknown = (f"{admission_no[:-4]}{number}" for number in range(9000, 10_000))

    def refused() -> None:  # every time another number at another PC, so that the throttle stays out of it
        page.evaluate(FORGET_PC)
        page.context.clear_cookies(name="jikao_pc")
        enter(page, demo.url, next(unknown), "00000X")
        page.locator("#enter-error").wait_for()

    yield "exam-sign-in-refused", refused
    enter(page, demo.url, admission_no, secret)
    page.wait_for_url("**/exam/room")
    page.route("**/exam/api/open", lambda route: route.fulfill(status=409, json=_not_yet(page, demo)))
    page.route("**/exam/api/pulse*", lambda route: None)
    yield "exam-waiting", seen("text=/^0[89]:/")
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    question = seen("#exam-work .option")
    question()
    for number, key in enumerate("121342", 1):
        at(page, number)
        page.keyboard.press(key)
    page.keyboard.press("f")
    page.locator("#save-badge[data-state=saved]").wait_for()

    def shown(number: int, click: str = "", then: str = "") -> Before:
        def act() -> None:
            question()
            at(page, number)
            if click:
                page.locator(click).click()
                page.locator(then).wait_for()

        return act

    yield "exam-question", shown(1)
    yield "exam-multiple", shown(31)
    yield "exam-true-false", shown(41)
    yield "exam-report", shown(2, "#exam-work [data-part=report]", "#report-dialog[open]")
    yield "exam-too-early", shown(2, "#exam-work [data-part=hand-in]", "#early-dialog[open]")
    yield "exam-help", shown(2, "[data-help]", "#help-dialog[open]")
    _act(running, demo, admission_no, "pause", "机房短时停电，全场暂停")
    yield "exam-paused", seen("#paused:not([hidden])")
    _act(running, demo, admission_no, "resume", "供电恢复")
    _act(running, demo, admission_no, "force", "考生身体不适，申请提前收卷")
    yield "exam-receipt", seen("#receipt-code")


def enter(page: Page, url: str, admission_no: str, secret: str) -> None:
    """Sign in as a candidate."""
    page.goto(f"{url}/exam")
    page.fill("#admission_no", admission_no)
    page.fill("#secret", secret)
    page.keyboard.press("Enter")


def at(page: Page, number: int) -> None:
    """Go to a question by the answer sheet."""
    page.locator("#exam-work .groups .cell").nth(number - 1).click()


def _not_yet(page: Page, demo: Demo) -> dict[str, object]:
    """What the server says before the bell; the demo's exam session is always open."""
    sitting = page.request.get(f"{demo.url}/exam/api/me").json()["sitting"]
    return {**sitting, "error": "not_yet", "state": "waiting", "starts_in_ms": 540_000, "remaining_ms": None}


def _act(running: Browser, demo: Demo, admission_no: str, act: str, reason: str) -> None:
    """The invigilator does something about this candidate."""
    made = running.new_context(base_url=demo.url, extra_http_headers={"Origin": demo.url})
    form: dict[str, str | float | bool] = {"entry": str(demo.entry_of(admission_no)), "reason": reason, "confirmed": "true"}
    post(Passes(running, demo.url).request(made, "invigilator"), f"/board/2/act/{act}", form)
    made.close()


# -- a day at a centre ------------------------------------------------------------------------------------------------


def post(request: APIRequestContext, path: str, form: dict[str, str | float | bool]) -> str:
    """Send a form as its page would; where it leads."""
    answer = request.post(path, form=form)
    if answer.status >= 400:
        raise RuntimeError(f"POST {path}: {answer.status} {answer.text()[:2000]}")
    return answer.url


def until(ready: Callable[[], str | None], seconds: float = 120) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found is not None:
            return found
        time.sleep(0.3)
    raise RuntimeError("waited in vain")
