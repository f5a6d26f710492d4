"""The history of an item: its versions with who, when and why, and what else happened to it, from the audit trail."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from itembank import discussion
from itembank.sealing import Keyring
from itembank.tables import Item, ItemVersion, Review
from server.audit import trail
from server.audit.tables import AuditRow
from server.bank.scope import names
from server.bank.words import STATES
from server.pages import _, translate

ACTS: dict[str, str] = {
    "item.created": _("Written"),
    "item.revised": _("Revised"),
    "item.submitted": _("Handed in for review"),
    "item.recalled": _("Taken back from review"),
    "item.reviewed": _("Vote cast"),
    "item.remarked": _("Remarked on"),
    "item.retired": _("Taken out of use"),
}
"""Verb of the trail -> its word."""


@dataclass(frozen=True)
class VersionLine:
    """One version. `votes`: (reviewer, vote). `why`: the writer's word on what changed."""

    number: int
    by: str
    at: datetime
    why: str
    difficulty: int
    votes: list[tuple[str, str]]
    remarks: int


@dataclass(frozen=True)
class ActLine:
    """One thing that happened."""

    at: datetime
    what: str
    by: str
    note: str


def versions(db: Session, keyring: Keyring, item: Item) -> list[VersionLine]:
    """Newest first."""
    statement = select(ItemVersion).where(col(ItemVersion.item_id) == item.id).order_by(col(ItemVersion.version).desc())
    found = list(db.execute(statement).scalars())
    cast = list(db.execute(select(Review).where(col(Review.item_version_id).in_([one.id for one in found]))).scalars())
    said = discussion.of_versions(db, keyring, [one.id for one in found])
    people = names(db, [*(one.created_by for one in found), *(vote.reviewer_id for vote in cast)])
    return [
        VersionLine(
            one.version,
            people[one.created_by],
            one.created_at,
            "\n".join(c.text for c in said if c.version_id == one.id and c.field == discussion.CHANGE),
            one.difficulty,
            [(people[vote.reviewer_id], vote.vote) for vote in cast if vote.item_version_id == one.id],
            sum(c.version_id == one.id and c.field != discussion.CHANGE for c in said),
        )
        for one in found
    ]


def acts(db: Session, item: Item) -> list[ActLine]:
    """What the trail says of the item, oldest first."""
    return [
        ActLine(row.at, translate(ACTS[row.verb]), row.actor_name, _note(row))
        for row in trail.about(db, f"item:{item.id}")
        if row.verb in ACTS
    ]


def _note(row: AuditRow) -> str:
    parts = []
    if "version" in row.detail:
        parts.append(translate(_("version %(n)s"), n=row.detail["version"]))
    if row.detail.get("state") in STATES:
        parts.append(translate(STATES[row.detail["state"]][0]))
    if "reason" in row.detail:
        parts.append(str(row.detail["reason"]))
    return " · ".join(parts)
