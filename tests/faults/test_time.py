"""Time in trouble: an outage across a closing time, clock steps, a stopped process (I4)."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from server import clock as clock_module
from server.clock import FakeClock, References, SystemClock
from server.db import Databases
from server.sitting.core import Core
from server.sitting.doubt import ClockDoubt
from server.sitting.store import to_datetime, to_ms
from server.sitting.times import RETURN_MS
from tests.sitting.conftest import Candidate, Exam
from tests.sitting.given import BELL

DURATION_S = 20 * 60


def enter_and_open(candidate: Callable[[int], Candidate], ring: Callable[[], None], numbers: range) -> list[Candidate]:
    people = [candidate(no) for no in numbers]
    for one in people:
        assert one.enter().status_code == 303
    ring()
    for one in people:
        assert one.open().status_code == 200
        assert one.ops({"op": 1, "item": 1, "value": [1]}).status_code == 200
    return people


@pytest.mark.parametrize("step", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=1), timedelta(days=-1)])
def test_i4_a_step_of_the_wall_clock_moves_no_time(
    step: timedelta, monkeypatch: pytest.MonkeyPatch, sqlite_dbs: Databases
) -> None:
    """The product's clock runs on the monotonic counter: a wrong or corrected wall clock moves nobody's closing time."""
    offsets = itertools.chain([timedelta()], itertools.repeat(step))
    wall = clock_module.wall_clock
    stepped = SystemClock(lambda: wall() + next(offsets))
    before = stepped.now()
    monkeypatch.setattr(clock_module, "wall_clock", lambda: wall() + step)
    assert abs(stepped.now() - before) < timedelta(seconds=5)
    doubt = ClockDoubt(sqlite_dbs, stepped, References(clock_module.wall_clock))
    doubt.look()
    assert doubt.suspect is not None  # and the step is seen
    assert abs(timedelta(milliseconds=doubt.suspect.wall_ms) - step) < timedelta(seconds=5)


def test_i4_time_never_runs_backwards_in_a_journal(
    candidate: Callable[[int], Candidate], ring: Callable[[], None], clock: FakeClock, core: Core, exam: Exam
) -> None:
    one = enter_and_open(candidate, ring, range(1, 2))[0]
    clock.advance(-3600)
    assert one.ops({"op": 2, "item": 2, "value": [1]}).status_code == 200
    clock.advance(3600 + 60)
    assert one.ops({"op": 3, "item": 3, "value": [1]}).status_code == 200
    store = core.writer.store
    connection: Any = store.connect()
    times = [found.at for found in store.read_events(connection, (exam.id, 1))]
    connection.close()
    assert times == sorted(times)


def test_i4_i5_ten_minutes_without_a_database_across_the_closing_time(
    candidate: Callable[[int], Candidate], ring: Callable[[], None], clock: FakeClock, core: Core, exam: Exam
) -> None:
    """Nothing can be stored from 5 minutes before the end to 5 minutes after it. Nobody is told "saved"; everybody is held,
    gets all of it back, and what is sent again afterwards is stored and in time; each sitting ends once, behind it.
    Real processes do the same in `test_real_outages.py`."""
    people = enter_and_open(candidate, ring, range(1, 4))
    clock.advance(DURATION_S - 300)
    core.closer.beaten(clock.now())
    down = [True]

    def refuse(*_given: Any) -> None:
        if down[0]:
            raise OSError("the database is away")

    event.listen(core.dbs.write, "do_connect", refuse)
    core.dbs.write.dispose()
    core.writer._drop_connection()
    answers = [one.ops({"op": 2, "item": 2, "value": [2]}) for one in people]
    assert [answer.status_code for answer in answers] == [503] * 3
    clock.advance(600)
    assert people[0].ops({"op": 2, "item": 2, "value": [2]}).status_code == 503
    down[0] = False
    event.remove(core.dbs.write, "do_connect", refuse)

    core.closer.tick()  # the beat finds that nobody was alive across the closing time
    statuses = [one.pulse().json() for one in people]
    assert [status["state"] for status in statuses] == ["open"] * 3
    assert [status["outage_ms"] for status in statuses] == [600_000] * 3
    answers = [one.ops({"op": 2, "item": 2, "value": [2]}) for one in people]
    assert [answer.status_code for answer in answers] == [200] * 3  # held, credited, nobody late
    for _round in range(40):
        clock.advance(60)
        core.closer.beaten(clock.now())
        core.closer.tick()
    store = core.writer.store
    connection: Any = store.connect()
    for no in (1, 2, 3):
        events = store.read_events(connection, (exam.id, no))
        ends = [found for found in events if found.kind == "timed_out"]
        assert len(ends) == 1
        assert to_datetime(ends[0].at) > exam.starts_at + timedelta(seconds=DURATION_S + 300, milliseconds=RETURN_MS)
    rows = connection.execute("SELECT count(*) FROM quarantined_operation").fetchone()[0]
    stored = connection.execute("SELECT count(*) FROM journal_event WHERE op = 2").fetchone()[0]
    connection.close()
    assert (rows, stored) == (0, 3)


def test_i4_a_process_that_stood_still_closes_nobody_for_it(
    candidate: Callable[[int], Candidate], ring: Callable[[], None], clock: FakeClock, core: Core
) -> None:
    """SIGSTOP for 30 s across a closing time, as the closer sees it: the counter has jumped, the stop is an outage."""
    one = enter_and_open(candidate, ring, range(1, 2))[0]
    clock.advance(DURATION_S - 10)
    core.closer.beaten(clock.now())
    clock.advance(30)
    core.closer.tick()
    status = one.pulse().json()
    assert (status["state"], status["remaining_ms"], status["outage_ms"]) == ("open", 60_000, 80_000)


def test_milliseconds_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """`now_ms` counts without the objects of `now`: they agree at each moment, also after a new anchor."""
    ns = [5_000_000_000]
    monkeypatch.setattr(clock_module.time, "monotonic_ns", lambda: ns[0])
    made = SystemClock(lambda: to_datetime(BELL) + timedelta(microseconds=999))
    for step in (0, 999, 1_000, 1_001, 999_999, 123_456_789_012):
        ns[0] += step
        assert made.now_ms() == to_ms(made.now())
    made.anchor_again(to_datetime(BELL) - timedelta(days=1, microseconds=1))
    assert made.now_ms() == to_ms(made.now()) == BELL - 86_400_001
