"""The recovery file as the page makes it: found when it is needed, readable by the server alone, all that was unsent in it."""

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import Room

pytestmark = pytest.mark.browser


def test_an_offline_page_writes_a_file_that_the_server_can_read(room: Room, server: FakeServer, tmp_path: Path) -> None:
    page = room.page
    room.answer(4, "A")
    room.saved()
    page.locator("[data-help]").click()
    expect(page.locator("#help-unsaved")).to_have_text("全部已保存")
    expect(page.locator("#help-file")).to_be_hidden()
    page.locator("#help-dialog [data-part=close]").click()
    server.down = True
    room.answer(5, "A")
    room.answer(6, "B")
    room.part("flag").click()
    expect(room.badge).to_have_attribute("data-state", "offline", timeout=15_000)
    page.locator("[data-help]").click()
    expect(page.locator("#help-connection")).to_have_text("无法连接")
    assert room.violations() == []
    with page.expect_download() as waiting:
        page.locator("#help-save").click()
    waiting.value.save_as(tmp_path / "file")
    assert waiting.value.suggested_filename.endswith(".jikao-recovery")
    expect(page.locator("#help-done")).to_contain_text("3 项改动")
    data = (tmp_path / "file").read_bytes()
    carried = server.recovery.read(data)
    assert (carried.exam_session_id, carried.entry_no, carried.device, carried.epoch) == (7, 12, "5", 1)
    content = carried.content
    assert content.ack == 1
    assert [(op.op, op.item) for op in content.ops] == [(2, 5), (3, 6), (4, 6)]
    assert (content.ops[0].value, content.ops[1].value, content.ops[2].flag) == ([4], [3], True)
    assert all(0 < op.dt_ms < 60_000 for op in content.ops)
    assert abs(content.made_ms - time.time() * 1000) < 60_000
    assert (content.state.answered, content.state.flagged, content.state.slot) == (3, 1, 6)
    assert set(json.loads(data)) == {"format", "key", "ephemeral", "nonce", "sealed"}
    page.locator("#help-dialog [data-part=close]").click()
    server.down = False
    room.saved()
    assert sorted(server.sitting.answers) == [4, 5, 6]
    assert room.errors == []


def test_a_minute_offline_with_unsent_answers_is_told_with_the_way_out(server: FakeServer, context: BrowserContext) -> None:
    context.add_init_script(
        "const now = performance.now.bind(performance); window.later = 0; performance.now = () => now() + window.later"
    )
    server.begin()
    room = Room(context.new_page(), server).enter()
    server.down = True
    expect(room.badge).to_have_attribute("data-state", "offline", timeout=15_000)
    room.page.evaluate("window.later = 61_000")
    expect(room.page.locator("#notices")).to_contain_text("暂时连不上服务器")  # nothing unsent: nothing more to say
    expect(room.page.locator("#notices button")).to_have_count(0)
    room.answer(4, "A")
    room.page.locator("#notices button", has_text="呼叫监考员").click()
    expect(room.page.locator("#help-file")).to_be_visible()


def test_without_encryption_there_is_no_file_and_the_page_says_what_to_do(server: FakeServer, context: BrowserContext) -> None:
    context.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    server.begin()
    room = Room(context.new_page(), server).enter()
    server.down = True
    room.answer(4, "A")
    expect(room.badge).to_have_attribute("data-state", "offline", timeout=15_000)
    room.page.locator("[data-help]").click()
    expect(room.page.locator("#help-no-file")).to_contain_text("保持原样")
    expect(room.page.locator("#help-file")).to_be_hidden()
