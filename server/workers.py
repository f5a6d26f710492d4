"""`jikao serve --workers N`: a small parent, N serving processes on one port, any of which may die at any time.

Each worker runs all of the application: writer, pulses, closer, duties. They share PostgreSQL and nothing else that matters.
The parent holds the listening sockets, one a worker: connections to a worker that died wait for its successor. It starts a
dead worker again (with a growing pause when it keeps dying), ends one whose event loop has stood still, and passes
SIGTERM and SIGINT on. A worker whose parent is gone drains and ends.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

from server import logs, serving
from server.jobs import environment
from server.settings import Settings, SettingsError, load

log = structlog.get_logger()

LOOK_S = 0.1
STEADY_S = 30.0
"""Who has served this long starts again at once."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
LEFT_OPEN_S = 1.0
"""For a longer pause the place at the port is given up: who waits there is cut off, and finds another worker."""
STALLED_S = 20.0
"""A worker that has served and then says nothing for so long is ended; its candidates go on with another."""
NUMBER = "JIKAO_WORKER_SOCKETS"
"""For workers only: file descriptors of the listening socket and of the pipe to say "alive" on."""


COMMAND = (sys.executable, "-c", "from server.workers import main; main()")


class WorkersError(Exception):
    """They cannot serve; the message says why."""


class Worker:
    """One place at the port and the process that has it now."""

    def __init__(self, number: int, listener: socket.socket, settings: Settings) -> None:
        self.number = number
        self._listener = listener
        self._port: int = listener.getsockname()[1]
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._started = self._heard = self._again = 0.0
        self._pause = 0.0
        self.ready = False

    def start(self) -> None:
        """A process on this place's socket, in a process group of its own: Ctrl+C reaches the parent only."""
        if self._listener.fileno() < 0:
            self._listener = serving.listen_beside(self._settings, self._port)
        self._pipe, alive = os.pipe()
        os.set_blocking(self._pipe, False)
        os.set_blocking(alive, False)
        try:
            self._process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                pass_fds=(self._listener.fileno(), alive),
                env={**environment(self._settings), NUMBER: f"{self._listener.fileno()},{alive}"},
                process_group=0,
            )
        finally:
            os.close(alive)
        self._started = self._heard = time.monotonic()
        self.ready = False

    def look(self) -> int | None:
        """Hear it, start it again when that is due, end it when it has stalled; the exit code when it has just died."""
        now = time.monotonic()
        process = self._process
        if process is None:
            if now >= self._again:
                self.start()
            return None
        self._hear(now)
        code = process.poll()
        if code is not None:
            self._died(code, now)
            return code
        if self.ready and now - self._heard > STALLED_S:
            log.warning("worker_stalled", worker=self.number, pid=process.pid, silent_s=round(now - self._heard))
            process.kill()
        return None

    def _hear(self, now: float) -> None:
        assert self._pipe is not None
        with contextlib.suppress(BlockingIOError):
            if os.read(self._pipe, 1000):
                self._heard = now
                if not self.ready and self._process is not None:
                    log.info("worker_serves", worker=self.number, pid=self._process.pid, after_s=round(now - self._started, 1))
                self.ready = True

    def _died(self, code: int, now: float) -> None:
        steady = self.ready and now - self._started > STEADY_S
        wait = 0.0 if steady else self._pause
        self._pause = 0.0 if steady else min(LONGEST_PAUSE_S, self._pause * 2 or FIRST_PAUSE_S)
        self._again = now + wait * random.uniform(0.7, 1.3)  # noqa: S311 - jitter
        if wait > LEFT_OPEN_S:
            self._listener.close()
        log.warning("worker_died", worker=self.number, code=code, ready=self.ready, again_in_s=round(wait, 1))
        self._let_go()

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def close(self) -> None:
        """Give the place at the port up."""
        self._listener.close()

    def tell(self, sig: int) -> None:
        """Send it a signal."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sig)

    def gone(self, within_s: float) -> bool:
        """Wait for its end."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.01, within_s))
        except subprocess.TimeoutExpired:
            return False
        self._let_go()
        return True


class Supervisor:
    """The parent. It knows no database and no application."""

    def __init__(self, settings: Settings) -> None:
        self._workers = [
            Worker(number, listener, settings)
            for number, listener in enumerate(serving.listen_often(settings, settings.workers), 1)
        ]
        self._stop = False

    def run(self, say_ready: Callable[[], None]) -> None:
        """Keep them serving until a signal. Raises `WorkersError` when one cannot even start for the first time."""
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self._asked)
        for worker in self._workers:
            worker.start()
        said = False
        try:
            while not self._stop:
                time.sleep(LOOK_S)
                codes = [worker.look() for worker in self._workers]
                if not said and all(worker.ready for worker in self._workers):
                    said = True
                    say_ready()
                elif not said and any(code is not None for code in codes):
                    raise WorkersError("A serving process ended before it could serve; its last lines above say why.")
        finally:
            self._end()

    def _asked(self, _sig: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _end(self) -> None:
        """All of them at once; who is not gone in time is killed."""
        end = time.monotonic() + serving.STOP_WITHIN_S
        for worker in self._workers:
            worker.tell(signal.SIGTERM)
        for worker in self._workers:
            if not worker.gone(end - time.monotonic()):
                log.warning("worker_killed", worker=worker.number)
                worker.tell(signal.SIGKILL)
                worker.gone(1.0)
            worker.close()


def run(settings: Settings, ready: str) -> None:
    """Serve with `settings.workers` processes until a signal; `ready` is printed once all of them serve."""
    if not hasattr(socket, "SO_REUSEPORT") or os.name != "posix":
        raise SettingsError("JIKAO_WORKERS: several serving processes want Linux or another Unix; serve with one")
    Supervisor(settings).run(lambda: print(ready, flush=True))


def main() -> None:
    """A worker: serve on the inherited socket, say "alive" each second, end with the parent."""
    from server.app import create_app

    listener_fd, alive = (int(fd) for fd in os.environ.pop(NUMBER).split(","))
    settings = load()
    logs.configure(settings.log_level)
    threading.Thread(target=_with_parent, daemon=True).start()

    async def beat() -> None:
        with contextlib.suppress(OSError):
            os.write(alive, b".")

    serving.serve(create_app(settings), settings, listener=socket.socket(fileno=listener_fd), beat=beat)


def _with_parent() -> None:
    """The pipe from the parent closes when it is gone, however it went."""
    while os.read(0, 1000):  # not by sys.stdin: its lock, held here, would be missed when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)
