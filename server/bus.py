"""Presence and fan-out between serving processes, and between the parts of one. Nothing here is ever the truth.

The board and the held pulses hear of changes faster through the bus; without it they find them by asking SQL once a
second. Two forms, one suite of tests: dictionaries in one process (here), Redis between several (`redis_bus`).

Messages and names of who was seen are plain values: numbers, strings, tuples of such. They arrive as they were sent.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

Listener = Callable[[str, Any], None]

REMEMBERED_S = 3_600.0
"""Who was not heard from for so long is forgotten."""


class Bus(Protocol):
    """Publish to a channel; listen to one; remember who was seen lately."""

    def publish(self, channel: str, message: Any) -> None:
        """Hand `message` to every listener of `channel` in this process, and soon to the others; never raises, never waits."""
        ...

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        """Call `listener(channel, message)` on each message; returns the way out.

        What this process publishes comes on the publisher's thread, before `publish` returns; what others publish comes on
        a thread of the bus. Listeners only hand over (set an event, call_soon_threadsafe).
        """
        ...

    def seen(self, channel: str, who: Any) -> None:
        """Note that `who` was heard from just now; costs the caller no more than a dictionary."""
        ...

    def presence(self, channel: str) -> dict[Any, float]:
        """Seconds since each of `channel` was last heard from, by any process this bus hears of."""
        ...

    def hearing_s(self) -> float:
        """For how long this bus has heard of everybody, whichever process they are connected to; 0 when it does not.

        Silence that is longer than this says nothing about who is silent.
        """
        ...

    def start(self) -> None:
        """Begin to hear others."""
        ...

    def stop(self) -> None:
        """End, within a second."""
        ...


class InProcessBus:
    """Dictionaries behind a lock. `alone`: whether all candidates are connected to this process."""

    def __init__(self, *, alone: bool = True) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._seen: dict[str, dict[Any, float]] = defaultdict(dict)
        self._alone = alone
        self._since = time.monotonic()

    def publish(self, channel: str, message: Any) -> None:
        """Listeners run on the caller's thread."""
        with self._lock:
            listeners = list(self._listeners.get(channel, ()))
        for listener in listeners:
            listener(channel, message)

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        """Add a listener."""
        with self._lock:
            self._listeners[channel].append(listener)

        def leave() -> None:
            with self._lock:
                if listener in self._listeners[channel]:
                    self._listeners[channel].remove(listener)
                if not self._listeners[channel]:
                    del self._listeners[channel]

        return leave

    def seen(self, channel: str, who: Any) -> None:
        """Overwrite the time of `who`."""
        self._seen[channel][who] = time.monotonic()

    def noted(self, channel: str, who: Any, at: float) -> None:
        """Somebody heard `who` at `at` of this process's monotonic clock."""
        known = self._seen[channel]
        if known.get(who, 0.0) < at:
            known[who] = at

    def presence(self, channel: str) -> dict[Any, float]:
        """A copy, as ages in seconds."""
        now = time.monotonic()
        known = self._seen.get(channel, {})
        ages = {who: now - at for who, at in list(known.items())}
        for who in [who for who, age in ages.items() if age > REMEMBERED_S]:
            known.pop(who, None)
            del ages[who]
        return ages

    def hearing_s(self) -> float:
        """Since it was made, when there is nobody else to hear."""
        return time.monotonic() - self._since if self._alone else 0.0

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""
