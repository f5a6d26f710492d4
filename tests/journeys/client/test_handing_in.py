"""Handing in asks once, names what is missing, shows the receipt, and leaves nothing behind."""

import time

import pytest
from playwright.sync_api import expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import Room

pytestmark = pytest.mark.browser


def test_unanswered_are_named_and_lead_there(room: Room) -> None:
    room.answer(4, "A")
    room.part("hand-in").click()
    dialog = room.page.locator("#hand-in-dialog")
    expect(dialog).to_contain_text("您已作答 1 题，共 12 题")
    numbers = dialog.locator("#hand-in-unanswered .cell")
    assert numbers.all_inner_texts() == ["1", "2", "3", "5", "6", "7", "8", "9", "10", "11", "12"]
    numbers.nth(5).click()
    expect(dialog).to_be_hidden()
    room.is_at(7)


def test_receipt_and_empty_storage(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.hand_in()
    expect(room.page.locator("#finished-title")).to_have_text("交卷成功")
    expect(room.page.locator("#receipt-answered")).to_have_text("1 题，共 12 题")
    expect(room.page.locator("#receipt-code")).to_have_text("ABCD-2345-EFGH-67JK")
    expect(room.page.locator("#cleared")).to_be_visible()
    left = room.outbox()
    assert (left["ops"], left["meta"], left["local"]) == ([], [], [])
    assert room.page.locator(".question").count() == 0
    assert server.sitting.answers == {4: [4]}
    room.page.reload()
    expect(room.page.locator("#finished-title")).to_have_text("交卷成功")
    room.page.locator("#leave").click()
    expect(room.page.locator("#admission_no")).to_be_visible()


def test_hand_in_with_a_lost_reply_gives_one_receipt(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.saved()
    server.faults = ["lose reply", "lose reply"]
    room.hand_in()
    expect(room.page.locator("#finished-title")).to_have_text("交卷成功", timeout=10_000)
    assert sum(1 for op in server.sitting.ops[1].values() if op.get("submit")) == 1
    assert server.sitting.quarantine == []


def test_a_hand_in_that_is_held_is_told_from_one_that_is_done(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.saved()
    server.sitting.holding = True
    room.hand_in()
    text = room.page.locator("#handing-in-text")
    expect(text).to_contain_text("您的交卷已保存到服务器")
    expect(room.badge).to_have_attribute("data-state", "saved")
    expect(room.page.locator("#finished-title")).to_be_hidden()
    assert room.violations() == []
    server.news()
    expect(text).to_contain_text("核定后会自动显示交卷结果")
    assert [op["submit"] for op in server.sitting.held] == [True]
    server.judge(credit_ms=60_000)
    expect(room.page.locator("#finished-title")).to_have_text("交卷成功")
    expect(room.page.locator("#receipt-code")).to_have_text("ABCD-2345-EFGH-67JK")
    expect(room.page.locator("#cleared")).to_be_visible()
    assert len(server.sitting.ops[1]) == 2  # the answer and one hand-in
    assert room.errors == []


def test_a_hand_in_that_was_held_and_came_too_late_ends_by_time(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.saved()
    server.sitting.holding = True
    room.hand_in()
    expect(room.page.locator("#handing-in-text")).to_contain_text("您的交卷已保存到服务器")
    server.news(closes_at=time.time() - 60)
    room.page.reload()
    room.opened()
    expect(room.page.locator("#notices")).to_contain_text("考试时间已到")
    expect(room.page.locator("#count-answered")).to_have_text("1")
    server.news(held=[], holding=False)
    server.end("timed_out")
    expect(room.page.locator("#finished-title")).to_have_text("考试时间已到，已自动交卷")
    expect(room.page.locator("#receipt-code")).to_be_visible()


def test_hand_in_without_the_server_waits_and_says_so(room: Room, server: FakeServer) -> None:
    server.down = True
    room.answer(4, "A")
    room.hand_in()
    expect(room.page.locator("#handing-in")).to_be_visible()
    expect(room.page.locator("#handing-in-text")).to_contain_text("保存在本机", timeout=15_000)
    room.page.on("dialog", lambda dialog: dialog.accept())
    server.down = False
    expect(room.page.locator("#finished-title")).to_have_text("交卷成功", timeout=15_000)
    assert server.sitting.answers == {4: [4]}


def test_too_early_is_explained_before_and_by_the_server(server: FakeServer, context) -> None:  # type: ignore[no-untyped-def]
    server.begin()
    server.sitting.hand_in_from = time.time() + 100
    room = Room(context.new_page(), server).enter()
    expect(room.part("hand-in-hint")).to_contain_text("后可以交卷")
    room.part("hand-in").click()
    expect(room.page.locator("#early-text")).to_contain_text("起可以交卷")
    assert server.requests == []
    room.page.keyboard.press("Escape")
    server.sitting.hand_in_from = 0
    room.page.reload()
    room.opened()
    server.sitting.hand_in_from = time.time() + 3
    room.answer(4, "A")
    room.hand_in()
    expect(room.page.locator("#early-dialog")).to_be_visible()
    room.page.keyboard.press("Escape")
    room.saved()
    room.answer(5, "A")
    room.saved()
    time.sleep(3)
    room.hand_in()
    expect(room.page.locator("#finished-title")).to_have_text("交卷成功")
    assert server.sitting.answers == {4: [4], 5: [4]}
