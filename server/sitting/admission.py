"""Operations kept apart (late, fenced, forked, after the end): listed for the desk, counted only by two people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from server.sitting import events as ev
from server.sitting.commands import AdmitLate, KeptApart, Who
from server.sitting.operations import content_of
from server.sitting.sql import digest_of
from server.sitting.tables import JournalEvent, QuarantinedOperation


@dataclass(frozen=True)
class Waiting:
    """One operation nobody has decided on. `content` as sent: item and value, flag or report, or submit."""

    entry_no: int
    epoch: int
    op: int
    digest: str
    reason: str
    at: datetime
    content: dict[str, Any]

    @property
    def name(self) -> str:
        """What a form can carry back: `epoch.op.digest`."""
        return f"{self.epoch}.{self.op}.{self.digest}"


def waiting(db: Session, exam_session_id: int, entry_no: int | None = None) -> list[Waiting]:
    """The list of the desk, oldest first."""
    statement = (
        select(QuarantinedOperation)
        .where(
            col(QuarantinedOperation.exam_session_id) == exam_session_id,
            col(QuarantinedOperation.admitted_n).is_(None),
        )
        .order_by(col(QuarantinedOperation.at), col(QuarantinedOperation.entry_no), col(QuarantinedOperation.op))
    )
    if entry_no is not None:
        statement = statement.where(col(QuarantinedOperation.entry_no) == entry_no)
    rows = db.exec(statement).all()
    came = journaled(db, exam_session_id, {row.entry_no for row in rows if row.reason == "carried"})
    return [
        Waiting(row.entry_no, row.epoch, row.op, row.digest, row.reason, row.at, row.content)
        for row in rows
        if (row.entry_no, row.epoch, row.op, row.digest) not in came
    ]


def journaled(db: Session, exam_session_id: int, entry_nos: Collection[int]) -> set[tuple[int, int, int, str]]:
    """(entry, epoch, op, digest) of the operations in these journals.

    What a recovery file carried may have arrived by itself since; to count it again would undo what came after it.
    """
    if not entry_nos:
        return set()
    rows = db.execute(
        select(col(JournalEvent.entry_no), col(JournalEvent.body)).where(
            col(JournalEvent.exam_session_id) == exam_session_id,
            col(JournalEvent.entry_no).in_(sorted(entry_nos)),
            col(JournalEvent.op).is_not(None),
        )
    )
    events = ((entry_no, ev.read(body, b"")) for entry_no, body in rows)
    return {(entry_no, event.epoch, event.op or 0, digest_of(content_of(event))) for entry_no, event in events}


def admit_command(
    db: Session,
    exam_session_id: int,
    entry_no: int,
    names: list[str],
    *,
    actor: Who,
    second: Who | None,
    reason: str,
) -> AdmitLate:
    """The command that counts the named operations, contents read from the store; names that are not waiting are left out.

    The writer's rules check the two people.
    """
    wanted = set(names)
    operations = [
        KeptApart(one.epoch, one.op, one.digest, one.content)
        for one in waiting(db, exam_session_id, entry_no)
        if one.name in wanted
    ]
    return AdmitLate(exam_session_id, entry_no, actor=actor, reason=reason, second=second, operations=operations)
