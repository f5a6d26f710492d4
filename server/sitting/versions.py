"""What changed, for held pulses: one look a second per process at all its candidates, and the writer's notices at once.

The look is sure, the notice is fast. A pulse waits on nothing but this memory; no route asks SQL for it. What is held here is
never the truth of an answer: it may be a second old, and `ack` in it may lag behind (never run ahead).
"""

import asyncio
import random
import threading
import time
from typing import Any

import anyio.to_thread
import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from server.bus import Bus
from server.clock import Clock
from server.db import Databases
from server.sitting.commands import Key
from server.sitting.exams import Exam, read_exams
from server.sitting.state import Sitting
from server.sitting.store import Connection, Store, store_for, to_ms

log = structlog.get_logger()

CHANNEL = "sittings"
"""Bus channel: (exam_session_id, entry_no, version) of a sitting that changed; the version moves with what a pulse tells."""
PRESENCE = "candidates"
"""Bus presence of candidates' browsers, by key."""

LOOK_S = 1.0
COALESCE_S = 0.02
RENEW_S = 0.2
"""Facts of one exam session are read anew at most this often, however many candidates come to a bell not heard of yet."""
OVERLAP_MS = 10_000
"""Each look reaches this far back: commits may become visible out of order, processes' clocks may differ."""
FORGET_AFTER_S = 120.0
CHUNK = 500


class View(Struct):
    """What a pulse answers from: the sitting, its latest message, its exam session."""

    sitting: Sitting
    exam: Exam | None
    message: dict[str, Any] | None

    @property
    def version(self) -> int:
        """Moves when the sitting's or the exam session's does."""
        return self.sitting.version + (self.exam.version if self.exam else 0)


class Hub:
    """The memory of one process, used on its event loop only; `heard` may be called from any thread."""

    def __init__(self, dbs: Databases, clock: Clock, bus: Bus) -> None:
        self.exams: dict[int, Exam] = {}
        self._dbs = dbs
        self._clock = clock
        self._bus = bus
        self._store: Store = store_for(dbs.read)
        self._sittings: dict[Key, Sitting] = {}
        self._messages: dict[Key, dict[str, Any]] = {}
        self._used: dict[Key, float] = {}
        self._unknown: set[Key] = set()
        self._waiting: dict[Key, set[asyncio.Future[None]]] = {}
        self._exams_wanted: set[int] = set()
        self._renewing: dict[int, asyncio.Task[None]] = {}
        self._renewed_at: dict[int, float] = {}
        self._since = 0
        self._poked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._telling: int | None = None
        self.closing = False
        bus.subscribe(CHANNEL, self._told)

    # -- life --

    def start(self) -> None:
        """Begin to look, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._since = to_ms(self._clock.now())
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """Let every held pulse go (each answers a retry) and end."""
        self.release()
        tasks = [*self._renewing.values(), *([] if self._task is None else [self._task])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def let_go(self) -> None:
        """A stop is asked for (from a signal handler): answer held pulses now."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.release)

    def release(self) -> None:
        """Wake all held pulses; new ones are not held."""
        self.closing = True
        for key in list(self._waiting):
            self._wake(key)

    def heard(self, changed: list[Sitting]) -> None:
        """The writer's notice, from its thread, after the commit."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._take_in, changed)
        self._telling = threading.get_ident()
        try:
            for sitting in changed:
                self._bus.publish(CHANNEL, (*sitting.key, sitting.version))
        finally:
            self._telling = None

    def _told(self, _channel: str, message: Any) -> None:
        """A notice of another process: look at once, if somebody waits for it. Our own writer's come by `heard`."""
        loop = self._loop
        if self._telling == threading.get_ident() or loop is None or loop.is_closed():
            return
        exam_session_id, entry_no, version = message
        if (exam_session_id, entry_no) in self._waiting:
            loop.call_soon_threadsafe(self._look_at, (exam_session_id, entry_no), version)

    def _look_at(self, key: Key, version: int) -> None:
        known = self._sittings.get(key)
        if key in self._waiting and (known is None or known.version < version):
            self._unknown.add(key)
            self._poked.set()

    @property
    def held(self) -> int:
        """Sittings whose pulse is held now; from any thread."""
        return len(self._waiting)

    # -- asked by the routes --

    async def exam(self, exam_session_id: int) -> Exam | None:
        """The exam session's facts, at most a second old; None if there is none."""
        if exam_session_id not in self.exams:
            self._exams_wanted.add(exam_session_id)
            self._adopt(await anyio.to_thread.run_sync(read_exams, self._dbs, [exam_session_id]))
        return self.exams.get(exam_session_id)

    async def renewed(self, exam_session_id: int) -> Exam | None:
        """The exam session's facts as they are now; all who ask before a reading begins share it (see `RENEW_S`)."""
        ahead = self._renewing.get(exam_session_id)
        if ahead is None:
            ahead = asyncio.get_running_loop().create_task(self._renew(exam_session_id))
            self._renewing[exam_session_id] = ahead
        await asyncio.shield(ahead)
        return self.exams.get(exam_session_id)

    async def _renew(self, exam_session_id: int) -> None:
        wait = self._renewed_at.get(exam_session_id, 0.0) + RENEW_S - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._renewed_at[exam_session_id] = time.monotonic()
        ended = self._renewing.pop(exam_session_id, None)  # who asks from here on may know more than this reading sees
        try:
            self._adopt(await anyio.to_thread.run_sync(read_exams, self._dbs, [exam_session_id]))
        except (SQLAlchemyError, OSError) as error:
            log.warning("versions_look_failed", error=type(error).__name__)
        del ended  # held until here: the loop itself keeps tasks by weak references only

    async def view(self, key: Key, seconds: float) -> View | None:
        """The sitting as last seen; waits for the next look when it is not known. None if there is none."""
        self._used[key] = time.monotonic()
        if key not in self._sittings:
            self._unknown.add(key)
            self._poked.set()
            await self._sleep(key, seconds)
        return self._view(key)

    async def wait(self, key: Key, version: int, seconds: float) -> View | None:
        """The sitting as soon as its version is not `version`, or as it is after `seconds`."""
        self._used[key] = time.monotonic()
        deadline = time.monotonic() + seconds
        while True:
            view = self._view(key)
            left = deadline - time.monotonic()
            if view is None or view.version != version or left <= 0 or self.closing:
                return view
            await self._sleep(key, left)

    def known_exam(self, exam_session_id: int) -> Exam | None:
        """What is known of an exam session without asking."""
        return self.exams.get(exam_session_id)

    def message(self, key: Key) -> dict[str, Any] | None:
        """The latest message to a sitting, if known."""
        return self._messages.get(key)

    def _view(self, key: Key) -> View | None:
        sitting = self._sittings.get(key)
        return None if sitting is None else View(sitting, self.exams.get(key[0]), self._messages.get(key))

    async def _sleep(self, key: Key, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        # a plain timer: thousands of pulses end by time, and an exception each would be a cycle for the garbage collector
        timer = loop.call_later(seconds, _resolve, future)
        waiting = self._waiting.setdefault(key, set())
        waiting.add(future)
        try:
            await future
        finally:
            timer.cancel()
            waiting.discard(future)
            if not waiting and self._waiting.get(key) is waiting:
                del self._waiting[key]

    def _wake(self, key: Key) -> None:
        for future in self._waiting.get(key, ()):
            _resolve(future)

    # -- looking --

    def _take_in(self, changed: list[Sitting]) -> None:
        for sitting in changed:
            key = sitting.key
            known = self._sittings.get(key)
            if known is None and key not in self._waiting:
                continue
            if sitting.message_n is not None and self._messages.get(key, {}).get("n") != sitting.message_n:
                self._unknown.add(key)  # its text comes with the next look, which is now
                self._poked.set()
                continue
            if known is None or sitting.n > known.n:
                self._sittings[key] = sitting
                if known is None or known.version != sitting.version:
                    self._wake(key)

    async def _run(self) -> None:
        ticks = 0
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._poked.wait()
                await asyncio.sleep(COALESCE_S)
            except TimeoutError:
                ticks += 1
            self._poked.clear()
            try:
                await self._look()
            except (SQLAlchemyError, OSError) as error:
                log.warning("versions_look_failed", error=type(error).__name__)
                await asyncio.sleep(LOOK_S * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            if ticks % 60 == 59:
                self._forget()

    async def _look(self) -> None:
        unknown, self._unknown = self._unknown, set()
        wanted = {key[0] for key in self._sittings} | {key[0] for key in unknown} | self._exams_wanted
        if not wanted:
            return
        try:
            exams, sittings, texts = await anyio.to_thread.run_sync(self._read, sorted(wanted), sorted(unknown))
        except BaseException:
            self._unknown |= unknown
            raise
        self._messages |= texts
        for sitting in sittings:
            self._since = max(self._since, sitting.changed_at)
        self._take_in(sittings)
        for key in unknown:
            self._wake(key)
        self._adopt(exams)

    def _adopt(self, exams: dict[int, Exam]) -> None:
        """Take in facts just read, unless newer ones are known already, and wake whom they are news to.

        Not those whose sitting is still being looked for: woken early, they would be taken for nobody.
        """
        known = self.exams
        news = {
            number: exam
            for number, exam in exams.items()
            if number not in known or (known[number] != exam and known[number].version <= exam.version)
        }
        self.exams |= news
        for key in list(self._waiting) if news else ():
            if key[0] in news and key in self._sittings:
                self._wake(key)

    def _read(self, exam_ids: list[int], unknown: list[Key]) -> tuple[dict[int, Exam], list[Sitting], dict[Key, Any]]:
        with self._dbs.read.connect() as pooled:
            connection: Connection = pooled.connection.driver_connection  # type: ignore[assignment]
            sittings = self._store.changed(connection, exam_ids, self._since - OVERLAP_MS)
            for start in range(0, len(unknown), CHUNK):
                sittings += self._store.peek(connection, unknown[start : start + CHUNK])
            places = [
                (*sitting.key, sitting.message_n)
                for sitting in sittings
                if sitting.message_n is not None and self._messages.get(sitting.key, {}).get("n") != sitting.message_n
            ]
            texts = self._store.texts(connection, places) if places else []
        messages = {key: {"n": event.n, "text": event.data["text"], "at_ms": event.at} for key, event in texts}
        return read_exams(self._dbs, exam_ids), sittings, messages

    def _forget(self) -> None:
        old = time.monotonic() - FORGET_AFTER_S
        for key in [key for key, used in self._used.items() if used < old and key not in self._waiting]:
            for memory in (self._used, self._sittings, self._messages):
                memory.pop(key, None)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
