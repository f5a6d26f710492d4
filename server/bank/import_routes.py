"""Importing items: upload, what was read, columns by hand, mistakes, storing; then the second person's decision."""

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile

from itembank.exchange import xlsx
from itembank.exchange.formats import FORMATS
from itembank.exchange.item_columns import HEADERS
from itembank.exchange.template_words import words_of
from itembank.tables import Bank
from server.bank import batches, item_list, uploads
from server.bank.mistakes_sheet import of_result, refused_workbook
from server.bank.scope import Fields, Importer, own_bank, say, text
from server.bank.syllabus_view import tree_of
from server.bank.words import BATCH_STATES, FIELD_WORDS, KINDS
from server.db import ReadDb, transaction
from server.errors import AppError, NotFound
from server.pages import LANGUAGES, XLSX, _, download, fragment, language, page, redirect, translate, wants_fragment

router = APIRouter()
SHOWN = 500
TEMPLATE_NAMES = {"zh_CN": "试题模板", "en": "items-template"}


@router.get("/{bank_id:int}/imports")
def imports(request: Request, db: ReadDb, who: Importer, bank_id: int) -> Response:
    """Bring in a file; what is under way and what came before."""
    return _imports_page(request, db, own_bank(db, who, bank_id), None)


def _imports_page(request: Request, db: Session, bank: Bank, refusal: AppError | None) -> Response:
    fields = getattr(refusal, "fields", [])
    return page(
        request,
        "bank/imports.html",
        status=refusal.status if refusal else 200,
        bank=bank,
        waiting=uploads.open_uploads(db, bank),
        batches=batches.listed(db, bank),
        states=BATCH_STATES,
        kinds=KINDS,
        formats=FORMATS,
        accepted=",".join(sorted({extension for one in FORMATS.values() for extension in one.extensions})),
        topics=item_list.topic_choices(db, bank),
        problems={problem.field: translate(problem.message, **dict(problem.params)) for problem in fields},
    )


@router.get("/{bank_id:int}/imports/template.xlsx")
def template(request: Request, db: ReadDb, who: Importer, bank_id: int, lang: str = "") -> Response:
    """The spreadsheet to fill in, with this bank's knowledge points; `lang`: another language than the page's."""
    bank = own_bank(db, who, bank_id)
    spoken = lang if lang in LANGUAGES else language.get()
    now = request.app.state.clock.now()
    content = xlsx.write_template(now=now, syllabus=tree_of(db, bank.syllabus_id), language=spoken)
    return download(f"{TEMPLATE_NAMES[spoken]}-{bank.code}.xlsx", content, XLSX)


@router.post("/{bank_id:int}/imports")
def upload_items(request: Request, who: Importer, bank_id: int, fields: Fields) -> Response:
    """Keep the file and have it read in the child process."""
    state = request.app.state
    limit = state.settings.upload_max_mb
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        options = _options(db, bank, fields)
        try:
            file, figures = _file(fields, "file"), _file(fields, "figures")
            data, pictures = uploads.content(file, limit, "file"), uploads.content(figures, limit, "figures")
            came = uploads.Incoming((file.filename or "") if file else "", data, pictures, options)
            upload = uploads.begin(db, state.jobs, who, bank, came, now=state.clock.now())
        except AppError as refusal:
            return _imports_page(request, db, bank, refusal)
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/imports/{upload.id}")


def _file(fields: FormData, name: str) -> UploadFile | None:
    found = fields.get(name)
    return found if isinstance(found, UploadFile) else None


def _options(db: Session, bank: Bank, fields: FormData) -> dict[str, Any]:
    topics = {code for code, _name, _depth, leaf in item_list.topic_choices(db, bank) if leaf}
    return uploads.read_options({name: text(fields, name) for name in fields}, topics)


@router.get("/{bank_id:int}/imports/{upload_id:int}")
def upload_page(request: Request, db: ReadDb, who: Importer, bank_id: int, upload_id: int) -> Response:
    """Progress, then what was understood and every mistake; from here on to columns, mending, or storing."""
    bank = own_bank(db, who, bank_id)
    upload = uploads.get_upload(db, bank, upload_id)
    if upload.batch_id is not None:
        return redirect(request, f"/bank/{bank_id}/batches/{upload.batch_id}")
    progress = uploads.progress_of(db, upload)
    if progress.job.state == "queued":
        request.app.state.jobs.wake()  # a notice may be lost; whoever waits gives another
    result = _result(db, progress)
    found = FORMATS.get(result.get("format", ""))
    context: dict[str, Any] = {
        "bank": bank,
        "upload": upload,
        "job": progress.job,
        "running": progress.running,
        "result": result,
        "found": found,
        "lacks": [FIELD_WORDS[name] for name in FIELD_WORDS if found is not None and name not in found.holds.fields],
        "place": say(found.place) if found is not None else translate(_("Row")),
        "mistakes": of_result(result.get("refused", [])[:SHOWN]),
        "notes": of_result(result.get("notes", [])[:SHOWN]),
        "storing": progress.job.kind == uploads.STORE,
        "fields": {name: words_of(language.get()).header(name) for name in HEADERS},
        "kinds": KINDS,
        "formats": FORMATS,
    }
    if wants_fragment(request) and progress.running:
        return fragment(request, "bank/upload.html", "progress", **context)
    if wants_fragment(request):
        return redirect(request, f"/bank/{bank_id}/imports/{upload_id}")
    return page(request, "bank/upload.html", **context, topics=item_list.topic_choices(db, bank))


def _result(db: Session, progress: uploads.Progress) -> dict[str, Any]:
    """What the last reading found; while it is stored, or when storing did not work, with what the job says beside it."""
    own = progress.job.result or {}
    return uploads.latest_reading(db, progress.upload) | own if progress.job.kind == uploads.STORE else own


@router.post("/{bank_id:int}/imports/{upload_id:int}/columns")
def choose_columns(request: Request, who: Importer, bank_id: int, upload_id: int, fields: Fields) -> Response:
    """Say which format it is, which column is what and what holds for all rows, and read again."""
    state = request.app.state
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        upload = uploads.get_upload(db, bank, upload_id)
        uploads.read_again(db, state.jobs, who, upload, _options(db, bank, fields))
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/imports/{upload_id}")


@router.post("/{bank_id:int}/imports/{upload_id:int}/store")
def store(request: Request, who: Importer, bank_id: int, upload_id: int, fields: Fields) -> Response:
    """Store what was read as a batch that waits for a second person."""
    state = request.app.state
    with transaction(state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        upload = uploads.get_upload(db, bank, upload_id)
        uploads.store(db, state.jobs, who, upload, only_good=text(fields, "only_good") == "1")
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/imports/{upload_id}")


@router.post("/{bank_id:int}/imports/{upload_id:int}/cancel")
def cancel(request: Request, who: Importer, bank_id: int, upload_id: int) -> Response:
    """Stop reading or storing; nothing that was begun will show."""
    with transaction(request.app.state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        uploads.cancel(db, uploads.progress_of(db, uploads.get_upload(db, bank, upload_id)).job)
    return redirect(request, f"/bank/{bank_id}/imports/{upload_id}", _("Stopping. Nothing has been stored."), tone="warn")


@router.post("/{bank_id:int}/imports/{upload_id:int}/give-up")
def give_up(request: Request, who: Importer, bank_id: int, upload_id: int) -> Response:
    """Forget the file."""
    with transaction(request.app.state.dbs) as db:
        bank = own_bank(db, who, bank_id)
        uploads.give_up(db, who, uploads.get_upload(db, bank, upload_id), now=request.app.state.clock.now())
    return redirect(request, f"/bank/{bank_id}/imports", _("The file is forgotten. Nothing was stored."))


@router.get("/{bank_id:int}/imports/{upload_id:int}/refused.xlsx")
def refused(request: Request, db: ReadDb, who: Importer, bank_id: int, upload_id: int) -> Response:
    """The mistakes as a spreadsheet, to mend them beside the file."""
    bank = own_bank(db, who, bank_id)
    upload = uploads.get_upload(db, bank, upload_id)
    result = uploads.latest_reading(db, upload)
    if not result.get("refused"):
        raise NotFound
    found = FORMATS.get(result.get("format", ""))
    content = refused_workbook(of_result(result["refused"]), say(found.place) if found is not None else translate(_("Row")))
    return download(translate(_("Mistakes")) + f"-{upload.id}.xlsx", content, XLSX)
