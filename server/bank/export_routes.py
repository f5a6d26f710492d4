"""Exports: what a file would hold, asking, the second person's decision, the file for whoever asked."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from sqlmodel import Session

from itembank.exchange.formats import FORMATS
from itembank.markup import storable
from itembank.tables import Bank
from server.audit import trail
from server.bank import export_view, item_exports, item_list
from server.bank.export_view import EXPORTED, Wish
from server.bank.scope import ExportDecider, Exporter, own_bank
from server.bank.words import CLAIMS, EXPORT_STATES, EXPORT_STEPS, KINDS, STATES
from server.db import Db, ReadDb, transaction
from server.errors import AppError, FieldError, Invalid
from server.pages import _, download, fragment, page, redirect, translate, wants_fragment

router = APIRouter()


class WishQuery(item_list.FilterQuery):
    """A filter and what is wanted of it, as a browser sends it."""

    format: str = "xlsx"
    keys: str = ""
    reason: str = ""

    @property
    def wish(self) -> Wish:
        """Odd values count as the usual ones."""
        return Wish(self.format if self.format in EXPORTED else "xlsx", self.keys == "1", self.filter)


@router.get("/{bank_id:int}/exports")
def list_exports(request: Request, db: ReadDb, who: Exporter, bank_id: int, wanted: Annotated[WishQuery, Query()]) -> Response:
    """What was asked for, and a form to ask; the preview alone when htmx asks."""
    bank = own_bank(db, who, bank_id)
    if wants_fragment(request):
        return fragment(request, "bank/exports.html", "preview", **_form(db, bank, wanted, who.person_id))
    return _exports_page(request, db, bank, wanted, who.person_id, None)


def _form(db: Session, bank: Bank, wanted: WishQuery, reader: int) -> dict[str, Any]:
    wish = wanted.wish
    return {"bank": bank, "wish": wish, "preview": export_view.preview(db, bank, wish, reader), "kinds": KINDS}


def _exports_page(
    request: Request, db: Session, bank: Bank, wanted: WishQuery, reader: int, refusal: AppError | None
) -> Response:
    fields = getattr(refusal, "fields", [])
    return page(
        request,
        "bank/exports.html",
        status=refusal.status if refusal else 200,
        **_form(db, bank, wanted, reader),
        lines=export_view.listed(db, bank, request.app.state.clock.now()),
        formats={code: FORMATS[code] for code in EXPORTED},
        topics=item_list.topic_choices(db, bank),
        states=STATES,
        claims=CLAIMS,
        export_states=EXPORT_STATES,
        reason=wanted.reason,
        refusal=translate(refusal.message, **refusal.params) if refusal and not fields else "",
        problems={problem.field: translate(problem.message, **dict(problem.params)) for problem in fields},
    )


@router.post("/{bank_id:int}/exports")
def ask(request: Request, who: Exporter, bank_id: int, wanted: Annotated[WishQuery, Form()]) -> Response:
    """Ask for what the form says."""
    state = request.app.state
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        reason = " ".join(storable(wanted.reason).split())[:300]
        try:
            row = item_exports.ask(db, who, bank, wanted.wish, reason, now=state.clock.now())
        except AppError as refusal:
            return _exports_page(request, db, bank, wanted, who.person_id, refusal)
        number = row.id
    return redirect(request, f"/bank/{bank_id}/exports/{number}", _("Asked. A second person has to agree before a file is made."))


@router.get("/{bank_id:int}/exports/{number:int}")
def one(request: Request, db: ReadDb, who: Exporter, bank_id: int, number: int) -> Response:
    """One export: what was asked for, by whom, and what can be done now."""
    bank = own_bank(db, who, bank_id)
    line = export_view.get_export(db, bank, number, request.app.state.clock.now())
    if line.job is not None and line.job.state == "queued":
        request.app.state.jobs.wake()  # a notice may be lost; whoever waits gives another
    context: dict[str, Any] = {"bank": bank, "line": line}
    if wants_fragment(request) and line.state == "making":
        return fragment(request, "bank/export.html", "progress", **context)
    if wants_fragment(request):
        return redirect(request, f"/bank/{bank_id}/exports/{number}")
    return page(
        request,
        "bank/export.html",
        **context,
        narrowed=export_view.filter_of(line.row.narrowed),
        story=trail.about(db, f"item_export:{number}"),
        format=FORMATS[line.row.format],
        kinds=KINDS,
        states=STATES,
        claims=CLAIMS,
        export_states=EXPORT_STATES,
        steps=EXPORT_STEPS,
    )


@router.post("/{bank_id:int}/exports/{number:int}/decide")
def decide(
    request: Request,
    who: ExportDecider,
    bank_id: int,
    number: int,
    decision: Annotated[str, Form()] = "",
    note: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """The second person agrees or refuses."""
    state, agree = request.app.state, decision == "agree"
    now = state.clock.now()
    with transaction(state.dbs) as db:
        line = export_view.get_export(db, own_bank(db, who, bank_id), number, now)
        if decision not in {"agree", "refuse"}:
            raise Invalid(fields=[FieldError("decision", _("Agree, or refuse."))])
        item_exports.decide(db, state.jobs, who, line, agree=agree, note=storable(note).strip(), now=now)
    state.jobs.wake()
    said = _("Agreed. The file is being made for the person who asked.") if agree else _("The export is refused.")
    return redirect(request, f"/bank/{bank_id}/exports/{number}", said, tone="ok" if agree else "warn")


@router.post("/{bank_id:int}/exports/{number:int}/take-back")
def take_back(request: Request, db: Db, who: Exporter, bank_id: int, number: int) -> Response:
    """Whoever asked takes the request back."""
    now = request.app.state.clock.now()
    item_exports.take_back(db, who, export_view.get_export(db, own_bank(db, who, bank_id), number, now), now=now)
    return redirect(request, f"/bank/{bank_id}/exports", _("The request is taken back."), tone="warn")


@router.post("/{bank_id:int}/exports/{number:int}/again")
def again(request: Request, who: Exporter, bank_id: int, number: int) -> Response:
    """Make the file once more."""
    state = request.app.state
    with transaction(state.dbs) as db:
        line = export_view.get_export(db, own_bank(db, who, bank_id), number, state.clock.now())
        item_exports.again(db, state.jobs, who, line)
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/exports/{number}")


@router.get("/{bank_id:int}/exports/{number:int}/file")
def file(request: Request, db: Db, who: Exporter, bank_id: int, number: int) -> Response:
    """The file, for whoever asked; the trail's row is committed before the first byte leaves."""
    state = request.app.state
    now = state.clock.now()
    line = export_view.get_export(db, own_bank(db, who, bank_id), number, now)
    found, data = item_exports.take(db, state.keyring, who, line, now=now)
    return download(found.name, data, found.media_type)
