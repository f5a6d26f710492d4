"""Page loads, killed browsers, second tabs, other machines: each a new epoch, nothing lost, nothing older on top."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, expect

from tests.journeys.client.fake import FakeServer
from tests.journeys.client.killing import kill, launch
from tests.journeys.client.room import Room

pytestmark = pytest.mark.browser


def test_a_killed_browser_sends_what_it_had_not(
    playwright: Playwright, chromium: str, server: FakeServer, tmp_path: Path
) -> None:
    server.begin()
    context = launch(playwright, chromium, tmp_path / "profile")
    room = Room(context.pages[0], server).enter()
    room.answer(1, "A")
    room.saved()
    server.down = True
    for number in range(2, 7):
        room.answer(number, "B")
    room.cell(3).click()
    room.option("C").click()
    room.part("flag").click()
    expect(room.badge).to_contain_text("未保存 7")
    time.sleep(0.3)
    kill(tmp_path / "profile")
    server.down = False
    context = launch(playwright, chromium, tmp_path / "profile")
    room = Room(context.pages[0], server).enter()
    room.saved()
    assert server.sitting.answers == {2: [4], 1: [3], 3: [2], 4: [3], 5: [3], 6: [3]}
    assert server.sitting.flags == {3}
    assert len(server.sitting.ops[2]) == 6  # the change of mind about question 3 goes out once
    expect(room.page.locator("#count-answered")).to_have_text("6")
    assert room.outbox()["ops"] == []
    context.close()


def test_a_reload_keeps_everything_and_sends_nothing_twice(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.saved()
    room.page.reload()
    room.opened()
    room.cell(4).click()
    expect(room.option("A").locator("input")).to_be_checked()
    room.saved()
    assert server.sitting.epoch == 2
    assert server.sitting.ops[2] == {}


def test_a_reload_comes_back_to_the_same_question(room: Room, server: FakeServer) -> None:
    room.cell(7).click()
    room.page.reload()
    room.opened()
    room.is_at(7)
    assert "jikao.place.7-12" in room.outbox()["local"]
    room.page.evaluate("localStorage.setItem('jikao.place.7-12', '999')")
    room.page.reload()
    room.opened()
    room.is_at(1)
    room.hand_in()
    expect(room.page.locator("#cleared")).to_be_visible()
    assert room.outbox()["local"] == []


def test_the_language_changes_in_the_middle(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.page.locator(".exam-tools .language button").click()
    room.opened()
    expect(room.badge).to_contain_text("Saved")
    room.cell(4).click()
    expect(room.option("A").locator("input")).to_be_checked()
    expect(room.part("number")).to_contain_text("Question 4")
    assert server.sitting.answers == {4: [4]}


def test_a_stored_operation_whose_reply_was_lost_is_not_sent_again(room: Room, server: FakeServer) -> None:
    server.faults = ["lose reply"] + ["lose request"] * 50
    room.answer(4, "A")
    expect(room.badge).to_have_attribute("data-state", "offline")
    assert len(room.outbox()["ops"]) == 1
    server.faults = []
    room.page.evaluate("window.onbeforeunload = null")
    room.page.on("dialog", lambda dialog: dialog.accept())
    room.page.reload()
    room.opened()
    room.saved()
    assert server.sitting.ops.get(2) == {}


def test_an_old_page_is_fenced_and_says_so(room: Room, server: FakeServer) -> None:
    room.answer(4, "A")
    room.saved()
    with server.lock:
        server._new_epoch("another-machine")
    expect(room.page.locator("#stopped")).to_be_visible()
    expect(room.page.locator("#stopped-title")).to_have_text("考试已转到另一台电脑")
    opens = len(server.opens)
    time.sleep(1)
    assert len(server.opens) == opens
    room.page.locator("#continue-here").click()
    room.opened()
    assert server.sitting.epoch == 3


def test_unsent_operations_of_a_replaced_machine_are_for_the_invigilator(room: Room, server: FakeServer) -> None:
    server.down = True
    room.answer(4, "A")
    expect(room.badge).to_have_attribute("data-state", "offline", timeout=15_000)
    with server.lock:
        server._new_epoch("another-machine")
        server.sitting.answers[4] = [1]
        server._new_epoch("back-on-this-machine")
        server.sitting.device_epoch = 3
    room.page.on("dialog", lambda dialog: dialog.accept())
    room.page.goto("about:blank")
    server.down = False
    room.enter()
    room.saved()
    room.cell(4).click()
    expect(room.option("D").locator("input")).to_be_checked()
    assert server.sitting.answers == {4: [1]}
    time.sleep(1)
    assert [(epoch, op["item"], op["value"]) for epoch, op in server.sitting.quarantine] == [(1, 4, [4])]
    assert room.outbox()["ops"] == []


def test_a_second_tab_waits_for_the_candidate(room: Room, server: FakeServer, context: BrowserContext) -> None:
    second = Room(context.new_page(), server)
    second.page.goto(f"{server.url}/exam/room")
    expect(second.page.locator("#stopped-title")).to_have_text("考试已在另一个窗口打开", timeout=8000)
    assert server.sitting.epoch == 1
    second.page.locator("#continue-here").click()
    second.opened()
    expect(room.page.locator("#stopped-title")).to_have_text("考试已在另一个窗口打开")
    second.answer(4, "A")
    second.saved()
    assert server.sitting.answers == {4: [4]}


def test_without_web_locks_the_newer_tab_goes_on(server: FakeServer, context: BrowserContext) -> None:
    context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    server.begin()
    first = Room(context.new_page(), server).enter()
    second = Room(context.new_page(), server).enter()
    expect(first.page.locator("#stopped-title")).to_have_text("考试已在另一个窗口打开")
    second.answer(4, "A")
    second.saved()


def test_the_outbox_of_another_candidate_is_left_alone(room: Room, server: FakeServer) -> None:
    room.page.evaluate(
        """() => new Promise((done) => {
          const request = indexedDB.open("jikao-exam");
          request.onsuccess = () => {
            const transaction = request.result.transaction(["ops"], "readwrite");
            transaction.objectStore("ops").put({ sitting: "7-11", epoch: 1, op: 1, made: 0, item: 1, value: [1] });
            transaction.oncomplete = () => { request.result.close(); localStorage.setItem("jikao.outbox.7-11", "{}"); done(); };
          };
        })"""
    )
    room.answer(4, "A")
    room.saved()
    room.hand_in()
    expect(room.page.locator("#cleared")).to_be_visible()
    left = room.outbox()
    assert [record["sitting"] for record in left["ops"]] == ["7-11"]
    assert left["meta"] == []
    assert left["local"] == ["jikao.outbox.7-11"]


def test_without_indexeddb_the_mirror_is_left_and_the_page_says_so(server: FakeServer, context: BrowserContext) -> None:
    context.add_init_script("IDBFactory.prototype.open = () => { throw new Error('refused') }")
    server.sitting.starts_at = time.time() + 600
    room = Room(context.new_page(), server)
    room.page.goto(f"{server.url}/exam/room")
    expect(room.page.locator("#check-storage")).to_contain_text("请告诉监考员", timeout=8000)
    server.begin()
    room.opened()
    expect(room.page.locator("#notices")).to_contain_text("重启后无法保留")
    server.faults = ["lose request"] * 50
    room.answer(4, "A")
    room.answer(4, "B")
    expect(room.badge).to_contain_text("未保存 2")
    room.page.on("dialog", lambda dialog: dialog.accept())
    room.page.reload()
    server.faults = []
    room.opened()
    room.saved()
    assert server.sitting.answers == {4: [3]}


def test_a_page_opens_the_sitting_once(server: FakeServer, context: BrowserContext) -> None:
    server.sitting.starts_at = time.time() + 3
    page = context.new_page()
    page.goto(f"{server.url}/exam/room")
    Room(page, server).opened()
    time.sleep(3)  # the bell's jitter and second tries are over
    assert len({body["page"] for body in server.opens}) == 1
    assert server.sitting.epoch == 1
    assert sum("have" in body for body in server.opens) == 0
