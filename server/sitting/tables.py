"""The shape of the exam core in SQL: one small row per sitting, one row per event.

Every primary and unique key starts with `exam_session_id`: PostgreSQL can be partitioned, Citus distributed by it. For the
same reason, and because each would cost a look-up per saved answer, these tables carry no foreign keys; only the writer
writes them, and it writes a journal row and its sitting in one transaction.

`sitting` is the fold of its journal (`server.sitting.state.Sitting`); answers and orders live in the journal alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {"journal_event": (), "quarantined_operation": ("admitted_n",), "paper_package": ()}
"""Table -> the columns that may be set once after insert; triggers refuse every other update and every delete."""


class SittingRow(SQLModel, table=True):
    """One candidate's run of one exam session. `answered`, `flagged`: little-endian bit sets, bit slot-1."""

    __tablename__ = "sitting"
    __table_args__ = (
        Index("ix_sitting_changed", "exam_session_id", "changed_at"),
        # room for HOT updates (a save changes no indexed column); one tree instead of two on SQLite
        {"postgresql_with": {"fillfactor": 70}, "sqlite_with_rowid": False},
    )

    exam_session_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    entry_no: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    institution_id: int
    room_id: int | None = None
    form_id: int | None = None
    state: str
    end_kind: str | None = None
    epoch: int = 0
    ack: int = 0
    n: int = 0
    head: bytes = Field(sa_type=LargeBinary)
    version: int = 0
    total: int = 0
    extra_ms: int = 0
    credit_ms: int = 0
    solo_ms: int = 0
    grace_ms: int = 0
    opened_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    hand_in_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    closes_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    last_at: datetime = Field(sa_type=UTCDateTime)
    changed_at: datetime = Field(sa_type=UTCDateTime)
    identity_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    device: str | None = None
    barred: str | None = None
    page: str | None = None
    admit_late: bool = False
    message_n: int | None = None
    reports: int = 0
    answered: bytes = Field(default=b"", sa_type=LargeBinary)
    flagged: bytes = Field(default=b"", sa_type=LargeBinary)
    receipt: str | None = None


class JournalEvent(SQLModel, table=True):
    """One event. `body` is its canonical form, `head` the chain; the other columns repeat the body for queries.

    WITHOUT ROWID on SQLite: one tree instead of two per save.
    """

    __tablename__ = "journal_event"
    __table_args__ = {"sqlite_with_rowid": False}

    exam_session_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    entry_no: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    epoch: int
    op: int | None = None
    at: datetime = Field(sa_type=UTCDateTime)
    actor: str | None = None
    body: bytes = Field(sa_type=LargeBinary)
    head: bytes = Field(sa_type=LargeBinary)


class QuarantinedOperation(SQLModel, table=True):
    """An operation that came late, fenced, forked or after the end.

    `admitted_n`: the event that counted it after all.
    """

    __tablename__ = "quarantined_operation"

    exam_session_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    entry_no: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    op: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    digest: str = Field(primary_key=True)
    reason: str
    at: datetime = Field(sa_type=UTCDateTime)
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    admitted_n: int | None = None


class PaperPackage(SQLModel, table=True):
    """The public package of a form for one exam session as ciphertext, which every process serves alike; never changed.

    `digest`: SHA-256 (hex) of `ciphertext`. `release`: package key and shape of the paper, sealed until the bell.
    """

    __tablename__ = "paper_package"
    __table_args__ = (UniqueConstraint("exam_session_id", "digest"),)

    exam_session_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    form_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    digest: str
    size: int
    ciphertext: bytes = Field(sa_type=LargeBinary)
    release: bytes = Field(sa_type=LargeBinary)
    made_at: datetime = Field(sa_type=UTCDateTime)


class Liveness(SQLModel, table=True):
    """One run of one serving process: it was alive from `started_at` to `last_at`. A gap between runs is an outage."""

    __tablename__ = "liveness"

    run: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UTCDateTime)
    last_at: datetime = Field(sa_type=UTCDateTime, index=True)
    stopped_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
