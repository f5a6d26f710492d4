"""Experts' reviews of composed forms (专家评审) and what they changed. See `tables`.

A form is read in rounds. A round is open until enough experts approve, or one of them rejects with reasons; a rejected form goes
to the experts again after it was mended. Nothing is edited but the set-once columns of `SET_ONCE`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from itembank.columns import UTCDateTime


class Opinion(StrEnum):
    """What an expert says of a form."""

    APPROVE = "approve"
    REJECT = "reject"


class RoundOutcome(StrEnum):
    """How a round ended: enough approved, one rejected, or the set was withdrawn meanwhile."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


APPEND_ONLY: Final[frozenset[str]] = frozenset({"expert_vote", "expert_remark", "slot_swap"})
SET_ONCE: Final[dict[str, frozenset[str]]] = {
    "paper_expert": frozenset({"removed_at", "removed_by"}),
    "expert_round": frozenset({"ended_at", "outcome"}),
}
"""As in `tables`."""


class PaperExpert(SQLModel, table=True):
    """A person named to review the forms of a set, until removed."""

    __tablename__ = "paper_expert"
    __table_args__ = (
        Index(
            "uq_paper_expert_named",
            "paper_set_id",
            "person_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: int = Field(default=None, primary_key=True)
    paper_set_id: int = Field(foreign_key="paper_set.id")
    person_id: int = Field(index=True)
    named_at: datetime = Field(sa_type=UTCDateTime)
    named_by: int
    removed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    removed_by: int | None = None


class ExpertRound(SQLModel, table=True):
    """One reading of a form by its experts. `digest` names what they read: ids of the versions and marks, in order."""

    __tablename__ = "expert_round"
    __table_args__ = (
        UniqueConstraint("form_id", "no"),
        Index(
            "uq_expert_round_open",
            "form_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: int = Field(default=None, primary_key=True)
    form_id: int = Field(foreign_key="form.id")
    no: int
    needed: int
    """Approvals that end it."""
    digest: str
    asked_at: datetime = Field(sa_type=UTCDateTime)
    asked_by: int
    note: str = ""
    """What the manager tells the experts: what was mended, or why not."""
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    outcome: str | None = None


class ExpertVote(SQLModel, table=True):
    """One expert's opinion in one round."""

    __tablename__ = "expert_vote"
    __table_args__ = (UniqueConstraint("round_id", "person_id"),)

    id: int = Field(default=None, primary_key=True)
    round_id: int = Field(foreign_key="expert_round.id")
    person_id: int
    opinion: str
    note: str = ""
    at: datetime = Field(sa_type=UTCDateTime)


class ExpertRemark(SQLModel, table=True):
    """What an expert wrote beside one question."""

    __tablename__ = "expert_remark"

    id: int = Field(default=None, primary_key=True)
    round_id: int = Field(foreign_key="expert_round.id", index=True)
    person_id: int
    slot: int
    item_version_id: int = Field(foreign_key="item_version.id")
    text: str
    at: datetime = Field(sa_type=UTCDateTime)


class SlotSwap(SQLModel, table=True):
    """A question of a rejected form was replaced by another admissible one, drawn by the seed."""

    __tablename__ = "slot_swap"
    __table_args__ = (Index("slot_swap_by_form", "form_id", "slot"),)

    id: int = Field(default=None, primary_key=True)
    form_id: int = Field(foreign_key="form.id")
    slot: int
    out_item_id: int = Field(foreign_key="item.id")
    out_version_id: int = Field(foreign_key="item_version.id")
    in_item_id: int = Field(foreign_key="item.id")
    in_version_id: int = Field(foreign_key="item_version.id")
    seed: int
    among: int
    """How many equally near questions the draw was among."""
    reason: str
    at: datetime = Field(sa_type=UTCDateTime)
    by: int
    asked_by: int
    """The expert whose rejection this answers."""
