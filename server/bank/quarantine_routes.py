"""Quarantine: putting an item or a form in, seeing whom it touches, two people to lift it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session

from itembank import packages, quarantine
from itembank.family_tables import Quarantine
from itembank.tables import Bank
from server.audit import trail
from server.bank import quarantine_view
from server.bank.scope import PaperReader, Withdrawer, library, own_bank, own_item, own_papers
from server.bank.words import FORM_STATES
from server.db import Db, ReadDb
from server.errors import FieldError, Invalid, NotFound
from server.pages import _, page, redirect

router = APIRouter()
Reason = Annotated[str, Form(max_length=500)]


@router.get("/{bank_id:int}/quarantine")
def list_quarantines(request: Request, db: ReadDb, who: PaperReader, bank_id: int) -> Response:
    """What is held, and what was."""
    bank = own_bank(db, who, bank_id)
    return page(request, "bank/quarantine.html", bank=bank, lines=quarantine_view.lines(db, bank), one=None)


@router.post("/{bank_id:int}/quarantine")
def suspect(
    request: Request,
    db: Db,
    who: Withdrawer,
    bank_id: int,
    item: Annotated[int | None, Form()] = None,
    form: Annotated[int | None, Form()] = None,
    reason: Reason = "",
) -> Response:
    """Put an item's family, or every item of a form, into quarantine at once: one person is enough for that."""
    bank = own_bank(db, who, bank_id)
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    said = {"reason": reason.strip(), "by": who.person_id, "now": request.app.state.clock.now()}
    with library():
        if item is not None:
            row = quarantine.suspect_items(db, bank.id, [own_item(db, who, bank, item).id], **said)
        elif form is not None:
            own_papers(db, bank, packages.get_form(db, form).paper_set_id)
            row = quarantine.suspect_form(db, bank.id, form, **said)
        else:
            raise NotFound
    detail = {"reason": row.reason, "items": len(row.items), "form": form}
    trail.append(db, who.actor, "quarantine.raised", f"quarantine:{row.id}", now=row.at, detail=detail)
    return redirect(request, f"/bank/{bank.id}/quarantine/{row.id}", _("In quarantine."), tone="warn")


@router.get("/{bank_id:int}/quarantine/{number:int}")
def one(request: Request, db: ReadDb, who: PaperReader, bank_id: int, number: int) -> Response:
    """Whom it touches."""
    bank = own_bank(db, who, bank_id)
    row = _own(db, bank, number)
    return page(
        request,
        "bank/quarantine.html",
        bank=bank,
        lines=[],
        one=quarantine_view.line_of(db, row),
        reach=quarantine_view.reach(db, row),
        mine=row.lift_asked_by == who.person_id,
        form_states=FORM_STATES,
    )


@router.post("/{bank_id:int}/quarantine/{number:int}/ask")
def ask(request: Request, db: Db, who: Withdrawer, bank_id: int, number: int, reason: Reason = "") -> Response:
    """The first person asks to lift it."""
    row = _own(db, own_bank(db, who, bank_id), number)
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    now = request.app.state.clock.now()
    with library():
        quarantine.ask_lift(db, row.id, by=who.person_id, reason=reason.strip(), now=now)
    detail = {"reason": reason.strip()}
    trail.append(db, who.actor, "quarantine.lift_asked", f"quarantine:{row.id}", now=now, detail=detail)
    return redirect(request, f"/bank/{bank_id}/quarantine/{number}", _("A second person decides now."))


@router.post("/{bank_id:int}/quarantine/{number:int}/lift")
def lift(request: Request, db: Db, who: Withdrawer, bank_id: int, number: int) -> Response:
    """The second person agrees."""
    row = _own(db, own_bank(db, who, bank_id), number)
    now = request.app.state.clock.now()
    with library():
        freed = quarantine.lift(db, row.id, by=who.person_id, now=now)
    trail.append(db, who.actor, "quarantine.lifted", f"quarantine:{row.id}", now=now, detail={"items": freed})
    return redirect(request, f"/bank/{bank_id}/quarantine/{number}", _("The quarantine is lifted."))


def _own(db: Session, bank: Bank, number: int) -> Quarantine:
    row = db.get(Quarantine, number)
    if row is None or row.bank_id != bank.id:
        raise NotFound
    return row
