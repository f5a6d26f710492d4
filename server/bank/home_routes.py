"""The list of banks, a bank's home, its coverage and its ledger."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from itembank.pool import load_topics
from server.bank import banks, coverage_view, export_view, my_work, overview, runway_view, syllabus_view
from server.bank.ledger_view import ledger_page
from server.bank.scope import BankReader, SyllabusImporter, own_bank
from server.bank.shortage_words import Sentences, tasks_of
from server.bank.words import CLAIMS, IMPORTANCES, KINDS, LEVELS, POLICIES, PROVENANCES, STATES
from server.db import Db, ReadDb
from server.errors import AppError, Invalid
from server.pages import XLSX, _, download, page, redirect, translate

router = APIRouter()


@router.get("")
def list_banks(request: Request, db: ReadDb, who: BankReader) -> Response:
    """All banks of the institution."""
    return page(
        request,
        "bank/banks.html",
        lines=overview.banks(db, who.institution_id),
        syllabuses=banks.syllabuses(db, who.institution_id),
        levels=LEVELS,
        provenances=PROVENANCES,
        policies=POLICIES,
    )


@router.get("/new")
def new_bank(request: Request, db: ReadDb, who: SyllabusImporter, syllabus: int | None = None) -> Response:
    """The form for a bank."""
    return _form_page(request, db, who, {"syllabus_id": syllabus}, None)


@router.post("/new")
def create_bank(request: Request, db: Db, who: SyllabusImporter, form: Annotated[banks.BankForm, Form()]) -> Response:
    """Make it."""
    try:
        bank = banks.create(db, who, form, now=request.app.state.clock.now())
    except Invalid as refusal:
        return _form_page(request, db, who, form.model_dump(), refusal)
    return redirect(request, f"/bank/{bank.id}", _("The bank is there. Bring in items, or write the first one."))


def _form_page(
    request: Request, db: ReadDb, who: SyllabusImporter, values: dict[str, object], refusal: AppError | None
) -> Response:
    fields = refusal.fields if isinstance(refusal, Invalid) else []
    blank = {
        "code": "",
        "name": "",
        "syllabus_id": None,
        "provenance": "self_built",
        "policy": "once",
        "cap": 2,
        "experts_needed": 2,
    }
    return page(
        request,
        "bank/bank_form.html",
        status=refusal.status if refusal else 200,
        values={**blank, "cooling_months": 12, **values},
        problems={problem.field: translate(problem.message, **dict(problem.params)) for problem in fields},
        syllabuses=banks.syllabuses(db, who.institution_id),
        levels=LEVELS,
        provenances=PROVENANCES,
        policies=POLICIES,
    )


@router.get("/{bank_id:int}")
def home(request: Request, db: ReadDb, who: BankReader, bank_id: int) -> Response:
    """How the bank stands: what there is, what is missing, how long it lasts."""
    bank = own_bank(db, who, bank_id)
    topics = overview.coverage(db, bank)
    total = overview.Tally()
    for row in topics:
        if row.is_leaf:
            total.add(row.tally)
    return page(
        request,
        "bank/home.html",
        bank=bank,
        counts=overview.by_state_and_kind(db, bank),
        total=total,
        leaves=sum(row.is_leaf for row in topics),
        thin=[row for row in topics if row.short],
        waiting=overview.waiting_counts(db, bank),
        work=my_work.work_of(db, who, bank, now=request.app.state.clock.now()),
        exports_waiting=export_view.waiting(db, bank, request.app.state.clock.now()),
        runways=runway_view.runways(db, bank),
        sentences=Sentences(load_topics(db, bank)),
        tasks=tasks_of(bank),
        least=overview.LEAST_PER_LEAF,
        kinds=KINDS,
        states=STATES,
        levels=LEVELS,
        provenances=PROVENANCES,
        policies=POLICIES,
    )


@router.get("/{bank_id:int}/coverage")
def coverage(request: Request, db: ReadDb, who: BankReader, bank_id: int, short: str = "") -> Response:
    """Items per topic of the content table; `short`: only where there are too few."""
    bank = own_bank(db, who, bank_id)
    return page(
        request,
        "bank/coverage.html",
        bank=bank,
        view=coverage_view.coverage_page(db, bank, only_short=short == "1"),
        only_short=short == "1",
        newer=syllabus_view.newer(db, bank),
        tasks=tasks_of(bank),
        least=overview.LEAST_PER_LEAF,
        importances=IMPORTANCES,
        kinds=KINDS,
    )


@router.get("/{bank_id:int}/coverage.xlsx")
def coverage_workbook(request: Request, db: ReadDb, who: BankReader, bank_id: int) -> Response:
    """The same as a spreadsheet."""
    bank = own_bank(db, who, bank_id)
    view = coverage_view.coverage_page(db, bank, only_short=False)
    name = translate(_("Coverage of %(bank)s"), bank=bank.name)
    return download(f"{name}.xlsx", coverage_view.workbook(view.rows, view.kinds), XLSX)


@router.get("/{bank_id:int}/ledger")
def ledger(request: Request, db: ReadDb, who: BankReader, bank_id: int, state: str = "", number: int = 1) -> Response:
    """What is reserved and used, by whom, for which form."""
    bank = own_bank(db, who, bank_id)
    return page(
        request,
        "bank/ledger.html",
        bank=bank,
        **ledger_page(db, bank, state if state in CLAIMS else "", max(1, number)),
        claims=CLAIMS,
    )
