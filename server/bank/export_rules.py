"""Where an export of items stands. Pure.

Asked for, another person has `DECIDE_WITHIN` to agree; agreed to, the file is made and may be taken for `KEPT_FOR`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

DECIDE_WITHIN = timedelta(days=7)
KEPT_FOR = timedelta(hours=24)


class State(StrEnum):
    """Of an export."""

    ASKED = "asked"
    LAPSED = "lapsed"
    TAKEN_BACK = "taken_back"
    REFUSED = "refused"
    MAKING = "making"
    FAILED = "failed"
    READY = "ready"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an export. `job`: the state of the latest job that makes the file; empty before there is one."""

    asked_at: datetime
    asked_by: int
    decided_at: datetime | None = None
    decided_by: int | None = None
    agreed: bool = False
    job: str = ""
    made_at: datetime | None = None


def state_of(facts: Facts, now: datetime) -> State:
    """The state at a time."""
    if facts.decided_at is None:
        return State.ASKED if now < facts.asked_at + DECIDE_WITHIN else State.LAPSED
    if not facts.agreed:
        return State.TAKEN_BACK if facts.decided_by == facts.asked_by else State.REFUSED
    if now >= ends_at(facts.decided_at, facts.made_at):
        return State.OVER
    if facts.made_at is not None:
        return State.READY
    return State.MAKING if facts.job in {"", "queued", "running"} else State.FAILED


def ends_at(decided_at: datetime, made_at: datetime | None) -> datetime:
    """When the file is forgotten; of one that was not made, when it may no longer be tried."""
    return (made_at or decided_at) + KEPT_FOR
