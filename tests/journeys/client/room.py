"""What a candidate does and sees on the exam page, for tests."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.journeys.client.fake import FakeServer

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
VENDOR = Path(__file__).parent.parent / "vendor"
SAFE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Room:
    """One page of one candidate."""

    def __init__(self, page: Page, server: FakeServer) -> None:
        self.page = page
        self.server = server
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def enter(self) -> "Room":
        """Load the page and wait for the first question."""
        self.page.goto(f"{self.server.url}/exam/room")
        return self.opened()

    def opened(self) -> "Room":
        expect(self.page.locator("#exam")).to_be_visible(timeout=10_000)
        return self

    @property
    def badge(self) -> Locator:
        return self.page.locator("#save-badge")

    def part(self, name: str) -> Locator:
        return self.page.locator(f"#exam-work [data-part={name}]")

    def cell(self, number: int) -> Locator:
        return self.page.locator("#exam-work .groups .cell").nth(number - 1)

    def option(self, letter: str) -> Locator:
        return self.page.locator("#exam-work .option").nth(ord(letter) - ord("A"))

    def answer(self, number: int, letter: str) -> None:
        """Go to a question by the answer sheet and choose with the mouse."""
        self.cell(number).click()
        self.option(letter).click()

    def saved(self) -> None:
        expect(self.badge).to_have_attribute("data-state", "saved", timeout=15_000)

    def is_at(self, number: int) -> None:
        expect(self.part("number").locator(".n")).to_have_text(f"第 {number} 题")

    def hand_in(self) -> None:
        self.part("hand-in").click()
        self.page.locator("#hand-in-dialog [data-part=yes]").click()

    def outbox(self) -> dict[str, Any]:
        """What this computer still keeps: records and bookkeeping in IndexedDB, names in localStorage."""
        return dict(self.page.evaluate(READ_OUTBOX))

    def violations(self) -> list[str]:
        """What axe-core has to say about the page as it is."""
        self.page.evaluate((VENDOR / "axe-core@4.14.1" / "axe.min.js").read_text(encoding="utf-8"))
        found = self.page.evaluate("tags => axe.run(document, { runOnly: tags })", SAFE_RULES)
        return [
            f"{item['id']}: {node['target']} {node['failureSummary']}" for item in found["violations"] for node in item["nodes"]
        ]


READ_OUTBOX = """async () => {
  const db = await new Promise((done) => {
    const request = indexedDB.open("jikao-exam");
    request.onsuccess = () => done(request.result);
  });
  const all = (store) => new Promise((done) => {
    const request = db.transaction(store).objectStore(store).getAll();
    request.onsuccess = () => done(request.result);
  });
  const result = { ops: await all("ops"), meta: await all("meta"), local: Object.keys(localStorage) };
  db.close();
  return result;
}"""
