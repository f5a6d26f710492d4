"""The closer against everything it races with; outages; the bell; the end of an exam session. On both databases."""

import threading
from collections.abc import Iterator

import pytest

from server.audit import trail
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.keyring import Keyring
from server.registry.tables import ExamSession
from server.sitting.closer import Closer
from server.sitting.commands import Arrive, Close, Op, Open, Operations
from server.sitting.exams import exam_of
from server.sitting.opening import admit_entries, open_exam_session
from server.sitting.reading import board_rows, responses, sitting_story
from server.sitting.store import store_for
from server.sitting.writer import Writer
from tests import factories
from tests.sitting.conftest import Exam, make_exam
from tests.sitting.given import ANNA, ORDER

PEOPLE = 12


@pytest.fixture
def writer(dbs: Databases, clock: FakeClock) -> Iterator[Writer]:
    made = Writer(store_for(dbs.write), clock)
    made.start()
    yield made
    assert made.stop()


@pytest.fixture
def session(dbs: Databases, clock: FakeClock, keyring: Keyring) -> Exam:
    return make_exam(dbs, clock, keyring, entries=PEOPLE)


@pytest.fixture
def closer(dbs: Databases, writer: Writer, clock: FakeClock) -> Closer:
    made = Closer(dbs, writer, clock)
    made.begin()
    return made


def later(closer: Closer, clock: FakeClock, seconds: float) -> None:
    clock.advance(seconds)
    closer.beaten(clock.now())
    closer.tick()


def state(dbs: Databases, exam: Exam) -> str:
    with reading(dbs) as db:
        return db.get_one(ExamSession, exam.id).state


def open_all(dbs: Databases, writer: Writer, exam: Exam, people: range) -> None:
    with reading(dbs) as db:
        terms = exam_of(db.get_one(ExamSession, exam.id)).terms
    for no in people:
        device = f"pc-{no}"
        outcomes = writer.do_many(
            [
                Arrive(exam.id, no, device=device),
                Open(exam.id, no, device=device, page="page-one", terms=terms, order=ORDER, paper_digest="x"),
            ]
        )
        assert [outcome.code for outcome in outcomes] == ["ok", "ok"]


def test_the_bell_on_schedule_opens_once_burns_and_admits(
    dbs: Databases, closer: Closer, clock: FakeClock, session: Exam
) -> None:
    closer.tick()
    assert state(dbs, session) == "scheduled"
    later(closer, clock, 30 * 60)
    assert state(dbs, session) == "open"
    later(closer, clock, 1)
    with reading(dbs) as db:
        assert len(board_rows(db, session.id)) == PEOPLE
        verbs = [row.verb for row in trail.about(db, f"exam_session:{session.id}")]
        assert verbs.count("exam_session.opened") == 1
        burned = db.connection().exec_driver_sql("SELECT count(*) FROM paper_set WHERE burned_at IS NOT NULL")
        assert burned.scalar_one() == 1


def test_without_the_supervisor_it_stays_shut_unless_overridden(
    dbs: Databases, writer: Writer, closer: Closer, clock: FakeClock, keyring: Keyring
) -> None:
    exam = make_exam(dbs, clock, keyring, supervisor=False, entries=2)
    later(closer, clock, 30 * 60)
    assert state(dbs, exam) == "scheduled"
    reasons = open_exam_session(dbs, writer, exam.id, by=ANNA, now=clock.now())
    assert any("supervisor" in reason.message for reason in reasons)
    assert open_exam_session(dbs, writer, exam.id, by=ANNA, now=clock.now(), without_supervisor=True, reason="路上") == []
    assert state(dbs, exam) == "open"


def test_without_the_release_nothing_opens_it(
    dbs: Databases, writer: Writer, closer: Closer, clock: FakeClock, keyring: Keyring
) -> None:
    exam = make_exam(dbs, clock, keyring, entries=2, released=False)
    later(closer, clock, 30 * 60)
    assert state(dbs, exam) == "scheduled"
    reasons = open_exam_session(dbs, writer, exam.id, by=ANNA, now=clock.now(), without_supervisor=True, reason="路上")
    assert [reason.message for reason in reasons] == ["Two custodians have not released the paper yet."]
    with transaction(dbs) as db:
        factories.release(db, keyring, exam.id, clock.now())
    later(closer, clock, 60)
    assert state(dbs, exam) == "open"


def test_a_bell_missed_for_hours_waits_for_a_person(dbs: Databases, closer: Closer, clock: FakeClock, session: Exam) -> None:
    later(closer, clock, 30 * 60 + 2 * 3600 + 1)
    assert state(dbs, session) == "scheduled"


def test_everybody_ends_once_and_then_the_exam_session(
    dbs: Databases, writer: Writer, closer: Closer, clock: FakeClock, session: Exam
) -> None:
    later(closer, clock, 30 * 60)
    open_all(dbs, writer, session, range(1, 9))
    writer.do(Operations(session.id, 1, epoch=1, ops=[Op(1, item=2, value=[3])]))
    later(closer, clock, 5 * 60 + 2)
    with reading(dbs) as db:
        assert [row.state for row in board_rows(db, session.id)] == ["open"] * 8 + ["absent"] * 4
    later(closer, clock, 15 * 60 + 7)
    with reading(dbs) as db:
        assert {row.state for row in board_rows(db, session.id)} == {"open", "absent"}
    later(closer, clock, 4)
    later(closer, clock, 1)
    assert state(dbs, session) == "ended"
    with reading(dbs) as db:
        found = {one.entry_no: one for one in responses(db, session.id)}
        story = sitting_story(db, session.id, 1)
    assert (found[1].state, found[1].answers, found[12].state) == ("timed_out", {2: [3]}, "absent")
    assert story is not None
    assert story.chain_problem is None
    assert [event.kind for event in story.events][-2:] == ["answered", "timed_out"]


@pytest.mark.parametrize(
    ("after_closing", "pause"), [(9.0, 1.0), (10.4, 0.605), (10.95, 0.25), (11.1, 1.0)], ids=["far", "near", "now", "over"]
)
def test_the_next_round_is_when_somebody_is_due(
    dbs: Databases, writer: Writer, closer: Closer, clock: FakeClock, session: Exam, after_closing: float, pause: float
) -> None:
    later(closer, clock, 30 * 60)
    open_all(dbs, writer, session, range(1, PEOPLE + 1))
    later(closer, clock, 20 * 60 + after_closing)
    assert closer.pause_s == pytest.approx(pause)


@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
def test_i5_hand_in_races_the_closing_time(
    dbs: Databases, writer: Writer, closer: Closer, clock: FakeClock, session: Exam, offset_ms: int
) -> None:
    later(closer, clock, 30 * 60)
    people = range(1, PEOPLE + 1)
    open_all(dbs, writer, session, people)
    clock.advance(20 * 60 + 10)
    clock.advance(offset_ms / 1000)
    start = threading.Barrier(3)
    codes: dict[str, list[str]] = {"close": [], "submit": []}

    def propose() -> None:
        start.wait()
        codes["close"] += [writer.do(Close(session.id, no)).code for no in people]

    def submit() -> None:
        start.wait()
        for no in people:
            outcome = writer.do(Operations(session.id, no, epoch=1, ops=[Op(1, submit=True)]))
            codes["submit"].append(outcome.code)

    threads = [threading.Thread(target=work) for work in (propose, submit)]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join(30)
    with reading(dbs) as db:
        for no in people:
            story = sitting_story(db, session.id, no)
            assert story is not None
            ends = [event.kind for event in story.events if event.kind in ("submitted", "timed_out")]
            assert ends == (["timed_out"] if offset_ms > 0 else ["submitted"])
            assert story.chain_problem is None
    expected = {"late", "closed"} if offset_ms > 0 else {"ok"}
    assert set(codes["submit"]) <= expected


def test_admitting_again_changes_nothing(dbs: Databases, writer: Writer, session: Exam) -> None:
    assert admit_entries(dbs, writer, session.id)
    assert admit_entries(dbs, writer, session.id)
    with reading(dbs) as db:
        assert {row.version for row in board_rows(db, session.id)} == {1}
