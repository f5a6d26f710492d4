"""Time is the server's: zero asks, pauses stand still, credits arrive, the end is told once."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import Room

pytestmark = pytest.mark.browser


def test_zero_asks_the_server_before_it_locks(room: Room, server: FakeServer) -> None:
    with server.lock:
        server.sitting.closes_at = time.time() + 3
    server.news()
    expect(room.page.locator("#time-text")).to_have_text("00:02", timeout=5000)
    with server.lock:
        server.sitting.closes_at = time.time() + 120  # a credit the page has not heard of
    expect(room.page.locator("#time-text")).to_have_text("01:58", timeout=6000)
    room.answer(4, "A")
    room.saved()


def test_time_up_locks_then_shows_the_receipt(room: Room, server: FakeServer) -> None:
    with server.lock:
        server.sitting.closes_at = time.time() + 1.5
    server.news()
    expect(room.page.locator("#notices")).to_contain_text("考试时间已到", timeout=6000)
    expect(room.option("A").locator("input")).to_be_disabled()
    server.end("timed_out")
    expect(room.page.locator("#finished-title")).to_have_text("考试时间已到，已自动交卷")
    expect(room.page.locator("#receipt-code")).to_have_text("ABCD-2345-EFGH-67JK")


def test_zero_without_the_server_says_so_and_keeps_answers(room: Room, server: FakeServer) -> None:
    with server.lock:
        server.sitting.closes_at = time.time() + 2
    server.news()
    expect(room.page.locator("#time-text")).to_have_text("00:02", timeout=5000)
    server.down = True
    expect(room.page.locator("#notices")).to_contain_text("暂时无法与服务器核对", timeout=12_000)
    room.answer(4, "A")
    expect(room.badge).to_contain_text("未保存 1")
    with server.lock:
        server.sitting.finish("timed_out")
    server.down = False
    expect(room.page.locator("#finished")).to_be_visible(timeout=15_000)
    expect(room.page.locator("#leftovers")).to_contain_text("有 1 处改动")
    expect(room.page.locator("#cleared")).to_be_visible(timeout=10_000)
    assert [op["value"] for _, op in server.sitting.quarantine] == [[4]]


def test_pause_covers_the_question_and_stops_the_clock(room: Room, server: FakeServer) -> None:
    server.news(state="paused", frozen_ms=600_000)
    expect(room.page.locator("#paused")).to_be_visible()
    expect(room.part("stem")).to_be_hidden()
    expect(room.page.locator("#time-text")).to_have_text("10:00")
    time.sleep(1.3)
    expect(room.page.locator("#time-text")).to_have_text("10:00")
    room.page.keyboard.press("1")
    assert server.sitting.ack == 0
    with server.lock:
        server.sitting.closes_at = time.time() + 600
    server.news(state="open", frozen_ms=None)
    expect(room.page.locator("#paused")).to_be_hidden()
    expect(room.part("stem")).to_be_visible()


def test_credit_and_message_arrive(room: Room, server: FakeServer) -> None:
    with server.lock:
        server.sitting.closes_at += 300
    server.news(message={"n": 9, "text": "请安静", "at_ms": int(time.time() * 1000)})
    notices = room.page.locator("#notices")
    expect(notices).to_contain_text("您的考试时间已延长 5 分钟")
    expect(notices).to_contain_text("请安静")
    server.news()
    notices.get_by_role("button", name="关闭").first.click()
    assert notices.locator(".alert").count() == 1


def test_an_outage_is_told_once_with_the_time_left_and_not_as_a_gift(room: Room, server: FakeServer) -> None:
    notices = room.page.locator("#notices")
    with server.lock:
        server.sitting.closes_at += 240
    server.news(outage_ms=240_000)
    expect(notices).to_contain_text("考试服务器曾短暂中断，中断的时间已补给您：您还有 24 分钟。")
    with server.lock:
        server.sitting.closes_at += 120
    server.news()  # what the invigilator adds is another thing
    expect(notices).to_contain_text("您的考试时间已延长 2 分钟")
    assert notices.locator(".alert").count() == 2
    room.page.reload()
    room.opened()
    expect(room.page.locator("#time-text")).to_contain_text("25:")
    server.news()
    expect(notices.locator(".alert")).to_have_count(0)  # an outage before this page is no news
    with server.lock:
        server.sitting.closes_at += 60
    server.news(outage_ms=300_000)
    expect(notices).to_contain_text("考试服务器曾短暂中断")
    assert notices.locator(".alert").count() == 1


def test_time_is_said_at_the_marks_only(room: Room, server: FakeServer) -> None:
    said = room.page.locator("#time-said")
    expect(said).to_have_text("")
    with server.lock:
        server.sitting.closes_at = time.time() + 601.5
    server.news()
    expect(room.page.locator("#time-text")).to_contain_text("10:0", timeout=4000)
    expect(said).to_have_text("剩余时间：10 分钟", timeout=5000)
    with server.lock:
        server.sitting.closes_at = time.time() + 200
    server.news()
    expect(room.page.locator("#time-text")).to_contain_text("03:", timeout=4000)
    expect(said).to_have_text("剩余时间：10 分钟")


def test_forced_and_voided_ends(room: Room, server: FakeServer) -> None:
    server.end("voided")
    expect(room.page.locator("#finished-title")).to_have_text("本场作答已作废")
    expect(room.page.locator("#receipt")).to_be_hidden()


def test_a_credit_after_the_end_opens_the_exam_again(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.saved()
    server.end("timed_out")
    expect(room.page.locator("#cleared")).to_be_visible()
    server.news(state="open", end=None, receipt=None, closes_at=time.time() + 300)
    room.opened()
    room.cell(4).click()
    expect(room.option("A").locator("input")).to_be_checked()


def test_the_room_opens_by_itself_at_the_bell(server: FakeServer, context) -> None:  # type: ignore[no-untyped-def]
    server.sitting.starts_at = time.time() + 9
    page = context.new_page()
    page.goto(f"{server.url}/exam/room")
    expect(page.locator("#bell-time")).to_have_text(re.compile("00:0[1-9]"), timeout=6000)
    expect(page.locator("#practice-work .question")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("#practice-work .cell").first).to_have_class("cell answered")
    expect(page.locator("#exam")).to_be_visible(timeout=15_000)
    assert server.requests == []
    assert server.sitting.answers == {}


def test_the_chief_rings_the_bell_and_identity_is_awaited(server: FakeServer, context) -> None:  # type: ignore[no-untyped-def]
    server.sitting.identity = "waiting"
    page = context.new_page()
    page.goto(f"{server.url}/exam/room")
    expect(page.locator("#bell-title")).to_have_text("等待主考宣布开考")
    expect(page.locator("#checks [data-state=ok]")).to_have_count(4, timeout=8000)
    server.begin()
    expect(page.locator("#bell-title")).to_have_text("等待核验身份", timeout=5000)
    server.news(identity="checked")
    expect(page.locator("#exam")).to_be_visible(timeout=5000)


def test_an_expired_sign_in_keeps_the_answers(room: Room, server: FakeServer) -> None:
    server.signed_in = False
    room.answer(4, "A")
    expect(room.page.locator("#stopped-title")).to_have_text("请重新登录")
    assert len(room.outbox()["ops"]) == 1
    server.signed_in = True
    room.enter()
    room.saved()
    assert server.sitting.answers == {4: [4]}
