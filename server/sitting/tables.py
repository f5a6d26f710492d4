"""The shape of the exam core in SQL: one small row per sitting, one row per event.

Every primary and unique key starts with `exam_session_id`: PostgreSQL can be partitioned, Citus distributed by it. For the
same reason, and because each would cost a look-up per saved answer, these tables carry no foreign keys; only the writer
writes them, and it writes a journal row and its sitting in one transaction.

`sitting` is the fold of its journal (`server.sitting.state.Sitting`); answers and orders live in the journal alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "journal_event": (),
    "quarantined_operation": ("admitted_n",),
    "outage": (),
    "outage_effect": (
        "affected",
        "applied_at",
        "decided_at",
        "decided_by",
        "decided_name",
        "decision",
        "most_ms",
        "reason",
        "second_by",
        "second_name",
    ),
    "clock_decision": (),
    "paper_package": (),
}
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
    held: int = 0
    judged_n: int = 0
    outages: str | None = None


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


class Outage(SQLModel, table=True):
    """Nobody served from `since` (the last sign of life of any process) to `until`. The same outage is one row (I3)."""

    __tablename__ = "outage"
    __table_args__ = (UniqueConstraint("since"),)

    id: int | None = Field(default=None, primary_key=True)
    since: datetime = Field(sa_type=UTCDateTime)
    until: datetime = Field(sa_type=UTCDateTime)
    run: str
    """The run of the process that noted it."""


class OutageEffect(SQLModel, table=True):
    """What an outage meant for one exam session: until `applied_at` nobody of it is closed or refused as late.

    `decision`: confirmed or withdrawn, by a person; `affected` sittings were credited, at most `most_ms` each.
    """

    __tablename__ = "outage_effect"

    outage_id: int = Field(foreign_key="outage.id", primary_key=True)
    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    limit_ms: int
    applied_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    affected: int | None = None
    most_ms: int | None = None
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = Field(default=None, foreign_key="person.id")
    decided_name: str | None = None
    second_by: int | None = Field(default=None, foreign_key="person.id")
    second_name: str | None = None
    decision: str | None = None
    reason: str | None = None


class ClockDecision(SQLModel, table=True):
    """A person said which clock is right when they disagreed.

    `wall_ms`, `database_ms`: how far those were ahead of the server's clock then; as long as they stay so, nothing is suspect.
    `chosen`: server (go on by it) or wall (go on by the server's for those at work; set it when nobody is).
    """

    __tablename__ = "clock_decision"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime)
    wall_ms: int = Field(sa_type=BigInteger)
    database_ms: int = Field(sa_type=BigInteger)
    chosen: str
    reason: str
    decided_by: int = Field(foreign_key="person.id")
    decided_name: str
