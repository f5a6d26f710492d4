"""What the routes of the board share: the person's scope, the remembered room, the feeds of the process."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response

from server.auth.staff import Staff, allow
from server.db import reading
from server.monitor.board import Board, read_board
from server.monitor.feed import Feeds
from server.monitor.scope import Scope, find_scope
from server.pages import fragment, page, wants_fragment
from server.sitting.versions import CHANNEL, PRESENCE

DESK_COOKIE = "jikao_desk"

Viewer = Annotated[Staff, Depends(allow("board.see"))]
Hand = Annotated[Staff, Depends(allow("room.act"))]
"""Somebody who may act on seats."""


class BoardState:
    """The feeds of a process."""

    def __init__(self, app: FastAPI) -> None:
        self.feeds = Feeds()
        self.stop_listening = app.state.bus.subscribe(CHANNEL, self._changed)
        app.state.on_stop.append(self.feeds.end)

    def _changed(self, _channel: str, message: Any) -> None:
        self.feeds.wake(message[0])


def install(app: FastAPI) -> None:
    """Give the application its board; called once by the wiring."""
    app.state.board = BoardState(app)


def read(request: Request, scope: Scope) -> Board:
    """The board of a scope as it stands."""
    state = request.app.state
    with reading(state.dbs) as db:
        hearing_s = state.bus.hearing_s()
        # a silence longer than the bus has heard of everybody is no silence: the browser may speak to another process
        pulses = {who: min(age, hearing_s) for who, age in state.bus.presence(PRESENCE).items()}
        board = read_board(db, scope, pulses, state.clock.now(), hearing_s)
    return replace(board, suspect=state.core.closer.doubt.suspect is not None)


def scope_of(request: Request, who: Staff, exam_session_id: int, room: int | None) -> Scope:
    """The scope, or `NotFound`."""
    with reading(request.app.state.dbs) as db:
        return find_scope(db, who, exam_session_id, room)


def wake(request: Request, scope: Scope) -> None:
    """Show an act on every open board without waiting for the next look."""
    request.app.state.board.feeds.wake(scope.exam.id)


def answer(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """The page, or only its block `panel` when the board's dialog asks."""
    if wants_fragment(request):
        return fragment(request, template, "panel", status=status, dialog=True, **context)
    return page(request, template, status=status, dialog=False, **context)
