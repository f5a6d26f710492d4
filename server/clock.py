"""The one clock. Everything that needs the time gets a `Clock`; tests hand in a `FakeClock`.

`SystemClock` is anchored once against a reference (the database's clock on PostgreSQL, the machine's on SQLite) and
runs on the monotonic counter from there, so that a step of the wall clock during an exam moves nobody's closing time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from sqlalchemy import Engine, text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SUSPECT_MS = 2_000
"""Clocks that differ by more than this disagree."""


class Clock(Protocol):
    """Where `now` comes from."""

    def now(self) -> datetime:
        """The current time, aware UTC."""
        ...

    def now_ms(self) -> int:
        """The same in Unix ms, rounded down: asked for several times a save."""
        ...

    def monotonic_ns(self) -> int:
        """A counter that never goes back, in nanoseconds."""
        ...

    def anchor_again(self, at: datetime) -> None:
        """Go on from `at`: only when nobody is at work (`server.sitting.doubt`)."""
        ...


def wall_clock() -> datetime:
    """The machine's wall clock, aware UTC."""
    return datetime.now(UTC)


class SystemClock:
    """Wall time at the anchor plus what the monotonic counter has run since."""

    def __init__(self, anchor: Callable[[], datetime] = wall_clock) -> None:
        self.anchor_again(anchor())

    def now(self) -> datetime:
        """Anchor plus monotonic time since."""
        return self._anchor_at + timedelta(microseconds=(time.monotonic_ns() - self._anchor_ns) // 1000)

    def now_ms(self) -> int:
        """Without the objects of `now`."""
        return (self._anchor_us + (time.monotonic_ns() - self._anchor_ns) // 1000) // 1000

    def monotonic_ns(self) -> int:
        """`time.monotonic_ns()`."""
        return time.monotonic_ns()

    def anchor_again(self, at: datetime) -> None:
        """Go on from `at`."""
        self._anchor_ns, self._anchor_at = time.monotonic_ns(), at
        self._anchor_us = (at - _EPOCH) // timedelta(microseconds=1)


class FakeClock:
    """A clock that stands still until told to move (tests, demo data)."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The set time."""
        return self._now

    def now_ms(self) -> int:
        """The set time in Unix ms."""
        return (self._now - _EPOCH) // timedelta(milliseconds=1)

    def monotonic_ns(self) -> int:
        """The set time as nanoseconds since 1970."""
        return int(self._now.timestamp() * 1_000_000_000)

    def anchor_again(self, at: datetime) -> None:
        """Jump to `at`."""
        self._now = at

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._now += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        """Jump to `now`, backwards too."""
        self._now = now


class References(NamedTuple):
    """What the server's clock is compared with; `database` None where that is the machine's own clock (SQLite)."""

    wall: Callable[[], datetime]
    database: Callable[[], datetime] | None = None


def database_clock(engine: Engine) -> Callable[[], datetime] | None:
    """The clock of a PostgreSQL server; None on SQLite."""
    if engine.dialect.name == "sqlite":
        return None

    def read() -> datetime:
        with engine.connect() as connection:
            found: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return found.astimezone(UTC)

    return read


def references_for(clock: Clock, engine: Engine) -> References:
    """The machine's wall clock and the database's; a clock of another kind has only itself to be compared with."""
    if isinstance(clock, SystemClock):
        return References(wall_clock, database_clock(engine))
    return References(clock.now)
