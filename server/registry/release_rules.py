"""When a paper may be released. Pure: no SQL, no clock; both bounds of every span are tested.

Two custodians, two different people, at most half an hour apart, not earlier than the exam session's profile says, with a clock
that is not in doubt. Nobody can do without it: there is no override, and an exam session without it does not open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

TOGETHER = timedelta(minutes=30)
"""Two approvals count together when the second comes no later than this after the first."""


def _(msgid: str) -> str:
    return msgid


NOT_SCHEDULED = _("Only the paper of a scheduled exam session is released.")
RELEASED_ALREADY = _("This paper is released already.")
PAPER_NOT_READY = _("The paper set is not sealed and filed, or may not be used: see the exam session's page.")
CLOCK_IN_DOUBT = _("The server's clock is in doubt: somebody has to say first which clock is right (Live board, Clocks).")
TOO_EARLY = _("It is too early: the paper may be released from %(at)s on.")
TOO_LATE = _("The exam would be over already: the paper stays sealed.")


@dataclass(frozen=True)
class Approval:
    """One custodian's word."""

    by: int
    by_name: str
    at: datetime


@dataclass(frozen=True)
class Window:
    """When approvals are taken: from `opens_at` until the exam would be over."""

    opens_at: datetime
    ends_at: datetime


def window(starts_at: datetime, duration_ms: int, release_before_ms: int) -> Window:
    """The bounds for an exam session."""
    return Window(starts_at - timedelta(milliseconds=release_before_ms), starts_at + timedelta(milliseconds=duration_ms))


def live(approvals: Sequence[Approval], now: datetime) -> list[Approval]:
    """Those that still count, the latest of each person, oldest first. An approval counts up to and including its half hour."""
    latest: dict[int, Approval] = {}
    for one in sorted(approvals, key=lambda one: one.at):
        if one.at <= now <= one.at + TOGETHER:
            latest[one.by] = one
    return sorted(latest.values(), key=lambda one: one.at)


@dataclass(frozen=True)
class Request:
    """What is known when a custodian asks."""

    state: str
    paper_set_chosen: bool
    paper_reasons: tuple[str, ...]
    released: bool
    clock_suspect: bool
    window: Window


def refusal(asked: Request, now: datetime) -> str | None:
    """Why no approval is taken now, as a msgid; `%(at)s` in it is the time of the window's beginning."""
    reasons = (
        (asked.state != "scheduled", NOT_SCHEDULED),
        (asked.released, RELEASED_ALREADY),
        (not asked.paper_set_chosen or bool(asked.paper_reasons), PAPER_NOT_READY),
        (asked.clock_suspect, CLOCK_IN_DOUBT),
        (now < asked.window.opens_at, TOO_EARLY),
        (now >= asked.window.ends_at, TOO_LATE),
    )
    return next((reason for holds, reason in reasons if holds), None)


def partner(approvals: Sequence[Approval], by: int, now: datetime) -> Approval | None:
    """The other person's approval this one completes: the latest that still counts."""
    others = [one for one in live(approvals, now) if one.by != by]
    return others[-1] if others else None
