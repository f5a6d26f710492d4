"""Answers reach the server, and the badge says nothing else."""

import time

import pytest
from playwright.sync_api import expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.room import Room

pytestmark = pytest.mark.browser


def test_answer_is_saved_when_acknowledged(room: Room, server: FakeServer) -> None:
    room.answer(1, "C")  # the first question on screen is slot 2, its options are turned round: C is option 2
    room.saved()
    assert server.sitting.answers == {2: [2]}
    assert room.outbox()["ops"] == []
    expect(room.page.locator("#count-answered")).to_have_text("1")
    assert room.errors == []


def test_never_saved_before_the_acknowledgement(room: Room, server: FakeServer) -> None:
    server.faults = ["503", "429", "503"]
    room.answer(4, "A")
    expect(room.badge).to_have_attribute("data-state", "unsaved")
    expect(room.badge).to_contain_text("未保存 1")
    assert server.sitting.ack == 0
    room.saved()
    assert server.sitting.ack == 1


def test_kinds_of_questions(room: Room, server: FakeServer) -> None:
    room.answer(7, "A")
    room.option("C").click()
    room.option("A").click()
    room.answer(9, "B")
    room.saved()
    assert server.sitting.answers == {7: [2], 9: [2]}


def test_clearing_an_answer(room: Room, server: FakeServer) -> None:
    room.answer(4, "B")
    room.part("clear").click()
    room.saved()
    assert server.sitting.answers == {4: []}
    expect(room.cell(4)).to_have_attribute("aria-label", "第 4 题，未答")


def test_works_on_without_the_server_and_drains(room: Room, server: FakeServer) -> None:
    room.answer(1, "A")
    room.saved()
    server.down = True
    for number in range(2, 7):
        room.answer(number, "B")
    room.part("flag").click()
    expect(room.badge).to_have_attribute("data-state", "offline", timeout=15_000)
    expect(room.badge).to_contain_text("离线 · 未保存 6")
    expect(room.page.locator("#notices")).to_contain_text("请继续作答", timeout=10_000)
    kept = room.outbox()["ops"]
    assert [record["op"] for record in kept] == [2, 3, 4, 5, 6, 7]
    assert all(set(record) <= {"sitting", "epoch", "op", "made", "item", "value", "flag"} for record in kept)
    server.down = False
    room.saved()
    assert len(server.sitting.answers) == 6
    assert server.sitting.flags == {6}
    expect(room.page.locator("#notices")).not_to_contain_text("请继续作答")


def test_lost_and_repeated_replies_count_once(room: Room, server: FakeServer) -> None:
    server.faults = ["lose reply", "lose request", "lose reply", "503"]
    room.answer(4, "A")
    room.option("B").click()
    room.option("C").click()
    room.saved()
    stored = server.sitting.ops[1]
    assert [stored[op]["value"] for op in sorted(stored)] == [[4], [3], [2]]
    assert server.sitting.epoch == 1


def test_a_server_put_back_from_a_backup_gets_the_answers_again(room: Room, server: FakeServer) -> None:
    for number in (3, 4, 5):
        room.answer(number, "A")
    room.saved()
    with server.lock:
        server.sitting.ops[1] = {1: server.sitting.ops[1][1]}
        server.sitting.answers = {3: [4]}
    room.answer(6, "A")
    room.saved()
    assert server.sitting.answers == {3: [4], 4: [4], 5: [4], 6: [4]}
    assert server.sitting.epoch == 2


def test_a_fork_is_settled_with_what_the_candidate_sees(room: Room, server: FakeServer) -> None:
    with server.lock:
        server.sitting.ops[1][1] = {"op": 1, "item": 9, "value": [1]}
        server.sitting.answers[9] = [1]
    server.faults = []
    room.answer(4, "A")
    room.saved()
    assert server.sitting.answers == {4: [4], 9: []}
    assert server.sitting.epoch == 2


def test_a_refused_operation_harms_no_other(room: Room, server: FakeServer) -> None:
    server.down = True
    room.answer(4, "A")
    room.answer(5, "A")
    server.faults = ["422", "422"]
    server.down = False
    room.saved()
    assert server.sitting.answers == {5: [4]}
    expect(room.page.locator("#notices")).to_contain_text("第 4 题的答案服务器没有接受")


def test_a_burst_goes_out_in_order_twenty_at_a_time(room: Room, server: FakeServer) -> None:
    server.down = True
    for turn in range(30):
        room.page.keyboard.press("1234"[turn % 4])
    server.down = False
    room.saved()
    assert sorted(server.sitting.ops[1]) == list(range(1, 31))
    assert max(len(request["ops"]) for request in server.requests) == 20


def test_reporting_a_question_keeps_it_on_screen(room: Room, server: FakeServer) -> None:
    room.cell(5).click()
    room.part("report").click()
    room.page.get_by_label("文字乱码或不完整").check()
    room.page.locator("#report-more").fill("第二行看不清")
    server.down = True
    room.page.locator("#report-dialog [data-part=yes]").click()
    room.is_at(5)
    time.sleep(0.5)
    assert "第二行" not in str(room.outbox())
    server.down = False
    room.saved()
    assert server.sitting.reports == {5: "文字乱码或不完整: 第二行看不清"}
    expect(room.part("report")).to_be_disabled()


def test_text_of_the_paper_cannot_run(room: Room) -> None:
    room.cell(3).click()
    expect(room.part("stem")).to_contain_text("丙")
    assert room.page.evaluate("window.hacked") is None
    assert room.page.locator("#exam-work .stem img, #exam-work .stem script").count() == 0
    room.cell(1).click()
    picture = room.page.locator("#exam-work .stem img")
    assert (picture.get_attribute("src") or "").startswith("blob:")
    assert picture.evaluate("image => image.naturalWidth") == 240
