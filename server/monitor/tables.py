"""What the desk of a room adds to SQL: incidents, messages, requests that wait for a second person, reports looked at."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "incident": (),
    "room_message": (),
    "approval_request": ("decided_at", "decided_by", "decided_name", "decision", "done_at", "result"),
    "report_seen": (),
}
"""Table -> the columns that may change after insert; rows are never deleted."""


class Incident(SQLModel, table=True):
    """异常/违纪记录: one line of the register. A mistake is corrected by a new line that names the old one."""

    __tablename__ = "incident"
    __table_args__ = (Index("ix_incident_exam", "exam_session_id", "room_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    exam_session_id: int = Field(foreign_key="exam_session.id")
    institution_id: int = Field(foreign_key="institution.id")
    room_id: int = Field(foreign_key="room.id")
    seat_no: int | None = None
    entry_no: int | None = None
    category: str
    """A key of `rules.INCIDENT_CATEGORIES`."""
    happened_at: datetime = Field(sa_type=UTCDateTime)
    recorded_at: datetime = Field(sa_type=UTCDateTime)
    text: str
    action_taken: str = ""
    recorded_by: int = Field(foreign_key="person.id")
    recorded_name: str
    corrects_id: int | None = Field(default=None, foreign_key="incident.id")


class RoomMessage(SQLModel, table=True):
    """A message shown on candidates' screens; `recipients` are entry numbers."""

    __tablename__ = "room_message"
    __table_args__ = (Index("ix_room_message_exam", "exam_session_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    exam_session_id: int = Field(foreign_key="exam_session.id")
    institution_id: int = Field(foreign_key="institution.id")
    room_id: int | None = Field(default=None, foreign_key="room.id")
    """The room the sender chose; None for the whole exam session."""
    recipients: list[int] = Field(sa_column=Column(JSON, nullable=False))
    text: str
    sent_at: datetime = Field(sa_type=UTCDateTime)
    sent_by: int = Field(foreign_key="person.id")
    sent_name: str


class ApprovalRequest(SQLModel, table=True):
    """An act that waits for a second person (a credit above five minutes, late operations to be admitted).

    `detail` holds what the command needs, `decision` confirmed or declined; `done_at` and `result` follow when the
    command was sent, so that a stop in between is visible and can be taken up again.
    """

    __tablename__ = "approval_request"
    __table_args__ = (Index("ix_approval_request_exam", "exam_session_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    exam_session_id: int = Field(foreign_key="exam_session.id")
    institution_id: int = Field(foreign_key="institution.id")
    kind: str
    """credit or admit_late."""
    room_ids: list[int] = Field(sa_column=Column(JSON, nullable=False))
    """Rooms of the entries concerned: who may not see one of them may not decide."""
    entry_nos: list[int] = Field(sa_column=Column(JSON, nullable=False))
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    reason: str
    asked_at: datetime = Field(sa_type=UTCDateTime)
    asked_by: int = Field(foreign_key="person.id")
    asked_name: str
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = Field(default=None, foreign_key="person.id")
    decided_name: str | None = None
    decision: str | None = None
    done_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class ReportSeen(SQLModel, table=True):
    """Somebody looked into what some candidates reported about one slot of one form."""

    __tablename__ = "report_seen"
    __table_args__ = (Index("ix_report_seen_exam", "exam_session_id", "form_label", "slot"),)

    id: int | None = Field(default=None, primary_key=True)
    exam_session_id: int = Field(foreign_key="exam_session.id")
    institution_id: int = Field(foreign_key="institution.id")
    form_label: str
    slot: int
    entry_nos: list[int] = Field(sa_column=Column(JSON, nullable=False))
    """Whose reports were there to be looked at; another candidate's later one is new again."""
    seen_at: datetime = Field(sa_type=UTCDateTime)
    seen_by: int = Field(foreign_key="person.id")
    seen_name: str
