"""The page for aborting an exam session: two officers, and where the candidates sit again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from server.auth.staff import Staff, allow
from server.db import Db, ReadDb, transaction
from server.db import reading as read_only
from server.errors import FieldError, Invalid
from server.pages import _, page, redirect
from server.registry import abort, choices, reading, reserve
from server.registry.labels import STATES
from server.registry.rules import SessionProfile
from server.registry.times import local_input, parse_local
from server.sitting import aborting

router = APIRouter(prefix="/exams")
Officer = Annotated[Staff, Depends(allow("exam.abort"))]


@router.get("/{exam_id:int}/abort")
def show(request: Request, db: ReadDb, who: Officer, exam_id: int) -> Response:
    """What aborting means here, a request that waits, or what came of it."""
    session = reading.get_session(db, who, exam_id)
    now = request.app.state.clock.now()
    profile = SessionProfile.from_json(session.profile)
    return page(
        request,
        "registry/abort.html",
        session=session,
        states=STATES,
        refused=abort.refusal(db, session),
        waiting=abort.waiting(db, exam_id, now),
        done=abort.agreed(db, exam_id),
        within=abort.WITHIN,
        reserve=next((one for one in choices.paper_choices(db, session) if one.id == session.reserve_paper_set_id), None),
        reserve_ready=reserve.ready(db, session),
        proposed=local_input(abort.proposed_start(now, profile)),
        latest=abort.latest_start(now, profile),
    )


@router.post("/{exam_id:int}/abort")
def ask(
    request: Request,
    db: Db,
    who: Officer,
    exam_id: int,
    reason: Annotated[str, Form(max_length=300)] = "",
    use_reserve: Annotated[bool, Form()] = False,
    starts_at: Annotated[str, Form()] = "",
) -> Response:
    """The first person asks."""
    session = reading.get_session(db, who, exam_id)
    now = request.app.state.clock.now()
    abort.ask(db, who, session, reason=reason, use_reserve=use_reserve, starts_at=parse_local(starts_at), now=now)
    return redirect(request, f"/exams/{exam_id}/abort", _("Asked. Another person now has to confirm it."), tone="warn")


@router.post("/{exam_id:int}/abort/decide")
def decide(
    request: Request,
    who: Officer,
    exam_id: int,
    decision: Annotated[str, Form()] = "",
    note: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """The second person agrees or refuses; then the sittings end."""
    state, agree = request.app.state, decision == "agree"
    if decision not in {"agree", "refuse"}:
        raise Invalid(fields=[FieldError("decision", _("Agree, or refuse."))])
    with read_only(state.dbs) as db:
        reading.get_session(db, who, exam_id)
    suspect = state.core.closer.doubt.suspect is not None
    with transaction(state.dbs) as db:
        session = reading.get_session(db, who, exam_id)
        done = abort.decide(
            db, state.keyring, who, session, agree=agree, note=note.strip(), clock_suspect=suspect, now=state.clock.now()
        )
    if not agree:
        return redirect(request, f"/exams/{exam_id}", _("The abort is refused; the exam goes on."))
    aborting.end_sittings(state.dbs, state.writer, exam_id, actor=who.actor, reason=done.reason)
    said = _("The exam session is aborted. The candidates sit again in this one, with the reserve set.")
    if done.successor_id is None:
        return redirect(request, f"/exams/{exam_id}", _("The exam session is aborted."), tone="warn")
    return redirect(request, f"/exams/{done.successor_id}", said, tone="warn")
