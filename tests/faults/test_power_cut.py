"""Power cuts and a full disk under the real writer (I1), deterministic by seed; `make faults` runs 5,000 seeds."""

from pathlib import Path
from random import Random

import pytest

from server.clock import FakeClock
from server.sitting import writer as writer_module
from server.sitting.commands import Command, Op, Operations
from server.sitting.events import check_chain
from server.sitting.state import fold
from server.sitting.store import to_datetime
from server.sitting.writer import Writer
from tests.faults.disk import Disk
from tests.faults.on_disk import FILE, DiskStore
from tests.faults.power import EXAM, run_seed
from tests.sitting.given import BELL
from tests.sitting.test_writer import ready


@pytest.fixture(scope="session")
def template(sqlite_template: Path) -> bytes:
    return sqlite_template.read_bytes()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PAUSE_AFTER_FAILURE_S", 0.0)


def test_i1_no_power_cut_loses_what_was_acknowledged(template: bytes) -> None:
    found = [run_seed(number, template) for number in range(60)]
    assert [(number, one) for number, one in enumerate(found) if not one.clean] == []
    assert sum(one.cut for one in found) == 120
    assert sum(one.acknowledged for one in found) > 2_000


def test_the_harness_can_fail_weaker_settings_lose(template: bytes) -> None:
    normal = [run_seed(number, template, "NORMAL") for number in range(20)]
    assert any(one.lost for one in normal)
    assert not any(one.broken for one in normal)
    off = [run_seed(number, template, "OFF") for number in range(20)]
    assert any(one.broken for one in off)


def test_a_seed_is_the_same_every_time(template: bytes) -> None:
    assert run_seed(11, template, "NORMAL") == run_seed(11, template, "NORMAL")


@pytest.mark.parametrize("number", range(6))
def test_a_full_disk_answers_storage_loses_nothing_and_heals(template: bytes, number: int) -> None:
    disk = Disk(Random(number))
    disk.load(FILE, template)
    writer = Writer(DiskStore(disk), FakeClock(to_datetime(BELL)))  # type: ignore[arg-type]
    writer.start()
    assert all(outcome.ok for outcome in writer.do_many(ready(1)))
    disk.full_at = disk.used + 200_000 + number * 37_777

    def report(op: int) -> Command:
        return Operations(EXAM, 1, epoch=1, ops=[Op(op, item=1, report="纸" * 480)])

    acked = refused = 0
    while refused < 8:  # closing the failed connection may free some room (the WAL): then there is a little more to fill
        outcome = writer.do(report(acked + 1))
        assert outcome.code in ("ok", "storage")
        acked, refused = acked + outcome.ok, refused + (not outcome.ok)
        assert acked < 2_000
    disk.full_at = None
    assert writer.do(report(acked + 1)).ok
    assert writer.stop()
    connection = writer.store.connect()
    events = writer.store.read_events(connection, (EXAM, 1))
    rows = writer.store.peek(connection, [(EXAM, 1)])
    connection.close()
    assert acked > 10
    assert [event.op for event in events if event.op is not None] == list(range(1, acked + 2))
    assert check_chain(EXAM, 1, events) == rows[0].head
    assert fold(EXAM, 1, events) == rows[0]
