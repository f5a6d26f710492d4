"""Signing in and out, the home page, the language switch."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from server.audit import trail
from server.audit.trail import Actor
from server.auth import staff
from server.auth.permissions import ROLES
from server.auth.staff import COOKIE, Staff, allow, public
from server.db import transaction
from server.pages import LANGUAGES, _, page, redirect

router = APIRouter()
_WRONG = _("The account or the password is not right.")


@router.get("/", dependencies=[Depends(public)])
async def landing(request: Request) -> Response:
    """The front door: to one's desk when signed in, else the two doors for candidates and staff."""
    who = await staff.current_staff(request)
    if who:
        return redirect(request, "/home")
    return page(request, "home/landing.html")


@router.get("/home")
def home(request: Request, who: Annotated[Staff, Depends(allow("home.see"))]) -> Response:
    """One's desk: what this person's roles can do."""
    return page(request, "home/home.html", role_names=ROLES)


@router.get("/sign-in", dependencies=[Depends(public)])
def sign_in_page(request: Request, next: str = "") -> Response:
    """The staff sign-in form."""
    return page(request, "auth/sign_in.html", next=_inside(next), problem=None, login="")


@router.post("/sign-in", dependencies=[Depends(public)])
def sign_in(
    request: Request, login: Annotated[str, Form()], password: Annotated[str, Form()], next: Annotated[str, Form()] = ""
) -> Response:
    """Check the password outside any write transaction, then open the session."""
    state = request.app.state
    now, address = state.clock.now(), request.client.host if request.client else ""
    with transaction(state.dbs) as db:
        number = staff.take_try_or_refuse(db, "staff", login.strip().lower(), address, now)
        person = staff.find_person(db, login)
    fits = staff.password_fits(person.password_hash if person else None, password)
    with transaction(state.dbs) as db:
        if not (fits and person and person.active and person.id is not None):
            return page(request, "auth/sign_in.html", status=401, next=_inside(next), problem=_WRONG, login=login)
        staff.forget_try(db, number)
        token = staff.open_session(db, person.id, address, now, state.settings.session_hours)
        actor = Actor("staff", person.id, person.name, person.institution_id)
        trail.append(db, actor, "staff.signed_in", f"person:{person.id}", now=now, detail={"address": address})
    response = redirect(request, _inside(next) or "/home")
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=state.settings.secure_cookies, path="/")
    return response


@router.post("/sign-out", dependencies=[Depends(public)])
async def sign_out(request: Request) -> Response:
    """End the session on the server, not only in the browser."""
    token = request.cookies.get(COOKIE)
    if token:
        await run_in_threadpool(_end, request, token)
    response = redirect(request, "/sign-in")
    response.delete_cookie(COOKIE, path="/")
    return response


def _end(request: Request, token: str) -> None:
    with transaction(request.app.state.dbs) as db:
        staff.close_session(db, token, request.app.state.clock.now())


@router.post("/language", dependencies=[Depends(public)])
def choose_language(request: Request, code: Annotated[str, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Remember the language in a cookie and go back."""
    response = redirect(request, _inside(back) or "/")
    if code in LANGUAGES:
        response.set_cookie("lang", code, max_age=31_536_000, samesite="lax")
    return response


def _inside(url: str) -> str:
    """`url` when it is a path of this site, else empty: no open redirect."""
    parts = urlsplit(url)
    ours = not parts.scheme and not parts.netloc and url.startswith("/") and not url.startswith(("//", "/\\"))
    return url if ours else ""
