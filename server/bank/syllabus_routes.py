"""Importing a content table (鉴定要素细目表): all mistakes by row and column, or the tree to confirm."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, Response, UploadFile
from sqlmodel import Session

from itembank import intake
from itembank.exchange import xlsx
from server.audit import trail
from server.auth.staff import Staff
from server.bank import syllabus_form, syllabus_view, uploads
from server.bank.mistakes_sheet import of_errors
from server.bank.scope import BankReader, SyllabusImporter, library, own_syllabus
from server.bank.tables import Upload
from server.bank.words import IMPORTANCES, LEVELS
from server.db import Db, ReadDb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.pages import XLSX, _, download, page, redirect

router = APIRouter(prefix="/syllabus")
_LIMITS = xlsx.Limits(file_bytes=3_000_000, unpacked_bytes=60_000_000, rows=5_000, legacy=False)
_CHINESE = {"五": 5, "四": 4, "三": 3, "二": 2, "一": 1}


@router.get("/import")
def import_form(request: Request, who: SyllabusImporter) -> Response:
    """Choose the file."""
    return page(request, "bank/syllabus_import.html", mistakes=None, name="")


@router.post("/import")
def upload(request: Request, db: Db, who: SyllabusImporter, file: Annotated[UploadFile | None, File()] = None) -> Response:
    """Read it: every mistake, or on to the tree."""
    data = uploads.content(file, 3, "file")
    if not data or file is None:
        raise Invalid(fields=[FieldError("file", _("Choose a file first."))])
    found = xlsx.read_syllabus(data, _LIMITS)
    name = (file.filename or "")[:200]
    if isinstance(found, list):
        return page(request, "bank/syllabus_import.html", status=422, mistakes=of_errors(found), name=name)
    now = request.app.state.clock.now()
    row = Upload(
        institution_id=who.institution_id, purpose="syllabus", name=name, data=data, created_at=now, created_by=who.person_id
    )
    db.add(row)
    db.flush()
    return redirect(request, f"/bank/syllabus/import/{row.id}")


def _read(db: Session, who: Staff, upload_id: int) -> tuple[Upload, xlsx.ParsedSyllabus]:
    row = db.get(Upload, upload_id)
    if row is None or row.institution_id != who.institution_id or row.purpose != "syllabus":
        raise NotFound
    if row.data is None:
        raise Conflict(_("This file has been stored or given up already."))
    found = xlsx.read_syllabus(row.data, _LIMITS)
    if isinstance(found, list):
        raise NotFound
    return row, found


@router.get("/import/{upload_id:int}")
def preview(request: Request, db: ReadDb, who: SyllabusImporter, upload_id: int) -> Response:
    """The tree as it will be stored."""
    row, found = _read(db, who, upload_id)
    lines = syllabus_view.lines(found.syllabus)
    return page(
        request,
        "bank/syllabus_preview.html",
        upload=row,
        tree=found.syllabus,
        lines=lines,
        leaves=sum(line.is_leaf for line in lines),
        notes=of_errors(found.notes),
        level=level_of(found.syllabus.level),
        levels=LEVELS,
        importances=IMPORTANCES,
    )


@router.post("/import/{upload_id:int}")
def confirm(request: Request, db: Db, who: SyllabusImporter, upload_id: int) -> Response:
    """Store it as the next version for its occupation and level."""
    row, found = _read(db, who, upload_id)
    level = level_of(found.syllabus.level)
    if level is None:
        raise Invalid(
            fields=[FieldError("level", _("The level in the file is not one of 一级 to 五级: correct the cell beside 等级."))]
        )
    now = request.app.state.clock.now()
    with library():
        stored = intake.store_syllabus(db, who.institution_id, found.syllabus, level=level, by=who.person_id, now=now)
    row.data, row.closed = None, True
    detail = {"occupation": stored.occupation_code, "level": level, "version": stored.version}
    trail.append(db, who.actor, "syllabus.imported", f"syllabus:{stored.id}", now=now, detail=detail)
    if stored.version > 1:
        said = _("Version %(n)s is stored. Banks go over to it one by one, below.")
        return redirect(request, f"/bank/syllabus/{stored.id}", said, n=stored.version)
    said = _("The content table is stored. Now make the bank that follows it.")
    return redirect(request, f"/bank/new?syllabus={stored.id}", said)


@router.get("/{syllabus_id:int}")
def show(request: Request, db: ReadDb, who: BankReader, syllabus_id: int) -> Response:
    """A stored content table."""
    row = own_syllabus(db, who, syllabus_id)
    lines = syllabus_view.lines(syllabus_view.tree_of(db, row.id))
    versions = syllabus_view.versions(db, row)
    followers = syllabus_form.followers(db, who.institution_id, [one.id for one in versions])
    context: dict[str, Any] = {"syllabus": row, "lines": lines, "versions": versions, "followers": followers}
    return page(request, "bank/syllabus.html", **context, levels=LEVELS, importances=IMPORTANCES)


@router.get("/{syllabus_id:int}/table.xlsx")
def export(request: Request, db: ReadDb, who: BankReader, syllabus_id: int) -> Response:
    """The same as a spreadsheet in the official columns."""
    row = own_syllabus(db, who, syllabus_id)
    content = xlsx.write_syllabus(syllabus_view.tree_of(db, row.id), now=request.app.state.clock.now())
    return download(f"{row.title}.xlsx", content, XLSX)


def level_of(text: str) -> int | None:
    """Level 1 to 5 of 四级, 4, 中级工 四级 …; None where there is none."""
    found = re.search(r"([1-5])|([一二三四五])\s*级", text)
    if found is None:
        return None
    return int(found[1]) if found[1] else _CHINESE[found[2]]
