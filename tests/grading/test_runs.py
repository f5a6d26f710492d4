"""Runs, on both databases: totals by hand, one run at a time, crashes that leave nothing, everything recomputed."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from server.audit.trail import SYSTEM, about
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.errors import Conflict
from server.grading import checks, duty, keys, results, runs, tables, work
from server.grading.marking import MarkingRules
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from tests.grading import world
from tests.grading.world import TOTALS, World

REASON = "reason"


@pytest.fixture
def exam(sat: World) -> World:
    return sat


def totals(dbs: Databases, exam: World, run_no: int | None = None) -> dict[int, int | None]:
    with reading(dbs) as db:
        return {row.no: row.total for row in results.summary_rows(db, exam.exam_session_id, run_no=run_no)}


def state_of(dbs: Databases, exam: World) -> str:
    with reading(dbs) as db:
        return db.get_one(ExamSession, exam.exam_session_id).state


def test_marks_by_itself_once(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    assert duty.mark_finished(dbs, keyring, clock) == [exam.exam_session_id]
    assert totals(dbs, exam) == TOTALS
    assert state_of(dbs, exam) == "marked"
    assert duty.mark_finished(dbs, keyring, clock) == []
    with reading(dbs) as db:
        rows = {row.no: row for row in results.summary_rows(db, exam.exam_session_id)}
        assert {no: row.outcome for no, row in rows.items()} == {
            1: "passed", 2: "passed", 3: "failed", 4: "failed", 5: "absent", 6: "voided", 7: "passed", 8: "passed"
        }  # fmt: skip
        summary = results.summary(list(rows.values()))
        assert (summary.expected, summary.marked, summary.absent, summary.voided, summary.passed) == (8, 6, 1, 1, 4)
        assert summary.mean == 60_00  # (100 + 60 + 40 + 0 + 100 + 60) / 6
        assert [row.verb for row in about(db, f"exam_session:{exam.exam_session_id}")] == ["results.marked"]
        assert checks.verify_results(db, keyring, exam.exam_session_id) == []


def test_nothing_is_marked_before_the_end(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    world.set_state(dbs, exam.exam_session_id, "open")
    assert duty.mark_finished(dbs, keyring, clock) == []
    with pytest.raises(Conflict):
        runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason=REASON)


def test_an_unfinished_sitting_holds_marking_up(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    with dbs.write.begin() as connection:
        connection.exec_driver_sql("UPDATE sitting SET state = 'open', end_kind = NULL WHERE entry_no = 2")
    assert duty.mark_finished(dbs, keyring, clock) == []
    with pytest.raises(Conflict):
        runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason=REASON)


def test_one_run_at_a_time(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    with reading(dbs) as db:
        marking = runs.compute(db, keyring, exam.exam_session_id)
    held = runs._claim(dbs, clock.now(), exam.exam_session_id, marking, SYSTEM, REASON)
    assert held == 1
    assert runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason=REASON) is None
    clock.advance(runs.STALE.total_seconds() + 1)  # its holder is dead: the next one takes over
    assert runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason=REASON) == 2
    assert totals(dbs, exam) == TOTALS


def test_a_crash_while_writing_shows_nowhere(
    dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CHUNK", 3)

    def crash(done: int, total: int, step: str) -> None:
        if done == 4:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason=REASON, progress=crash)
    assert totals(dbs, exam) == {}
    assert state_of(dbs, exam) == "ended"
    assert duty.mark_finished(dbs, keyring, clock) == [exam.exam_session_id]
    assert totals(dbs, exam) == TOTALS


def test_marking_again_is_a_new_run_with_the_same_digests(
    dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World
) -> None:
    for expected in (1, 2):
        assert runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason=REASON) == expected
    with reading(dbs) as db:
        first, second = (
            {row.entry_no: row.digest for row in db.exec(select(tables.Result).where(tables.Result.run_no == no))}
            for no in (1, 2)
        )
        assert first == second
        assert runs.latest(db, exam.exam_session_id).replaces == 1  # type: ignore[union-attr]
        assert results.changes(db, exam.exam_session_id, 1, 2) == []


def test_the_profile_decides(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    """Part marks: entry 2 chose one of the two right options of item 4 and gets half of 20."""
    with transaction(dbs) as db:
        session = db.get_one(ExamSession, exam.exam_session_id)
        session.profile = {**session.profile, "multiple_choice": "part_marks"}
        db.add(session)
    duty.mark_finished(dbs, keyring, clock)
    assert totals(dbs, exam) == {**TOTALS, 2: 70_00}


def test_keys_of_a_run_are_sealed(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    duty.mark_finished(dbs, keyring, clock)
    with reading(dbs) as db:
        rows = db.exec(select(tables.MarkingKey)).all()
        assert len(rows) == 2
        assert all(b"correct" not in row.sealed and b"slots" not in row.sealed for row in rows)
        opened = keys.of_run(db, keyring, exam.exam_session_id, 1)[exam.forms["A"]]
        assert [key.correct for _slot, key in sorted(opened.slots.items())] == [(1,), (1,), (1,), (1, 3), (1,)]


def _without_triggers(dbs: Databases, table: str, statement: str) -> None:
    """What somebody with the database in hand can do."""
    with dbs.write.begin() as connection:
        if dbs.is_sqlite:
            names = connection.exec_driver_sql(
                f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'"
            ).scalars()
            for name in list(names):
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        else:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("table", "statement", "entry_no", "slot"),
    [
        ("result", "UPDATE result SET total = 6000, passed = true WHERE entry_no = 3", 3, None),
        ("result", "UPDATE result SET digest = 'x' WHERE entry_no = 3", 3, None),
        ("result", "UPDATE result SET state = 'absent', total = NULL WHERE entry_no = 4", 4, None),
        ("result", "DELETE FROM result WHERE entry_no = 8", 8, None),
        ("item_mark", "UPDATE item_mark SET marks = 2000 WHERE entry_no = 3 AND slot = 4", 3, 4),
        ("item_mark", "UPDATE item_mark SET response = '[1,3]' WHERE entry_no = 3 AND slot = 4", 3, 4),
        ("item_mark", "DELETE FROM item_mark WHERE entry_no = 7 AND slot = 1", 7, 1),
        ("sitting", "UPDATE sitting SET head = (SELECT s.head FROM sitting s WHERE s.entry_no = 1) WHERE entry_no = 2", 2, None),
    ],
)
def test_one_row_edited_by_sql_is_named(
    dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World, table: str, statement: str, entry_no: int, slot: int | None
) -> None:
    duty.mark_finished(dbs, keyring, clock)
    _without_triggers(dbs, table, statement)
    with reading(dbs) as db:
        found = checks.verify_results(db, keyring, exam.exam_session_id)
    assert [(one.entry_no, one.slot) for one in found] == [(entry_no, slot)]


def test_an_edited_journal_is_named(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    duty.mark_finished(dbs, keyring, clock)
    with dbs.read.connect() as connection:
        body = connection.execute(
            text("SELECT body FROM journal_event WHERE entry_no = 3 AND kind = 'answered' ORDER BY n LIMIT 1")
        ).scalar_one()
    assert bytes(body).count(b'"value":[1]') == 1
    changed = bytes(body).replace(b'"value":[1]', b'"value":[2]').hex()
    literal = f"x'{changed}'" if dbs.is_sqlite else f"'\\x{changed}'::bytea"
    statement = f"UPDATE journal_event SET body = {literal} WHERE entry_no = 3 AND kind = 'answered' AND n = 4".replace(
        ":", "\\:"
    )
    _without_triggers(dbs, "journal_event", statement)
    with reading(dbs) as db:
        found = checks.verify_results(db, keyring, exam.exam_session_id)
    assert {one.entry_no for one in found} == {3}


def test_rows_refuse_update_and_delete(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    duty.mark_finished(dbs, keyring, clock)
    for statement in (
        "UPDATE result SET total = 1",
        "UPDATE item_mark SET marks = 1",
        "DELETE FROM item_mark",
        "UPDATE marking_run SET reason = 'x'",
        "UPDATE marking_run SET completed_at = NULL",
        "DELETE FROM marking_run",
    ):
        with pytest.raises(DBAPIError), transaction(dbs) as db:
            db.connection().exec_driver_sql(statement)


def test_figures(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    assert work.grade(dbs, keyring, clock) == [exam.exam_session_id]
    with reading(dbs) as db:
        body = results.figures(db, exam.exam_session_id, 1)
    assert body is not None
    form = body["forms"][0]
    assert (form["label"], form["n"]) == ("A", 4)  # absent and voided take no part
    assert [item["p"]["value"] for item in form["items"]] == [0.75, 0.75, 0.25, 0.25, 0.5]
    assert {tuple(item["item_total"]["too_few"]) for item in form["items"]} == {(4, 30)}
    third = form["items"][2]
    assert [(row["option"], row["all"]) for row in third["options"]] == [(1, 1), (2, 2), (3, 0), (4, 0)]
    assert third["blank"] == 1
    assert form["sd_marks"]["value"] == 41.6333  # sd of 100, 60, 40, 0: sqrt(5200 / 3) = 41.6333


def test_the_rules_of_a_run_stay_with_it(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    duty.mark_finished(dbs, keyring, clock)
    with transaction(dbs) as db:
        session = db.get_one(ExamSession, exam.exam_session_id)
        session.profile = SessionProfile(multiple_choice="part_marks").to_json()
        db.add(session)
    with reading(dbs) as db:
        run = runs.latest(db, exam.exam_session_id)
        assert run is not None
        assert MarkingRules(**run.rules) == MarkingRules()
        assert checks.verify_results(db, keyring, exam.exam_session_id) == []
