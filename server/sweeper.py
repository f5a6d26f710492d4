"""Every notification has a sweeper behind it: one thread that looks, again and again, for what is due."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()


@dataclass
class Duty:
    """Something to look after every `every_s` seconds. It may fail: the next round tries again."""

    name: str
    every_s: float
    act: Callable[[], object]
    _next: float = field(default=0.0, init=False)

    def due(self, now: float) -> bool:
        """Whether its time has come; notes the next one."""
        if now < self._next:
            return False
        self._next = now + self.every_s
        return True


class Sweeper:
    """Runs duties one after another on a thread of its own."""

    def __init__(self, duties: Sequence[Duty]) -> None:
        self._duties = duties
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let the duty at work finish, then end."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def _loop(self) -> None:
        while not self._stop.wait(1.0):
            for duty in self._duties:
                if self._stop.is_set():
                    return
                if duty.due(time.monotonic()):
                    self._run(duty)

    def _run(self, duty: Duty) -> None:
        try:
            duty.act()
        except Exception as error:  # one duty must not end the others
            log.warning("duty_failed", duty=duty.name, error=type(error).__name__)
