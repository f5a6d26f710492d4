"""Keeps the demo's open exam session open: its start follows the clock, and the simulated candidates get time.

Nothing is edited behind the journal's back: minutes are credited, and ended sittings reopened, by two people of the demo
with a reason, through the writer. Only the scheduled start, a plain fact of the exam session, is moved.
"""

import threading
from datetime import timedelta

import structlog
from sqlalchemy import update
from sqlmodel import col, select

from server.auth.staff import Staff
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.registry.rules import MINUTE_MS
from server.registry.tables import ExamSession
from server.sitting.commands import Command, Credit, ReopenAfterEnd
from server.sitting.tables import SittingRow
from server.sitting.writer import Writer

log = structlog.get_logger()

EVERY_S = 20.0
LOW_MS = 6 * MINUTE_MS
FULL_MS = 55 * MINUTE_MS
REASON = "示范系统：保持考场开放"


class Keeper:
    """`once` does what is due; `start` repeats it. `bots` are the entry numbers that must stay at work."""

    def __init__(
        self, dbs: Databases, writer: Writer, clock: Clock, exam_session_id: int, bots: range, first: Staff, second: Staff
    ) -> None:
        self.dbs, self.writer, self.clock = dbs, writer, clock
        self.exam_session_id, self.bots = exam_session_id, bots
        self.first, self.second = first.actor, second.actor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="demo-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(5)

    def _loop(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self.once()
            except Exception as error:  # the demo must go on; the next round tries again
                log.warning("keeper_failed", error=type(error).__name__)

    def once(self) -> None:
        """Move the start to now, and see that the simulated candidates have time."""
        now = self.clock.now()
        with transaction(self.dbs) as db:
            db.execute(
                update(ExamSession)
                .where(col(ExamSession.id) == self.exam_session_id)
                .values(
                    starts_at=now - timedelta(minutes=1),
                    opened_at=now - timedelta(minutes=1),
                    state="open",
                    ended_at=None,
                    version=ExamSession.version + 1,
                )
            )
        with reading(self.dbs) as db:
            rows = db.exec(
                select(SittingRow).where(
                    SittingRow.exam_session_id == self.exam_session_id, col(SittingRow.entry_no).in_(list(self.bots))
                )
            ).all()
        commands = [command for row in rows if (command := self._due(row, now.timestamp() * 1000)) is not None]
        for outcome in self.writer.do_many(commands):
            if not outcome.ok:
                log.warning("keeper_refused", code=outcome.code)

    def _due(self, row: SittingRow, now_ms: float) -> Command | None:
        at = (row.exam_session_id, row.entry_no, self.first, REASON)
        if row.state == "open" and row.closes_at is not None:
            left = int(row.closes_at.timestamp() * 1000 - now_ms)
            return Credit(*at, ms=FULL_MS - left, second=self.second) if left < LOW_MS else None
        if row.state in {"ended", "absent"} and row.end_kind != "voided":
            return ReopenAfterEnd(*at, second=self.second, ms=FULL_MS)
        return None
