"""Outages of real processes: a server that stands still, PostgreSQL away across a closing time, a worker stopped with locks.

Minutes each, nearly all of them waiting; `make faults` runs them side by side. The same rules at an injected clock:
`test_time.py`.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from loadtests.seed import PROFILE, sign_in_all
from server.db import connect
from server.keyring import Keyring
from tests.faults.chaos import DATABASE
from tests.faults.chaos_client import Candidate
from tests.faults.postgres import Postgres
from tests.faults.processes import Processes

pytestmark = pytest.mark.slow

PEOPLE = 6
GRACE_MS = 10_000
DATABASE_AWAY_S = float(os.environ.get("DATABASE_AWAY_S", "40"))
"""How long PostgreSQL is away; 600 is the long form of the same."""
AWAY_BEFORE_S = 10.0
"""So long before the closing time everything goes away; it comes back at least 10 s after closing time and grace."""


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres | None]:
    if "sqlite" in request.node.name:
        yield None
        return
    made = Postgres()
    made.start()
    yield made
    made.stop()


async def holds(seconds: float, wanted: Callable[[], bool]) -> None:
    """Wait until it does."""
    for _attempt in range(round(seconds * 10)):
        if wanted():
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"not so within {seconds} s")


class Room:
    """`PEOPLE` candidates, signed in, at a real server."""

    def __init__(self, made: Processes, minutes: float) -> None:
        self.made = made
        profile = replace(PROFILE, grace_ms=GRACE_MS)
        self.exam, people = made.prepare(candidates=PEOPLE, duration_ms=round(minutes * 60_000), profile=profile)
        dbs = connect(made.url)
        cookies = sign_in_all(dbs, Keyring.open_folder(made.folder / "keys"), self.exam, datetime.now(UTC))
        dbs.dispose()
        self.candidates = [
            Candidate(self.exam, one.entry_no, cookies[one.entry_no], made.port, made.ledger, Random(one.entry_no))
            for one in people
        ]

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[list[asyncio.Task[None]]]:
        """Everybody opens and answers all the time; whoever is refused as late or closed fails the test."""
        self.made.start_server()
        lives = [asyncio.create_task(one.live()) for one in self.candidates]
        try:
            await self.everybody_accepted()
            yield lives
            for one in self.candidates:
                one.gone = True
            async with asyncio.timeout(60):
                await asyncio.gather(*lives)
        finally:
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
            for one in self.candidates:
                one.hang_up()

    async def everybody_accepted(self) -> None:
        """Until each has something accepted that was not yet."""
        before = {one.entry_no: one.accepted for one in self.candidates}
        await holds(300, lambda: all(one.accepted > before[one.entry_no] for one in self.candidates))

    async def statuses(self) -> list[dict[str, Any]]:
        """What a pulse says to each; a worker knows of what another did within a second or two."""
        found = []
        for one in self.candidates:
            asking = Candidate(self.exam, one.entry_no, one.cookie, self.made.port, self.made.ledger, Random(1))
            status, body = 0, dict[str, Any]()
            while status != 200 or body["remaining_ms"] is None:
                status, body = await asking.ask("GET", "pulse?epoch=0&v=-1", {})
                await asyncio.sleep(0.05)
            asking.hang_up()
            found.append(body)
        return found

    async def credited(self, seconds: float) -> list[dict[str, Any]]:
        """The statuses once everybody has been given so much back; nobody may be anything but open meanwhile."""
        for _attempt in range(60):
            found = await self.statuses()
            assert {one["state"] for one in found} == {"open"}
            if all(one["outage_ms"] >= seconds * 1000 for one in found):
                return found
            await asyncio.sleep(0.5)
        raise TimeoutError("they were not credited")

    async def until_ended(self) -> None:
        for _attempt in range(150):
            if {one["state"] for one in await self.statuses()} == {"ended"}:
                return
            await asyncio.sleep(1)
        raise TimeoutError("they did not end")


async def across_the_closing_time(room: Room, away: Callable[[], Any], back: Callable[[], Any], seconds: float) -> None:
    """Everything away from 10 s before the end for `seconds`; half of them hand in afterwards, the others run out of time."""
    async with room.at_work() as lives:
        closes = time.monotonic() + min(one["remaining_ms"] for one in await room.statuses()) / 1000
        await asyncio.sleep(closes - AWAY_BEFORE_S - time.monotonic())
        await asyncio.to_thread(away)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(back)
        await room.everybody_accepted()
        for status in await room.credited(seconds):
            assert 0 < status["remaining_ms"] <= 60_000 + AWAY_BEFORE_S * 1000
        half = PEOPLE // 2
        for one in room.candidates[:half]:
            one.stop = True
        async with asyncio.timeout(60):
            await asyncio.gather(*lives[:half])
    await room.until_ended()
    for one in room.candidates:
        await one.open()  # the receipt, once more for those who handed in
        one.hang_up()


def judge(room: Room, seconds: float) -> None:
    """One outage, noted and credited once; one end each, and behind the outage."""
    made = room.made
    made.stop_server()
    assert made.verdict() == []
    dbs = connect(made.url)
    with dbs.read.connect() as connection:
        outages = connection.execute(text("SELECT since, until FROM outage ORDER BY id")).all()
        effects = connection.execute(text("SELECT affected, applied_at FROM outage_effect")).all()
    dbs.dispose()
    assert len(outages) == 1
    assert [row.affected for row in effects] == [PEOPLE]
    assert all(row.applied_at is not None for row in effects)
    ends = []
    for events in made.journals.values():
        credited = [event for event in events if event.kind == "credited"]
        assert [event.data["outage"] for event in credited] == [1]
        assert credited[0].data["ms"] >= seconds * 1000
        ends += [event.kind for event in events if event.kind in ("submitted", "timed_out") and event.at > credited[0].at]
    assert sorted(ends) == ["submitted"] * (PEOPLE // 2) + ["timed_out"] * (PEOPLE - PEOPLE // 2)


def test_sqlite_a_server_stopped_for_30_s(tmp_path: Path) -> None:
    made = Processes(tmp_path, None, 1, workers=1, redis=None)
    room = Room(made, 1)

    def tell(sig: int) -> None:
        assert made.server is not None
        made.server.send_signal(sig)

    try:
        stop, go_on = (lambda: tell(signal.SIGSTOP)), (lambda: tell(signal.SIGCONT))
        asyncio.run(across_the_closing_time(room, stop, go_on, 30))
        judge(room, 30)
    finally:
        tell(signal.SIGCONT)
        made.stop_server()


@pytest.mark.parametrize("workers", [1, 2])
def test_postgresql_away(tmp_path: Path, postgres: Postgres, workers: int) -> None:
    made = Processes(tmp_path, postgres, 1, workers=workers, redis=None)
    room = Room(made, 1)
    try:
        asyncio.run(across_the_closing_time(room, postgres.kill, postgres.start, DATABASE_AWAY_S))
        judge(room, DATABASE_AWAY_S)
    finally:
        made.stop_server()


def locks_held_idle(postgres: Postgres) -> set[tuple[int, Any]]:
    """(backend, begin of the transaction) of whoever holds a lock on the sittings and waits for its client."""
    with psycopg.connect(host="127.0.0.1", port=postgres.port, user="jikao", dbname=DATABASE, connect_timeout=5) as asked:
        rows = asked.execute(
            "SELECT DISTINCT a.pid, a.xact_start FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.granted "
            "JOIN pg_class c ON c.oid = l.relation AND c.relname = 'sitting' "
            "WHERE a.state = 'idle in transaction' AND l.mode IN ('RowShareLock', 'RowExclusiveLock')"
        )
        return {(int(row[0]), row[1]) for row in rows}


def put_out(postgres: Postgres, backend: int) -> None:
    """Until PostgreSQL has ended that backend's transaction by itself."""
    for _attempt in range(300):
        if backend not in postgres.backends(DATABASE):
            return
        time.sleep(0.1)
    raise TimeoutError("it keeps its locks")


async def stop_with_locks_in_hand(made: Processes, postgres: Postgres) -> tuple[int, int]:
    """SIGSTOP workers until one stands between two statements of a transaction; (its process, its backend)."""
    for _attempt in range(400):
        await made._accepted()
        pid = made.rng.choice(made.workers())
        await asyncio.sleep(made.rng.uniform(0, 0.01))
        os.kill(pid, signal.SIGSTOP)
        held = await asyncio.to_thread(locks_held_idle, postgres)
        await asyncio.sleep(0.1)
        held &= await asyncio.to_thread(locks_held_idle, postgres)
        if held:
            return pid, held.pop()[0]
        os.kill(pid, signal.SIGCONT)
    raise RuntimeError("no worker could be stopped within a transaction")


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes_on", "is_ended"])
def test_postgresql_a_worker_stopped_with_locks_in_hand(tmp_path: Path, postgres: Postgres, goes_on: bool) -> None:
    """PostgreSQL gives up its locks after 3 s, and everybody's saves go on by the other worker; what it had in hand is unknown,
    not stored. Going on later it stores nothing of it; staying stopped it is ended by the parent, and replaced."""
    made = Processes(tmp_path, postgres, 1, workers=2, redis=None)
    room = Room(made, 30)
    log = made.folder / "server.log"

    async def scene() -> None:
        async with room.at_work() as lives:
            await holds(300, lambda: log.read_text().count("worker_serves") == 2)
            pid, backend = await stop_with_locks_in_hand(made, postgres)
            try:
                await asyncio.to_thread(put_out, postgres, backend)
                if not goes_on:
                    await room.everybody_accepted()
                    await holds(300, replaced)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            await room.everybody_accepted()
            for one in room.candidates:
                one.stop = True
            async with asyncio.timeout(60):
                await asyncio.gather(*lives)

    def replaced() -> bool:
        told = log.read_text()
        return "worker_stalled" in told and told.count("worker_serves") == 3

    try:
        asyncio.run(scene())
        made.stop_server()
        assert made.verdict() == []
        assert goes_on or "worker_stalled" in log.read_text()
    finally:
        made.stop_server()
