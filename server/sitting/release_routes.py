"""The custodians' page of an exam session: whether its paper is out of the safe, and their word for it.

What decides is in `registry.release_rules` and `registry.release`; here the clock's standing is added, which the exam core knows.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from server.auth.staff import Staff, allow
from server.db import ReadDb, transaction
from server.pages import _, page, redirect
from server.registry import choices, lots, reading, release, release_rules, scheduling
from server.registry.labels import FORM_STATES, STATES
from server.sitting.opening import admit_entries

router = APIRouter(prefix="/exams")


@router.get("/{exam_id:int}/release")
def show(request: Request, db: ReadDb, who: Annotated[Staff, Depends(allow("exam.read"))], exam_id: int) -> Response:
    """Where the release stands."""
    session = reading.get_session(db, who, exam_id)
    now = request.app.state.clock.now()
    standing = release.standing(db, session)
    asked = release_rules.Request(
        state=session.state,
        paper_set_chosen=session.paper_set_id is not None,
        paper_reasons=scheduling.facts(db, who, session).paper_reasons,
        released=standing.release is not None,
        clock_suspect=request.app.state.core.closer.doubt.suspect is not None,
        window=standing.window,
    )
    live = standing.live(now)
    return page(
        request,
        "registry/release.html",
        session=session,
        states=STATES,
        form_states=FORM_STATES,
        paper=next((one for one in choices.paper_choices(db, session) if one.id == session.paper_set_id), None),
        standing=standing,
        draw=lots.find(db, session),
        live=live,
        mine=any(one.by == who.person_id for one in live),
        together=release_rules.TOGETHER,
        refused=release_rules.refusal(asked, now),
        now=now,
    )


@router.post("/{exam_id:int}/release")
def approve(request: Request, who: Annotated[Staff, Depends(allow("paper.release"))], exam_id: int) -> Response:
    """A custodian's word; the second one's releases and unseals. Who waits already learns which form the lot gave them."""
    state = request.app.state
    suspect = state.core.closer.doubt.suspect is not None
    with transaction(state.dbs) as db:
        session = reading.get_session(db, who, exam_id)
        done = release.approve(db, state.keyring, who, session, clock_suspect=suspect, now=state.clock.now())
        by_lot = lots.uses_lot(session)
    if done is not None and by_lot:
        admit_entries(state.dbs, state.writer, exam_id)
    here = f"/exams/{exam_id}/release"
    if done is None:
        return redirect(request, here, _("Your approval is recorded. Another custodian has to approve within 30 minutes."))
    return redirect(request, here, _("The paper is released and unsealed; its items count as used from now on."))
