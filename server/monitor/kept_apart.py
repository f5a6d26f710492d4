"""Operations the writer kept apart: from a fenced page, after the end, too late, or in two versions.

The desk sees whose they are, when they came and why, and what they say as the candidate saw it: question number, option letters
or the words typed, never a question's text or a key. What is counted is handed from the table to the writer as it was stored.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from itembank.items import KINDS, letter
from itembank.tables import FormSlot, ItemVersion
from server.audit.trail import Actor
from server.errors import NotFound
from server.monitor import acts
from server.monitor.acts import Target
from server.monitor.scope import Scope
from server.monitor.tables import ApprovalRequest
from server.pages import _
from server.sitting import admission
from server.sitting import events as ev
from server.sitting.commands import StaffCommand
from server.sitting.tables import JournalEvent, QuarantinedOperation, SittingRow

WHY: dict[str, str] = {
    "late": _("Came after the closing time"),
    "closed": _("Came after the end"),
    "fenced": _("Came from a page or PC that was no longer valid"),
    "fork": _("Came in two different versions"),
    "carried": _("Carried here in a recovery file"),
}
"""Reason of the writer -> msgid."""


@dataclass(frozen=True)
class KeptOperation:
    """One operation in words: `question` as numbered on the candidate's screen, `letters` as seen there, or the words typed
    ("" = blank).
    """

    name: str
    at: datetime
    why: str
    kind: str
    question: int | None
    letters: str


@dataclass(frozen=True)
class KeptGroup:
    """One candidate's operations that wait. `names` are `epoch.op.digest` of each."""

    target: Target
    count: int
    first_at: datetime
    last_at: datetime
    reasons: tuple[str, ...]
    names: list[str]
    operations: tuple[KeptOperation, ...]


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
        col(QuarantinedOperation.content),
    )
    wanted = select(*columns).where(  # type: ignore[call-overload]
        col(QuarantinedOperation.exam_session_id) == scope.exam.id, col(QuarantinedOperation.admitted_n).is_(None)
    )
    by_entry: dict[int, list[Any]] = defaultdict(list)
    for row in db.execute(wanted.order_by(col(QuarantinedOperation.at))):
        if row.entry_no in people:
            by_entry[row.entry_no].append(row)
    carried = {entry_no for entry_no, rows in by_entry.items() if any(row.reason == "carried" for row in rows)}
    came = admission.journaled(db, scope.exam.id, carried)
    left = {
        entry_no: [row for row in rows if (entry_no, row.epoch, row.op, row.digest) not in came]
        for entry_no, rows in by_entry.items()
    }
    found = {entry_no: rows for entry_no, rows in left.items() if rows}
    orders = _orders(db, scope.exam.id, list(found))
    in_order = _in_order(db, scope.exam.id, list(found))
    groups = [
        _group(people[entry_no], rows, orders.get(entry_no, []), in_order.get(entry_no, set()))
        for entry_no, rows in found.items()
    ]
    return sorted(groups, key=lambda group: group.last_at, reverse=True)


def _orders(db: Session, exam_session_id: int, entry_nos: list[int]) -> dict[int, list[Any]]:
    """Entry number -> the order of questions and options as that candidate saw them."""
    opened = select(col(JournalEvent.entry_no), col(JournalEvent.body)).where(
        col(JournalEvent.exam_session_id) == exam_session_id,
        col(JournalEvent.entry_no).in_(entry_nos),
        col(JournalEvent.kind) == "opened",
    )
    return {entry_no: ev.read(body, b"").data["order"] for entry_no, body in db.execute(opened)}


def _in_order(db: Session, exam_session_id: int, entry_nos: list[int]) -> dict[int, set[int]]:
    """Entry number -> the slots of that candidate's form whose answers say something by their order."""
    sequences = [code for code, kind in KINDS.items() if kind.keeps_order]
    rows = db.execute(
        select(col(SittingRow.entry_no), col(FormSlot.slot))
        .join(FormSlot, col(FormSlot.form_id) == col(SittingRow.form_id))
        .join(ItemVersion, col(ItemVersion.id) == col(FormSlot.item_version_id))
        .where(
            col(SittingRow.exam_session_id) == exam_session_id,
            col(SittingRow.entry_no).in_(entry_nos),
            col(ItemVersion.kind).in_(sequences),
        )
    )
    found: dict[int, set[int]] = defaultdict(set)
    for entry_no, slot in rows:
        found[entry_no].add(slot)
    return found


def in_words(content: dict[str, Any], order: list[Any], in_order: Collection[int] = ()) -> tuple[str, int | None, str]:
    """Kind, question number and answer of an operation, as seen by the candidate; `in_order`: slots answered by a sequence."""
    kind = next(name for name in ("value", "flag", "report", "submit") if name in content)
    place = next((at for at, (slot, _options) in enumerate(order) if slot == content.get("item")), None)
    if place is None:
        return kind, None, ""
    options, given = order[place][1], content.get("value", ())
    if any(isinstance(one, str) for one in given):
        return kind, place + 1, " / ".join(str(one) or "–" for one in given)
    if content["item"] in in_order:
        return kind, place + 1, "".join(letter(options.index(one) + 1) if one in options else "–" for one in given)
    return kind, place + 1, "".join(sorted(letter(options.index(option) + 1) for option in given if option in options))


def _group(target: Target, rows: list[Any], order: list[Any], in_order: Collection[int]) -> KeptGroup:
    reasons = tuple(sorted({WHY.get(row.reason, row.reason) for row in rows}))
    names = [f"{row.epoch}.{row.op}.{row.digest}" for row in rows]
    operations = tuple(
        KeptOperation(name, row.at, WHY.get(row.reason, row.reason), *in_words(row.content, order, in_order))
        for name, row in zip(names, rows, strict=True)
    )
    return KeptGroup(target, len(rows), rows[0].at, rows[-1].at, reasons, names, operations)


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
    names: list[str] = row.detail["operations"]
    return [
        admission.admit_command(db, exam_session_id, target.entry_no, names, actor=first, second=second, reason=row.reason)
        for target in found
    ]
