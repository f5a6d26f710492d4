"""Exports of items: who asked for which, who agreed, and the file while it may be taken."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {"item_export": ("decided_at", "decided_by", "agreed", "decision_note")}
"""Table -> columns that may change, once."""


class ItemExport(SQLModel, table=True):
    """One person asks for a file of items with a reason, another agrees or refuses.

    `versions` are the item versions asked for (`item_count` of them), fixed then: nobody agrees to more than was shown.
    `narrowed` is the filter they came by. A request its own asker decided about was taken back.
    """

    __tablename__ = "item_export"

    id: int | None = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    format: str
    with_keys: bool
    narrowed: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    item_count: int
    versions: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    reason: str
    asked_at: datetime = Field(sa_type=UTCDateTime)
    asked_by: int
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = None
    agreed: bool | None = None
    decision_note: str | None = None


class ItemExportFile(SQLModel, table=True):
    """The file of an export that was agreed to; sealed, and forgotten (`ciphertext` None) when its time is over.

    `job_id` is the latest making of it. `result`: items, left_out, lost, as `export_jobs.make` tells them.
    """

    __tablename__ = "item_export_file"

    export_id: int = Field(foreign_key="item_export.id", primary_key=True, sa_column_kwargs={"autoincrement": False})
    job_id: int | None = Field(default=None, foreign_key="job.id")
    name: str = ""
    media_type: str = ""
    sha256: str = ""
    size: int = 0
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    ciphertext: bytes | None = Field(default=None, sa_type=LargeBinary)
    made_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
