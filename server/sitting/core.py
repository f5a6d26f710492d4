"""Everything of the exam core that lives as long as the process.

Made once by the wiring, started and stopped with it.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from sqlmodel import Session

from server.bus import Bus
from server.clock import Clock
from server.db import Databases, reading
from server.keyring import Keyring
from server.sitting.closer import Closer
from server.sitting.package import Packages
from server.sitting.recovery import Recovery
from server.sitting.shelf import Shelf
from server.sitting.store import store_for
from server.sitting.tokens import Tokens
from server.sitting.versions import Hub
from server.sitting.writer import Writer

READERS = 8
"""Reads of journals at a time (openings, page loads), apart from the pages' thread pool."""

P = ParamSpec("P")
R = TypeVar("R")


class Core:
    """Writer, closer, pulses, papers, cookies. `closer_runs=False` for tests that tick it themselves."""

    def __init__(
        self,
        dbs: Databases,
        clock: Clock,
        keyring: Keyring,
        bus: Bus,
        *,
        capacity: int = 20_000,
        secure: bool = False,
        closer_runs: bool = True,
    ) -> None:
        self.dbs = dbs
        self.clock = clock
        self.bus = bus
        self.writer = Writer(store_for(dbs.write), clock, capacity=capacity)
        self.hub = Hub(dbs, clock, bus)
        self.closer = Closer(dbs, self.writer, clock)
        self.shelf = Shelf(Packages(dbs, keyring, clock))
        self.writer.hold = self.closer.vigil.hold
        self.recovery = Recovery(keyring)
        self.tokens = Tokens(keyring.key("token"), clock, secure=secure)
        self._closer_runs = closer_runs
        self._readers: anyio.CapacityLimiter | None = None
        self.writer.listeners.append(self.hub.heard)

    async def start(self) -> None:
        """After the database was found durable."""
        self.writer.start()
        self.hub.start()
        if self._closer_runs:
            await anyio.to_thread.run_sync(self.closer.start)

    async def stop(self) -> None:
        """Pulses go, the queue is written, the threads end."""
        await self.hub.stop()
        if self._closer_runs:
            await anyio.to_thread.run_sync(self.closer.stop)
        await anyio.to_thread.run_sync(self.writer.stop)

    async def read(self, read: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a read in a thread of its own small pool, with a session that cannot write."""
        if self._readers is None:
            self._readers = anyio.CapacityLimiter(READERS)

        def run() -> R:
            with reading(self.dbs) as db:
                return read(db, *args, **kwargs)

        return await anyio.to_thread.run_sync(run, limiter=self._readers)
