"""A function in a process of its own, with bounded memory and time: for files from strangers.

A native reader that runs out of memory ends its process, a pathological file can keep it busy for hours. Neither may take the
child for heavy work (`job_child`) with it, where assembly and marking wait their turn. What the function is given and gives
back travels pickled between two processes of the same program and user; this bounds resources, it is no sandbox.
"""

import contextlib
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import IO, Any, Final

SECONDS: Final = 120
"""Of the processor; five times as long by the wall clock, because the process may have to wait for it."""
MEGABYTES: Final = 1_500
"""Of address space."""
_LOOK_S: Final = 0.5
_PATIENCE: Final = 5


class OutOfBounds(Exception):
    """The function took more memory or time than it may, or ended its process."""


def run(
    function: Callable[..., Any],
    *args: Any,
    seconds: int = SECONDS,
    megabytes: int = MEGABYTES,
    waiting: Callable[[], object] = lambda: None,
) -> Any:
    """What ``function(*args)`` returns; it must be importable by name. ``waiting`` is called about twice a second.

    Raises `OutOfBounds`; what `waiting` raises ends the process and passes through. An error of the function is one of the
    process: `OutOfBounds`, too, since a reader of strangers' files has none that is expected.
    """
    request = pickle.dumps((megabytes, seconds)) + pickle.dumps((function, args), protocol=pickle.HIGHEST_PROTOCOL)
    child = subprocess.Popen(
        [sys.executable, "-c", "from server.apart import main; main()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    feeder = threading.Thread(target=_feed, args=(child.stdin, request), daemon=True)
    child.stdin = None  # `communicate` with a timeout forgets what it has not sent yet
    feeder.start()
    try:
        answer = _listen(child, time.monotonic() + seconds * _PATIENCE, waiting)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
        feeder.join()
    if child.returncode != 0 or not answer:
        raise OutOfBounds(f"the process ended with {child.returncode}")
    return pickle.loads(answer)  # noqa: S301  # written by `main` below


def _feed(pipe: IO[bytes] | None, request: bytes) -> None:
    assert pipe is not None
    with contextlib.suppress(BrokenPipeError), pipe:  # it ended before it had read everything
        pipe.write(request)


def _listen(child: "subprocess.Popen[bytes]", until: float, waiting: Callable[[], object]) -> bytes:
    while True:
        try:
            return child.communicate(timeout=_LOOK_S)[0]
        except subprocess.TimeoutExpired:
            waiting()
            if time.monotonic() > until:
                raise OutOfBounds("the process took too long") from None


def main() -> None:
    """The other side."""
    source = sys.stdin.buffer
    megabytes, seconds = pickle.load(source)  # noqa: S301  # written by `run` above
    limit(megabytes, seconds)
    function, args = pickle.load(source)  # noqa: S301
    try:
        answer = pickle.dumps(function(*args), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # its text may quote the file, and that must not reach a log
        sys.exit(f"{type(error).__name__} at {_place(error)}")
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def limit(megabytes: int, seconds: int) -> None:
    """Bound this process for the rest of its life; where the system has no such limits (Windows) only the wall clock counts."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
