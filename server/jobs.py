"""Heavy work leaves the serving process: one niced child works through the `job` table.

Import, assembly, statistics and regrading are rows here; the child process claims them one by one, reports progress into the row,
and stops when the row asks for it. Serving code never imports a solver: work is named by a dotted string and resolved in
the child. A job whose child died is marked failed at the next start, and the person can start it again: work is
written so that a job that did not finish has stored nothing that shows.
"""

import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import JSON, Column, LargeBinary, insert, select, update
from sqlmodel import Field, Session, SQLModel, col

from server import logs
from server.audit.trail import Actor
from server.clock import Clock, SystemClock
from server.db import Databases, UTCDateTime, connect, reading, transaction
from server.errors import AppError
from server.keyring import Keyring
from server.settings import Settings, load

log = structlog.get_logger()

KINDS: dict[str, str] = {
    "grading.mark": "server.grading.work:mark",
    "bank.read_items": "server.bank.import_jobs:read_items",
    "bank.store_items": "server.bank.import_jobs:store_items",
    "bank.make_papers": "server.bank.paper_jobs:make_papers",
    "bank.runway": "server.bank.runway_view:compute",
}
"""Kind -> "package.module:function" of `function(context: JobContext, args: dict) -> dict` (the result, as JSON).
Dotted strings, so that this module imports no slice."""

IDLE_SECONDS = 30.0


class Job(SQLModel, table=True):
    """One piece of heavy work. `state`: queued, running, done, failed, cancelled."""

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int | None = Field(default=None, index=True)
    kind: str
    state: str = "queued"
    args: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    upload: bytes | None = Field(default=None, sa_type=LargeBinary)
    actor: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    done: int = 0
    total: int = 0
    step: str = ""
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    problem: str = ""
    cancel: bool = False
    created_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class Cancelled(Exception):
    """Somebody asked the job to stop."""


@dataclass
class JobContext:
    """What the work gets: the databases, keys, clock, who asked, the uploaded bytes, and `progress`."""

    dbs: Databases
    keyring: Keyring
    clock: Clock
    actor: Actor
    upload: bytes | None
    job_id: int | None = None
    _last: float = 0.0

    def progress(self, done: int, total: int, step: str = "") -> None:
        """Say how far (at most some times a second); raises `Cancelled` when asked to stop."""
        if self.job_id is None or (time.monotonic() - self._last < 0.3 and done < total):
            return
        self._last = time.monotonic()
        with transaction(self.dbs) as db:
            db.execute(update(Job).where(col(Job.id) == self.job_id).values(done=done, total=total, step=step))
            stop = db.execute(select(col(Job.cancel)).where(col(Job.id) == self.job_id)).scalar_one()
        if stop:
            raise Cancelled


class Jobs:
    """The serving side: put work down, wake the child."""

    def __init__(self, settings: Settings, dbs: Databases, clock: Clock) -> None:
        self._settings, self._dbs, self._clock = settings, dbs, clock
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def submit(self, db: Session, kind: str, args: dict[str, Any], actor: Actor, upload: bytes | None = None) -> int:
        """Queue work in the caller's transaction; call `wake` after it has committed. Returns the job's id."""
        if kind not in KINDS:
            raise KeyError(f"no work is named '{kind}'")
        row: dict[str, Any] = {
            "kind": kind,
            "args": args,
            "upload": upload,
            "institution_id": actor.institution_id,
            "state": "queued",
        }
        row |= {"actor": {"kind": actor.kind, "id": actor.id, "name": actor.name, "institution_id": actor.institution_id}}
        row |= {"created_at": self._clock.now(), "done": 0, "total": 0, "step": "", "problem": "", "cancel": False}
        return int(db.execute(insert(Job).values(**row).returning(col(Job.id))).scalar_one())

    def wake(self) -> None:
        """Start the child unless it is at work; a child that finds nothing more to do ends by itself."""
        with self._lock:
            if self._child is not None and self._child.poll() is None:
                assert self._child.stdin is not None
                try:
                    self._child.stdin.write(b"\n")
                    self._child.stdin.flush()
                    return
                except BrokenPipeError:
                    pass  # it ended just now: start another below
            self._child = subprocess.Popen(
                [sys.executable, "-c", "from server.jobs import main; main()"],
                stdin=subprocess.PIPE,
                env={**environment(self._settings), **ONE_THREAD},
            )

    def wake_if_waiting(self) -> None:
        """The sweeper behind `wake`: a child that was just ending may have missed it."""
        with reading(self._dbs) as db:
            waiting = db.execute(select(col(Job.id)).where(col(Job.state) == "queued").limit(1)).first()
        if waiting is not None:
            self.wake()

    def fail_orphans(self) -> None:
        """At start-up: what was running when the process ended did not finish."""
        with transaction(self._dbs) as db:
            db.execute(
                update(Job)
                .where(col(Job.state) == "running")
                .values(state="failed", problem="interrupted", ended_at=self._clock.now(), upload=None)
            )

    def stop(self) -> None:
        """End the child (its job becomes an orphan)."""
        with self._lock:
            if self._child is not None and self._child.poll() is None:
                self._child.terminate()
                self._child.wait(timeout=5)
            if self._child is not None and self._child.stdin is not None:
                self._child.stdin.close()


ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""The other core belongs to candidates, and threads only get in each other's way."""


def environment(settings: Settings) -> dict[str, str]:
    """For a child process with the same settings; secrets travel in it, readable by the same user only."""
    values = {f"JIKAO_{name.upper()}": value for name, value in settings.model_dump(mode="json").items()}
    return {**os.environ, **{name: str(value) for name, value in values.items() if value not in (None, "")}}


def run_next(dbs: Databases, keyring: Keyring, clock: Clock) -> bool:
    """Claim and run the oldest queued job; False when there is none. Also what tests call."""
    with reading(dbs) as db:
        job = db.execute(select(Job).where(col(Job.state) == "queued").order_by(col(Job.id)).limit(1)).scalar()
    if job is None or job.id is None:
        return False
    with transaction(dbs) as db:
        claim = update(Job).where(col(Job.id) == job.id, col(Job.state) == "queued").values(state="running")
        if db.execute(claim).rowcount != 1:  # type: ignore[attr-defined]
            return True
    context = JobContext(dbs, keyring, clock, Actor(**job.actor), job.upload, job.id)
    outcome: dict[str, Any]
    try:
        outcome = {"state": "done", "result": work(job.kind)(context, job.args)}
    except Cancelled:
        outcome = {"state": "cancelled"}
    except AppError as error:
        outcome = {"state": "failed", "problem": error.message, "result": {"params": error.params}}
    except Exception as error:  # the row must say that it failed, whatever happened
        log.exception("job_failed", job=job.id, kind=job.kind)
        outcome = {"state": "failed", "problem": type(error).__name__}
    with transaction(dbs) as db:
        db.execute(update(Job).where(col(Job.id) == job.id).values(**outcome, ended_at=clock.now(), upload=None))
    return True


def work(kind: str) -> Callable[[JobContext, dict[str, Any]], dict[str, Any]]:
    """The function behind a kind."""
    module, _, name = KINDS[kind].partition(":")
    function: Callable[[JobContext, dict[str, Any]], dict[str, Any]] = getattr(importlib.import_module(module), name)
    return function


def main() -> None:
    """The child: nice, one job after another, until nothing has come for a while or the parent is gone."""
    if hasattr(os, "nice"):
        os.nice(10)
    settings = load()
    logs.configure(settings.log_level)
    importlib.import_module("server.alltables")
    dbs, clock = connect(settings.url), SystemClock()
    keyring = Keyring.open_folder(settings.keys)  # the parent has seen that they fit
    woken = threading.Event()
    threading.Thread(target=_listen, args=(woken,), daemon=True).start()
    while True:
        if run_next(dbs, keyring, clock):
            continue
        woken.clear()
        if run_next(dbs, keyring, clock):
            continue
        if not woken.wait(IDLE_SECONDS):
            sys.stdout.flush()
            os._exit(0)  # the listener still waits on stdin: an ordinary exit would trip over it


def _listen(woken: threading.Event) -> None:
    for _line in sys.stdin.buffer:
        woken.set()
    os._exit(0)  # the parent closed the pipe
