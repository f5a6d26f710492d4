"""Pure rules of the board: what a seat shows, what calls for help, which acts need a reason or a second person."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

OFFLINE_AFTER_S = 20.0
"""A browser's pulse is held up to 15 s; 20 s without one is a lost connection."""

QUIET_AFTER = timedelta(minutes=5)
STUCK_AT_THE_DOOR = timedelta(seconds=60)
STUCK_WITHOUT_ANSWER = timedelta(minutes=3)
ENDING_SOON = timedelta(minutes=5)

CREDIT_ALONE_MS = 5 * 60_000
"""The longest credit one person may give; more needs a second person."""

CREDIT_MAX_MINUTES = 180
REASON_MIN, TEXT_MAX = 2, 500


class SeatState(StrEnum):
    """What a tile says. Stored nowhere: computed from the sitting, the pulse and the time."""

    EMPTY = "empty"
    NOT_ARRIVED = "not_arrived"
    WAITING = "waiting"
    OPEN = "open"
    QUIET = "quiet"
    OFFLINE = "offline"
    PAUSED = "paused"
    HANDED_IN = "handed_in"
    ABSENT = "absent"
    VOIDED = "voided"


class Alert(StrEnum):
    """Why somebody should look at a seat, the most pressing first."""

    OFFLINE = "offline"
    STUCK = "stuck"
    REPORTED = "reported"
    NOT_BOUND = "not_bound"
    QUIET = "quiet"
    ENDING = "ending"


@dataclass(frozen=True)
class Timing:
    """The times of an exam session a tile depends on; `bell` None: it has not rung."""

    bell: datetime | None
    latest_entry: timedelta
    binding_needed: bool = False

    @property
    def entry_closes(self) -> datetime | None:
        """From then on an entry that never opened is absent."""
        return None if self.bell is None else self.bell + self.latest_entry


class Facts(Struct, frozen=True):
    """What is known of one seat's candidate.

    `state` is the sitting's own word (admitted, waiting, open, paused, ended; absent), None without a sitting; `end_kind`
    tells ends apart. `pulse_age_s`: seconds since the browser was heard, None when this process has not heard it;
    `watched_s`: seconds this process has been listening, so that a restart raises no false alarm.
    """

    state: str | None
    end_kind: str | None = None
    answered: int = 0
    total: int = 0
    opened_at: datetime | None = None
    changed_at: datetime | None = None
    closes_at: datetime | None = None
    pulse_age_s: float | None = None
    watched_s: float = 0.0
    arrived: bool = False
    bound: bool = True
    open_reports: int = 0


def seat_state(facts: Facts, timing: Timing, now: datetime) -> SeatState:
    """The one word for a seat with an entry."""
    if facts.state == "ended":
        return SeatState.VOIDED if facts.end_kind == "voided" else SeatState.HANDED_IN
    if facts.state == "absent":
        return SeatState.ABSENT
    if facts.state == "paused":
        return SeatState.PAUSED
    if facts.state == "open":
        return _while_open(facts, now)
    if timing.entry_closes is not None and now >= timing.entry_closes:
        return SeatState.ABSENT
    return SeatState.WAITING if facts.arrived or facts.state == "waiting" else SeatState.NOT_ARRIVED


def _while_open(facts: Facts, now: datetime) -> SeatState:
    if silent_s(facts) > OFFLINE_AFTER_S:
        return SeatState.OFFLINE
    last = facts.changed_at or facts.opened_at
    if last is not None and now - last >= QUIET_AFTER and facts.answered < facts.total:
        return SeatState.QUIET
    return SeatState.OPEN


def silent_s(facts: Facts) -> float:
    """Seconds without a sign of the browser; never more than this process has been listening."""
    return facts.watched_s if facts.pulse_age_s is None else facts.pulse_age_s


def alerts(facts: Facts, state: SeatState, timing: Timing, now: datetime) -> tuple[Alert, ...]:
    """What calls for help at a seat, in the order of `Alert`."""
    stuck = _stuck(facts, state, timing, now)
    found = {
        Alert.OFFLINE: state is SeatState.OFFLINE,
        Alert.STUCK: stuck,
        Alert.REPORTED: facts.open_reports > 0,
        Alert.NOT_BOUND: timing.binding_needed and not facts.bound and state in _BEFORE_THE_END,
        Alert.QUIET: state is SeatState.QUIET and not stuck,
        Alert.ENDING: _ending(facts, state, now),
    }
    return tuple(alert for alert, there in found.items() if there)


_BEFORE_THE_END = (SeatState.WAITING, SeatState.OPEN, SeatState.QUIET, SeatState.OFFLINE, SeatState.PAUSED)


def _stuck(facts: Facts, state: SeatState, timing: Timing, now: datetime) -> bool:
    """At the door although the bell has rung, or inside for minutes without one answer."""
    if state is SeatState.WAITING:
        return timing.bell is not None and now - timing.bell >= STUCK_AT_THE_DOOR
    if state in (SeatState.OPEN, SeatState.QUIET) and facts.answered == 0 and facts.opened_at is not None:
        return now - facts.opened_at >= STUCK_WITHOUT_ANSWER
    return False


def _ending(facts: Facts, state: SeatState, now: datetime) -> bool:
    running = state in (SeatState.OPEN, SeatState.QUIET, SeatState.OFFLINE)
    if not running or facts.closes_at is None or facts.answered >= facts.total:
        return False
    return facts.closes_at - now <= ENDING_SOON


@dataclass(frozen=True)
class Counts:
    """应到, 实到, 缺考, 已交 and who is at work. `arrived` counts everybody who is or was in the room."""

    expected: int
    arrived: int
    absent: int
    handed_in: int
    working: int
    voided: int


def count(states: Iterable[SeatState]) -> Counts:
    """Counts over seats with an entry; empty seats do not count."""
    seen = Counter(state for state in states if state is not SeatState.EMPTY)
    away = seen[SeatState.NOT_ARRIVED] + seen[SeatState.ABSENT]
    working = sum(seen[state] for state in (SeatState.OPEN, SeatState.QUIET, SeatState.OFFLINE, SeatState.PAUSED))
    return Counts(
        expected=seen.total(),
        arrived=seen.total() - away,
        absent=seen[SeatState.ABSENT],
        handed_in=seen[SeatState.HANDED_IN],
        working=working,
        voided=seen[SeatState.VOIDED],
    )


def needs_second_person(credit_ms: int) -> bool:
    """Whether a credit of `credit_ms` waits for another person. Taking time away never happens, so the sign is positive."""
    return credit_ms > CREDIT_ALONE_MS


class Refusal(StrEnum):
    """Why a second person cannot decide a request now."""

    SAME_PERSON = "same_person"
    DECIDED = "decided"
    EXPIRED = "expired"


REQUEST_LASTS = timedelta(minutes=30)


def may_decide(asked_by: int, asked_at: datetime, decided_at: datetime | None, person_id: int, now: datetime) -> Refusal | None:
    """None when `person_id` may confirm or decline the request now."""
    if decided_at is not None:
        return Refusal.DECIDED
    if now - asked_at >= REQUEST_LASTS:
        return Refusal.EXPIRED
    if asked_by == person_id:
        return Refusal.SAME_PERSON
    return None


INCIDENT_CATEGORIES: dict[str, str] = {
    "equipment": "Equipment failure",
    "network": "Network failure",
    "power": "Power failure",
    "identity": "Identity in doubt",
    "late": "Late arrival",
    "illness": "Illness or absence from the room",
    "device": "Forbidden phone or device",
    "copying": "Copying or passing notes",
    "impersonation": "Somebody else sat the exam",
    "disorder": "Disturbing the room",
    "question": "Fault in a question",
    "other": "Other",
}
"""Category -> msgid."""

BREACHES = ("device", "copying", "impersonation", "disorder", "identity", "other")
"""Categories a paper may be voided for."""
