"""The page and the real server together: signed in by form, opened by the bell, killed in the middle, handed in."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from server.clock import FakeClock, wall_clock
from server.db import connect, reading
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from server.sitting import reading as sittings
from tests import factories
from tests.journeys.client.killing import kill, launch
from tests.journeys.client.room import Room
from tests.journeys.client.traces import traces
from tests.live import LiveServer
from tests.sitting.conftest import Exam, make_exam

pytestmark = pytest.mark.browser

LEAD = timedelta(minutes=30)  # `make_exam` puts the start this much after its clock


@dataclass
class Real:
    server: LiveServer
    exam: Exam

    @property
    def url(self) -> str:
        return self.server.url

    def stored(self, entry_no: int) -> dict[int, list[int]]:
        """The answers of one candidate as grading would read them."""
        dbs = connect(f"sqlite:///{self.server.data_dir / 'jikao.db'}")
        with reading(dbs) as db:
            found = {row[0]: row[2] for row in sittings.responses(db, self.exam.id)}
        dbs.dispose()
        return dict(found[entry_no])


@pytest.fixture(scope="module")
def real(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One server for these tests, a candidate each; the bell rings soon after the first test begins."""
    data = tmp_path_factory.mktemp("real")
    shutil.copy(sqlite_template, data / "jikao.db")
    dbs = connect(f"sqlite:///{data / 'jikao.db'}")
    clock = FakeClock(wall_clock() - LEAD + timedelta(seconds=20))
    profile = SessionProfile(identity_check=False, earliest_hand_in_ms=0)
    exam = make_exam(dbs, clock, Keyring.open_folder(data / "keys"), profile=profile, entries=5, duration=timedelta(hours=2))
    dbs.dispose()
    server = LiveServer(data)
    try:
        server.start()
        yield Real(server, exam)
    finally:
        server.stop()


def sign_in(page: Page, real: Real, no: int) -> None:
    page.goto(f"{real.url}/exam")
    page.locator("#admission_no").fill(f"2026{real.exam.id:04d}{no:04d}")
    page.locator("#secret").fill(factories.id_number(no)[-6:])
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(f"{real.url}/exam/room")


def test_from_the_door_to_the_receipt_across_a_killed_server(real: Real, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, real, 1)
    expect(page.locator("#exam")).to_be_visible(timeout=30_000)
    badge = page.locator("#save-badge")
    page.keyboard.press("1")
    expect(badge).to_have_attribute("data-state", "saved")
    real.server.kill()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("2")
    expect(badge).to_contain_text("离线 · 未保存 4", timeout=15_000)
    real.server.start()
    expect(badge).to_have_attribute("data-state", "saved", timeout=20_000)
    assert all(len(value) == 1 for value in real.stored(1).values())
    assert len(real.stored(1)) == 5
    page.locator("#exam-work [data-part=hand-in]").click()
    page.locator("#hand-in-dialog [data-part=yes]").click()
    expect(page.locator("#finished-title")).to_have_text("交卷成功")
    expect(page.locator("#receipt-answered")).to_have_text("5 题，共 5 题")
    assert len(page.locator("#receipt-code").inner_text()) == 19
    expect(page.locator("#cleared")).to_be_visible()
    page.locator("#leave").click()
    expect(page.locator("#admission_no")).to_be_visible()


def test_a_reload_and_a_second_computer(real: Real, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, real, 2)
    expect(page.locator("#exam")).to_be_visible(timeout=30_000)
    page.keyboard.press("2")
    page.keyboard.press("f")
    expect(page.locator("#save-badge")).to_have_attribute("data-state", "saved")
    page.reload()
    expect(page.locator("#count-answered")).to_have_text("1")
    expect(page.locator("#count-flagged")).to_have_text("1")
    browser = context.browser
    assert browser is not None
    elsewhere = browser.new_context(locale="zh-CN")
    other = elsewhere.new_page()
    sign_in(other, real, 2)
    expect(other.locator("#bell-title")).to_have_text("您的考试正在另一台电脑上进行")
    expect(page.locator("#exam")).to_be_visible()
    elsewhere.close()


def test_a_browser_killed_right_after_sign_in_is_the_same_computer_again(
    real: Real, playwright: Playwright, chromium: str, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    context = launch(playwright, chromium, profile)
    page = context.pages[0]
    sign_in(page, real, 3)
    expect(page.locator("#exam")).to_be_visible(timeout=30_000)
    page.keyboard.press("1")
    expect(page.locator("#save-badge")).to_have_attribute("data-state", "saved")
    assert kill(profile) > 0
    context = launch(playwright, chromium, profile)
    page = context.pages[0]
    page.goto(f"{real.url}/exam/room")
    if page.url == f"{real.url}/exam":  # no cookie had been written: the reason for this test
        expect(page.locator("#enter-box:not([data-pc-new])")).to_be_visible()
        sign_in(page, real, 3)
    expect(page.locator("#exam")).to_be_visible(timeout=30_000)
    expect(page.locator("#count-answered")).to_have_text("1")
    kill(profile)


def test_the_check_of_a_pc_finds_what_survives(real: Real, playwright: Playwright, chromium: str, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    context = launch(playwright, chromium, profile)
    page = context.pages[0]
    page.goto(f"{real.url}/exam/check")
    expect(page.locator("[data-check=survival]")).to_contain_text("首次检查", timeout=20_000)
    expect(page.locator("[data-check=clock]")).to_have_attribute("data-state", "ok")
    expect(page.locator("[data-check=storage]")).to_have_attribute("data-state", "ok")
    assert Room(page, None).violations() == []  # type: ignore[arg-type]
    code = page.locator(".seat-line strong").inner_text()
    page.reload()
    expect(page.locator("[data-check=survival]")).to_contain_text("重启电脑", timeout=20_000)
    kill(profile)
    context = launch(playwright, chromium, profile)
    page = context.pages[0]
    page.goto(f"{real.url}/exam/check")
    expect(page.locator("[data-check=survival]")).to_have_attribute("data-state", "ok", timeout=20_000)
    assert page.locator(".seat-line strong").inner_text() == code
    page.evaluate("indexedDB.deleteDatabase('jikao-mark')")
    page.reload()
    expect(page.locator("[data-check=survival]")).to_have_attribute("data-state", "bad", timeout=20_000)
    kill(profile)


@pytest.mark.parametrize(("no", "end"), [(4, "closed"), pytest.param(5, "killed", marks=pytest.mark.slow)])
def test_after_the_receipt_nothing_of_the_paper_is_left_in_the_profile(
    real: Real, playwright: Playwright, chromium: str, tmp_path: Path, no: int, end: str
) -> None:
    profile = tmp_path / "profile"
    context = launch(playwright, chromium, profile)
    page = context.pages[0]
    sign_in(page, real, no)
    expect(page.locator("#exam")).to_be_visible(timeout=30_000)
    texts = set()
    for _ in range(5):
        texts |= {text for text in page.locator("#exam-work .stem, #exam-work .option-text").all_inner_texts() if len(text) >= 4}
        page.keyboard.press("1")
        page.keyboard.press("ArrowRight")
    assert len(texts) >= 5
    planted = "这一句必须被找到"
    page.evaluate("text => localStorage.setItem('planted', text)", planted)
    expect(page.locator("#save-badge")).to_have_attribute("data-state", "saved")
    page.locator("#exam-work [data-part=hand-in]").click()
    page.locator("#hand-in-dialog [data-part=yes]").click()
    expect(page.locator("#cleared")).to_be_visible(timeout=10_000)
    page.locator("#leave").click()
    expect(page.locator("#admission_no")).to_be_visible()
    if end == "closed":
        context.close()
        assert [found.rpartition(": ")[2] for found in traces(profile, [planted])] != []  # the search can find
    else:
        kill(profile)
    assert list(traces(profile, texts)) == []


def test_a_wrong_secret_is_refused_on_the_page(real: Real, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{real.url}/exam")
    page.locator("#admission_no").fill(f"2026{real.exam.id:04d}0001")
    page.locator("#secret").fill("000000")
    page.get_by_role("button", name="登录").click()
    expect(page.locator("#enter-error")).to_be_visible()
    expect(page.locator("#admission_no")).to_have_value(f"2026{real.exam.id:04d}0001")
