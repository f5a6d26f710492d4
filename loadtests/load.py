"""Figures of the exam core under load: a table on the screen, `var/bench/load.json` as {"figure": {"value", "unit", "runs"}}.

    python -m loadtests.load [figure ...] [--runs 3] [--seconds 30] [--out var/bench/load.json]

Server and candidates share this machine, on loopback only. Every run ends with `verify`: the candidates' three-valued history
against SQL. A run with a single error, a lost or an unexplained operation is void: it gives no figure, the others go on, and the
program ends with 1.
"""

import argparse
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlmodel import col, select

from loadtests import watching
from loadtests.bench import Hammered, nothing_lost
from loadtests.crowds import Crowds, LoadError, crowds
from loadtests.served import cpu_seconds, descendants, free_port, jikao, program, sign_in
from loadtests.verify import Report, verify
from server.db import connect, reading, transaction
from server.sitting.tables import Liveness, SittingRow
from tests import postgresql

Figures = dict[str, list[float]]
MUSTS = {
    "save_cpu_ms": 0.45,
    "human_2000_p50_ms": 15,
    "human_2000_p99_ms": 150,
    "human_10000_p99_ms": 500,
    "open_storm_p99_ms": 1_500,
    "hand_in_storm_p99_ms": 1_000,
    "close_1000_s": 2,
    "drain_40000_s": 60,
    "cost_growth": 1.5,
    "kb_per_candidate": 60,
    "workers_2_cpu_vs_1": 1.15,
    "board_1000_s": 2,
}
SPARE_FILES = 500
"""Of the server's descriptors: database, log, listener, the board, and some to breathe."""
AWAY_MS = 600_000


class Load:
    """What all figures share."""

    def __init__(self, runs: int, seconds: float) -> None:
        self.runs, self.seconds = runs, seconds

    def save_cpu(self) -> Figures:
        """CPU of all server-side processes per saved answer: 64 kept-alive connections that do nothing else."""
        found = []
        with Bench(64, signed_in=False) as bench:
            with jikao(bench.folder, bench.url) as (pid, port):
                product = Hammered(port, [sign_in(port, person) for person in bench.people])
                product.run(1.0)
                for _run in range(self.runs):
                    before = all_cpu(pid)
                    saves = product.run(self.seconds / 5).saves
                    found.append((all_cpu(pid) - before) / saves * 1000)
            nothing_lost(bench.url, product)
        return {"save_cpu_ms": found}

    def human_2000(self) -> Figures:
        """2,000 candidates, a change each 20 s, pulses held."""
        figures = self._human(2_000)
        return {"human_2000_p50_ms": figures["p50"], "human_2000_p99_ms": figures["p99"]}

    def human_10000(self) -> Figures:
        """10,000 of them; what one costs in CPU against one of 100, and in memory."""
        small, large = self._human(100), self._human(10_000)
        growth = [mine / less for mine, less in zip(large["cpu"], small["cpu"], strict=True)]
        return {"human_10000_p99_ms": large["p99"], "cost_growth": growth, "kb_per_candidate": large["kb"]}

    def _human(self, candidates: int) -> Figures:
        found: Figures = {"p50": [], "p99": [], "cpu": [], "kb": []}
        with Bench(candidates) as bench:
            with (
                jikao(bench.folder, bench.url) as (pid, port),
                crowds(port, bench.people, bench.folder, whole=whole(candidates)) as crowd,
            ):
                warm(port)
                before_kb = memory_kb(pid)
                crowd.do("pulse", over_s=candidates / 500)
                crowd.do("open", over_s=candidates / 200, at_bell=True)
                for _run in range(self.runs):
                    before, began = all_cpu(pid), time.perf_counter()
                    heard = crowd.do("work", seconds=self.seconds)
                    found["cpu"].append((all_cpu(pid) - before) / candidates / (time.perf_counter() - began))
                    found["p50"].append(heard.percentile(0.5))
                    found["p99"].append(heard.percentile(0.99))
                    found["kb"].append((memory_kb(pid) - before_kb) / candidates)
                crowd.stop()
            bench.judge(crowd)
        return found

    def storms(self) -> Figures:
        """2,000 who wait with held pulses open within 10 s of the bell; later all hand in within 10 s."""
        opening, handing = [], []
        for _run in range(self.runs):
            with Bench(2_000, starts_in=12) as bench, jikao(bench.folder, bench.url) as (_pid, port):
                with crowds(port, bench.people, bench.folder) as crowd:
                    crowd.do("pulse", over_s=4)
                    opening.append(crowd.do("open", over_s=10, at_bell=True).percentile(0.99))
                    crowd.do("answer", changes=2, over_s=10)
                    handing.append(crowd.do("hand_in", over_s=10).percentile(0.99))
                    crowd.stop()
                bench.judge(crowd)
        return {"open_storm_p99_ms": opening, "hand_in_storm_p99_ms": handing}

    def close_1000(self) -> Figures:
        """1,000 who work end by time at once: from closing + grace until the last of them has heard."""
        found = []
        for _run in range(self.runs):
            with Bench(1_000, starts_in=8, duration=60) as bench, jikao(bench.folder, bench.url) as (_pid, port):
                with crowds(port, bench.people, bench.folder) as crowd:
                    crowd.do("pulse", over_s=3)
                    crowd.do("open", over_s=5, at_bell=True)
                    crowd.do("answer", changes=2, over_s=10)
                    heard = crowd.do("until_ended", limit_s=90)
                    crowd.stop()
                bench.judge(crowd)
                found.append(heard.last - bench.due())
        return {"close_1000_s": found}

    def drain_40000(self) -> Figures:
        """Away for 10 minutes by its own record; 2,000 browsers then send 20 changes each as they find it back."""
        found = []
        with Bench(2_000) as bench:
            port = free_port()
            with crowds(port, bench.people, bench.folder) as crowd:
                with bench.serve(port):
                    crowd.do("open", over_s=10)
                for _run in range(self.runs):
                    bench.was_away(AWAY_MS)
                    crowd.do("queue", ops=20)
                    crowd.begin("drain", limit_s=120)
                    time.sleep(6)
                    with bench.serve(port):
                        began = time.time()
                        found.append(crowd.wait("drain").last - began)
                crowd.stop()
            report = bench.judge(crowd)
            if report.acknowledged != 40_000 * self.runs:
                raise LoadError(f"{report.acknowledged} operations were acknowledged, not {40_000 * self.runs}")
        return {"drain_40000_s": found}

    def board_1000(self) -> Figures:
        """The real board in Chromium with 1,000 seats at work: from an acknowledged answer to its tile on the screen, p95."""
        found = []
        with Bench(1_000) as bench:
            keys = watching.seat_keys(bench.url)
            with jikao(bench.folder, bench.url) as (_pid, port), crowds(port, bench.people, bench.folder) as crowd:
                crowd.do("pulse", over_s=3)
                crowd.do("open", over_s=5, at_bell=True)
                for _run in range(self.runs):
                    with watching.board(bench.url, port, seats=1_000) as page:
                        crowd.begin("work", seconds=self.seconds)
                        page.wait_for_timeout((self.seconds + 1) * 1000)
                        heard = crowd.wait("work")
                        page.wait_for_timeout(4_000)
                        seen = page.evaluate("window.seen")
                    seconds, missing = watching.delays(heard.shown, seen, keys, until=time.time() - 4)
                    if missing or not seconds:
                        raise LoadError(f"{missing} acknowledged answers never came to the board, {len(seconds)} did")
                    found.append(sorted(seconds)[int(len(seconds) * 0.95)])
                crowd.stop()
            bench.judge(crowd)
        return {"board_1000_s": found}

    def workers_2(self) -> Figures:
        """CPU per save of server and PostgreSQL with two serving processes over that with one, in short turns.

        256 connections: as many as give one process full batches, for below that nobody needs a second one. With 64, the two
        share what one would have stored at once: said beside it.
        """
        many, few = self._workers(256), self._workers(64)
        return {
            "workers_2_cpu_vs_1": [two / one for one, two in zip(many[1], many[2], strict=True)],
            "workers_2_cpu_vs_1_of_64": [two / one for one, two in zip(few[1], few[2], strict=True)],
            "save_cpu_postgresql_ms": few[1],
        }

    def _workers(self, connections: int) -> dict[int, list[float]]:
        """ms of CPU per save, by the number of serving processes; both servers are up, one of them is at work."""
        found: dict[int, list[float]] = {1: [], 2: []}
        with postgresql.cluster() as cluster, ExitStack() as stack:
            served: dict[int, tuple[int, str, Hammered]] = {}
            for workers in found:
                url = postgresql.create_database(cluster, f"load_{workers}")
                bench = stack.enter_context(Bench(connections, url=url, signed_in=False))
                port = free_port()
                pid = stack.enter_context(bench.serve(port, JIKAO_WORKERS=str(workers)))
                served[workers] = pid, url, Hammered(port, [sign_in(port, person) for person in bench.people])
                served[workers][2].run(2.0)
            for _turn in range(3 * self.runs):  # what else the machine does meets both alike
                for workers, (pid, url, product) in served.items():
                    database = postmaster(url)
                    before = all_cpu(pid) + all_cpu(database)
                    saves = product.run(self.seconds / 10).saves
                    found[workers].append((all_cpu(pid) + all_cpu(database) - before) / saves * 1000)
            for _pid, url, product in served.values():
                nothing_lost(url, product)
        return found


class Bench:
    """A database of its own with an exam session that starts at once (or in some seconds), thrown away afterwards."""

    def __init__(
        self,
        candidates: int,
        *,
        url: str = "",
        folder: Path | None = None,
        signed_in: bool = True,
        starts_in: float = 0.0,
        duration: float = 0.0,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="jikao-load-")
        self.folder = folder or Path(self._folder.name)
        self.url = url or f"sqlite:///{self.folder / 'jikao.db'}"
        out = self.folder / "people.jsonl"
        command = [sys.executable, "-m", "loadtests.seed", "--url", self.url, "--keys", str(self.folder / "keys")]
        command += ["--candidates", str(candidates), "--out", str(out), "--starts-in", str(starts_in)]
        command += ["--signed-in"] if signed_in else []
        command += ["--duration", str(duration), "--ends-together"] if duration else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.people: list[dict[str, Any]] = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._folder.cleanup()

    def serve(self, port: int, **more: str) -> AbstractContextManager[int]:
        """`jikao serve` on a port of the caller's choice; gives the process id."""
        given = {"JIKAO_DATA_DIR": str(self.folder), "JIKAO_DATABASE_URL": self.url, "JIKAO_PORT": str(port), **more}
        return program(["-m", "server.cli", "serve"], port, **given)

    def judge(self, crowd: Crowds) -> Report:
        """The candidates' history against SQL; raises when anything is lost or unexplained, or nothing was acknowledged."""
        report = verify(self.url, *crowd.diaries)
        print(
            f"    acknowledged {report.acknowledged}, refused {report.refused}, unknown but stored {report.unknown_then_stored}, "
            f"events {report.events}; lost {len(report.lost)}, unexplained {len(report.unexplained)}",
            flush=True,
        )
        if not report.clean:
            raise LoadError("void: " + "; ".join([*report.lost[:5], *report.unexplained[:5]]))
        if not report.acknowledged:
            raise LoadError("void: nothing was acknowledged")
        return report

    def was_away(self, ms: int) -> None:
        """Make the server's record of its own life end so much earlier: to it, it was away since."""
        dbs, gap = connect(self.url), timedelta(milliseconds=ms)
        with transaction(dbs) as db:
            for run in db.exec(select(Liveness)).all():
                run.started_at, run.last_at = run.started_at - gap, run.last_at - gap
                run.stopped_at = None if run.stopped_at is None else run.stopped_at - gap
                db.add(run)
        dbs.dispose()

    def due(self) -> float:
        """Unix time of closing + grace, the same for everybody; raises when somebody did not end by time."""
        dbs = connect(self.url)
        with reading(dbs) as db:
            rows = db.execute(select(col(SittingRow.closes_at), col(SittingRow.end_kind), col(SittingRow.grace_ms))).all()
        dbs.dispose()
        if {row.end_kind for row in rows} != {"timed_out"} or len({row.closes_at for row in rows}) != 1:
            raise LoadError("not everybody was closed by time, at the same time")
        return float(rows[0].closes_at.timestamp() + rows[0].grace_ms / 1000)


def warm(port: int) -> None:
    """One page, so that what is loaded at the first request is there before memory is read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/exam")
    connection.getresponse().read()
    connection.close()


def all_cpu(pid: int) -> float:
    """Of the server and all its processes."""
    return sum(cpu_seconds(one) for one in descendants(pid))


def postmaster(url: str) -> int:
    """The process id of the PostgreSQL server behind a URL on this machine."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        backend = connection.info.backend_pid
        return int(Path(f"/proc/{backend}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[1])


def memory_kb(pid: int) -> float:
    """Resident memory of the server and all its processes."""
    pages = [int(Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()[1]) for one in descendants(pid)]
    return sum(pages) * resource.getpagesize() / 1024


def whole(candidates: int) -> int:
    """How many candidates can keep two connections; said when that is not all of them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    room = hard - SPARE_FILES - candidates
    if room < candidates:
        print(
            f"The hard limit of open files is {hard}, too low for {candidates} candidates with two connections each: "
            f"{candidates - room} of them close the second one after each save.",
            file=sys.stderr,
            flush=True,
        )
    return max(0, min(candidates, room))


FIGURES: dict[str, Callable[[Load], Figures]] = {
    "save_cpu": Load.save_cpu,
    "human_2000": Load.human_2000,
    "storms": Load.storms,
    "close_1000": Load.close_1000,
    "drain_40000": Load.drain_40000,
    "board_1000": Load.board_1000,
    "workers_2": Load.workers_2,
    "human_10000": Load.human_10000,
}
UNITS = {"cost_growth": "ratio", "kb_per_candidate": "KB"}


def unit(name: str) -> str:
    """By the figure's name."""
    return UNITS.get(name, "ratio" if "_vs_" in name else "ms" if name.endswith("_ms") else "s")


def producing(asked: list[str]) -> list[str]:
    """The functions that give the figures asked for, by figure or function; all when none is asked for."""
    wanted = [name for name in FIGURES if not asked or any(one == name or one.startswith(name) for one in asked)]
    wanted += [GIVEN_BY[one] for one in asked if one in GIVEN_BY and GIVEN_BY[one] not in wanted]
    unknown = [one for one in asked if one not in MUSTS and one not in FIGURES]
    if unknown:
        raise SystemExit(f"no figure is called {', '.join(unknown)}; there are: {', '.join([*FIGURES, *MUSTS])}")
    return wanted


GIVEN_BY = {
    "open_storm_p99_ms": "storms",
    "hand_in_storm_p99_ms": "storms",
    "cost_growth": "human_10000",
    "kb_per_candidate": "human_10000",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("figures", nargs="*", default=[], metavar="figure", help=", ".join([*FIGURES, *MUSTS]))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each run at the human rhythm")
    parser.add_argument("--out", type=Path, default=Path("var/bench/load.json"))
    given = parser.parse_args()
    load, failed = Load(given.runs, given.seconds), []
    found: dict[str, dict[str, Any]] = {}
    for name in producing(given.figures):
        began = time.perf_counter()
        print(f"{name}: {FIGURES[name].__doc__}", flush=True)
        try:
            figures = FIGURES[name](load)
        except (LoadError, RuntimeError, OSError, subprocess.SubprocessError) as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
            print(f"    FAILED after {time.perf_counter() - began:.0f} s: {error}", flush=True)
            continue
        for figure, runs in figures.items():
            found[figure] = {
                "value": round(statistics.median(runs), 3),
                "unit": unit(figure),
                "runs": [round(r, 3) for r in runs],
            }
            print(f"    {line(figure, found[figure])}  ({time.perf_counter() - began:.0f} s)", flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    given.out.write_text(json.dumps(before | found, indent=1) + "\n", encoding="utf-8")
    print()
    for figure, one in found.items():
        print(line(figure, one))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, candidates on the same machine -> {given.out}")
    for reason in failed:
        print(f"FAILED {reason}")
    missed = [figure for figure in found if figure in MUSTS and found[figure]["value"] > MUSTS[figure]]
    if missed:
        print(f"MISSED: {', '.join(missed)}")
    sys.exit(1 if failed else 0)


def line(figure: str, one: dict[str, Any]) -> str:
    """One row of the table."""
    must = f"must <= {MUSTS[figure]:g}" if figure in MUSTS else ""
    return f"{figure:26} {one['value']:10.3f} {one['unit']:6} {must:16} {one['runs']}"


if __name__ == "__main__":
    main()
