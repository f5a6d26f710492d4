"""Pulses hear of what other processes wrote, by one look a second, on both databases; the writer's notice is faster."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import event

from server.bus import InProcessBus
from server.clock import FakeClock
from server.db import Databases, transaction
from server.registry.tables import ExamSession
from server.sitting.commands import Message, Pause
from server.sitting.exams import read_exams
from server.sitting.store import store_for, to_datetime, to_ms
from server.sitting.versions import CHANNEL, RENEW_S, Hub, View
from server.sitting.writer import Writer
from tests import factories
from tests.sitting.given import ANNA, BELL
from tests.sitting.test_writer import answer, ready

KEY = (7, 1)


@pytest.fixture
def writer(dbs: Databases, clock: FakeClock) -> Iterator[Writer]:
    clock.set(to_datetime(BELL))
    made = Writer(store_for(dbs.write), clock)
    made.start()
    made.do_many(ready(1))
    yield made
    assert made.stop()


async def told(hub: Hub, writer: Writer, seconds: float) -> View | None:
    view = await hub.view(KEY, 5)
    assert view is not None
    waiting = asyncio.ensure_future(hub.wait(KEY, view.version, seconds))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(writer.do, Message(*KEY, actor=ANNA, reason="", text="请注意"))
    return await waiting


@pytest.mark.parametrize("noticed", [True, False])
def test_a_pulse_hears_with_and_without_the_notice(dbs: Databases, clock: FakeClock, writer: Writer, noticed: bool) -> None:
    async def act() -> View | None:
        hub = Hub(dbs, clock, InProcessBus())
        if noticed:
            writer.listeners.append(hub.heard)
        hub.start()
        try:
            return await told(hub, writer, 5)
        finally:
            await hub.stop()

    view = asyncio.run(act())
    assert view is not None
    assert view.message == {"n": 5, "text": "请注意", "at_ms": BELL}


def test_an_unknown_sitting_is_none_and_a_known_one_is_current(dbs: Databases, clock: FakeClock, writer: Writer) -> None:
    async def act() -> None:
        hub = Hub(dbs, clock, InProcessBus())
        hub.start()
        try:
            assert await hub.view((7, 99), 0.5) is None
            view = await hub.view(KEY, 5)
            assert view is not None
            assert view.sitting.state == "open"
            started = asyncio.get_running_loop().time()
            same = await hub.wait(KEY, view.version, 0.2)
            assert same == view
            assert asyncio.get_running_loop().time() - started >= 0.2
        finally:
            await hub.stop()

    asyncio.run(act())


def test_the_bus_hears_of_changes_not_of_saves(dbs: Databases, clock: FakeClock, writer: Writer) -> None:
    bus, heard = InProcessBus(), []
    bus.subscribe(CHANNEL, lambda _channel, message: heard.append(message[:2]))
    writer.listeners.append(Hub(dbs, clock, bus).heard)
    writer.do(answer(1, 1))
    assert heard == []
    writer.do(Pause(*KEY, actor=ANNA, reason="停电"))
    assert heard == [KEY]


@pytest.fixture
def exam_session(dbs: Databases, clock: FakeClock) -> int:
    with transaction(dbs) as db:
        return factories.exam_session(db, factories.place(db), clock.now())


def test_facts_renewed_for_many_are_read_once_and_no_more_often_than_said(
    dbs: Databases, clock: FakeClock, exam_session: int
) -> None:
    begun: list[float] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM exam_session" in statement:
            begun.append(time.monotonic())

    async def act() -> None:
        hub = Hub(dbs, clock, InProcessBus())
        known = await hub.exam(exam_session)
        assert known is not None
        assert known.may_have_rung(to_ms(clock.now()))
        event.listen(dbs.read, "before_cursor_execute", count)
        asked = time.monotonic()
        facts = await asyncio.gather(*(hub.renewed(exam_session) for _ in range(500)))
        assert (set(facts), len(begun)) == ({known}, 1)
        with transaction(dbs) as db:
            row = db.get_one(ExamSession, exam_session)
            row.state, row.opened_at, row.version = "open", clock.now(), row.version + 1
            db.add(row)
        for _ in range(3):
            for exam in await asyncio.gather(*(hub.renewed(exam_session) for _ in range(50))):
                assert exam is not None
                assert exam.open
                assert not exam.may_have_rung(to_ms(clock.now()))
        assert len(begun) == 4
        assert begun[-1] - asked > RENEW_S * 2.99  # a thread may begin late, none begins early
        hub._adopt({exam_session: known})  # a look that began earlier and comes later
        assert hub.known_exam(exam_session) == exam
        await hub.stop()

    asyncio.run(act())


def test_news_of_the_exam_session_does_not_make_nobody_of_a_candidate_still_looked_for(
    dbs: Databases, clock: FakeClock, writer: Writer, exam_session: int
) -> None:
    async def act() -> View | None:
        hub = Hub(dbs, clock, InProcessBus())
        looking = asyncio.ensure_future(hub.view(KEY, 30))
        await asyncio.sleep(0)
        facts = read_exams(dbs, [exam_session])[exam_session]
        hub._adopt({KEY[0]: structs.replace(facts, id=KEY[0])})  # a look that began before this candidate came
        await asyncio.sleep(0)
        assert not looking.done()
        await hub._look()
        return await looking

    view = asyncio.run(act())
    assert view is not None
    assert (view.sitting.key, view.sitting.state) == (KEY, "open")
    assert view.exam is not None
