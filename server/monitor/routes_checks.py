"""Which PC failed which check: the list for the people who prepare the rooms."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from server.auth.staff import Staff, allow
from server.db import reading
from server.monitor.desk import scope_of
from server.monitor.words import CHECK_STATES
from server.pages import page
from server.registry import devices, pc_checks

router = APIRouter()

CheckViewer = Annotated[Staff, Depends(allow("check.see"))]


@router.get("/{exam_session_id}/checks")
def checks(request: Request, who: CheckViewer, exam_session_id: int, room: int | None = None) -> Response:
    """The latest check of each PC of these rooms, worst first, and the seats whose PC was never checked."""
    scope = scope_of(request, who, exam_session_id, room)
    state = request.app.state
    with reading(state.dbs) as db:
        found = pc_checks.latest(db, scope.room_ids, state.clock.now())
        bound = devices.bound_seats(db, scope.room_ids)
    numbers = {place.id: place.number for place in scope.rooms}
    checked = {one.seat for one in found}
    unchecked = sorted(
        (numbers[room_id], seat_no, code) for (room_id, seat_no), code in bound.items() if (room_id, seat_no) not in checked
    )
    counts = {name: sum(1 for one in found if one.state == name) for name in CHECK_STATES}
    return page(
        request,
        "monitor/checks.html",
        scope=scope,
        tab="checks",
        found=found,
        unchecked=unchecked,
        numbers=numbers,
        counts=counts,
        words=CHECK_STATES,
    )
