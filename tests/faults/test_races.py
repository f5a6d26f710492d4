"""Races against the real writer on both databases (I3, I4, I5, I6): whoever wins, there is one end and one receipt.

Threads send at the same moment through two writers on one database, as two processes do. `RACES` of each kind in the ordinary
run; `make faults` runs 1,000 (`RACES_OF_A_KIND=1000`).
"""

import itertools
import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import pytest

from server.clock import FakeClock
from server.db import Databases
from server.sitting.commands import Close, Command, Op, Operations, Outcome, TakeOver
from server.sitting.events import END_KINDS, check_chain
from server.sitting.state import Sitting, fold
from server.sitting.store import store_for, to_datetime
from server.sitting.writer import Writer
from tests.sitting.given import ANNA, BELL, CLOSING, GRACE, MINUTE
from tests.sitting.test_writer import EXAM, ready

RACES = int(os.environ.get("RACES_OF_A_KIND", "25"))
_numbers = itertools.count(1)


class Two:
    """Two writers on one database, and a clock each."""

    def __init__(self, dbs: Databases, clock: FakeClock) -> None:
        self.clock = clock
        self.writers = [Writer(store_for(dbs.write), clock) for _ in range(2)]
        for one in self.writers:
            one.start()

    def open(self, people: list[int]) -> None:
        self.clock.set(to_datetime(BELL))
        outcomes = self.writers[0].do_many([command for no in people for command in ready(no)])
        assert all(outcome.ok for outcome in outcomes)

    def race(self, commands: list[tuple[int, Command]]) -> list[Outcome]:
        """Each command from a thread of its own, through the writer of that number, as near to one moment as threads can."""
        start = threading.Barrier(len(commands))
        futures: list[Future[Outcome] | None] = [None] * len(commands)

        def send(place: int, which: int, command: Command) -> None:
            start.wait()
            futures[place] = self.writers[which].submit(command)

        threads = [threading.Thread(target=send, args=(n, *given)) for n, given in enumerate(commands)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [future.result(30) for future in futures if future is not None]

    def stored(self, entry_no: int) -> tuple[Sitting, list[Any]]:
        store = self.writers[0].store
        with closing(store.connect()) as connection:
            row = store.peek(connection, [(EXAM, entry_no)])[0]
            events = store.read_events(connection, (EXAM, entry_no))
        assert check_chain(EXAM, entry_no, events) == row.head
        assert fold(EXAM, entry_no, events) == row
        return row, events


@pytest.fixture
def two(dbs: Databases, clock: FakeClock) -> Iterator[Two]:
    made = Two(dbs, clock)
    yield made
    assert all(one.stop() for one in made.writers)


def submit(no: int, op: int = 1, epoch: int = 1) -> Operations:
    return Operations(EXAM, no, epoch=epoch, ops=[Op(op, submit=True)])


def people_of(two: Two, count: int = RACES) -> list[int]:
    people = [next(_numbers) for _ in range(count)]
    two.open(people)
    return people


def one_end(two: Two, no: int) -> tuple[Sitting, str | None]:
    row, events = two.stored(no)
    ends = [event.kind for event in events if event.kind in END_KINDS]
    assert len(ends) <= 1
    return row, ends[0] if ends else None


def test_i5_submit_against_itself_gives_one_end_and_one_receipt(two: Two) -> None:
    people = people_of(two)
    two.clock.set(to_datetime(BELL + 6 * MINUTE))
    for no in people:
        outcomes = two.race([(n % 2, submit(no)) for n in range(4)])
        assert {outcome.code for outcome in outcomes} == {"ok"}
        row, end = one_end(two, no)
        assert end == "submitted"
        assert row.receipt is not None
        assert [outcome.sitting and outcome.sitting.receipt for outcome in outcomes] == [row.receipt] * 4


def test_i4_i5_submit_against_the_closing_time(two: Two) -> None:
    people = people_of(two)
    two.clock.set(to_datetime(CLOSING + GRACE))
    rng = random.Random(1)
    ends = set()
    for no in people:
        late = rng.choice((0, 0, 1))  # the last moment that counts, or a millisecond after it
        two.clock.set(to_datetime(CLOSING + GRACE + late))
        outcomes = two.race([(0, submit(no)), (1, Close(EXAM, no)), (0, Close(EXAM, no)), (1, submit(no))])
        two.clock.set(to_datetime(CLOSING + GRACE + 1))
        last = two.race([(0, Close(EXAM, no)), (1, Close(EXAM, no))])
        row, end = one_end(two, no)
        ends.add(end)
        assert {outcome.code for outcome in last} == {"ok"}
        assert end == ("timed_out" if late else "submitted")
        codes = [outcome.code for outcome in outcomes]
        assert set(codes[::3]) <= ({"late", "closed"} if late else {"ok"})
        receipts = [outcome.sitting.receipt for outcome in (*outcomes, *last) if outcome.sitting and outcome.sitting.receipt]
        assert receipts == [row.receipt] * len(receipts)
    assert ends == {"timed_out", "submitted"}


def test_i6_submit_against_a_take_over(two: Two) -> None:
    people = people_of(two)
    two.clock.set(to_datetime(BELL + 6 * MINUTE))
    ends = set()
    for turn, no in enumerate(people):
        commands = [(0, submit(no)), (1, TakeOver(EXAM, no, actor=ANNA, reason="死机")), (1, submit(no))]
        outcomes = two.race(commands if turn % 2 else commands[::-1])
        outcomes = outcomes if turn % 2 else outcomes[::-1]
        row, end = one_end(two, no)
        ends.add(end)
        submits = {outcomes[0].code, outcomes[2].code}
        if end == "submitted":
            assert "ok" in submits
            # a submission before the take-over ends it: the take-over comes too late, or was first and fences both
            assert outcomes[1].code == "closed"
            assert row.epoch == 1
        else:
            assert submits == {"fenced"}
            assert outcomes[1].ok
            assert row.epoch == 2
            assert row.receipt is None
    assert RACES < 100 or ends == {None, "submitted"}  # with so many each has won at least once


def test_i3_answers_against_answers(two: Two) -> None:
    """The same number with different contents at one moment: one is stored, the others are forks, whatever the writer."""
    for no in people_of(two):
        contents = [[1], [2], [3], [1, 2]]
        commands: list[tuple[int, Command]] = [
            (n % 2, Operations(EXAM, no, epoch=1, ops=[Op(1, item=1, value=value)])) for n, value in enumerate(contents)
        ]
        codes = [outcome.code for outcome in two.race(commands)]
        assert sorted(codes) == ["fork", "fork", "fork", "ok"]
        _row, events = two.stored(no)
        assert [event.data["value"] for event in events if event.kind == "answered"] == [contents[codes.index("ok")]]
