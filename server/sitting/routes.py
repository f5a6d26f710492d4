"""Pages of the candidate: sign-in, the room (waiting and exam, one page), leaving. The JSON API is `api`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from server.auth.staff import public
from server.db import reading, transaction
from server.pages import page, safe_json, translate
from server.registry import devices
from server.registry.tables import Room
from server.sitting import profile
from server.sitting.api import CandidateApi
from server.sitting.core import Core
from server.sitting.entering import Entered, Place, enter
from server.sitting.pcs import PC_COOKIE, ThisPc, keep_pc, mirror, restore, this_pc
from server.sitting.tokens import MAX_AGE_S

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
    return _sign_in(request, this_pc(request))


@router.post("/enter")
def sign_in(request: Request, admission_no: Annotated[str, Form()] = "", secret: Annotated[str, Form()] = "") -> Response:
    """Sign in and go to the room, or the page again."""
    state = request.app.state
    pc = this_pc(request)
    result = enter(state.dbs, state.writer, state.keyring, pc.place, admission_no, secret, state.clock.now())
    if not isinstance(result, Entered):
        message = translate(result.message, **result.params)
        return _sign_in(request, pc, status=result.status, error=message, admission_no=admission_no[:40])
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
    keep_pc(request, response, pc.token)
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


@router.post("/pc")
def same_pc(request: Request, mirror: Annotated[str, Form(max_length=400)] = "") -> Response:
    """A browser that lost its PC cookie shows the mirror of it and is the same PC again; 200, or 403 for any other."""
    state = request.app.state
    with transaction(state.dbs) as db:
        known = request.cookies.get(PC_COOKIE, "")
        again = restore(db, state.keyring, mirror, devices.device_of(db, known) if known else None, request)
    if again is None:
        return JSONResponse({"error": "unknown_pc"}, status_code=403)
    response = JSONResponse({"mirror": again[1]})
    keep_pc(request, response, again[0])
    return response


@router.post("/leave")
def leave(request: Request) -> Response:
    """Forget the candidate on this PC; the sitting is not touched."""
    response = RedirectResponse("/exam", status_code=303)
    tokens = request.app.state.core.tokens
    response.delete_cookie(tokens.cookie_name, path="/", secure=tokens.secure, httponly=True, samesite="strict")
    return response


def _sign_in(
    request: Request,
    pc: ThisPc,
    *,
    status: int = 200,
    error: str | None = None,
    admission_no: str = "",
) -> Response:
    context: dict[str, Any] = {
        "error": error,
        "admission_no": admission_no,
        "seat": _seat(request, pc.place),
        "pc_code": pc.code,
        "pc_new": pc.is_new,
        "pc_mirror": mirror(request.app.state.keyring, pc.place.device_id, pc.secret_digest),
    }
    response = page(request, "exam/enter.html", status=status, **context)
    keep_pc(request, response, pc.token)
    return response


def _seat(request: Request, place: Place) -> str | None:
    if place.seat is None:
        return None
    with reading(request.app.state.dbs) as db:
        room_row = db.get(Room, place.seat[0])
    return None if room_row is None else f"{room_row.number}-{place.seat[1]}"
