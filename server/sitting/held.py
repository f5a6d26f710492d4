"""Rules for outages and doubtful time: the provisional credit, its withdrawal, judging what was held (I3, I4, I5). Pure.

A withdrawal takes back only what is not used up: the closing time falls to the present, never behind it. Answers given in good
faith within the credited time were in time by the ledger as it stood when they were received; they stay, and carry the mark
`outage`.
"""

from collections.abc import Callable
from typing import Any

from server.sitting import times
from server.sitting.acts import two_people
from server.sitting.commands import Command, HeldOperation, Judge, OutageCredit, Quarantined, WithdrawCredit
from server.sitting.decisions import SYSTEM, Decision, Draft, who_of
from server.sitting.state import Sitting

OUTAGE = "The server did not answer."


def _outage(draft: Draft, command: OutageCredit) -> Decision:
    sitting = draft.sitting
    if any(outage == command.outage_id for outage, _ms in sitting.outages or ()):
        return draft.answer()
    if not sitting.begun or sitting.opened_at is None or sitting.closes_at is None:
        return draft.answer("nothing")
    ms = times.outage_credit(
        times.Gap(command.since, command.until, command.limit_ms - sitting.outage_ms),
        opened_at=sitting.opened_at,
        closing=sitting.closes_at,
        grace_ms=sitting.grace_ms,
        stopped_at=sitting.stopped_at,
    )
    if ms <= 0:
        return draft.answer("nothing")
    evidence = {"since": command.since, "until": command.until}
    data = {"ms": ms, "second": None, "evidence": evidence, "outage": command.outage_id}
    draft.emit("credited", data, who=SYSTEM, reason=OUTAGE)
    return draft.answer()


def _withdraw(draft: Draft, command: WithdrawCredit) -> Decision:
    sitting = draft.sitting
    standing = next((ms for outage, ms in sitting.outages or () if outage == command.outage_id), None)
    if standing is None or sitting.closes_at is None:
        return draft.answer("nothing")
    two = two_people(command.actor, command.second)
    if standing > times.SOLO_CREDIT_MS and not two:
        return draft.answer("needs_second")
    if sitting.held:
        return draft.answer("held")
    now = draft.at if sitting.stopped_at is None else sitting.stopped_at
    ms = min(standing, max(0, sitting.closes_at - now))
    if ms:
        second = who_of(command.second) if two and command.second is not None else None
        draft.emit("credit_withdrawn", {"ms": ms, "outage": command.outage_id, "second": second}, by=command)
    return draft.answer()


def _judge(draft: Draft, command: Judge) -> Decision:
    sitting = draft.sitting
    if draft.hold is not None:
        return draft.answer("held")
    waiting = [held for held in command.operations if held.n > sitting.judged_n]
    if not waiting or not sitting.held:
        return draft.answer()
    in_time = [held for held in waiting if not _late(sitting, held)]
    late = [held for held in waiting if _late(sitting, held)]
    data = {
        "upto": waiting[-1].n,
        "count": len(waiting),
        "operations": [{"epoch": held.epoch, "op": held.op, **held.content} for held in in_time if "submit" not in held.content],
        "late": [[held.epoch, held.op] for held in late],
    }
    draft.emit("judged", data, who=SYSTEM)
    draft.quarantine += [Quarantined(held.epoch, held.op, "late", held.at, held.content) for held in late]
    hand_in = next((held for held in in_time if "submit" in held.content), None)
    if hand_in is not None and sitting.begun:
        draft.emit("submitted", {"held": hand_in.n})
    return draft.answer()


def _late(sitting: Sitting, held: HeldOperation) -> bool:
    """By the ledger as it stands; during a pause nothing is late."""
    if sitting.stopped_at is not None and held.at >= sitting.stopped_at:
        return False
    return times.is_late(held.at, sitting.closes_at or 0, sitting.grace_ms)


HOLDS: dict[type[Command], Callable[[Draft, Any], Decision]] = {
    OutageCredit: _outage,
    WithdrawCredit: _withdraw,
    Judge: _judge,
}
