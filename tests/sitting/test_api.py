"""The candidate's protocol over HTTP, and what must never get through it."""

import json
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from server.audit.trail import Actor
from server.clock import FakeClock
from server.db import transaction
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting.closer import Closer
from server.sitting.commands import MarkIdentity, Message, TakeOver
from server.sitting.core import Core
from server.sitting.tokens import Pass
from tests.registry.test_pc_checks import GOOD
from tests.sitting.conftest import Candidate, Exam

Maker = Callable[[int], Candidate]
Ring = Callable[[], None]
STAFF = Actor("staff", 1, "监考甲", 1)


@pytest.fixture
def sitting(candidate: Maker, ring: Ring) -> Candidate:
    """Candidate 1, signed in and open."""
    one = candidate(1)
    assert one.enter().status_code == 303
    ring()
    assert one.open().status_code == 200
    return one


def test_sign_in_page_gives_the_pc_a_cookie_and_a_code(candidate: Maker) -> None:
    answer = candidate(1).http.get("/exam")
    assert answer.status_code == 200
    assert "jikao_pc" in answer.cookies


def mirror_of(answer: Any) -> str:
    found = re.search(r'data-pc-mirror="([^"]+)"', answer.text)
    assert found is not None
    return found[1]


def test_a_browser_that_lost_its_cookie_is_the_same_pc_again_and_a_copy_is_not_beside_it(candidate: Maker) -> None:
    one, copy = candidate(1), candidate(1)
    first = one.http.get("/exam")
    mirror, cookie, code = mirror_of(first), one.http.cookies["jikao_pc"], re.search(r"<strong>(.*)</strong>", first.text)
    assert "data-pc-new" in first.text
    one.http.cookies.delete("jikao_pc")
    assert "data-pc-new" in one.http.get("/exam").text
    assert one.http.post("/exam/pc", data={"mirror": mirror + "x"}).status_code == 403
    answer = one.http.post("/exam/pc", data={"mirror": mirror})
    assert answer.status_code == 200
    again = one.http.get("/exam")
    assert code is not None
    assert f"<strong>{code[1]}</strong>" in again.text
    assert "data-pc-new" not in again.text
    assert mirror_of(again) == answer.json()["mirror"] != mirror
    assert copy.http.post("/exam/pc", data={"mirror": mirror}).status_code == 403  # traded already
    copy.http.cookies.set("jikao_pc", cookie)
    assert "data-pc-new" in copy.http.get("/exam").text  # and the old cookie is nobody's


def test_a_lost_pc_cookie_does_not_weaken_the_fence(candidate: Maker, ring: Ring) -> None:
    one, other = candidate(1), candidate(1)
    mirror = mirror_of(one.http.get("/exam"))
    assert one.enter().status_code == 303
    ring()
    assert one.open().status_code == 200
    assert other.enter().status_code == 303
    assert other.open("page-two-2").json()["error"] == "other_device"
    one.http.cookies.clear()
    assert one.http.get("/exam").status_code == 200
    assert one.http.post("/exam/pc", data={"mirror": mirror}).status_code == 200
    assert one.post("open", {"page": "page-three-3"}).status_code == 401  # a PC is no candidate
    assert one.enter().status_code == 303
    assert one.open("page-three-3").json()["epoch"] == 2


def test_a_pc_is_checked_judged_and_remembered(candidate: Maker) -> None:
    one = candidate(1)
    assert one.http.post("/exam/check", json=GOOD).status_code == 401
    assert "exam/check.js" in one.http.get("/exam/check").text
    assert one.http.get("/exam/check/now").json()["server_ms"] > 0
    one.http.cookies.set("lang", "en")
    judged = one.http.post("/exam/check", json={**GOOD, "version": 90, "mark_since_ms": None}).json()
    assert judged["state"] == "bad"
    assert judged["findings"][0]["text"] == "Chrome 90 is too old."
    again = one.http.post("/exam/check", json={**GOOD, "mark_since_ms": None}).json()
    assert {line["name"]: line["state"] for line in again["findings"]}["survival"] == "bad"  # it was checked before
    for body in ({**GOOD, "id_number": "330102199001010011"}, {**GOOD, "browser": "<b>"}, []):
        refused = one.http.post("/exam/check", json=body)
        assert refused.status_code == 422
        assert "330102" not in refused.text


@pytest.mark.parametrize(("admission_no", "secret"), [("20269999", None), (None, "000000"), ("", ""), ("1\x002", "x" * 100)])
def test_a_refused_sign_in_says_the_same_whatever_was_wrong(candidate: Maker, admission_no: str, secret: str) -> None:
    answer = candidate(1).enter(secret=secret, admission_no=admission_no)
    assert answer.status_code == 401
    assert "jikao_c" not in answer.cookies


def test_five_tries_per_pc_and_per_account(candidate: Maker, clock: FakeClock) -> None:
    one, other = candidate(1), candidate(1)
    one.http.get("/exam")
    codes = [one.enter(secret="000000").status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    assert one.enter().status_code == 429
    assert other.enter().status_code == 429  # the account, from another PC
    clock.advance(15 * 60 + 1)
    assert one.enter().status_code == 303


def test_me_and_waiting(candidate: Maker, exam: Exam) -> None:
    one = candidate(1)
    assert one.http.get("/exam/api/me").status_code == 401
    assert one.http.get("/exam/room").headers["location"] == "/exam"
    one.enter()
    me = one.http.get("/exam/api/me").json()
    assert me["name"] == "考生1"
    assert me["starts_in_ms"] == 30 * 60_000
    assert me["sitting"]["state"] == "waiting"
    assert me["exam_state"] == "scheduled"
    assert one.http.get("/exam/room").status_code == 200
    assert one.http.get("/exam/api/practice").json()["order"]
    for language, has_chinese in (("zh", True), ("en", False)):
        text = json.dumps(one.http.get(f"/exam/api/practice?lang={language}").json(), ensure_ascii=False)
        assert bool(re.search("[\u4e00-\u9fff]", text)) == has_chinese
        assert bool(re.search("[Pp]ractice[: ]", text)) != has_chinese


def test_no_paper_before_the_bell_by_any_path(candidate: Maker, clock: FakeClock, exam: Exam, core: Core) -> None:
    one = candidate(1)
    one.enter()
    clock.set(exam.starts_at - timedelta(milliseconds=1))
    core.closer.tick()
    replies = [
        one.open(),
        one.pulse(),
        one.http.get("/exam/api/me"),
        one.http.get("/exam/room"),
        one.ops({"op": 1, "item": 1, "value": [1]}),
    ]
    replies += [one.http.get(f"/exam/api/{path}") for path in ("paper", "open", "practice", "../api/open")]
    assert replies[0].status_code == 409
    assert replies[0].json()["error"] == "not_yet"
    assert replies[0].json()["starts_in_ms"] is None or replies[0].json()["starts_in_ms"] >= 0
    assert replies[4].json()["error"] == "not_open"
    assert not any("号题目" in reply.text for reply in replies)


def test_the_bell_gives_paper_order_and_no_key(candidate: Maker, ring: Ring) -> None:
    one = candidate(1)
    one.enter()
    ring()
    answer = one.open()
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (body["state"], body["epoch"], body["ack"], body["remaining_ms"]) == ("open", 1, 0, 20 * 60_000)
    assert sorted(slot for slot, _options in body["order"]) == [item["slot"] for item in body["paper"]["items"]]
    assert not re.search(r"correct|\bkeys?\b|answer_key", json.dumps(body["paper"]))
    again = one.open(have=body["paper"]["digest"]).json()
    assert again["paper"] is None
    assert (again["epoch"], again["order"]) == (1, body["order"])


def test_the_first_opening_after_the_bell_hears_of_it_by_itself(candidate: Maker, ring: Ring, core: Core, exam: Exam) -> None:
    everybody = [candidate(no) for no in (1, 2, 3, 4)]
    for one in everybody:
        one.enter()
        assert one.open().json()["error"] == "not_yet"
    before = core.hub.known_exam(exam.id)
    ring()
    core.hub.exams[exam.id] = before  # type: ignore[assignment]  # what this process knows may be a second old
    assert [one.open().status_code for one in everybody] == [200] * 4


def test_saving_repeating_reloading(sitting: Candidate) -> None:
    first = sitting.ops({"op": 1, "item": 1, "value": [2], "dt_ms": 10}, {"op": 2, "item": 2, "flag": True})
    assert first.status_code == 200
    assert (first.json()["ack"], first.json()["answered"]) == (2, 1)
    again = sitting.ops({"op": 1, "item": 1, "value": [2], "dt_ms": 99}, {"op": 2, "item": 2, "flag": True})
    assert again.json()["head"] == first.json()["head"]
    reopened = sitting.open("page-two-2").json()
    assert (reopened["epoch"], reopened["answers"], reopened["flags"]) == (2, {"1": [2]}, [2])
    assert reopened["device_epoch"] == 1
    old = sitting.ops({"op": 3, "item": 3, "value": [1]}, epoch=1)
    assert (old.status_code, old.json()["error"]) == (409, "fenced")
    assert sitting.pulse(epoch=1).json()["error"] == "fenced"
    assert sitting.ops({"op": 2, "item": 3, "value": [1]}).json()["error"] == "gap"
    sitting.ops({"op": 1, "item": 3, "value": [1]})
    fork = sitting.ops({"op": 1, "item": 3, "value": [2]})
    assert (fork.status_code, fork.json()["error"], fork.json()["op"]) == (409, "fork", 1)


def test_hand_in_and_its_receipt(sitting: Candidate, clock: FakeClock) -> None:
    early = sitting.ops({"op": 1, "item": 1, "value": [1]}, {"op": 2, "submit": True})
    assert (early.status_code, early.json()["error"], early.json()["ack"]) == (409, "too_early", 1)
    assert early.json()["wait_ms"] == 5 * 60_000
    clock.advance(5 * 60)
    done = sitting.ops({"op": 2, "submit": True}).json()
    assert (done["state"], done["end"], done["remaining_ms"]) == ("ended", "submitted", 0)
    assert len(done["receipt"]["code"]) == 16
    assert sitting.ops({"op": 2, "submit": True}).json()["receipt"] == done["receipt"]
    closed = sitting.ops({"op": 3, "item": 1, "value": [2]})
    assert (closed.status_code, closed.json()["error"], closed.json()["receipt"]) == (410, "closed", done["receipt"])
    reload = sitting.open("page-three")
    assert (reload.status_code, reload.json()["paper"], reload.json()["receipt"]) == (200, None, done["receipt"])


def test_the_server_closes_whoever_is_not_there(
    sitting: Candidate, clock: FakeClock, core: Core, later: Callable[[float], None]
) -> None:
    later(20 * 60 + 10)
    assert sitting.ops({"op": 1, "item": 1, "value": [1]}).status_code == 200  # the last millisecond of the grace
    clock.advance(1)
    late = sitting.ops({"op": 2, "item": 1, "value": [2]})
    assert (late.status_code, late.json()["error"]) == (410, "late")
    later(1)
    pulse = sitting.pulse(version=0).json()
    assert (pulse["state"], pulse["end"]) == ("ended", "timed_out")
    core.closer.tick()
    assert dict(_states(core)) == {1: "ended", 2: "absent", 3: "absent", 4: "absent"}
    assert _exam_state(core, sitting.exam.id) == "ended"


def _states(core: Core) -> list[tuple[int, str]]:
    with core.dbs.read.connect() as connection:
        rows = connection.exec_driver_sql("SELECT entry_no, state FROM sitting ORDER BY entry_no").all()
    return [(row[0], row[1]) for row in rows]


def _exam_state(core: Core, exam_session_id: int) -> str:
    with core.dbs.read.connect() as connection:
        row = connection.exec_driver_sql("SELECT state FROM exam_session WHERE id = ?", (exam_session_id,)).one()
    return str(row[0])


def test_a_pulse_is_held_and_wakes_at_a_message(sitting: Candidate, core: Core) -> None:
    version = sitting.pulse().json()["version"]
    heard: list[Any] = []
    waiting = threading.Thread(target=lambda: heard.append(sitting.pulse(version=version).json()))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    assert core.writer.do(Message(sitting.exam.id, 1, actor=STAFF, reason="", text="请注意时间")).ok
    waiting.join(5)
    assert heard[0]["message"]["text"] == "请注意时间"
    assert heard[0]["version"] > version
    assert sitting.open().json()["messages"][0]["text"] == "请注意时间"


def test_the_bell_wakes_waiting_pulses(candidate: Maker, ring: Ring) -> None:
    one = candidate(1)
    one.enter()
    version = one.pulse().json()["version"]
    heard: list[Any] = []
    waiting = threading.Thread(target=lambda: heard.append(one.pulse(version=version).json()))
    waiting.start()
    ring()
    waiting.join(5)
    assert heard[0]["exam_state"] == "open"


def test_a_stop_lets_held_pulses_go(sitting: Candidate, core: Core) -> None:
    version = sitting.pulse().json()["version"]
    heard: list[Any] = []
    waiting = threading.Thread(target=lambda: heard.append(sitting.pulse(version=version)))
    waiting.start()
    waiting.join(0.2)
    core.hub.let_go()
    waiting.join(5)
    assert (heard[0].status_code, heard[0].json()["error"]) == (503, "shutdown")
    assert heard[0].json()["retry_ms"] > 0


def test_another_pc_waits_for_the_take_over(sitting: Candidate, candidate: Maker, core: Core) -> None:
    sitting.ops({"op": 1, "item": 1, "value": [2]})
    other = candidate(1)
    assert other.enter().status_code == 303
    refused = other.open("page-other")
    assert (refused.status_code, refused.json()["error"]) == (409, "other_device")
    stolen = other.ops({"op": 2, "item": 1, "value": [1]}, epoch=1)
    assert stolen.json()["error"] == "fenced"
    assert core.writer.do(TakeOver(sitting.exam.id, 1, actor=STAFF, reason="死机")).ok
    moved = other.open("page-other").json()
    assert moved["answers"] == {"1": [2]}
    assert moved["device_epoch"] == moved["epoch"] == 3
    assert sitting.pulse(version=0).json()["error"] == "fenced"
    assert sitting.ops({"op": 2, "item": 1, "value": [3]}).json()["error"] == "fenced"


def test_identity_check_holds_the_opening(candidate: Maker, core: Core, exam: Exam, ring: Ring) -> None:
    with transaction(core.dbs) as db:
        db.get_one(ExamSession, exam.id).profile = SessionProfile().to_json()
    one = candidate(1)
    one.enter()
    ring()
    assert one.open().json()["error"] == "identity"
    assert one.http.get("/exam/api/me").json()["identity"] == "waiting"
    assert core.writer.do(MarkIdentity(exam.id, 1, actor=STAFF, reason="")).ok
    assert one.open().status_code == 200


# -- what must not get through ----------------------------------------------------------------------------------------

POISON: list[tuple[bytes, int]] = [
    (b"", 422),
    (b"{", 422),
    (b"null", 422),
    (b"[]", 422),
    (b'{"epoch":1}', 422),
    (b'{"epoch":1,"ops":[]}', 422),
    (b'{"epoch":1,"ops":[{"op":1,"item":1,"value":[1],"score":100}]}', 422),
    (b'{"epoch":1,"ops":[{"op":1,"item":1,"value":[1]}],"state":"open"}', 422),
    (b'{"epoch":1,"ops":[{"op":1,"item":1,"value":["SECRET",1]}]}', 422),
    (b'{"epoch":1,"ops":[{"op":1,"item":99,"value":[1]}]}', 422),
    (b'{"epoch":1,"ops":[{"op":1,"item":1,"report":"a\\u0000b"}]}', 422),
    (b'{"epoch":1,"ops":[{"op":1,"item":1,"report":"\xff\xfe"}]}', 422),
    (b'{"epoch":1,"ops":[{"op":1,"item":1,"report":"\\ud800"}]}', 422),
    (b'{"epoch":1e400,"ops":[{"op":1,"item":1,"value":[1]}]}', 422),
    (b'{"epoch":99999999999999999999,"ops":[{"op":1,"item":1,"value":[1]}]}', 422),
    (b"\x00" * 100, 422),
    (b"[" * 16_000, 422),
    (b" " * 16_385, 413),
    (b"x" * 1_000_000, 413),
]


@pytest.mark.parametrize(("body", "code"), POISON)
def test_poisoned_bodies_are_refused_without_echo(sitting: Candidate, body: bytes, code: int) -> None:
    answer = sitting.http.post("/exam/api/ops", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == code
    assert "SECRET" not in answer.text
    assert len(answer.text) < 60
    assert sitting.ops({"op": 1, "item": 1, "value": [1]}).status_code == 200


def test_numbers_beyond_the_database_harm_nobody(sitting: Candidate) -> None:
    for op in (2**31, 2**53, 2**62):
        assert sitting.ops({"op": op, "item": 1, "value": [1]}).status_code in (409, 422)
    for epoch in (-1, 0, 2**31, 2**62):
        assert sitting.ops({"op": 1, "item": 1, "value": [1]}, epoch=epoch).status_code in (409, 422)
    assert sitting.ops({"op": 1, "item": 1, "value": [1]}).status_code == 200


def test_other_content_types_and_origins(sitting: Candidate) -> None:
    body = b'{"epoch":1,"ops":[{"op":1,"item":1,"value":[1]}]}'
    assert sitting.http.post("/exam/api/ops", content=body, headers={"content-type": "text/plain"}).status_code == 415
    foreign = {"content-type": "application/json", "sec-fetch-site": "cross-site"}
    assert sitting.http.post("/exam/api/ops", content=body, headers=foreign).status_code == 403
    assert sitting.http.get("/exam/api/ops").status_code == 404
    assert sitting.http.get("/exam/api/pulse").status_code == 422


def test_the_sitting_comes_from_the_cookie_alone(sitting: Candidate, core: Core, candidate: Maker) -> None:
    two = candidate(2)
    for token in ("", "x", "W10.x.y", core.tokens.sign(Pass(sitting.exam.id, 1, "1"))[:-3] + "abc"):
        two.http.cookies.set("jikao_c", token)
        assert two.open().status_code == 401
    two.http.cookies.clear()
    two.enter()
    named = {"page": "page-two-2", "entry_no": 1}
    assert two.post("open", named).status_code == 422
    assert two.http.post("/exam/api/open?entry_no=1", json={"page": "page-two-2"}).json()["answers"] == {}


def test_an_old_cookie_is_refused(sitting: Candidate, clock: FakeClock) -> None:
    clock.advance(12 * 3600 + 1)
    assert sitting.pulse().status_code == 401


def test_an_outage_over_the_closing_time_closes_nobody_at_once(sitting: Candidate, core: Core, clock: FakeClock) -> None:
    clock.advance(25 * 60)
    second = Closer(core.dbs, core.writer, clock)
    second.begin()
    second.tick()
    status = sitting.pulse(version=0).json()
    assert (status["state"], status["remaining_ms"], status["outage_ms"]) == ("open", 20 * 60_000, 25 * 60_000)
    for _minute in range(21):
        clock.advance(60)
        second.beaten(clock.now())
        second.tick()
    assert sitting.pulse(version=0).json()["state"] == "ended"
