"""The audit trail. Rows are only ever added; triggers refuse the rest on both databases."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {"audit_row": ()}


class AuditRow(SQLModel, table=True):
    """One act. `subject` is `kind:id`, `detail` holds ids and numbers, never content of items or ID numbers."""

    __tablename__ = "audit_row"
    __table_args__ = (Index("ix_audit_subject", "subject"), Index("ix_audit_institution_at", "institution_id", "at"))

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime)
    institution_id: int | None = None
    actor_kind: str
    actor_id: int | None = None
    actor_name: str
    verb: str
    subject: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
