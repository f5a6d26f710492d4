"""Blueprints: list, form with live sums, saving."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from itembank.blueprint import TopicFacts
from itembank.items import KINDS as KIND_CODES
from itembank.pool import load_topics
from itembank.tables import Bank, Blueprint
from server.audit import trail
from server.bank import blueprint_form, blueprints, runway_view
from server.bank.blueprint_form import BlueprintForm, Checked
from server.bank.scope import BlueprintWriter, Fields, PaperReader, own_bank, own_blueprint, text
from server.bank.words import IMPORTANCES, KINDS
from server.db import Db, ReadDb, transaction
from server.errors import Conflict
from server.pages import _, fragment, page, redirect, wants_fragment

router = APIRouter()


@router.get("/{bank_id:int}/blueprints/{blueprint_id:int}")
def show(request: Request, db: ReadDb, who: PaperReader, bank_id: int, blueprint_id: int) -> Response:
    """A blueprint as it is stored: read only."""
    bank = own_bank(db, who, bank_id)
    row = own_blueprint(db, bank, blueprint_id)
    body = blueprints.body_of(row)
    return page(
        request,
        "bank/blueprint.html",
        bank=bank,
        row=row,
        body=body,
        topics={topic.code: topic for topic in load_topics(db, bank)},
        used=blueprints.times_used(db, row),
        kinds=KINDS,
        importances=IMPORTANCES,
    )


@router.get("/{bank_id:int}/blueprints/new")
def new(request: Request, db: ReadDb, who: BlueprintWriter, bank_id: int, copy: int | None = None) -> Response:
    """An empty form with a proposal, or a copy of another blueprint."""
    bank = own_bank(db, who, bank_id)
    topics = load_topics(db, bank)
    form = blueprint_form.blank(topics)
    if copy is not None:
        source = own_blueprint(db, bank, copy)
        form = blueprint_form.form_of(source.name, blueprints.body_of(source))
    return _form_page(request, bank, topics, form, None, first=True)


@router.get("/{bank_id:int}/blueprints/{blueprint_id:int}/edit")
def edit(request: Request, db: ReadDb, who: BlueprintWriter, bank_id: int, blueprint_id: int) -> Response:
    """The form of a blueprint from which nothing was made yet."""
    bank = own_bank(db, who, bank_id)
    row = own_blueprint(db, bank, blueprint_id)
    if blueprints.times_used(db, row):
        raise Conflict(_("Papers were made from this blueprint: it stays as it is. Make a copy and change that."))
    return _form_page(request, bank, load_topics(db, bank), blueprint_form.form_of(row.name, blueprints.body_of(row)), row)


def _form_page(
    request: Request,
    bank: Bank,
    topics: Sequence[TopicFacts],
    form: BlueprintForm,
    row: Blueprint | None,
    *,
    first: bool = False,
    status: int = 200,
) -> Response:
    found = blueprint_form.checked(form, topics)
    if first:
        found.problems.pop("name", None)
    return page(request, "bank/blueprint_form.html", status=status, **_context(bank, topics, form, found, row))


def _context(
    bank: Bank, topics: Sequence[TopicFacts], form: BlueprintForm, found: Checked, row: Blueprint | None
) -> dict[str, Any]:
    counted = blueprint_form.counted_topics(topics)
    lines = {topic.code for topic in counted}
    extra = sorted(key for key in form.low if key not in lines and not key.startswith("importance "))
    return {
        "bank": bank,
        "form": form,
        "found": found,
        "row": row,
        "topics": counted,
        "by_code": {topic.code: topic for topic in topics},
        "extra": extra,
        "kind_codes": list(KIND_CODES),
        "kinds": KINDS,
        "importances": IMPORTANCES,
    }


@router.post("/{bank_id:int}/blueprints/check")
def check(request: Request, db: ReadDb, who: BlueprintWriter, bank_id: int, fields: Fields) -> Response:
    """The sums and what is wrong, while it is written; without a script the whole form again."""
    bank = own_bank(db, who, bank_id)
    topics = load_topics(db, bank)
    form = blueprint_form.read_form({name: text(fields, name) for name in fields})
    old = text(fields, "old")
    row = own_blueprint(db, bank, int(old)) if old.isdecimal() and len(old) < 10 else None
    if text(fields, "then") == "propose":
        count = blueprint_form.checked(form, topics).items
        form = blueprint_form.propose(form, topics, count)
        return _form_page(request, bank, topics, form, row, first=True)
    found = blueprint_form.checked(form, topics)
    if wants_fragment(request):
        return fragment(request, "bank/blueprint_form.html", "sums", **_context(bank, topics, form, found, row))
    return _form_page(request, bank, topics, form, row, first=True)


@router.post("/{bank_id:int}/blueprints/save")
def save(request: Request, who: BlueprintWriter, bank_id: int, fields: Fields) -> Response:
    """Store it, or show every mistake."""
    state = request.app.state
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        topics = load_topics(db, bank)
        form = blueprint_form.read_form({name: text(fields, name) for name in fields})
        old = text(fields, "old")
        row = own_blueprint(db, bank, int(old)) if old.isdecimal() and len(old) < 10 else None
        found = blueprint_form.checked(form, topics)
        if found.body is None:
            return _form_page(request, bank, topics, form, row, status=422)
        stored = blueprints.save(db, who, bank, found.body, row, now=state.clock.now())
        runway_view.ask(db, state.jobs, who, stored.id)
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/papers", _("The blueprint is stored."))


@router.post("/{bank_id:int}/blueprints/{blueprint_id:int}/retire")
def retire(request: Request, db: Db, who: BlueprintWriter, bank_id: int, blueprint_id: int) -> Response:
    """Take a blueprint out of the list; papers made from it stay."""
    bank = own_bank(db, who, bank_id)
    row = own_blueprint(db, bank, blueprint_id)
    now = request.app.state.clock.now()
    blueprints.retire(db, row, now=now)
    trail.append(db, who.actor, "blueprint.retired", f"blueprint:{row.id}", now=now)
    return redirect(request, f"/bank/{bank_id}/papers", _("The blueprint is put away."))
