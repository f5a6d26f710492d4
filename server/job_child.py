"""The child process for heavy work: one an installation, niced, ended with the serving process that started it.

On PostgreSQL several serving processes may each want a child: the one that holds an advisory lock works, the others end
at once. While a job runs the child says so in its row every few seconds; a job whose child is silent is an orphan.
"""

import importlib
import os
import sys
import threading

import structlog
from sqlalchemy import Connection, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from server import logs
from server.clock import Clock, SystemClock, database_clock, wall_clock
from server.db import Databases, connect, transaction
from server.jobs import LOCK, Job, process_name, run_next
from server.keyring import Keyring
from server.settings import load

log = structlog.get_logger()

IDLE_SECONDS = 30
LOOK_S = 1.0
"""Another serving process cannot wake this child, so it looks by itself."""
BEAT_S = 5.0


class OnlyOne:
    """Whether this child is the one; for as long as its connection lives."""

    def __init__(self, dbs: Databases) -> None:
        self._dbs = dbs
        self._connection: Connection | None = None

    def holds(self) -> bool:
        """True on SQLite, which one process serves; on PostgreSQL when nobody else has the lock."""
        if self._dbs.is_sqlite:
            return True
        try:
            if self._connection is None:
                self._connection = self._dbs.write.connect().execution_options(isolation_level="AUTOCOMMIT")
                asked = self._connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK})
            else:
                asked = self._connection.execute(text("SELECT true"))
            mine = bool(asked.scalar_one())
        except SQLAlchemyError:  # the lock went with the connection
            mine = False
        if not mine:
            self.let_go()
        return mine

    def let_go(self) -> None:
        """Close the connection itself: given back to the pool it would keep the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def keep_saying(dbs: Databases, clock: Clock, child: str, stop: threading.Event) -> None:
    """The beat, on a thread of its own."""
    while not stop.wait(BEAT_S):
        try:
            with transaction(dbs) as db:
                db.execute(update(Job).where(col(Job.child) == child, col(Job.state) == "running").values(beat_at=clock.now()))
        except SQLAlchemyError as error:
            log.warning("job_beat_failed", error=type(error).__name__)


def main() -> None:
    """One job after another, until nothing has come for a while, or another child works, or the parent is gone."""
    if hasattr(os, "nice"):
        os.nice(10)
    settings = load()
    logs.configure(settings.log_level)
    importlib.import_module("server.alltables")
    dbs = connect(settings.url)
    clock = SystemClock(database_clock(dbs.read) or wall_clock)  # the one the serving processes compare beats with
    keyring = Keyring.open_folder(settings.keys)  # the parent has seen that they fit
    woken = threading.Event()
    threading.Thread(target=_listen, args=(woken,), daemon=True).start()
    only, child = OnlyOne(dbs), process_name()
    threading.Thread(target=keep_saying, args=(dbs, clock, child, threading.Event()), daemon=True).start()
    idle = 0
    while only.holds() and idle < IDLE_SECONDS / LOOK_S:
        woken.clear()
        if run_next(dbs, keyring, clock, child):
            idle = 0
        elif not woken.wait(LOOK_S):
            idle += 1
    sys.stdout.flush()
    os._exit(0)  # the listener still waits on stdin: an ordinary exit would trip over it


def _listen(woken: threading.Event) -> None:
    for _line in sys.stdin.buffer:
        woken.set()
    os._exit(0)  # the parent closed the pipe
