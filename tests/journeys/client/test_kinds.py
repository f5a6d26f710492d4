"""Each kind of question answered in the browser on the real server: saved, reloaded, handed in, and marked as by hand."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from server.clock import FakeClock, wall_clock
from server.db import connect, reading
from server.grading import runs
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from tests import kinds
from tests.journeys.client.room import Room
from tests.journeys.client.test_real_server import LEAD, Real, sign_in
from tests.live import LiveServer
from tests.sitting.conftest import make_exam

pytestmark = pytest.mark.browser

TYPE_AND_LOOK = """async (field) => {
  field.focus();
  field.value = "交流";
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  await Promise.resolve();
  return document.getElementById("save-badge").dataset.state;
}"""


@pytest.fixture
def real(sqlite_template: Path, tmp_path: Path) -> Iterator[Real]:
    shutil.copy(sqlite_template, tmp_path / "jikao.db")
    dbs = connect(f"sqlite:///{tmp_path / 'jikao.db'}")
    clock = FakeClock(wall_clock() - LEAD + timedelta(seconds=2))
    profile = SessionProfile(identity_check=False, earliest_hand_in_ms=0, multiple_choice="part_marks")
    exam = make_exam(dbs, clock, Keyring.open_folder(tmp_path / "keys"), profile=profile, entries=1, papers=kinds.paper)
    dbs.dispose()
    server = LiveServer(tmp_path)
    try:
        server.start()
        yield Real(server, exam)
    finally:
        server.stop()


def is_saved(page: Page) -> None:
    expect(page.locator("#save-badge")).to_have_attribute("data-state", "saved", timeout=15_000)


def put_in_order(page: Page) -> None:
    """Move each step up to its place, by button and by keys."""
    rows = page.locator("#exam-work .order-row")
    for place, step in enumerate(kinds.STEPS):
        row = rows.filter(has_text=step)
        while row.locator(".rank").inner_text() != str(place + 1):
            if place % 2:
                row.locator("[data-move=up]").click()
            else:
                row.locator("[data-move=up]").press("Shift+ArrowUp")
    confirm = page.locator("#exam-work .order-open button")
    if confirm.is_visible():  # drawn in the right order: nothing had to move
        confirm.click()


def test_every_kind_from_the_page_to_the_marks(real: Real, context: BrowserContext) -> None:
    page = context.new_page()
    room = Room(page, None)  # type: ignore[arg-type]
    sign_in(page, real, 1)
    expect(page.locator("#exam")).to_be_visible(timeout=30_000)
    page.locator("#exam-work .option", has_text="36 V").click()
    page.keyboard.press("ArrowRight")
    for name in ("铜", "铝"):
        page.locator("#exam-work .option", has_text=name).click()
    page.keyboard.press("ArrowRight")
    page.locator("#exam-work .option", has_text="错误").click()

    room.cell(4).click()
    blanks = page.locator("#exam-work .stem .typed")
    expect(blanks).to_have_count(2)
    assert blanks.first.evaluate(TYPE_AND_LOOK) == "unsaved"
    blanks.first.fill("交流电")
    blanks.first.press("Enter")
    expect(blanks.last).to_be_focused()
    assert room.violations() == []
    page.keyboard.type("220V")
    page.reload()  # before the pause that would have sent it
    room.opened()
    room.is_at(4)
    assert [field.input_value() for field in blanks.all()] == ["交流电", "220V"]
    is_saved(page)

    room.cell(5).click()
    shared = page.locator("#exam-work [data-part=shared]")
    expect(shared).to_contain_text("某支路电压为 220 V")
    shared.locator("summary").click()
    number = page.locator("#exam-work .number-line .typed")
    number.fill("约2")
    expect(page.locator("#exam-work .how.hint")).not_to_be_empty()
    number.fill("2.0 A")
    expect(page.locator("#exam-work .how.hint")).to_be_empty()
    number.press("PageDown")
    room.is_at(6)
    expect(shared).not_to_have_attribute("open", "")  # folded as the candidate left it
    number.fill("442")

    room.cell(7).click()
    expect(shared).to_be_hidden()
    assert room.violations() == []
    for n, unit in enumerate(kinds.PAIRS.values()):
        wanted = kinds.MATCH_IDS["瓦特" if n == 1 else unit]
        page.locator("#exam-work .match-line select").nth(n).select_option(value=str(wanted))

    room.cell(8).click()
    expect(room.part("clear")).to_have_attribute("aria-disabled", "true")
    put_in_order(page)
    assert room.violations() == []
    is_saved(page)
    page.reload()
    room.opened()
    expect(page.locator("#exam-work .order-list.answered .option-text")).to_have_text(list(kinds.STEPS))
    expect(page.locator("#count-answered")).to_have_text("8")
    stored = real.stored(1)
    matched: list[int | str] = [kinds.PAIRED[0], kinds.MATCH_IDS["瓦特"], kinds.PAIRED[2]]
    assert stored == kinds.RIGHT | {5: ["2.0 A"], 6: ["442"], 7: matched}
    room.cell(4).click()
    blanks.last.fill(" ")
    room.part("hand-in").click()
    expect(page.locator("#hand-in-partly .cell")).to_have_text(["4"])
    page.locator("#hand-in-partly .cell").click()
    blanks.last.fill("220 V")
    room.hand_in()
    expect(page.locator("#finished-title")).to_have_text("交卷成功")

    dbs = connect(f"sqlite:///{real.server.data_dir / 'jikao.db'}")
    with reading(dbs) as db:
        marking = runs.compute(db, Keyring.open_folder(real.server.data_dir / "keys"), real.exam.id)
    dbs.dispose()
    [entry] = marking.entries
    full = {1: 1000, 2: 1000, 3: 1000, 4: 1500, 5: 1000, 6: 0, 7: 1333, 8: 1500}  # 442 is one too far; two of three lines
    assert entry.sitting.marks == full
