"""What waits at the desk: requests for a second person, operations kept apart, PCs to bind."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from server.auth.staff import Staff
from server.db import reading, transaction
from server.errors import Forbidden, NotFound
from server.monitor import acts, approvals, kept_apart, routes_time
from server.monitor.acts import Act, Details
from server.monitor.desk import Hand, Viewer, scope_of, wake
from server.monitor.scope import Scope
from server.monitor.tables import ApprovalRequest
from server.pages import _, page, redirect
from server.registry import devices

router = APIRouter()


@router.get("/{exam_session_id}/approvals")
def approval_list(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """Requests that wait for a second person, and what became of the others."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    with reading(state.dbs) as db:
        found = approvals.listed(db, scope)
        names = {target.entry_no: target for target in acts.targets(db, scope, None)}
    return page(
        request,
        "monitor/approvals.html",
        scope=scope,
        tab="approvals",
        requests=[(row, approvals.standing(row, state.clock.now())) for row in found],
        names=names,
        results=acts.RESULTS,
        me=who.person_id,
    )


@router.post("/{exam_session_id}/approvals/{request_id}")
def decide(
    request: Request,
    who: Hand,
    exam_session_id: int,
    request_id: int,
    decision: Annotated[str, Form(pattern="^(confirm|decline)$")],
    room: int | None = None,
) -> Response:
    """The second person's word. The decision is stored first, then the command goes out in both names."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    with transaction(state.dbs) as db:
        if approvals.find(db, scope, request_id).kind == "withdraw_outage" and not who.may("outage.decide"):
            raise Forbidden(_("Only an exam officer decides on the credit for an outage."))
        row = approvals.decide(db, scope, request_id, decision == "confirm", who, state.clock.now())
    if decision == "decline":
        return redirect(request, scope.url("approvals"), _("Declined. Nothing was changed."))
    result = _carry_out(request, scope, row, who)
    with transaction(state.dbs) as db:
        approvals.finish(db, request_id, result, state.clock.now())
    wake(request, scope)
    done = sum(1 for code in result["codes"].values() if code == "ok")
    tone = "ok" if done == len(result["codes"]) else "warn"
    text = _("Confirmed: done for %(done)s of %(all)s.")
    return redirect(request, scope.url("approvals"), text, tone, done=done, all=len(result["codes"]))


def _carry_out(request: Request, scope: Scope, row: ApprovalRequest, second: Staff) -> dict[str, Any]:
    """Hand in the commands of a confirmed request; entry number -> code."""
    state, first = request.app.state, approvals.asker(row)
    if row.kind == "withdraw_outage":
        return {"codes": routes_time.withdraw_confirmed(request, scope, row.detail["outage"], row, second)}
    with reading(state.dbs) as db:
        found = acts.targets(db, scope, row.entry_nos)
        if row.kind in acts.TWO_PEOPLE:
            details = Details(reason=row.reason, minutes=row.detail["minutes"])
            asked = acts.commands(Act(row.kind), scope.exam.id, found, details, first, second.actor)
        else:
            asked = kept_apart.commands(db, scope.exam.id, found, row, first, second.actor)
    results = acts.perform(state.writer, asked, found)
    return {"codes": {str(result.target.entry_no): result.code for result in results}}


@router.get("/{exam_session_id}/kept-apart")
def kept_list(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """Operations that came late, from a fenced page or after the end: what, when and why, without texts or keys."""
    scope = scope_of(request, who, exam_session_id, room)
    with reading(request.app.state.dbs) as db:
        found = kept_apart.listed(db, scope)
    return page(request, "monitor/kept_apart.html", scope=scope, tab="kept", kept=found)


@router.post("/{exam_session_id}/kept-apart/{entry_no}")
def ask_to_admit(
    request: Request,
    who: Hand,
    exam_session_id: int,
    entry_no: int,
    reason: Annotated[str, Form(min_length=2, max_length=500)],
    operation: Annotated[list[str] | None, Form()] = None,
    room: int | None = None,
) -> Response:
    """Ask that the ticked operations of a candidate be counted; a second person decides."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    with transaction(state.dbs) as db:
        group = kept_apart.find(db, scope, entry_no)
        names = [name for name in group.names if name in set(operation or ())]
        if not names:
            return redirect(request, scope.url("kept-apart"), _("Tick the operations that should count."), "bad")
        wanted = approvals.Request(
            kind="admit_late",
            entry_nos=(entry_no,),
            room_ids=(group.target.room_id,),
            reason=reason.strip(),
            detail={"operations": names},
        )
        approvals.ask(db, scope, wanted, who, state.clock.now())
    wake(request, scope)
    return redirect(request, scope.url("approvals"), _("Asked. Another person now has to confirm it."))


@router.get("/{exam_session_id}/devices")
def device_list(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """PCs that wait to be bound, and the seats with the PCs that stand there."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    with reading(state.dbs) as db:
        waiting = devices.unbound(db, state.clock.now())
        bound = devices.bound_seats(db, scope.room_ids)
        names = {(target.room_id, target.seat_no): target.name for target in acts.targets(db, scope, None)}
    return page(request, "monitor/devices.html", scope=scope, tab="devices", unbound=waiting, bound=bound, names=names)


@router.post("/{exam_session_id}/devices")
def bind(
    request: Request,
    who: Hand,
    exam_session_id: int,
    code: Annotated[str, Form(max_length=12)],
    seat: Annotated[str, Form(max_length=20)],
    room: int | None = None,
) -> Response:
    """Bind the PC that shows `code` to a seat of the scope; a PC bound elsewhere moves only if it stands in the scope."""
    scope = scope_of(request, who, exam_session_id, room)
    place, seat_no = _seat(scope, seat)
    state = request.app.state
    with transaction(state.dbs) as db:
        device = devices.find_by_code(db, code)
        if device is None or device.id is None:
            return redirect(request, scope.url("devices"), _("No PC shows this code."), "bad")
        stands = devices.seat_of(db, device)
        if stands is not None and stands[0] not in scope.room_ids:
            raise Forbidden(_("This PC stands in another room. Unbind it there first."))
        devices.bind(db, device.id, place, seat_no, actor=who.actor, now=state.clock.now())
    wake(request, scope)
    return redirect(request, scope.url("devices"), _("Bound PC %(code)s to seat %(seat)s."), code=device.code, seat=seat_no)


@router.post("/{exam_session_id}/devices/unbind")
def unbind(
    request: Request,
    who: Hand,
    exam_session_id: int,
    seat: Annotated[str, Form(max_length=20)],
    room: int | None = None,
) -> Response:
    """Free a seat of its PC."""
    scope = scope_of(request, who, exam_session_id, room)
    place, seat_no = _seat(scope, seat)
    state = request.app.state
    with transaction(state.dbs) as db:
        devices.unbind(db, place, seat_no, actor=who.actor, now=state.clock.now())
    wake(request, scope)
    return redirect(request, scope.url("devices"), _("Seat %(seat)s has no PC now."), seat=seat_no)


def _seat(scope: Scope, value: str) -> tuple[int, int]:
    """(room id, seat number) of "room-seat"; `NotFound` outside the scope."""
    room_id, _dash, seat_no = value.partition("-")
    if not (room_id.isdecimal() and seat_no.isdecimal()):
        raise NotFound
    place = scope.room(int(room_id))
    if not 1 <= int(seat_no) <= place.capacity:
        raise NotFound
    return place.id, int(seat_no)
