"""The only wiring: `create_app(settings)` puts the slices, the databases, the writer and the duties together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy import text
from starlette.staticfiles import StaticFiles

from server import db, pages, refusals
from server.auth import routes as auth_routes
from server.bus import InProcessBus
from server.clock import Clock, SystemClock
from server.edge import Edge
from server.jobs import Jobs
from server.keyring import Keyring
from server.monitor import routes as board_routes
from server.records import routes as records_routes
from server.registry import routes as registry_routes
from server.settings import Settings
from server.sitting import opening_routes
from server.sitting import routes as exam_routes


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
    for router in (
        auth_routes.router,
        exam_routes.router,
        board_routes.router,
        registry_routes.router,
        records_routes.router,
        opening_routes.router,
    ):
        app.include_router(router)
    board_routes.install(app)
    _health(app)
    refusals.install(app)
    app.add_middleware(Edge, default_language=settings.language)
    exam_routes.install(app)  # last: the exam's API stands before everything else
    return app


def _lifespan() -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db.check_durable(app.state.dbs.write)
        await app.state.core.start()
        yield
        await app.state.core.stop()
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
