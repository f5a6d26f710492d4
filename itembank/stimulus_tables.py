"""The shape of case sets in SQL: a text that several items share, and its wordings. A part of `tables`."""

from datetime import datetime
from typing import Final

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from itembank.columns import UTCDateTime

APPEND_ONLY: Final[frozenset[str]] = frozenset({"stimulus_version"})
"""Tables that refuse UPDATE and DELETE."""


class Stimulus(SQLModel, table=True):
    """材料: a text that several items of a bank share (a case set). `current_version` is the newest text.

    An item version carries its own copy in its body, so that reviewers, sealed papers and keys mean one wording; a new text is
    new versions of the items of the set. `title` is for lists only.
    """

    __tablename__ = "stimulus"

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    title: str
    current_version: int = 1
    import_batch_id: int | None = Field(default=None, foreign_key="import_batch.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int


class StimulusVersion(SQLModel, table=True):
    """One wording of a shared text, immutable."""

    __tablename__ = "stimulus_version"
    __table_args__ = (UniqueConstraint("stimulus_id", "version"),)

    id: int = Field(default=None, primary_key=True)
    stimulus_id: int = Field(foreign_key="stimulus.id")
    version: int = 1
    html: str
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int
