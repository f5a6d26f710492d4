"""A fault proxy for HTTP/1.1 on loopback: what a bad network and a bad middlebox do to requests, by chance and seed.

Each request may be lost on the way there, lost on the way back (done, but nobody hears), sent twice, cut in the middle of its
body, answered with half an answer, held back while later ones overtake it, or sent again long afterwards. Where nobody
listens it answers 502, as a middlebox does. The proxy knows nothing of the protocol above HTTP.
"""

import asyncio
import contextlib
from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random

FAULTS = ("lost_request", "lost_answer", "twice", "cut_request", "cut_answer", "held", "replayed_later")
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Proxy:
    """Forwards `port` to `upstream`; `rate` is the share of requests something happens to (changed while it runs)."""

    upstream: int
    rng: Random
    rate: float = 0.0
    port: int = 0
    done: Counter[str] = field(default_factory=Counter)
    old: deque[bytes] = field(default_factory=lambda: deque(maxlen=200))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                request = await read_message(reader)
                if request is None:
                    break
                answer = await self._through(request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if len(answer) < 20:
                    break
        except (OSError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            pass  # either side went away, or the run is over
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _through(self, request: bytes) -> bytes | None:
        """The answer to hand back; None closes the connection."""
        fault = self.rng.choice(FAULTS) if self.rng.random() < self.rate else "none"
        self.done[fault] += 1
        if fault == "lost_request":
            return None
        if fault == "cut_request":
            await self._ask(request[: -self.rng.randint(1, min(30, len(request) - 1))], hang_up=True)
            return None
        if fault == "held":
            await asyncio.sleep(self.rng.uniform(0.05, 1.5))
        if fault == "replayed_later" and self.old:
            self._later(self.rng.choice(self.old))
        self.old.append(request)
        if fault == "twice":
            first, second = await asyncio.gather(self._ask(request), self._ask(request))
            return self.rng.choice((first, second))
        answer = await self._ask(request)
        if fault == "lost_answer":
            return None
        if fault == "cut_answer" and answer:
            return answer[: self.rng.randrange(1, 20)]
        return answer

    def _later(self, request: bytes) -> None:
        async def again() -> None:
            await asyncio.sleep(self.rng.uniform(0.0, 3.0))
            await self._ask(request)

        task = asyncio.get_running_loop().create_task(again())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, request: bytes, *, hang_up: bool = False) -> bytes | None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            return BAD_GATEWAY
        try:
            writer.write(request)
            if hang_up:
                await writer.drain()
                return None
            async with asyncio.timeout(30):
                return await read_message(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            return None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def read_message(reader: asyncio.StreamReader) -> bytes | None:
    """One request or answer with its body, as bytes; None at the end of the stream."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + (await reader.readexactly(length) if length else b"")
