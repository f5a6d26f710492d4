"""Kept-alive connections that each send one operation after another: for CPU per save and saves per second.

Raw sockets on one event loop, no HTTP library: the client must not be what is measured.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from functools import partial


@dataclass
class Result:
    """What came of a run. `acked[i]`: the last operation of connection i that was answered 200."""

    saves: int = 0
    seconds: float = 0.0
    acked: list[int] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    millis: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Latency in ms below which `share` of the saves were answered."""
        ordered = sorted(self.millis)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, number: int, head: bytes, epoch: int, first_op: int, until: float, result: Result) -> None:
        self.number, self.head, self.epoch, self.op = number, head, epoch, first_op - 1
        self.until, self.result = until, result
        self.buffer = b""
        self.sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.next()

    def next(self) -> None:
        now = time.perf_counter()
        if now >= self.until:
            self.finish()
            return
        self.op += 1
        body = b'{"epoch":%d,"ops":[{"op":%d,"item":%d,"value":[%d],"dt_ms":250}]}' % (
            self.epoch,
            self.op,
            self.op % 20 + 1,
            self.op % 2 + 1,
        )
        self.sent = now
        self.transport.write(self.head + b"content-length: %d\r\n\r\n" % len(body) + body)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start = self.buffer.lower().find(b"content-length: ") + 16
        length = int(self.buffer[start : self.buffer.find(b"\r", start)])
        if len(self.buffer) < end + 4 + length:
            return
        status = int(self.buffer[9:12])
        self.buffer = b""
        self.result.millis.append((time.perf_counter() - self.sent) * 1000)
        if status != 200:
            self.result.refused[status] = self.result.refused.get(status, 0) + 1
            self.finish()
            return
        self.result.saves += 1
        self.result.acked[self.number] = self.op
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def finish(self) -> None:
        self.transport.close()


async def _run(port: int, cookies: list[str], epochs: list[int], first_ops: list[int], seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    result = Result(acked=[op - 1 for op in first_ops])
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    connections = []
    for number, (cookie, epoch, first) in enumerate(zip(cookies, epochs, first_ops, strict=True)):
        head = (
            b"POST /exam/api/ops HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
            b"cookie: %s\r\nsec-fetch-site: same-origin\r\naccept: */*\r\nuser-agent: hammer\r\n" % (port, cookie.encode())
        )
        made = partial(_Connection, number, head, epoch, first, until, result)
        _transport, one = await loop.create_connection(made, "127.0.0.1", port)
        connections.append(one)
    await asyncio.gather(*(one.done for one in connections))
    result.seconds = time.perf_counter() - began
    return result


def hammer(port: int, cookies: list[str], epochs: list[int], first_ops: list[int], seconds: float) -> Result:
    """Run for `seconds`, one connection per cookie."""
    return asyncio.run(_run(port, cookies, epochs, first_ops, seconds))


def as_json(result: Result) -> str:
    """For a parent process."""
    return json.dumps({"saves": result.saves, "seconds": result.seconds, "refused": result.refused})
