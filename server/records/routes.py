"""Printed forms of an exam session. A few tenths of a second each: made here, in a plain `def`, without a job."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from server.audit import trail
from server.auth.staff import Staff, allow
from server.db import Db, ReadDb
from server.errors import Conflict
from server.grading import results
from server.grading.summary_xlsx import UNPUBLISHED
from server.grading.tables import Publication
from server.pages import PDF, _, download, page
from server.records.reading import OVER, heading_of, room_sheets
from server.records.sheets import (
    Heading,
    RoomSheet,
    ScoreLine,
    TheoryState,
    room_record_pdf,
    score_summary_pdf,
    seat_map_pdf,
    sign_in_sheet_pdf,
)
from server.registry import reading

router = APIRouter()

Printer = Annotated[Staff, Depends(allow("records.print"))]
Maker = Callable[..., bytes]

FORMS: dict[str, tuple[str, Maker]] = {
    "sign-in-sheet": ("签到表（理论）", sign_in_sheet_pdf),
    "room-record": ("考场情况记录表（理论）", room_record_pdf),
    "seat-map": ("座次表", seat_map_pdf),
}


@router.get("/exams/{exam_id:int}/records")
def records_page(request: Request, db: ReadDb, who: Printer, exam_id: int) -> Response:
    """Which forms there are, for all rooms and for one."""
    session = reading.get_session(db, who, exam_id)
    return page(
        request,
        "records/records.html",
        session=session,
        rooms=[room for room in reading.rooms_of(db, who, exam_id) if room.seated],
        over=session.state in OVER,
        marked=session.state in {"marked", "published"},
    )


@router.get("/records/{exam_id:int}/sign-in-sheet.pdf")
def sign_in_sheet(request: Request, db: Db, who: Printer, exam_id: int, room: int | None = None) -> Response:
    """签到表（理论）."""
    return _print(request, db, who, exam_id, room, "sign-in-sheet")


@router.get("/records/{exam_id:int}/room-record.pdf")
def room_record(request: Request, db: Db, who: Printer, exam_id: int, room: int | None = None) -> Response:
    """考场情况记录表（理论）."""
    return _print(request, db, who, exam_id, room, "room-record")


@router.get("/records/{exam_id:int}/seat-map.pdf")
def seat_map(request: Request, db: Db, who: Printer, exam_id: int, room: int | None = None) -> Response:
    """座次表."""
    return _print(request, db, who, exam_id, room, "seat-map")


def _print(request: Request, db: Db, who: Staff, exam_id: int, room: int | None, form: str) -> Response:
    session = reading.get_session(db, who, exam_id)
    title, make = FORMS[form]
    rooms: Sequence[RoomSheet] = room_sheets(db, who, session, room)
    heading: Heading = heading_of(db, who, session)
    now: datetime = request.app.state.clock.now()
    pdf = make(heading, rooms, made_at=now)
    trail.append(db, who.actor, "record.printed", f"exam_session:{exam_id}", now=now, detail={"form": form, "room": room})
    return download(f"{title} {session.title}.pdf", pdf, PDF)


@router.get("/records/{exam_id:int}/score-summary.pdf")
def score_summary(request: Request, db: Db, who: Printer, exam_id: int) -> Response:
    """成绩汇总表: system marking beside the names of those who checked it."""
    session = reading.get_session(db, who, exam_id)
    if session.state not in {"marked", "published"}:
        raise Conflict(_("There is a score summary once the exam session is marked."))
    head = results.summary_head(db, exam_id)
    rows = results.summary_rows(db, exam_id, centres=who.centre_ids)
    states: dict[str, TheoryState] = {"passed": "passed", "failed": "failed", "absent": "absent", "voided": "voided"}
    now: datetime = request.app.state.clock.now()
    pdf = score_summary_pdf(
        unit=head.institution,
        occupation=head.occupation,
        level=head.level,
        title=head.title,
        lines=[ScoreLine(row.name, row.sex, states[row.outcome], row.total) for row in rows],
        reviewer=_reviewers(results.publication_in_force(db, exam_id), who),
        made_at=now,
    )
    trail.append(db, who.actor, "record.printed", f"exam_session:{exam_id}", now=now, detail={"form": "score-summary"})
    return download(f"成绩汇总表 {session.title}.pdf", pdf, PDF)


def _reviewers(publication: Publication | None, who: Staff) -> str:
    """The two people of the publication; before it, the results officer who prints the sheet to check it."""
    if publication is not None:
        return results.checkers(publication)
    return f"{who.name}　{UNPUBLISHED}" if "results_officer" in who.roles else UNPUBLISHED
