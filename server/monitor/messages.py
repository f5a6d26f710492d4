"""Messages to candidates' screens: the register of what was sent. The text itself travels in each sitting's journal."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from server.audit import trail
from server.auth.staff import Staff
from server.monitor.scope import Scope
from server.monitor.tables import RoomMessage

TEXT_MAX = 200


def record(db: Session, scope: Scope, recipients: Sequence[int], text: str, who: Staff, now: datetime) -> int:
    """Note a message that reached `recipients` (entry numbers)."""
    row = RoomMessage(
        exam_session_id=scope.exam.id,
        institution_id=scope.exam.institution_id,
        room_id=scope.rooms[0].id if scope.single else None,
        recipients=list(recipients),
        text=text,
        sent_at=now,
        sent_by=who.person_id,
        sent_name=who.name,
    )
    db.add(row)
    db.flush()
    detail = {"message": row.id, "recipients": len(recipients)}
    trail.append(db, who.actor, "message.sent", f"exam_session:{scope.exam.id}", now=now, detail=detail)
    return row.id or 0


def sent(db: Session, scope: Scope, mine: frozenset[int], limit: int = 100) -> list[RoomMessage]:
    """The latest messages with a recipient among `mine` (entry numbers of the scope), newest first."""
    rows = db.exec(
        select(RoomMessage).where(RoomMessage.exam_session_id == scope.exam.id).order_by(col(RoomMessage.id).desc()).limit(limit)
    ).all()
    return [row for row in rows if mine.intersection(row.recipients)]
