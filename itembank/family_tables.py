"""Near-duplicates waiting for people, what was decided, merged families, what is in quarantine, enemies. See `tables`.

A case is opened by the child process that compares; people give opinions; enough equal ones decide it. Nothing is edited but
the set-once columns of `SET_ONCE`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from itembank.columns import UTCDateTime


class Verdict(StrEnum):
    """What a person says of two like items."""

    SAME_FAMILY = "same_family"
    DIFFERENT = "different"
    VARIANT = "variant"


APPEND_ONLY: Final[frozenset[str]] = frozenset({"twin_opinion", "form_hold", "twin_check"})
SET_ONCE: Final[dict[str, frozenset[str]]] = {
    "twin_case": frozenset({"decided_at", "verdict"}),
    "family_merge": frozenset({"undone_at", "undone_by", "undo_reason"}),
    "quarantine": frozenset({"lift_asked_at", "lift_asked_by", "lift_reason", "lifted_at", "lifted_by"}),
    "enemy_group": frozenset({"ended_at", "ended_by", "end_reason"}),
}
"""As in `tables`."""


class TwinCase(SQLModel, table=True):
    """A version of `item_id`, the newer one, is like one of `other_id`. While open the newer item is not drawn into papers.

    `score` is the cosine 0 to 1, `way` one of `similarity.bands.Way`; `variant`: only numbers, units or a negation differ.
    """

    __tablename__ = "twin_case"
    __table_args__ = (
        UniqueConstraint("version_id", "other_version_id"),
        Index("twin_case_open", "item_id", "decided_at"),
        Index("twin_case_by_bank", "bank_id", "decided_at"),
    )

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id")
    item_id: int = Field(foreign_key="item.id")
    version_id: int = Field(foreign_key="item_version.id")
    other_id: int = Field(foreign_key="item.id", index=True)
    other_version_id: int = Field(foreign_key="item_version.id")
    score: float
    way: str
    variant: bool
    needed: int
    """How many people have to agree: 1, or 2 from `bands.SECOND` on."""
    found_at: datetime = Field(sa_type=UTCDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    verdict: str | None = None


class TwinCheck(SQLModel, table=True):
    """This version was compared with the others of its scope. A version without a row is found by a sweeper."""

    __tablename__ = "twin_check"

    version_id: int = Field(foreign_key="item_version.id", primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime)


class TwinOpinion(SQLModel, table=True):
    """What one person said of a case, and why."""

    __tablename__ = "twin_opinion"
    __table_args__ = (UniqueConstraint("case_id", "by"),)

    id: int = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="twin_case.id")
    by: int
    verdict: str
    reason: str
    at: datetime = Field(sa_type=UTCDateTime)


class FamilyMerge(SQLModel, table=True):
    """`items` went from one family into another. Claims keep the family they were made under.

    `finding`: "" when all is well; "reuse" when more was used than the policy allows; "sealed" when an unopened form is held.
    """

    __tablename__ = "family_merge"

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    into_id: int = Field(foreign_key="family.id")
    from_id: int = Field(foreign_key="family.id")
    items: list[int] = Field(default_factory=list, sa_type=JSON)
    case_id: int | None = Field(default=None, foreign_key="twin_case.id")
    finding: str = ""
    reason: str
    at: datetime = Field(sa_type=UTCDateTime)
    by: int
    undone_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    undone_by: int | None = None
    undo_reason: str | None = None


class Quarantine(SQLModel, table=True):
    """Items (with the state they had) that may have leaked, or forms that a merge made doubtful. Lifted by two people."""

    __tablename__ = "quarantine"

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    cause: str
    """leak | merge"""
    reason: str
    items: list[list[int | str]] = Field(default_factory=list, sa_type=JSON)
    """[item id, its state before], in ascending order."""
    at: datetime = Field(sa_type=UTCDateTime)
    by: int
    lift_asked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    lift_asked_by: int | None = None
    lift_reason: str | None = None
    lifted_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    lifted_by: int | None = None


class FormHold(SQLModel, table=True):
    """A form that must not be opened while its quarantine is not lifted."""

    __tablename__ = "form_hold"

    quarantine_id: int = Field(foreign_key="quarantine.id", primary_key=True)
    form_id: int = Field(foreign_key="form.id", primary_key=True, index=True)


class EnemyGroup(SQLModel, table=True):
    """Items of which one form has one at most, while `ended_at` is NULL."""

    __tablename__ = "enemy_group"

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    items: list[int] = Field(sa_type=JSON)
    """Item ids, ascending."""
    reason: str
    at: datetime = Field(sa_type=UTCDateTime)
    by: int
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_by: int | None = None
    end_reason: str | None = None
