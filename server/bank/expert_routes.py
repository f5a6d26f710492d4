"""Experts' review of composed forms: naming experts, reading with remarks and a vote, mending what was sent back."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session

from itembank import experts, passport, swaps
from itembank.passport_tables import Opinion, RoundOutcome
from itembank.tables import Form as FormRow
from itembank.tables import FormState
from server.audit import trail
from server.auth.staff import Staff
from server.bank import experts_view
from server.bank.blueprints import body_of
from server.bank.calibration import sources
from server.bank.scope import Expert, Fields, PaperMaker, library, own_bank, own_blueprint, own_form, own_papers
from server.bank.words import HOW, KINDS, OPINIONS, ROUND_OUTCOMES
from server.db import Db, reading, transaction
from server.errors import Conflict, FieldError, Forbidden, Invalid
from server.pages import _, page, redirect

router = APIRouter(prefix="/{bank_id:int}/papers/{paper_set_id:int}")
_LONGEST_REMARK = 1000
_SWAP_TRIES = 5


@router.post("/experts")
def name_experts(
    request: Request,
    db: Db,
    who: PaperMaker,
    bank_id: int,
    paper_set_id: int,
    person_id: Annotated[list[int] | None, Form()] = None,
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Name them, and put every form that is not reviewed before them."""
    papers = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
    now, chosen = request.app.state.clock.now(), set(person_id or ())
    if chosen - {one.person_id for one in experts_view.candidates(db, papers)}:
        raise Invalid(fields=[FieldError("person_id", _("Choose among the reviewers of your institution."))])
    with library():
        experts.name_experts(db, papers.id, chosen, by=who.person_id, now=now)
        asked = []
        for form in _composed(db, papers.id):
            last = experts.latest_round(db, form.id)
            if last is None or last.outcome == RoundOutcome.WITHDRAWN:
                experts.ask_experts(db, form.id, by=who.person_id, now=now, note=note.strip())
                asked.append(form.label)
    detail = {"experts": sorted(chosen), "forms": asked}
    trail.append(db, who.actor, "papers.experts_named", f"paper_set:{papers.id}", now=now, detail=detail)
    return redirect(
        request, f"/bank/{bank_id}/papers/{paper_set_id}#experts", _("The experts are named and find the forms under Reviews.")
    )


def _composed(db: Session, paper_set_id: int) -> list[FormRow]:
    return [form for form in passport.get_forms(db, paper_set_id) if form.state == FormState.COMPOSED]


@router.post("/forms/{form_id:int}/ask")
def ask_again(
    request: Request,
    db: Db,
    who: PaperMaker,
    bank_id: int,
    paper_set_id: int,
    form_id: int,
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Put a form that was sent back before the experts once more, saying what was done."""
    papers = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
    form, now = own_form(db, papers, form_id), request.app.state.clock.now()
    if not note.strip():
        raise Invalid(fields=[FieldError("note", _("Say what was mended, or why nothing had to be: the experts read it."))])
    with library():
        row = experts.ask_experts(db, form.id, by=who.person_id, now=now, note=note.strip())
    trail.append(db, who.actor, "form.experts_asked", f"form:{form.id}", now=now, detail={"round": row.no})
    return redirect(
        request, f"/bank/{bank_id}/papers/{paper_set_id}#form-{form.label}", _("The form is before the experts again.")
    )


@router.post("/forms/{form_id:int}/swap")
def swap(
    request: Request,
    who: PaperMaker,
    bank_id: int,
    paper_set_id: int,
    form_id: int,
    slot: Annotated[int, Form()],
    reason: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Exchange a question of a form that was sent back for another admissible one, drawn by lot."""
    state, seed = request.app.state, secrets.randbelow(2**31)
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    wish = swaps.Wish(form_id, slot, seed, reason.strip(), who.person_id)
    for _try in range(_SWAP_TRIES):
        with reading(state.dbs) as db, library():
            papers = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
            form = own_form(db, papers, form_id)
            case = swaps.load_case(db, form.id, slot, sources(state.keyring))
            chosen = swaps.choose(case, wish)
        if chosen is None:
            raise Conflict(_("The bank has no other question that would do in this place: withdraw the set, or add questions."))
        now = state.clock.now()
        with transaction(state.dbs) as db, library():
            row = swaps.store(db, case, wish, chosen, now=now)
            if row is not None:
                detail = {"slot": slot, "out": row.out_item_id, "in": row.in_item_id, "seed": seed, "reason": wish.reason}
                trail.append(db, who.actor, "form.question_swapped", f"form:{form.id}", now=now, detail=detail)
                break
    else:
        raise Conflict(_("Others are using this bank right now. Try again."))
    here = f"/bank/{bank_id}/papers/{paper_set_id}#form-{form.label}"
    return redirect(request, here, _("Question %(slot)s is now item %(item)s."), slot=slot, item=row.in_item_id)


@router.get("/forms/{form_id:int}/reading")
def read(request: Request, who: Expert, bank_id: int, paper_set_id: int, form_id: int) -> Response:
    """The form as candidates will see it, with the keys beside it. Only its experts; that they read it is audited first."""
    state = request.app.state
    with reading(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        papers = own_papers(db, bank, paper_set_id)
        form = own_form(db, papers, form_id)
        _must_be_expert(db, who, papers.id)
        if form.state not in {FormState.COMPOSED, FormState.REVIEWED}:
            raise Conflict(_("This form is sealed or out of use: it is not shown any more."))
        review = experts_view.reviews(db, [form.id])[form.id]
        questions = experts_view.questions(db, state.keyring, form)
        starts = experts_view.section_starts(body_of(own_blueprint(db, bank, papers.blueprint_id)))
    with transaction(state.dbs) as db:
        trail.append(db, who.actor, "form.read_by_expert", f"form:{form.id}", now=state.clock.now())
    current = review.rounds[0] if review.rounds else None
    voted = current is not None and who.person_id in {vote.person_id for vote, _name in current.votes}
    return page(
        request,
        "bank/expert_reading.html",
        bank=bank,
        papers=papers,
        form=form,
        questions=questions,
        starts=starts,
        review=review,
        current=current,
        voted=voted,
        may_speak=review.open and not voted,
        kinds=KINDS,
        how=HOW,
        opinions=OPINIONS,
        outcomes=ROUND_OUTCOMES,
    )


def _must_be_expert(db: Session, who: Staff, paper_set_id: int) -> None:
    if who.person_id not in experts.experts_of(db, paper_set_id):
        raise Forbidden(_("You are not named as an expert for this paper set."))


@router.post("/forms/{form_id:int}/reading")
def speak(request: Request, db: Db, who: Expert, bank_id: int, paper_set_id: int, form_id: int, fields: Fields) -> Response:
    """Keep remarks; with them a vote, if one was cast."""
    papers = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
    form, now = own_form(db, papers, form_id), request.app.state.clock.now()
    _must_be_expert(db, who, papers.id)
    remarks = _remarks(fields)
    opinion, note = str(fields.get("opinion") or ""), str(fields.get("note") or "").strip()[:_LONGEST_REMARK]
    with library():
        kept = experts.remark(db, form.id, remarks, by=who.person_id, now=now)
        decided = (
            experts.vote(db, form.id, Opinion(opinion), by=who.person_id, now=now, note=note) if opinion in set(Opinion) else None
        )
    here = f"/bank/{bank_id}/papers/{paper_set_id}/forms/{form_id}/reading"
    if opinion not in set(Opinion):
        trail.append(db, who.actor, "form.remarked", f"form:{form.id}", now=now, detail={"remarks": kept})
        return redirect(request, here, _("Your remarks are kept."))
    detail = {"opinion": opinion, "remarks": kept, "decided": decided}
    trail.append(db, who.actor, "form.expert_voted", f"form:{form.id}", now=now, detail=detail)
    if decided == RoundOutcome.APPROVED:
        trail.append(db, who.actor, "form.reviewed", f"form:{form.id}", now=now)
    said = _("Your vote is recorded.") if decided is None else _("Your vote is recorded and the form is decided.")
    return redirect(request, f"/bank/{bank_id}/reviews#forms", said)


def _remarks(fields: Fields) -> dict[int, str]:
    found = {}
    for name, value in fields.items():
        number = name.removeprefix("remark.")
        if name != number and number.isdecimal() and isinstance(value, str) and value.strip():
            found[int(number)] = value.strip()[:_LONGEST_REMARK]
    return found
