"""One kept-alive HTTP/1.1 connection on a raw socket, one request at a time: what a browser's tab holds two of.

No HTTP library: with thousands of candidates on the machine that is measured, the client must cost next to nothing. Status 0
means that nothing came back: the server was not there, went away, or took longer than the time given.
"""

import asyncio
import resource
import ssl
import time
from typing import NamedTuple, cast

TIMEOUT_S = 40.0
"""Longer than a held pulse."""


class Answer(NamedTuple):
    """What came back. `seconds`: from writing the request to its last byte."""

    status: int
    body: bytes
    seconds: float


class _Wire(asyncio.Protocol):
    def __init__(self) -> None:
        self.buffer = bytearray()
        self.wanted = -1
        self.status = 0
        self.start = 0
        self.waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.wanted < 0 and not self._read_head():
            return
        if len(self.buffer) >= self.wanted:
            body = bytes(self.buffer[self.start : self.wanted])
            del self.buffer[: self.wanted]
            self.wanted = -1
            self._done(self.status, body)

    def _read_head(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.buffer[:end]).lower()
        self.status = int(head[9:12])
        at = head.find(b"content-length: ")
        length = int(head[at + 16 : head.find(b"\r", at) if head.find(b"\r", at) > 0 else end]) if at >= 0 else 0
        self.start, self.wanted = end + 4, end + 4 + length
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._done(0, b"")

    def _done(self, status: int, body: bytes) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result((status, body))


class Line:
    """Connects when first used and again after a loss."""

    __slots__ = ("_head", "_host", "_port", "_tls", "_wire")

    def __init__(self, host: str, port: int, cookie: str, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._wire: _Wire | None = None
        self._head = f"host: {host}:{port}\r\ncookie: {cookie}\r\nsec-fetch-site: same-origin\r\naccept: */*\r\n".encode()

    async def get(self, path: str) -> Answer:
        """GET."""
        return await self._send(b"GET " + path.encode() + b" HTTP/1.1\r\n" + self._head + b"\r\n")

    async def post(self, path: str, body: bytes) -> Answer:
        """POST of JSON."""
        head = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        return await self._send(b"POST " + path.encode() + b" HTTP/1.1\r\n" + self._head + head + body)

    async def _send(self, data: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        wire = self._wire
        if wire is None or wire.transport is None or wire.transport.is_closing():
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    _transport, wire = await loop.create_connection(_Wire, self._host, self._port, ssl=self._tls)
            except (OSError, TimeoutError):
                return Answer(0, b"", time.perf_counter() - began)
            self._wire = wire
        assert wire.transport is not None
        wire.waiter = waiter = loop.create_future()
        wire.transport.write(data)
        timer = loop.call_later(TIMEOUT_S, wire.transport.abort)
        try:
            status, body = await waiter
        finally:
            timer.cancel()
        return Answer(status, body, time.perf_counter() - began)

    def close(self) -> None:
        """Hang up; a request on its way gets status 0."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.abort()
        self._wire = None


def raise_file_limit() -> int:
    """Lift this process's soft limit of open files to the hard one; the limit now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
