"""What people say to each other about a version: remarks on it, answers to them. See `tables`."""

from datetime import datetime
from typing import Final

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from itembank.columns import UTCDateTime

APPEND_ONLY: Final[frozenset[str]] = frozenset({"item_comment"})
"""As in `tables`."""


class ItemComment(SQLModel, table=True):
    """One remark on one version, sealed: it may say what the answer is.

    `field` is what it stands beside: ``stem``, ``options.2``, ``key``, ``source`` …, "" the whole item, ``change`` the writer's
    own word on what changed and why. `reply_to` is the remark it answers.
    """

    __tablename__ = "item_comment"

    id: int = Field(default=None, primary_key=True)
    item_version_id: int = Field(foreign_key="item_version.id", index=True)
    field: str = ""
    reply_to: int | None = Field(default=None, foreign_key="item_comment.id")
    ciphertext: bytes = Field(sa_type=LargeBinary)
    by: int
    at: datetime = Field(sa_type=UTCDateTime)
