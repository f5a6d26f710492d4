"""The only wiring: `create_app(settings)` puts the slices, the databases, the writer and the duties together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from server import auth, db, pages
from server.auth import routes as auth_routes
from server.bus import InProcessBus
from server.clock import Clock, SystemClock
from server.edge import Edge
from server.errors import AppError, Invalid, NotFound, SignInNeeded, TooMany
from server.jobs import Jobs
from server.keyring import Keyring
from server.monitor import routes as board_routes
from server.pages import _
from server.records import routes as records_routes
from server.registry import routes as registry_routes
from server.settings import Settings

log = structlog.get_logger()
__all__ = ["auth", "create_app"]


def create_app(settings: Settings, *, clock: Clock | None = None, keyring: Keyring | None = None) -> FastAPI:
    """The application. `clock` and `keyring` are given by tests; otherwise they come from the machine and the key folder."""
    app = FastAPI(title="Jikao", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan())
    app.state.settings = settings
    app.state.dbs = db.connect(settings.url)
    app.state.clock = clock or SystemClock()
    app.state.keyring = keyring or Keyring.open_folder(settings.keys)
    app.state.bus = InProcessBus()
    app.state.jobs = Jobs(settings, app.state.dbs, app.state.clock)
    app.state.on_stop = []  # called when a stop is asked for, before connections are waited for
    app.mount("/static", StaticFiles(directory=Path(pages.WEB) / "static"), name="static")
    for router in (auth_routes.router, board_routes.router, registry_routes.router, records_routes.router):
        app.include_router(router)
    board_routes.install(app)
    _health(app)
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_crash)
    app.add_middleware(Edge, default_language=settings.language)
    return app


def _lifespan() -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db.check_durable(app.state.dbs.write)
        yield
        app.state.jobs.stop()
        app.state.dbs.dispose()

    return lifespan


def _health(app: FastAPI) -> None:
    @app.get("/livez", dependencies=[])
    async def livez() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/readyz")
    def readyz() -> Response:
        with app.state.dbs.read.connect() as connection:
            connection.execute(text("SELECT 1"))
        return PlainTextResponse("ok")


async def _on_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    if isinstance(error, SignInNeeded) and request.method == "GET" and _wants_html(request):
        return pages.redirect(request, f"/sign-in?next={request.url.path}")
    return _answer(request, error)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    """Names the fields, never what was typed into them."""
    assert isinstance(error, RequestValidationError)
    names = sorted({str(problem["loc"][-1]) for problem in error.errors() if problem["loc"]})
    return _answer(request, Invalid(_("These entries are missing or not readable: %(names)s."), names=", ".join(names)))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == NotFound.status:
        return _answer(request, NotFound())
    problem = AppError(_("The server does not take this request."))
    problem.status = error.status_code
    return _answer(request, problem)


async def _on_crash(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, error=type(error).__name__)
    problem = AppError(_("Something went wrong on our side. Nothing was half-done; please try again."))
    problem.status, problem.code = 500, "internal"
    return _answer(request, problem)


def _answer(request: Request, error: AppError) -> Response:
    message = pages.translate(error.message, **error.params)
    fields = [
        {"field": problem.field, "message": pages.translate(problem.message, **dict(problem.params))}
        for problem in (error.fields if isinstance(error, Invalid) else [])
    ]
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else None
    response: Response
    if pages.wants_fragment(request):
        response = pages.fragment(request, "error.html", "problem", status=error.status, message=message, fields=fields)
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#alerts", "innerHTML"
    elif _wants_html(request):
        response = pages.page(request, "error.html", status=error.status, message=message, fields=fields)
    else:
        body = {"error": {"code": error.code, "message": message, "fields": fields}}
        response = JSONResponse(body, status_code=error.status)
    response.headers.update(headers or {})
    return response


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
