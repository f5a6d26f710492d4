"""Reviewing: the queue of what others wrote, and the vote."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import and_, case, func, select
from sqlmodel import Session, col

from itembank import lifecycle
from itembank.lifecycle import VOTES_NEEDED
from itembank.pool import visible
from itembank.tables import Bank, BatchState, Item, ItemState, ItemVersion, Review, Topic, Vote
from server.audit import trail
from server.auth.staff import Staff
from server.auth.tables import Person
from server.bank import batches, experts_view
from server.bank.scope import Reviewer, library, own_bank, own_item
from server.bank.words import KINDS
from server.db import Db, ReadDb
from server.errors import FieldError, Invalid
from server.pages import _, page, redirect

router = APIRouter()


@dataclass(frozen=True)
class Waiting:
    """One item in the queue. `mine`: written by the reader; `voted`: the reader's vote is cast."""

    item_id: int
    kind: str
    plain: str
    topic: str
    author: str
    since: datetime
    votes: int
    mine: bool
    voted: bool


def queue(db: Session, bank: Bank, who: Staff) -> list[Waiting]:
    """Everything in review, oldest first. One statement."""
    votes = (
        select(
            col(Review.item_version_id).label("version_id"),
            func.count().label("votes"),
            func.max(case((col(Review.reviewer_id) == who.person_id, 1), else_=0)).label("mine"),
        )
        .group_by(col(Review.item_version_id))
        .subquery()
    )
    statement = (
        select(
            col(Item.id),
            col(ItemVersion.kind),
            col(ItemVersion.plain),
            col(Topic.name),
            func.coalesce(Person.name, ""),
            col(ItemVersion.created_at),
            func.coalesce(votes.c.votes, 0),
            col(ItemVersion.created_by) == who.person_id,
            func.coalesce(votes.c.mine, 0) == 1,
        )
        .join(ItemVersion, and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version)))
        .join(Topic, col(Topic.id) == col(Item.topic_id))
        .outerjoin(Person, col(Person.id) == col(ItemVersion.created_by))
        .outerjoin(votes, votes.c.version_id == col(ItemVersion.id))
        .where(col(Item.bank_id) == bank.id, col(Item.state) == ItemState.SUBMITTED, visible())
        .order_by(col(ItemVersion.created_at), col(Item.id))
    )
    return [Waiting(*row) for row in db.execute(statement)]


@router.get("/{bank_id:int}/reviews")
def reviews(request: Request, db: ReadDb, who: Reviewer, bank_id: int) -> Response:
    """What waits for this reviewer; own items and those already voted on are shown apart."""
    bank = own_bank(db, who, bank_id)
    waiting = queue(db, bank, who)
    return page(
        request,
        "bank/reviews.html",
        bank=bank,
        todo=[row for row in waiting if not (row.mine or row.voted)],
        others=[row for row in waiting if row.mine or row.voted],
        imports=[line for line in batches.listed(db, bank) if line.batch.state == BatchState.STAGED],
        forms=experts_view.waiting_for(db, bank, who),
        needed=VOTES_NEEDED,
        kinds=KINDS,
    )


@router.post("/{bank_id:int}/items/{item_id:int}/vote")
def vote(
    request: Request,
    db: Db,
    who: Reviewer,
    bank_id: int,
    item_id: int,
    choice: Annotated[str, Form()] = "",
    note: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Approve, or send back with a reason; then on to the next in the queue."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, bank, item_id)
    if choice not in set(Vote):
        raise Invalid(fields=[FieldError("choice", _("Approve, or send back."))])
    if choice == Vote.RETURN and not note.strip():
        raise Invalid(fields=[FieldError("note", _("Say what has to change: the writer reads it."))])
    now = request.app.state.clock.now()
    with library():
        state = lifecycle.vote(db, item.id, Vote(choice), by=who.person_id, now=now, note=note.strip())
    detail = {"vote": choice, "version": item.current_version, "state": state}
    trail.append(db, who.actor, "item.reviewed", f"item:{item.id}", now=now, detail=detail)
    said = _("Your vote is recorded.") if state == ItemState.SUBMITTED else _("Your vote is recorded and the item is decided.")
    following = next((row for row in queue(db, bank, who) if not (row.mine or row.voted)), None)
    url = f"/bank/{bank_id}/items/{following.item_id}" if following else f"/bank/{bank_id}/reviews"
    return redirect(request, url, said)
