"""The pages as a browser meets them: acts in two steps, two people, no foreign rows, the stream."""

import asyncio
import json
import re
from collections.abc import MutableMapping
from typing import Any

import msgspec
import pytest
from sqlmodel import col, select

from server.audit.trail import SYSTEM
from server.db import transaction
from server.monitor.tables import ApprovalRequest, Incident, RoomMessage
from server.registry import devices, pc_checks
from server.registry.pc_rules import Facts
from server.sitting.commands import Judge, Op
from server.sitting.reading import held_operations
from tests import factories
from tests.monitor.conftest import DURATION, Web, open_room
from tests.registry.test_pc_checks import GOOD

PAGES = ("", "devices", "incidents", "reports", "approvals", "kept-apart", "messages", "incidents.xlsx", "act/credit")


@pytest.mark.parametrize("path", PAGES)
def test_pages_answer_for_one_room_and_for_all(web: Web, path: str) -> None:
    browser = web.enter("invigilator")
    web.desk.answer(1, Op(1, item=3, report="题干印错了"))
    for room in (True, False):
        answer = browser.get(web.url(path, room))
        assert answer.status_code == 200, answer.text
        assert "题干印错了" not in answer.text


@pytest.mark.parametrize("path", [*PAGES, "stream"])
def test_strangers_find_nothing(web: Web, path: str) -> None:
    with transaction(web.app.state.dbs) as db:
        elsewhere = factories.place(db, web.desk.place.institution_id)
        strange = factories.institution(db)
    for browser in (web.enter("exam_officer", institution_id=strange), web.enter(centre_id=elsewhere.centre_id)):
        assert browser.get(web.url(path)).status_code == 404
        assert browser.get(web.url(path, room=False)).status_code == 404


def test_a_room_of_another_exam_session_is_not_in_the_scope(web: Web) -> None:
    with transaction(web.app.state.dbs) as db:
        other = factories.place(db, web.desk.place.institution_id)
    browser = web.enter()
    assert browser.get(f"/board/{web.desk.exam}?room={other.room_id}").status_code == 404
    assert browser.post(web.url("devices"), data={"code": "AAAAA", "seat": f"{other.room_id}-1"}).status_code == 404


def test_an_entry_of_another_room_is_not_acted_on(web: Web) -> None:
    with transaction(web.app.state.dbs) as db:
        other = factories.place(db, web.desk.place.institution_id)
        factories.entry(db, other, web.desk.exam, 50, web.app.state.keyring)
    answer = web.enter().post(web.url("act/pause"), data={"entry": "50", "reason": "停电"})
    assert answer.status_code == 422


def test_the_supervisor_looks_and_does_not_act(web: Web) -> None:
    browser = web.enter("supervisor")
    assert "act-bar" not in browser.get(web.url()).text
    assert browser.post(web.url("act/pause"), data={"entry": "1", "reason": "停电"}).status_code == 403


def test_the_desk_remembers_the_room(web: Web) -> None:
    browser = web.enter()
    chosen = browser.post("/board", data={"exam_session_id": web.desk.exam, "room": web.desk.place.room_id})
    assert (chosen.status_code, chosen.headers["location"]) == (303, web.url())
    assert "Back to the last room" in browser.get("/board").text


def test_a_message_reaches_the_journal_and_the_register(web: Web) -> None:
    answer = web.enter().post(web.url("act/message"), data={"width": "all", "text": "请保持安静 <b>"})
    assert "Done for all 4." in answer.text
    with transaction(web.app.state.dbs) as db:
        row = db.exec(select(RoomMessage)).one()
        assert row.recipients == [1, 2, 3, 4]
    listed = web.enter().get(web.url("messages")).text
    assert "请保持安静 &lt;b&gt;" in listed


def test_voiding_asks_twice_and_records_an_incident(web: Web) -> None:
    browser = web.enter()
    form = {"entry": "3", "reason": "传递纸条", "category": "copying"}
    first = browser.post(web.url("act/void"), data=form)
    assert "Are you sure?" in first.text
    with transaction(web.app.state.dbs) as db:
        assert db.exec(select(Incident)).all() == []
    assert "Done" in browser.post(web.url("act/void"), data=form | {"confirmed": "true"}).text
    with transaction(web.app.state.dbs) as db:
        row = db.exec(select(Incident)).one()
        assert (row.entry_no, row.category, row.seat_no) == (3, "copying", 3)


def test_nobody_is_ended_while_their_operations_wait_and_the_desk_says_why(web: Web) -> None:
    browser, writer = web.enter(), web.desk.writer
    writer.hold = lambda _exam: "clock"
    web.desk.clock.advance(DURATION.total_seconds() + 15)
    assert web.desk.answer(1, Op(1, item=3, value=[2])).ok
    writer.hold = lambda _exam: None
    forms = {
        "force": {"entry": ["1", "2"], "reason": "换题"},
        "void": {"entry": "1", "reason": "传递纸条", "category": "copying"},
    }
    for act, form in forms.items():
        said = browser.post(web.url(f"act/{act}"), data=form | {"confirmed": "true"}).text
        assert "The time is being settled: try again in a moment, or confirm the clock" in said, act
        assert ("Done for 1 of 2." if act == "force" else "Done for 0 of 1.") in said  # at seat 2 nothing waits
    with transaction(web.app.state.dbs) as db:
        assert db.exec(select(Incident)).all() == []
        waiting = held_operations(db, web.desk.exam)[1]
    assert web.desk.ask(Judge(web.desk.exam, 1, waiting)).ok
    assert "<p>Done</p>" in browser.post(web.url("act/void"), data=forms["void"] | {"confirmed": "true"}).text


def test_a_long_credit_waits_for_another_person(web: Web) -> None:
    first, second = web.enter("invigilator"), web.enter("exam_officer")
    asked = first.post(web.url("act/credit"), data={"entry": ["1", "2"], "minutes": "10", "reason": "停电"})
    assert "A second person has to confirm." in asked.text
    with transaction(web.app.state.dbs) as db:
        request_id = db.exec(select(ApprovalRequest.id)).one()
    path = web.url(f"approvals/{request_id}")
    assert first.post(path, data={"decision": "confirm"}).status_code == 403
    assert second.post(path, data={"decision": "confirm"}).status_code == 303
    assert second.post(path, data={"decision": "confirm"}).status_code == 409
    with transaction(web.app.state.dbs) as db:
        row = db.exec(select(ApprovalRequest).where(col(ApprovalRequest.id) == request_id)).one()
        assert row.result == {"codes": {"1": "ok", "2": "ok"}}
        assert row.done_at is not None


def test_a_short_credit_that_adds_up_becomes_a_request(web: Web) -> None:
    browser = web.enter()
    form = {"entry": "1", "minutes": "4", "reason": "死机"}
    assert "Done" in browser.post(web.url("act/credit"), data=form).text
    assert "A second person has to confirm." in browser.post(web.url("act/credit"), data=form).text


def test_extra_fields_are_refused(web: Web) -> None:
    form = {"entry": "1", "minutes": "4", "reason": "死机", "second": "7"}
    assert web.enter().post(web.url("act/credit"), data=form).status_code == 422


def test_a_move_to_a_free_seat(web: Web) -> None:
    browser = web.enter()
    form = {"entry": "1", "reason": "死机", "seat": f"{web.desk.place.room_id}-11"}
    assert "Done" in browser.post(web.url("act/take_over"), data=form).text
    tile = re.search(r'id="seat-\d+-11"[^>]*data-state="(\w+)"', browser.get(web.url()).text)
    assert tile is not None
    assert tile[1] != "empty"


def test_binding_by_code_moves_and_unbinds(web: Web) -> None:
    now = web.desk.clock.now()
    with transaction(web.app.state.dbs) as db:
        device = devices.device_of(db, devices.register(db, "10.0.0.9", now))
        assert device is not None
        code, device_id = device.code, device.id
    browser, room = web.enter(), web.desk.place.room_id
    assert code in browser.get(web.url("devices")).text
    for seat in (5, 6):
        browser.post(web.url("devices"), data={"code": code.lower(), "seat": f"{room}-{seat}"})
    with transaction(web.app.state.dbs) as db:
        assert devices.bound_seats(db, (room,)) == {(room, 6): code}
        found = devices.device_at(db, room, 6)
        assert found is not None
        assert found.id == device_id
    assert browser.post(web.url("devices/unbind"), data={"seat": f"{room}-6"}).status_code == 303
    assert browser.post(web.url("devices/unbind"), data={"seat": f"{room}-6"}).status_code == 409
    assert browser.post(web.url("devices"), data={"code": code, "seat": f"{room}-13"}).status_code == 404


def test_a_pc_of_another_room_cannot_be_pulled_over(web: Web) -> None:
    now, actor = web.desk.clock.now(), web.desk.staff().actor
    with transaction(web.app.state.dbs) as db:
        other = factories.place(db)
        device = devices.device_of(db, devices.register(db, "10.0.0.9", now))
        assert device is not None
        assert device.id is not None
        devices.bind(db, device.id, other.room_id, 1, actor=actor, now=now)
        code = device.code
    answer = web.enter().post(web.url("devices"), data={"code": code, "seat": f"{web.desk.place.room_id}-1"})
    assert answer.status_code == 403


def test_the_stream_sends_all_once_then_only_changes_and_no_other_room(web: Web) -> None:
    with transaction(web.app.state.dbs) as db:
        open_room(db, web.app.state.keyring, web.desk.clock.now(), 2)
    browser = web.enter()
    assert browser.cookies.get("jikao_s")

    async def scene() -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        cookie = f"jikao_s={browser.cookies.get('jikao_s')}".encode()
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": f"/board/{web.desk.exam}/stream",
            "query_string": f"room={web.desk.place.room_id}".encode(),
            "http_version": "1.1",
            "scheme": "http",
            "root_path": "",
            "headers": [(b"host", b"testserver"), (b"cookie", cookie)],
            "client": ("127.0.0.1", 1),
        }
        done = asyncio.Event()

        async def receive() -> MutableMapping[str, Any]:
            await done.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            lines = message.get("body", b"").decode().splitlines()
            messages.extend(json.loads(line[6:]) for line in lines if line.startswith("data: "))
            if len(messages) == 1 and "full" in messages[0] and not web.desk.writer.queued:
                await asyncio.to_thread(web.desk.answer, 2, Op(1, item=1, value=[1]))
            if len(messages) >= 2:
                done.set()

        async with asyncio.timeout(10):
            await web.app(scope, receive, send)
        return messages

    first, second = asyncio.run(scene())
    assert first["full"]
    assert {tile["r"] for tile in first["tiles"]} == {web.desk.place.room_id}
    assert [(tile["e"], tile["a"]) for tile in second["tiles"]] == [(2, 1)]


def test_the_list_of_checks_shows_pcs_of_the_own_rooms(web: Web) -> None:
    now = web.desk.clock.now()
    with transaction(web.desk.dbs) as db:
        for seat_no, changes in ((1, {}), (2, {"version": 90})):
            device = devices.device_of(db, devices.register(db, "10.0.0.9", now))
            assert device is not None
            devices.bind(db, device.id or 0, web.desk.place.room_id, seat_no, actor=SYSTEM, now=now)
            pc_checks.record(db, device, msgspec.convert({**GOOD, **changes}, Facts), now)
        unchecked = devices.device_of(db, devices.register(db, "10.0.0.9", now))
        assert unchecked is not None
        devices.bind(db, unchecked.id or 0, web.desk.place.room_id, 3, actor=SYSTEM, now=now)
        elsewhere = factories.place(db, capacity=2)
        foreign = devices.device_of(db, devices.register(db, "10.0.0.9", now))
        assert foreign is not None
        devices.bind(db, foreign.id or 0, elsewhere.room_id, 1, actor=SYSTEM, now=now)
        pc_checks.record(db, foreign, msgspec.convert(GOOD, Facts), now)
    text = web.enter("supervisor").get(web.url("checks")).text
    assert "Chrome 90 is too old." in text
    assert unchecked.code in text
    assert foreign.code not in text
    assert web.enter("bank_manager").get(web.url("checks")).status_code == 403
