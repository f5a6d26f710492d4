"""`python -m tests.faults.browser`: one candidate's browser killed, reloaded and cut off again and again, by seed.

Each round answers at random while the server is there or away and replies get lost, then the browser is killed (kill -9), the
page is loaded anew, or another tab takes over. The browser is killed once the page's operations are on its disk, some
milliseconds after the click: what is not there yet nobody can promise. At the end the server must hold exactly the last value
chosen for every question: nothing lost, nothing older on top, nothing kept apart.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from playwright.sync_api import Playwright, expect, sync_playwright

from tests import live
from tests.journeys.client.fake import FakeServer, paper
from tests.journeys.client.killing import kill, launch
from tests.journeys.client.room import Room

FAULTS = ("lose request", "lose reply", "503", "429")


class Candidate:
    """Answers at random and remembers what the page was told last."""

    def __init__(self, playwright: Playwright, chromium: str, folder: Path, chance: random.Random) -> None:
        self.playwright, self.chromium, self.profile, self.chance = playwright, chromium, folder / "profile", chance
        self.server = FakeServer()
        self.server.sitting.paper = paper(12, 4, 4)
        self.server.begin(600)
        self.chosen: dict[int, list[int]] = {}
        self.context = launch(playwright, chromium, self.profile)
        self.room = Room(self.context.pages[0], self.server).enter()

    def round(self) -> str:
        """Some answers under some faults, then one blow; its name."""
        self.server.down = self.chance.random() < 0.5
        self.server.faults = [self.chance.choice(FAULTS) for _ in range(self.chance.randrange(4))]
        for _ in range(self.chance.randrange(1, 9)):
            self._answer()
        time.sleep(self.chance.random() * 0.6)
        self._wait_for_the_disk()
        blow = self.chance.choice(("kill", "kill", "reload", "tab"))
        getattr(self, f"_{blow}")()
        return blow

    def end(self) -> None:
        """Everything arrives; raises `AssertionError` where it does not."""
        self.server.down, self.server.faults = False, []
        expect(self.room.badge).to_have_attribute("data-state", "saved", timeout=30_000)
        assert self.server.sitting.answers == self.chosen, (self.server.sitting.answers, self.chosen)
        assert self.server.sitting.quarantine == []
        assert self.room.outbox()["ops"] == []

    def close(self) -> None:
        """Leave no process behind."""
        kill(self.profile)
        self.server.close()

    def _answer(self) -> None:
        number = self.chance.randrange(1, 13)  # single choice: a click sets the value
        self.room.cell(number).click()
        option = self.room.option(self.chance.choice("ABCD"))
        option.click()
        slot = int(self.room.page.evaluate("localStorage.getItem('jikao.place.7-12')"))
        self.chosen[slot] = [int(option.locator("input").get_attribute("value") or 0)]

    def _wait_for_the_disk(self) -> None:
        for _ in range(300):
            text = self.room.badge.inner_text()
            unsent = int("".join(filter(str.isdigit, text)) or 0)
            if len(self.room.outbox()["ops"]) >= unsent:
                return
            time.sleep(0.01)
        raise AssertionError("the outbox does not reach the disk")

    def _kill(self) -> None:
        kill(self.profile)
        self.server.down = False
        self.context = launch(self.playwright, self.chromium, self.profile)
        self.room = Room(self.context.pages[0], self.server).enter()

    def _reload(self) -> None:
        self.server.down = False
        self.room.page.once("dialog", lambda dialog: dialog.accept())
        self.room.page.reload()
        self.room.opened()

    def _tab(self) -> None:
        self.server.down = False
        second = Room(self.context.new_page(), self.server)
        second.page.goto(f"{self.server.url}/exam/room")
        expect(second.page.locator("#stopped")).to_be_visible(timeout=15_000)
        second.page.locator("#continue-here").click()
        second.opened()
        expect(self.room.page.locator("#stopped")).to_be_visible()
        self.room.page.close()
        self.room = second


def main() -> int:
    """Print a line a sitting; 1 when one lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sittings", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    lost = 0
    with sync_playwright() as playwright:
        for seed in range(given.seed, given.seed + given.sittings):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                one = Candidate(playwright, live.chromium(), Path(folder), random.Random(seed))
                try:
                    blows = Counter(one.round() for _ in range(given.rounds))
                    one.end()
                    print(f"seed {seed}: {dict(blows)}, {len(one.chosen)} questions, nothing lost")
                except AssertionError as error:
                    lost += 1
                    print(f"seed {seed}: {error}")
                finally:
                    one.close()
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
