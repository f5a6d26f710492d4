"""Outages and doubtful clocks against a real database of each kind: noted once, credited once, nobody closed before (I3, I4)."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from server.audit import trail
from server.audit.tables import AuditRow
from server.clock import FakeClock, References
from server.db import Databases, reading, transaction
from server.keyring import Keyring
from server.sitting import doubt, outages
from server.sitting.closer import Closer
from server.sitting.commands import Force, Op, Operations, Outcome, Pause
from server.sitting.doubt import Offsets
from server.sitting.reading import board_rows, sitting_story
from server.sitting.store import store_for
from server.sitting.tables import Outage, OutageEffect
from server.sitting.writer import Writer
from tests import factories
from tests.sitting.conftest import Exam, make_exam
from tests.sitting.given import ANNA
from tests.sitting.test_closer import later, open_all

PEOPLE = 4
MINUTE = timedelta(minutes=1)


class Server:
    """One process: writer and closer, wired as the core does it, with clocks that can be moved apart."""

    def __init__(self, dbs: Databases, clock: FakeClock) -> None:
        self.dbs, self.clock = dbs, clock
        self.wall_ahead = self.database_ahead = timedelta()
        self.writer = Writer(store_for(dbs.write), clock)
        self.writer.start()
        references = References(lambda: clock.now() + self.wall_ahead, lambda: clock.now() + self.database_ahead)
        self.closer = Closer(dbs, self.writer, clock, references)
        self.writer.hold = self.closer.vigil.hold
        self.closer.begin()

    def later(self, seconds: float) -> None:
        later(self.closer, self.clock, seconds)

    def answer(self, exam: Exam, no: int, op: int, item: int = 1) -> Outcome:
        return self.writer.do(Operations(exam.id, no, epoch=1, ops=[Op(op, item=item, value=[op])]))

    def states(self, exam: Exam) -> list[str]:
        with reading(self.dbs) as db:
            return [row.state for row in board_rows(db, exam.id)]

    def closes_at(self, exam: Exam, no: int) -> datetime | None:
        with reading(self.dbs) as db:
            return board_rows(db, exam.id)[no - 1].closes_at

    def effects(self, exam: Exam) -> list[tuple[OutageEffect, Outage]]:
        with reading(self.dbs) as db:
            return outages.listed(db, exam.id)


@pytest.fixture
def server(dbs: Databases, clock: FakeClock) -> Iterator[Server]:
    made = Server(dbs, clock)
    yield made
    assert made.writer.stop()


@pytest.fixture
def exam(server: Server, keyring: Keyring) -> Exam:
    """At work since the bell: candidates 1 to 4, 20 minutes each."""
    made = make_exam(server.dbs, server.clock, keyring, entries=PEOPLE)
    server.later(30 * 60)
    open_all(server.dbs, server.writer, made, range(1, PEOPLE + 1))
    return made


def test_i4_an_outage_over_the_closing_time_is_credited_and_answers_go_on(server: Server, exam: Exam) -> None:
    server.writer.do(Pause(exam.id, 4, actor=ANNA, reason="身体不适"))
    before = server.closes_at(exam, 1)
    assert before is not None
    server.clock.advance(25 * 60)  # nobody was alive
    server.closer.vigil.look()
    assert server.answer(exam, 1, 1).ok  # before the credit: held, not late
    assert server.answer(exam, 1, 2, item=2).ok
    server.closer.tick()
    assert server.answer(exam, 2, 1).ok
    assert [server.closes_at(exam, no) for no in (1, 2, 3, 4)] == [before + 25 * MINUTE] * 3 + [before]
    [(effect, outage)] = server.effects(exam)
    assert (effect.affected, effect.most_ms, effect.decision) == (3, 25 * 60_000, None)
    assert outage.until - outage.since == 25 * MINUTE
    with reading(server.dbs) as db:
        story = sitting_story(db, exam.id, 1)
        assert story is not None
        assert story.chain_problem is None
        assert [event.kind for event in story.events][-4:] == ["held", "held", "credited", "judged"]
        assert (story.answers.values, story.apart) == ({1: [1], 2: [2]}, [])
        assert "outage.credited" in [row.verb for row in trail.about(db, f"exam_session:{exam.id}")]
    server.later(20 * 60 + 12)
    assert server.states(exam) == ["ended"] * 3 + ["paused"]


def test_i3_several_processes_see_one_outage(server: Server, exam: Exam) -> None:
    server.clock.advance(60)
    others = [Server(server.dbs, server.clock) for _process in range(2)]
    server.closer.vigil.look()
    for one in (*others, server, *others):
        one.closer.tick()
    assert len(server.effects(exam)) == 1
    for no in range(1, PEOPLE + 1):
        with reading(server.dbs) as db:
            story = sitting_story(db, exam.id, no)
        assert story is not None
        assert [event.kind for event in story.events].count("credited") == 1
    for one in others:
        assert one.writer.stop()


def test_i3_the_same_gap_is_one_row_also_for_those_who_race(server: Server, exam: Exam) -> None:
    server.clock.advance(60)
    since, until = server.clock.now() - MINUTE, server.clock.now()
    for run in ("a", "b"):
        with transaction(server.dbs) as db:
            outages.note(db, since, until, run)
    with reading(server.dbs) as db:
        assert [row.run for row in db.exec(select(Outage))] == ["a"]
        [one] = outages.waiting(db)
    assert one.exam_session_id == exam.id
    for _process in range(2):
        outages.applied(server.dbs, one, until)
    with reading(server.dbs) as db:
        assert [row.verb for row in trail.about(db, f"exam_session:{exam.id}")].count("outage.credited") == 1


def test_one_process_that_stood_still_beside_another_is_no_outage(server: Server, exam: Exam) -> None:
    other = Server(server.dbs, server.clock)
    server.clock.advance(40)
    other.closer.beaten(server.clock.now())
    server.closer.tick()
    assert server.effects(exam) == []
    assert other.writer.stop()


@pytest.mark.parametrize(("seconds", "noted"), [(5, 0), (5.001, 1)])
def test_a_quick_start_is_no_outage(server: Server, exam: Exam, seconds: float, noted: int) -> None:
    server.clock.advance(seconds)
    again = Server(server.dbs, server.clock)
    assert len(server.effects(exam)) == noted
    assert again.writer.stop()


def test_i4_a_process_whose_record_is_old_holds_everything(server: Server, exam: Exam) -> None:
    vigil = server.closer.vigil
    vigil._strict = True  # as after `start`
    server.clock.advance(15)
    assert vigil.hold(exam.id) is None
    server.clock.advance(0.01)
    assert vigil.hold(exam.id) == "outage"
    server.closer.tick()
    assert vigil.hold(exam.id) is None


def test_i4_the_hold_lasts_until_every_credit_is_stored(server: Server, exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the credits are to be stored: nobody is told so, everybody stays held, and the next round credits."""
    server.clock.advance(60)
    vigil = server.closer.vigil

    def full(_connection: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(server.writer.store, "commit", full)
    server.closer.tick()
    assert (vigil.hold(exam.id), server.effects(exam)[0][0].applied_at) == ("outage", None)
    monkeypatch.undo()
    server.closer.tick()
    assert (vigil.hold(exam.id), server.effects(exam)[0][0].affected) == (None, PEOPLE)


def test_i4_the_hold_lasts_until_what_waits_is_stored(server: Server, exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that came while the credits were stored is still on its way: it must not meet the end of the hold."""
    server.clock.advance(60)
    commit, let_through = server.writer.store.commit, threading.Event()
    waiting: list[Future[Outcome]] = []

    def slowly(connection: Any) -> None:
        if waiting:
            assert let_through.wait(20)
        else:
            waiting.append(server.writer.submit(Operations(exam.id, 1, epoch=1, ops=[Op(1, item=1, value=[1])])))
        commit(connection)

    monkeypatch.setattr(server.writer.store, "commit", slowly)
    server.closer.tick()
    assert server.closer.vigil.hold(exam.id) == "outage"
    let_through.set()
    assert waiting[0].result(20).ok
    assert wait_until(lambda: server.writer.drained)
    server.closer.tick()
    assert server.closer.vigil.hold(exam.id) is None


def wait_until(holds: Callable[[], bool]) -> bool:
    for _attempt in range(500):
        if holds():
            return True
        time.sleep(0.01)
    return False


def test_an_outage_without_anybody_at_work_holds_nobody(server: Server, exam: Exam) -> None:
    for no in range(1, PEOPLE + 1):
        assert server.writer.do(Force(exam.id, no, actor=ANNA, reason="收卷")).ok
    server.clock.advance(60)
    server.closer.vigil.look()
    with reading(server.dbs) as db:
        assert len(db.exec(select(Outage)).all()) == 1
    assert (server.effects(exam), server.closer.vigil.hold(exam.id)) == ([], None)


def test_more_than_the_limit_is_not_credited(server: Server, exam: Exam) -> None:
    server.clock.advance(70 * 60)
    server.closer.tick()
    [(effect, _outage)] = server.effects(exam)
    assert effect.most_ms == 45 * 60_000
    server.later(1)
    assert server.states(exam) == ["ended"] * PEOPLE


def test_a_withdrawal_takes_what_is_left_and_keeps_what_was_given(server: Server, exam: Exam) -> None:
    server.clock.advance(25 * 60)
    server.closer.tick()
    assert server.answer(exam, 1, 1).ok
    with transaction(server.dbs) as db:
        people = [factories.person(db, exam.place.institution_id, server.clock.now()) for _one in range(2)]
    first, second = (trail.Actor("staff", one, "考务", exam.place.institution_id) for one in people)
    [(effect, _outage)] = server.effects(exam)
    alone = outages.withdraw(server.dbs, server.writer, effect.outage_id, exam.id, actor=first, second=None, reason="误判")
    assert {outcome.code for outcome in alone} == {"needs_second"}
    two = outages.withdraw(server.dbs, server.writer, effect.outage_id, exam.id, actor=first, second=second, reason="误判")
    assert {outcome.code for outcome in two} == {"ok"}
    said = {"actor": first, "second": second, "reason": "误判", "now": server.clock.now()}
    for expected in (True, False):
        with transaction(server.dbs) as db:
            assert outages.decide(db, effect.outage_id, exam.id, "withdrawn", **said) is expected  # type: ignore[arg-type]
    server.later(12)
    assert server.states(exam) == ["ended"] * PEOPLE
    with reading(server.dbs) as db:
        story = sitting_story(db, exam.id, 1)
    assert story is not None
    assert story.answers.values == {1: [1]}


STEPS = [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=1), timedelta(days=-1)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("which", ["wall_ahead", "database_ahead"])
def test_i4_with_a_suspect_clock_nobody_is_closed_or_late(server: Server, exam: Exam, which: str, step: timedelta) -> None:
    setattr(server, which, step)
    server.later(20 * 60 + 30)
    assert server.closer.doubt.suspect is not None
    assert server.states(exam) == ["open"] * PEOPLE
    assert server.answer(exam, 1, 1).ok
    setattr(server, which, timedelta())  # they agree again
    server.later(1)
    server.later(1)
    assert server.states(exam) == ["ended"] * PEOPLE
    with reading(server.dbs) as db:
        story = sitting_story(db, exam.id, 1)
        assert [row.verb for row in trail.about(db, "clock")] == ["clock.suspect", "clock.agreed"]
    assert story is not None
    assert [(kept.op, kept.reason) for kept in story.apart] == [(1, "late")]


@pytest.mark.parametrize(("ms", "suspect"), [(2_000, False), (2_001, True), (-2_000, False), (-2_001, True)])
def test_two_seconds_are_agreement(server: Server, ms: int, suspect: bool) -> None:
    server.wall_ahead = timedelta(milliseconds=ms)
    server.closer.tick()
    assert (server.closer.doubt.suspect is not None) is suspect


@pytest.mark.parametrize("chosen", ["server", "wall"])
def test_a_person_says_which_clock_is_right(server: Server, exam: Exam, chosen: str) -> None:
    server.wall_ahead = 10 * MINUTE
    server.later(1)
    found = server.closer.doubt.suspect
    assert found == Offsets(wall_ms=600_000)
    with transaction(server.dbs) as db:
        person = factories.person(db, exam.place.institution_id, server.clock.now())
        who = trail.Actor("staff", person, "考务", exam.place.institution_id)
        doubt.decide(db, who, found, chosen, "已核对电台时间", server.clock.now())
    before = server.closes_at(exam, 1)
    server.later(1)
    assert server.closer.doubt.suspect is None
    assert server.closes_at(exam, 1) == before  # whoever is at work goes on by the counter
    now = server.clock.now()
    server.closer.tick()
    assert server.clock.now() == now
    server.wall_ahead += timedelta(seconds=3)  # and it moves again
    server.later(1)
    assert server.closer.doubt.suspect is not None
    with reading(server.dbs) as db:
        row = db.exec(select(AuditRow).where(col(AuditRow.verb) == "clock.confirmed")).one()
    assert (row.actor_id, row.detail["chosen"], row.detail["wall_ms"]) == (person, chosen, 600_000)


def test_a_wall_clock_found_right_is_taken_over_when_nobody_is_at_work(server: Server, keyring: Keyring) -> None:
    server.wall_ahead = 10 * MINUTE
    server.later(1)
    with transaction(server.dbs) as db:
        place = factories.place(db)
        person = factories.person(db, place.institution_id, server.clock.now())
        who = trail.Actor("staff", person, "考务", place.institution_id)
        doubt.decide(db, who, Offsets(wall_ms=600_000), "wall", "已核对电台时间", server.clock.now())
    before = server.clock.now()
    server.closer.tick()
    assert server.clock.now() - before == 10 * MINUTE


def test_a_database_that_answers_slowly_has_not_said_the_time(server: Server) -> None:
    def slow() -> datetime:
        at: Any = server.clock.now() + timedelta(hours=1)
        server.clock.advance(1.5)
        return at  # type: ignore[no-any-return]

    server.closer.doubt.references = References(server.clock.now, slow)
    server.closer.doubt.look()
    assert server.closer.doubt.suspect is None


def test_no_bell_by_itself_with_a_suspect_clock(server: Server, keyring: Keyring) -> None:
    made = make_exam(server.dbs, server.clock, keyring, entries=1)
    server.wall_ahead = timedelta(days=1)
    server.later(30 * 60)
    assert server.states(made) == []
    server.wall_ahead = timedelta()
    server.later(1)
    assert server.states(made) == ["admitted"]
