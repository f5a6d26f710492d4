"""Outages in SQL: noting one, giving back what it took from each sitting, a person's word on it.

An outage is a gap in the liveness record of all processes together. Its row is unique by where the gap began, so several
processes that see it note one; which exam sessions it holds is written with it. The credits go through the writer, once
per outage and sitting, whoever asks and how often.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec import json
from sqlalchemy import ColumnElement, func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from server.audit import trail
from server.audit.trail import SYSTEM, Actor
from server.db import Databases, reading, transaction
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting.commands import OutageCredit, Outcome, WithdrawCredit
from server.sitting.state import OPEN, PAUSED
from server.sitting.store import to_ms
from server.sitting.tables import Outage, OutageEffect, SittingRow
from server.sitting.writer import Writer

DONE = ("ok", "nothing")


@dataclass(frozen=True)
class Affected:
    """An outage as it concerns one exam session."""

    outage_id: int
    exam_session_id: int
    since: datetime
    until: datetime
    limit_ms: int


def note(db: Session, since: datetime, until: datetime, run: str) -> int:
    """Write an outage and the exam sessions with candidates at work; returns its id. The first process's word stands."""
    insert = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
    db.execute(insert(Outage).values(since=since, until=until, run=run).on_conflict_do_nothing())
    outage = db.exec(select(Outage).where(col(Outage.since) == since)).one()
    if outage.run != run or outage.until != until:
        return outage.id or 0
    running = select(ExamSession).where(col(ExamSession.state).in_(("open", "ended")))
    for session in db.exec(running.where(_somebody_at_work(until))).all():
        profile = SessionProfile.from_json(session.profile)
        values = {"outage_id": outage.id, "exam_session_id": session.id, "limit_ms": profile.outage_credit_max_ms}
        db.execute(insert(OutageEffect).values(**values).on_conflict_do_nothing())
    return outage.id or 0


def _somebody_at_work(until: datetime) -> ColumnElement[bool]:
    return (
        select(col(SittingRow.entry_no))
        .where(
            col(SittingRow.exam_session_id) == col(ExamSession.id),
            col(SittingRow.state) == OPEN,
            col(SittingRow.opened_at) < until,
        )
        .exists()
    )


def waiting(db: Session) -> list[Affected]:
    """Outages not credited yet, the earliest first."""
    rows = db.execute(
        select(OutageEffect, Outage)
        .join(Outage, col(Outage.id) == col(OutageEffect.outage_id))
        .where(col(OutageEffect.applied_at).is_(None))
        .order_by(col(OutageEffect.outage_id), col(OutageEffect.exam_session_id))
    )
    return [Affected(row.outage_id, row.exam_session_id, o.since, o.until, row.limit_ms) for row, o in rows]


def credit(dbs: Databases, writer: Writer, one: Affected) -> bool:
    """Give the exam session's sittings back what they lost; whether all of it is stored."""
    outcomes = writer.do_many(
        [
            OutageCredit(
                one.exam_session_id,
                entry_no,
                outage_id=one.outage_id,
                since=to_ms(one.since),
                until=to_ms(one.until),
                limit_ms=one.limit_ms,
            )
            for entry_no in _begun(dbs, one.exam_session_id)
        ]
    )
    return all(outcome.code in DONE for outcome in outcomes)


def _begun(dbs: Databases, exam_session_id: int) -> list[int]:
    with reading(dbs) as db:
        begun = col(SittingRow.state).in_((OPEN, PAUSED))
        return list(
            db.exec(select(SittingRow.entry_no).where(SittingRow.exam_session_id == exam_session_id, begun).order_by("entry_no"))
        )


def applied(dbs: Databases, one: Affected, now: datetime) -> None:
    """End the hold; one process writes it, with the audit row."""
    amounts = credited(dbs, one.outage_id, one.exam_session_id)
    values = {"affected": len(amounts), "most_ms": max(amounts.values(), default=0)}
    with transaction(dbs) as db:
        done = db.execute(
            update(OutageEffect)
            .where(*_is(one.outage_id, one.exam_session_id), col(OutageEffect.applied_at).is_(None))
            .values(applied_at=now, **values)
        )
        if done.rowcount == 1:  # type: ignore[attr-defined]
            detail = values | {"outage": one.outage_id, "since": one.since.isoformat(), "until": one.until.isoformat()}
            trail.append(db, SYSTEM, "outage.credited", f"exam_session:{one.exam_session_id}", now=now, detail=detail)


def credited(dbs: Databases, outage_id: int, exam_session_id: int) -> dict[int, int]:
    """Entry number -> what of the outage's credit stands."""
    with reading(dbs) as db:
        rows = db.execute(
            select(col(SittingRow.entry_no), col(SittingRow.outages)).where(
                col(SittingRow.exam_session_id) == exam_session_id, col(SittingRow.outages).is_not(None)
            )
        ).all()
    found = {}
    for entry_no, text in rows:
        for one, ms in json.decode(text):
            if one == outage_id:
                found[entry_no] = ms
    return found


def withdraw(
    dbs: Databases, writer: Writer, outage_id: int, exam_session_id: int, *, actor: Actor, second: Actor | None, reason: str
) -> list[Outcome]:
    """Take back what is not used up, from everybody; the rules ask for the second person."""
    return writer.do_many(
        [
            WithdrawCredit(exam_session_id, entry_no, actor=actor, reason=reason, outage_id=outage_id, second=second)
            for entry_no, ms in sorted(credited(dbs, outage_id, exam_session_id).items())
            if ms
        ]
    )


def decide(
    db: Session,
    outage_id: int,
    exam_session_id: int,
    decision: str,
    *,
    actor: Actor,
    second: Actor | None,
    reason: str,
    now: datetime,
) -> bool:
    """Write a person's word on an applied credit, audited; whether this call was the first."""
    done = db.execute(
        update(OutageEffect)
        .where(
            *_is(outage_id, exam_session_id), col(OutageEffect.applied_at).is_not(None), col(OutageEffect.decided_at).is_(None)
        )
        .values(
            decided_at=now,
            decided_by=actor.id,
            decided_name=actor.name,
            second_by=second.id if second else None,
            second_name=second.name if second else None,
            decision=decision,
            reason=reason,
        )
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return False
    detail = {"outage": outage_id, "reason": reason, "second": None if second is None else [second.kind, second.id, second.name]}
    trail.append(db, actor, f"outage.{decision}", f"exam_session:{exam_session_id}", now=now, detail=detail)
    return True


def listed(db: Session, exam_session_id: int) -> list[tuple[OutageEffect, Outage]]:
    """The outages of an exam session, the latest first."""
    rows = db.execute(
        select(OutageEffect, Outage)
        .join(Outage, col(Outage.id) == col(OutageEffect.outage_id))
        .where(col(OutageEffect.exam_session_id) == exam_session_id)
        .order_by(col(OutageEffect.outage_id).desc())
    )
    return [(row[0], row[1]) for row in rows]


def undecided(db: Session, exam_session_id: int) -> int:
    """How many credits for outages wait for a person's word."""
    mine = (col(OutageEffect.exam_session_id) == exam_session_id, col(OutageEffect.decided_at).is_(None))
    return int(db.execute(select(func.count()).select_from(OutageEffect).where(*mine)).scalar_one())


def _is(outage_id: int, exam_session_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (col(OutageEffect.outage_id) == outage_id, col(OutageEffect.exam_session_id) == exam_session_id)
