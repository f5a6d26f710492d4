"""The floor: what one durable save costs on this machine when nothing is decided at all.

A raw ASGI route on the same server, the same body parsed by msgspec, one row inserted by group commit on a thread of its own
(SQLite, WAL, synchronous=FULL), one small JSON answer. `save_cpu_vs_floor` is the product's CPU per save divided by this.

    python -m loadtests.bare PORT FILE
"""

import asyncio
import sqlite3
import sys
import threading
from collections import deque
from typing import Any

import msgspec
import uvicorn

from server.sitting.wire import OpsBody

BATCH = 256
decode = msgspec.json.Decoder(OpsBody).decode
Receive = Any
Send = Any


class Inserter:
    """Takes all that is queued, inserts it in one transaction, then answers."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.queue: deque[tuple[tuple[Any, ...], asyncio.Future[int]]] = deque()
        self.wake = threading.Condition()
        self.loop: asyncio.AbstractEventLoop | None = None
        threading.Thread(target=self.run, daemon=True).start()

    async def insert(self, row: tuple[Any, ...]) -> int:
        self.loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = self.loop.create_future()
        with self.wake:
            self.queue.append((row, future))
            self.wake.notify()
        return await future

    def run(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, epoch INT, op INT, item INT, body BLOB)")
        while True:
            with self.wake:
                while not self.queue:
                    self.wake.wait()
                jobs = [self.queue.popleft() for _ in range(min(len(self.queue), BATCH))]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO bare (epoch, op, item, body) VALUES (?, ?, ?, ?)", [row for row, _ in jobs])
            connection.execute("COMMIT")
            assert self.loop is not None
            self.loop.call_soon_threadsafe(self.answer, [future for _row, future in jobs])

    @staticmethod
    def answer(futures: list[asyncio.Future[int]]) -> None:
        for future in futures:
            if not future.done():
                future.set_result(1)


class Bare:
    """The route."""

    def __init__(self, inserter: Inserter) -> None:
        self.inserter = inserter

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        body: bytes = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        asked = decode(body)
        first = asked.ops[0]
        await self.inserter.insert((asked.epoch, first.op, first.item, body))
        answer = msgspec.json.encode({"ack": first.op})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    uvicorn.run(
        Bare(Inserter(path)),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,
        server_header=False,
    )


if __name__ == "__main__":
    main()
