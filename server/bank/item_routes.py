"""The list of items, the page of one item, and figures."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response

from itembank import lifecycle
from itembank.lifecycle import may_recall, may_revise, may_submit, may_vote
from server.bank import discussion_view, figures, history_view, item_list, performance, reach, version_view
from server.bank.item_view import item_view
from server.bank.ledger_view import story
from server.bank.scope import ItemReader, Reviewer, own_bank, own_item, say
from server.bank.words import CLAIMS, HOW, IMPORTANCES, KINDS, STATES, STORY, VOTES
from server.db import Db, ReadDb
from server.grading import statistics_words
from server.pages import _, fragment, page, redirect, translate, wants_fragment

router = APIRouter()
Wanted = Annotated[item_list.FilterQuery, Query()]


@router.get("/{bank_id:int}/items")
def list_items(request: Request, db: ReadDb, who: ItemReader, bank_id: int, wanted: Wanted) -> Response:
    """Items of a bank; the table alone when htmx asks."""
    bank = own_bank(db, who, bank_id)
    narrowed = wanted.filter
    found = item_list.item_page(db, bank, narrowed, wanted.number, who.person_id, reach.seen(who, bank))
    context: dict[str, Any] = {
        "bank": bank,
        "found": found,
        "wanted": narrowed,
        "kinds": KINDS,
        "states": STATES,
        "claims": CLAIMS,
    }
    if wants_fragment(request):
        return fragment(request, "bank/items.html", "results", **context)
    return page(request, "bank/items.html", **context, topics=item_list.topic_choices(db, bank))


@router.get("/{bank_id:int}/items/{item_id:int}")
def item_page(request: Request, db: ReadDb, who: ItemReader, bank_id: int, item_id: int, v: int | None = None) -> Response:
    """One item: preview, key, versions, votes, the ledger's story."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    keyring = request.app.state.keyring
    view = item_view(db, keyring, item, v)
    newest = view.version.version == item.current_version
    no_vote = may_vote(item.state, who.person_id, lifecycle.writers_of(db, item), view.voters) if newest else None
    no_submit = may_submit(item.state, who.person_id, item.author_id)
    no_recall = may_recall(item.state, who.person_id, item.author_id, len(view.voters))
    no_revision = may_revise(item.state)
    performances = performance.performances(db, item.id)
    no_look = performance.look_refusal(item, who)
    return page(
        request,
        "bank/item.html",
        bank=bank,
        item=item,
        view=view,
        newest=newest,
        story=story(db, item.id),
        no_vote=say(no_vote) if no_vote else "",
        may_submit=no_submit is None,
        may_recall=no_recall is None,
        talks=discussion_view.talks(db, keyring, item),
        no_revision=say(no_revision) if no_revision else "",
        kinds=KINDS,
        how=HOW,
        states=STATES,
        votes=VOTES,
        claims=STORY,
        importances=IMPORTANCES,
        performances=performances,
        open_flags=performance.open_flags(performances, item),
        no_look=translate(no_look) if no_look else "",
        **statistics_words.context(),
    )


@router.post("/{bank_id:int}/items/{item_id:int}/look")
def look(
    request: Request, db: Db, who: Reviewer, bank_id: int, item_id: int, reason: Annotated[str, Form(max_length=300)] = ""
) -> Response:
    """Somebody looked at what an exam showed and leaves the item as it is."""
    item = own_item(db, who, own_bank(db, who, bank_id), item_id)
    performance.look(db, item, who, reason.strip(), request.app.state.clock.now())
    return redirect(request, f"/bank/{bank_id}/items/{item_id}#performance", _("Recorded: the item stays as it is."))


@router.get("/{bank_id:int}/items/{item_id:int}/versions")
def versions(
    request: Request, db: ReadDb, who: ItemReader, bank_id: int, item_id: int, old: int | None = None, new: int | None = None
) -> Response:
    """The item's history: who wrote what when and why, and any two versions compared."""
    bank = own_bank(db, who, bank_id)
    item = own_item(db, who, bank, item_id)
    keyring = request.app.state.keyring
    newer = version_view.find_version(db, item, new or item.current_version)
    older = version_view.find_version(db, item, old or max(1, newer.version - 1))
    return page(
        request,
        "bank/versions.html",
        bank=bank,
        item=item,
        lines=history_view.versions(db, keyring, item),
        acts=history_view.acts(db, item),
        old=older,
        new=newer,
        differences=version_view.compare(db, keyring, older, newer),
        votes=VOTES,
        states=STATES,
    )


@router.get("/media/{digest}")
def media(
    request: Request, db: ReadDb, who: ItemReader, digest: str, item: int | None = None, case: int | None = None
) -> Response:
    """A figure, for staff who may read items, where their institution uploaded it or `item` or the text of a set shows it."""
    found = figures.get_figure(db, who, digest, item, case)
    return Response(found.data, media_type=found.type, headers={"Content-Disposition": "inline"})
