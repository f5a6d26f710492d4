"""Presence and fan-out between the parts of one process. Nothing here is ever the truth.

The board and the held pulses hear of changes faster through the bus; without it they find them by asking SQL once a
second. A second form over Redis can stand behind the same `Bus` when several processes serve one exam.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

Listener = Callable[[str, Any], None]


class Bus(Protocol):
    """Publish to a channel; listen to one; remember who was seen lately."""

    def publish(self, channel: str, message: Any) -> None:
        """Hand `message` to every listener of `channel`; never raises, never blocks."""
        ...

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        """Call `listener(channel, message)` on each message, from the publisher's thread; returns the way out."""
        ...

    def seen(self, channel: str, who: Any) -> None:
        """Note that `who` was heard from just now."""
        ...

    def presence(self, channel: str) -> dict[Any, float]:
        """Seconds since each of `channel` was last heard from."""
        ...


class InProcessBus:
    """Dictionaries behind a lock: enough for one serving process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._seen: dict[str, dict[Any, float]] = defaultdict(dict)

    def publish(self, channel: str, message: Any) -> None:
        """Listeners run on the caller's thread; they must only hand over (set an event, call_soon_threadsafe)."""
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

    def presence(self, channel: str) -> dict[Any, float]:
        """A copy, as ages in seconds."""
        now = time.monotonic()
        return {who: now - at for who, at in list(self._seen.get(channel, {}).items())}
