"""Whether the time can be trusted: the server's clock against the wall clock and the database's.

The server's clock was anchored once and runs on the monotonic counter, so a step of another clock moves nobody's closing
time; but it says that one of them is wrong, and nobody knows which. While they disagree by more than 2 s nobody is closed by
time and nothing is refused as late (I4), until they agree again or a person decides (`ClockDecision`). Whatever is
decided, those at work go on by the monotonic counter: it measures how long they worked. A wall clock found right is taken
over when nobody is at work.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from server.audit import trail
from server.audit.trail import SYSTEM, Actor
from server.clock import SUSPECT_MS, Clock, References
from server.db import Databases, reading, transaction
from server.registry.tables import ExamSession
from server.sitting.state import OPEN, PAUSED
from server.sitting.tables import ClockDecision, SittingRow

log = structlog.get_logger()

SLOW_ANSWER = timedelta(seconds=1)
"""A database that takes longer to say the time has not said it."""


class Offsets(Struct, frozen=True):
    """How far the other clocks are ahead of the server's, in ms."""

    wall_ms: int = 0
    database_ms: int = 0

    def far_from(self, other: "Offsets") -> bool:
        """Whether either has moved by more than 2 s."""
        return max(abs(self.wall_ms - other.wall_ms), abs(self.database_ms - other.database_ms)) > SUSPECT_MS


AGREED = Offsets()


class ClockDoubt:
    """The standing of one process's clock; `look` once a second, `suspect` asked by every decision."""

    def __init__(self, dbs: Databases, clock: Clock, references: References) -> None:
        self.dbs = dbs
        self.clock = clock
        self.references = references
        self.suspect: Offsets | None = None
        """How they disagree, None when they agree or a person has decided."""
        self._last_database_ms = 0

    def look(self) -> None:
        """Compare; a change of standing is audited."""
        offsets = self.offsets()
        found: Offsets | None = offsets if offsets.far_from(AGREED) else None
        if found is not None:
            with reading(self.dbs) as db:
                decision = latest_decision(db)
                idle = decision is not None and decision.chosen == "wall" and not _anybody_at_work(db)
            if decision is not None and not offsets.far_from(Offsets(decision.wall_ms, decision.database_ms)):
                found = None
                if idle:
                    self.clock.anchor_again(self.references.wall())
                    log.warning("clock_set", by_ms=offsets.wall_ms)
        if (found is None) != (self.suspect is None):
            self._note(found)
        self.suspect = found

    def offsets(self) -> Offsets:
        """As read now; the database's from the last time it answered in time."""
        wall_ms = _ms(self.references.wall() - self.clock.now())
        if self.references.database is not None:
            self._last_database_ms = self._database_ms(self.references.database)
        return Offsets(wall_ms, self._last_database_ms)

    def _database_ms(self, read: Callable[[], datetime]) -> int:
        before = self.clock.now()
        try:
            there = read()
        except (SQLAlchemyError, OSError):
            return self._last_database_ms
        after = self.clock.now()
        return self._last_database_ms if after - before > SLOW_ANSWER else _ms(there - before - (after - before) / 2)

    def _note(self, found: Offsets | None) -> None:
        verb = "clock.agreed" if found is None else "clock.suspect"
        detail = {} if found is None else {"wall_ms": found.wall_ms, "database_ms": found.database_ms}
        log.warning(verb.replace(".", "_"), **detail)
        with transaction(self.dbs) as db:
            trail.append(db, SYSTEM, verb, "clock", now=self.clock.now(), detail=detail)


def decide(db: Session, actor: Actor, offsets: Offsets, chosen: str, reason: str, now: datetime) -> None:
    """A person's word on which clock is right, audited."""
    db.add(
        ClockDecision(
            at=now,
            wall_ms=offsets.wall_ms,
            database_ms=offsets.database_ms,
            chosen=chosen,
            reason=reason,
            decided_by=actor.id or 0,
            decided_name=actor.name,
        )
    )
    detail = {"wall_ms": offsets.wall_ms, "database_ms": offsets.database_ms, "chosen": chosen, "reason": reason}
    trail.append(db, actor, "clock.confirmed", "clock", now=now, detail=detail)


def latest_decision(db: Session) -> ClockDecision | None:
    """The last word."""
    return db.exec(select(ClockDecision).order_by(col(ClockDecision.id).desc()).limit(1)).first()


def _anybody_at_work(db: Session) -> bool:
    current = select(col(ExamSession.id)).where(col(ExamSession.state).in_(("open", "ended")))
    at_work = select(col(SittingRow.entry_no)).where(
        col(SittingRow.exam_session_id).in_(current), col(SittingRow.state).in_((OPEN, PAUSED))
    )
    return db.execute(at_work.limit(1)).first() is not None


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
