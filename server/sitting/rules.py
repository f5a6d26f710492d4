"""`decide(sitting, command, at, seen) -> Decision`: who may do what to a sitting, and what then has happened. Pure.

The argument is never changed: the decision carries the events and the sitting after them. `at` is when the command was
received; an event's time is `max(previous, at)`, so a journal never runs backwards (I4). Here are the way from
sign-in to the opening and the end by time; `operations` has the candidate's operations, `acts` the staff's.
"""

from collections.abc import Callable
from typing import Any

from server.sitting import times
from server.sitting.acts import ACTS
from server.sitting.commands import (
    Absent,
    Admit,
    Arrive,
    Carry,
    Close,
    Command,
    Hold,
    Open,
    Operations,
    Outcome,
    Seen,
)
from server.sitting.decisions import SYSTEM, Decision, Draft
from server.sitting.held import HOLDS
from server.sitting.operations import carried, operations
from server.sitting.state import ABSENT, ADMITTED, ENDED, OPEN, WAITING, Sitting


def decide(sitting: Sitting, command: Command, at: int, seen: Seen, hold: Hold | None = None) -> Decision:
    """The one function every change goes through.

    `sitting` is blank when there is none yet; under a `hold` nobody is closed and nothing is refused by time.
    """
    draft = Draft(sitting, at, hold)
    if not sitting.exists and not isinstance(command, Admit):
        return Decision(Outcome("unknown"), sitting)
    if isinstance(command, Operations):
        return operations(draft, command, seen)
    if isinstance(command, Carry):
        return carried(draft, command, seen)
    return _RULES[type(command)](draft, command)


def _admit(draft: Draft, command: Admit) -> Decision:
    sitting = draft.sitting
    facts = {
        "institution": command.institution_id,
        "room": command.room_id,
        "form": command.form_id,
        "extra_ms": command.extra_ms,
    }
    same = facts == {
        "institution": sitting.institution_id,
        "room": sitting.room_id,
        "form": sitting.form_id,
        "extra_ms": sitting.extra_ms,
    }
    if sitting.exists and (same or sitting.state not in (ADMITTED, WAITING)):
        return draft.answer()
    draft.emit("admitted", facts, who=SYSTEM)
    return draft.answer()


def _arrive(draft: Draft, command: Arrive) -> Decision:
    sitting = draft.sitting
    if sitting.state == ABSENT:
        return draft.answer("absent")
    if sitting.state in (ADMITTED, WAITING) and (sitting.state == ADMITTED or sitting.device != command.device):
        draft.emit("arrived", {"device": command.device})
    return draft.answer()


def _open(draft: Draft, command: Open) -> Decision:
    sitting, terms = draft.sitting, command.terms
    if sitting.state in (ENDED, ABSENT):
        return draft.answer("closed" if sitting.state == ENDED else "absent")
    if sitting.begun:
        return _open_again(draft, command)
    bell_at = terms.bell_at
    if bell_at is None or draft.at < bell_at:
        return draft.answer("not_yet", wait_ms=None if bell_at is None else bell_at - draft.at)
    refusal = _first_opening_refused(draft, command, bell_at)
    if refusal is not None:
        return draft.answer(refusal)
    until = times.grant_until(
        draft.at,
        bell_at=bell_at,
        duration_ms=terms.duration_ms,
        extra_ms=sitting.extra_ms,
        full_time=terms.full_time_for_late or sitting.admit_late,
    )
    data = {
        "page": command.page,
        "device": command.device,
        "order": command.order,
        "paper": command.paper_digest,
        "until": until,
        "hand_in_at": bell_at + terms.earliest_hand_in_ms,
        "grace_ms": terms.grace_ms,
    }
    draft.emit("opened", data, epoch=sitting.epoch + 1)
    return draft.answer(first=True)


def _first_opening_refused(draft: Draft, command: Open, bell_at: int) -> str | None:
    sitting, terms = draft.sitting, command.terms
    if terms.identity_check and sitting.identity_at is None:
        return "identity"
    if not _device_may(sitting, command.device):
        return "other_device"
    if draft.at > bell_at + terms.latest_entry_ms and not sitting.admit_late and draft.hold is None:
        return "too_late"
    other = command.form_id is not None and command.form_id != sitting.form_id
    return "nothing" if not command.order or sitting.form_id is None or other else None


def _open_again(draft: Draft, command: Open) -> Decision:
    sitting = draft.sitting
    if not _device_may(sitting, command.device):
        return draft.answer("other_device")
    if sitting.page != command.page:
        draft.emit("page_opened", {"page": command.page, "device": command.device}, epoch=sitting.epoch + 1)
    return draft.answer()


def _device_may(sitting: Sitting, device: str) -> bool:
    return device != sitting.barred if sitting.device is None else device == sitting.device


# -- the closer -------------------------------------------------------------------------------------------------------


def _close(draft: Draft, command: Close) -> Decision:
    sitting = draft.sitting
    if sitting.state == ENDED:
        return draft.answer()
    due = sitting.state == OPEN and sitting.closes_at is not None and draft.hold is None and not sitting.held
    if not due or not times.is_late(draft.at, sitting.closes_at or 0, sitting.grace_ms):
        return draft.answer("not_due")
    draft.emit("timed_out", {}, who=SYSTEM)
    return draft.answer()


def _mark_absent(draft: Draft, command: Absent) -> Decision:
    sitting, terms = draft.sitting, command.terms
    if sitting.state == ABSENT:
        return draft.answer()
    past = terms.bell_at is not None and draft.at > terms.bell_at + terms.latest_entry_ms
    if sitting.state not in (ADMITTED, WAITING) or sitting.admit_late or not past or draft.hold is not None:
        return draft.answer("not_due")
    draft.emit("absent", {}, who=SYSTEM)
    return draft.answer()


_RULES: dict[type[Command], Callable[[Draft, Any], Decision]] = {
    Admit: _admit,
    Arrive: _arrive,
    Open: _open,
    Close: _close,
    Absent: _mark_absent,
    **ACTS,
    **HOLDS,
}
