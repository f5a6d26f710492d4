"""Speed figures of the main job: a table on the screen, `var/bench/main.json` as {"figure": {"value", "unit", "runs"}}.

    python -m loadtests.bench [figure ...] [--runs 3] [--seconds 6] [--out var/bench/main.json]

CPU is user + system time of all server-side processes, from /proc. The floor (`bare`) and the product are measured in
turns within one run, so that a busy machine slows both.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from itembank import papers
from loadtests.hammer import Result, hammer
from loadtests.served import SignedIn, cpu_seconds, free_port, jikao, program, sign_in
from loadtests.verify import check_journals
from server import migrations
from server.db import connect, transaction
from server.demo import bank, people
from server.keyring import Keyring
from tests import postgresql

CONNECTIONS = 64
Figures = dict[str, list[float]]


class Bench:
    """What all figures share."""

    def __init__(self, runs: int, seconds: float) -> None:
        self.runs, self.seconds = runs, seconds

    def save_cpu_vs_floor(self) -> Figures:
        """CPU per one-operation save, 64 kept-alive connections, pulses off, divided by the floor's; on SQLite."""
        ratios, ours, floors = [], [], []
        with tempfile.TemporaryDirectory(prefix="jikao-bench-") as name:
            folder = Path(name)
            url = f"sqlite:///{folder / 'jikao.db'}"
            listed = seeded(url, folder)
            port = free_port()
            with (
                program(["-m", "loadtests.bare", str(port), str(folder / "bare.db")], port) as bare,
                jikao(folder, url) as (pid, own),
            ):
                signed = [sign_in(own, person) for person in listed]
                floor = Hammered(port, signed)
                product = Hammered(own, signed)
                product.run(1.0)
                floor.run(1.0)
                for _run in range(3 * self.runs):  # many short turns: what else the machine does meets both alike
                    below = floor.cpu_per_save(bare, self.seconds / 2)
                    mine = product.cpu_per_save(pid, self.seconds / 2)
                    floors.append(below * 1e6)
                    ours.append(mine * 1e6)
                    ratios.append(mine / below)
            nothing_lost(url, product)
        return {"save_cpu_vs_floor": ratios, "save_cpu_us": ours, "floor_cpu_us": floors}

    def saves_per_s_sqlite(self) -> Figures:
        """Durable saves a second of one process on SQLite."""
        with tempfile.TemporaryDirectory(prefix="jikao-bench-") as name:
            return self._saves_per_s("sqlite", f"sqlite:///{Path(name) / 'jikao.db'}", Path(name))

    def saves_per_s_postgresql(self) -> Figures:
        """The same on a PostgreSQL of the bench's own."""
        with tempfile.TemporaryDirectory(prefix="jikao-bench-") as name, postgresql.cluster() as server:
            return self._saves_per_s("postgresql", postgresql.create_database(server, "bench"), Path(name))

    def _saves_per_s(self, kind: str, url: str, folder: Path) -> Figures:
        rates, p99 = [], []
        listed = seeded(url, folder)
        with jikao(folder, url) as (_pid, port):
            product = Hammered(port, [sign_in(port, person) for person in listed])
            product.run(1.0)
            for _run in range(self.runs):
                result = product.run(self.seconds)
                rates.append(result.saves / result.seconds)
                p99.append(result.percentile(0.99))
        nothing_lost(url, product)
        return {f"saves_per_s_{kind}": rates, f"save_p99_ms_{kind}": p99}

    def assemble_demo_s(self) -> Figures:
        """The demo's blueprint on the demo's own bank, imported anew each time: reading, solving, storing, claiming."""
        seconds = []
        for run in range(self.runs):
            with tempfile.TemporaryDirectory(prefix="jikao-bench-") as name:
                url = f"sqlite:///{Path(name) / 'jikao.db'}"
                migrations.upgrade(url)
                dbs, keyring, now = connect(url), Keyring.open_folder(Path(name) / "keys"), datetime.now(UTC)
                with transaction(dbs) as db:
                    house = people.load(db, now)
                blueprint = bank.load(dbs, keyring, house, now)
                started = time.perf_counter()
                made = papers.make_papers(functools.partial(transaction, dbs), blueprint, seed=run, now=now, by=1)
                seconds.append(time.perf_counter() - started)
                dbs.dispose()
                if isinstance(made, papers.Infeasible):
                    raise RuntimeError(f"the demo bank does not give the forms: {made.shortages}")
        return {"assemble_demo_s": seconds}

    def demo(self) -> Figures:
        """From `jikao demo` to its first page: cold (loads the demo) and warm (keeps the data)."""
        cold, warm = [], []
        for _run in range(self.runs):
            with tempfile.TemporaryDirectory(prefix="jikao-bench-") as name:
                cold.append(_until_ready(Path(name)))
                warm.append(_until_ready(Path(name)))
        return {"demo_cold_s": cold, "demo_warm_s": warm}


def _until_ready(folder: Path) -> float:
    port = free_port()
    started = time.perf_counter()
    with program(["-m", "server.cli", "demo"], port, JIKAO_DATA_DIR=str(folder), JIKAO_PORT=str(port)):
        # The port is taken before the demo is loaded; the first page comes when it is there.
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=300) as page:
            if b"<form" not in page.read():
                raise RuntimeError("the demo's first page is not the sign-in page")
        return time.perf_counter() - started


class Hammered:
    """A server under the hammer, and how far each connection has come."""

    def __init__(self, port: int, signed: list[SignedIn]) -> None:
        self.port, self.signed = port, signed
        self.acked = [0] * len(signed)

    def run(self, seconds: float) -> Result:
        """All connections for `seconds`; every answer has to be 200."""
        result = hammer(
            self.port,
            [one.cookie for one in self.signed],
            [one.epoch for one in self.signed],
            [acked + 1 for acked in self.acked],
            seconds,
        )
        if result.refused:
            raise RuntimeError(f"refused: {result.refused}")
        self.acked = result.acked
        return result

    def cpu_per_save(self, pid: int, seconds: float) -> float:
        """Seconds of CPU per save."""
        before = cpu_seconds(pid)
        result = self.run(seconds)
        return (cpu_seconds(pid) - before) / result.saves


def seeded(url: str, folder: Path) -> list[dict[str, Any]]:
    """A fixture exam session with one candidate per connection, in a process of its own."""
    out = folder / "people.jsonl"
    command = [sys.executable, "-m", "loadtests.seed", "--url", url, "--keys", str(folder / "keys")]
    subprocess.run([*command, "--candidates", str(CONNECTIONS), "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def nothing_lost(url: str, product: Hammered) -> None:
    """A figure counts only if everything acknowledged is in SQL."""
    journals, problems = check_journals(url)
    lost = [
        entry_no
        for (_exam, entry_no), events in journals.items()
        if max((event.op or 0 for event in events), default=0) < product.acked[entry_no - 1]
    ]
    if problems or lost or len(journals) < len(product.acked):
        raise RuntimeError(f"acknowledged but not stored, or a broken journal: {lost[:3]} {problems[:3]}")


UNITS = {"save_cpu_vs_floor": "ratio", "save_cpu_us": "us", "floor_cpu_us": "us"}


def unit(name: str) -> str:
    """By the figure's name."""
    if name in UNITS:
        return UNITS[name]
    return "1/s" if "per_s" in name else "ms" if "_ms_" in name else "s"


def main() -> None:
    figures: dict[str, Callable[[Bench], Figures]] = {
        "save_cpu_vs_floor": Bench.save_cpu_vs_floor,
        "saves_per_s_sqlite": Bench.saves_per_s_sqlite,
        "saves_per_s_postgresql": Bench.saves_per_s_postgresql,
        "assemble_demo_s": Bench.assemble_demo_s,
        "demo": Bench.demo,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("figures", nargs="*", choices=[[], *figures], default=[])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--out", type=Path, default=Path("var/bench/main.json"))
    given = parser.parse_args()
    bench, found = Bench(given.runs, given.seconds), {}
    for name in given.figures or figures:
        for figure, runs in figures[name](bench).items():
            value = statistics.median(runs)
            found[figure] = {"value": round(value, 3), "unit": unit(figure), "runs": [round(one, 3) for one in runs]}
            print(f"{figure:26} {value:10.3f} {unit(figure):6} {[round(one, 3) for one in runs]}", flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(given.out.read_text(encoding="utf-8")) if given.figures and given.out.exists() else {}
    given.out.write_text(json.dumps(before | found, indent=1) + "\n", encoding="utf-8")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} -> {given.out}")


if __name__ == "__main__":
    main()
