"""The chief's act.

Opening an exam session from its page. Everything it decides is in `registry.readiness` and `opening`.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from server.auth.staff import Staff, allow
from server.db import reading as read_only
from server.errors import FieldError, Invalid
from server.pages import _, redirect
from server.registry import reading
from server.registry.session_routes import hub_page
from server.sitting.opening import open_exam_session

router = APIRouter(prefix="/exams")
LEAST_REASON = 4


@router.post("/{exam_id:int}/open")
def open_now(
    request: Request,
    who: Annotated[Staff, Depends(allow("exam.open"))],
    exam_id: int,
    reason: Annotated[str, Form(max_length=200)] = "",
    without_supervisor: Annotated[bool, Form()] = False,
) -> Response:
    """Open, or say what stands in the way.

    Opening without the supervisor's check-in needs a reason, which is audited.
    """
    state = request.app.state
    with read_only(state.dbs) as db:
        reading.get_session(db, who, exam_id)
    if without_supervisor and len(reason.strip()) < LEAST_REASON:
        field = FieldError("reason", _("Please give the reason in a few words."))
        raise Invalid(_("Opening without the supervisor needs a reason."), [field])
    hindrances = open_exam_session(
        state.dbs,
        state.writer,
        exam_id,
        by=who.actor,
        now=state.clock.now(),
        without_supervisor=without_supervisor,
        reason=reason.strip() if without_supervisor else "",
    )
    if hindrances:
        with read_only(state.dbs) as db:
            return hub_page(request, db, who, reading.get_session(db, who, exam_id), hindrances)
    return redirect(request, f"/exams/{exam_id}", _("The exam session is open."))
