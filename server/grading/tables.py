"""Marking runs and their rows, key corrections, publications. Rows are only added; a correction is a new run.

Every key begins with `exam_session_id`, so that a cluster can split these tables like the sittings they were made from.
Marks are hundredths.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKeyConstraint, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

_DECISION = ("decided_at", "decided_by", "decided_name", "decision", "decision_note")

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "marking_run": ("completed_at", "abandoned_at"),
    "marking_key": (),
    "item_mark": (),
    "result": (),
    "run_figures": (),
    "key_correction": (*_DECISION,),
    "publication": (*_DECISION,),
}
"""Table -> the columns that may change after insert; rows are never deleted."""


def _run_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["exam_session_id", "run_no"], ["marking_run.exam_session_id", "marking_run.no"])


class MarkingRun(SQLModel, table=True):
    """One marking of everyone. It counts once `completed_at` is set; the newest completed run holds the results.

    At most one run of an exam session is under way: the partial unique index is the claim.
    """

    __tablename__ = "marking_run"
    __table_args__ = (
        Index(
            "uq_marking_run_under_way",
            "exam_session_id",
            unique=True,
            sqlite_where=text("completed_at IS NULL AND abandoned_at IS NULL"),
            postgresql_where=text("completed_at IS NULL AND abandoned_at IS NULL"),
        ),
    )

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    no: int = Field(primary_key=True)
    institution_id: int
    replaces: int | None = None
    """The run these results take the place of."""
    correction_no: int = 0
    """Key corrections up to this number are in the keys of this run."""
    rules: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """`marking.MarkingRules`, with its version."""
    forms: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    """Per form: form_id, label, digest, key_version, full marks."""
    by_name: str
    by_id: int | None = None
    reason: str
    started_at: datetime = Field(sa_type=UTCDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    abandoned_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class MarkingKey(SQLModel, table=True):
    """The keys of one form as this run used them, sealed under 'answer_key'."""

    __tablename__ = "marking_key"
    __table_args__ = (_run_key(),)

    exam_session_id: int = Field(primary_key=True)
    run_no: int = Field(primary_key=True)
    form_id: int = Field(primary_key=True)
    sealed: bytes = Field(sa_type=LargeBinary)


class ItemMark(SQLModel, table=True):
    """得分: one item of one sitting in one run. `response`: as `marking.normal` gives it, ids or texts; [] is blank."""

    __tablename__ = "item_mark"
    __table_args__ = (_run_key(),)

    exam_session_id: int = Field(primary_key=True)
    run_no: int = Field(primary_key=True)
    entry_no: int = Field(primary_key=True)
    slot: int = Field(primary_key=True)
    response: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    marks: int


class Result(SQLModel, table=True):
    """成绩 of one entry in one run. `state`: marked, absent, voided; `total` only where marked."""

    __tablename__ = "result"
    __table_args__ = (_run_key(),)

    exam_session_id: int = Field(primary_key=True)
    run_no: int = Field(primary_key=True)
    entry_no: int = Field(primary_key=True)
    form_id: int | None = None
    state: str
    total: int | None = None
    passed: bool = False
    digest: str


class RunFigures(SQLModel, table=True):
    """Item statistics of a run, computed once in the child process. `body`: see `work.figures_of`."""

    __tablename__ = "run_figures"
    __table_args__ = (_run_key(),)

    exam_session_id: int = Field(primary_key=True)
    run_no: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    computed_at: datetime = Field(sa_type=UTCDateTime)


class KeyCorrection(SQLModel, table=True):
    """A wrong key to be mended, or an item to be cancelled: proposed by one person, decided by another.

    `sealed_key`: the proposed key under 'answer_key' (empty for a cancellation). `decision`: approved, declined,
    withdrawn.
    """

    __tablename__ = "key_correction"
    __table_args__ = (
        Index(
            "uq_key_correction_open",
            "exam_session_id",
            "form_id",
            "slot",
            unique=True,
            sqlite_where=text("decision IS NULL"),
            postgresql_where=text("decision IS NULL"),
        ),
    )

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    no: int = Field(primary_key=True)
    institution_id: int
    form_id: int
    slot: int
    kind: str
    """new_key or cancel."""
    sealed_key: bytes = Field(sa_type=LargeBinary)
    reason: str
    run_no: int
    """The run whose results the proposer saw."""
    proposed_at: datetime = Field(sa_type=UTCDateTime)
    proposed_by: int
    proposed_name: str
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = None
    decided_name: str | None = None
    decision: str | None = None
    decision_note: str | None = None


class Publication(SQLModel, table=True):
    """Results put before the public: proposed by one person, approved by another. At most one is open or approved."""

    __tablename__ = "publication"
    __table_args__ = (
        Index(
            "uq_publication_live",
            "exam_session_id",
            unique=True,
            sqlite_where=text("decision IS NULL OR decision = 'approved'"),
            postgresql_where=text("decision IS NULL OR decision = 'approved'"),
        ),
    )

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    no: int = Field(primary_key=True)
    institution_id: int
    run_no: int
    objections_until: date
    contact: str
    """Where objections go: a telephone number or an office."""
    proposed_at: datetime = Field(sa_type=UTCDateTime)
    proposed_by: int
    proposed_name: str
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = None
    decided_name: str | None = None
    decision: str | None = None
    decision_note: str | None = None
