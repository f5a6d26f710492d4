"""Several serving processes: orderly ends under load, deaths, and Redis that does what it likes (I9)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.chaos_client import Candidate
from tests.faults.postgres import Postgres
from tests.faults.processes import Processes, run
from tests.valkey import Valkey

SOME, EARLY = 8, 2
HARMLESS = {"200", "409 fenced", "409 gap"}
"""A candidate that reloads meets its own older epoch; everything else would be a disturbance."""


async def answer_across(made: Processes, exam: int, people: list[Any], *blows: Callable[[], Awaitable[None]]) -> None:
    """Candidates answer and hold pulses while each blow is awaited; two hand in before the last, the others go away after it."""
    made.start_server()
    cookies = [await made._enter(person) for person in people[: SOME + EARLY]]
    candidates = [
        Candidate(exam, person.entry_no, cookie, made.port, made.ledger, Random(person.entry_no))
        for person, cookie in zip(people, cookies, strict=False)
    ]
    lives = [asyncio.ensure_future(one.live()) for one in candidates]
    pulses = [asyncio.ensure_future(made.hold_pulse(exam, one.entry_no, one.cookie)) for one in candidates[:SOME]]
    await some_accepted(made)
    for blow in blows[:-1]:
        await blow()
        await some_accepted(made)
    for one in candidates:  # from here on nothing but the stop ends a pulse
        one.reloads = 0.0
    for one in candidates[SOME:]:
        one.stop = True
    async with asyncio.timeout(300):
        await asyncio.gather(*lives[SOME:])
    await blows[-1]()
    for task in pulses:
        task.cancel()
    await asyncio.gather(*pulses, return_exceptions=True)
    for one in candidates:
        one.gone = True
    async with asyncio.timeout(300):
        await asyncio.gather(*lives)
    await asyncio.sleep(0.1)  # let connections close


async def some_accepted(made: Processes) -> None:
    for _ in range(15):
        await made._accepted()


async def stopped(made: Processes) -> None:
    """SIGTERM: every held pulse is answered by a jittered retry or by what it waited for, nothing is cut off."""
    for _attempt in range(1_200):  # until everybody holds one: asked a while ago, so a serving process has it
        if len(made.held_since) == SOME and time.monotonic() - max(made.held_since.values()) > 2:
            break
        await asyncio.sleep(0.1)
    before = len(made.pulses)
    await made.ask_to_stop()
    first: dict[int, tuple[int, Any]] = {}
    for entry_no, status, body in made.pulses[before:]:
        first.setdefault(entry_no, (status, body))
    assert len(first) == SOME
    assert {status for status, _body in first.values()} <= {200, 503}
    told = [body["retry_ms"] for status, body in first.values() if status == 503]
    assert len(set(told)) > 1, "all of them would come back at once"
    assert all(300 <= wait <= 2_000 for wait in told)


def judge(made: Processes) -> None:
    """The verdict, but for those who never came: no end and no receipt is right for them."""
    made.stop_server()
    problems = [problem for problem in made.verdict() if not problem.endswith(": 0 ends, receipts []")]
    assert problems == []
    assert made.report.acknowledged > 0
    assert len(made.ledger.receipts) == EARLY
    said = (made.folder / "server.log").read_text()
    assert "stop_forced" not in said
    assert "worker_killed" not in said


@pytest.mark.slow
def test_one_process_ends_in_order_under_load(tmp_path: Path) -> None:
    made = Processes(tmp_path, None, 1, workers=1, redis=None)
    exam, people = made.prepare()
    try:
        asyncio.run(answer_across(made, exam, people, lambda: stopped(made)))
        judge(made)
    finally:
        made.stop_server()


def test_two_processes_whatever_dies(tmp_path: Path) -> None:
    postgres, redis = Postgres(), Valkey()
    postgres.start()
    made = Processes(tmp_path, postgres, 1, workers=2, redis=redis)

    async def undisturbed(act: Callable[[], None]) -> None:
        """Whatever happens to Redis, nobody's answer is refused or lost on the way."""
        made.ledger.codes.clear()
        refused = made.ledger.refused_connections
        await asyncio.to_thread(act)
        for _ in range(2):
            await some_accepted(made)
            await asyncio.sleep(0.3)
        assert set(made.ledger.codes) <= HARMLESS
        assert made.ledger.refused_connections == refused

    async def a_worker_dies() -> None:
        log = made.folder / "server.log"
        served = log.read_text().count("worker_serves")
        await made._kill_worker()
        for _attempt in range(3_000):
            await asyncio.sleep(0.1)
            if log.read_text().count("worker_serves") > served:
                return
        raise AssertionError("it was not started again")

    def flush() -> None:
        with redis.client() as client:
            client.flushall()

    exam, people = made.prepare()
    try:
        # Redis is absent at the start
        blows = [redis.start, flush, redis.stall, redis.go_on, redis.kill]
        scenes = [lambda act=act: undisturbed(act) for act in blows]
        asyncio.run(answer_across(made, exam, people, *scenes, a_worker_dies, lambda: stopped(made)))
        judge(made)
        assert "worker_died" in (made.folder / "server.log").read_text()
    finally:
        made.stop_server()
        redis.kill()
        postgres.stop()


@pytest.mark.slow
def test_chaos_among_processes() -> None:
    chaos, problems = run(20, 5)
    assert problems == []
    assert chaos.report.acknowledged > 0
