"""The registers of a room: incidents, reported questions, messages sent."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from server.db import reading, transaction
from server.errors import FieldError, Invalid
from server.monitor import acts, incidents, messages, reports, rules
from server.monitor.desk import Hand, Viewer, scope_of, wake
from server.monitor.incidents import IncidentDraft
from server.monitor.scope import Scope
from server.pages import BEIJING, XLSX, _, beijing, download, page, redirect

router = APIRouter()


class IncidentForm(BaseModel):
    """The form of one line. `place` is "room" or "room-seat"; `happened_at` Beijing time as the browser sends it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    place: str = ""
    category: str = ""
    happened_at: str = ""
    text: str = ""
    action_taken: str = ""
    corrects_id: str = ""

    def draft(self) -> IncidentDraft:
        """Parsed; raises `Invalid` for what cannot be read."""
        room, _dash, seat = self.place.partition("-")
        problems = []
        if not room.isdecimal() or (seat and not seat.isdecimal()):
            problems.append(FieldError("place", _("Choose a room or a seat.")))
        if self.corrects_id and not self.corrects_id.isdecimal():
            problems.append(FieldError("corrects_id", _("There is no such line to correct.")))
        try:
            happened_at = datetime.fromisoformat(self.happened_at).replace(tzinfo=BEIJING)
        except ValueError:
            problems.append(FieldError("happened_at", _("Give date and time.")))
        if problems:
            raise Invalid(fields=problems)
        return IncidentDraft(
            room_id=int(room),
            category=self.category,
            happened_at=happened_at,
            text=self.text,
            action_taken=self.action_taken,
            seat_no=int(seat) if seat else None,
            corrects_id=int(self.corrects_id) if self.corrects_id else None,
        )


@router.get("/{exam_session_id}/incidents")
def incident_list(request: Request, who: Viewer, exam_session_id: int, room: int | None = None, place: str = "") -> Response:
    """The register with the form for the next line."""
    scope = scope_of(request, who, exam_session_id, room)
    form = IncidentForm(place=place, happened_at=beijing(request.app.state.clock.now(), "%Y-%m-%dT%H:%M"))
    return _show_incidents(request, scope, form)


@router.post("/{exam_session_id}/incidents")
def add_incident(
    request: Request, who: Hand, exam_session_id: int, form: Annotated[IncidentForm, Form()], room: int | None = None
) -> Response:
    """Add a line."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    try:
        draft = form.draft()
        with transaction(state.dbs) as db:
            incidents.record(db, scope, draft, who, state.clock.now())
    except Invalid as problem:
        return _show_incidents(request, scope, form, problem)
    return redirect(request, scope.url("incidents"), _("Recorded."))


def _show_incidents(request: Request, scope: Scope, form: IncidentForm, problem: Invalid | None = None) -> Response:
    with reading(request.app.state.dbs) as db:
        found = incidents.lines(db, scope)
        people = acts.targets(db, scope, None)
    return page(
        request,
        "monitor/incidents.html",
        status=problem.status if problem else 200,
        scope=scope,
        tab="incidents",
        lines=found,
        people=people,
        categories=rules.INCIDENT_CATEGORIES,
        form=form,
        problems={field.field: field.message for field in problem.fields} if problem else {},
    )


@router.get("/{exam_session_id}/incidents.xlsx")
def incidents_xlsx(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """The register as a workbook."""
    scope = scope_of(request, who, exam_session_id, room)
    with reading(request.app.state.dbs) as db:
        found = incidents.lines(db, scope)
    return download(f"异常记录-{scope.exam.id}.xlsx", incidents.to_xlsx(found), XLSX)


@router.get("/{exam_session_id}/reports")
def report_list(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """Questions candidates call faulty: form, slot and how many; not the question."""
    scope = scope_of(request, who, exam_session_id, room)
    with reading(request.app.state.dbs) as db:
        found = reports.reported(db, scope)
    return page(request, "monitor/reports.html", scope=scope, tab="reports", reports=found)


@router.post("/{exam_session_id}/reports/seen")
def report_seen(
    request: Request,
    who: Hand,
    exam_session_id: int,
    form_label: Annotated[str, Form(max_length=8)],
    slot: Annotated[int, Form(ge=1)],
    room: int | None = None,
) -> Response:
    """Note that somebody looked into it."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    with transaction(state.dbs) as db:
        found = reports.mark_seen(db, scope, form_label, slot, who, state.clock.now())
    wake(request, scope)
    if not found:
        return redirect(request, scope.url("reports"), _("Nobody reported this question."), "warn")
    return redirect(request, scope.url("reports"), _("Noted as looked at."))


@router.get("/{exam_session_id}/messages")
def message_list(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """What was sent to candidates' screens, by whom."""
    scope = scope_of(request, who, exam_session_id, room)
    with reading(request.app.state.dbs) as db:
        people = {target.entry_no: target for target in acts.targets(db, scope, None)}
        found = messages.sent(db, scope, frozenset(people))
    return page(request, "monitor/messages.html", scope=scope, tab="messages", sent=found, people=people)
