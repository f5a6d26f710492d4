"""Time of a sitting, purely: the ledger the closing time is computed from, and the bounds of an exam session.

The closing time is nowhere edited: `closes_at(ledger)` is the grant at opening, plus credits, plus finished pauses,
plus the time between an end and a reopening. `state.apply` keeps the same sum event by event; a test compares the two.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from server.sitting.events import END_KINDS, Event

SOLO_CREDIT_MS = 5 * 60_000
"""What one person may add to one sitting, summed up; beyond it a second person is needed."""

CREDIT_MAX_MS = 3 * 60 * 60_000
"""No single credit is longer."""

CLOSE_LAG_MS = 1_000
"""How long after closing + grace the closer waits, so that what was received in time is decided first."""


RETURN_MS = 60_000
"""Who had less left when the server went away gets this long to come back and send what the browser holds."""


class LedgerEntry(Struct, frozen=True):
    """`grant`: `ms` is the moment granted until; `credit`, `withdraw`: `ms` is a duration.

    The others only have their moment `at`.
    """

    kind: Literal["grant", "credit", "withdraw", "pause", "resume", "end", "reopen"]
    at: int
    ms: int = 0


def ledger(events: Iterable[Event]) -> list[LedgerEntry]:
    """The time ledger within a journal."""
    entries = []
    for event in events:
        if event.kind == "opened":
            entries.append(LedgerEntry("grant", event.at, event.data["until"]))
        elif event.kind == "credited":
            entries.append(LedgerEntry("credit", event.at, event.data["ms"]))
        elif event.kind == "credit_withdrawn":
            entries.append(LedgerEntry("withdraw", event.at, event.data["ms"]))
        elif event.kind == "paused":
            entries.append(LedgerEntry("pause", event.at))
        elif event.kind == "resumed":
            entries.append(LedgerEntry("resume", event.at))
        elif event.kind == "reopened":
            entries.append(LedgerEntry("reopen", event.at))
        elif event.kind in END_KINDS:
            entries.append(LedgerEntry("end", event.at))
    return entries


def closes_at(entries: Iterable[LedgerEntry]) -> int | None:
    """f(time ledger): the closing time, None before the opening. During a pause it stands where the pause began."""
    until: int | None = None
    credit = 0
    stopped_at: int | None = None
    for entry in entries:
        if entry.kind == "grant":
            until = entry.ms
        elif entry.kind == "credit":
            credit += entry.ms
        elif entry.kind == "withdraw":
            credit -= entry.ms
        elif until is None:
            continue
        elif entry.kind in ("pause", "end"):
            if stopped_at is None:
                stopped_at = entry.at if entry.kind == "pause" else min(entry.at, until + credit)
        elif stopped_at is not None:
            until += max(0, entry.at - stopped_at)
            stopped_at = None
    return None if until is None else until + credit


def grant_until(now: int, *, bell_at: int, duration_ms: int, extra_ms: int, full_time: bool) -> int:
    """Until when an opening at `now` may work: with the room (统一结束), or the full time."""
    start = now if full_time else bell_at
    return start + duration_ms + extra_ms


class Gap(Struct, frozen=True):
    """Nobody served from `since` to `until`; `limit_ms`: the most that may still be given back for it."""

    since: int
    until: int
    limit_ms: int


def outage_credit(gap: Gap, *, opened_at: int, closing: int, grace_ms: int, stopped_at: int | None) -> int:
    """What a gap took from one sitting: only while it was open and its clock ran; 0 when nothing.

    The clock stands during the gap, so all of it from the opening on is given back, and whoever had less than
    `RETURN_MS` left gets that long. A gap longer than the limit gives the limit. An event of the sitting within the gap shortens
    nothing: it may have been stored in the moment between the waking and the noting, so up to a beat too much is given.
    """
    if closing + grace_ms <= gap.since or (stopped_at is not None and stopped_at < gap.until):
        return 0
    lost = gap.until - max(gap.since, opened_at)
    if lost <= 0:
        return 0
    if lost > gap.limit_ms:
        return max(0, gap.limit_ms)
    return min(max(lost, gap.until + RETURN_MS - closing), gap.limit_ms)


def is_late(at: int, closing: int, grace_ms: int) -> bool:
    """Received after closing + grace. The boundary itself still counts."""
    return at > closing + grace_ms


def remaining_ms(now: int, closing: int | None, paused_at: int | None) -> int | None:
    """What the candidate has left; frozen during a pause; None before the opening."""
    if closing is None:
        return None
    return max(0, closing - (now if paused_at is None else paused_at))


class Phase(Struct, frozen=True):
    """Where an exam session stands at a moment, and when that changes next (None: not by time)."""

    name: Literal["before", "entry", "running", "over"]
    until: int | None


def phase(now: int, *, bell_at: int | None, latest_entry_ms: int, duration_ms: int) -> Phase:
    """before the bell | new entrants still admitted | running | everybody's ordinary time is over."""
    if bell_at is None:
        return Phase("before", None)
    if now < bell_at:
        return Phase("before", bell_at)
    if now <= bell_at + latest_entry_ms:
        return Phase("entry", bell_at + latest_entry_ms)
    if now <= bell_at + duration_ms:
        return Phase("running", bell_at + duration_ms)
    return Phase("over", None)
