"""The second person's page of an import: read the sample, approve or reject."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from itembank.lifecycle import may_decide_batch
from server.bank import batches, runway_view
from server.bank.scope import Reviewer, library, own_bank, own_batch, say
from server.bank.words import BATCH_STATES, HOW, KINDS
from server.db import Db, ReadDb, transaction
from server.errors import FieldError, Invalid
from server.pages import _, page, redirect

router = APIRouter()


@router.get("/{bank_id:int}/batches/{batch_id:int}")
def batch_page(request: Request, db: ReadDb, who: Reviewer, bank_id: int, batch_id: int) -> Response:
    """The import, its sample, and the decision or why this reader cannot take it."""
    bank = own_bank(db, who, bank_id)
    batch = own_batch(db, bank, batch_id)
    refusal = may_decide_batch(batch.state, who.person_id, batch.created_by)
    return page(
        request,
        "bank/batch.html",
        bank=bank,
        batch=batch,
        line=batches.lines(db, [batch])[0],
        sample=batches.sample(db, request.app.state.keyring, batch),
        refusal=say(refusal) if refusal else "",
        own=batch.created_by == who.person_id,
        states=BATCH_STATES,
        kinds=KINDS,
        how=HOW,
        say=say,
    )


@router.post("/{bank_id:int}/batches/{batch_id:int}/approve")
def approve(
    request: Request,
    who: Reviewer,
    bank_id: int,
    batch_id: int,
    read: Annotated[list[int] | None, Form()] = None,
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Take all items of the import into the bank."""
    state = request.app.state
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        batch = own_batch(db, bank, batch_id)
        with library():
            count = batches.approve(db, who, batch, read or [], note.strip(), now=state.clock.now())
        state.jobs.submit(db, "bank.compare_items", {"bank_id": bank.id, "batch_id": batch.id}, who.actor)
        runway_view.ask_all(db, state.jobs, who, bank)
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}", _("%(count)s items are in the bank."), count=count)


@router.post("/{bank_id:int}/batches/{batch_id:int}/reject")
def reject(
    request: Request, db: Db, who: Reviewer, bank_id: int, batch_id: int, note: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Refuse the import, with a reason."""
    bank = own_bank(db, who, bank_id)
    batch = own_batch(db, bank, batch_id)
    if not note.strip():
        raise Invalid(fields=[FieldError("note", _("Say why: the importer reads it."))])
    with library():
        batches.reject(db, who, batch, note.strip(), now=request.app.state.clock.now())
    return redirect(request, f"/bank/{bank_id}/batches/{batch_id}", _("The import is rejected."), tone="warn")
