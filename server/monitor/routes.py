"""The desk (which exam session, which room), the live board and its stream."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from server.db import reading
from server.monitor import routes_acts, routes_checks, routes_desk, routes_recovery, routes_registers, routes_time, rules
from server.monitor.acts import POLICIES
from server.monitor.board import Tile
from server.monitor.desk import DESK_COOKIE, Viewer, install, read, scope_of
from server.monitor.feed import Snapshot
from server.monitor.scope import Scope, find_scope, offered
from server.monitor.words import ALERT_WORDS, EXAM_STATES, STATE_WORDS, board_words
from server.pages import page, redirect

__all__ = ["install", "router"]
router = APIRouter(prefix="/board")
COMPACT_FROM = 80
"""From so many seats on, tiles are small by default."""


@router.get("")
def choose(request: Request, who: Viewer) -> Response:
    """The room's desk: exam sessions and rooms to choose from, the last choice on top."""
    with reading(request.app.state.dbs) as db:
        choices = offered(db, who, request.app.state.clock.now())
    return page(request, "monitor/choose.html", choices=choices, last=_remembered(request, choices), exam_states=EXAM_STATES)


@router.post("")
def remember(
    request: Request, who: Viewer, exam_session_id: Annotated[int, Form()], room: Annotated[int | None, Form()] = None
) -> Response:
    """Choose once; this browser comes back to the same room."""
    with reading(request.app.state.dbs) as db:
        scope = find_scope(db, who, exam_session_id, room)
    response = redirect(request, scope.url())
    secure = request.app.state.settings.secure_cookies
    value = f"{exam_session_id}-{room or 0}"
    response.set_cookie(DESK_COOKIE, value, max_age=86_400, httponly=True, samesite="lax", secure=secure, path="/board")
    return response


def _remembered(request: Request, choices: list[Scope]) -> Scope | None:
    """The choice in the cookie, if this person may still make it."""
    exam, _, room = request.cookies.get(DESK_COOKIE, "").partition("-")
    for scope in choices:
        if str(scope.exam.id) == exam:
            rooms = tuple(place for place in scope.rooms if str(place.id) == room)
            return Scope(scope.exam, rooms, True) if rooms else scope
    return None


router.include_router(routes_time.router)  # before the boards: /board/clocks is no exam session


@router.get("/{exam_session_id}")
def board(request: Request, who: Viewer, exam_session_id: int, room: int | None = None, view: str = "") -> Response:
    """The seat map of one room or of all rooms this person may see."""
    shown = read(request, scope_of(request, who, exam_session_id, room))
    compact = view == "compact" or (view != "detail" and len(shown.tiles) >= COMPACT_FROM)
    return page(
        request,
        "monitor/board.html",
        board=shown,
        scope=shown.scope,
        tab="board",
        compact=compact,
        counts=asdict(shown.counts),
        waiting=shown.waiting_requests,
        policies=POLICIES,
        alerts=alert_groups(shown.tiles),
        words=board_words(),
        state_words=STATE_WORDS,
        alert_words=ALERT_WORDS,
        snapshot=shown.snapshot(),
    )


def alert_groups(tiles: list[Tile]) -> list[tuple[rules.Alert, list[Tile]]]:
    """The seats of each alert, the most pressing first."""
    groups = [(alert, [tile for tile in tiles if alert in tile.alerts]) for alert in rules.Alert]
    return [(alert, found) for alert, found in groups if found]


@router.get("/{exam_session_id}/stream")
async def stream(request: Request, who: Viewer, exam_session_id: int, room: int | None = None) -> Response:
    """Server-sent events of a board: the scope is decided before anything is sent, then streamed."""
    scope = await run_in_threadpool(scope_of, request, who, exam_session_id, room)

    def take() -> Snapshot:
        return read(request, scope).snapshot()

    key = (scope.exam.id, scope.room_ids)
    events = request.app.state.board.feeds.watch(key, take)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


for part in (routes_acts.router, routes_checks.router, routes_desk.router, routes_recovery.router, routes_registers.router):
    router.include_router(part)
