"""Reviewing: the queue of what others wrote, one item after another with remarks beside its fields, the vote, the discussion."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from itembank import discussion, lifecycle, lint
from itembank.items import ItemBody
from itembank.lifecycle import current_version, may_vote
from itembank.tables import BatchState, Item, ItemState, ItemVersion, Vote
from server.audit import trail
from server.auth.staff import Staff
from server.bank import batches, case_view, discussion_view, experts_view, item_list, review_queue, twin_view, version_view
from server.bank.field_words import where
from server.bank.item_view import item_view
from server.bank.review_queue import Narrowed, QueueQuery
from server.bank.scope import Fields, ItemReader, Reviewer, Writer, library, own_bank, own_item, say, text
from server.bank.words import HOW, IMPORTANCES, KINDS, STATES, VOTES
from server.db import Db, ReadDb
from server.errors import FieldError, Invalid
from server.pages import _, page, redirect

router = APIRouter()
Asked = Annotated[QueueQuery, Query()]
COMMENT = "comment"
"""Besides the votes: say something and go on reading."""


@router.get("/{bank_id:int}/reviews")
def reviews(request: Request, db: ReadDb, who: Reviewer, bank_id: int, asked: Asked) -> Response:
    """What waits for this reviewer; own items and those already voted on are shown apart."""
    bank = own_bank(db, who, bank_id)
    waiting = review_queue.queue(db, bank, who, asked.narrowed)
    return page(
        request,
        "bank/reviews.html",
        bank=bank,
        todo=[row for row in waiting if row.todo],
        others=[row for row in waiting if not row.todo],
        wanted=asked.narrowed,
        cases=case_view.waiting(db, bank),
        topics=item_list.topic_choices(db, bank),
        imports=[line for line in batches.listed(db, bank) if line.batch.state == BatchState.STAGED],
        forms=experts_view.waiting_for(db, bank, who),
        needed=bank.votes_needed,
        kinds=KINDS,
    )


@router.get("/{bank_id:int}/reviews/{item_id:int}")
def review(request: Request, db: ReadDb, who: Reviewer, bank_id: int, item_id: int, asked: Asked) -> Response:
    """One item to review: as the candidate sees it, its answer, what changed since people last looked, the discussion."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    keyring = request.app.state.keyring
    view = item_view(db, keyring, item)
    known = version_view.reviewed_before(db, item, view.version)
    no_vote = may_vote(item.state, who.person_id, lifecycle.writers_of(db, item), view.voters)
    wanted = asked.narrowed
    return page(
        request,
        "bank/review.html",
        bank=bank,
        item=item,
        view=view,
        known=known,
        differences=version_view.compare(db, keyring, known, view.version) if known else [],
        remarks=lint.lint(ItemBody.model_validate(view.version.body), view.key, view.version.source_clause),
        talks=discussion_view.talks(db, keyring, item),
        twins=twin_view.of_item(db, bank, item.id, who),
        place=review_queue.place_of(review_queue.queue(db, bank, who, wanted), item.id),
        wanted=wanted,
        fields=_fields(view.version),
        no_vote=say(no_vote) if no_vote else "",
        needed=bank.votes_needed,
        kinds=KINDS,
        how=HOW,
        states=STATES,
        votes=VOTES,
        importances=IMPORTANCES,
        say=say,
        where=where,
    )


def _fields(version: ItemVersion) -> list[tuple[str, str]]:
    """(field, its word) of everything a reviewer may remark on."""
    options = [f"options.{option['id']}" for option in version.body.get("options", ()) if version.kind != "true_false"]
    prompts = [f"prompts.{prompt['id']}" for prompt in version.body.get("prompts", ())]
    return [(name, where(name)) for name in ("stem", *prompts, *options, "key", "source")]


@router.post("/{bank_id:int}/items/{item_id:int}/vote")
def vote(request: Request, db: Db, who: Reviewer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """Approve, or ask for changes with remarks, or only remark; then on to the next in the queue."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    choice, said = text(fields, "choice"), _remarks(fields)
    if choice not in {*Vote, COMMENT}:
        raise Invalid(fields=[FieldError("choice", _("Approve, or ask for changes."))])
    if choice != Vote.APPROVE and not said:
        raise Invalid(fields=[FieldError("note", _("Say what has to change: the writer reads it."))])
    now, read = request.app.state.clock.now(), text(fields, "version")
    wanted = QueueQuery(topic=text(fields, "topic"), kind=text(fields, "kind")).narrowed
    following = _next(db, who, item, wanted)
    with library():
        version = current_version(db, lifecycle.get_item(db, item.id))
        _say(request, db, who, version, said)
        if choice == COMMENT:
            trail.append(db, who.actor, "item.remarked", f"item:{item.id}", now=now, detail=_counted(version, said))
            return redirect(
                request, f"/bank/{bank_id}/reviews/{item_id}{wanted.query}", _("Your remarks are kept with this version.")
            )
        read_version = int(read) if read.isdecimal() and len(read) < 7 else None
        state = lifecycle.vote(db, item.id, Vote(choice), by=who.person_id, now=now, version=read_version)
    detail = {"vote": choice, "state": state} | _counted(version, said)
    trail.append(db, who.actor, "item.reviewed", f"item:{item.id}", now=now, detail=detail)
    waiting = _("Your vote is recorded.") if state == ItemState.SUBMITTED else _("Your vote is recorded and the item is decided.")
    return redirect(request, following, waiting)


def _next(db: Session, who: Staff, item: Item, wanted: Narrowed) -> str:
    """Where a reviewer goes on from this item: the next that waits, else the oldest, within what the queue is narrowed to."""
    rows = review_queue.queue(db, own_bank(db, who, item.bank_id), who, wanted)
    after = review_queue.place_of(rows, item.id).after
    oldest = next((row.item_id for row in rows if row.todo and row.item_id != item.id), None)
    following = after if after is not None else oldest
    return f"/bank/{item.bank_id}/reviews{'' if following is None else f'/{following}'}{wanted.query}"


def _remarks(fields: FormData) -> dict[str, str]:
    """Field -> what was said of it; "" is the item as a whole. Boxes are named `note` and `on.FIELD`."""
    found = {"": text(fields, "note")}
    found |= {name[3:]: text(fields, name) for name in fields if name.startswith("on.")}
    return {name: words for name, words in found.items() if words}


def _say(request: Request, db: Session, who: Staff, version: ItemVersion, said: Mapping[str, str]) -> None:
    state = request.app.state
    too_long = [name for name, words in said.items() if len(words) > discussion.LONGEST]
    if too_long:
        longest = (("longest", discussion.LONGEST),)
        message = _("At most %(longest)s characters: what is longer belongs into a talk.")
        raise Invalid(fields=[FieldError(where(name) or "note", message, longest) for name in too_long])
    for name, words in said.items():
        discussion.add(db, state.keyring, version.id, words, by=who.person_id, now=state.clock.now(), field=name)


def _counted(version: ItemVersion, said: Mapping[str, str]) -> dict[str, Any]:
    """For the trail: how much was said about what, never the words."""
    return {"version": version.version, "remarks": len(said), "on": sorted(name for name in said if name)}


@router.post("/{bank_id:int}/items/{item_id:int}/remarks")
def answer(request: Request, db: Db, who: ItemReader, bank_id: int, item_id: int, fields: Fields) -> Response:
    """Answer a remark, or say something about the newest version."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    words, reply = text(fields, "text"), text(fields, "reply_to")
    if not words or len(words) > discussion.LONGEST:
        raise Invalid(fields=[FieldError("text", _("Write 1 to %(longest)s characters."), (("longest", discussion.LONGEST),))])
    state = request.app.state
    number = int(reply) if reply.isdecimal() and len(reply) < 10 else None
    with library():
        version_id = discussion.version_of(db, item.id, number) if number else current_version(db, item).id
        row = discussion.add(
            db,
            state.keyring,
            version_id,
            words,
            by=who.person_id,
            now=state.clock.now(),
            field=text(fields, "field"),
            reply_to=number,
        )
    detail = {"remarks": 1, "on": [row.field] if row.field else []}
    trail.append(db, who.actor, "item.remarked", f"item:{item.id}", now=state.clock.now(), detail=detail)
    back = "reviews" if text(fields, "from") == "review" and who.may("item.review") else "items"
    return redirect(request, f"/bank/{bank_id}/{back}/{item_id}#discussion", _("Your remark is kept with the version."))


@router.post("/{bank_id:int}/items/{item_id:int}/recall")
def recall(request: Request, db: Db, who: Writer, bank_id: int, item_id: int) -> Response:
    """The writer takes an item back while nobody has voted on it."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    with library():
        lifecycle.recall(db, item.id, by=who.person_id)
    now = request.app.state.clock.now()
    trail.append(db, who.actor, "item.recalled", f"item:{item.id}", now=now, detail={"version": item.current_version})
    return redirect(request, f"/bank/{bank_id}/items/{item_id}", _("Taken back: it is a draft again."))
