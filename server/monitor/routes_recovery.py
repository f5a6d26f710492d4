"""The desk takes in a recovery file."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response

from server.auth.staff import Staff, allow
from server.db import reading, transaction
from server.errors import NotFound
from server.monitor import carried
from server.monitor.desk import scope_of, wake
from server.monitor.scope import Scope
from server.pages import _, beijing, page, redirect
from server.sitting.recovery import FILE_MAX, RecoveryRefused

router = APIRouter()

Taker = Annotated[Staff, Depends(allow("recovery.take"))]


@router.get("/{exam_session_id}/recovery")
def recovery(request: Request, who: Taker, exam_session_id: int, room: int | None = None, entry: int | None = None) -> Response:
    """How a recovery file is made on a PC and taken in here."""
    return _page(request, scope_of(request, who, exam_session_id, room), chosen=entry)


@router.post("/{exam_session_id}/recovery")
def take(
    request: Request,
    who: Taker,
    exam_session_id: int,
    entry: Annotated[int, Form()],
    file: Annotated[UploadFile | None, File()] = None,
    room: int | None = None,
) -> Response:
    """Take a file in for the candidate chosen; what is new in it waits for two people."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    with reading(state.dbs) as db:
        if entry not in {target.entry_no for target in carried.choices(db, scope)}:
            raise NotFound
    data = b"" if file is None else file.file.read(FILE_MAX + 1)
    try:
        found = carried.read(state.core.recovery, data, scope, entry)
        with reading(state.dbs) as db:
            command, taken = carried.command(db, found, who.actor)
        code = state.writer.do(command).code
        if code != "ok":
            raise RecoveryRefused(carried.problem_of(code))
    except RecoveryRefused as refusal:
        with transaction(state.dbs) as db:
            carried.note_refusal(db, who.actor, scope, entry, refusal.code, state.clock.now())
        return _page(request, scope, chosen=entry, problem=carried.PROBLEMS[refusal.code], status=422)
    wake(request, scope)
    text = _("Taken in: %(n)s operations made between %(first)s and %(last)s are kept apart now. Two people decide about them.")
    return redirect(request, scope.url("kept-apart"), text, n=taken.count, first=_time(taken.first_at), last=_time(taken.last_at))


def _time(at: datetime) -> str:
    return beijing(at, "%H:%M:%S")


def _page(request: Request, scope: Scope, *, chosen: int | None, problem: str | None = None, status: int = 200) -> Response:
    with reading(request.app.state.dbs) as db:
        targets = carried.choices(db, scope)
    return page(
        request,
        "monitor/recovery.html",
        status=status,
        scope=scope,
        tab="kept",
        targets=targets,
        chosen=chosen,
        problem=problem,
    )
