"""Server-sent events of the board: one reader per process and scope, any number of viewers.

A feeder reads its seats from SQL at most once a second, whoever watches, and sends each viewer what changed since the
last read; a new viewer, or one that fell behind, gets everything once. The bus wakes it early; without the bus it looks
by itself. When a read fails nothing is sent, not even the beat: the page then says since when it is stale. Nothing here
can slow an answer down: reads are on the read engine, in a thread, and end when nobody watches.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool

log = structlog.get_logger()

MIN_GAP_S = 1.0
IDLE_GAP_S = 1.5
BEAT_S = 3.0
QUEUE_MAX = 20
STREAM_LASTS_S = 600.0
"""After ten minutes the browser connects anew, and the permission is asked anew."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """What a board shows at one moment: tiles by key, and the head (counts, alerts waiting at the desk)."""

    server_ms: int
    tiles: dict[str, Json]
    head: Json


def full(snapshot: Snapshot) -> Json:
    """Everything, for a new viewer."""
    return {"ms": snapshot.server_ms, "full": True, "tiles": list(snapshot.tiles.values()), "head": snapshot.head}


def changes(old: Snapshot, new: Snapshot) -> Json | None:
    """Only what differs; None when nothing does."""
    tiles = [tile for key, tile in new.tiles.items() if old.tiles.get(key) != tile]
    gone = [key for key in old.tiles if key not in new.tiles]
    message: Json = {"ms": new.server_ms}
    if tiles:
        message["tiles"] = tiles
    if gone:
        message["gone"] = gone
    if old.head != new.head:
        message["head"] = new.head
    return message if len(message) > 1 else None


def encode(message: Json) -> bytes:
    """One event on the wire."""
    return b"event: board\ndata: " + json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


@dataclass(eq=False)
class _Viewer:
    queue: "asyncio.Queue[bytes | None]" = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))


class Feeder:
    """Reads one scope while anybody watches it."""

    def __init__(self, read: Callable[[], Snapshot], *, min_gap_s: float = MIN_GAP_S, idle_gap_s: float = IDLE_GAP_S) -> None:
        self._read = read
        self._min_gap_s, self._idle_gap_s = min_gap_s, idle_gap_s
        self._viewers: set[_Viewer] = set()
        self._last: Snapshot | None = None
        self._sent_at = 0.0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._viewers)

    def join(self) -> _Viewer:
        """Add a viewer; it gets everything first."""
        viewer = _Viewer()
        self._viewers.add(viewer)
        if self._task is None or self._task.done():
            self._last = None
            self._task = asyncio.create_task(self._run())
        elif self._last is not None:
            viewer.queue.put_nowait(encode(full(self._last)))
        return viewer

    def leave(self, viewer: _Viewer) -> None:
        """Remove a viewer; the reader stops with the last one."""
        self._viewers.discard(viewer)
        self._wake.set()

    def wake(self) -> None:
        """Look soon; call on the event loop's thread."""
        self._wake.set()

    def end(self) -> None:
        """End every stream (shutdown)."""
        for viewer in self._viewers:
            _drain(viewer)
            viewer.queue.put_nowait(None)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._viewers:
            self._wake.clear()
            started = loop.time()
            try:
                snapshot = await run_in_threadpool(self._read)
            except Exception as error:  # the board fails open: the page notices the missing beat and says so
                log.warning("board_read_failed", error=type(error).__name__)
            else:
                self._publish(snapshot, loop.time())
            await self._rest(started)

    def _publish(self, snapshot: Snapshot, now: float) -> None:
        last, self._last = self._last, snapshot
        message = full(snapshot) if last is None else changes(last, snapshot)
        if message is None:
            if now - self._sent_at < BEAT_S:
                return
            message = {"ms": snapshot.server_ms}
        self._sent_at = now
        data = encode(message)
        for viewer in self._viewers:
            if viewer.queue.full():
                _drain(viewer)
                viewer.queue.put_nowait(encode(full(snapshot)))
            else:
                viewer.queue.put_nowait(data)

    async def _rest(self, started: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, started + self._min_gap_s - loop.time()))
        try:
            await asyncio.wait_for(self._wake.wait(), max(0.01, started + self._idle_gap_s - loop.time()))
        except TimeoutError:
            return


def _drain(viewer: _Viewer) -> None:
    while not viewer.queue.empty():
        viewer.queue.get_nowait()


class Feeds:
    """The feeders of a process, by scope."""

    def __init__(self) -> None:
        self._feeders: dict[Hashable, Feeder] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def watch(
        self, key: Hashable, read: Callable[[], Snapshot], *, lasts_s: float = STREAM_LASTS_S
    ) -> AsyncIterator[bytes]:
        """The events of one viewer until they leave, the stream's time is over, or the process stops."""
        self._loop = asyncio.get_running_loop()
        feeder = self._feeders.get(key)
        if feeder is None:
            feeder = self._feeders[key] = Feeder(read)
        viewer = feeder.join()
        ends = self._loop.time() + lasts_s
        try:
            yield b"retry: 1500\n\n"
            while (left := ends - self._loop.time()) > 0:
                try:
                    data = await asyncio.wait_for(viewer.queue.get(), left)
                except TimeoutError:
                    return
                if data is None:
                    return
                yield data
        finally:
            feeder.leave(viewer)
            if not feeder.watched and self._feeders.get(key) is feeder:
                del self._feeders[key]

    def wake(self, exam_session_id: int) -> None:
        """Something changed in an exam session; from any thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        for key, feeder in list(self._feeders.items()):
            if isinstance(key, tuple) and key[0] == exam_session_id:
                loop.call_soon_threadsafe(feeder.wake)

    def end(self) -> None:
        """End every stream, so that a stopping server is not held by open boards; from any thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        for feeder in list(self._feeders.values()):
            loop.call_soon_threadsafe(feeder.end)
