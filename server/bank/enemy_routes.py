"""Items kept apart: groups of which a form has one at most, with the reason, until somebody ends the group."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlmodel import Session, col

from itembank import enemies
from itembank.family_tables import EnemyGroup
from itembank.tables import Bank, Item, ItemVersion, Topic
from server.audit import trail
from server.bank.scope import BlueprintWriter, ItemReader, library, names, own_bank
from server.db import Db, ReadDb
from server.errors import FieldError, Invalid
from server.pages import _, page, redirect

router = APIRouter()
_NUMBERS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Member:
    """An item of a group, for people."""

    number: int
    topic: str
    text: str


@dataclass(frozen=True)
class Group:
    """A group with its items and who made it."""

    row: EnemyGroup
    members: list[Member]
    by: str


@router.get("/{bank_id:int}/enemies")
def list_groups(request: Request, db: ReadDb, who: ItemReader, bank_id: int) -> Response:
    """The groups in force."""
    bank = own_bank(db, who, bank_id)
    return page(request, "bank/enemies.html", bank=bank, groups=_groups(db, bank), most=enemies.MOST)


def _groups(db: Session, bank: Bank) -> list[Group]:
    rows = enemies.in_force(db, bank.id)
    wanted = sorted({number for row in rows for number in row.items})
    texts = (
        select(col(Item.id), col(Topic.code), col(ItemVersion.plain))
        .join(ItemVersion, (col(ItemVersion.item_id) == col(Item.id)) & (col(ItemVersion.version) == col(Item.current_version)))
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .where(col(Item.id).in_(wanted))
    )
    members = {number: Member(number, topic, text) for number, topic, text in db.execute(texts)}
    people = names(db, (row.by for row in rows))
    return [Group(row, [members[n] for n in row.items if n in members], people[row.by]) for row in rows]


@router.post("/{bank_id:int}/enemies")
def keep_apart(
    request: Request,
    db: Db,
    who: BlueprintWriter,
    bank_id: int,
    items: Annotated[str, Form(max_length=400)] = "",
    reason: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """A new group."""
    bank = own_bank(db, who, bank_id)
    numbers = [int(number) for number in _NUMBERS.findall(items)]
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    now = request.app.state.clock.now()
    with library():
        row = enemies.keep_apart(db, bank.id, numbers, reason=reason.strip(), by=who.person_id, now=now)
    trail.append(db, who.actor, "enemies.kept_apart", f"enemy_group:{row.id}", now=now, detail={"items": row.items})
    return redirect(request, f"/bank/{bank_id}/enemies", _("No form will have two of these items."))


@router.post("/{bank_id:int}/enemies/{group_id:int}/end")
def end(
    request: Request,
    db: Db,
    who: BlueprintWriter,
    bank_id: int,
    group_id: int,
    reason: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Let them stand together again."""
    bank = own_bank(db, who, bank_id)
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    now = request.app.state.clock.now()
    with library():
        row = enemies.let_together(db, bank.id, group_id, reason=reason.strip(), by=who.person_id, now=now)
    trail.append(db, who.actor, "enemies.ended", f"enemy_group:{row.id}", now=now, detail={"items": row.items})
    return redirect(request, f"/bank/{bank_id}/enemies", _("They may stand on one form again."))
