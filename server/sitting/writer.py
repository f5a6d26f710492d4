"""The one door: commands in, decisions made durable, answers out. Group commit on a thread of its own.

Takes all that is queued (at most `BATCH`), one transaction: lock the sittings' rows in id order, read, decide in order of
arrival, insert events, update rows, commit - then answer. It never answers from memory. While one batch commits, the next
gathers; only in a crowd it waits for more, at most `GATHER_S`. A full queue answers `busy` at once. A batch that fails on its
data is cut in two until the poisoned command stands alone. When nothing can be stored (disk full, database away) everything of
the batch is answered `storage`, which to a candidate means *unknown*: the same operation sent again is stored once. It recovers
by itself.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

import structlog

from server.clock import Clock
from server.sitting.batch import Batch
from server.sitting.commands import Command, Hold, Key, Outcome
from server.sitting.sql import Connection, Store, trouble
from server.sitting.state import Sitting

log = structlog.get_logger()

BATCH = 256
RETRIES = 10
"""A lock is waited for at most this often (300 ms each on PostgreSQL, 10 s once on SQLite) before `storage`."""
PAUSE_AFTER_FAILURE_S = 0.05
CROWD = 16
"""After a batch of so many the next one waits for its mates: what a batch costs whatever its size is then shared by more."""
GATHER_STEP_S, GATHER_S = 0.0005, 0.003
"""As long as more came within a step, and never longer than this."""
KEPT_MAX = 20_000
"""Sittings remembered from their last change, about 1 kB each and mostly the same objects the pulses answer from."""

Listener = Callable[[list[Sitting]], None]
Answer = Callable[[Outcome], None]
"""Takes the answer to one command; never raises."""


class Job:
    """A command on its way: when it was received, and what to call with the answer, on which loop (None: the thread here)."""

    __slots__ = ("answer", "at", "command", "loop")

    def __init__(self, command: Command, at: int, answer: Answer, loop: asyncio.AbstractEventLoop | None) -> None:
        self.command = command
        self.at = at
        self.answer = answer
        self.loop = loop


class Writer:
    """Start it once per process; every slice hands its commands to it."""

    def __init__(self, store: Store, clock: Clock, *, capacity: int = 20_000) -> None:
        self.store = store
        self.clock = clock
        self.capacity = capacity
        self.listeners: list[Listener] = []
        self.hold: Callable[[int], Hold | None] = lambda _exam_session_id: None  # set by who knows of outages and clocks
        self.batches = 0
        self.commands = 0
        self._queue: deque[Job] = deque()
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._busy = False
        self._last = 0
        self._stopping = False
        self._connection: Connection | None = None
        self._kept: dict[Key, Sitting] = {}
        self._thread = threading.Thread(target=self._run, name="sitting-writer", daemon=True)

    # -- the door --

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Refuse new commands, write what is queued, end the thread; False when that took longer than `timeout`."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def queued(self) -> int:
        """Commands that wait."""
        return len(self._queue)

    @property
    def drained(self) -> bool:
        """Whether nothing waits and nothing is being written."""
        with self._wake:
            return not self._queue and not self._busy

    def now_ms(self) -> int:
        """The clock, in Unix ms."""
        return self.clock.now_ms()

    async def ask(self, command: Command) -> Outcome:
        """Hand over a command and wait, on an event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        refused = self.hand_over(command, partial(_settle, future), loop)
        return refused if refused is not None else await future

    def hand_over(self, command: Command, answer: Answer, loop: asyncio.AbstractEventLoop | None) -> Outcome | None:
        """Hand over a command; `answer` is called once, on `loop` (None: the writer's thread). A refusal is returned at once."""
        return self._put(Job(command, self.clock.now_ms(), answer, loop))

    async def ask_many(self, commands: Sequence[Command]) -> list[Outcome]:
        """The same for several, answered in their order."""
        return list(await asyncio.gather(*(self.ask(command) for command in commands)))

    def submit(self, command: Command) -> Future[Outcome]:
        """Hand over a command from a thread."""
        future: Future[Outcome] = Future()
        refused = self.hand_over(command, partial(_settle, future), None)
        if refused is not None:
            future.set_result(refused)
        return future

    def do(self, command: Command, timeout: float = 15.0) -> Outcome:
        """Hand over a command from a thread and wait. Raises `TimeoutError` (the outcome is then unknown)."""
        return self.submit(command).result(timeout)

    def do_many(self, commands: Sequence[Command], timeout: float = 60.0) -> list[Outcome]:
        """The same for a room or an exam session, in the order given; never fills the queue."""
        outcomes: list[Outcome] = []
        for start in range(0, len(commands), BATCH):
            futures = [self.submit(command) for command in commands[start : start + BATCH]]
            outcomes += [future.result(timeout) for future in futures]
        return outcomes

    def _put(self, job: Job) -> Outcome | None:
        with self._lock:
            if self._stopping:
                return Outcome("shutdown")
            if len(self._queue) >= self.capacity:
                return Outcome("busy")
            self._queue.append(job)
            if not self._busy:
                self._wake.notify()
        return None

    # -- the thread --

    def _run(self) -> None:
        while True:
            jobs = self._take()
            if not jobs:
                break
            try:
                self._write(jobs)
            except Exception as error:  # the thread must live: what is not answered yet is unknown to who waits
                log.error("writer_broken", error=type(error).__name__)
                _answer(jobs, [Outcome("storage")] * len(jobs))
        self._drop_connection()

    def _take(self) -> list[Job]:
        with self._wake:
            self._busy = False
            while not self._queue and not self._stopping:
                self._wake.wait()
            self._busy = bool(self._queue)
            if self._last >= CROWD:
                self._gather()
            queue = self._queue
            self._last = min(len(queue), BATCH)
            return [queue.popleft() for _ in range(self._last)]

    def _gather(self) -> None:
        """Wait as long as more keeps coming, but not long."""
        until, seen = time.monotonic() + GATHER_S, 0
        while seen < len(self._queue) < BATCH and not self._stopping and time.monotonic() < until:
            seen = len(self._queue)
            self._wake.wait(GATHER_STEP_S)

    def _write(self, jobs: list[Job]) -> None:
        for _attempt in range(RETRIES):
            try:
                outcomes, changed = self._transaction(jobs)
            except Exception as error:  # whatever it is, every waiting request gets an answer
                self._roll_back(error)
                kind = trouble(error)
                if kind == "retry":
                    continue
                self._give_up(jobs, kind, error)
                return
            self.batches += 1
            self.commands += len(jobs)
            self._tell(changed)
            _answer(jobs, outcomes)
            return
        self._give_up(jobs, "storage", None)

    def _give_up(self, jobs: list[Job], kind: str, error: BaseException | None) -> None:
        if kind == "data" and len(jobs) > 1:
            middle = len(jobs) // 2
            self._write(jobs[:middle])
            self._write(jobs[middle:])
            return
        log.error("writer_failed", kind=kind, jobs=len(jobs), error=type(error).__name__)
        if kind == "storage":
            self._drop_connection()
            time.sleep(PAUSE_AFTER_FAILURE_S)
        _answer(jobs, [Outcome("failed" if kind == "data" else "storage")] * len(jobs))

    def _transaction(self, jobs: list[Job]) -> tuple[list[Outcome], list[Sitting]]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self.store.connect()
        batch = Batch(self.store, connection, self.hold, self._kept)
        self.store.begin(connection)
        batch.read(jobs)
        outcomes = [batch.decide(job) for job in jobs]
        batch.store_all(self.now_ms())
        self.store.commit(connection)
        return outcomes, self._keep(batch)

    def _keep(self, batch: Batch) -> list[Sitting]:
        """Remember what was stored (`Store.load` tells whether it still holds); those whose page must hear of it."""
        if len(self._kept) > KEPT_MAX:
            self._kept.clear()
        self._kept.update(batch.now)
        return batch.changed()

    def _roll_back(self, error: BaseException) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            self.store.roll_back(connection)
        except Exception as second:  # a dead connection cannot roll back; the database does
            log.warning("writer_rollback_failed", first=type(error).__name__, second=type(second).__name__)
            self._drop_connection()

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()
        except Exception as error:  # it is being thrown away
            log.warning("writer_close_failed", error=type(error).__name__)

    def _tell(self, changed: list[Sitting]) -> None:
        if not changed:
            return
        for listener in self.listeners:
            try:
                listener(changed)
            except Exception as error:  # a notice may fail, the sweepers find it
                log.warning("writer_listener_failed", error=type(error).__name__)


def _answer(jobs: list[Job], outcomes: list[Outcome]) -> None:
    """Answer what waits: once per loop and batch."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Answer, Outcome]]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        if job.loop is not None:
            loops.setdefault(job.loop, []).append((job.answer, outcome))
        else:
            job.answer(outcome)
    for loop, pairs in loops.items():
        try:
            loop.call_soon_threadsafe(_answer_all, pairs)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.info("writer_loop_gone", waiting=len(pairs))


def _answer_all(pairs: list[tuple[Answer, Outcome]]) -> None:
    for answer, outcome in pairs:
        answer(outcome)


def _settle(future: "asyncio.Future[Outcome] | Future[Outcome]", outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)
