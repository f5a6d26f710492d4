"""A candidate at the exam page of the real server: what they press, and what the page told them was saved."""

import re
import subprocess
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from tests.journeys.desk import ARGUMENTS

Answers = dict[int, list[int]]
"""Canonical item number -> option ids."""

LOOK = """() => {
  const inputs = [...document.querySelectorAll("#exam-work .options input")];
  return [Number(inputs[0].name.split("-").at(-1)), inputs.filter((one) => one.checked).map((one) => Number(one.value))];
}"""
"""The question on screen and what is chosen there."""


class Candidate:
    """One page of one candidate. `saved`: answers that stood on the page while it said "saved"."""

    def __init__(self, context: BrowserContext, url: str, admission_no: str, secret: str) -> None:
        self.context, self.url = context, url
        self.admission_no, self.secret = admission_no, secret
        self.page: Page = context.new_page()
        self.chosen: Answers = {}
        self.saved: Answers = {}
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def enter(self) -> "Candidate":
        self.page.goto(f"{self.url}/exam")
        self.page.fill("#admission_no", self.admission_no)
        self.page.fill("#secret", self.secret)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/exam/room")
        return self

    def opened(self) -> "Candidate":
        """The first question is there, by itself."""
        expect(self.page.locator("#exam-work .options input").first).to_be_visible()
        return self

    @property
    def badge(self) -> Locator:
        return self.page.locator("#save-badge")

    def answer(self, first: int, last: int, key: str = "1") -> None:
        """Answer these questions, by their numbers on the page, with a key; starting from the answer sheet."""
        self.page.locator("#exam-work .groups .cell").nth(first - 1).click()
        for number in range(first, last + 1):
            self.page.keyboard.press(key)
            slot, ids = self.page.evaluate(LOOK)
            self.chosen[slot] = sorted(ids)
            if number < last:
                self.page.keyboard.press("ArrowRight")

    def is_saved(self) -> None:
        """The page says so, now: from here on everything chosen must be in the journal."""
        expect(self.badge).to_have_attribute("data-state", "saved")
        self.saved |= self.chosen

    def is_offline(self, unsaved: int) -> None:
        expect(self.badge).to_have_attribute("data-state", "offline")
        expect(self.badge).to_have_text(re.compile(rf"\D{unsaved}$"))

    def counts(self, answered: int) -> None:
        expect(self.page.locator("#count-answered")).to_have_text(str(answered))

    def hand_in(self) -> str:
        """The receipt's code, without its dashes."""
        self.page.locator("#exam-work [data-part=hand-in]").click()
        self.page.locator("#hand-in-dialog [data-part=yes]").click()
        return self.receipt("交卷成功")

    def receipt(self, title: str) -> str:
        expect(self.page.locator("#finished-title")).to_have_text(title)
        expect(self.page.locator("#cleared")).to_be_visible()
        code = self.page.locator("#receipt-code").inner_text()
        assert re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", code), code
        return code.replace("-", "")


class KillableBrowser:
    """A Chromium of its own on a profile folder, so that kill -9 hits it and nothing else, and the profile can be used again."""

    def __init__(self, playwright: Playwright, chromium: str, profile: Path) -> None:
        self.playwright, self.chromium, self.profile = playwright, chromium, profile
        self.process: subprocess.Popen[bytes] | None = None
        self.browser: Browser | None = None

    def start(self) -> BrowserContext:
        port_file = self.profile / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)
        flags = ["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--no-default-browser-check", "--lang=zh-CN"]
        command: list[str] = [self.chromium, *flags, *ARGUMENTS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: port_file.exists() and port_file.read_text().count("\n") >= 1)
        port = port_file.read_text().split()[0]
        self.browser = self.playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        return self.browser.contexts[0]

    def kill(self) -> None:
        """kill -9 of the browser's main process; its helpers end with it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=20)
        self.browser = None

    def close(self) -> None:
        if self.browser is not None:
            self.browser.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)

    def cookies_on_disk(self, *names: str) -> bool:
        """Chromium writes cookies to its profile every half minute; whether these are there."""
        stored = self.profile / "Default" / "Cookies"
        data = b"".join(path.read_bytes() for path in (stored, Path(f"{stored}-wal")) if path.exists())
        return all(name.encode() in data for name in names)


def wait(ready: Any, seconds: float = 60) -> None:
    """Until `ready()` is true."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
