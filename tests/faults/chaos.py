"""Process chaos: kill -9 and SIGSTOP of the server and the database under load, through a network that does what it likes.

    python -m tests.faults.chaos --database sqlite --blows 250

`CANDIDATES` candidates answer through the fault proxy all the while. Each blow kills or stops something; a killed server is
started again at once, and the time from its start to the first accepted operation is taken. At the end the network behaves,
everybody hands in, and what each was told is compared with SQL: nothing lost, nothing unexplained (I1-I3), chains and folds
(I2), one receipt a candidate and the same every time (I5), every fenced operation in the journal or in quarantine (I6).
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text

from loadtests.seed import seed
from loadtests.verify import check_journals, compare
from server import migrations
from server.db import connect
from server.keyring import Keyring
from server.sitting.events import END_KINDS
from server.sitting.operations import content_of
from tests.faults.chaos_client import Candidate, Ledger
from tests.faults.postgres import Postgres
from tests.faults.proxy import Proxy, read_message
from tests.postgresql import create_database, free_port

CANDIDATES = 20
DATABASE = "chaos"
WAIT_S = 240


class Chaos:
    """One run on one database."""

    def __init__(self, folder: Path, postgres: Postgres | None, seed_number: int, rate: float) -> None:
        self.folder, self.postgres, self.rate = folder, postgres, rate
        self.rng = Random(seed_number)
        self.url = f"sqlite:///{folder}/jikao.db" if postgres is None else create_database(postgres.server_url, DATABASE)
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None
        self.ledger = Ledger()
        self.restarts: list[float] = []
        self.blows: Counter[str] = Counter()
        self.enough = threading.Event()
        """No further blows, but a verdict: SIGINT."""
        self.seconds = 1.0
        """From the first blow to the last."""
        self.settings: dict[str, str] = {}
        """Further `JIKAO_*` of the server."""
        self.kinds = ["kill_server"] * 4 + ["stop_server"] * 2
        if postgres is not None:
            self.kinds += ["kill_backend", "stop_backend", "stop_backend", "kill_postmaster"]

    def prepare(self, candidates: int = CANDIDATES, **given: Any) -> tuple[int, list[Any]]:
        """Seed it; `given` goes to `seed`. Exam session and people."""
        migrations.upgrade(self.url)
        dbs = connect(self.url)
        found = seed(dbs, Keyring.open_folder(self.folder / "keys"), candidates=candidates, items=20, **given)
        dbs.dispose()
        return found

    # -- the server --

    def start_server(self) -> None:
        environment = {
            **os.environ,
            "JIKAO_DATA_DIR": str(self.folder),
            "JIKAO_DATABASE_URL": self.url,
            "JIKAO_PORT": str(self.port),
            **self.settings,
        }
        with (self.folder / "server.log").open("ab") as sink:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "serve"], env=environment, stdout=sink, stderr=sink
            )

    def stop_server(self) -> None:
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.server.kill()
                raise

    async def _accepted(self) -> None:
        """Until something is accepted again; a server that ended (its database was away) is started again."""
        waiting = asyncio.ensure_future(self.ledger.next_accepted())
        for _attempt in range(WAIT_S * 4):
            done, _pending = await asyncio.wait([waiting], timeout=0.25)
            if done:
                return
            assert self.server is not None
            if self.server.poll() is not None:
                self.start_server()
        raise RuntimeError(f"nothing was accepted for {WAIT_S} s")

    # -- blows --

    async def strike(self) -> None:
        kind = self.rng.choice(self.kinds)
        self.blows[kind] += 1
        await getattr(self, f"_{kind}")()
        await self._accepted()

    async def _kill_server(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait(timeout=10)
        began = time.monotonic()
        self.start_server()
        await self._accepted()
        self.restarts.append(time.monotonic() - began)

    async def _stop_server(self) -> None:
        assert self.server is not None
        await self._stopped(self.server.pid)

    async def _stopped(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(self.rng.uniform(0.1, 1.5))
        except ProcessLookupError:
            return
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def _backend(self) -> int | None:
        assert self.postgres is not None
        found = await asyncio.to_thread(self.postgres.backends, DATABASE)
        return self.rng.choice(found) if found else None

    async def _kill_backend(self) -> None:
        pid = await self._backend()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    async def _stop_backend(self) -> None:
        pid = await self._backend()
        if pid is not None:
            await self._stopped(pid)

    async def _kill_postmaster(self) -> None:
        assert self.postgres is not None
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.sleep(self.rng.uniform(0, 0.5))
        await asyncio.to_thread(self.postgres.start)

    # -- the run --

    async def run(self, blows: int, exam: int, people: list[Any]) -> None:
        self.start_server()
        cookies = [await self._enter(person) for person in people]
        proxy = Proxy(self.port, Random(self.rng.random()))
        await proxy.start()
        candidates = [
            Candidate(exam, person.entry_no, cookie, proxy.port, self.ledger, Random(self.rng.random()))
            for person, cookie in zip(people, cookies, strict=True)
        ]
        lives = [asyncio.ensure_future(one.live()) for one in candidates]
        await self._accepted()
        proxy.rate = self.rate
        began = time.monotonic()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.enough.set)
        for number in range(blows):
            if self.enough.is_set():
                break
            await self._work()
            await self.strike()
            failed = [life for life in lives if life.done() and life.exception()]
            if failed:
                await failed[0]
            if number % 25 == 24:
                self.seconds = time.monotonic() - began
                print(f"  {number + 1} blows, {self.progress()}", flush=True)
        self.seconds = time.monotonic() - began
        proxy.rate = 0.0
        for one in candidates:
            one.stop = True
        async with asyncio.timeout(120):
            await asyncio.gather(*lives)
        await proxy.stop()
        self.network = proxy.done

    async def _work(self) -> None:
        """Until some, or many, further operations are accepted: a blow meets a server that has just come back, or one at work."""
        until = self.ledger.accepted + self.rng.choice((0, 5, 50, 200))
        while self.ledger.accepted < until:
            await self._accepted()

    def progress(self) -> str:
        return (
            f"{self.ledger.accepted} accepted ({self.ledger.accepted / self.seconds:.0f} a second), "
            f"{self.ledger.refused_connections} connections refused, restart p95 {p95(self.restarts):.2f} s"
        )

    async def _enter(self, person: Any) -> str:
        """Sign in, without the proxy; waits for the server and the bell."""
        form = urlencode({"admission_no": person.admission_no, "secret": person.secret}).encode()
        for _attempt in range(WAIT_S * 4):
            try:
                answer = await self._post("/exam/enter", form, "application/x-www-form-urlencoded")
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.25)
                continue
            lines = answer.decode("latin-1").split("\r\n")
            cookies = [line.split(": ", 1)[1].split(";")[0] for line in lines if line.lower().startswith("set-cookie: jikao_c=")]
            if cookies and await self._opened(cookies[0]):
                return cookies[0]
            await asyncio.sleep(0.25)
        raise RuntimeError("nobody could sign in")

    async def _opened(self, cookie: str) -> bool:
        body = json.dumps({"page": secrets.token_hex(8)}).encode()
        return (await self._post("/exam/api/open", body, "application/json", cookie))[9:12] == b"200"

    async def _post(self, path: str, body: bytes, kind: str, cookie: str = "") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        try:
            writer.write(
                f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\nsec-fetch-site: same-origin\r\ncookie: {cookie}\r\n"
                f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            return await read_message(reader) or b""
        finally:
            writer.close()

    # -- the verdict --

    def verdict(self) -> list[str]:
        journals, problems = check_journals(self.url)
        self.journals = journals
        report = compare(self.ledger.told, journals)
        problems += [f"lost: {one}" for one in report.lost] + [f"unexplained: {one}" for one in report.unexplained]
        self.report = report
        dbs = connect(self.url)
        with dbs.read.connect() as connection:
            rows = connection.execute(text("SELECT exam_session_id, entry_no, epoch, op, content FROM quarantined_operation"))
            kept = {(*row[:4], json.dumps(json.loads(row[4]) if isinstance(row[4], str) else row[4])) for row in rows}
        dbs.dispose()
        stored = {
            (*key, event.epoch, event.op, json.dumps(content_of(event)))
            for key, events in journals.items()
            for event in events
            if event.op is not None
        }
        crowded = {key for key, count in Counter(one[:2] for one in kept).items() if count >= 1_000}
        for place, content in self.ledger.fenced.items():
            named = (*place, json.dumps(content))
            if named not in kept and named not in stored and place[:2] not in crowded:
                problems.append(f"fenced and nowhere: {named}")
        for key, events in journals.items():
            ends = [event for event in events if event.kind in END_KINDS]
            receipts = self.ledger.receipts.get(key[1], [])
            if len(ends) != 1 or len({json.dumps(one, sort_keys=True) for one in receipts}) != 1:
                problems.append(f"{key}: {len(ends)} ends, receipts {receipts[:3]}")
        return problems


def p95(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] if ordered else 0.0


def run(database: str, blows: int, seed_number: int, rate: float, only: str = "") -> tuple[Chaos, list[str]]:
    """One run; the chaos after it and what was wrong."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(dir=memory, prefix="jikao-chaos-"))
    postgres = Postgres() if database == "postgresql" else None
    try:
        if postgres is not None:
            postgres.start()
        chaos = Chaos(folder, postgres, seed_number, rate)
        chaos.kinds = [only] if only else chaos.kinds
        exam, people = chaos.prepare()
        try:
            asyncio.run(chaos.run(blows, exam, people))
        finally:
            chaos.stop_server()
        return chaos, chaos.verdict()
    finally:
        if postgres is not None:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="kill -9 and SIGSTOP under load, through a fault proxy.")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--blows", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.15, help="share of requests the network spoils")
    parser.add_argument("--only", choices=["", "kill_server", "stop_server"], default="", help="one kind of blow")
    given = parser.parse_args()
    chaos, problems = run(given.database, given.blows, given.seed, given.rate, given.only)
    kind = "restarts" if given.only == "kill_server" else "chaos"
    raise SystemExit(report(f"{kind}_{given.database}", chaos, problems))


def report(name: str, chaos: Chaos, problems: list[str]) -> bool:
    """Print a run and write its figures to `var/bench/NAME.json`; whether something was wrong."""
    found = chaos.report
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{name}: {sum(chaos.blows.values())} blows {dict(chaos.blows)} in {chaos.seconds:.0f} s; load average {load}")
    print(f"  {chaos.progress()}")
    print(f"  network: {dict(chaos.network)}")
    print(f"  answers: {chaos.ledger.codes}")
    print(f"  acknowledged {found.acknowledged}, lost {len(found.lost)}, unexplained {len(found.unexplained)}")
    for line in problems[:20]:
        print(f"  {line}")
    runs = [round(one, 3) for one in chaos.restarts]
    middle = statistics.median(runs) if runs else 0.0
    print(f"  restart to first accepted operation: median {middle:.2f} s, p95 {p95(runs):.2f} s of {len(runs)}")
    figures: dict[str, Any] = {
        "restart_p50_s": {"value": middle, "unit": "s", "runs": runs},
        "restart_p95_s": {"value": p95(runs), "unit": "s", "runs": runs},
    }
    counts = {
        "blows": sum(chaos.blows.values()),
        "acknowledged": found.acknowledged,
        "lost": len(found.lost),
        "unexplained": len(found.unexplained),
        "refused_connections": chaos.ledger.refused_connections,
    }
    for what, value in counts.items():
        figures[f"{name}_{what}"] = {"value": value, "unit": "count", "runs": [value]}
    rate = round(chaos.ledger.accepted / chaos.seconds, 1)
    figures[f"{name}_accepted_per_s"] = {"value": rate, "unit": "1/s", "runs": [rate]}
    out = Path(f"var/bench/{name}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return bool(problems)


if __name__ == "__main__":
    main()
