"""Running the application: uvicorn with the settings an exam needs, and an orderly way to stop.

uvicorn runs the lifespan's shutdown only after every connection has closed, and held pulses and event streams would keep
theirs open. So the signal itself first calls everything in `app.state.on_stop` (answer held pulses, end streams), and
then uvicorn waits for what is in flight and the lifespan drains the writer. A process that is not gone after `STOP_WITHIN_S`
(a database that hangs) ends itself: what was acknowledged is committed, and nothing else was said to anybody.
"""

import gc
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import NoReturn

import structlog
import uvicorn
from fastapi import FastAPI

from server.settings import Settings
from server.sitting.quick import protocol_for

log = structlog.get_logger()

KEEP_ALIVE_S = 75
"""Longer than the rhythm of saves and pulses; with 5 s every save would be a new connection."""
IN_FLIGHT_S = 3
"""What is being answered when a stop is asked for gets this long."""
STOP_WITHIN_S = 5.0
BACKLOG = 4096

Beat = Callable[[], Awaitable[None]]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app
        self._watch: threading.Timer | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal: let go of what is held, then stop as uvicorn does."""
        for let_go in self._app.state.on_stop:
            let_go()
        if self._watch is None:
            self._watch = threading.Timer(STOP_WITHIN_S - 0.3, _end)
            self._watch.daemon = True
            self._watch.start()
        super().handle_exit(sig, frame)


def _end() -> NoReturn:
    log.warning("stop_forced", after_s=STOP_WITHIN_S)
    os._exit(1)


def serve(
    app: FastAPI, settings: Settings, *, ready: str = "", listener: socket.socket | None = None, beat: Beat | None = None
) -> None:
    """Serve until a signal, on `listener` if given. `ready` is printed once the port listens.

    `beat` is awaited once the application has started and then each second, on the event loop: a loop that stands still
    does not beat.
    """
    config = uvicorn.Config(
        app,
        http=protocol_for(app.state.candidate_api),
        ws="none",  # nothing here speaks it, and its library takes a twentieth of a second to load
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=IN_FLIGHT_S,
        proxy_headers=settings.behind_tls,
        server_header=False,
        backlog=BACKLOG,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        callback_notify=beat,
        timeout_notify=1,
    )
    lift_file_limit()
    gc.freeze()  # what the program itself is made of stays; collections need not look at it
    gc.set_threshold(*GC_THRESHOLDS)
    listener = listener or listen(settings)
    if ready:
        print(ready, flush=True)
    _Server(config, app).run(sockets=[listener])


GC_THRESHOLDS = (2_000, 10, 1_000_000)
"""Garbage in cycles is looked for among what is young; a look at everything is `Collector`'s affair (`server.garbage`)."""

FILES_PER_CANDIDATE = 2
FILES_ELSEWHERE = 500
"""Database connections, logs, boards, pages of the staff."""
ENOUGH_CANDIDATES = 1_000


def lift_file_limit() -> None:
    """Take as many open files as the system lets this process have: each candidate holds two connections."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, 1_048_576)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        except (OSError, ValueError):
            hard = soft
    room = (hard - FILES_ELSEWHERE) // FILES_PER_CANDIDATE
    if room < ENOUGH_CANDIDATES:
        log.warning("file_limit_low", open_files=hard, candidates=max(0, room), mend="raise ulimit -n (LimitNOFILE)")


class PortTaken(Exception):
    """Something else listens there."""


def listen(settings: Settings) -> socket.socket:
    """The listening socket, so that a taken port is said before anything else starts. Raises `PortTaken`."""
    return _bind(settings, settings.port, shared=False)


def listen_often(settings: Settings, count: int) -> list[socket.socket]:
    """`count` listening sockets on one port, among which the kernel spreads connections evenly by their address.

    With one socket shared by two processes the busier one still takes up to three in five of the connections; with a socket each
    it is half and half within two in a hundred. A port that another program has is still refused. Raises `PortTaken`.
    """
    probe = _bind(settings, settings.port, shared=False)
    port = probe.getsockname()[1]
    probe.close()
    return [_bind(settings, port, shared=True) for _ in range(count)]


def listen_beside(settings: Settings, port: int) -> socket.socket:
    """One more such socket on a port that this program already has. Raises `PortTaken`."""
    return _bind(settings, port, shared=True)


def _bind(settings: Settings, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((settings.host, port))
        listener.listen(BACKLOG)
    except socket.gaierror:
        listener.close()
        raise PortTaken(f"JIKAO_HOST={settings.host} is no address of this machine") from None
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"{settings.host}:{port} cannot be used ({error.strerror}). Stop the other program or choose another port: "
            "JIKAO_PORT=8100"
        ) from None
    listener.set_inheritable(True)
    return listener
