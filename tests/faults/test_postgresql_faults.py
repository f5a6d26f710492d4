"""PostgreSQL in trouble under the real writer: stopped workers that hold locks, failed transactions, a dead connection."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from server import migrations
from server.clock import FakeClock
from server.db import Databases, connect
from server.sitting.store import _array, store_for, to_datetime
from server.sitting.writer import Writer
from tests import postgresql
from tests.sitting.given import BELL
from tests.sitting.test_writer import EXAM, answer, ready, stored


@pytest.fixture
def dbs(postgresql_server: str, postgresql_template: str) -> Iterator[Databases]:
    name = "faults"
    databases = connect(postgresql.create_database(postgresql_server, name, postgresql_template))
    assert migrations.newest()
    yield databases
    databases.dispose()
    postgresql.drop_database(postgresql_server, name)


@pytest.fixture
def writer(dbs: Databases, clock: FakeClock) -> Iterator[Writer]:
    clock.set(to_datetime(BELL))
    made = Writer(store_for(dbs.write), clock)
    made.start()
    assert all(outcome.ok for outcome in made.do_many(ready(1)))
    yield made
    assert made.stop()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "text",
            ["", "NULL", None, 'a "quoted" {brace}, comma', "back\\slash \\x00", "换行\n制表\t", "'); DROP TABLE sitting; --"],
        ),
        ("bytea", [b"", b'\x00\xff\\"', None, bytes(range(256))]),
        ("int", [0, None, -1, 2**31 - 1]),
        ("bool", [True, False, None]),
        ("timestamptz", [to_datetime(BELL), None, to_datetime(BELL + 1)]),
        ("json", ['{"reason": "电 \\"停\\" \\\\ {}"}', None]),
        ("text", [None, None]),
        ("int", []),
    ],
)
def test_arrays_arrive_as_they_were(writer: Writer, kind: str, values: list[Any]) -> None:
    with closing(writer.store.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT v{'::text' if kind == 'json' else ''} FROM unnest(%s::{kind}[]) AS v", (_array(values),))
        assert [value for (value,) in cursor.fetchall()] == values


def test_a_failed_transaction_is_not_taken_for_stored(writer: Writer) -> None:
    """PostgreSQL answers COMMIT of a failed transaction by ROLLBACK, without an error."""
    with closing(writer.store.connect()) as connection:
        writer.store.begin(connection)
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.cursor().execute("SELECT * FROM there_is_no_such_table")
        with pytest.raises(OSError, match="rolled back"):
            writer.store.commit(connection)


def test_a_worker_that_stops_with_locks_in_hand_is_put_out(writer: Writer) -> None:
    """Another worker is stopped between its statements: the database ends its transaction after 3 s, then saving goes on."""
    with closing(writer.store.connect()) as stopped:
        writer.store.begin(stopped)
        assert writer.store.load(stopped, [(EXAM, 1)])
        codes = []
        end = time.monotonic() + 20
        while "ok" not in codes and time.monotonic() < end:
            codes.append(writer.do(answer(1, 1), timeout=30).code)
        assert codes[-1] == "ok"
        assert set(codes[:-1]) <= {"storage"}
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            writer.store.commit(stopped)  # what the stopped one had in hand is gone: it cannot say "stored"
    assert stored(writer, 1).ack == 1


def test_a_stopped_backend_with_locks_is_unknown_and_then_goes_on(writer: Writer) -> None:
    """SIGSTOP of the writer's own backend: nobody is told "saved" meanwhile; after SIGCONT the same operation is stored once."""
    assert writer.do(answer(1, 1)).ok
    connection: Any = writer._connection
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        future = writer.submit(answer(1, 2))
        with pytest.raises(TimeoutError):
            future.result(1.0)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert future.result(20).ok
    assert writer.do(answer(1, 2)).ok
    assert stored(writer, 1).ack == 2


def test_a_killed_connection_is_unknown_and_heals(writer: Writer, dbs: Databases) -> None:
    assert writer.do(answer(1, 1)).ok
    connection: Any = writer._connection
    with dbs.write.connect() as other:
        other.exec_driver_sql(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
    codes = [writer.do(answer(1, 2)).code for _again in range(3)]
    assert codes[-1] == "ok"
    assert set(codes) <= {"storage", "ok"}
    assert stored(writer, 1).ack == 2
