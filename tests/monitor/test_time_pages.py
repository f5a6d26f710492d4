"""Outages and clocks at the desk; reopening by two; what is kept apart, in words without a key (I4, I5)."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.clock import References
from server.db import reading, transaction
from server.monitor import kept_apart
from server.monitor.tables import ApprovalRequest
from server.registry.tables import ExamSessionRoom
from server.sitting import outages
from server.sitting.commands import Force, Op
from server.sitting.core import Core
from server.sitting.tables import ClockDecision, SittingRow
from tests import factories
from tests.monitor.conftest import Web
from tests.sitting.given import ANNA


@pytest.fixture
def core(web: Web) -> Core:
    """The core of the application; its closer rests and is ticked here."""
    made: Core = web.app.state.core
    made.closer.stop()
    return made


def away(web: Web, core: Core, seconds: float) -> int:
    """Let the server be away; the number of the outage."""
    core.closer.beaten(web.desk.clock.now())
    web.desk.clock.advance(seconds)
    core.closer.tick()
    with reading(web.desk.dbs) as db:
        [(effect, _outage)] = outages.listed(db, web.desk.exam)
    assert effect.applied_at is not None
    return effect.outage_id


def ask_and_confirm(web: Web, first: TestClient, second: TestClient) -> int:
    with reading(web.desk.dbs) as db:
        [number] = db.exec(select(ApprovalRequest.id))
    path = web.url(f"approvals/{number}", room=False)
    assert first.post(path, data={"decision": "confirm"}).status_code == 403
    return second.post(path, data={"decision": "confirm"}).status_code


def rows(web: Web) -> list[SittingRow]:
    with reading(web.desk.dbs) as db:
        return list(db.exec(select(SittingRow).order_by(col(SittingRow.entry_no))))


def test_an_outage_is_shown_and_confirmed_by_an_exam_officer(web: Web, core: Core) -> None:
    number = away(web, core, 120)
    officer = web.enter("exam_officer")
    assert "Their time was given back provisionally." in officer.get(web.url()).text
    shown = officer.get(web.url("outages")).text
    assert "Credited: 4 candidates, at most 2.0 min each" in shown
    assert "Provisional: waits for a decision" in shown
    path = f"/board/{web.desk.exam}/outages/{number}"
    form = {"decision": "confirm", "reason": "机房断电"}
    assert web.enter("invigilator").post(path, data=form).status_code == 403
    assert officer.post(path, data={"decision": "confirm", "reason": ""}).status_code == 422
    assert officer.post(path, data=form).status_code == 303
    assert officer.post(path, data=form).status_code == 409
    assert "机房断电" in officer.get(web.url("outages")).text
    assert officer.post(f"/board/{web.desk.exam}/outages/99", data=form).status_code == 404


def test_a_short_credit_is_withdrawn_by_one(web: Web, core: Core) -> None:
    number = away(web, core, 120)
    form = {"decision": "withdraw", "reason": "误判"}
    assert web.enter("exam_officer").post(f"/board/{web.desk.exam}/outages/{number}", data=form).status_code == 303
    assert [row.credit_ms for row in rows(web)] == [0] * 4


def test_a_long_credit_is_withdrawn_by_two_exam_officers(web: Web, core: Core) -> None:
    number = away(web, core, 600)
    first, second, invigilator = web.enter("exam_officer"), web.enter("exam_officer"), web.enter("invigilator")
    form = {"decision": "withdraw", "reason": "误判"}
    assert first.post(f"/board/{web.desk.exam}/outages/{number}", data=form).status_code == 303
    assert [row.credit_ms for row in rows(web)] == [600_000] * 4
    with reading(web.desk.dbs) as db:
        [asked] = db.exec(select(ApprovalRequest.id))
    path = web.url(f"approvals/{asked}", room=False)
    assert "Withdraw the credit for an outage" in invigilator.get(web.url("approvals", room=False)).text
    assert invigilator.post(path, data={"decision": "confirm"}).status_code == 403
    assert ask_and_confirm(web, first, second) == 303
    assert [row.credit_ms for row in rows(web)] == [0] * 4
    with reading(web.desk.dbs) as db:
        [(effect, _outage)] = outages.listed(db, web.desk.exam)
    assert (effect.decision, effect.decided_by != effect.second_by) == ("withdrawn", True)


def test_what_concerns_all_rooms_is_not_decided_from_one(web: Web, core: Core) -> None:
    number = away(web, core, 120)
    with transaction(web.desk.dbs) as db:
        elsewhere = factories.place(db, web.desk.place.institution_id)
        db.add(ExamSessionRoom(exam_session_id=web.desk.exam, room_id=elsewhere.room_id))
    officer = web.enter("exam_officer", centre_id=web.desk.place.centre_id)
    form = {"decision": "confirm", "reason": "机房断电"}
    assert officer.post(f"/board/{web.desk.exam}/outages/{number}", data=form).status_code == 403


@pytest.mark.parametrize("role", ["exam_officer", "administrator"])
def test_a_suspect_clock_is_shown_and_decided_with_a_reason(web: Web, core: Core, role: str) -> None:
    clock = web.desk.clock
    browser = web.enter(role)
    assert "The clocks agree." in browser.get("/board/clocks").text
    core.closer.doubt.references = References(lambda: clock.now() + timedelta(minutes=10))
    core.closer.tick()
    assert 'id="clock-notice" role="alert">' in web.enter("invigilator").get(web.url()).text
    assert "600 s ahead of it" in browser.get("/board/clocks").text
    form = {"chosen": "server", "reason": "已核对"}
    assert web.enter("invigilator").post("/board/clocks", data=form).status_code == 403
    assert browser.post("/board/clocks", data={"chosen": "server", "reason": ""}).status_code == 422
    assert browser.post("/board/clocks", data=form).status_code == 303
    core.closer.tick()
    assert core.closer.doubt.suspect is None
    assert "a person has decided which is right" in browser.get("/board/clocks").text
    with reading(web.desk.dbs) as db:
        assert [row.reason for row in db.exec(select(ClockDecision))] == ["已核对"]


def test_i5_two_people_reopen(web: Web) -> None:
    desk = web.desk
    desk.ask(Force(desk.exam, 2, ANNA, "误收"))
    first, second = web.enter(), web.enter()
    asked = first.post(web.url("act/reopen"), data={"entry": ["1", "2"], "minutes": "3", "reason": "误收"})
    assert "A second person has to confirm." in asked.text
    assert "Is still working" in asked.text
    assert ask_and_confirm(web, first, second) == 303
    assert [(row.state, row.receipt) for row in rows(web)] == [("open", None)] * 4
    assert rows(web)[1].credit_ms == 180_000
    assert second.post(web.url("act/reopen"), data={"entry": "2", "minutes": "181", "reason": "误收"}).status_code == 422


def test_only_ticked_operations_are_asked_for_and_nothing_of_a_key_is_shown(web: Web) -> None:
    desk = web.desk
    desk.ask(Force(desk.exam, 2, ANNA, "误收"))
    desk.answer(2, Op(1, item=5, value=[2, 4]), Op(2, item=6, value=[]), Op(3, item=7, report="图不清"))
    with reading(desk.dbs) as db:
        [group] = kept_apart.listed(db, desk.scope(desk.staff()))
    first, second = web.enter(), web.enter()
    page = first.get(web.url("kept-apart")).text
    assert "Answer BD" in page
    assert "Answer cleared" in page
    assert "图不清" not in page
    path = web.url("kept-apart/2")
    first.post(path, data={"reason": "断网前已作答"})
    with reading(desk.dbs) as db:
        assert db.exec(select(ApprovalRequest)).all() == []
    assert first.post(path, data={"reason": "断网前已作答", "operation": [group.names[0], "1.9.x"]}).status_code == 303
    assert ask_and_confirm(web, first, second) == 303
    with reading(desk.dbs) as db:
        [left] = kept_apart.listed(db, desk.scope(desk.staff()))
    assert left.names == group.names[1:]
    assert rows(web)[1].answered == bytes([0b10000])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"item": 9, "value": [1, 3]}, ("value", 2, "AC")),
        ({"item": 9, "value": []}, ("value", 2, "")),
        ({"item": 4, "flag": True}, ("flag", 1, "")),
        ({"item": 8, "value": [1]}, ("value", None, "")),
        ({"submit": True}, ("submit", None, "")),
    ],
)
def test_operations_in_the_words_of_the_candidate_s_screen(content: dict[str, object], words: tuple[object, ...]) -> None:
    assert kept_apart.in_words(content, [[4, [1, 2]], [9, [3, 2, 1]]]) == words
