"""Acts that wait for a second person: asked by one, decided by another on their own sign-in, sent to the writer after that.

The decision is claimed by compare-and-set, so two people who press at once decide once. It is stored before the command
goes out: a confirmed request without `done_at` is one that was interrupted, and the page says so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from server.audit import trail
from server.audit.trail import Actor
from server.auth.staff import Staff
from server.errors import Conflict, Forbidden, NotFound
from server.monitor import rules
from server.monitor.rules import Refusal
from server.monitor.scope import Scope
from server.monitor.tables import ApprovalRequest
from server.pages import _


@dataclass(frozen=True)
class Request:
    """What a request is made of. `kind` credit or admit_late; `detail` what the command needs."""

    kind: str
    entry_nos: tuple[int, ...]
    room_ids: tuple[int, ...]
    reason: str
    detail: dict[str, Any]


_REFUSALS = {
    Refusal.SAME_PERSON: Forbidden(_("You asked for this yourself: another person has to confirm it.")),
    Refusal.DECIDED: Conflict(_("Somebody has decided this already.")),
    Refusal.EXPIRED: Conflict(_("This request is older than 30 minutes. Please ask again.")),
}


def ask(db: Session, scope: Scope, request: Request, who: Staff, now: datetime) -> int:
    """Store a request; returns its id."""
    row = ApprovalRequest(
        exam_session_id=scope.exam.id,
        institution_id=scope.exam.institution_id,
        kind=request.kind,
        room_ids=sorted(set(request.room_ids)),
        entry_nos=sorted(request.entry_nos),
        detail=request.detail,
        reason=request.reason,
        asked_at=now,
        asked_by=who.person_id,
        asked_name=who.name,
    )
    db.add(row)
    db.flush()
    _note(db, "approval.asked", row, who, now)
    return row.id or 0


def decide(db: Session, scope: Scope, request_id: int, confirm: bool, who: Staff, now: datetime) -> ApprovalRequest:
    """Confirm or decline; the row as decided. Raises when `who` may not, or somebody was faster."""
    row = find(db, scope, request_id)
    refusal = rules.may_decide(row.asked_by, row.asked_at, row.decided_at, who.person_id, now)
    if refusal is not None:
        raise _REFUSALS[refusal]
    decision = "confirmed" if confirm else "declined"
    claimed = db.execute(
        update(ApprovalRequest)
        .where(col(ApprovalRequest.id) == request_id, col(ApprovalRequest.decided_at).is_(None))
        .values(decided_at=now, decided_by=who.person_id, decided_name=who.name, decision=decision)
        .returning(col(ApprovalRequest.id))
    ).all()
    if not claimed:
        raise _REFUSALS[Refusal.DECIDED]
    db.refresh(row)
    _note(db, f"approval.{decision}", row, who, now)
    return row


def finish(db: Session, request_id: int, result: dict[str, Any], now: datetime) -> None:
    """Note what the command came to."""
    db.execute(update(ApprovalRequest).where(col(ApprovalRequest.id) == request_id).values(done_at=now, result=result))


def find(db: Session, scope: Scope, request_id: int) -> ApprovalRequest:
    """A request of the scope; `NotFound` when one of its rooms is not within it."""
    row = db.get(ApprovalRequest, request_id)
    if row is None or row.exam_session_id != scope.exam.id or not set(row.room_ids) <= set(scope.room_ids):
        raise NotFound
    return row


def listed(db: Session, scope: Scope, limit: int = 100) -> list[ApprovalRequest]:
    """Requests that concern only rooms of the scope, newest first."""
    rows = db.exec(
        select(ApprovalRequest)
        .where(ApprovalRequest.exam_session_id == scope.exam.id)
        .order_by(col(ApprovalRequest.id).desc())
        .limit(limit)
    )
    return [row for row in rows if set(row.room_ids) <= set(scope.room_ids)]


def waiting_count(db: Session, scope: Scope, now: datetime) -> int:
    """How many requests of the scope wait for a second person."""
    rows = db.execute(
        select(col(ApprovalRequest.room_ids)).where(
            col(ApprovalRequest.exam_session_id) == scope.exam.id,
            col(ApprovalRequest.decided_at).is_(None),
            col(ApprovalRequest.asked_at) > now - rules.REQUEST_LASTS,
        )
    )
    return sum(1 for (room_ids,) in rows if set(room_ids) <= set(scope.room_ids))


def asker(row: ApprovalRequest) -> Actor:
    """Who asked, as an actor."""
    return Actor("staff", row.asked_by, row.asked_name, row.institution_id)


def _note(db: Session, verb: str, row: ApprovalRequest, who: Staff, now: datetime) -> None:
    detail = {"request": row.id, "kind": row.kind, "entries": row.entry_nos, **row.detail}
    trail.append(db, who.actor, verb, f"exam_session:{row.exam_session_id}", now=now, detail=detail)


def standing(row: ApprovalRequest, now: datetime) -> str:
    """waiting, expired, declined, confirmed (command sent) or interrupted (confirmed, but the outcome was not noted)."""
    if row.decision == "declined":
        return "declined"
    if row.decision == "confirmed":
        return "confirmed" if row.done_at else "interrupted"
    return "expired" if now - row.asked_at >= rules.REQUEST_LASTS else "waiting"
