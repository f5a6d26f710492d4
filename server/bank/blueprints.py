"""Blueprints of a bank: stored rows never change; an edit stores a new one and retires the old, a used one stays as it is."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from itembank import intake
from itembank.blueprint import BlueprintBody
from itembank.tables import Bank, Blueprint, PaperSet
from server.audit import trail
from server.auth.staff import Staff
from server.bank.scope import library, names
from server.errors import Conflict
from server.pages import _
from server.registry import freeze


@dataclass(frozen=True)
class BlueprintLine:
    """One blueprint in the list. `used`: how many paper sets were made from it."""

    row: Blueprint
    body: BlueprintBody
    used: int
    by: str


def listed(db: Session, bank: Bank) -> list[BlueprintLine]:
    """Blueprints in force, newest first."""
    used = select(func.count()).where(col(PaperSet.blueprint_id) == col(Blueprint.id)).correlate(Blueprint).scalar_subquery()
    statement = (
        select(Blueprint, used)
        .where(col(Blueprint.bank_id) == bank.id, col(Blueprint.retired_at).is_(None))
        .order_by(col(Blueprint.id).desc())
    )
    found = [(row, count) for row, count in db.execute(statement)]
    people = names(db, (row.created_by for row, _count in found))
    return [BlueprintLine(row, body_of(row), count, people[row.created_by]) for row, count in found]


def body_of(row: Blueprint) -> BlueprintBody:
    """The typed body of a stored blueprint."""
    return BlueprintBody.model_validate(row.body)


def times_used(db: Session, row: Blueprint) -> int:
    """How many paper sets were made from it."""
    return int(db.execute(select(func.count()).where(col(PaperSet.blueprint_id) == row.id)).scalar_one())


def save(db: Session, who: Staff, bank: Bank, body: BlueprintBody, old: Blueprint | None, *, now: datetime) -> Blueprint:
    """Store it; `old` is the one that was edited. Raises `Conflict` when papers were made from that one."""
    if old is not None:
        if old.retired_at is not None:
            raise Conflict(_("Somebody else has changed this blueprint: open the new one."))
        if times_used(db, old):
            raise Conflict(_("Papers were made from this blueprint: it stays as it is. Make a copy and change that."))
        if body_of(old) == body and old.name == body.title:
            return old
    with library():
        row = intake.store_blueprint(db, bank.id, body, name=body.title, by=who.person_id, now=now)
    if old is not None:
        retire(db, old, now=now)
    detail = {"replaces": old.id if old else None, "digest": row.digest}
    trail.append(db, who.actor, "blueprint.stored", f"blueprint:{row.id}", now=now, detail=detail)
    return row


def retire(db: Session, row: Blueprint, *, now: datetime) -> None:
    """Put a blueprint out of force; papers made from it stay. Raises `Conflict` while an exam goes on under it."""
    freeze.require(freeze.of_blueprint(db, row.id))
    db.execute(update(Blueprint).where(col(Blueprint.id) == row.id, col(Blueprint.retired_at).is_(None)).values(retired_at=now))
