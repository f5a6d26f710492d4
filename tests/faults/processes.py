"""Many serving processes on one port, and Redis between them: what chaos does to one process, done to some of them.

    python -m tests.faults.processes --blows 100

Workers and their parent are killed and stopped, PostgreSQL's postmaster and backends too, Redis is killed, flushed and
stalled, all of it is asked to stop and started again, while candidates answer through the fault proxy. The verdict is that
of `chaos`: nothing lost, nothing unexplained, one end.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from loadtests.served import descendants
from tests.faults.chaos import Chaos, report
from tests.faults.chaos_client import Candidate
from tests.faults.postgres import Postgres
from tests.valkey import Valkey

KINDS = (
    *("kill_worker", "kill_worker", "kill_worker", "stop_worker", "stop_worker", "kill_parent", "stop_parent", "ask_to_stop"),
    *("kill_redis", "stall_redis", "flush_redis", "kill_backend", "stop_backend", "kill_postmaster"),
)


class Processes(Chaos):
    """A chaos with `workers` serving processes, with or without Redis."""

    def __init__(self, folder: Path, postgres: Postgres | None, seed_number: int, *, workers: int, redis: Valkey | None) -> None:
        super().__init__(folder, postgres, seed_number, rate=0.1)
        self.redis = redis
        self.kinds = [kind for kind in KINDS if redis is not None or "redis" not in kind]
        self.settings = {"JIKAO_WORKERS": str(workers)}
        if redis is not None:
            self.settings["JIKAO_REDIS_URL"] = redis.url
        self.pulses: list[tuple[int, int, dict[str, Any]]] = []
        """(entry number, status, body) of each pulse that came back."""
        self.held_since: dict[int, float] = {}
        """By entry number, when its present pulse was asked for (monotonic seconds)."""
        self.exits: list[float] = []
        """Seconds an orderly end took."""

    def workers(self) -> list[int]:
        """Process ids of those who serve: the parent's own children."""
        assert self.server is not None
        grandchildren = [pid for child in descendants(self.server.pid)[1:] for pid in descendants(child)[1:]]
        return [pid for pid in descendants(self.server.pid)[1:] if pid not in grandchildren]

    async def _kill_worker(self) -> None:
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(self.rng.choice(self.workers()), signal.SIGKILL)

    async def _stop_worker(self) -> None:
        with contextlib.suppress(IndexError):
            await self._stopped(self.rng.choice(self.workers()))

    async def _stop_parent(self) -> None:
        """Its workers serve without it."""
        assert self.server is not None
        await self._stopped(self.server.pid)

    async def _kill_redis(self) -> None:
        assert self.redis is not None
        self.redis.kill()
        await self._accepted()
        await asyncio.to_thread(self.redis.start)

    async def _stall_redis(self) -> None:
        assert self.redis is not None
        self.redis.stall()
        try:
            for _ in range(5):
                await self._accepted()
        finally:
            self.redis.go_on()

    async def _flush_redis(self) -> None:
        assert self.redis is not None
        with self.redis.client() as client:
            client.flushall()

    async def _ask_to_stop(self) -> None:
        """SIGTERM: everything ends in order; then all of it starts again."""
        await self.ask_to_stop()
        self.start_server()

    async def ask_to_stop(self) -> None:
        assert self.server is not None
        began = time.monotonic()
        self.server.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.server.wait, 30)
        self.exits.append(time.monotonic() - began)

    async def _kill_parent(self) -> None:
        """Its workers notice, drain and leave the port."""
        assert self.server is not None
        below = self.workers()
        began = time.monotonic()
        self.server.kill()
        self.server.wait(timeout=10)
        await asyncio.to_thread(_all_gone, below)
        self.exits.append(time.monotonic() - began)
        began = time.monotonic()
        self.start_server()
        await self._accepted()
        self.restarts.append(time.monotonic() - began)

    async def hold_pulse(self, exam: int, entry_no: int, cookie: str) -> None:
        """A browser that holds a pulse all the time, straight to the server."""
        holder = Candidate(exam, entry_no, cookie, self.port, self.ledger, Random(1))
        version = -1
        try:
            while True:
                self.held_since[entry_no] = time.monotonic()
                status, body = await holder.ask("GET", f"pulse?epoch=0&v={version}", {}, within=90)
                self.pulses.append((entry_no, status, body))
                version = body.get("version", version)
                if status != 200:
                    await asyncio.sleep(0.1)
        finally:
            holder.hang_up()


def _all_gone(pids: list[int]) -> None:
    for _attempt in range(300):
        if not any(_lives(pid) for pid in pids):
            return
        time.sleep(0.05)
    raise RuntimeError("workers outlived their parent")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def run(blows: int, seed_number: int, *, workers: int = 2) -> tuple[Processes, list[str]]:
    """A whole run on a PostgreSQL and a Redis of its own."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(dir=memory, prefix="jikao-processes-"))
    postgres, redis = Postgres(), Valkey()
    try:
        postgres.start()
        redis.start()
        chaos = Processes(folder, postgres, seed_number, workers=workers, redis=redis)
        exam, people = chaos.prepare()
        try:
            asyncio.run(chaos.run(blows, exam, people))
        finally:
            chaos.stop_server()
        return chaos, chaos.verdict()
    finally:
        redis.kill()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill and stop serving processes and Redis under load.")
    parser.add_argument("--blows", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chaos, problems = run(given.blows, given.seed)
    wrong = report("chaos_processes", chaos, problems)
    print(f"  orderly ends and those after the parent's death took {max(chaos.exits, default=0):.1f} s at most")
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
