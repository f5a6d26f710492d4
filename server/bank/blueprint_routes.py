"""The blueprint editor: sums, each demand against the bank, and a verdict while one types; and the stored ones to look at."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from itembank.blueprint import SECTION_KINDS, TopicFacts
from itembank.enemies import cliques
from itembank.pool import load_topics
from itembank.tables import Bank, Blueprint
from server.audit import trail
from server.auth.staff import Staff
from server.bank import blueprint_form, blueprint_jobs, blueprint_live, blueprints, calibration, runway_view
from server.bank.blueprint_form import BlueprintForm, Line
from server.bank.blueprint_reader import Checked, checked
from server.bank.cognitive import known_levels
from server.bank.recount import asked_of
from server.bank.scope import BlueprintWriter, Fields, PaperReader, own_bank, own_blueprint, text
from server.bank.shortage_words import Sentences, tasks_of
from server.bank.words import IMPORTANCES, SECTIONS
from server.db import Db, ReadDb, transaction
from server.errors import Conflict, NotFound
from server.jobs import JUDGE, Job
from server.pages import _, fragment, page, redirect, wants_fragment

router = APIRouter()

PATIENCE_S: Final = 4.0
"""So long a page without a script waits for the verdict."""


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
        asked=asked_of(body, [], load_topics(db, bank)),
        used=blueprints.times_used(db, row),
        enemies=len(cliques(db, bank.id)),
        kinds=SECTIONS,
    )


@router.get("/{bank_id:int}/blueprints/new")
def new(request: Request, db: ReadDb, who: BlueprintWriter, bank_id: int, copy: int | None = None) -> Response:
    """An empty form with a proposal, or a copy of another blueprint."""
    bank = own_bank(db, who, bank_id)
    topics = load_topics(db, bank)
    form = blueprint_form.blank(topics)
    if copy is not None:
        source = own_blueprint(db, bank, copy)
        form = blueprint_form.form_of(source.name, blueprints.body_of(source), topics)
    return _first_page(request, db, bank, topics, form, None)


@router.get("/{bank_id:int}/blueprints/{blueprint_id:int}/edit")
def edit(request: Request, db: ReadDb, who: BlueprintWriter, bank_id: int, blueprint_id: int) -> Response:
    """The form of a blueprint from which nothing was made yet."""
    bank = own_bank(db, who, bank_id)
    row = own_blueprint(db, bank, blueprint_id)
    if blueprints.times_used(db, row):
        raise Conflict(_("Papers were made from this blueprint: it stays as it is. Make a copy and change that."))
    topics = load_topics(db, bank)
    return _first_page(request, db, bank, topics, blueprint_form.form_of(row.name, blueprints.body_of(row), topics), row)


def _first_page(
    request: Request, db: Session, bank: Bank, topics: Sequence[TopicFacts], form: BlueprintForm, row: Blueprint | None
) -> Response:
    """The form before anybody has sent it: that the name is missing needs no saying. The script asks for the verdict."""
    found = checked(form, topics)
    found.problems.pop("name", None)
    return _whole(request, db, bank, _context(db, bank, topics, form, found, row))


def _whole(request: Request, db: Session, bank: Bank, context: dict[str, Any], status: int = 200) -> Response:
    """The whole page."""
    context |= {"calibrated": len(calibration.estimates(db, bank.id)), "known_levels": known_levels(db, bank)}
    return page(request, "bank/blueprint_form.html", status=status, **context)


def _context(
    db: Session, bank: Bank, topics: Sequence[TopicFacts], form: BlueprintForm, found: Checked, row: Blueprint | None
) -> dict[str, Any]:
    areas = blueprint_form.areas(topics)
    lines = {topic.code for topic in areas}
    extra = sorted(key for key in form.low if key not in lines and not key.startswith(blueprint_form.PREFIXES))
    spare = [Line()]
    return {
        "bank": bank,
        "form": form,
        "found": found,
        "row": row,
        "topics": areas,
        "leaves": [topic for topic in topics if topic.is_leaf],
        "levels": blueprint_form.levels(topics),
        "by_code": {topic.code: topic for topic in topics},
        "extra": extra,
        "cognitive": [*form.cognitive, *spare],
        "information": [*form.information, *spare],
        "live": blueprint_live.live(form, topics, found),
        "sentences": Sentences(topics),
        "tasks": tasks_of(bank),
        "enemies": len(cliques(db, bank.id)),
        "place": blueprint_live.place,
        "answer_words": blueprint_live.answer_words,
        "kind_codes": list(SECTION_KINDS),
        "kinds": SECTIONS,
        "importances": IMPORTANCES,
        "grades": blueprint_form.GRADES,
        "letters": blueprint_form.LETTERS,
    }


@router.post("/{bank_id:int}/blueprints/check")
def check(request: Request, db: ReadDb, who: BlueprintWriter, bank_id: int, fields: Fields) -> Response:
    """The sums and what is wrong while it is written, and the child asked for a verdict; without a script all of it at once."""
    bank = own_bank(db, who, bank_id)
    topics = load_topics(db, bank)
    then = text(fields, "then")
    form = _acted(blueprint_form.read_form({name: text(fields, name) for name in fields}), topics, fields, then)
    found = checked(form, topics)
    context = _context(db, bank, topics, form, found, _old(db, bank, fields))
    live: blueprint_live.Live = context["live"]
    live.job_id = _ask(request, who, bank, found)
    if not form.name:
        found.problems.pop("name", None)  # the field says so itself when it is stored
    if wants_fragment(request):
        return fragment(request, "bank/blueprint_form.html", "sums", **context)
    if live.job_id is not None and not then:
        job = request.app.state.jobs.wait(live.job_id, PATIENCE_S)
        live.judged = blueprint_live.judged(job, topics) if job else None
    return _whole(request, db, bank, context)


def _ask(request: Request, who: Staff, bank: Bank, found: Checked) -> int | None:
    """The number of the question, where the form can be read at all."""
    if found.draft is None:
        return None
    state = request.app.state
    with transaction(state.dbs) as db:
        number = blueprint_jobs.ask(db, state.jobs, who, bank, found.draft)
    state.jobs.wake()
    return number


def _acted(form: BlueprintForm, topics: Sequence[TopicFacts], fields: Fields, then: str) -> BlueprintForm:
    """The form after the button that was pressed: a proposal, or one line more."""
    if then in {"propose", "importance", "letters"}:
        found = checked(form, topics)
        if then == "letters":
            return blueprint_form.propose_letters(form, found.sections.get("single", (0, 0))[0])
        propose = blueprint_form.propose_counts if then == "propose" else blueprint_form.propose_importance
        return propose(form, topics, found.items)
    code, kind = text(fields, "line_topic").partition(" ")[0], text(fields, "line_kind")
    if then == "line" and any(topic.code == code for topic in topics):
        form.low.setdefault(f"{code}|{kind}" if kind in SECTION_KINDS else code, "1")
    return form


def _old(db: Session, bank: Bank, fields: Fields) -> Blueprint | None:
    """The blueprint that is being edited."""
    old = text(fields, "old")
    return own_blueprint(db, bank, int(old)) if old.isdecimal() and len(old) < 10 else None


@router.get("/{bank_id:int}/blueprints/verdict/{job_id:int}")
def verdict(request: Request, db: ReadDb, who: BlueprintWriter, bank_id: int, job_id: int) -> Response:
    """The verdict for the script, which asks again while there is none."""
    bank = own_bank(db, who, bank_id)
    job = db.get(Job, job_id)
    if job is None or job.kind != JUDGE or job.actor.get("id") != who.person_id or job.args.get("bank_id") != bank.id:
        raise NotFound
    if job.state in {"queued", "running"}:
        return Response(status_code=204)
    topics = load_topics(db, bank)
    found = blueprint_live.judged(job, topics)
    live = blueprint_live.Live({}, job_id=job.id, judged=found, failed=found is None)
    context: dict[str, Any] = {"bank": bank, "live": live, "sentences": Sentences(topics)}
    context |= {"answer_words": blueprint_live.answer_words, "place": blueprint_live.place, "tasks": tasks_of(bank)}
    return fragment(request, "bank/blueprint_form.html", "verdict", **context)


@router.post("/{bank_id:int}/blueprints/save")
def save(request: Request, who: BlueprintWriter, bank_id: int, fields: Fields) -> Response:
    """Store it, or show every mistake."""
    state = request.app.state
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        topics = load_topics(db, bank)
        form = blueprint_form.read_form({name: text(fields, name) for name in fields})
        row = _old(db, bank, fields)
        found = checked(form, topics)
        if found.body is None:
            return _whole(request, db, bank, _context(db, bank, topics, form, found, row), 422)
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
