"""Writing and reading the audit trail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import insert
from sqlmodel import Session, col, select

from server.audit.tables import AuditRow

ActorKind = Literal["staff", "candidate", "system"]


@dataclass(frozen=True)
class Actor:
    """Who acts: a person of the staff, a candidate (`id` = entry number) or the system itself (`id` None)."""

    kind: ActorKind
    id: int | None
    name: str
    institution_id: int | None = None


SYSTEM = Actor("system", None, "jikao")


def append(db: Session, actor: Actor, verb: str, subject: str, *, now: datetime, detail: dict[str, Any] | None = None) -> None:
    """Add one row in the caller's transaction. `verb` like "form.sealed", `subject` like "form:12"."""
    db.execute(
        insert(AuditRow).values(
            at=now,
            institution_id=actor.institution_id,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            verb=verb,
            subject=subject,
            detail=detail or {},
        )
    )


def about(db: Session, subject: str, limit: int = 200) -> list[AuditRow]:
    """The story of one subject, oldest first."""
    rows = db.exec(select(AuditRow).where(col(AuditRow.subject) == subject).order_by(col(AuditRow.id).desc()).limit(limit)).all()
    return list(reversed(rows))
