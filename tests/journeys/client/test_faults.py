"""Faults of the browser itself: killed with much unsent, wound back and forth, with a wrong clock."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, expect

from tests.journeys.client.fake import FakeServer, paper
from tests.journeys.client.killing import kill, launch
from tests.journeys.client.room import Room

pytestmark = pytest.mark.browser

MOVED_CLOCK = """(offset) => {
  const Real = Date;
  const moved = () => Real.now() + offset;
  globalThis.Date = class extends Real {
    constructor(...given) { if (given.length) super(...given); else super(moved()); }
    static now() { return moved(); }
  };
}"""


def test_thirty_unsent_operations_of_a_killed_browser_arrive_once(
    playwright: Playwright, chromium: str, server: FakeServer, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    server.sitting.paper = paper(22, 4, 4)
    server.begin()
    context = launch(playwright, chromium, profile)
    room = Room(context.pages[0], server).enter()
    server.down = True
    room.cell(1).click()
    for _number in range(1, 31):
        room.page.keyboard.press("2")
        room.page.keyboard.press("ArrowRight")
    expect(room.badge).to_contain_text("未保存 30")
    while len(room.outbox()["ops"]) < 30:  # a click is on the disk some milliseconds later; until then a power cut takes it
        room.page.wait_for_timeout(10)
    assert kill(profile) > 0
    server.down = False
    context = launch(playwright, chromium, profile)
    room = Room(context.pages[0], server).enter()
    room.saved()
    stored = server.sitting.ops[2]
    assert sorted(op["item"] for op in stored.values()) == list(range(1, 31))
    assert sorted(stored) == list(range(1, 31))
    assert len(server.sitting.answers) == 30
    assert server.sitting.quarantine == []
    kill(profile)


def test_the_back_button_leaves_and_the_forward_button_comes_back_to_everything(room: Room, server: FakeServer) -> None:
    page = room.page
    room.answer(4, "A")
    room.saved()
    page.goto(f"{server.url}/exam")
    page.go_back()
    room.opened()
    room.is_at(4)
    expect(room.option("A").locator("input")).to_be_checked()
    room.answer(5, "A")
    room.saved()
    room.hand_in()
    expect(page.locator("#cleared")).to_be_visible()
    page.locator("#leave").click()
    expect(page.locator("#admission_no")).to_be_visible()
    server.signed_in = False
    page.go_back()
    page.wait_for_load_state()
    expect(page.locator("#exam")).to_be_hidden()
    assert page.locator("#exam-work .stem").count() == 0
    assert sorted(server.sitting.answers) == [4, 5]
    assert server.sitting.quarantine == []


@pytest.mark.parametrize("hours", [pytest.param(-24, marks=pytest.mark.slow), 24])  # each goes both ways
def test_a_wrong_clock_of_the_pc_changes_neither_time_left_nor_what_is_saved(
    server: FakeServer, context: BrowserContext, hours: int
) -> None:
    """`Date` is replaced before the page's scripts and again while they run.

    A browser under test cannot be given another system clock. This shows that nothing on the page asks `Date` for exam time
    or for the age of an operation; what the system does to `performance.timeOrigin` of pages to come it does not show.
    """
    context.add_init_script(f"({MOVED_CLOCK})({hours * 3_600_000})")
    server.begin()
    room = Room(context.new_page(), server).enter()
    time_left = room.page.locator("#time-text")
    expect(time_left).to_contain_text("19:")
    room.answer(4, "A")
    room.page.evaluate(f"({MOVED_CLOCK})({-2 * hours * 3_600_000})")
    room.answer(5, "A")
    room.saved()
    expect(time_left).to_contain_text("19:")
    expect(room.page.locator("#exam")).to_be_visible()
    ops = server.sitting.ops[1].values()
    assert [op["item"] for op in ops] == [4, 5]
    sent = [op for request in server.requests for op in request["ops"]]
    assert all(0 <= op.get("dt_ms", 0) < 60_000 for op in sent)
    assert room.errors == []
