"""The only wiring: `create_app(settings)` puts the slices, the databases, the writer and the duties together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from itembank import ledger
from server import db, pages, refusals, system_routes
from server.auth import routes as auth_routes
from server.bank import drafts, item_exports, twin_sweep
from server.bank import routes as bank_routes
from server.bus import Bus, InProcessBus
from server.clock import Clock, SystemClock, database_clock, wall_clock
from server.edge import Edge
from server.fitting_keys import fingerprint, open_keys
from server.garbage import Collector
from server.grading import duty, statistics_duty
from server.grading import routes as grading_routes
from server.jobs import Jobs
from server.keyring import Keyring
from server.monitor import routes as board_routes
from server.records import filing_routes
from server.records import routes as records_routes
from server.registry import routes as registry_routes
from server.settings import Settings
from server.sitting import abort_routes, check_routes, opening_routes, package, release_routes
from server.sitting import routes as exam_routes
from server.sitting.api import PREFIX
from server.sweeper import Duty, Sweeper

UNSEALED_FOR = timedelta(days=30)
"""A set that nobody has sealed by then gives its items back."""


class Application(FastAPI):
    """FastAPI, but the exam's API answers before the framework is asked: thousands save at once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Candidates' requests to the exam core, everything else to the framework."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self.state.candidate_api(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings, *, clock: Clock | None = None, keyring: Keyring | None = None, duties_run: bool = True
) -> FastAPI:
    """The application.

    `clock` and `keyring` are given by tests; otherwise they come from the machine and the key folder. With `duties_run` False
    nothing happens by itself but the exam core.
    """
    app = Application(title="Jikao", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan())
    app.state.settings = settings
    app.state.dbs = db.connect(settings.url)
    app.state.clock = clock or SystemClock(database_clock(app.state.dbs.read) or wall_clock)
    app.state.keyring = keyring or open_keys(app.state.dbs, settings, app.state.clock.now())
    app.state.bus = _bus(settings, app.state.keyring)
    app.state.jobs = Jobs(settings, app.state.dbs, app.state.clock)
    app.state.duties_run = duties_run
    app.state.on_stop = []  # called when a stop is asked for, before connections are waited for
    app.mount("/static", StaticFiles(directory=Path(pages.WEB) / "static"), name="static")
    for router in (
        auth_routes.router,
        system_routes.router,
        exam_routes.router,
        check_routes.router,
        board_routes.router,
        registry_routes.router,
        records_routes.router,
        filing_routes.router,
        opening_routes.router,
        release_routes.router,
        abort_routes.router,
        bank_routes.router,
        grading_routes.router,
    ):
        # Not `include_router`: that analyses every route a second time, a tenth of the time a killed server needs to be back.
        app.router.routes.extend(router.routes)
    board_routes.install(app)
    _health(app)
    refusals.install(app)
    app.add_middleware(Edge, default_language=settings.language)
    exam_routes.install(app)
    return app


def _bus(settings: Settings, keyring: Keyring) -> Bus:
    if settings.redis_url:
        from server.redis_bus import RedisBus  # a tenth of the time to start, for those who use it

        return RedisBus(settings.redis_url, fingerprint(keyring, "token")[:12])
    return InProcessBus(alone=settings.workers == 1)


def _lifespan() -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state
        db.check_durable(state.dbs.write)
        state.jobs.fail_orphans()
        sweeper = Sweeper(_duties(app)) if state.duties_run else None
        state.bus.start()
        await state.core.start()
        if sweeper is not None:
            sweeper.start()
        yield
        if sweeper is not None:
            await run_in_threadpool(sweeper.stop)
        await state.core.stop()
        await run_in_threadpool(state.bus.stop)
        await run_in_threadpool(state.jobs.stop)
        state.dbs.dispose()

    return lifespan


def _duties(app: FastAPI) -> list[Duty]:
    state = app.state

    def sweep_ledger() -> None:
        with db.transaction(state.dbs) as session:
            ledger.sweep_unsealed(session, older_than=UNSEALED_FOR, by=0, now=state.clock.now())
            ledger.cool_due(session, by=0, now=state.clock.now())

    def sweep_drafts() -> None:
        with db.transaction(state.dbs) as session:
            drafts.sweep(session, now=state.clock.now())

    collector = Collector(state.clock)
    return [
        Duty("collect garbage", 20, lambda: collector.tick(state.core.hub.held)),
        Duty("prepare papers for the waiting rooms", 10, lambda: package.prepare_due(state.dbs, state.keyring, state.clock)),
        Duty("mark what has ended", 3, lambda: duty.queue_due(state.dbs, state.clock, state.jobs)),
        Duty("compute statistics", 30, lambda: statistics_duty.queue_due(state.dbs, state.clock, state.jobs)),
        Duty("find work whose child is gone", 10, state.jobs.fail_orphans),
        Duty("wake the child for heavy work", 5, state.jobs.wake_if_waiting),
        Duty("release what was reserved and never sealed", 600, sweep_ledger),
        Duty("throw away drafts nobody types in", 3600, sweep_drafts),
        Duty("compare what was never compared", 300, lambda: twin_sweep.queue_unchecked(state.dbs, state.clock, state.jobs)),
        Duty("throw away answered questions of the editor", 300, lambda: twin_sweep.forget_answered(state.dbs, state.clock)),
        Duty("forget exports whose time is over", 300, lambda: item_exports.forget_over(state.dbs, state.clock.now())),
    ]


def _health(app: FastAPI) -> None:
    @app.get("/livez", dependencies=[])
    async def livez() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/readyz")
    def readyz() -> Response:
        with app.state.dbs.read.connect() as connection:
            connection.execute(text("SELECT 1"))
        return PlainTextResponse("ok")
