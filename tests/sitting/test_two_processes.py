"""Two serving processes on one PostgreSQL: one closer wins, and a pulse hears of what the other process did."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text

from server.bus import InProcessBus
from server.clock import FakeClock
from server.db import connect, reading, transaction
from server.keyring import Keyring
from server.registry.tables import ExamSession
from server.sitting.closer import Closer
from server.sitting.commands import Admit, Arrive, Open, Pause, Terms
from server.sitting.events import END_KINDS
from server.sitting.store import store_for, to_ms
from server.sitting.versions import Hub
from server.sitting.writer import Writer
from tests import factories, postgresql
from tests.monitor.conftest import DURATION, ORDER, open_room
from tests.sitting.given import ANNA

PEOPLE = 200


class Process:
    """What a serving process has of the exam core: connections, a writer, a closer of its own."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        self.dbs = connect(url)
        self.writer = Writer(store_for(self.dbs.write), clock)
        self.writer.start()
        self.closer = Closer(self.dbs, self.writer, clock)
        self.closer.begin()

    def end(self) -> None:
        self.writer.stop()
        self.dbs.dispose()


@pytest.fixture
def postgresql_url(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    yield postgresql.create_database(postgresql_server, "two_processes", postgresql_template)
    postgresql.drop_database(postgresql_server, "two_processes")


@pytest.fixture
def two(postgresql_url: str, clock: FakeClock) -> Iterator[list[Process]]:
    pair = [Process(postgresql_url, clock) for _ in range(2)]
    yield pair
    for process in pair:
        process.end()


def sat_down(process: Process, keyring: Keyring, clock: FakeClock, people: int) -> int:
    """An open exam session with everybody at work; its id."""
    with transaction(process.dbs) as db:
        place, exam = open_room(db, keyring, clock.now(), people, factories.place(db, capacity=people))
    now = to_ms(clock.now())
    terms = Terms(now, int(DURATION.total_seconds() * 1000), 300_000, 300_000, 10_000, identity_check=False)
    everybody = range(1, people + 1)
    ask = process.writer.do_many
    ask([Admit(exam, no, institution_id=place.institution_id, room_id=place.room_id, form_id=1) for no in everybody])
    ask([Arrive(exam, no, device=f"pc-{no}") for no in everybody])
    opened = ask(
        [Open(exam, no, device=f"pc-{no}", page="page-one", terms=terms, order=ORDER, paper_digest="ab") for no in everybody]
    )
    assert all(outcome.ok for outcome in opened)
    return exam


def test_each_sitting_ends_once_whoever_closes(two: list[Process], keyring: Keyring, clock: FakeClock) -> None:
    exam = sat_down(two[0], keyring, clock, PEOPLE)
    clock.advance(DURATION.total_seconds() + 60)
    for process in two:
        process.closer.beaten(clock.now())
    together = threading.Barrier(2)

    def close(process: Process) -> None:
        together.wait()
        process.closer.tick()
        process.closer.tick()

    threads = [threading.Thread(target=close, args=(process,)) for process in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = store_for(two[0].dbs.read)
    with closing(store.connect()) as connection:
        ends = [
            [event.kind for event in store.read_events(connection, (exam, no)) if event.kind in END_KINDS]
            for no in range(1, PEOPLE + 1)
        ]
    assert ends == [["timed_out"]] * PEOPLE
    with reading(two[1].dbs) as db:
        assert db.get_one(ExamSession, exam).state == "ended"
        rows = db.execute(text("SELECT count(*) FROM audit_row WHERE verb = 'exam_session.ended'"))
        assert rows.scalar_one() == 1


class Wire(InProcessBus):
    """Between two hubs, as Redis would be: what one publishes the other hears on another thread."""

    other: "Wire"

    def publish(self, channel: str, message: Any) -> None:
        super().publish(channel, message)
        threading.Thread(target=InProcessBus.publish, args=(self.other, channel, message)).start()


@pytest.mark.parametrize("wired", [True, False])
def test_a_pulse_hears_of_the_other_process(two: list[Process], keyring: Keyring, clock: FakeClock, wired: bool) -> None:
    """By the bus at once, without it by the look of the next second."""
    exam = sat_down(two[0], keyring, clock, 2)
    buses = Wire(), Wire()
    buses[0].other, buses[1].other = buses[1], buses[0]
    here, there = [Hub(process.dbs, clock, bus if wired else InProcessBus()) for process, bus in zip(two, buses, strict=True)]
    two[1].writer.listeners.append(there.heard)

    async def act() -> None:
        here.start()
        try:
            view = await here.view((exam, 1), 5)
            assert view is not None
            waiting = asyncio.ensure_future(here.wait((exam, 1), view.version, 30))
            await asyncio.sleep(0.05)
            looks = 0
            look = here._look

            async def counted() -> None:
                nonlocal looks
                looks += 1
                await look()

            here._look = counted  # type: ignore[method-assign]
            assert (await asyncio.to_thread(two[1].writer.do, Pause(exam, 1, actor=ANNA, reason="停电"))).ok
            paused = await waiting
            assert paused is not None
            assert paused.sitting.state == "paused"
            assert looks <= 3
        finally:
            await here.stop()

    asyncio.run(act())
