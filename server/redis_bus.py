"""The bus over Redis, between several serving processes: what one of them hears, the others hear within a tenth of a second.

Redis keeps nothing for us, it only passes on: a flush or a restart loses notices that SQL gives within a second or two
anyway. No request ever waits for it: what is to be told goes into bounded queues in memory, a thread sends it in batches, another
thread listens. Each process listens for the echo of its own batches; while that does not come (Redis absent, killed,
stalled) the bus is deaf and says so (`hearing_s`), and this process's own parts still hear each other directly.
"""

import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.bus import InProcessBus, Listener

log = structlog.get_logger()

TIMEOUT_S = 1.0
TICK_S = 1.0
"""Presence goes out, and an empty batch for the echo, once a tick."""
GATHER_S = 0.03
DEAF_AFTER_S = 4.0
"""No echo for so long: whatever the connection says, nothing is heard."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0
QUEUE = 20_000
BATCH = 2_000


class RedisBus:
    """A `Bus`; `start` and `stop` it with the process. Never connects on a caller's thread.

    `house` names the installation: several may share one Redis.
    """

    def __init__(self, url: str, house: str) -> None:
        self._url = url
        self._topic = f"jikao:{house}"
        self._me = secrets.token_hex(8)
        self._local = InProcessBus()
        self._notices: deque[tuple[str, Any]] = deque(maxlen=QUEUE)
        self._fresh: deque[tuple[str, Any, float]] = deque(maxlen=QUEUE)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._echo_at = float("-inf")
        self._hears_since: float | None = None
        self._away = False
        self._threads = [
            threading.Thread(target=self._keep, args=(self._send,), name="bus-sender", daemon=True),
            threading.Thread(target=self._keep, args=(self._listen,), name="bus-listener", daemon=True),
        ]

    # -- asked by the parts of the process --

    def publish(self, channel: str, message: Any) -> None:
        """Here at once; to the others by the sender. When Redis is away the oldest notices are dropped."""
        self._local.publish(channel, message)
        self._notices.append((channel, message))
        if not self._wake.is_set():
            self._wake.set()

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        """Add a listener for notices of all processes."""
        return self._local.subscribe(channel, listener)

    def seen(self, channel: str, who: Any) -> None:
        """Remember here; the others learn it with the next tick."""
        self._local.seen(channel, who)
        self._fresh.append((channel, who, time.monotonic()))

    def presence(self, channel: str) -> dict[Any, float]:
        """What any process has heard."""
        return self._local.presence(channel)

    def hearing_s(self) -> float:
        """How long the echo has come without a gap."""
        since, now = self._hears_since, time.monotonic()
        return 0.0 if since is None or now - self._echo_at > DEAF_AFTER_S else now - since

    def start(self) -> None:
        """Begin to send and listen; Redis need not be there."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads; one that hangs in a time-out is left behind, it holds nothing."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(0.5)

    # -- the threads --

    def _keep(self, work: Callable[[Any], None]) -> None:
        """Do `work` on a connection until stopped; a new one after a growing, jittered pause when it fails."""
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            client: Any = redis.Redis.from_url(
                self._url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
            )
            started = time.monotonic()
            try:
                work(client)
            except Exception as error:  # the bus may be away for as long as it likes, nothing else may end for it
                self._is_away(error)
            finally:
                client.close()
            pause = FIRST_PAUSE_S if time.monotonic() - started > 2 * LONGEST_PAUSE_S else min(LONGEST_PAUSE_S, pause * 2)
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _is_away(self, error: Exception) -> None:
        self._hears_since = None
        if not self._away and not self._stop.is_set():
            self._away = True
            log.warning("redis_away", error=type(error).__name__, meanwhile="boards and pulses learn by SQL")

    def _send(self, client: Any) -> None:
        tick = 0.0
        while not self._stop.is_set():
            if self._wake.wait(max(0.0, tick - time.monotonic())):
                self._stop.wait(GATHER_S)
            self._wake.clear()
            now = time.monotonic()
            seen: list[Any] = []
            if now >= tick:
                tick = now + TICK_S
                seen = self._freshly_seen(now)
            notices = list(dict.fromkeys(_drain(self._notices, BATCH)))
            client.publish(self._topic, msgspec.json.encode((self._me, notices, seen)))
            if self._notices:
                self._wake.set()

    def _freshly_seen(self, now: float) -> list[Any]:
        latest = {(channel, who): at for channel, who, at in _drain(self._fresh, QUEUE)}
        return [(channel, who, round(now - at, 2)) for (channel, who), at in latest.items()]

    def _listen(self, client: Any) -> None:
        with client.pubsub() as pubsub:
            pubsub.subscribe(self._topic)
            deadline = time.monotonic() + DEAF_AFTER_S
            while not self._stop.is_set():
                message = pubsub.get_message(timeout=0.5)
                if message is not None and message["type"] == "message" and self._take(message["data"]):
                    deadline = time.monotonic() + DEAF_AFTER_S
                if time.monotonic() > deadline:
                    raise redis.TimeoutError("no echo")

    def _take(self, data: bytes) -> bool:
        """Pass a batch on; whether it was the echo of our own."""
        try:
            sender, notices, seen = msgspec.json.decode(data)
            now = time.monotonic()
            if sender == self._me:
                self._heard_myself(now)
                return True
            for channel, who, age in seen:
                self._local.noted(str(channel), _plain(who), now - float(age))
            for channel, message in notices:
                self._local.publish(str(channel), _plain(message))
        except (ValueError, TypeError) as error:
            log.warning("bus_message_refused", error=type(error).__name__)
        return False

    def _heard_myself(self, now: float) -> None:
        self._echo_at = now
        if self._hears_since is None:
            self._hears_since = now
            log.info("redis_back" if self._away else "redis_heard")
            self._away = False


def _drain(queue: deque[Any], most: int) -> list[Any]:
    found: list[Any] = []
    while queue and len(found) < most:
        found.append(queue.popleft())
    return found


def _plain(value: Any) -> Any:
    """As it was sent: JSON knows no tuples."""
    return tuple(_plain(one) for one in value) if isinstance(value, list) else value
