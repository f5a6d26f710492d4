"""The page for overriding the exam freeze: two officers change what the room needs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, ConfigDict

from server.auth.staff import Staff, allow
from server.db import Db, ReadDb
from server.errors import FieldError, Invalid
from server.pages import _, page, redirect
from server.registry import freeze, override, reading
from server.registry.labels import STATES
from server.registry.rules import SessionProfile
from server.registry.session_form import minutes

router = APIRouter(prefix="/exams")
Officer = Annotated[Staff, Depends(allow("freeze.override"))]

NAMES: dict[str, str] = {
    "identity_check": _("Identity check at the seat"),
    "seat_binding": _("PCs are bound to seats"),
    "late_entrant_gets_full_time": _("Latecomers get the full time"),
    "latest_entry_ms": _("Latest entry, minutes after the bell"),
    "earliest_hand_in_ms": _("Earliest hand-in, minutes after the bell"),
    "outage_credit_max_ms": _("Most minutes credited after an outage"),
}
"""Field of the profile -> its name."""


class Wish(BaseModel):
    """The values as typed."""

    model_config = ConfigDict(extra="forbid")

    identity_check: bool = False
    seat_binding: bool = False
    late_entrant_gets_full_time: bool = False
    latest_entry: str = ""
    earliest_hand_in: str = ""
    outage_credit_max: str = ""
    reason: str = ""


@router.get("/{exam_id:int}/override")
def show(request: Request, db: ReadDb, who: Officer, exam_id: int) -> Response:
    """What may be changed, a request that waits, and what was changed."""
    session = reading.get_session(db, who, exam_id)
    now = request.app.state.clock.now()
    return page(
        request,
        "registry/override.html",
        session=session,
        states=STATES,
        profile=SessionProfile.from_json(session.profile),
        until=freeze.planned_end(session),
        waiting=override.waiting(db, exam_id, now),
        within=override.WITHIN,
        rows=override.listed(db, exam_id),
        names=NAMES,
    )


@router.post("/{exam_id:int}/override")
def ask(request: Request, db: Db, who: Officer, exam_id: int, wish: Annotated[Wish, Form()]) -> Response:
    """The first person asks."""
    session = reading.get_session(db, who, exam_id)
    problems: list[FieldError] = []
    values = {
        "identity_check": wish.identity_check,
        "seat_binding": wish.seat_binding,
        "late_entrant_gets_full_time": wish.late_entrant_gets_full_time,
        "latest_entry_ms": minutes(wish.latest_entry, "latest_entry", 0, problems),
        "earliest_hand_in_ms": minutes(wish.earliest_hand_in, "earliest_hand_in", 0, problems),
        "outage_credit_max_ms": minutes(wish.outage_credit_max, "outage_credit_max", 0, problems),
    }
    if problems:
        raise Invalid(fields=problems)
    override.ask(db, who, session, values, reason=wish.reason, now=request.app.state.clock.now())
    return redirect(request, f"/exams/{exam_id}/override", _("Asked. Another person now has to confirm it."), tone="warn")


@router.post("/{exam_id:int}/override/decide")
def decide(request: Request, db: Db, who: Officer, exam_id: int, decision: Annotated[str, Form()] = "") -> Response:
    """The second person agrees or refuses."""
    session = reading.get_session(db, who, exam_id)
    if decision not in {"agree", "refuse"}:
        raise Invalid(fields=[FieldError("decision", _("Agree, or refuse."))])
    row = override.decide(db, who, session, agree=decision == "agree", now=request.app.state.clock.now())
    said = _("The rules are changed from now on.") if row.agreed else _("The change is refused; the rules stay.")
    return redirect(request, f"/exams/{exam_id}/override", said, tone="warn")
