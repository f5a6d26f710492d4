"""The check of a PC: a page of its own for the people who prepare the rooms, and the result from it or from the waiting room."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import JSONResponse, Response

from server.auth.staff import public
from server.db import transaction
from server.pages import page, translate
from server.registry import devices, pc_checks
from server.registry.pc_rules import Facts, worst
from server.sitting.pcs import PC_COOKIE, keep_pc, mirror, this_pc
from server.sitting.store import to_ms

router = APIRouter(prefix="/exam/check", dependencies=[Depends(public)])


@router.get("")
def check_page(request: Request) -> Response:
    """The check, which begins by itself."""
    pc = this_pc(request)
    name = mirror(request.app.state.keyring, pc.place.device_id, pc.secret_digest)
    response = page(request, "exam/check.html", pc_code=pc.code, pc_mirror=name, pc_new=pc.is_new)
    keep_pc(request, response, pc.token)
    return response


@router.get("/now")
async def now(request: Request) -> Response:
    """The server's clock, and something small to ask for."""
    return JSONResponse({"server_ms": to_ms(request.app.state.clock.now())})


@router.post("")
def result(request: Request, measured: Annotated[dict[str, Any], Body()]) -> Response:
    """Judge, store, and say in words; 401 for a browser that has no PC cookie, 422 for anything that is no measurement."""
    state = request.app.state
    try:
        facts = msgspec.convert(measured, Facts)
    except msgspec.ValidationError:
        return JSONResponse({"error": "malformed"}, status_code=422)
    with transaction(state.dbs) as db:
        device = devices.device_of(db, request.cookies.get(PC_COOKIE, ""))
        if device is None:
            return JSONResponse({"error": "unknown_pc"}, status_code=401)
        found = pc_checks.record(db, device, facts, state.clock.now())
    lines = [
        {
            "name": one.name,
            "state": one.state,
            "text": translate(one.text, **one.params),
            "todo": "" if one.todo is None else translate(one.todo),
        }
        for one in found
    ]
    return JSONResponse({"state": worst(found), "findings": lines})
