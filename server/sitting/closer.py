"""The sweeper behind every clock: opens on schedule, ends what is past its time, fixes absence, ends the exam session.

Once a second, in every process; each proposal is only a command, decided again by the rules under the sitting's lock, so it
does not matter how many closers there are. Nobody is closed before what was received in time is decided: proposals come
a second after closing + grace, and after an outage not before the queue has drained (`Outage`).
"""

import secrets
import threading
import time
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from server.audit.trail import SYSTEM
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.registry.tables import ExamSession
from server.sitting import times
from server.sitting.commands import Absent, Close, Command
from server.sitting.exams import Exam, exam_of
from server.sitting.opening import close_exam_session, open_exam_session
from server.sitting.state import ABSENT, ADMITTED, ENDED, OPEN, WAITING
from server.sitting.store import to_datetime
from server.sitting.tables import Liveness, SittingRow
from server.sitting.writer import Writer

log = structlog.get_logger()

EVERY_S = 1.0
AT_LEAST_S = 0.25
"""Between two rounds, also when somebody is due sooner than the next second."""
BEAT_S = 5.0
GAP_MS = 15_000
"""Not having been alive for longer than this is an outage."""
RETURN_MS = 60_000
"""After an outage candidates get this long to come back and send what they hold before anybody is closed by time."""

OPENS_ITSELF_WITHIN = timedelta(hours=2)
"""A scheduled bell that nobody could ring for longer than this waits for a person."""
REOPENED_WITHIN = timedelta(days=1)
"""An ended exam session may hold reopened sittings for this long."""


class Outage(NamedTuple):
    """When nobody served: from the last sign of life of any process to the start of this one."""

    since: datetime
    until: datetime

    def may_close(self, closes_at: datetime, now: datetime, *, drained: bool) -> bool:
        """Whether somebody with this closing time may be closed now.

        A closing time within the outage, or within the time to come back after it, waits until that time is over and
        the queue is empty. The place of the provisional credit: the outage (up to the exam session's limit) will be
        credited here first, and confirmed or withdrawn by a person.
        """
        back = self.until + timedelta(milliseconds=RETURN_MS)
        if closes_at < self.since or closes_at > back:
            return True
        return now > back and drained


class Closer:
    """A thread of its own; `tick` is one round."""

    def __init__(self, dbs: Databases, writer: Writer, clock: Clock) -> None:
        self.dbs = dbs
        self.writer = writer
        self.clock = clock
        self.outage: Outage | None = None
        self.run = secrets.token_hex(8)
        self.pause_s = EVERY_S
        """Until the next round: a second, or less when a closing time is due before."""
        self._beat_ns = 0
        self._said: dict[int, list[str]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sitting-closer", daemon=True)

    def start(self) -> None:
        """Note the gap since anybody was last alive, then begin."""
        self.begin()
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread and note the orderly stop."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        with transaction(self.dbs) as db:
            db.execute(update(Liveness).where(col(Liveness.run) == self.run).values(stopped_at=self.clock.now()))

    def begin(self) -> None:
        """Write this run's liveness record; an exam session that was open during a gap suffered an outage."""
        now = self.clock.now()
        with transaction(self.dbs) as db:
            last = db.exec(select(col(Liveness.last_at)).order_by(col(Liveness.last_at).desc()).limit(1)).first()
            db.execute(insert(Liveness).values(run=self.run, started_at=now, last_at=now))
        if last is not None and now - last > timedelta(milliseconds=GAP_MS):
            self.outage = Outage(last, now)
            log.warning("outage", since=last.isoformat(), until=now.isoformat())
        self._beat_ns = self.clock.monotonic_ns()

    def _loop(self) -> None:
        while not self._stop.wait(self.pause_s):
            try:
                self.tick()
            except Exception as error:  # the sweeper must go on; the next round tries again
                log.warning("closer_failed", error=type(error).__name__)

    def tick(self) -> None:
        """One round over the exam sessions that are open or due to open."""
        self.pause_s = EVERY_S
        self._beat()
        now = self.clock.now()
        with reading(self.dbs) as db:
            lately = (col(ExamSession.state) == "ended") & (col(ExamSession.ended_at) > now - REOPENED_WITHIN)
            current = col(ExamSession.state).in_(("open", "scheduled"))
            rows = db.exec(select(ExamSession).where(current | lately)).all()
            exams = [exam_of(row) for row in rows]
        for exam in exams:
            if exam.readable:  # an ended one may hold a reopened sitting
                self._sweep(exam, now)
            elif exam.bell == "scheduled" and timedelta() <= now - to_datetime(exam.starts_at) <= OPENS_ITSELF_WITHIN:
                self._open(exam, now)

    def _beat(self) -> None:
        """Say "alive" every few seconds.

        A pause of the whole process (SIGSTOP, a stalled disk) is an outage as well.
        """
        beat_ns = self.clock.monotonic_ns()
        silent_ms = (beat_ns - self._beat_ns) // 1_000_000
        if silent_ms < BEAT_S * 1000:
            return
        now = self.clock.now()
        if silent_ms > GAP_MS:
            self.outage = Outage(now - timedelta(milliseconds=silent_ms), now)
            log.warning("outage", since=self.outage.since.isoformat(), until=now.isoformat())
        self.beaten(now)

    def beaten(self, now: datetime) -> None:
        """Note that this process is alive."""
        self._beat_ns = self.clock.monotonic_ns()
        with transaction(self.dbs) as db:
            db.execute(update(Liveness).where(col(Liveness.run) == self.run).values(last_at=now))

    def _open(self, exam: Exam, now: datetime) -> None:
        hindrances = open_exam_session(self.dbs, self.writer, exam.id, by=SYSTEM, now=now)
        reasons = [one.message for one in hindrances]
        if reasons and self._said.get(exam.id) != reasons:
            log.warning("exam_session_not_opened", exam_session=exam.id, reasons=reasons)
        self._said[exam.id] = reasons

    def _sweep(self, exam: Exam, now: datetime) -> None:
        with reading(self.dbs) as db:
            proposals = self._proposals(db, exam, now)
            left = None if proposals else self._unfinished(db, exam.id)
        if proposals:
            started = time.perf_counter()
            outcomes = self.writer.do_many(proposals)
            done = sum(outcome.ok for outcome in outcomes)
            log.info("closed", exam_session=exam.id, done=done, seconds=round(time.perf_counter() - started, 3))
        elif exam.open and left == 0 and self._time_is_over(exam, now):
            with transaction(self.dbs) as write:
                close_exam_session(write, exam.id, now)

    def _proposals(self, db: Session, exam: Exam, now: datetime) -> list[Command]:
        mine = col(SittingRow.exam_session_id) == exam.id
        lag = timedelta(milliseconds=exam.terms.grace_ms + times.CLOSE_LAG_MS)
        soon = db.execute(
            select(col(SittingRow.entry_no), col(SittingRow.closes_at))
            .where(mine, col(SittingRow.state) == OPEN, col(SittingRow.closes_at) < now - lag + timedelta(seconds=EVERY_S))
            .order_by(col(SittingRow.entry_no))
        ).all()
        due = [row for row in soon if row.closes_at < now - lag]
        if len(due) < len(soon):
            first = min(row.closes_at for row in soon if row.closes_at >= now - lag) + lag
            self.pause_s = max(AT_LEAST_S, min(self.pause_s, (first - now).total_seconds() + 0.005))
        drained = self.writer.drained
        found: list[Command] = [
            Close(exam.id, entry_no)
            for entry_no, closes_at in due
            if self.outage is None or self.outage.may_close(closes_at, now, drained=drained)
        ]
        if exam.bell_at is None or now <= self._latest_entry(exam):
            return found
        never = db.execute(
            select(col(SittingRow.entry_no))
            .where(mine, col(SittingRow.state).in_((ADMITTED, WAITING)), col(SittingRow.admit_late).is_(False))
            .order_by(col(SittingRow.entry_no))
        ).scalars()
        return found + [Absent(exam.id, entry_no, terms=exam.terms) for entry_no in never]

    def _latest_entry(self, exam: Exam) -> datetime:
        return to_datetime((exam.bell_at or 0) + exam.terms.latest_entry_ms + times.CLOSE_LAG_MS)

    def _time_is_over(self, exam: Exam, now: datetime) -> bool:
        """Everybody has ended; late entrants can no longer come."""
        return exam.bell_at is not None and now > self._latest_entry(exam)

    def _unfinished(self, db: Session, exam_session_id: int) -> int:
        rows = db.execute(
            select(col(SittingRow.entry_no))
            .where(col(SittingRow.exam_session_id) == exam_session_id, col(SittingRow.state).not_in((ENDED, ABSENT)))
            .limit(1)
        ).all()
        return len(rows)
