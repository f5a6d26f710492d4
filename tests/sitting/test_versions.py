"""Pulses hear of what other processes wrote, by one look a second, on both databases; the writer's notice is faster."""

import asyncio
from collections.abc import Iterator

import pytest

from server.bus import InProcessBus
from server.clock import FakeClock
from server.db import Databases
from server.sitting.commands import Message, Pause
from server.sitting.store import store_for, to_datetime
from server.sitting.versions import CHANNEL, Hub, View
from server.sitting.writer import Writer
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
