"""Pages of the entries of an exam session: list, roster import, corrections."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col, delete

from server.audit import trail
from server.auth.staff import Staff, allow
from server.db import Db, ReadDb
from server.errors import Invalid
from server.pages import XLSX, _, download, mask_id, page, redirect, translate
from server.registry import enrolment, reading
from server.registry.readiness import editable
from server.registry.roster import COLUMNS, EXAM_TYPES, MAX_EXTRA_MINUTES
from server.registry.rules import MINUTE_MS
from server.registry.sheets import Column, UnreadableSheetError, workbook
from server.registry.tables import Entry

router = APIRouter(prefix="/exams")

RosterReader = Annotated[Staff, Depends(allow("roster.read"))]
RosterWriter = Annotated[Staff, Depends(allow("roster.write"))]
PREVIEW_ROWS = 200

_NOTE = """\
姓名、身份证号必填；其余可空。 Name and ID number are needed; the rest may stay empty.
身份证号一列已设为文本，请勿改为数字，否则末几位会丢失。 Keep the ID column as text: a number loses its last digits.
考试类型填 新考 或 补考，空白按新考。 Exam type: 新考 (first) or 补考 (resit); empty means first.
准考证号留空时由系统生成。 Admission numbers are generated where the column is empty.
加时(分钟)：经批准的延长时间，0 至 240。 Extra minutes that were approved, 0 to 240.
"""


@router.get("/roster-template.xlsx")
def template(who: RosterWriter) -> Response:
    """An empty roster with the right headings."""
    widths = {"name": 14, "id_number": 24, "employer": 30, "admission_no": 22}
    columns = [Column(titles[0], widths.get(name, 12)) for name, titles in COLUMNS.items()]
    return download("名册模板 roster.xlsx", workbook("名册", columns, [], note=_NOTE), XLSX)


@router.get("/{exam_id:int}/entries")
def list_entries(request: Request, db: ReadDb, who: RosterReader, exam_id: int) -> Response:
    """All entries, by admission number."""
    session = reading.get_session(db, who, exam_id)
    return page(
        request,
        "registry/entries.html",
        session=session,
        rows=reading.entries_of(db, who, exam_id),
        editable=editable(session.state),
    )


@router.get("/{exam_id:int}/entries.xlsx")
def export_entries(request: Request, db: ReadDb, who: RosterReader, exam_id: int) -> Response:
    """The list as a spreadsheet; ID numbers masked."""
    session = reading.get_session(db, who, exam_id)
    headings = [
        (_("Admission number"), 22),
        (_("Name"), 12),
        (_("Sex"), 6),
        (_("ID number"), 24),
        (_("Exam type"), 10),
        (_("Employer"), 30),
        (_("Room"), 20),
        (_("Seat"), 8),
        (_("Form"), 8),
        (_("Extra minutes"), 12),
    ]
    columns = [Column(translate(heading), width) for heading, width in headings]
    rows = [
        [
            row.admission_no,
            row.name,
            row.sex,
            mask_id(row.id_tail),
            row.exam_type,
            row.employer,
            row.room_name,
            row.seat_no,
            row.form_label,
            row.extra_ms // MINUTE_MS or None,
        ]
        for row in reading.entries_of(db, who, exam_id)
    ]
    title = translate(_("Candidates"))
    return download(f"{session.title} {title}.xlsx", workbook(title, columns, rows), XLSX)


@router.get("/{exam_id:int}/roster")
def roster_page(request: Request, db: ReadDb, who: RosterWriter, exam_id: int) -> Response:
    """Choose a file."""
    return _roster_page(request, db, who, exam_id)


def _roster_page(request: Request, db: ReadDb, who: Staff, exam_id: int, **more: Any) -> Response:
    context: dict[str, Any] = {"roster": None, "problem": None, "file_name": "", "draft_id": None, "limit": PREVIEW_ROWS}
    context |= {"session": reading.get_session(db, who, exam_id), "columns": COLUMNS}
    context |= more
    return page(request, "registry/roster.html", status=422 if context["problem"] else 200, **context)


@router.post("/{exam_id:int}/roster")
def upload(request: Request, db: Db, who: RosterWriter, exam_id: int, file: Annotated[UploadFile, File()]) -> Response:
    """Read the file; show every mistake, or what would be stored."""
    session = reading.get_session(db, who, exam_id)
    enrolment.claim(db, session)
    limit = request.app.state.settings.upload_max_mb * 1_000_000
    data = file.file.read(limit + 1)
    name = file.filename or ""
    if len(data) > limit:
        return _roster_page(request, db, who, exam_id, problem=translate(_("The file is too large.")))
    keyring = request.app.state.keyring
    try:
        roster = enrolment.check_file(db, keyring, exam_id, data)
    except UnreadableSheetError as error:
        return _roster_page(request, db, who, exam_id, problem=translate(error.message))
    draft_id = None
    if not roster.refused:
        now = request.app.state.clock.now()
        draft_id = enrolment.stage(db, keyring, session, roster, file_name=name, by=who.actor, now=now)
    return _roster_page(request, db, who, exam_id, roster=roster, file_name=name, draft_id=draft_id)


@router.post("/{exam_id:int}/roster/{draft_id:int}")
def confirm(request: Request, db: Db, who: RosterWriter, exam_id: int, draft_id: int) -> Response:
    """Store what was shown: all of it or nothing."""
    session = reading.get_session(db, who, exam_id)
    state = request.app.state
    count = enrolment.take(db, state.keyring, session, draft_id, by=who.actor, now=state.clock.now())
    return redirect(request, f"/exams/{exam_id}/entries", _("%(count)s candidates are entered."), count=count)


class EntryForm(BaseModel):
    """What may be corrected of an entry."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=50)]
    sex: str
    exam_type: str
    employer: Annotated[str, Field(max_length=100)] = ""
    extra_minutes: Annotated[int, Field(ge=0, le=MAX_EXTRA_MINUTES)] = 0


@router.get("/{exam_id:int}/entries/{no:int}")
def entry_page(request: Request, db: ReadDb, who: RosterWriter, exam_id: int, no: int) -> Response:
    """Correct one entry."""
    session = reading.get_session(db, who, exam_id)
    return page(
        request,
        "registry/entry.html",
        session=session,
        entry=reading.get_entry(db, who, exam_id, no),
        exam_types=EXAM_TYPES,
        most=MAX_EXTRA_MINUTES,
        editable=editable(session.state),
    )


@router.post("/{exam_id:int}/entries/{no:int}")
def correct(
    request: Request,
    db: Db,
    who: RosterWriter,
    exam_id: int,
    no: int,
    form: Annotated[EntryForm, Form()],
) -> Response:
    """Store the correction of one entry. The ID number is not among it: a wrong one is removed and entered anew."""
    session = reading.get_session(db, who, exam_id)
    entry = reading.get_entry(db, who, exam_id, no)
    enrolment.claim(db, session)
    if not form.name.strip() or form.sex not in {"男", "女"} or form.exam_type not in EXAM_TYPES:
        raise Invalid
    entry.name, entry.sex, entry.exam_type = " ".join(form.name.split()), form.sex, form.exam_type
    entry.employer, entry.extra_ms = form.employer.strip(), form.extra_minutes * MINUTE_MS
    subject = f"exam_session:{exam_id}"
    detail = {"entry": no, "extra_ms": entry.extra_ms}
    trail.append(db, who.actor, "entry.corrected", subject, now=request.app.state.clock.now(), detail=detail)
    return redirect(request, f"/exams/{exam_id}/entries", _("Saved."))


@router.post("/{exam_id:int}/entries/{no:int}/remove")
def remove(request: Request, db: Db, who: RosterWriter, exam_id: int, no: int) -> Response:
    """Take an entry out while the exam session is not open."""
    session = reading.get_session(db, who, exam_id)
    reading.get_entry(db, who, exam_id, no)
    enrolment.claim(db, session)
    db.exec(delete(Entry).where(col(Entry.exam_session_id) == exam_id, col(Entry.no) == no))
    subject = f"exam_session:{exam_id}"
    trail.append(db, who.actor, "entry.removed", subject, now=request.app.state.clock.now(), detail={"entry": no})
    return redirect(request, f"/exams/{exam_id}/entries", _("The entry is removed."))
