"""What takes two people about an exam session: the release of its paper, its abort, a change of its rules while it is open.

Every key begins with `exam_session_id`, like the other tables of an exam session. People are kept with the name they had then.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "release_approval": (),
    "paper_release": (),
    "freeze_override": ("agreed", "decided_at", "decided_by", "decided_name"),
    "form_draw": ("drawn_at", "label", "line", "seed"),
    "exam_abort": ("agreed", "decided_at", "decided_by", "decided_name", "decision_note", "successor_id"),
}
"""Table -> the columns that may change after insert; rows are never deleted."""


class ReleaseApproval(SQLModel, table=True):
    """One custodian's word that the paper may be released now. It counts for half an hour (`release_rules.TOGETHER`)."""

    __tablename__ = "release_approval"

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    no: int = Field(primary_key=True)
    institution_id: int
    paper_set_id: int = Field(foreign_key="paper_set.id")
    at: datetime = Field(sa_type=UTCDateTime)
    by: int = Field(foreign_key="person.id")
    by_name: str


class PaperRelease(SQLModel, table=True):
    """启用: two people let a paper set out for one exam session; in the same act it was unsealed and its items used."""

    __tablename__ = "paper_release"

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    paper_set_id: int = Field(foreign_key="paper_set.id", primary_key=True)
    institution_id: int
    at: datetime = Field(sa_type=UTCDateTime)
    first_by: int = Field(foreign_key="person.id")
    first_name: str
    second_by: int = Field(foreign_key="person.id")
    second_name: str


class ExamAbort(SQLModel, table=True):
    """One person asks to abort an exam session, another agrees or refuses. `successor_id`: where the candidates sit again."""

    __tablename__ = "exam_abort"
    __table_args__ = (
        Index(
            "uq_exam_abort_waiting",
            "exam_session_id",
            unique=True,
            sqlite_where=text("decided_at IS NULL"),
            postgresql_where=text("decided_at IS NULL"),
        ),
    )

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    no: int = Field(primary_key=True)
    institution_id: int
    reason: str
    reserve: bool
    """Whether the reserve set takes over."""
    starts_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the candidates sit again."""
    asked_at: datetime = Field(sa_type=UTCDateTime)
    asked_by: int = Field(foreign_key="person.id")
    asked_name: str
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = Field(default=None, foreign_key="person.id")
    decided_name: str | None = None
    agreed: bool | None = None
    decision_note: str | None = None
    successor_id: int | None = Field(default=None, foreign_key="exam_session.id")


class FormDraw(SQLModel, table=True):
    """The lot of an exam session that uses one form: committed to when it is scheduled, drawn when the paper is released.

    `commitment` is the SHA-256 of the seed, which lies sealed under 'paper' until the draw. Then `line` says all that decided
    (`seating.DrawInput`), and anybody can repeat it.
    """

    __tablename__ = "form_draw"

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    paper_set_id: int = Field(foreign_key="paper_set.id", primary_key=True)
    institution_id: int
    commitment: str
    sealed_seed: bytes = Field(sa_type=LargeBinary)
    committed_at: datetime = Field(sa_type=UTCDateTime)
    drawn_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    seed: str | None = None
    line: str | None = None
    label: str | None = None


class FreezeOverride(SQLModel, table=True):
    """One person asks to change rules of an open exam session, another agrees or refuses. Values are of `SessionProfile`."""

    __tablename__ = "freeze_override"
    __table_args__ = (
        Index(
            "uq_freeze_override_waiting",
            "exam_session_id",
            unique=True,
            sqlite_where=text("decided_at IS NULL"),
            postgresql_where=text("decided_at IS NULL"),
        ),
    )

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    no: int = Field(primary_key=True)
    institution_id: int
    changes: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    before: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    reason: str
    asked_at: datetime = Field(sa_type=UTCDateTime)
    asked_by: int = Field(foreign_key="person.id")
    asked_name: str
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = Field(default=None, foreign_key="person.id")
    decided_name: str | None = None
    agreed: bool | None = None
