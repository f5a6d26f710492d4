"""A `jikao serve` process of one's own on a free port, its CPU time, and candidates that are already signed in."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """User and system time so far of a process, its threads and its ended children; 0 when it has ended itself."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):  # its parent counts it
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return found


@contextlib.contextmanager
def program(arguments: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a Python program until the block is left; yields its process id once `port` answers."""
    process = subprocess.Popen([sys.executable, *arguments], env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _attempt in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not answer in time")


@contextlib.contextmanager
def jikao(folder: Path, url: str) -> Iterator[tuple[int, int]]:
    """`jikao serve` on a seeded database; yields (process id, port)."""
    port = free_port()
    given = {"JIKAO_DATA_DIR": str(folder), "JIKAO_DATABASE_URL": url, "JIKAO_PORT": str(port)}
    with program(["-m", "server.cli", "serve"], port, **given) as pid:
        yield pid, port


@dataclass(frozen=True)
class SignedIn:
    """A candidate whose sitting is open."""

    cookie: str
    epoch: int


def sign_in(port: int, person: dict[str, Any]) -> SignedIn:
    """Enter and open, waiting for the bell if need be."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    form = urlencode({"admission_no": person["admission_no"], "secret": person["secret"]})
    connection.request("POST", "/exam/enter", form, {"Content-Type": "application/x-www-form-urlencoded"})
    reply = connection.getresponse()
    reply.read()
    if reply.status != 303:
        raise RuntimeError(f"sign-in answered {reply.status}")
    cookies = [value.split(";")[0] for name, value in reply.getheaders() if name.lower() == "set-cookie"]
    cookie = next(one for one in cookies if one.startswith("jikao_c="))
    page = json.dumps({"page": secrets.token_hex(8)})
    for _attempt in range(60):
        connection.request("POST", "/exam/api/open", page, {"Content-Type": "application/json", "Cookie": cookie})
        reply = connection.getresponse()
        body = json.loads(reply.read())
        if reply.status == 200:
            connection.close()
            return SignedIn(cookie, body["epoch"])
        time.sleep(0.5)
    raise RuntimeError(f"opening answered {reply.status} {body.get('error')}")
