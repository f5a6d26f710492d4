"""Time in trouble: the credits for outages of an exam session, and the clocks of the server."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from server.auth.staff import Staff, allow
from server.db import reading, transaction
from server.errors import Conflict, Forbidden, NotFound
from server.monitor import approvals, rules
from server.monitor.desk import Viewer, scope_of, wake
from server.monitor.scope import Scope, rooms_of
from server.pages import _, page, redirect
from server.sitting import doubt, outages
from server.sitting.doubt import AGREED, Offsets

router = APIRouter()

Judge = Annotated[Staff, Depends(allow("outage.decide"))]
Timekeeper = Annotated[Staff, Depends(allow("clock.confirm"))]
Reason = Annotated[str, Form(min_length=rules.REASON_MIN, max_length=rules.TEXT_MAX)]


@router.get("/{exam_session_id}/outages")
def outage_list(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """When the server was away during this exam session, what was given back, and a person's word on it."""
    scope = scope_of(request, who, exam_session_id, room)
    with reading(request.app.state.dbs) as db:
        found = outages.listed(db, exam_session_id)
    return page(request, "monitor/outages.html", scope=scope, tab="outages", found=found, alone_ms=rules.CREDIT_ALONE_MS)


@router.post("/{exam_session_id}/outages/{outage_id}")
def decide(
    request: Request,
    who: Judge,
    exam_session_id: int,
    outage_id: int,
    decision: Annotated[Literal["confirm", "withdraw"], Form()],
    reason: Reason,
    room: int | None = None,
) -> Response:
    """Confirm the credit, or withdraw what is not used up of it; above five minutes a second person has to agree to that."""
    scope = whole_exam(request, who, exam_session_id)
    state = request.app.state
    now = state.clock.now()
    most_ms = _open_effect(request, exam_session_id, outage_id)
    if decision == "withdraw" and rules.needs_second_person(most_ms):
        wanted = approvals.Request(
            kind="withdraw_outage",
            entry_nos=tuple(outages.credited(state.dbs, outage_id, exam_session_id)),
            room_ids=scope.room_ids,
            reason=reason.strip(),
            detail={"outage": outage_id},
        )
        with transaction(state.dbs) as db:
            approvals.ask(db, scope, wanted, who, now)
        wake(request, scope)
        return redirect(request, scope.url("approvals"), _("Asked. Another person now has to confirm it."))
    if decision == "withdraw":
        outages.withdraw(state.dbs, state.writer, outage_id, exam_session_id, actor=who.actor, second=None, reason=reason.strip())
    word = "confirmed" if decision == "confirm" else "withdrawn"
    with transaction(state.dbs) as db:
        if not outages.decide(db, outage_id, exam_session_id, word, actor=who.actor, second=None, reason=reason.strip(), now=now):
            raise Conflict(_("Somebody has decided this already."))
    wake(request, scope)
    return redirect(request, scope.url("outages"), _("Noted, with your name and reason."))


def whole_exam(request: Request, who: Staff, exam_session_id: int) -> Scope:
    """The scope of somebody who sees every room: what concerns all candidates is not decided from one room."""
    scope = scope_of(request, who, exam_session_id, None)
    with reading(request.app.state.dbs) as db:
        rooms = rooms_of(db, [exam_session_id])[exam_session_id]
    if len(rooms) != len(scope.rooms):
        raise Forbidden(_("This concerns rooms of other centres as well: somebody responsible for all of them decides."))
    return scope


def _open_effect(request: Request, exam_session_id: int, outage_id: int) -> int:
    """The longest credit of an outage that waits for a word."""
    with reading(request.app.state.dbs) as db:
        found = {outage.id: effect for effect, outage in outages.listed(db, exam_session_id)}
    if outage_id not in found:
        raise NotFound
    effect = found[outage_id]
    if effect.applied_at is None:
        raise Conflict(_("The credit is being given right now. Try again in a moment."))
    if effect.decided_at is not None:
        raise Conflict(_("Somebody has decided this already."))
    return effect.most_ms or 0


def withdraw_confirmed(request: Request, scope: Scope, outage_id: int, asked: Any, second: Staff) -> dict[str, str]:
    """Carry out a withdrawal two people agreed to; entry number -> code."""
    state, first = request.app.state, approvals.asker(asked)
    entries = sorted(no for no, ms in outages.credited(state.dbs, outage_id, scope.exam.id).items() if ms)
    outcomes = outages.withdraw(
        state.dbs, state.writer, outage_id, scope.exam.id, actor=first, second=second.actor, reason=asked.reason
    )
    with transaction(state.dbs) as db:
        outages.decide(
            db,
            outage_id,
            scope.exam.id,
            "withdrawn",
            actor=first,
            second=second.actor,
            reason=asked.reason,
            now=state.clock.now(),
        )
    return {str(no): outcome.code for no, outcome in zip(entries, outcomes, strict=True)}


@router.get("/clocks")
def clocks(request: Request, who: Timekeeper) -> Response:
    """The server's clock beside the machine's and the database's, and what was decided about them."""
    return _clock_page(request)


def _clock_page(request: Request, **more: Any) -> Response:
    state = request.app.state
    watch = state.core.closer.doubt
    offsets: Offsets = watch.offsets()
    with reading(state.dbs) as db:
        last = doubt.latest_decision(db)
    return page(
        request,
        "monitor/clocks.html",
        now=state.clock.now(),
        offsets=offsets,
        with_database=watch.references.database is not None,
        suspect=watch.suspect,
        differ=offsets.far_from(AGREED),
        last=last,
        **more,
    )


@router.post("/clocks")
def confirm_clock(
    request: Request, who: Timekeeper, chosen: Annotated[Literal["server", "wall"], Form()], reason: Reason
) -> Response:
    """Say which clock is right; what waited is judged within a second or two."""
    state = request.app.state
    offsets = state.core.closer.doubt.suspect
    if offsets is None:
        return redirect(request, "/board/clocks", _("The clocks agree. There is nothing to decide."), "warn")
    with transaction(state.dbs) as db:
        doubt.decide(db, who.actor, offsets, chosen, reason.strip(), state.clock.now())
    return redirect(request, "/board/clocks", _("Noted, with your name and reason."))
