"""Operations the writer kept apart: from a fenced page, after the end, too late, or in two versions.

The desk sees whose they are, how many, when and why. What they say is handed from the table to the writer unread.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from server.audit.trail import Actor
from server.errors import NotFound
from server.monitor import acts
from server.monitor.acts import Target
from server.monitor.scope import Scope
from server.monitor.tables import ApprovalRequest
from server.pages import _
from server.sitting.commands import AdmitLate, KeptApart, StaffCommand
from server.sitting.tables import QuarantinedOperation

WHY: dict[str, str] = {
    "late": _("Came after the closing time"),
    "closed": _("Came after the end"),
    "fenced": _("Came from a page or PC that was no longer valid"),
    "fork": _("Came in two different versions"),
}
"""Reason of the writer -> msgid."""


@dataclass(frozen=True)
class KeptGroup:
    """One candidate's operations that wait. `keys` are [epoch, op, digest] of each."""

    target: Target
    count: int
    first_at: datetime
    last_at: datetime
    reasons: tuple[str, ...]
    keys: list[list[Any]]


def listed(db: Session, scope: Scope) -> list[KeptGroup]:
    """The candidates of the scope with operations kept apart and not admitted, latest first."""
    people = {target.entry_no: target for target in acts.targets(db, scope, None)}
    columns = (
        col(QuarantinedOperation.entry_no),
        col(QuarantinedOperation.epoch),
        col(QuarantinedOperation.op),
        col(QuarantinedOperation.digest),
        col(QuarantinedOperation.reason),
        col(QuarantinedOperation.at),
    )
    wanted = select(*columns).where(  # type: ignore[call-overload]
        col(QuarantinedOperation.exam_session_id) == scope.exam.id, col(QuarantinedOperation.admitted_n).is_(None)
    )
    by_entry: dict[int, list[Any]] = defaultdict(list)
    for row in db.execute(wanted.order_by(col(QuarantinedOperation.at))):
        if row.entry_no in people:
            by_entry[row.entry_no].append(row)
    groups = [_group(people[entry_no], rows) for entry_no, rows in by_entry.items()]
    return sorted(groups, key=lambda group: group.last_at, reverse=True)


def _group(target: Target, rows: list[Any]) -> KeptGroup:
    reasons = tuple(sorted({WHY.get(row.reason, row.reason) for row in rows}))
    keys = [[row.epoch, row.op, row.digest] for row in rows]
    return KeptGroup(target, len(rows), rows[0].at, rows[-1].at, reasons, keys)


def find(db: Session, scope: Scope, entry_no: int) -> KeptGroup:
    """The group of one candidate of the scope, or `NotFound`."""
    for group in listed(db, scope):
        if group.target.entry_no == entry_no:
            return group
    raise NotFound


def commands(
    db: Session, exam_session_id: int, found: list[Target], row: ApprovalRequest, first: Actor, second: Actor
) -> list[StaffCommand]:
    """The command that admits exactly the operations the two people saw."""
    wanted = {tuple(key) for key in row.detail["operations"]}
    return [
        AdmitLate(
            exam_session_id, target.entry_no, first, row.reason, second=second, operations=_operations(db, row, target, wanted)
        )
        for target in found
    ]


def _operations(db: Session, row: ApprovalRequest, target: Target, wanted: set[tuple[Any, ...]]) -> list[KeptApart]:
    rows = db.exec(
        select(QuarantinedOperation)
        .where(
            QuarantinedOperation.exam_session_id == row.exam_session_id,
            QuarantinedOperation.entry_no == target.entry_no,
            col(QuarantinedOperation.admitted_n).is_(None),
        )
        .order_by(col(QuarantinedOperation.epoch), col(QuarantinedOperation.op), col(QuarantinedOperation.at))
    )
    return [
        KeptApart(kept.epoch, kept.op, kept.digest, kept.content) for kept in rows if (kept.epoch, kept.op, kept.digest) in wanted
    ]
