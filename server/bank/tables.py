"""What the pages keep beside the library's tables: uploads being read, drafts being typed, tasks, figures, withdrawals."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "withdrawal": ("decided_at", "decided_by", "agreed", "decision_note"),
    "paper_export": ("decided_at", "decided_by", "agreed"),
    "writing_task_item": (),
}
"""Table -> columns that may change, once."""


class Upload(SQLModel, table=True):
    """A spreadsheet on its way into the bank. `data` and `figures` (a ZIP) are emptied when it is `closed`: stored or given up.

    `purpose`: syllabus, items. `options`: how to read it (mapping, defaults). `job_id` is the latest reading of it.
    """

    __tablename__ = "bank_upload"

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int = Field(index=True)
    bank_id: int | None = Field(default=None, foreign_key="bank.id", index=True)
    purpose: str
    name: str
    data: bytes | None = Field(default=None, sa_type=LargeBinary)
    figures: bytes | None = Field(default=None, sa_type=LargeBinary)
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    job_id: int | None = Field(default=None, foreign_key="job.id")
    batch_id: int | None = Field(default=None, foreign_key="import_batch.id")
    closed: bool = False
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int


class WorkingDraft(SQLModel, table=True):
    """What a writer has typed and not yet saved as a version; sealed, because the answer is in it. `item_id` None: a new item.

    Every editor page keeps its own: `tab` is its name. `base_version` is the version it was opened with, 0 for a new item;
    `task_id` the task it is written for.
    """

    __tablename__ = "bank_working_draft"
    __table_args__ = (Index("ix_working_draft_author", "author_id", "bank_id"),)

    id: int | None = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id")
    item_id: int | None = Field(default=None, foreign_key="item.id")
    author_id: int
    tab: str = Field(default="", sa_column_kwargs={"server_default": ""})
    base_version: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    task_id: int | None = None
    ciphertext: bytes = Field(sa_type=LargeBinary)
    saved_at: datetime = Field(sa_type=UTCDateTime)


class WritingTask(SQLModel, table=True):
    """What one writer is asked for: `wanted` new items of a cell (`topic` a path code at any level; "" and 0 mean any), or a
    revision of one item, which had `base_version` then.

    Due date and number may be changed while it is open; the audit trail says by whom. `due_on` is the day's beginning in Beijing.
    """

    __tablename__ = "writing_task"
    __table_args__ = (
        Index("ix_writing_task_open", "bank_id", "to_id", "closed_at"),
        CheckConstraint("wanted > 0", name="writing_task_wanted"),
    )

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id")
    to_id: int = Field(foreign_key="person.id")
    topic: str = ""
    kind: str = ""
    difficulty: int = 0
    item_id: int | None = Field(default=None, foreign_key="item.id", index=True)
    base_version: int = 0
    wanted: int
    due_on: datetime = Field(sa_type=UTCDateTime)
    note: str = ""
    made_at: datetime = Field(sa_type=UTCDateTime)
    made_by: int
    closed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    closed_by: int | None = None
    close_reason: str = ""


class TaskItem(SQLModel, table=True):
    """An item made under a task."""

    __tablename__ = "writing_task_item"

    item_id: int = Field(foreign_key="item.id", primary_key=True)
    task_id: int = Field(foreign_key="writing_task.id", index=True)
    at: datetime = Field(sa_type=UTCDateTime)


class FigureUpload(SQLModel, table=True):
    """A figure somebody of this institution uploaded: may be looked at before an item shows it."""

    __tablename__ = "bank_figure"
    __table_args__ = (UniqueConstraint("institution_id", "digest"),)

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int
    digest: str = Field(foreign_key="media.digest")
    uploaded_at: datetime = Field(sa_type=UTCDateTime)
    uploaded_by: int


class Withdrawal(SQLModel, table=True):
    """One person asks to withdraw a paper set, another agrees or refuses."""

    id: int | None = Field(default=None, primary_key=True)
    paper_set_id: int = Field(foreign_key="paper_set.id", index=True)
    reason: str
    leaked: bool = False
    asked_at: datetime = Field(sa_type=UTCDateTime)
    asked_by: int
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = None
    agreed: bool | None = None
    decision_note: str | None = None


class PaperExport(SQLModel, table=True):
    """One person asks to print the sealed forms of a set for the authority, another agrees or refuses."""

    __tablename__ = "paper_export"

    id: int | None = Field(default=None, primary_key=True)
    paper_set_id: int = Field(foreign_key="paper_set.id", index=True)
    recipient: str
    reason: str
    with_keys: bool
    asked_at: datetime = Field(sa_type=UTCDateTime)
    asked_by: int
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = None
    agreed: bool | None = None
