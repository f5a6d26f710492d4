"""The real server as a process of its own, and a real browser: for journeys, screenshots and load."""

import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.postgresql import free_port

JIKAO = [sys.executable, "-m", "server.cli"]


def chromium() -> str:
    """Path of a Chromium: `JIKAO_CHROMIUM`, PATH, or Playwright's cache."""
    given = os.environ.get("JIKAO_CHROMIUM")
    if given:
        return given
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    cached = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    if cached:
        return str(cached[-1])
    raise RuntimeError("no Chromium found: apt-get install chromium, or set JIKAO_CHROMIUM")


def headless_shell() -> str:
    """Chromium without a window around the page, where it is installed, else the whole of it.

    Pages, scripts, storage and network are the same program; the window that every new context opens in the whole browser costs
    more than the page in it: 2.4 seconds of processor for a question answered, against 1.1. What asks for a person's own browser
    (profiles on the disk, kills, certificates) takes `chromium`.
    """
    beside = shutil.which("chromium-headless-shell")
    return chromium() if os.environ.get("JIKAO_CHROMIUM") or not beside else beside


class LiveServer:
    """A `jikao serve` process that can be killed and started again on the same port and data."""

    def __init__(self, data_dir: Path, *, trust: Path | None = None, **environment: str) -> None:
        self.program = JIKAO
        self.port = free_port()
        self.tls = ssl.create_default_context(cafile=trust) if trust else None
        self.url = f"http{'s' if trust else ''}://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        self.environment = {
            **os.environ,
            "JIKAO_DATA_DIR": str(data_dir),
            "JIKAO_PORT": str(self.port),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> None:
        """Run another `jikao` command on the same data."""
        subprocess.run([*JIKAO, *arguments], env=self.environment, check=True, capture_output=True, timeout=120)

    def start(self, command: str = "serve", log: Path | None = None) -> None:
        with (log or self.data_dir / "server.log").open("ab") as sink:
            self.process = subprocess.Popen([*self.program, command], env=self.environment, stdout=sink, stderr=sink)
        wait_for(f"{self.url}/readyz", self.process, tls=self.tls)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.terminate()
        return self.process.wait(timeout=20)


def wait_for(
    url: str, process: "subprocess.Popen[bytes] | None" = None, seconds: float = 60, tls: ssl.SSLContext | None = None
) -> None:
    """Until `url` answers 200."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it answered")
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(url, timeout=2, context=tls) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer within {seconds} s")


@contextlib.contextmanager
def serving(data_dir: Path, **environment: str) -> Iterator[LiveServer]:
    """A migrated, running server on `data_dir`."""
    server = LiveServer(data_dir, **environment)
    server.command("migrate")
    server.start()
    try:
        yield server
    finally:
        server.stop()
