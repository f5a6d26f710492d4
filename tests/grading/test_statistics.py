"""Statistics of an exam session, from SQL to SQL: complete, once a run, unchanged for ever, and honest about small groups."""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from itembank.items import write_key
from itembank.statistics.values import DEFAULTS, Needed
from server import jobs
from server.audit.trail import Actor
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.grading import corrections, duty, statistics_duty, statistics_hints, statistics_view, statistics_work, work
from server.grading.corrections import Wish
from server.grading.marking import FormKey, MarkingRules, SlotKey
from server.grading.statistics_data import Seat, Sheets, SlotItem, focal_groups, guess, near
from server.grading.statistics_tables import FormStatistics, ItemStatistic, SessionStatistics
from server.grading.tables import MarkingRun
from server.keyring import Keyring
from tests.grading.test_duty import Woken
from tests.grading.world import World

FIRST, SECOND = Actor("staff", 1, "核分员甲"), Actor("staff", 2, "核分员乙")


def marked(dbs: Databases, keyring: Keyring, clock: FakeClock, sat: World) -> World:
    assert work.grade(dbs, keyring, clock) == [sat.exam_session_id]
    return sat


def shown_of(db: Session, sat: World, run_no: int = 1) -> statistics_view.Shown:
    found = statistics_view.of_run(db, sat.exam_session_id, run_no)
    assert found is not None
    return found


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def test_the_child_computes_after_marking(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World, tmp_path: Any) -> None:
    from server.settings import Settings

    queue = Woken(Settings(data_dir=tmp_path), dbs, clock)
    duty.queue_due(dbs, clock, queue)
    while jobs.run_next(dbs, keyring, clock):
        pass
    with reading(dbs) as db:
        shown = shown_of(db, sat)
        assert [form.body["label"] for form in shown.forms] == ["A", "B"]
        assert [form.n for form in shown.forms] == [4, 2]
        assert shown.candidates == 6
        states = db.exec(select(jobs.Job.kind, jobs.Job.state)).all()
        assert sorted(states) == [("grading.mark", "done"), ("grading.statistics", "done")]


def test_figures_by_hand(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    """Form A: entries 1 to 4 had 100, 60, 40, 0 marks; slot 1 was right for three of four, slot 3 for one."""
    marked(dbs, keyring, clock, sat)
    with reading(dbs) as db:
        shown = shown_of(db, sat)
        form = shown.get_form("A")
        assert form.body["totals"] == [0, 40_00, 60_00, 100_00]
        assert form.body["mean"]["value"] == 50.0
        items = {item.slot: item for item in statistics_view.items(db, form)}
        assert [items[slot].right for slot in (1, 2, 3, 4, 5)] == [3, 3, 1, 1, 2]
        assert items[1].body["p"]["value"] == 0.75
        assert items[1].body["p"]["low"] == pytest.approx(0.3006, abs=1e-4)  # Wilson, 3 of 4
        assert items[1].body["blank"] == 1
        assert items[3].body["options"][1]["chosen"] == 2
        other = shown.session.comparison["forms"][1]
        assert other["difference"] == {"too_few": [2, 5]}


def test_a_small_group_gives_values_or_too_few(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    """Warnings fail tests: none came. No figure is missing without a reason, and JSON knows no NaN."""
    marked(dbs, keyring, clock, sat)
    with reading(dbs) as db:
        shown = shown_of(db, sat)
        for form in shown.forms:
            bodies = [form.body, *(item.body for item in statistics_view.items(db, form))]
            for body in bodies:
                json.dumps(body, allow_nan=False)
                for found in body.values():
                    if isinstance(found, dict) and "value" in found:
                        assert found["low"] <= found["value"] <= found["high"]
                        assert found["se"] >= 0
            assert form.body["alpha"] == {"too_few": [form.n, DEFAULTS.reliability]}
            assert form.body["model"] == {"too_few": [form.n, DEFAULTS.rasch]}
        whole = [shown.session.comparison, shown.session.hints]
        assert all(isfinite(one) for one in leaves(whole) if isinstance(one, float))
        assert shown.session.hints["forms"][0]["pairs"] == {"too_few": [4, DEFAULTS.similarity]}
        assert statistics_view.flagged(db, shown) == []


def test_lower_thresholds_say_more(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    from server.grading import runs

    assert runs.mark_session(dbs, keyring, clock, sat.exam_session_id, by=FIRST, reason="x") == 1
    needed = Needed(correlation=3, reliability=3, groups=3, similarity=2, rasch=3, difference=2)
    statistics_work.store(dbs, keyring, clock, sat.exam_session_id, 1, needed)
    with reading(dbs) as db:
        shown = shown_of(db, sat)
        assert "value" in shown.get_form("A").body["alpha"]
        assert "value" in shown.session.comparison["forms"][1]["difference"]


def test_once_and_never_again(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    marked(dbs, keyring, clock, sat)
    clock.advance(60)
    statistics_work.store(dbs, keyring, clock, sat.exam_session_id, 1)
    with reading(dbs) as db:
        assert len(db.exec(select(SessionStatistics)).all()) == 1
        assert len(db.exec(select(ItemStatistic)).all()) == 10
    for table in (SessionStatistics, FormStatistics, ItemStatistic):
        with pytest.raises(DBAPIError, match="append-only"), transaction(dbs) as db:
            db.execute(update(table).values(institution_id=99))
        with pytest.raises(DBAPIError, match="append-only"), transaction(dbs) as db:
            db.execute(delete(table))


def test_what_a_crash_left_is_finished(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    """One form stored, then the power went: the next try adds what is missing."""
    from server.grading import keys, runs
    from server.grading.statistics_data import seats, sheets
    from server.grading.statistics_report import form_result

    assert runs.mark_session(dbs, keyring, clock, sat.exam_session_id, by=FIRST, reason="x") == 1
    with reading(dbs) as db:
        run = db.get_one(MarkingRun, (sat.exam_session_id, 1))
        first = sheets(db, run, keys.of_run(db, keyring, sat.exam_session_id, 1))[0]
        about = statistics_work.about(first, {})
        result = form_result(first, MarkingRules(**run.rules), seats(db, sat.exam_session_id), about)
    place = {"exam_session_id": sat.exam_session_id, "run_no": 1, "institution_id": sat.institution_id}
    statistics_work.store_form(dbs, clock, place, first, result)
    with reading(dbs) as db:
        assert statistics_view.of_run(db, sat.exam_session_id, 1) is None
    statistics_work.store(dbs, keyring, clock, sat.exam_session_id, 1)
    with reading(dbs) as db:
        assert [form.n for form in shown_of(db, sat).forms] == [4, 2]
        assert len(db.exec(select(ItemStatistic)).all()) == 10


def test_a_correction_gets_statistics_of_its_own(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    marked(dbs, keyring, clock, sat)
    with transaction(dbs) as db:
        wish = Wish(sat.forms["A"], 3, write_key((2,)))
        no = corrections.propose(db, keyring, sat.exam_session_id, wish, by=FIRST, reason="标准原文", now=clock.now())
    with transaction(dbs) as db:
        corrections.decide(db, keyring, sat.exam_session_id, no, "approved", by=SECOND, note="", now=clock.now())
    assert work.grade(dbs, keyring, clock) == [sat.exam_session_id]
    with reading(dbs) as db:
        before, after = shown_of(db, sat, 1), shown_of(db, sat, 2)
        assert before.get_form("A").key_version < after.get_form("A").key_version
        of = {run: {item.slot: item for item in statistics_view.items(db, shown.get_form("A"))}[3]
              for run, shown in ((1, before), (2, after))}  # fmt: skip
        assert (of[1].right, of[2].right) == (1, 2)
        assert (of[1].body["flags"], of[2].body["flags"]) == ([], ["corrected"])
        assert of[2].revise


def test_a_cancelled_item_takes_no_part(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    marked(dbs, keyring, clock, sat)
    with transaction(dbs) as db:
        wish = Wish(sat.forms["A"], 3, None)
        no = corrections.propose(db, keyring, sat.exam_session_id, wish, by=FIRST, reason="两可", now=clock.now())
    with transaction(dbs) as db:
        corrections.decide(db, keyring, sat.exam_session_id, no, "approved", by=SECOND, note="", now=clock.now())
    work.grade(dbs, keyring, clock)
    with reading(dbs) as db:
        form = shown_of(db, sat, 2).get_form("A")
        assert (form.body["items"], form.body["cancelled"]) == (4, 1)
        assert form.body["totals"] == [20_00, 60_00, 80_00, 100_00]  # as decided: full marks for everyone
        assert form.body["mean"]["value"] == 45.0  # of the items left: 80, 60, 40, 0
        item = {one.slot: one for one in statistics_view.items(db, form)}[3]
        assert item.body["flags"] == ["cancelled"]
        assert item.revise


def test_older_exams_are_computed_by_the_sweeper(
    dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World, tmp_path: Any
) -> None:
    """Marked before there were statistics, or the child was killed in between."""
    from server.grading import runs
    from server.settings import Settings

    queue = Woken(Settings(data_dir=tmp_path), dbs, clock)
    assert statistics_duty.queue_due(dbs, clock, queue) == 0
    runs.mark_session(dbs, keyring, clock, sat.exam_session_id, by=FIRST, reason="x")
    assert statistics_duty.queue_due(dbs, clock, queue) == 0  # the job that marks comes first
    clock.advance(11)
    assert statistics_duty.queue_due(dbs, clock, queue) == 1
    assert statistics_duty.queue_due(dbs, clock, queue) == 0
    with reading(dbs) as db:
        assert statistics_duty.is_under_way(db, sat.exam_session_id)
    while jobs.run_next(dbs, keyring, clock):
        pass
    with reading(dbs) as db:
        assert not statistics_duty.is_under_way(db, sat.exam_session_id)
        assert statistics_duty.due(db, clock.now()) == []
        shown_of(db, sat)


def test_what_fails_waits_an_hour(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World, tmp_path: Any) -> None:
    from server.grading import runs
    from server.settings import Settings

    queue = Woken(Settings(data_dir=tmp_path), dbs, clock)
    runs.mark_session(dbs, keyring, clock, sat.exam_session_id, by=FIRST, reason="x")
    clock.advance(11)
    statistics_duty.queue_due(dbs, clock, queue)
    jobs.run_next(dbs, Keyring.ephemeral(), clock)
    with reading(dbs) as db:
        assert db.exec(select(jobs.Job.state).order_by(col(jobs.Job.id).desc())).first() == "failed"
    clock.advance(59 * 60)
    assert statistics_duty.queue_due(dbs, clock, queue) == 0
    clock.advance(120)
    assert statistics_duty.queue_due(dbs, clock, queue) == 1


def seat(no: int, row: int, column: int, room: int = 1, sex: str = "男") -> Seat:
    return Seat(no, sex, "新考", room, f"第{room}考场", 1, "一考点", row, column)


def form_of(people: int, items: int, seed: int = 3) -> tuple[Sheets, dict[int, Seat]]:
    """People in rows of six, answering by ability; options 1 to 4, the key is 1."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=(people, 1))
    right = rng.random((people, items)) < 1 / (1 + np.exp(rng.normal(size=items) - skill))
    answers = np.where(right, 1, 1 << rng.integers(1, 4, (people, items)))
    key = SlotKey("single", (1,), 200)
    slots = tuple(SlotItem(n, "single", 1, n, n, 1, 4, 0.25, key) for n in range(1, items + 1))
    whole = FormKey(1, "x", 1, {one.slot: key for one in slots})
    sheets = Sheets(1, "A", whole, slots, tuple(range(1, people + 1)), answers, right * 200, (right * 200).sum(axis=1))
    return sheets, {no: seat(no, (no - 1) // 6, (no - 1) % 6) for no in sheets.entries}


def test_copies_are_hinted_at_with_where_they_sat() -> None:
    sheets, seats = form_of(60, 50)
    sheets.answers[7] = sheets.answers[6]
    sheets.marks[7] = sheets.marks[6]
    found = statistics_hints.form_hints(sheets, seats, {}, DEFAULTS)
    assert [(one["a"], one["b"], one["near"]) for one in found["pairs"]] == [(7, 8, True)]
    assert found["pairs"][0]["shared"] == 50
    assert found["pairs"][0]["expected"] < 40
    assert found["compared"][1] == 60 * 59 // 2
    assert found["compared"][0] < 600
    assert found["fast"] == []
    assert found["timed"] == 0


def test_honest_rooms_raise_no_hint() -> None:
    """Twenty exams of sixty: at 5 % a false alarm, three exams or fewer in 95 of 100 such lists."""
    alarms = sum(bool(statistics_hints.form_hints(*form_of(60, 40, seed), {}, DEFAULTS)["pairs"]) for seed in range(20))
    assert alarms <= 3


def test_fast_and_right_is_hinted_at() -> None:
    sheets, seats = form_of(40, 40)
    seconds = {no: dict.fromkeys(range(1, 41), 40.0) for no in sheets.entries}
    seconds[5] = dict.fromkeys(range(1, 41), 2.0)
    sheets.answers[4], sheets.marks[4] = 1, 200
    seconds[6] = dict.fromkeys(range(1, 41), 2.0)
    sheets.marks[5] = np.where(np.arange(40) % 4 == 0, 200, 0)  # a fast guesser
    found = statistics_hints.form_hints(sheets, seats, seconds, DEFAULTS)
    assert [(one["entry"], one["fast"], one["right"]) for one in found["fast"]] == [(5, 40, 40)]
    assert found["timed"] == 40


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (seat(1, 0, 0), seat(2, 0, 2), True),
        (seat(1, 0, 0), seat(2, 0, 3), False),
        (seat(1, 0, 0), seat(2, 1, 1), True),
        (seat(1, 0, 0), seat(2, 2, 0), False),
        (seat(1, 0, 0), seat(2, 0, 1, room=2), False),
        (seat(1, 0, 0), Seat(2, "男", "", None, "", None, "", None, None), False),
    ],
)
def test_near(one: Seat, other: Seat, expected: bool) -> None:
    assert near(one, other) is expected
    assert near(other, one) is expected


def test_groups_to_compare() -> None:
    people = [seat(1, 0, 0), seat(2, 0, 1), seat(3, 0, 2, sex="女"), seat(4, 0, 0, room=2), seat(5, 0, 0, room=3)]
    found = {(group.kind, group.name): group.members.tolist() for group in focal_groups(people)}
    assert found[("sex", "女")] == [False, False, True, False, False]
    assert ("sex", "男") not in found
    assert {name for kind, name in found if kind == "place"} == {"一考点 第1考场", "一考点 第2考场", "一考点 第3考场"}
    assert not [kind for kind, _name in found if kind in {"centre", "exam_type"}]


@pytest.mark.parametrize(
    ("kind", "options", "chance"),
    [("single", 4, 0.25), ("true_false", 2, 0.5), ("multiple", 4, 1 / 11), ("ordering", 4, 1 / 24), ("numeric", 0, 0.1)],
)
def test_luck(kind: str, options: int, chance: float) -> None:
    assert guess(kind, options) == pytest.approx(chance)


def test_the_pass_mark_follows_what_was_cancelled() -> None:
    sheets, _seats = form_of(30, 50)
    slots = {one.slot: one.key for one in sheets.slots}
    slots[1] = SlotKey("single", (1,), 200, cancelled=True)
    first = SlotItem(1, "single", 1, 1, 1, 1, 4, 0.25, slots[1])
    fewer = Sheets(1, "A", FormKey(1, "x", 1, slots), (first, *sheets.slots[1:]), *(
        getattr(sheets, name) for name in ("entries", "answers", "marks", "totals")
    ))  # fmt: skip
    assert (sheets.pass_mark(MarkingRules()), sheets.full) == (60_00, 100_00)
    assert (fewer.pass_mark(MarkingRules()), fewer.full) == (58_00, 98_00)
    assert fewer.pass_mark(MarkingRules(cancelled_item="leave_out")) == 58_80
