"""Rules for the acts of the staff: each names who and why; some need two people. Pure.

Until an outage is credited nothing may move anybody's clock (`held`: try again in a moment), so that what the outage took
can be told; and nobody with operations to be judged is ended by the staff before that.
"""

from collections.abc import Callable
from typing import Any

from server.sitting import times
from server.sitting.commands import (
    AdmitLate,
    Command,
    Credit,
    Force,
    MarkIdentity,
    Message,
    Pause,
    ReopenAfterEnd,
    Resume,
    StaffCommand,
    TakeOver,
    Void,
    Who,
)
from server.sitting.decisions import Decision, Draft, who_of
from server.sitting.state import ABSENT, ENDED, OPEN, PAUSED, Sitting

MAX_MESSAGE = 500


def two_people(first: Who, second: Who | None) -> bool:
    """Whether `second` is another person than `first`."""
    return second is not None and (second.kind, second.id) != (first.kind, first.id) and second.id is not None


def _identity(draft: Draft, command: MarkIdentity) -> Decision:
    if draft.sitting.state in (ENDED, ABSENT):
        return draft.answer("closed")
    if draft.sitting.identity_at is None:
        draft.emit("identity_checked", {}, by=command)
    return draft.answer()


def _pause(draft: Draft, command: Pause) -> Decision:
    sitting = draft.sitting
    if sitting.state == PAUSED:
        return draft.answer()
    if sitting.state != OPEN:
        return draft.answer(_not_open(sitting))
    if draft.hold == "outage":
        return draft.answer("held")
    if times.is_late(draft.at, sitting.closes_at or 0, 0):
        return draft.answer("late" if draft.hold is None else "held")
    draft.emit("paused", {}, by=command)
    return draft.answer()


def _resume(draft: Draft, command: Resume) -> Decision:
    sitting = draft.sitting
    if sitting.state == OPEN:
        return draft.answer()
    if sitting.state != PAUSED:
        return draft.answer(_not_open(sitting))
    if draft.hold == "outage":
        return draft.answer("held")
    draft.emit("resumed", {}, by=command)
    return draft.answer()


def _not_open(sitting: Sitting) -> str:
    return "closed" if sitting.state in (ENDED, ABSENT) else "not_open"


def _credit(draft: Draft, command: Credit) -> Decision:
    sitting = draft.sitting
    if not 0 < command.ms <= times.CREDIT_MAX_MS:
        return draft.answer("bad_amount")
    two = two_people(command.actor, command.second)
    over = sitting.solo_ms + command.ms > times.SOLO_CREDIT_MS
    if not two and (over or sitting.state in (ENDED, ABSENT)):
        return draft.answer("needs_second")
    if draft.hold == "outage":
        return draft.answer("held")
    if sitting.state in (ENDED, ABSENT):
        _reopen_as(draft, command, command.second)
    second = who_of(command.second) if two and command.second is not None else None
    data = {"ms": command.ms, "second": second, "evidence": command.evidence}
    draft.emit("credited", data, by=command)
    return draft.answer()


def _take_over(draft: Draft, command: TakeOver) -> Decision:
    sitting = draft.sitting
    if sitting.state in (ENDED, ABSENT):
        return draft.answer("closed")
    epoch = sitting.epoch + 1 if sitting.epoch else 0
    draft.emit("taken_over", {"device": command.device}, by=command, epoch=epoch)
    return draft.answer()


def _void(draft: Draft, command: Void) -> Decision:
    if draft.sitting.state in (ENDED, ABSENT):
        return draft.answer("ok" if draft.sitting.end_kind == "voided" else "closed")
    if draft.sitting.held:
        return draft.answer("held")
    draft.emit("voided", {}, by=command)
    return draft.answer()


def _force(draft: Draft, command: Force) -> Decision:
    sitting = draft.sitting
    if sitting.state == ENDED:
        return draft.answer("ok" if sitting.end_kind == "forced" else "closed")
    if not sitting.begun:
        return draft.answer("not_open")
    if sitting.held:
        return draft.answer("held")
    draft.emit("forced", {}, by=command)
    return draft.answer()


def _message(draft: Draft, command: Message) -> Decision:
    text = command.text.strip()
    if not 1 <= len(text) <= MAX_MESSAGE or "\x00" in text:
        return draft.answer("malformed")
    if draft.sitting.state in (ENDED, ABSENT):
        return draft.answer("closed")
    draft.emit("messaged", {"text": text}, by=command)
    return draft.answer()


def _reopen_as(draft: Draft, command: StaffCommand, second: Who | None) -> None:
    names = None if second is None else who_of(second)
    draft.emit("reopened", {"second": names}, by=command)


def _reopen(draft: Draft, command: ReopenAfterEnd) -> Decision:
    if draft.sitting.state not in (ENDED, ABSENT):
        return draft.answer("not_due")
    if not two_people(command.actor, command.second) or command.second is None:
        return draft.answer("needs_second")
    if not 0 <= command.ms <= times.CREDIT_MAX_MS:
        return draft.answer("bad_amount")
    if draft.hold == "outage":
        return draft.answer("held")
    _reopen_as(draft, command, command.second)
    if command.ms:
        data = {"ms": command.ms, "second": who_of(command.second), "evidence": ""}
        draft.emit("credited", data, by=command)
    return draft.answer()


def _admit_late(draft: Draft, command: AdmitLate) -> Decision:
    sitting = draft.sitting
    if not two_people(command.actor, command.second) or command.second is None:
        return draft.answer("needs_second")
    if sitting.opened_at is None:
        return draft.answer("not_open")
    if not command.operations:
        return draft.answer("nothing")
    if any(not 1 <= kept.content.get("item", 1) <= sitting.total for kept in command.operations):
        return draft.answer("malformed")
    operations = [{"epoch": kept.epoch, "op": kept.op, "digest": kept.digest, **kept.content} for kept in command.operations]
    draft.emit("late_admitted", {"second": who_of(command.second), "operations": operations}, by=command)
    return draft.answer()


ACTS: dict[type[Command], Callable[[Draft, Any], Decision]] = {
    MarkIdentity: _identity,
    Pause: _pause,
    Resume: _resume,
    Credit: _credit,
    TakeOver: _take_over,
    Void: _void,
    Force: _force,
    Message: _message,
    ReopenAfterEnd: _reopen,
    AdmitLate: _admit_late,
}
