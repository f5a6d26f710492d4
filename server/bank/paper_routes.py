"""Papers: blueprints and sets, having a set made, and its forms side by side. What happens to them: `passport_routes`."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session

from itembank import quarantine
from itembank.pool import load_topics
from itembank.tables import Bank, Blueprint
from server.audit import trail
from server.bank import blueprints, experts_view, paper_view, runway_view, uploads
from server.bank.scope import PaperMaker, PaperReader, own_bank, own_blueprint, own_papers
from server.bank.shortage_words import Sentences, tasks_of
from server.bank.words import FORM_STATES, IMPORTANCES, OPINIONS, PASSPORT, ROUND_OUTCOMES, SECTIONS
from server.db import Db, ReadDb, transaction
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.jobs import Job
from server.pages import _, fragment, page, redirect, wants_fragment

router = APIRouter()
KIND = "bank.make_papers"
_LARGEST_SEED = 2**31 - 1


@router.get("/{bank_id:int}/papers")
def list_papers(request: Request, db: ReadDb, who: PaperReader, bank_id: int) -> Response:
    """Blueprints, paper sets, and the runway."""
    bank = own_bank(db, who, bank_id)
    return page(
        request,
        "bank/papers.html",
        bank=bank,
        blueprints=blueprints.listed(db, bank),
        sets=paper_view.listed(db, bank),
        runways={line.blueprint.id: line for line in runway_view.runways(db, bank)},
        sentences=Sentences(load_topics(db, bank)),
        tasks=tasks_of(bank),
        form_states=FORM_STATES,
        kinds=SECTIONS,
    )


@router.post("/{bank_id:int}/papers")
def make(
    request: Request,
    who: PaperMaker,
    bank_id: int,
    blueprint_id: Annotated[int, Form()],
    forms: Annotated[str, Form()] = "",
    seed: Annotated[str, Form()] = "",
    title: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Have a set assembled in the child process."""
    state = request.app.state
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        blueprint = own_blueprint(db, bank, blueprint_id)
        if blueprint.retired_at is not None:
            raise Conflict(_("This blueprint is put away: use another."))
        args = {"bank_id": bank.id, "blueprint_id": blueprint.id, "title": title.strip()} | _figures(forms, seed, blueprint)
        job_id = state.jobs.submit(db, KIND, args, who.actor)
        detail = {"seed": args["seed"], "forms": args["forms"]}
        trail.append(db, who.actor, "papers.asked", f"blueprint:{blueprint.id}", now=state.clock.now(), detail=detail)
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/papers/making/{job_id}")


def _figures(forms: str, seed: str, blueprint: Blueprint) -> dict[str, int]:
    """Number of forms and seed; an empty seed is drawn."""
    problems = []
    count = forms.strip() or str(blueprints.body_of(blueprint).forms)
    if not count.isdecimal() or not 1 <= int(count) <= 10:
        problems.append(FieldError("forms", _("Make 1 to 10 forms.")))
    chosen = seed.strip() or str(secrets.randbelow(1_000_000))
    if not chosen.isdecimal() or int(chosen) > _LARGEST_SEED:
        problems.append(FieldError("seed", _("The seed is a whole number.")))
    if problems:
        raise Invalid(fields=problems)
    return {"forms": int(count), "seed": int(chosen)}


@router.post("/{bank_id:int}/blueprints/{blueprint_id:int}/runway")
def count_runway(request: Request, who: PaperMaker, bank_id: int, blueprint_id: int) -> Response:
    """Have the child process work out how long the bank lasts."""
    state = request.app.state
    with transaction(state.dbs) as db:
        blueprint = own_blueprint(db, own_bank(db, who, bank_id), blueprint_id)
        runway_view.ask(db, state.jobs, who, blueprint.id)
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/papers", _("It is being worked out. Reload in a moment."))


@router.get("/{bank_id:int}/papers/making/{job_id:int}")
def making(request: Request, db: ReadDb, who: PaperMaker, bank_id: int, job_id: int) -> Response:
    """Progress of an assembly; then on to the set, or what the bank lacks."""
    bank = own_bank(db, who, bank_id)
    job = _job(db, bank, job_id)
    if job.state == "queued":
        request.app.state.jobs.wake()  # a notice may be lost; whoever waits gives another
    result = job.result or {}
    if "paper_set_id" in result:
        said = _("The forms are made and their items reserved.")
        return redirect(request, f"/bank/{bank_id}/papers/{result['paper_set_id']}", said)
    running = job.state in {"queued", "running"}
    context: dict[str, Any] = {"bank": bank, "job": job, "running": running, "result": result}
    context |= {
        "sentences": Sentences(load_topics(db, bank)),
        "tasks": tasks_of(bank),
        "blueprint": own_blueprint(db, bank, int(job.args["blueprint_id"])),
    }
    if wants_fragment(request):
        if not running:
            return redirect(request, f"/bank/{bank_id}/papers/making/{job_id}")
        return fragment(request, "bank/making.html", "progress", **context)
    return page(request, "bank/making.html", **context)


def _job(db: Session, bank: Bank, job_id: int) -> Job:
    job = db.get(Job, job_id)
    if job is None or job.kind != KIND or job.institution_id != bank.institution_id or job.args.get("bank_id") != bank.id:
        raise NotFound
    return job


@router.post("/{bank_id:int}/papers/making/{job_id:int}/cancel")
def cancel(request: Request, db: Db, who: PaperMaker, bank_id: int, job_id: int) -> Response:
    """Stop; nothing is reserved."""
    bank = own_bank(db, who, bank_id)
    uploads.cancel(db, _job(db, bank, job_id))
    return redirect(request, f"/bank/{bank_id}/papers/making/{job_id}", _("Stopping. Nothing has been stored."), tone="warn")


@router.get("/{bank_id:int}/papers/{paper_set_id:int}")
def show(request: Request, db: ReadDb, who: PaperReader, bank_id: int, paper_set_id: int) -> Response:
    """One set: forms side by side, recount, passports, filing."""
    bank = own_bank(db, who, bank_id)
    row = own_papers(db, bank, paper_set_id)
    view = paper_view.paper_view(db, bank, row, request.app.state.keyring)
    return page(
        request,
        "bank/paper_set.html",
        bank=bank,
        view=view,
        may_be_sealed=experts_view.may_be_sealed(bank, (one.form for one in view.forms), view.reviews),
        candidates=experts_view.candidates(db, row) if who.may("paper.make") else [],
        outcomes=ROUND_OUTCOMES,
        opinions=OPINIONS,
        held=quarantine.held_forms(db, [one.form.id for one in view.forms]),
        grades=paper_view.GRADES,
        passport=PASSPORT,
        form_states=FORM_STATES,
        kinds=SECTIONS,
        importances=IMPORTANCES,
        today=request.app.state.clock.now(),
    )
