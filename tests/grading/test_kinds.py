"""Every kind through a whole exam: marks by hand, sealed keys, corrections, figures, pages, on both databases."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from itembank import keys as bank_keys
from itembank import sealing
from itembank.items import ItemKeyData, write_key
from server.audit.trail import Actor
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.errors import Invalid
from server.grading import checks, corrections, duty, frequent, keys, results, runs, work
from server.grading.corrections import Wish
from server.grading.marking import FormKey, SlotKey
from server.grading.words import answer_words, key_words
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from tests import kinds
from tests.conftest import database_url, sqlite_url
from tests.grading import world
from tests.grading.test_routes import StillJobs
from tests.grading.world import World

ANSWERS: dict[int, tuple[str, Any, str]] = {
    1: ("A", kinds.RIGHT, "submitted"),
    2: ("A", kinds.RIGHT | {4: ["ａｃ", "220 v"], 5: ["２．０ Ａ"], 6: ["441瓦"]}, "submitted"),
    3: ("A", kinds.RIGHT | {4: ["交流电", "380V"], 7: [kinds.PAIRED[0], 0, kinds.PAIRED[2]]}, "submitted"),
    4: ("A", {1: ["B"], 4: [1, 2], 5: ["abc"], 6: ["442"], 7: ["x"], 8: kinds.ORDERED[::-1]}, "submitted"),
    5: ("A", {}, "forced"),
}
TOTALS = {1: 100_00, 2: 100_00, 3: 65_00, 4: 0, 5: 0}
"""By hand: 3 loses the fill-in (15) and the matching (20); of 4 nothing fits or is right (442 is one too far)."""
PART_TOTALS = TOTALS | {3: 65_00 + 7_50 + 13_33}
"""Half of 15 marks, and two thirds of 20 rounded down to a hundredth."""

FIRST, SECOND = Actor("staff", 101, "核分员甲", 1), Actor("staff", 102, "核分员乙", 1)


EMPTY = (database_url, sqlite_url)
"""These fixtures again: the small exam of this package's others is not wanted here."""


def sat(dbs: Databases, clock: FakeClock, keyring: Keyring, profile: SessionProfile | None = None) -> World:
    exam = world.build(dbs, clock, keyring, answers=ANSWERS, profile=profile, make_papers=kinds.paper)
    assert duty.mark_finished(dbs, keyring, clock) == [exam.exam_session_id]
    return exam


def totals(dbs: Databases, exam: World) -> dict[int, int | None]:
    with reading(dbs) as db:
        return {row.no: row.total for row in results.summary_rows(db, exam.exam_session_id)}


def test_marks_by_hand(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    exam = sat(dbs, clock, keyring)
    assert totals(dbs, exam) == TOTALS
    with reading(dbs) as db:
        assert checks.verify_results(db, keyring, exam.exam_session_id) == []
        sealed = keys.of_run(db, keyring, exam.exam_session_id, 1)[exam.forms["A"]]
        assert sealed == keys.read(db, keyring, exam.forms["A"])
        assert sealed.slots[5].units == ("A",)
        assert sealed.slots[6].units == ("W", "瓦")


def test_part_marks(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    exam = sat(dbs, clock, keyring, SessionProfile(identity_check=False, multiple_choice="part_marks"))
    assert totals(dbs, exam) == PART_TOTALS


def test_a_further_accepted_text(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    """380 V is accepted after all: entry 3 wins the 15 marks; the other blank keeps its texts."""
    exam = sat(dbs, clock, keyring)
    wish = Wish(exam.forms["A"], 4, write_key(kind="fill_in", accepted=[["交流电", "AC"], ["220V", "380V"]]))
    with reading(dbs) as db:
        found = corrections.preview(db, keyring, exam.exam_session_id, wish)
        assert [(one.entry_no, one.before.total, one.after.total) for one in found] == [(3, 65_00, 80_00)]
    with transaction(dbs) as db:
        no = corrections.propose(db, keyring, exam.exam_session_id, wish, by=FIRST, reason="标准有两种", now=clock.now())
        assert corrections.wish_of(keyring, corrections.get(db, exam.exam_session_id, no)) == wish
    with transaction(dbs) as db:
        corrections.decide(db, keyring, exam.exam_session_id, no, "approved", by=SECOND, note="", now=clock.now())
    assert work.grade(dbs, keyring, clock) == [exam.exam_session_id]
    assert totals(dbs, exam) == TOTALS | {3: 80_00}
    with reading(dbs) as db:
        assert checks.verify_results(db, keyring, exam.exam_session_id) == []


def test_keys_that_fit_no_item_of_the_kind(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    exam = sat(dbs, clock, keyring)
    form = exam.forms["A"]
    bad: list[tuple[int, ItemKeyData]] = [
        (4, write_key(kind="fill_in", accepted=[["交流电"]])),
        (5, write_key(kind="numeric", number="二")),
        (5, write_key(kind="numeric", number="2")),  # in force already, the printed unit aside
        (7, write_key([1, 1, 2], kind="matching")),
        (8, write_key([1, 2], kind="ordering")),
        (8, write_key(kind="numeric", number="1")),
    ]
    for slot, key in bad:
        with pytest.raises(Invalid), transaction(dbs) as db:
            corrections.propose(db, keyring, exam.exam_session_id, Wish(form, slot, key), by=FIRST, reason="x", now=clock.now())


def test_figures(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    exam = sat(dbs, clock, keyring)
    with reading(dbs) as db:
        [form] = work.figures_of(db, keyring, exam.exam_session_id, 1)["forms"]
    by_slot = {item["slot"]: item for item in form["items"]}
    assert [by_slot[slot]["options"] == [] for slot in range(1, 9)] == [False] * 3 + [True] * 5
    assert by_slot[4]["p"] == {"value": 0.4}
    first, second = by_slot[4]["parts"]
    assert [(row["answer"], row["all"], row["right"]) for row in first["answers"]] == [
        (["交流电"], 2, True),
        (["ａｃ"], 1, True),
    ]
    assert {tuple(row["answer"]): row["right"] for row in second["answers"]} == {("220V",): True, ("380V",): False}
    assert (first["right"], second["right"]) == (3, 2)
    assert {tuple(row["answer"]): row["right"] for row in by_slot[6]["parts"][0]["answers"]} == {
        ("440",): True,
        ("441瓦",): True,
        ("442",): False,
    }
    assert [part["right"] for part in by_slot[7]["parts"]] == [3, 2, 3]
    assert [(row["all"], row["right"]) for row in by_slot[8]["parts"][0]["answers"]] == [(3, True), (1, False)]
    assert by_slot[7]["blank"] == 2  # one blank, one of a shape the kind does not have


def test_runs_and_proposals_of_before_stay_readable(keyring: Keyring) -> None:
    """What was sealed before there were other kinds: rows of five elements, and a list of ids."""
    old = {"form_digest": "ab", "version": 1, "slots": [[1, "single", [2], 500, False], [2, "multiple", [1, 3], 500, True]]}

    class Row:
        exam_session_id, run_no, form_id = 5, 1, 9
        sealed = keyring.seal(sealing.ANSWER_KEY, sealing.canonical_json(old), b"marking_key:5:1:9")

    opened = keys._open(keyring, Row())  # type: ignore[arg-type]
    slots = {1: SlotKey("single", (2,), 500), 2: SlotKey("multiple", (1, 3), 500, cancelled=True)}
    assert opened == FormKey(9, "ab", 1, slots)
    assert keyring.open(sealing.ANSWER_KEY, keys.seal(keyring, 5, 1, opened), b"marking_key:5:1:9") == sealing.canonical_json(old)
    choice = keyring.seal(sealing.ANSWER_KEY, b"[1,3]", b"key_correction:5:1")
    assert keys.open_choice(keyring, 5, 1, choice) == write_key([1, 3])


def test_the_newest_writing_of_an_answer_is_shown_and_the_rest_counted() -> None:
    key = SlotKey("numeric", (), 500, number="2", tolerance="0", units=("A",))
    given = [("2",), ("２",), ("2",), *((f"{n}0",) for n in range(9)), ()]
    [part] = frequent.parts(given, [0, 1], key)
    assert part["answers"][0] == {"answer": ["2"], "all": 3, "better": 2, "right": True}
    assert (len(part["answers"]), part["others"], part["right"]) == (frequent.SHOWN, 4, 3)


def test_answers_and_keys_in_words() -> None:
    slots = {n: SlotKey(one.body.kind, one.key.correct, 100) for n, one in enumerate(kinds.written(), 1)}
    assert answer_words((1, 3), "multiple") == "AC"
    assert answer_words((3, 1, 2), "ordering") == "CAB"
    assert answer_words((2, 0), "matching") == "1 B；2 –"
    assert answer_words(("交流电", ""), "fill_in") == "交流电；–"
    assert answer_words((), "numeric") == "–"
    assert key_words(slots[8], "ordering") == answer_words(tuple(kinds.ORDERED), "ordering")
    fill = write_key(kind="fill_in", accepted=[["a", "b"], ["c"]])
    assert key_words(fill, "fill_in") == "a / b；c"
    assert key_words(write_key(kind="numeric", number="2", tolerance="0.1", units=["A"]), "numeric") == "2 ± 0.1 A"


def test_pages(app: FastAPI, client: TestClient, sign_in: Any, clock: FakeClock, keyring: Keyring) -> None:
    dbs: Databases = app.state.dbs
    app.state.jobs = StillJobs(app.state.settings, dbs, clock)
    exam = world.build(dbs, clock, keyring, answers=ANSWERS, make_papers=kinds.paper)
    assert work.grade(dbs, keyring, clock) == [exam.exam_session_id]
    sign_in("results_officer", institution_id=exam.institution_id)
    base, form = f"/results/{exam.exam_session_id}", exam.forms["A"]
    items = client.get(f"{base}/items").text
    assert "交流电 / AC" in items
    assert "2 ± 1" not in items
    assert "440 ± 1 W / 瓦" in items
    assert ">380V<" in items
    person = client.get(f"{base}/candidates/3").text
    assert "交流电；380V" in person
    for slot in range(1, 9):
        page = client.get(f"{base}/corrections/new?form_id={form}&slot={slot}")
        assert page.status_code == 200, slot
        assert "style=" not in page.text
    assert "220V\n220 伏" in client.get(f"{base}/corrections/new?form_id={form}&slot=4").text
    wish = {"form_id": form, "slot": 4, "kind": "new_key", "accepted": ["交流电\nAC", "220V\n380V"], "reason": "依据"}
    seen = client.post(f"{base}/corrections/preview", data=wish)
    assert seen.status_code == 200
    assert re.search(r"考生3.*?65.*?80", seen.text, re.S)
    for data in ({"slot": 7, "correct": [1, 1, 0]}, {"slot": 5, "number": "x"}, {"slot": 8, "correct": [500]}):
        refused = client.post(f"{base}/corrections/preview", data=wish | {"accepted": []} | data)
        assert refused.status_code == 422, data
    done = client.post(f"{base}/corrections", data=wish, follow_redirects=False)
    assert done.status_code == 303
    assert "交流电 / AC；220V / 380V" in client.get(done.headers["location"]).text
    with reading(dbs) as db:
        assert runs.latest(db, exam.exam_session_id) is not None
        assert bank_keys.key_package(db, form, keyring).keys[4].accepted[1] == ("220V", "220 伏")  # not in force yet
