"""Near-duplicates: beside the editor while somebody writes, and the cases that wait for a person."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session

from itembank import families
from itembank.family_tables import FamilyMerge, Verdict
from itembank.similarity.bands import readable
from itembank.tables import Bank, Item
from server.audit import trail
from server.auth.staff import Staff
from server.bank import editor, twin_view
from server.bank.scope import Fields, ItemReader, Reviewer, Withdrawer, Writer, library, own_bank, own_item
from server.db import Db, ReadDb, transaction
from server.errors import FieldError, Invalid, NotFound
from server.jobs import QUICK, Job
from server.pages import _, fragment, page, redirect

router = APIRouter()


@router.post("/{bank_id:int}/items/twins")
def look_new(request: Request, who: Writer, bank_id: int, fields: Fields) -> Response:
    """Ask the child process what a draft is like; the answer is fetched from `looked`."""
    return _look(request, who, bank_id, None, fields)


@router.post("/{bank_id:int}/items/{item_id:int}/twins")
def look_changed(request: Request, who: Writer, bank_id: int, item_id: int, fields: Fields) -> Response:
    """The same for a revision."""
    return _look(request, who, bank_id, item_id, fields)


def _look(request: Request, who: Staff, bank_id: int, item_id: int | None, fields: Fields) -> Response:
    state = request.app.state
    form = editor.read_form(fields)
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        item = own_item(db, who, bank, item_id) if item_id is not None else None
        twin_view.forget_old(db, who)
        job_id = None if len(form.stem.strip()) < 4 else _ask(request, db, who, bank, item, form)
    state.jobs.wake()
    return fragment(request, "bank/twins.html", "near", bank=bank, job_id=job_id, lines=None, ways=twin_view.WAYS)


def _ask(request: Request, db: Session, who: Staff, bank: Bank, item: Item | None, form: editor.EditorForm) -> int:
    body = editor.read(db, who, bank, form, item).body
    own = editor.family_members(db, item) if item is not None else []
    args = {"bank_id": bank.id, "own": own}  # no text: the row outlives the question
    return int(request.app.state.jobs.submit(db, QUICK, args, who.actor, body.model_dump_json().encode()))


@router.post("/{bank_id:int}/twins/looked/{job_id:int}")
def looked(request: Request, db: ReadDb, who: Writer, bank_id: int, job_id: int, fields: Fields) -> Response:
    """What the child found, compared with what stands in the form now; asks again while it is looking.

    A POST, because the form travels with it: in an address it would stand in logs.
    """
    bank = own_bank(db, who, bank_id)
    job = db.get(Job, job_id)
    if job is None or job.kind != QUICK or job.actor.get("id") != who.person_id or job.args.get("bank_id") != bank.id:
        raise NotFound
    lines = None
    if job.state == "done":
        typed = readable(editor.read(db, who, bank, editor.read_form(fields)).body)
        lines = twin_view.near_lines(db, job, bank, who, typed)
    waiting = job.id if job.state in {"queued", "running"} else None
    return fragment(request, "bank/twins.html", "near", bank=bank, job_id=waiting, lines=lines, ways=twin_view.WAYS)


@router.get("/{bank_id:int}/twins")
def list_cases(request: Request, db: ReadDb, who: ItemReader, bank_id: int, number: int = 1) -> Response:
    """What waits for a person, and what was merged."""
    bank = own_bank(db, who, bank_id)
    number = min(max(1, number), 100_000)
    found, total = twin_view.cases(db, bank, who, number)
    return page(
        request,
        "bank/twins.html",
        bank=bank,
        cases=found,
        total=total,
        number=number,
        pages=max(1, -(-total // twin_view.PAGE)),
        merges=twin_view.merges(db, bank),
        ways=twin_view.WAYS,
        verdicts=twin_view.VERDICTS,
        findings=twin_view.FINDINGS,
    )


@router.post("/{bank_id:int}/twins/{case_id:int}")
def give_opinion(
    request: Request,
    db: Db,
    who: Reviewer,
    bank_id: int,
    case_id: int,
    verdict: Annotated[str, Form()] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Say what the two are, with a reason."""
    bank = own_bank(db, who, bank_id)
    if verdict not in set(Verdict):
        raise Invalid(fields=[FieldError("verdict", _("Say what the two questions are to each other."))])
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    now = request.app.state.clock.now()
    with library():
        if families.get_case(db, case_id).bank_id != bank.id:
            raise NotFound
        done = families.give_opinion(db, case_id, Verdict(verdict), by=who.person_id, reason=reason.strip(), now=now)
    merged = isinstance(done, FamilyMerge)
    detail = {"verdict": verdict, "reason": reason.strip(), "merge": done.id if isinstance(done, FamilyMerge) else None}
    trail.append(db, who.actor, "twins.opinion", f"twin_case:{case_id}", now=now, detail=detail)
    decided = merged or (not isinstance(done, FamilyMerge) and done.decided_at is not None)
    said = _("It is decided.") if decided else _("Your opinion is recorded; a second person decides.")
    return redirect(request, f"/bank/{bank_id}/twins", said)


@router.post("/{bank_id:int}/merges/{merge_id:int}/undo")
def undo(
    request: Request,
    db: Db,
    who: Withdrawer,
    bank_id: int,
    merge_id: int,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Give merged items their family back."""
    bank = own_bank(db, who, bank_id)
    row = db.get(FamilyMerge, merge_id)
    if row is None or row.bank_id != bank.id:
        raise NotFound
    if not reason.strip():
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    now = request.app.state.clock.now()
    with library():
        families.undo_merge(db, merge_id, by=who.person_id, reason=reason.strip(), now=now)
    trail.append(db, who.actor, "family.merge_undone", f"merge:{merge_id}", now=now, detail={"reason": reason.strip()})
    return redirect(request, f"/bank/{bank_id}/twins", _("The merge is undone."))
