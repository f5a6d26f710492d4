"""By keyboard alone, at every size, in both languages and both colour schemes, without a finding of axe-core."""

import time

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import Room

pytestmark = pytest.mark.browser


def test_keyboard_alone(room: Room, server: FakeServer) -> None:
    press = room.page.keyboard.press
    press("2")
    press("ArrowRight")
    press("c")
    press("f")
    press("ArrowRight")
    room.is_at(3)
    press("ArrowDown")
    assert server.sitting.answers.get(3) is None
    press("ArrowDown")
    press("Space")
    press("ArrowLeft")
    room.is_at(2)
    room.saved()
    assert server.sitting.answers == {2: [3], 1: [2], 3: [3]}
    assert server.sitting.flags == {1}
    press("Delete")
    room.saved()
    assert server.sitting.answers[1] == []
    room.part("hand-in").focus()
    press("Enter")
    expect(room.page.locator("#hand-in-dialog")).to_be_visible()
    press("Tab")
    room.page.locator("#hand-in-dialog [data-part=yes]").focus()
    press("Enter")
    expect(room.page.locator("#finished-title")).to_have_text("交卷成功")
    expect(room.page.locator("#finished-title")).to_be_focused()


def test_keys_on_several_answers_and_judgements(room: Room, server: FakeServer) -> None:
    room.cell(7).click()
    for key in ("a", "b", "a", "4"):
        room.page.keyboard.press(key)
    room.cell(9).click()
    room.page.keyboard.press("c")  # there is no third option
    room.page.keyboard.press("b")
    room.saved()
    assert server.sitting.answers == {7: [1, 3], 9: [2]}


def test_arrows_in_the_sheet_keep_the_focus_there(room: Room) -> None:
    room.cell(1).focus()
    room.page.keyboard.press("ArrowRight")
    expect(room.cell(2)).to_be_focused()
    room.is_at(2)


def test_typing_a_report_answers_nothing(room: Room, server: FakeServer) -> None:
    room.part("report").click()
    room.page.locator("#report-more").press_sequentially("abc 123 f")
    room.page.keyboard.press("Escape")
    assert server.requests == []


@pytest.mark.parametrize("width", [1366, 1024, 768])
@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_targets_are_large_and_nothing_overflows(browser: Browser, server: FakeServer, width: int, lang: str) -> None:
    server.begin()
    context = browser.new_context(viewport={"width": width, "height": 768})
    context.add_cookies([{"name": "lang", "value": lang, "url": server.url}])
    room = Room(context.new_page(), server).enter()
    small = room.page.evaluate(
        """() => [...document.querySelectorAll("#exam button, .exam-top button, .option")]
          .filter((one) => one.checkVisibility?.() ?? one.offsetParent)
          .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
          .filter(([, box]) => box.height < 43.9 || box.width < 43.9)
          .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""
    )
    assert small == []
    assert room.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for part in ("#time-text", "#save-badge", "#count-answered"):
        box = room.page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    context.close()


@pytest.mark.parametrize(("lang", "scheme"), [("zh_CN", "light"), ("en", "dark")])
def test_axe_finds_nothing(browser: Browser, server: FakeServer, lang: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    context.add_cookies([{"name": "lang", "value": lang, "url": server.url}])
    room = Room(context.new_page(), server)
    room.page.goto(f"{server.url}/exam?error=x")
    assert room.violations() == []
    server.sitting.starts_at = time.time() + 600
    room.page.goto(f"{server.url}/exam/room")
    expect(room.page.locator("#practice-work .question")).to_be_visible()
    assert room.violations() == []
    server.begin()
    room.opened()
    room.page.keyboard.press("2")
    room.part("flag").click()
    room.saved()
    assert room.violations() == []
    room.part("hand-in").click()
    assert room.violations() == []
    room.page.keyboard.press("Escape")
    room.part("report").click()
    assert room.violations() == []
    room.page.keyboard.press("Escape")
    server.news(state="paused", frozen_ms=600_000)
    expect(room.page.locator("#paused")).to_be_visible()
    assert room.violations() == []
    server.news(state="open", frozen_ms=None)
    expect(room.page.locator("#paused")).to_be_hidden()
    room.hand_in()
    expect(room.page.locator("#cleared")).to_be_visible()
    assert room.violations() == []
    context.close()
