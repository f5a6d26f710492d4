"""The writer on SQLite and PostgreSQL: durable before answered, idempotent, one door, a bad command harms nobody else."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from server.clock import FakeClock
from server.db import Databases
from server.sitting import store as sql
from server.sitting.commands import (
    Admit,
    AdmitLate,
    Arrive,
    Close,
    Command,
    Credit,
    KeptApart,
    MarkIdentity,
    Message,
    Op,
    Open,
    Operations,
    Outcome,
)
from server.sitting.events import check_chain
from server.sitting.state import Sitting, fold
from server.sitting.store import Connection, Store, store_for, to_datetime
from server.sitting.writer import Writer
from tests.sitting.given import ANNA, BELL, BORIS, CLOSING, GRACE, MINUTE, ORDER, PC, TERMS

EXAM = 7


@pytest.fixture
def now(clock: FakeClock) -> FakeClock:
    clock.set(to_datetime(BELL))
    return clock


@pytest.fixture
def writer(dbs: Databases, now: FakeClock) -> Iterator[Writer]:
    made = Writer(store_for(dbs.write), now)
    made.start()
    yield made
    assert made.stop()


def ready(entry_no: int, exam: int = EXAM) -> list[Command]:
    """The commands that bring a sitting to its opening."""
    return [
        Admit(exam, entry_no, institution_id=1, room_id=3, form_id=5),
        Arrive(exam, entry_no, device=PC),
        MarkIdentity(exam, entry_no, actor=ANNA, reason=""),
        Open(exam, entry_no, device=PC, page="page-one", terms=TERMS, order=ORDER, paper_digest="ab"),
    ]


def answer(entry_no: int, op: int, value: int = 1, epoch: int = 1, item: int = 1) -> Operations:
    return Operations(EXAM, entry_no, epoch=epoch, ops=[Op(op, item=item, value=[value])])


def stored(writer: Writer, entry_no: int) -> Sitting:
    """The row, checked against the fold of the journal and the chain (I2)."""
    with closing(writer.store.connect()) as connection:
        row = writer.store.peek(connection, [(EXAM, entry_no)])[0]
        events = writer.store.read_events(connection, (EXAM, entry_no))
    assert check_chain(EXAM, entry_no, events) == row.head
    assert fold(EXAM, entry_no, events) == row
    return row


def count(writer: Writer, table: str) -> int:
    with writer.store.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_i1_i2_what_is_answered_is_stored_and_folds(writer: Writer) -> None:
    assert [outcome.code for outcome in writer.do_many(ready(1))] == ["ok"] * 4
    outcome = writer.do(Operations(EXAM, 1, epoch=1, ops=[Op(n, item=n, value=[n], dt_ms=n) for n in (1, 2)]))
    assert outcome.ok
    row = stored(writer, 1)
    assert row == outcome.sitting
    assert (row.ack, row.answered, row.state) == (2, 0b11, "open")


def test_every_kind_of_event_survives_the_database(writer: Writer, now: FakeClock) -> None:
    writer.do_many(ready(1))
    writer.do(Message(EXAM, 1, actor=ANNA, reason="", text="请注意 <时间> \U00020bb7"))
    writer.do(Credit(EXAM, 1, actor=ANNA, reason="断电", ms=6 * MINUTE, second=BORIS))
    writer.do(Operations(EXAM, 1, epoch=1, ops=[Op(1, item=3, flag=True), Op(2, item=2, report="图不清")]))
    now.set(to_datetime(CLOSING + 6 * MINUTE + GRACE + 1))
    assert writer.do(Close(EXAM, 1)).ok
    row = stored(writer, 1)
    assert row.end_kind == "timed_out"
    assert row.receipt is not None


def test_i3_repeats_in_any_order_are_stored_once(writer: Writer) -> None:
    writer.do_many(ready(1))
    sent = [answer(1, op, value=op % 3 + 1, item=op % 3 + 1) for op in range(1, 31)] * 3
    random.Random(5).shuffle(sent)
    waiting = list(sent)
    while waiting:
        outcomes = writer.do_many(waiting)
        waiting = [command for command, outcome in zip(waiting, outcomes, strict=True) if outcome.code == "gap"]
    row = stored(writer, 1)
    assert row.ack == 30
    assert count(writer, "journal_event") == 4 + 30


def test_i3_a_fork_is_refused_also_within_one_batch(writer: Writer) -> None:
    writer.do_many(ready(1))
    futures = [writer.submit(command) for command in (answer(1, 1, 1), answer(1, 1, 2), answer(1, 1, 1))]
    assert [future.result(10).code for future in futures] == ["ok", "fork", "ok"]
    assert writer.do(answer(1, 1, 3)).code == "fork"
    assert count(writer, "quarantined_operation") == 2
    stored(writer, 1)


def test_quarantine_keeps_each_content_once_and_two_people_admit_it(writer: Writer, now: FakeClock) -> None:
    writer.do_many(ready(1))
    now.set(to_datetime(CLOSING + GRACE + 1))
    for _again in range(3):
        assert writer.do(answer(1, 1, 2)).code == "late"
    assert count(writer, "quarantined_operation") == 1
    writer.do(Close(EXAM, 1))
    with writer.store.engine.connect() as connection:
        digest = connection.execute(text("SELECT digest FROM quarantined_operation")).scalar_one()
    kept = [KeptApart(1, 1, digest, {"item": 1, "value": [2]})]
    assert writer.do(AdmitLate(EXAM, 1, actor=ANNA, reason="断网", second=BORIS, operations=kept)).ok
    with writer.store.engine.connect() as connection:
        assert connection.execute(text("SELECT admitted_n FROM quarantined_operation")).scalar_one() == 6
    assert stored(writer, 1).answered == 1


def test_audit_rows_are_written_with_the_act(writer: Writer) -> None:
    writer.do_many(ready(1))
    writer.do(Credit(EXAM, 1, actor=ANNA, reason="断电", ms=6 * MINUTE))
    with writer.store.engine.connect() as connection:
        rows = connection.execute(text("SELECT verb, subject, actor_id FROM audit_row ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [("sitting.mark_identity", "sitting:7-1", 1), ("sitting.credit", "sitting:7-1", 1)]


def test_many_threads_many_sittings(writer: Writer) -> None:
    people = range(1, 21)
    for person in people:
        writer.do_many(ready(person))
    problems: list[str] = []

    def sit(entry_no: int) -> None:
        for op in range(1, 26):
            outcome = writer.do(answer(entry_no, op, value=op % 3 + 1, item=op % 3 + 1))
            if not outcome.ok or outcome.sitting is None or outcome.sitting.ack != op:
                problems.append(outcome.code)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(sit, people))
    assert problems == []
    assert {stored(writer, person).ack for person in people} == {25}
    assert writer.batches < writer.commands


def test_two_writers_on_one_database_do_not_lose_a_thing(dbs: Databases, now: FakeClock) -> None:
    writers = [Writer(store_for(dbs.write), now) for _ in range(2)]
    for one in writers:
        one.start()
    writers[0].do_many([command for person in range(1, 6) for command in ready(person)])
    lock = threading.Lock()
    acked: dict[int, int] = dict.fromkeys(range(1, 6), 0)

    def sit(entry_no: int) -> None:
        rng = random.Random(entry_no)
        for op in range(1, 21):
            outcome = rng.choice(writers).do(answer(entry_no, op))
            assert outcome.ok
            with lock:
                acked[entry_no] = op

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(sit, acked))
    for entry_no, op in acked.items():
        assert stored(writers[0], entry_no).ack == op
    assert all(one.stop() for one in writers)


def test_asyncio_callers_are_answered(writer: Writer) -> None:
    async def act() -> list[Outcome]:
        await writer.ask_many(ready(1))
        return await asyncio.gather(*(writer.ask(answer(1, op)) for op in range(1, 11)))

    assert [outcome.code for outcome in asyncio.run(act())] == ["ok"] * 10
    assert stored(writer, 1).ack == 10


class Counted:
    """A driver's connection that counts its statements."""

    def __init__(self, inner: Any, counted: list[str]) -> None:
        self.inner, self.counted = inner, counted

    def cursor(self) -> Any:
        cursor, counted = self.inner.cursor(), self.counted

        class Cursor:
            def execute(self, statement: str, *parameters: Any) -> Any:
                counted.append(statement)
                return cursor.execute(statement, *parameters)

            def executemany(self, statement: str, rows: Any) -> Any:
                counted.append(statement)
                return cursor.executemany(statement, rows)

            def __getattr__(self, name: str) -> Any:
                return getattr(cursor, name)

        return Cursor()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_statements_do_not_grow_with_the_batch(dbs: Databases, now: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    original = Store.connect
    monkeypatch.setattr(Store, "connect", lambda self: Counted(original(self), counted))
    writer = Writer(store_for(dbs.write), now)
    sizes = []
    queued = [writer.submit(command) for person in range(1, 41) for command in ready(person)]
    writer.start()
    assert all(future.result(20).ok for future in queued)
    for people in (range(1, 3), range(3, 41)):
        writer.stop()
        writer = Writer(store_for(dbs.write), now)
        futures = [writer.submit(answer(person, 1)) for person in people]
        counted.clear()
        writer.start()
        assert {future.result(20).code for future in futures} == {"ok"}
        writer.stop()
        sizes.append(len(counted))
    assert sizes == [5, 5]  # begin, lock and read, events, rows, commit


class Sabotaged:
    """A store whose steps can be told to fail; everything else is the real one's."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.before_events: list[Exception] = []
        self.poison: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def add_events(self, connection: Connection, events: Any) -> None:
        rows = list(events)
        if any(key[1] in self.poison for key, _event in rows):
            raise IntegrityError("poisoned", None, sqlite3.IntegrityError("poisoned"))
        self.inner.add_events(connection, rows)
        if self.before_events:
            raise self.before_events.pop(0)


@pytest.fixture
def sabotaged(dbs: Databases, now: FakeClock) -> Iterator[tuple[Writer, Sabotaged]]:
    store = Sabotaged(store_for(dbs.write))
    writer = Writer(store, now)
    writer.start()
    writer.do_many([command for person in range(1, 9) for command in ready(person)])
    yield writer, store
    assert writer.stop()


def test_a_poisoned_command_harms_no_batch_mate(sabotaged: tuple[Writer, Sabotaged]) -> None:
    writer, store = sabotaged
    store.poison = {5}
    futures = {person: writer.submit(answer(person, 1)) for person in range(1, 9)}
    codes = {person: future.result(20).code for person, future in futures.items()}
    assert codes == {person: "failed" if person == 5 else "ok" for person in range(1, 9)}
    store.poison = set()
    assert stored(writer, 5).ack == 0
    assert stored(writer, 6).ack == 1


def test_a_crash_between_decision_and_commit_stores_nothing_and_says_unknown(
    sabotaged: tuple[Writer, Sabotaged],
) -> None:
    writer, store = sabotaged
    store.before_events = [OSError("power cut")]
    assert writer.do(answer(1, 1)).code == "storage"
    assert stored(writer, 1).ack == 0
    assert writer.do(answer(1, 1)).ok
    assert stored(writer, 1).ack == 1


def test_a_lock_is_waited_for(sabotaged: tuple[Writer, Sabotaged]) -> None:
    writer, store = sabotaged
    busy = OperationalError("x", None, sqlite3.OperationalError("database is locked"))
    store.before_events = [busy, busy, busy]
    assert writer.do(answer(1, 1)).ok
    assert stored(writer, 1).ack == 1


def test_a_lost_connection_is_unknown_then_recovers(sabotaged: tuple[Writer, Sabotaged]) -> None:
    writer, store = sabotaged
    gone = OperationalError("x", None, sqlite3.OperationalError("disk I/O error"))
    store.before_events = [gone]
    assert writer.do(answer(1, 1)).code == "storage"
    assert writer.do(answer(1, 1)).ok


def test_a_rule_that_breaks_harms_only_its_command(writer: Writer) -> None:
    class Strange(Command, frozen=True):
        """No rule knows it."""

    writer.do_many(ready(1))
    futures = [writer.submit(command) for command in (answer(1, 1), Strange(EXAM, 1), answer(1, 2))]
    assert [future.result(10).code for future in futures] == ["ok", "failed", "ok"]


def test_two_writers_never_decide_by_an_old_state(writer: Writer, dbs: Databases, now: FakeClock) -> None:
    """I2, I3: what a writer remembers of a sitting counts only while the row still ends in the same head."""
    other = Writer(store_for(dbs.write), now)
    other.start()
    assert all(outcome.ok for outcome in writer.do_many(ready(1)))
    for op in range(1, 7):
        outcome = (writer if op % 2 else other).do(answer(1, op, value=op))
        assert outcome.code == "ok"
    assert other.stop()
    assert stored(writer, 1).ack == 6


def test_a_full_queue_answers_at_once(dbs: Databases, now: FakeClock) -> None:
    writer = Writer(store_for(dbs.write), now, capacity=3)
    futures = [writer.submit(answer(1, 1)) for _ in range(4)]
    assert futures[3].result(0).code == "busy"
    writer.start()
    assert futures[0].result(10).code == "unknown"
    assert writer.stop()


def test_stopping_writes_what_is_queued_and_refuses_the_rest(dbs: Databases, now: FakeClock) -> None:
    writer = Writer(store_for(dbs.write), now)
    futures = [writer.submit(command) for person in range(1, 101) for command in ready(person)]
    writer.start()
    assert writer.stop()
    assert {future.result(0).code for future in futures} == {"ok"}
    assert writer.do(answer(1, 1)).code == "shutdown"


def test_in_a_crowd_a_batch_waits_for_its_mates_and_alone_nobody_waits(
    dbs: Databases, now: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sitting.writer.GATHER_S", 5.0)
    monkeypatch.setattr("server.sitting.writer.GATHER_STEP_S", 0.5)
    writer = Writer(store_for(dbs.write), now)
    crowd = [writer.submit(command) for person in range(1, 11) for command in ready(person)]
    writer.start()
    assert {future.result(10).code for future in crowd} == {"ok"}
    before = writer.batches
    mates = [writer.submit(answer(person, 1)) for person in range(1, 6)]
    assert {future.result(10).code for future in mates} == {"ok"}
    assert writer.batches == before + 1
    monkeypatch.setattr(writer, "_gather", lambda: pytest.fail("nobody is there to wait for"))
    assert writer.do(answer(1, 2)).code == "ok"
    assert writer.stop()


def test_a_writer_that_waits_for_mates_stops_at_once(dbs: Databases, now: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.sitting.writer.GATHER_S", 60.0)
    monkeypatch.setattr("server.sitting.writer.GATHER_STEP_S", 60.0)
    writer = Writer(store_for(dbs.write), now)
    crowd = [writer.submit(command) for person in range(1, 11) for command in ready(person)]
    writer.start()
    assert {future.result(10).code for future in crowd} == {"ok"}
    waiting = writer.submit(answer(1, 1))
    assert writer.stop()
    assert waiting.result(0).code == "ok"


def test_listeners_hear_of_changes_after_the_commit_but_not_of_saves(writer: Writer) -> None:
    heard: list[list[str]] = []
    writer.listeners.append(lambda sittings: heard.append([sitting.state for sitting in sittings]))
    writer.do_many(ready(1))
    heard.clear()
    writer.do(answer(1, 1))
    assert heard == []
    writer.do(Message(EXAM, 1, actor=ANNA, reason="", text="还有五分钟"))
    assert heard == [["open"]]


def test_a_full_disk_is_unknown_and_heals(sqlite_dbs: Databases, now: FakeClock) -> None:
    writer = Writer(store_for(sqlite_dbs.write), now)
    writer.start()
    writer.do_many(ready(1))
    connection: Any = writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    limit = f"PRAGMA max_page_count={pages + 20}"
    event.listen(sqlite_dbs.write, "connect", lambda raw, _record: raw.execute(limit))
    connection.execute(limit)
    acked, op = 0, 1
    for op in range(1, 400):
        outcome = writer.do(
            Operations(EXAM, 1, epoch=1, ops=[Op(op, item=1, report="纸" * 480)]),
        )
        if not outcome.ok:
            assert outcome.code == "storage"
            break
        acked = op
    else:
        pytest.fail("the disk never filled")
    assert stored(writer, 1).ack == acked
    assert acked > 0
    limit = "PRAGMA max_page_count=1000000"
    sqlite_dbs.write.dispose()
    assert writer.do(Operations(EXAM, 1, epoch=1, ops=[Op(op, item=1, report="纸" * 480)])).ok
    assert stored(writer, 1).ack == op
    assert writer.stop()


def test_i8_the_journal_cannot_be_changed(writer: Writer) -> None:
    writer.do_many(ready(1))
    for statement in ("UPDATE journal_event SET kind = 'x'", "DELETE FROM journal_event"):
        with pytest.raises(DBAPIError), writer.store.engine.begin() as connection:
            connection.execute(text(statement))


def test_row_and_value_have_the_same_fields_in_the_same_order() -> None:
    assert tuple(sql.SITTING) == Sitting.__struct_fields__
