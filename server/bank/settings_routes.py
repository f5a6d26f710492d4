"""What a bank manager sets for a bank: experts who approve a form, reviewers who approve an item, what writers see."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from server.audit import trail
from server.bank.banks import MOST_EXPERTS
from server.bank.scope import BankSetter, own_bank
from server.db import Db, ReadDb
from server.errors import FieldError, Invalid
from server.pages import _, page, redirect

router = APIRouter()
MOST_VOTES = 5


@router.get("/{bank_id:int}/settings")
def show(request: Request, db: ReadDb, who: BankSetter, bank_id: int) -> Response:
    """The settings."""
    return page(request, "bank/settings.html", bank=own_bank(db, who, bank_id), most=MOST_EXPERTS, most_votes=MOST_VOTES)


@router.post("/{bank_id:int}/settings")
def change(
    request: Request, db: Db, who: BankSetter, bank_id: int, experts_needed: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """Change them; what was before stays in the trail."""
    bank = own_bank(db, who, bank_id)
    text = experts_needed.strip()
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_EXPERTS):
        message = _("Say how many experts approve a form: 0 (none is asked for) to %(most)s.")
        raise Invalid(fields=[FieldError("experts_needed", message, (("most", MOST_EXPERTS),))])
    detail = {"experts_needed": int(text), "before": bank.experts_needed}
    bank.experts_needed = int(text)
    db.add(bank)
    trail.append(db, who.actor, "bank.set", f"bank:{bank.id}", now=request.app.state.clock.now(), detail=detail)
    return redirect(request, f"/bank/{bank_id}/settings", _("Saved."))


@router.post("/{bank_id:int}/settings/items")
def change_items(
    request: Request,
    db: Db,
    who: BankSetter,
    bank_id: int,
    votes_needed: Annotated[str, Form(max_length=10)] = "",
    own_items_only: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """How items are reviewed and seen from now on: what is approved stays approved."""
    bank = own_bank(db, who, bank_id)
    text = votes_needed.strip()
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_VOTES):
        message = _("Say how many approvals an item needs: 1 to %(most)s.")
        raise Invalid(fields=[FieldError("votes_needed", message, (("most", MOST_VOTES),))])
    before = {"votes_needed": bank.votes_needed, "own_items_only": bank.own_items_only}
    bank.votes_needed, bank.own_items_only = int(text), own_items_only == "1"
    db.add(bank)
    detail = {"before": before, "after": {"votes_needed": bank.votes_needed, "own_items_only": bank.own_items_only}}
    trail.append(db, who.actor, "bank.set", f"bank:{bank.id}", now=request.app.state.clock.now(), detail=detail)
    return redirect(request, f"/bank/{bank_id}/settings", _("Saved."))
