"""The sweeper behind every clock: opens on schedule, ends what is past its time or aborted, fixes absence, ends the exam session.

Once a second, in every process; each proposal is only a command, decided again by the rules under the sitting's lock, so it
does not matter how many closers there are. Nobody is closed before what was received in time is decided: proposals come
a second after closing + grace, and not at all while there is a hold: after an outage until it is credited and the queue has
drained (`vigil`, `outages`), with a suspect clock until somebody knows the time (`doubt`).
"""

import threading
import time
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, select

from server.audit.trail import SYSTEM
from server.clock import Clock, References, references_for
from server.db import Databases, reading, transaction
from server.registry.tables import ExamSession
from server.sitting import aborting, outages, times
from server.sitting.commands import Absent, Close, Command, Judge
from server.sitting.doubt import ClockDoubt
from server.sitting.exams import Exam, exam_of
from server.sitting.opening import close_exam_session, open_exam_session
from server.sitting.outages import Affected
from server.sitting.reading import held_operations
from server.sitting.state import ABSENT, ADMITTED, ENDED, OPEN, WAITING
from server.sitting.store import to_datetime
from server.sitting.tables import SittingRow
from server.sitting.vigil import Vigil
from server.sitting.writer import Writer

log = structlog.get_logger()

EVERY_S = 1.0
AT_LEAST_S = 0.25
"""Between two rounds, also when somebody is due sooner than the next second."""

OPENS_ITSELF_WITHIN = timedelta(hours=2)
"""A scheduled bell that nobody could ring for longer than this waits for a person."""
REOPENED_WITHIN = timedelta(days=1)
"""An ended exam session may hold reopened sittings for this long."""


class Closer:
    """A thread of its own; `tick` is one round."""

    def __init__(self, dbs: Databases, writer: Writer, clock: Clock, references: References | None = None) -> None:
        self.dbs = dbs
        self.writer = writer
        self.clock = clock
        self.doubt = ClockDoubt(dbs, clock, references or references_for(clock, dbs.read))
        self.vigil = Vigil(dbs, clock, self.doubt)
        self.pause_s = EVERY_S
        """Until the next round: a second, or less when a closing time is due before."""
        self._said: dict[int, list[str]] = {}
        self._credited: set[Affected] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sitting-closer", daemon=True)

    def start(self) -> None:
        """Note the gap since anybody was last alive, then begin."""
        self.begin()
        self.vigil.start()
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the threads and note the orderly stop."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self.vigil.stop(timeout)

    def begin(self) -> None:
        """Write this run's liveness record; an exam session that was open during a gap suffered an outage."""
        self.vigil.begin()

    def beaten(self, now: datetime) -> None:
        """Note that this process is alive, and was all the time."""
        self.vigil.beaten(now)

    def _loop(self) -> None:
        while not self._stop.wait(self.pause_s):
            try:
                self.tick()
            except Exception as error:  # the sweeper must go on; the next round tries again
                log.warning("closer_failed", error=type(error).__name__)

    def tick(self) -> None:
        """One round over the exam sessions that are open or due to open."""
        self.pause_s = EVERY_S
        self.vigil.look()
        self.doubt.look()
        now = self.clock.now()
        self._settle(now)
        with reading(self.dbs) as db:
            lately = (col(ExamSession.state) == "ended") & (col(ExamSession.ended_at) > now - REOPENED_WITHIN)
            current = col(ExamSession.state).in_(("open", "scheduled"))
            rows = db.exec(select(ExamSession).where(current | lately)).all()
            exams = [exam_of(row) for row in rows]
        aborting.sweep(self.dbs, self.writer, now - REOPENED_WITHIN)
        for exam in exams:
            hold = self.vigil.hold(exam.id)
            if exam.readable:  # an ended one may hold a reopened sitting
                if hold is None:
                    self._judge(exam.id)
                    self._sweep(exam, now)
            elif (
                hold is None
                and exam.bell == "scheduled"
                and timedelta() <= now - to_datetime(exam.starts_at) <= OPENS_ITSELF_WITHIN
            ):
                self._open(exam, now)

    def _settle(self, now: datetime) -> None:
        """Credit outages; the hold ends when all of it is stored and the queue, with what was received before, is empty."""
        for one in self.vigil.uncredited:
            if one not in self._credited and outages.credit(self.dbs, self.writer, one):
                self._credited.add(one)
            if one in self._credited and self.writer.drained:
                outages.applied(self.dbs, one, now)
                self.vigil.settled([one])

    def _judge(self, exam_session_id: int) -> None:
        """What was held counts or is late, now that this can be told."""
        with reading(self.dbs) as db:
            waiting = held_operations(db, exam_session_id)
        commands = [Judge(exam_session_id, entry_no, operations=found) for entry_no, found in waiting.items()]
        if commands:
            self.writer.do_many(commands)
            log.info("judged", exam_session=exam_session_id, sittings=len(commands))

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
        found: list[Command] = [Close(exam.id, entry_no) for entry_no, _closes_at in due]
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
