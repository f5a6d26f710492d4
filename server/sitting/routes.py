"""Pages of the candidate: sign-in, the room (waiting and exam, one page), leaving. The JSON API is `api`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from server.auth.staff import public
from server.db import reading, transaction
from server.pages import page, safe_json, translate
from server.registry import devices
from server.registry.tables import Room
from server.sitting import profile
from server.sitting.api import CandidateApi
from server.sitting.core import Core
from server.sitting.entering import Entered, Place, enter, place_of
from server.sitting.tokens import MAX_AGE_S

PC_COOKIE = "jikao_pc"
PC_MAX_AGE_S = 365 * 24 * 3600

router = APIRouter(prefix="/exam", dependencies=[Depends(public)])


def install(app: FastAPI) -> Core:
    """Make the core of this process, and its API, which the wiring puts before everything else."""
    state = app.state
    settings = state.settings
    core = Core(
        state.dbs,
        state.clock,
        state.keyring,
        state.bus,
        capacity=settings.writer_queue,
        secure=settings.secure_cookies,
    )
    state.core, state.writer = core, core.writer
    state.on_stop.append(core.hub.let_go)
    state.candidate_api = CandidateApi(core)
    return core


@router.get("")
def sign_in_page(request: Request) -> Response:
    """The candidate's sign-in. A PC that is not known gets its cookie and shows its code until it is bound."""
    place, code, token = _this_pc(request)
    return _sign_in(request, place, code, token)


@router.post("/enter")
def sign_in(request: Request, admission_no: Annotated[str, Form()] = "", secret: Annotated[str, Form()] = "") -> Response:
    """Sign in and go to the room, or the page again."""
    state = request.app.state
    place, code, token = _this_pc(request)
    result = enter(state.dbs, state.writer, state.keyring, place, admission_no, secret, state.clock.now())
    if not isinstance(result, Entered):
        message = translate(result.message, **result.params)
        return _sign_in(request, place, code, token, status=result.status, error=message, admission_no=admission_no[:40])
    response = RedirectResponse("/exam/room", status_code=303)
    tokens = state.core.tokens
    response.set_cookie(
        tokens.cookie_name,
        tokens.sign(result.given),
        max_age=MAX_AGE_S,
        httponly=True,
        samesite="strict",
        secure=tokens.secure,
        path="/",
    )
    _keep_pc(request, response, token)
    return response


@router.get("/room")
async def room(request: Request) -> Response:
    """Waiting room and exam."""
    state = request.app.state
    given = state.core.tokens.check(request.headers.get("cookie", "").encode("latin-1"))
    about = None if given is None else await profile.about(state.core, given)
    if about is None:
        return RedirectResponse("/exam", status_code=303)
    return await run_in_threadpool(page, request, "exam/room.html", me=about, me_json=safe_json(about))


@router.post("/leave")
def leave(request: Request) -> Response:
    """Forget the candidate on this PC; the sitting is not touched."""
    response = RedirectResponse("/exam", status_code=303)
    tokens = request.app.state.core.tokens
    response.delete_cookie(tokens.cookie_name, path="/", secure=tokens.secure, httponly=True, samesite="strict")
    return response


def _this_pc(request: Request) -> tuple[Place, str, str | None]:
    """Where the request comes from, the PC's code, and a token if it has to be given one."""
    state = request.app.state
    now, address = state.clock.now(), request.client.host if request.client else ""
    known = request.cookies.get(PC_COOKIE, "")
    with reading(state.dbs) as db:
        device = devices.device_of(db, known) if known else None
        if device is not None:
            return place_of(db, device, address), device.code, None
    with transaction(state.dbs) as db:
        token = devices.register(db, address, now)
        device = devices.device_of(db, token)
        assert device is not None
        return place_of(db, device, address), device.code, token


def _sign_in(
    request: Request,
    place: Place,
    code: str,
    token: str | None,
    *,
    status: int = 200,
    error: str | None = None,
    admission_no: str = "",
) -> Response:
    context: dict[str, Any] = {"error": error, "admission_no": admission_no, "seat": _seat(request, place), "pc_code": code}
    response = page(request, "exam/enter.html", status=status, **context)
    _keep_pc(request, response, token)
    return response


def _seat(request: Request, place: Place) -> str | None:
    if place.seat is None:
        return None
    with reading(request.app.state.dbs) as db:
        room_row = db.get(Room, place.seat[0])
    return None if room_row is None else f"{room_row.number}-{place.seat[1]}"


def _keep_pc(request: Request, response: Response, token: str | None) -> None:
    if token is not None:
        response.set_cookie(
            PC_COOKIE,
            token,
            max_age=PC_MAX_AGE_S,
            httponly=True,
            samesite="lax",
            secure=request.app.state.settings.secure_cookies,
            path="/",
        )
