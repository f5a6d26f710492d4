"""One seed of the power-cut proof: candidates at work on the real writer, the power cut twice, the truth compared.

    python -m tests.faults.power --seeds 5000

What it proves: the product's statements, transactions and settings, with SQLite's own WAL code, lose nothing that was answered,
for the sector-level failures `disk.Disk` models. What it does not: the operating system, the file system and the drive
underneath (a drive that lies about its cache loses whatever any software does), locks between processes, Python's own SQLite
library (apsw carries a newer one). That the harness can fail is shown by the same runs with `synchronous` NORMAL (answers are
lost) and OFF (the database breaks).
"""

import argparse
import json
import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import structlog

from loadtests.verify import Place, Told, compare
from server import migrations
from server.clock import FakeClock
from server.sitting import writer as writer_module
from server.sitting.commands import Admit, Arrive, Command, Credit, MarkIdentity, Op, Open, Operations, Outcome
from server.sitting.events import BrokenChainError, check_chain
from server.sitting.operations import content
from server.sitting.state import fold
from server.sitting.store import to_datetime
from server.sitting.writer import Writer
from tests.faults.disk import Disk
from tests.faults.on_disk import DiskStore
from tests.sitting.given import ANNA, BELL, ORDER, PC, TERMS

EXAM, PEOPLE, CUTS = 7, (1, 2, 3), 2


@dataclass
class Found:
    """What one seed showed."""

    acknowledged: int = 0
    cut: int = 0
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.broken or self.unexplained)


class Client:
    """One candidate: sends what is next, sends again what is unknown."""

    def __init__(self, entry_no: int, rng: Random) -> None:
        self.entry_no, self.rng = entry_no, rng
        self.epoch = self.op = self.pages = 0
        self.prepared = 0
        self.unknown: list[Command] = []

    def next(self) -> Command:
        if self.unknown:
            return self.unknown[0]
        key = (EXAM, self.entry_no)
        first: list[Command] = [
            Admit(*key, institution_id=1, room_id=3, form_id=5),
            Arrive(*key, device=PC),
            MarkIdentity(*key, actor=ANNA, reason=""),
        ]
        if self.prepared < len(first):
            return first[self.prepared]
        chance = self.rng.random()
        if self.epoch == 0 or chance < 0.05:
            self.pages += 1
            return Open(*key, device=PC, page=f"page-{self.pages:04}", terms=TERMS, order=ORDER, paper_digest="ab")
        if chance < 0.1:
            return Credit(*key, actor=ANNA, reason="断电", ms=1)
        return Operations(*key, epoch=self.epoch, ops=[self._op(n) for n in range(self.rng.choice((1, 1, 1, 2, 5)))])

    def _op(self, ahead: int) -> Op:
        number, rng = self.op + 1 + ahead, self.rng
        item = rng.randint(1, 3)
        if rng.random() < 0.2:
            return Op(number, item=item, report="卷" * rng.randint(1, 400))
        return Op(number, item=item, value=sorted(rng.sample((1, 2, 3), rng.randint(0, 2))), dt_ms=rng.randint(0, 900))

    def told(self, command: Command, outcome: Outcome) -> None:
        if outcome.code in ("storage", "failed", "shutdown"):
            self.unknown = [command]
            return
        self.unknown = []
        assert outcome.ok, f"{command} answered {outcome.code}"
        if isinstance(command, Operations):
            self.op = command.ops[-1].op
        elif isinstance(command, Open):
            assert outcome.sitting is not None
            self.epoch, self.op = outcome.sitting.epoch, outcome.sitting.ack
        elif not isinstance(command, Credit):
            self.prepared += 1


class Seed:
    """Everything of one seed."""

    def __init__(self, number: int, template: bytes, synchronous: str = "FULL") -> None:
        self.rng = Random(number)
        self.disk = Disk(self.rng, sector=self.rng.choice((512, 4096)), safe_overwrite=self.rng.random() < 0.5)
        self.disk.load("jikao.db", template)
        self.store = DiskStore(self.disk, synchronous=synchronous, checkpoint_pages=self.rng.choice((4, 16, 64)))
        self.clock = FakeClock(to_datetime(BELL))
        self.clients = [Client(no, self.rng) for no in PEOPLE]
        self.told: dict[Place, Told] = {}
        self.heads: dict[tuple[int, int], bytes] = {}
        self.found = Found()

    def run(self) -> Found:
        for _cut in range(CUTS):
            writer = Writer(self.store, self.clock)  # type: ignore[arg-type]
            writer.start()
            self.disk.fuse = self.rng.choice((20, 100, 300, 1000)) + self.rng.randrange(100)
            self._work(writer)
            self.disk.off = True
            self.found.cut += 1
            writer.stop()
            self.disk.restore()
            if not self._look():
                break
        self.disk.unregister()
        return self.found

    def _work(self, writer: Writer) -> None:
        for _burst in range(60):
            senders = [one for one in self.clients if self.rng.random() < 0.7] or self.clients[:1]
            commands = [one.next() for one in senders]
            with writer._wake:  # the whole burst arrives before the thread looks: each seed is the same every time
                futures = [writer.submit(command) for command in commands]
            for client, command, future in zip(senders, commands, futures, strict=True):
                self._note(client, command, future.result(30))
            if self.disk.off:
                return

    def _note(self, client: Client, command: Command, outcome: Outcome) -> None:
        client.told(command, outcome)
        if isinstance(command, Operations):
            for op in command.ops:
                place = (EXAM, client.entry_no, command.epoch, op.op)
                told = self.told.setdefault(place, Told(content(op), []))
                told.outcomes.append("ok" if outcome.ok else "unknown")
        if outcome.ok and outcome.sitting is not None:
            self.found.acknowledged += 1
            self.heads[client.entry_no, outcome.sitting.n] = outcome.sitting.head

    def _look(self) -> bool:
        """Compare everything that was answered with what the disk holds; whether it is worth going on."""
        found = self.found
        try:
            connection = self.store.connect()
            problem = connection.execute("PRAGMA integrity_check").fetchall()
            if problem != [("ok",)]:
                found.broken.append(f"integrity_check: {problem[:2]}")
                return False
            rows = {sitting.key: sitting for sitting in self.store.peek(connection, [(EXAM, no) for no in PEOPLE])}
            journals = {(EXAM, no): self.store.read_events(connection, (EXAM, no)) for no in PEOPLE}
            connection.close()
        except Exception as error:
            found.broken.append(f"{type(error).__name__}: {error}")
            return False
        for key, events in journals.items():
            try:
                check_chain(*key, events)
            except BrokenChainError as error:
                found.broken.append(f"{key}: {error}")
            if events and (key not in rows or fold(*key, events) != rows[key]):
                found.broken.append(f"{key}: the sitting is not the fold of its journal")
        report = compare(self.told, journals)
        found.lost += report.lost
        found.unexplained += report.unexplained
        for (entry_no, n), head in self.heads.items():
            events = journals[EXAM, entry_no]
            if len(events) < n or events[n - 1].head != head:
                found.lost.append(f"{entry_no}: event {n} was answered and is not there")
        return found.clean


def make_template(folder: Path) -> bytes:
    """The bytes of an empty, migrated database."""
    path = folder / "template.db"
    migrations.upgrade(f"sqlite:///{path}")
    return path.read_bytes()


def run_seed(number: int, template: bytes, synchronous: str = "FULL") -> Found:
    """One seed from start to end."""
    writer_module.PAUSE_AFTER_FAILURE_S = 0.0  # nothing heals while it waits: the power stays off
    return Seed(number, template, synchronous).run()


_template = b""


def _prepare(template: bytes) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    global _template  # noqa: PLW0603 - given once to each worker process
    _template = template


def _job(given: tuple[int, str]) -> tuple[int, Found]:
    return given[0], run_seed(given[0], _template, given[1])


def run_many(seeds: range, template: bytes, synchronous: str, say: Callable[[str], Any] = print) -> Counter[str]:
    """Sums over seeds: seeds, cuts, acknowledged, and how many seeds lost, broke or held something unexplained."""
    total: Counter[str] = Counter()
    with ProcessPoolExecutor(2, initializer=_prepare, initargs=(template,)) as pool:
        for number, found in pool.map(_job, [(number, synchronous) for number in seeds], chunksize=20):
            total += Counter(seeds=1, cuts=found.cut, acknowledged=found.acknowledged)
            total += Counter(lost=bool(found.lost), broken=bool(found.broken), unexplained=bool(found.unexplained))
            if synchronous == "FULL" and not found.clean:
                say(f"seed {number}: {[*found.lost, *found.broken, *found.unexplained][:3]}")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description="Power cuts under the writer.")
    parser.add_argument("--seeds", type=int, default=5_000)
    parser.add_argument("--weaker", type=int, default=200, help="seeds for NORMAL and OFF")
    given = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        template = make_template(Path(folder))
    print(f"{'synchronous':12} {'seeds':>6} {'cuts':>6} {'answered':>9} {'lost':>6} {'broken':>7} {'unexplained':>12} {'s':>6}")
    figures: dict[str, Any] = {}
    failed = False
    for level, count in (("FULL", given.seeds), ("NORMAL", given.weaker), ("OFF", given.weaker)):
        began = time.monotonic()
        total = run_many(range(count), template, level)
        seconds = time.monotonic() - began
        print(
            f"{level:12} {total['seeds']:6} {total['cuts']:6} {total['acknowledged']:9} {total['lost']:6} {total['broken']:7} "
            f"{total['unexplained']:12} {seconds:6.0f}"
        )
        for name in ("seeds", "acknowledged", "lost", "broken"):
            figures[f"power_cut_{level.lower()}_{name}"] = {"value": total[name], "unit": "count", "runs": [total[name]]}
        bad = total["lost"] + total["broken"] + total["unexplained"]
        failed |= bool(bad) if level == "FULL" else not bad
    out = Path("var/bench/power.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
