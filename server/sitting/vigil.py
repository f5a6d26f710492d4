"""The server's own liveness record, and what follows from it: may this process close anybody or refuse anything by time?

Every process says "alive" in SQL every few seconds. When nobody said so for a while that was an outage (a crash, a stopped
process, a database that was away), and it is noted before this process says anything again. A process whose own word is too
old holds everything, whatever the reason: it may just have been woken. All of it fails towards the candidate.
"""

import secrets
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import insert, update
from sqlmodel import col, select

from server.clock import Clock
from server.db import Databases, reading, transaction
from server.sitting import outages
from server.sitting.commands import Hold
from server.sitting.doubt import ClockDoubt
from server.sitting.outages import Affected
from server.sitting.tables import Liveness

log = structlog.get_logger()

BEAT_S = 2.0
START_GAP_MS = 5_000
"""At a start: nobody said "alive" for longer than this. Longer than a beat, shorter than the grace for what is in flight."""
GAP_MS = 15_000
"""While running: several beats were missed."""


class Vigil:
    """`begin`, then `look` at least once a second; `hold` is asked by every decision of the writer."""

    def __init__(self, dbs: Databases, clock: Clock, doubt: ClockDoubt) -> None:
        self.dbs = dbs
        self.clock = clock
        self.doubt = doubt
        self.run = secrets.token_hex(8)
        self.uncredited: tuple[Affected, ...] = ()
        self._held: frozenset[int] = frozenset()
        self._beat_ns = 0
        self._strict = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sitting-vigil", daemon=True)

    def hold(self, exam_session_id: int) -> Hold | None:
        """Why nobody of this exam session may be closed or refused by time now."""
        if exam_session_id in self._held:
            return "outage"
        if self._strict and self._silent_ms() > GAP_MS:
            return "outage"
        return "clock" if self.doubt.suspect is not None else None

    def start(self) -> None:
        """Keep the record on a thread of its own: a long round of the closer must not look like an outage.

        From now on a record that is too old holds everything.
        """
        self._strict = True
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread and note the orderly stop."""
        self._strict = False
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        now = self.clock.now()
        with transaction(self.dbs) as db:
            db.execute(update(Liveness).where(col(Liveness.run) == self.run).values(last_at=now, stopped_at=now))

    def begin(self) -> None:
        """Write this run's record; a gap since anybody was alive is an outage."""
        with self._lock:
            self._say(first=True)

    def look(self) -> None:
        """Say "alive" when it is time."""
        with self._lock:
            if self._silent_ms() >= BEAT_S * 1000:
                self._say(first=False)

    def beaten(self, now: datetime) -> None:
        """Note that this process is alive, and was all the time."""
        with self._lock, transaction(self.dbs) as db:
            db.execute(update(Liveness).where(col(Liveness.run) == self.run).values(last_at=now))
            self._beat_ns = self.clock.monotonic_ns()

    def settled(self, done: Iterable[Affected]) -> None:
        """These are credited, or noted by others to be."""
        with self._lock:
            self._take(one for one in self.uncredited if one not in set(done))

    def _silent_ms(self) -> int:
        return (self.clock.monotonic_ns() - self._beat_ns) // 1_000_000

    def _say(self, *, first: bool) -> None:
        now = self.clock.now()
        mine = col(Liveness.run) == self.run
        with transaction(self.dbs) as db:
            last = db.exec(select(col(Liveness.last_at)).order_by(col(Liveness.last_at).desc()).limit(1)).first()
            if first:
                db.execute(insert(Liveness).values(run=self.run, started_at=now, last_at=now))
            else:
                db.execute(update(Liveness).where(mine).values(last_at=now))
            if last is not None and now - last > timedelta(milliseconds=START_GAP_MS if first else GAP_MS):
                number = outages.note(db, last, now, self.run)
                log.warning("outage", outage=number, since=last.isoformat(), until=now.isoformat())
        with reading(self.dbs) as db:  # those other processes noted as well
            found = outages.waiting(db)
        self._take(found)
        self._beat_ns = self.clock.monotonic_ns()

    def _take(self, found: Iterable[Affected]) -> None:
        self.uncredited = tuple(found)
        self._held = frozenset(one.exam_session_id for one in self.uncredited)

    def _loop(self) -> None:
        while not self._stop.wait(BEAT_S / 2):
            try:
                self.look()
            except Exception as error:  # a record that cannot be written grows old, and everything is held: that is right
                log.warning("vigil_failed", error=type(error).__name__)
