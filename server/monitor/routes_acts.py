"""Acts on seats: a form, for grave acts a second step, then what came of it seat by seat."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from server.auth.staff import Staff
from server.db import reading, transaction
from server.errors import Conflict, Invalid
from server.monitor import acts, approvals, incidents, messages, moves, rules
from server.monitor.acts import POLICIES, Act, Details, SeatResult, Target
from server.monitor.desk import Hand, answer, scope_of, wake
from server.monitor.scope import Scope
from server.registry import devices

router = APIRouter()
Width = Literal["selected", "all"]


class ActForm(BaseModel):
    """What the form of an act sends. `entry` empty with width `all`: everybody of the scope."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    width: Width = "selected"
    entry: list[int] = []
    reason: str = ""
    minutes: int = 0
    text: str = ""
    category: str = ""
    seat: str = ""
    confirmed: bool = False

    @property
    def details(self) -> Details:
        """For the commands."""
        return Details(reason=self.reason, minutes=self.minutes, text=self.text, category=self.category)

    @property
    def chosen(self) -> list[int] | None:
        """Entry numbers, None for everybody."""
        return None if self.width == "all" else self.entry


@router.get("/{exam_session_id}/act/{act}")
def act_form(
    request: Request,
    who: Hand,
    exam_session_id: int,
    act: Act,
    room: int | None = None,
    width: Width = "selected",
    entry: Annotated[list[int] | None, Query()] = None,
) -> Response:
    """The form of an act for the chosen seats."""
    scope = scope_of(request, who, exam_session_id, room)
    form = ActForm(width=width, entry=entry or [])
    with reading(request.app.state.dbs) as db:
        found = acts.targets(db, scope, form.chosen)
    return _show_form(request, scope, act, form, found)


@router.post("/{exam_session_id}/act/{act}")
def perform(
    request: Request,
    who: Hand,
    exam_session_id: int,
    act: Act,
    form: Annotated[ActForm, Form()],
    room: int | None = None,
) -> Response:
    """Do it: check, for grave acts ask once more, then hand the commands in and show what came of each."""
    scope = scope_of(request, who, exam_session_id, room)
    with reading(request.app.state.dbs) as db:
        found = acts.targets(db, scope, form.chosen)
    try:
        acts.check(act, found, form.details)
        if POLICIES[act].confirm and not form.confirmed:
            return answer(request, "monitor/act.html", **(_context(scope, act, form, found) | {"step": "confirm"}))
        return _result(request, scope, act, form, found, who)
    except Invalid as problem:
        return _show_form(request, scope, act, form, found, problem)


def _result(request: Request, scope: Scope, act: Act, form: ActForm, found: list[Target], who: Staff) -> Response:
    request_id = None
    if act is Act.CREDIT and rules.needs_second_person(form.minutes * 60_000):
        results = [SeatResult(target, "needs_second") for target in found]
    elif act is Act.TAKE_OVER:
        results = _take_over(request, scope, form, found[0], who)
    else:
        asked = acts.commands(act, scope.exam.id, found, form.details, who.actor)
        results = acts.perform(request.app.state.writer, asked, found)
    _afterwards(request, scope, act, form, results, who)
    if act in acts.TWO_PEOPLE:
        request_id = _ask_second(request, scope, act, form, results, who)
    wake(request, scope)
    context = _context(scope, act, form, found) | {"step": "done", "results": results, "request_id": request_id}
    return answer(request, "monitor/act.html", **context)


def _take_over(request: Request, scope: Scope, form: ActForm, target: Target, who: Staff) -> list[SeatResult]:
    """Fence the old PC first, then note the new seat: in that order nobody ever sits at two PCs."""
    state = request.app.state
    with reading(state.dbs) as db:
        seat = moves.chosen_seat(db, scope, form.seat)
        device = devices.device_at(db, seat.room_id, seat.seat_no) if seat else None
    details = replace(form.details, device=str(device.id) if device else None)
    asked = acts.commands(Act.TAKE_OVER, scope.exam.id, [target], details, who.actor)
    [result] = acts.perform(state.writer, asked, [target])
    if seat is None or result.code not in ("ok", "unknown"):
        return [result]
    try:
        with transaction(state.dbs) as db:
            moves.move(db, scope.exam.id, target, seat, who.actor, state.clock.now())
    except Conflict:
        return [SeatResult(target, "seat_taken")]
    return [SeatResult(target, "ok")]


def _afterwards(request: Request, scope: Scope, act: Act, form: ActForm, results: list[SeatResult], who: Staff) -> None:
    """The registers that follow an act: messages sent, the breach behind a voided paper."""
    state, done = request.app.state, [result.target for result in results if result.ok]
    if not done or act not in (Act.MESSAGE, Act.VOID):
        return
    now = state.clock.now()
    with transaction(state.dbs) as db:
        if act is Act.MESSAGE:
            messages.record(db, scope, [target.entry_no for target in done], form.text, who, now)
            return
        for target in done:
            draft = incidents.IncidentDraft(
                room_id=target.room_id,
                category=form.category,
                happened_at=now,
                text=form.reason,
                action_taken=incidents.VOIDED,
                entry_no=target.entry_no,
            )
            incidents.record(db, scope, draft, who, now)


def _ask_second(request: Request, scope: Scope, act: Act, form: ActForm, results: list[SeatResult], who: Staff) -> int | None:
    """Everybody for whom one person may not do it alone becomes one request."""
    waiting = [result.target for result in results if result.code == "needs_second"]
    if not waiting:
        return None
    wanted = approvals.Request(
        kind=act.value,
        entry_nos=tuple(target.entry_no for target in waiting),
        room_ids=tuple(target.room_id for target in waiting),
        reason=form.reason,
        detail={"minutes": form.minutes},
    )
    state = request.app.state
    with transaction(state.dbs) as db:
        return approvals.ask(db, scope, wanted, who, state.clock.now())


def _show_form(
    request: Request, scope: Scope, act: Act, form: ActForm, found: list[Target], problem: Invalid | None = None
) -> Response:
    seats = []
    if act is Act.TAKE_OVER:
        with reading(request.app.state.dbs) as db:
            seats = moves.free_seats(db, scope)
    problems = {field.field: field.message for field in problem.fields} if problem else {}
    status = problem.status if problem else 200
    context = _context(scope, act, form, found) | {"step": "form", "seats": seats, "problems": problems}
    return answer(request, "monitor/act.html", status=status, **context)


def _context(scope: Scope, act: Act, form: ActForm, found: list[Target]) -> dict[str, Any]:
    return {
        "scope": scope,
        "tab": "board",
        "act": act,
        "policy": POLICIES[act],
        "form": form,
        "targets": found,
        "breaches": {key: rules.INCIDENT_CATEGORIES[key] for key in rules.BREACHES},
        "message_max": messages.TEXT_MAX,
        "seats": [],
        "problems": {},
        "results": [],
        "request_id": None,
    }
