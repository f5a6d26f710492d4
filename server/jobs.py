"""Heavy work leaves the serving process: one niced child (`job_child`) works through the `job` table.

Import, assembly, statistics and regrading are rows here; the child process claims them one by one, reports progress into the row,
and stops when the row asks for it. Serving code never imports a solver: work is named by a dotted string and resolved in
the child. A job whose child died is found by any serving process and marked failed, and the person can start it again: work is
written so that a job that did not finish has stored nothing that shows.
"""

import functools
import importlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import JSON, Column, LargeBinary, case, insert, select, text, update
from sqlmodel import Field, Session, SQLModel, col

from server.audit.trail import Actor
from server.clock import Clock
from server.db import Databases, UTCDateTime, reading, transaction
from server.errors import AppError
from server.keyring import Keyring
from server.settings import Settings

log = structlog.get_logger()

KINDS: dict[str, str] = {
    "grading.mark": "server.grading.work:mark",
    "grading.statistics": "server.grading.statistics_work:compute",
    "bank.read_items": "server.bank.import_jobs:read_items",
    "bank.store_items": "server.bank.import_jobs:store_items",
    "bank.make_export": "server.bank.export_jobs:make",
    "bank.make_papers": "server.bank.paper_jobs:make_papers",
    "bank.runway": "server.bank.runway_view:compute",
    "bank.judge_blueprint": "server.bank.blueprint_jobs:judge",
    "bank.compare_draft": "server.bank.twin_jobs:compare_draft",
    "bank.compare_items": "server.bank.twin_jobs:compare_items",
}
"""Kind -> "package.module:function" of `function(context: JobContext, args: dict) -> dict` (the result, as JSON).
Dotted strings, so that this module imports no slice."""

QUICK = "bank.compare_draft"
JUDGE = "bank.judge_blueprint"
SOON = (QUICK, JUDGE)
"""Somebody is typing and waits for it: it goes first, and other work lets it in between its own steps."""

SILENT_AFTER = timedelta(seconds=30)
"""A child that works says so every five seconds; one that was silent for so long is gone."""
LOCK = 0x4A494B414F  # "JIKAO"
"""Advisory lock of the one child at work, on PostgreSQL."""


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
    child: str = Field(default="", sa_column_kwargs={"server_default": ""})
    beat_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
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
    between: Callable[[], object] | None = None
    _last: float = 0.0

    def progress(self, done: int, total: int, step: str = "", so_far: dict[str, Any] | None = None) -> None:
        """Say how far (at most some times a second); raises `Cancelled` when asked to stop.

        `so_far` stands as the job's result until there is one.
        """
        if self.job_id is None or (time.monotonic() - self._last < 0.3 and done < total):
            return
        self._last = time.monotonic()
        told: dict[str, Any] = {"done": done, "total": total, "step": step}
        if so_far is not None:
            told["result"] = so_far
        with transaction(self.dbs) as db:
            db.execute(update(Job).where(col(Job.id) == self.job_id).values(**told))
            stop = db.execute(select(col(Job.cancel)).where(col(Job.id) == self.job_id)).scalar_one()
        if stop:
            raise Cancelled
        if self.between is not None:
            self.between()


def put(db: Session, kind: str, args: dict[str, Any], actor: Actor, now: datetime, upload: bytes | None = None) -> int:
    """Queue work; also what work itself calls for what is to follow it. Returns the job's id."""
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
    row |= {"created_at": now, "done": 0, "total": 0, "step": "", "problem": "", "cancel": False}
    return int(db.execute(insert(Job).values(**row).returning(col(Job.id))).scalar_one())


class Jobs:
    """The serving side: put work down, wake the child."""

    def __init__(self, settings: Settings, dbs: Databases, clock: Clock) -> None:
        self._settings, self._dbs, self._clock = settings, dbs, clock
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def submit(self, db: Session, kind: str, args: dict[str, Any], actor: Actor, upload: bytes | None = None) -> int:
        """Queue work in the caller's transaction; call `wake` after it has committed. Returns the job's id."""
        return put(db, kind, args, actor, self._clock.now(), upload)

    def wake(self) -> None:
        """Start the child unless one is at work; a child that finds nothing more to do ends by itself."""
        with self._lock:
            if self._child is not None and self._child.poll() is None:
                assert self._child.stdin is not None
                try:
                    self._child.stdin.write(b"\n")
                    self._child.stdin.flush()
                    return
                except BrokenPipeError:
                    pass  # it ended just now: start another below
            if self._works_elsewhere():
                return
            self._child = subprocess.Popen(
                [sys.executable, "-c", "from server.job_child import main; main()"],
                stdin=subprocess.PIPE,
                env={**environment(self._settings), **ONE_THREAD},
            )

    def wait(self, job_id: int, seconds: float) -> Job | None:
        """The job when it has ended within `seconds`, else None: for pages without a script. Keeps its thread, nobody else's."""
        end = time.monotonic() + seconds
        while True:
            with reading(self._dbs) as db:
                job = db.get(Job, job_id)
            if job is None or job.state not in {"queued", "running"}:
                return job
            if time.monotonic() > end:
                return None
            time.sleep(0.05)

    def wake_if_waiting(self) -> None:
        """The sweeper behind `wake`: a child that was just ending may have missed it."""
        with reading(self._dbs) as db:
            waiting = db.execute(select(col(Job.id)).where(col(Job.state) == "queued").limit(1)).first()
        if waiting is not None:
            self.wake()

    def _works_elsewhere(self) -> bool:
        """Whether another serving process has the child; it looks at the table itself."""
        if self._dbs.is_sqlite:
            return False
        held = text(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
            "AND classid::bigint = :high AND objid::bigint = :low "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with reading(self._dbs) as db:
            return db.execute(held, {"high": LOCK >> 32, "low": LOCK & 0xFFFFFFFF}).first() is not None

    def fail_orphans(self) -> None:
        """What has nobody working on it any more did not finish. At start-up and ever again, in every process."""
        now, here = self._clock.now(), process_name()
        with reading(self._dbs) as db:
            running = db.execute(select(col(Job.id), col(Job.child), col(Job.beat_at)).where(col(Job.state) == "running")).all()
        for number, child, beat_at in running:
            if not is_orphan(child, beat_at, now, here):
                continue
            same = (col(Job.id) == number, col(Job.state) == "running", col(Job.child) == child)
            with transaction(self._dbs) as db:
                db.execute(update(Job).where(*same).values(state="failed", problem="interrupted", ended_at=now, upload=None))

    def stop(self) -> None:
        """End the child (its job becomes an orphan)."""
        with self._lock:
            if self._child is not None and self._child.poll() is None:
                self._child.terminate()
                try:
                    self._child.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    self._child.kill()
                    self._child.wait(timeout=1)
            if self._child is not None and self._child.stdin is not None:
                self._child.stdin.close()


ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""The other core belongs to candidates, and threads only get in each other's way."""


def environment(settings: Settings) -> dict[str, str]:
    """For a child process with the same settings; secrets travel in it, readable by the same user only."""
    values = {f"JIKAO_{name.upper()}": value for name, value in settings.model_dump(mode="json").items()}
    return {**os.environ, **{name: str(value) for name, value in values.items() if value not in (None, "")}}


def process_name() -> str:
    """machine:process namespace:process id. Two processes with the same first two parts see each other's process ids."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{socket.gethostname()}:{space}:{os.getpid()}"


def is_orphan(child: str, beat_at: datetime | None, now: datetime, here: str) -> bool:
    """Whether a running job has nobody behind it: a silent child, or one of this machine whose process is gone."""
    if beat_at is None or now - beat_at > SILENT_AFTER:
        return True
    machine, _, pid = child.rpartition(":")
    if machine != here.rpartition(":")[0] or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def run_next(dbs: Databases, keyring: Keyring, clock: Clock, child: str = "") -> bool:
    """Claim and run the oldest queued job; False when there is none. Also what tests call."""
    return _run_one(dbs, keyring, clock, child or process_name(), only_quick=False)


def _run_one(dbs: Databases, keyring: Keyring, clock: Clock, child: str, *, only_quick: bool) -> bool:
    waiting = select(Job).where(col(Job.state) == "queued", *([col(Job.kind).in_(SOON)] if only_quick else []))
    first = case((col(Job.kind).in_(SOON), 0), else_=1)
    with reading(dbs) as db:
        job = db.execute(waiting.order_by(first, col(Job.id)).limit(1)).scalar()
    if job is None or job.id is None:
        return False
    with transaction(dbs) as db:
        claim = update(Job).where(col(Job.id) == job.id, col(Job.state) == "queued")
        claim = claim.values(state="running", child=child, beat_at=clock.now())
        if db.execute(claim).rowcount != 1:  # type: ignore[attr-defined]
            return True
    between = None if job.kind in SOON else functools.partial(_run_one, dbs, keyring, clock, child, only_quick=True)
    context = JobContext(dbs, keyring, clock, Actor(**job.actor), job.upload, job.id, between)
    outcome: dict[str, Any]
    try:
        outcome = {"state": "done", "problem": "", "result": work(job.kind)(context, job.args)}
    except Cancelled:
        outcome = {"state": "cancelled", "problem": ""}
    except AppError as error:
        outcome = {"state": "failed", "problem": error.message, "result": {"params": error.params}}
    except Exception as error:  # the row must say that it failed, whatever happened
        log.exception("job_failed", job=job.id, kind=job.kind)
        outcome = {"state": "failed", "problem": type(error).__name__}
    with transaction(dbs) as db:
        mine = (col(Job.id) == job.id, col(Job.child) == child)  # also when it was taken for an orphan meanwhile
        db.execute(update(Job).where(*mine).values(**outcome, ended_at=clock.now(), upload=None))
    return True


def work(kind: str) -> Callable[[JobContext, dict[str, Any]], dict[str, Any]]:
    """The function behind a kind."""
    module, _, name = KINDS[kind].partition(":")
    function: Callable[[JobContext, dict[str, Any]], dict[str, Any]] = getattr(importlib.import_module(module), name)
    return function
