"""The parent of several serving processes, with small programs in the place of workers."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from server import serving, workers
from server.serving import PortTaken
from server.settings import Settings, SettingsError, load
from server.workers import Supervisor, WorkersError
from tests.postgresql import free_port

SERVES = """
import os, socket, time
fd, alive = (int(n) for n in os.environ["JIKAO_WORKER_SOCKETS"].split(","))
door = socket.socket(fileno=fd)
os.write(alive, b".")
door.settimeout(0.1)
while True:
    os.write(alive, b".") if {beats} else None
    try:
        guest, _ = door.accept()
    except TimeoutError:
        continue
    guest.sendall(str(os.getpid()).encode())
    guest.close()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVES.format(beats=True)


@pytest.fixture
def settings() -> Settings:
    return Settings(port=free_port(), workers=2, database_url="postgresql://nobody@127.0.0.1:1/nothing")


def written(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, "-c", program))


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)}
    yield
    for sig, handler in before.items():
        signal.signal(sig, handler)


def run(settings: Settings, meanwhile: Callable[[Supervisor], None]) -> None:
    """The parent on this thread; `meanwhile` on another once all serve, then SIGTERM to ourselves."""
    parent, failed = Supervisor(settings), []

    def act() -> None:
        try:
            meanwhile(parent)
        except BaseException as error:
            failed.append(error)
        os.kill(os.getpid(), signal.SIGTERM)

    parent.run(lambda: threading.Thread(target=act).start())
    if failed:
        raise failed[0]


def served_by(settings: Settings, times: int) -> set[int]:
    found = set()
    for _ in range(times):
        with socket.create_connection(("127.0.0.1", settings.port), timeout=30) as guest:
            found.add(int(guest.recv(20)))
    return found


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_both_serve_a_dead_one_comes_back_and_all_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, SERVES.format(beats=True))
    pids: set[int] = set()

    def meanwhile(_parent: Supervisor) -> None:
        first = served_by(settings, 60)
        assert len(first) == 2
        os.kill(min(first), signal.SIGKILL)
        later = served_by(settings, 60)  # what the kernel gave to the dead one waits for its successor
        assert len(later) == 2
        assert min(first) not in later
        pids.update(later)

    with capture_logs() as logs:
        run(settings, meanwhile)
    assert all(gone(pid) for pid in pids)
    assert [one["code"] for one in logs if one["event"] == "worker_died"] == [-9]
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", settings.port))


def test_one_that_stands_still_is_ended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, SERVES.format(beats=False))
    monkeypatch.setattr(workers, "STALLED_S", 0.5)

    def meanwhile(parent: Supervisor) -> None:
        first = {worker._process.pid for worker in parent._workers if worker._process}
        end = time.monotonic() + 20
        while not all(gone(pid) for pid in first):
            assert time.monotonic() < end
            time.sleep(0.05)

    with capture_logs() as logs:
        run(settings, meanwhile)
    assert "worker_stalled" in {one["event"] for one in logs}


def test_one_that_keeps_dying_gets_longer_pauses(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written(
        monkeypatch,
        'import os\nos.write(int(os.environ["JIKAO_WORKER_SOCKETS"].split(",")[1]), b".")\nimport time; time.sleep(0.5)',
    )

    def meanwhile(_parent: Supervisor) -> None:
        time.sleep(3.5)

    with capture_logs() as logs:
        run(settings, meanwhile)
    pauses = [one["again_in_s"] for one in logs if one["event"] == "worker_died" and one["worker"] == 1]
    assert pauses[:3] == [0.0, 0.5, 1.0][: len(pauses)]
    assert len(pauses) >= 2


def test_nobody_waits_at_the_door_of_one_that_keeps_dying(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, SERVES.format(beats=True))
    monkeypatch.setattr(workers, "LEFT_OPEN_S", 0.0)
    monkeypatch.setattr(workers, "FIRST_PAUSE_S", 2.0)

    def meanwhile(_parent: Supervisor) -> None:
        first = served_by(settings, 60)
        os.kill(min(first), signal.SIGKILL)
        second = served_by(settings, 60) - first
        os.kill(second.pop(), signal.SIGKILL)
        time.sleep(0.5)
        assert served_by(settings, 40) == {max(first)}, "who waits for a successor would be served by it"
        while len(found := served_by(settings, 40)) < 2:
            time.sleep(0.2)
        assert max(first) in found

    run(settings, meanwhile)


def test_one_that_cannot_start_at_all_ends_the_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, "raise SystemExit(3)")
    with pytest.raises(WorkersError, match="ended before it could serve"):
        Supervisor(settings).run(lambda: None)


def test_one_that_will_not_end_is_killed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, STUBBORN)
    monkeypatch.setattr(serving, "STOP_WITHIN_S", 0.5)
    with capture_logs() as logs:
        run(settings, lambda _parent: None)
    assert [one["event"] for one in logs].count("worker_killed") == 2


def test_a_port_somebody_has_is_refused_though_it_could_be_shared(settings: Settings) -> None:
    first = Supervisor(settings)
    with pytest.raises(PortTaken, match="Stop the other program"):
        Supervisor(settings)
    for worker in first._workers:
        worker._listener.close()


def test_sqlite_is_served_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot share an SQLite file.*JIKAO_DATABASE_URL=postgresql://"):
        load(workers=2, data_dir=tmp_path)
    for name, value, sentence in (
        ("JIKAO_REDIS_URL", "http://cache", "no Redis Jikao knows"),
        ("JIKAO_TLS_CERT", "a.crt", "go together"),
    ):
        with monkeypatch.context() as patch, pytest.raises(SettingsError, match=sentence):
            patch.setenv(name, value)
            load()
    secret = tmp_path / "redis"
    secret.write_text("redis://:secret@cache:6379/0\n")
    monkeypatch.setenv("JIKAO_REDIS_URL_FILE", str(secret))
    assert load().redis_url == "redis://:secret@cache:6379/0"


def test_a_worker_goes_with_its_parent(settings: Settings) -> None:
    """kill -9 of the parent: the pipe closes, the worker ends by SIGTERM."""
    program = (
        "import threading, time\nfrom server.workers import _with_parent\n"
        "threading.Thread(target=_with_parent, daemon=True).start()\ntime.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=30) == -signal.SIGTERM
