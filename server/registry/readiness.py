"""What an exam session still lacks: the officer's checklist, and whether it may be scheduled or opened. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

EDITABLE = frozenset({"draft", "scheduled"})
"""States in which plan, rooms, roster and seats may still change."""
OPENING_WINDOW = timedelta(hours=2)
"""An exam session opens at most this long before its start: earlier the paper has no business being out."""


RESERVE_NOT_READY = "The reserve set is not ready: it has to be sealed and filed, unused, and free of other exam sessions."


@dataclass(frozen=True)
class Reason:
    """One thing that stands in the way (msgid with parameters)."""

    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RoomFacts:
    """A room of the exam session: its name, how many sit there, whether people and supervisor are known."""

    name: str
    seated: int
    chief: bool
    supervisor: bool


@dataclass(frozen=True)
class Facts:
    """Everything the rules below look at."""

    state: str
    starts_at: datetime
    duration_ms: int
    entries: int
    unseated: int
    seats: int
    rooms: tuple[RoomFacts, ...]
    paper_set_chosen: bool
    paper_reasons: tuple[str, ...]
    """Why the item bank says the paper set cannot be used yet (msgids); empty when it can."""
    reserve_ready: bool = True
    """Whether the reserve set could be used at once; True where none is named."""
    released: bool = False
    """Whether two custodians have released the paper set."""
    labels_match: bool = True
    """Whether every seated entry's form label exists in the paper set."""
    formless: int = 0
    """Seated entries without a form, where the lot has not still to fall."""
    supervisor_required: bool = True


CheckState = Literal["done", "missing", "later"]


@dataclass(frozen=True)
class Check:
    """One line of the checklist; `later` means: not its time yet."""

    code: str
    title: str
    state: CheckState
    reasons: list[Reason] = field(default_factory=list)


def editable(state: str) -> bool:
    """Whether plan, rooms, roster, seats and paper may change in this state."""
    return state in EDITABLE


def paper_reasons(facts: Facts) -> list[Reason]:
    """What the paper lacks."""
    if not facts.paper_set_chosen:
        return [Reason("No paper set is chosen.")]
    return [Reason(message) for message in facts.paper_reasons]


def reserve_reasons(facts: Facts) -> list[Reason]:
    """That a reserve set is named which could not take over."""
    return [] if facts.reserve_ready else [Reason(RESERVE_NOT_READY)]


def release_reasons(facts: Facts) -> list[Reason]:
    """That two custodians have not let the paper out yet. There is no override."""
    if facts.released or not facts.paper_set_chosen:
        return []
    return [Reason("Two custodians have not released the paper yet.")]


def room_reasons(facts: Facts) -> list[Reason]:
    """What the rooms lack."""
    if not facts.rooms:
        return [Reason("No room is chosen.")]
    if facts.entries > facts.seats:
        return [
            Reason(
                "The rooms have %(seats)s seats for %(entries)s candidates.",
                {"seats": facts.seats, "entries": facts.entries},
            )
        ]
    return []


def seat_reasons(facts: Facts) -> list[Reason]:
    """What the seating lacks."""
    if facts.entries == 0:
        return []
    if facts.unseated:
        return [Reason("%(count)s candidates have no seat yet.", {"count": facts.unseated})]
    if not facts.labels_match or facts.formless:
        return [Reason("The seats name forms that the paper set does not have: seat everyone again.")]
    return []


def supervisor_reasons(facts: Facts) -> list[Reason]:
    """Rooms where candidates sit and no external supervisor has checked in."""
    if not facts.supervisor_required:
        return []
    return [
        Reason("%(room)s: the external supervisor has not checked in.", {"room": room.name})
        for room in facts.rooms
        if room.seated and not room.supervisor
    ]


def _roster_reasons(facts: Facts) -> list[Reason]:
    return [] if facts.entries else [Reason("No candidates are entered.")]


def may_schedule(facts: Facts, now: datetime) -> list[Reason]:
    """Why the exam session cannot be scheduled; empty when it can. An unsealed or unfiled paper is a reason."""
    if facts.state != "draft":
        return [Reason("Only a draft can be scheduled.")]
    reasons = paper_reasons(facts) + reserve_reasons(facts)
    reasons += room_reasons(facts) + _roster_reasons(facts) + seat_reasons(facts)
    if facts.starts_at + timedelta(milliseconds=facts.duration_ms) <= now:
        reasons.append(Reason("The exam would already be over: set another start."))
    return reasons


def may_open(facts: Facts, now: datetime, *, without_supervisor: bool = False) -> list[Reason]:
    """Why the exam session cannot be opened; empty when it can.

    `without_supervisor` is the override of the missing check-in; the caller demands a reason and audits it.
    """
    if facts.state != "scheduled":
        return [Reason("Only a scheduled exam session can be opened.")]
    reasons = paper_reasons(facts) + room_reasons(facts) + _roster_reasons(facts) + seat_reasons(facts)
    reasons += release_reasons(facts)
    if now < facts.starts_at - OPENING_WINDOW:
        reasons.append(Reason("It is too early: opening is possible from two hours before the start."))
    if not without_supervisor:
        reasons += supervisor_reasons(facts)
    return reasons


def checklist(facts: Facts) -> list[Check]:
    """The officer's list from top to bottom, in the order in which things are done."""
    started = facts.state not in EDITABLE
    scheduled = facts.state != "draft"
    nobody = not any(room.seated for room in facts.rooms)
    lines = [
        _check("rooms", "Choice of rooms", room_reasons(facts)),
        _check("roster", "Roster", _roster_reasons(facts)),
        _check("seats", "Seating", _roster_reasons(facts)[:1] or seat_reasons(facts)),
        _check("paper", "Sealed and filed paper", paper_reasons(facts) + reserve_reasons(facts)),
        Check("scheduled", "Scheduling", "done" if scheduled else "missing"),
        _check("staff", "Chief invigilators", _staff_reasons(facts), later=nobody),
        _check("release", "Release of the paper by two custodians", release_reasons(facts), later=not scheduled),
        _check("supervisor", "External supervisor's check-in", supervisor_reasons(facts), later=not scheduled or nobody),
        Check("opened", "Opening", "done" if started else "later"),
    ]
    return [Check(line.code, line.title, "done") if started and line.code != "supervisor" else line for line in lines]


def _staff_reasons(facts: Facts) -> list[Reason]:
    return [
        Reason("%(room)s: no chief invigilator is named.", {"room": room.name})
        for room in facts.rooms
        if room.seated and not room.chief
    ]


def _check(code: str, title: str, reasons: Iterable[Reason], *, later: bool = False) -> Check:
    found = list(reasons)
    state: CheckState = "later" if later else "missing" if found else "done"
    return Check(code, title, state, [] if later else found)
