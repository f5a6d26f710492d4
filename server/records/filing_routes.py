"""备案材料 of a paper set: asking for it, the second person's word, and the file."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from server.audit import trail
from server.bank import filing_prints
from server.bank.scope import PaperExporter, library, names, own_bank, own_papers
from server.db import Db, ReadDb, reading, transaction
from server.errors import Conflict, FieldError, Invalid
from server.pages import PDF, _, download, page, redirect
from server.records.filing import Cover, filing_pdf
from server.registry.tables import Institution

router = APIRouter(prefix="/bank/{bank_id:int}/papers/{paper_set_id:int}/filing")


@router.get("")
def show(request: Request, db: ReadDb, who: PaperExporter, bank_id: int, paper_set_id: int) -> Response:
    """Requests so far, and the form for a new one."""
    bank = own_bank(db, who, bank_id)
    papers = own_papers(db, bank, paper_set_id)
    now = request.app.state.clock.now()
    rows = filing_prints.listed(db, papers.id)
    try:
        filing_prints.printable(db, papers)
        refused = ""
    except Conflict as refusal:
        refused = refusal.message
    return page(
        request,
        "bank/filing.html",
        bank=bank,
        papers=papers,
        rows=rows,
        people=names(db, [number for row in rows for number in (row.asked_by, row.decided_by)]),
        waiting=[row.id for row in rows if filing_prints.waits(row, now)],
        fetchable=[row.id for row in rows if filing_prints.may_fetch(row, who, now)],
        refused=refused,
    )


@router.post("")
def ask(
    request: Request,
    db: Db,
    who: PaperExporter,
    bank_id: int,
    paper_set_id: int,
    recipient: Annotated[str, Form(max_length=60)] = "",
    reason: Annotated[str, Form(max_length=300)] = "",
    with_keys: Annotated[bool, Form()] = False,
) -> Response:
    """The first person asks."""
    papers = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
    now = request.app.state.clock.now()
    filing_prints.ask(db, who, papers, recipient=recipient.strip(), reason=reason.strip(), with_keys=with_keys, now=now)
    said = _("Asked. A second person has to agree before anything is printed.")
    return redirect(request, f"/bank/{bank_id}/papers/{paper_set_id}/filing", said)


@router.post("/{export_id:int}/decide")
def decide(
    request: Request,
    db: Db,
    who: PaperExporter,
    bank_id: int,
    paper_set_id: int,
    export_id: int,
    decision: Annotated[str, Form()] = "",
) -> Response:
    """The second person agrees or refuses."""
    papers = own_papers(db, own_bank(db, who, bank_id), paper_set_id)
    if decision not in {"agree", "refuse"}:
        raise Invalid(fields=[FieldError("decision", _("Agree, or refuse."))])
    agree = decision == "agree"
    filing_prints.decide(db, who, papers, export_id, agree=agree, now=request.app.state.clock.now())
    said = _("Agreed. Both of you can fetch the file for a day.") if agree else _("Refused. Nothing is printed.")
    return redirect(request, f"/bank/{bank_id}/papers/{paper_set_id}/filing", said)


@router.get("/{export_id:int}/forms.pdf")
def fetch(request: Request, who: PaperExporter, bank_id: int, paper_set_id: int, export_id: int) -> Response:
    """The file, for the two people who agreed on it. That it was fetched is audited before it leaves."""
    state = request.app.state
    now = state.clock.now()
    with reading(state.dbs) as db, library():
        bank = own_bank(db, who, bank_id)
        papers = own_papers(db, bank, paper_set_id)
        row = filing_prints.find(db, papers, export_id)
        if not filing_prints.may_fetch(row, who, now):
            raise Conflict(_("The two people who agreed on it fetch the file within a day; then it has to be asked for again."))
        forms = filing_prints.printable(db, papers)
        people = names(db, [row.asked_by, row.decided_by])
        institution = db.get_one(Institution, bank.institution_id).name
        cover = Cover(institution, (people[row.asked_by], people[row.decided_by]), now)
        pdf = filing_pdf(db, state.keyring, bank, papers, forms, row, cover)
    with transaction(state.dbs) as db:
        detail = {"export": export_id, "recipient": row.recipient, "with_keys": row.with_keys}
        trail.append(db, who.actor, "papers.exported", f"paper_set:{paper_set_id}", now=now, detail=detail)
    return download(f"备案材料-{paper_set_id}.pdf", pdf, PDF)
