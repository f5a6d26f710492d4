"""Rules for the operations of candidates: numbering, repetition, fork, gap, fencing, late (I3, I4, I6). Pure.

A paused sitting still takes operations: they were made before the pause was heard of, and the page locks itself. A
sitting past closing + grace takes none; they are kept apart, never thrown away. While there is a hold (an outage not
credited yet, a suspect clock) nothing is late: such operations are journaled as `held` and judged afterwards.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET

from server.sitting import events as ev
from server.sitting import times
from server.sitting.commands import Carry, Op, Operations, Quarantined, Seen
from server.sitting.decisions import Decision, Draft
from server.sitting.state import ENDED, OPEN

MAX_OPS = 20
MAX_REPORT = 500
MAX_OPTION = 32
MAX_TEXTS = 8
MAX_TEXT = 200
MAX_DT_MS = 86_400_000

# What cannot be typed on purpose, nor shown to a person as it is: controls, line and paragraph ends, changes of direction.
_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def shape_problem(ops: list[Op]) -> bool:
    """Whether a request's operations are malformed in themselves: numbering, exactly one content each, bounds."""
    if not 1 <= len(ops) <= MAX_OPS or ops[0].op < 1:
        return True
    expected = ops[0].op
    for op in ops:
        if op.op != expected or not 0 <= op.dt_ms <= MAX_DT_MS or _content_problem(op):
            return True
        expected += 1
    return any(op.submit is not UNSET for op in ops[:-1])


def _content_problem(op: Op) -> bool:
    given = (op.value is not UNSET) + (op.flag is not UNSET) + (op.report is not UNSET) + (op.submit is not UNSET)
    if given != 1:
        return True
    if op.submit is not UNSET:
        return op.submit is not True or op.item != 0
    if op.item < 1:
        return True
    if op.value is not UNSET:
        return _value_problem(op.value)
    if op.report is not UNSET:
        return not 1 <= len(op.report.strip()) <= MAX_REPORT or "\x00" in op.report
    return False


def _value_problem(value: Sequence[int | str]) -> bool:
    """Ids or texts, not both, in bounds. A value that says nothing is written [] only, so that blank has one form."""
    if value and type(value[0]) is str:
        return len(value) > MAX_TEXTS or any(map(_text_problem, value)) or not any(value)
    for option in value:
        if type(option) is not int or not 0 <= option <= MAX_OPTION:
            return True
    return bool(value) and not any(value)


def _text_problem(text: int | str) -> bool:
    if type(text) is not str or len(text) > MAX_TEXT:
        return True
    return _UNSEEN.search(text) is not None or not unicodedata.is_normalized("NFC", text)


def content(op: Op) -> dict[str, Any]:
    """What makes an operation the same operation: everything but its number and its age."""
    if op.value is not UNSET:
        return {"item": op.item, "value": op.value}
    if op.flag is not UNSET:
        return {"item": op.item, "flag": op.flag}
    if op.report is not UNSET:
        return {"item": op.item, "report": op.report}
    return {"submit": True}


def content_of(event: ev.Event) -> dict[str, Any]:
    """The same of a journaled operation."""
    if event.kind == "submitted":
        return {"submit": True}
    if event.kind == "held":
        return {name: event.data[name] for name in ("item", "value", "flag", "report", "submit") if name in event.data}
    name = _CONTENT_FIELD[event.kind]
    return {"item": event.data["item"], name: event.data[name]}


_CONTENT_FIELD = {"answered": "value", "flagged": "flag", "reported": "report"}
_KIND_OF = {"value": "answered", "flag": "flagged", "report": "reported", "submit": "submitted"}


def operations(draft: Draft, command: Operations, seen: Seen) -> Decision:
    """Take operations in order up to the first that cannot be taken; those before it stand."""
    sitting = draft.sitting
    if sitting.epoch == 0:
        return draft.answer("not_open")
    if command.epoch > sitting.epoch:
        return draft.answer("fork")  # numbers this server never gave out: reopen and send what differs
    other_device = command.device is not None and sitting.device is not None and command.device != sitting.device
    if command.epoch < sitting.epoch or other_device:
        _keep_apart(draft, command.epoch, [op for op in command.ops if not _stored(command.epoch, op, seen)], "fenced")
        return draft.answer("fenced")
    for position, op in enumerate(command.ops):
        code = _one(draft, command.epoch, op, seen)
        if code == "ok":
            continue
        if code in ("late", "closed", "fork"):
            left = [rest for rest in command.ops[position:] if not _stored(command.epoch, rest, seen)]
            _keep_apart(draft, command.epoch, left, code)
        wait = (sitting.hand_in_at or 0) - draft.at if code == "too_early" else None
        return draft.answer(code, op=op.op, wait_ms=wait)
    return draft.answer()


def carried(draft: Draft, command: Carry, seen: Seen) -> Decision:
    """What a recovery file brought is kept apart, but for what the server has already."""
    sitting = draft.sitting
    if sitting.epoch == 0:
        return draft.answer("not_open")
    if command.epoch > sitting.epoch:
        return draft.answer("fork")
    if any(op.item > sitting.total for op in command.ops):
        return draft.answer("malformed")
    fresh = [op for op in command.ops if not _stored(command.epoch, op, seen)]
    if not fresh:
        return draft.answer("nothing")
    _keep_apart(draft, command.epoch, fresh, "carried")
    return draft.answer()


def _stored(epoch: int, op: Op, seen: Seen) -> bool:
    return seen.get((epoch, op.op)) == content(op)


def _one(draft: Draft, epoch: int, op: Op, seen: Seen) -> str:
    """Take one operation of the live epoch; "ok" or why not."""
    sitting = draft.sitting
    if op.op <= sitting.ack:
        return "ok" if _stored(epoch, op, seen) else "fork"
    if sitting.state == ENDED or op.op != sitting.ack + 1:
        return "closed" if sitting.state == ENDED else "gap"
    closing = sitting.closes_at or 0
    over_ms = draft.at - closing if sitting.state == OPEN else 0
    late = over_ms > 0 and times.is_late(draft.at, closing, sitting.grace_ms)
    if late and draft.hold is None and not sitting.held:
        return "late"
    if op.submit is UNSET:
        if op.item > sitting.total:
            return "malformed"
    elif draft.at < (sitting.hand_in_at or 0):
        return "too_early"
    if late or sitting.held:  # behind one that waits, all wait: their order is kept
        _hold(draft, op)
    else:
        _store(draft, op, over_ms)
    return "ok"


def _hold(draft: Draft, op: Op) -> None:
    """Store an operation that may be late by a time nobody can tell now; it counts when it is judged."""
    draft.emit("held", {**content(op), **_age(op), "why": draft.hold or "order"}, op=op.op)


def _age(op: Op) -> dict[str, int]:
    return {"dt_ms": op.dt_ms} if op.dt_ms else {}


def _store(draft: Draft, op: Op, over_ms: int) -> None:
    sitting = draft.sitting
    data = content(op)
    kind = _KIND_OF[next(reversed(data))]
    if kind == "submitted":
        data = {}
    data |= _age(op)
    if over_ms > 0:
        data["over_ms"] = over_ms  # the grace was used
    if sitting.outages and draft.at > (sitting.closes_at or 0) - sitting.outage_ms:
        data["outage"] = True  # in time by the credit for an outage: stays, also when the rest of it is withdrawn
    draft.emit(kind, data, op=op.op)


def _keep_apart(draft: Draft, epoch: int, ops: list[Op], reason: str) -> None:
    draft.quarantine += [Quarantined(epoch, op.op, reason, draft.at, content(op)) for op in ops]
