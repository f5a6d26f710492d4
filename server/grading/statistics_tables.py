"""What the statistics of an exam session found, one set of rows a marking run; rows are only added.

Rows belong to a run, and a run to its key versions: after a key correction there is a new run with statistics of its own, the
old ones stay. Nothing here names the key of an item; pages that show it read the sealed keys of the run.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "session_statistics": (),
    "form_statistics": (),
    "item_statistic": (),
    "item_look": (),
}
"""Table -> the columns that may change after insert; rows are never deleted."""


def _run_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["exam_session_id", "run_no"], ["marking_run.exam_session_id", "marking_run.no"])


class SessionStatistics(SQLModel, table=True):
    """The forms beside each other, and what a person should look at. Written last: where it is, the statistics are complete.

    `comparison`: see `statistics_work.comparison`. `hints`: see `statistics_hints.hints`; people by entry number, for those
    whom the permission table lets see hints.
    """

    __tablename__ = "session_statistics"
    __table_args__ = (_run_key(),)

    exam_session_id: int = Field(primary_key=True)
    run_no: int = Field(primary_key=True)
    institution_id: int
    comparison: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    hints: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    computed_at: datetime = Field(sa_type=UTCDateTime)


class FormStatistics(SQLModel, table=True):
    """One form as a whole at one key version. `body`: see `statistics_report.form_body`."""

    __tablename__ = "form_statistics"
    __table_args__ = (_run_key(),)

    exam_session_id: int = Field(primary_key=True)
    run_no: int = Field(primary_key=True)
    form_id: int = Field(primary_key=True)
    institution_id: int
    key_version: int
    n: int
    """How many sat it and were marked."""
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    computed_at: datetime = Field(sa_type=UTCDateTime)


class ItemStatistic(SQLModel, table=True):
    """One item on one form. `body`: see `statistics_report.item_body`. `right`: how many of `n` had full marks."""

    __tablename__ = "item_statistic"
    __table_args__ = (
        _run_key(),
        Index("item_statistic_of_item", "item_id", "exam_session_id", "run_no"),
        Index("item_statistic_revise", "bank_id", "revise"),
        Index("item_statistic_of_version", "item_version_id"),
    )

    exam_session_id: int = Field(primary_key=True)
    run_no: int = Field(primary_key=True)
    form_id: int = Field(primary_key=True)
    slot: int = Field(primary_key=True)
    institution_id: int
    bank_id: int
    item_id: int
    item_version_id: int
    version: int
    n: int
    right: int
    revise: bool
    """Whether a flag asks for somebody to look at the item."""
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class ItemLook(SQLModel, table=True):
    """Somebody looked at an item's flags of one exam and leaves the item as it is, for a reason."""

    __tablename__ = "item_look"
    __table_args__ = (Index("item_look_of_item", "item_id"),)

    id: int | None = Field(default=None, primary_key=True)
    item_id: int
    exam_session_id: int
    run_no: int
    reason: str
    at: datetime = Field(sa_type=UTCDateTime)
    by_id: int
    by_name: str
