"""What happens to a paper set: sealing, filing or refusal, withdrawal by two people. Its experts: `expert_routes`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from itembank import passport, seals
from server.audit import trail
from server.bank import runway_view, withdrawals
from server.bank.paper_view import day
from server.bank.scope import PaperMaker, Withdrawer, library, own_bank, own_form, own_papers
from server.db import Db, reading, transaction
from server.errors import FieldError, Invalid
from server.pages import _, redirect

router = APIRouter(prefix="/{bank_id:int}/papers/{paper_set_id:int}")


@router.post("/seal")
def seal(request: Request, who: PaperMaker, bank_id: int, paper_set_id: int) -> Response:
    """Freeze and seal all forms of the set: encrypted first, then stored in a short transaction."""
    state = request.app.state
    now = state.clock.now()
    with reading(state.dbs) as db, library():
        row = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
        prepared = seals.prepare(db, row.id, state.keyring)
    with transaction(state.dbs) as db, library():
        digests = seals.store(db, paper_set_id, prepared, now=now, by=who.person_id)
        trail.append(db, who.actor, "papers.sealed", f"paper_set:{paper_set_id}", now=now, detail={"digests": list(digests)})
    said = _("The forms are sealed. Enter the filing numbers when they come.")
    return redirect(request, f"/bank/{bank_id}/papers/{paper_set_id}", said)


class FilingAnswer(BaseModel):
    """What the authority answered about a form."""

    answer: Literal["accepted", "refused"] = "accepted"
    number: str = Field("", max_length=60)
    authority: str = Field("", max_length=100)
    filed_on: str = ""
    note: str = Field("", max_length=500)


@router.post("/forms/{form_id:int}/file")
def file_form(
    request: Request,
    db: Db,
    who: PaperMaker,
    bank_id: int,
    paper_set_id: int,
    form_id: int,
    answer: Annotated[FilingAnswer, Form()],
) -> Response:
    """Enter the filing number, or the refusal with its reason."""
    form = own_form(db, own_papers(db, own_bank(db, who, bank_id), paper_set_id), form_id)
    now = request.app.state.clock.now()
    here = f"/bank/{bank_id}/papers/{paper_set_id}#passports"
    about = {"by": who.person_id, "now": now, "authority": answer.authority.strip()}
    if answer.answer == "refused":
        if not answer.note.strip():
            raise Invalid(fields=[FieldError("note", _("Say why the authority refused it."))])
        with library():
            passport.refuse_form(db, form.id, note=answer.note.strip(), **about)
        trail.append(db, who.actor, "form.refused", f"form:{form.id}", now=now)
        return redirect(request, here, _("The refusal is recorded. The set can only be withdrawn now."), tone="warn")
    number = answer.number.strip()
    if not number:
        raise Invalid(fields=[FieldError("number", _("Enter the filing number."))])
    with library():
        passport.file_form(db, form.id, number, filed_on=day(answer.filed_on), note=answer.note.strip(), **about)
    trail.append(db, who.actor, "form.filed", f"form:{form.id}", now=now, detail={"number": number})
    return redirect(request, here, _("The filing number is recorded."))


@router.post("/withdraw")
def ask_withdrawal(
    request: Request,
    db: Db,
    who: Withdrawer,
    bank_id: int,
    paper_set_id: int,
    reason: Annotated[str, Form(max_length=300)] = "",
    leaked: Annotated[str, Form()] = "",
) -> Response:
    """Ask to withdraw the set; a second person decides."""
    row = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
    withdrawals.ask(db, who, row, reason.strip(), leaked=leaked == "1", now=request.app.state.clock.now())
    said = _("Asked. A second person has to agree before anything changes.")
    return redirect(request, f"/bank/{bank_id}/papers/{paper_set_id}", said)


@router.post("/withdraw/decide")
def decide_withdrawal(
    request: Request,
    who: Withdrawer,
    bank_id: int,
    paper_set_id: int,
    decision: Annotated[str, Form()] = "",
    note: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """The second person agrees or refuses."""
    state, agree = request.app.state, decision == "agree"
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        row = own_papers(db, bank, paper_set_id)
        if decision not in {"agree", "refuse"}:
            raise Invalid(fields=[FieldError("decision", _("Agree, or refuse."))])
        count = withdrawals.decide(db, who, row, agree=agree, note=note.strip(), now=state.clock.now())
        if agree:
            runway_view.ask_all(db, state.jobs, who, bank)
    state.jobs.wake()
    here = f"/bank/{bank_id}/papers/{paper_set_id}"
    if agree:
        return redirect(request, here, _("The set is withdrawn; %(count)s items were given back."), tone="warn", count=count)
    return redirect(request, here, _("The withdrawal is refused; the set stays."))
