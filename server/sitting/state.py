"""The value of a sitting and what each event does to it. Pure: the row in SQL is this value, and nothing but the fold.

`apply` changes its own argument; callers hand it a copy (`rules.decide`) or a fresh one (`fold`). The answers
themselves are not part of the row: `fold_answers` reads them from the journal.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from server.sitting.events import END_KINDS, Event, genesis, receipt_code

ADMITTED, WAITING, OPEN, PAUSED, ENDED, ABSENT = "admitted", "waiting", "open", "paused", "ended", "absent"
STATES = (ADMITTED, WAITING, OPEN, PAUSED, ENDED, ABSENT)


class Sitting(Struct):
    """One candidate's run of one exam session. Times in Unix ms; `answered` and `flagged` are bit sets, bit slot-1."""

    exam_session_id: int
    entry_no: int
    institution_id: int = 0
    room_id: int | None = None
    form_id: int | None = None
    state: str = ADMITTED
    end_kind: str | None = None
    epoch: int = 0
    ack: int = 0
    n: int = 0
    head: bytes = b""
    version: int = 0
    total: int = 0
    extra_ms: int = 0
    credit_ms: int = 0
    solo_ms: int = 0
    grace_ms: int = 0
    opened_at: int | None = None
    hand_in_at: int | None = None
    closes_at: int | None = None
    stopped_at: int | None = None
    ended_at: int | None = None
    last_at: int = 0
    changed_at: int = 0
    identity_at: int | None = None
    device: str | None = None
    barred: str | None = None
    page: str | None = None
    admit_late: bool = False
    message_n: int | None = None
    reports: int = 0
    answered: int = 0
    flagged: int = 0
    receipt: dict[str, Any] | None = None
    held: int = 0
    """Operations stored while nothing could be refused as late, not judged yet."""
    judged_n: int = 0
    outages: list[list[int]] | None = None
    """[outage id, credit that stands], in order."""

    @property
    def key(self) -> tuple[int, int]:
        """(exam_session_id, entry_no)."""
        return (self.exam_session_id, self.entry_no)

    @property
    def outage_ms(self) -> int:
        """The credit for outages that stands."""
        return sum(ms for _id, ms in self.outages or ())

    @property
    def exists(self) -> bool:
        """Whether it has any event yet."""
        return self.n > 0

    @property
    def begun(self) -> bool:
        """Opened and not ended."""
        return self.state in (OPEN, PAUSED)


def blank(exam_session_id: int, entry_no: int) -> Sitting:
    """A sitting before its first event."""
    return Sitting(exam_session_id, entry_no, head=genesis(exam_session_id, entry_no))


def apply(sitting: Sitting, event: Event) -> None:
    """Let one event happen to `sitting`."""
    sitting.n = event.n
    sitting.head = event.head
    sitting.last_at = event.at
    handler = _HANDLERS.get(event.kind)
    if handler is not None:
        handler(sitting, event)
        return
    _changed(sitting, event)
    _CHANGES[event.kind](sitting, event)


def fold(exam_session_id: int, entry_no: int, events: Iterable[Event]) -> Sitting:
    """The sitting a journal amounts to."""
    sitting = blank(exam_session_id, entry_no)
    for event in events:
        apply(sitting, event)
    return sitting


def _changed(sitting: Sitting, event: Event) -> None:
    """The page must hear of this event: plain saves do not come here."""
    sitting.version += 1
    sitting.changed_at = event.at


# -- plain saves ------------------------------------------------------------------------------------------------------


def _answered(sitting: Sitting, event: Event) -> None:
    sitting.ack = event.op or 0
    sitting.answered = _with_bit(sitting.answered, event.data["item"], bool(event.data["value"]))


def _flagged(sitting: Sitting, event: Event) -> None:
    sitting.ack = event.op or 0
    sitting.flagged = _with_bit(sitting.flagged, event.data["item"], event.data["flag"])


def _reported(sitting: Sitting, event: Event) -> None:
    sitting.ack = event.op or 0
    sitting.reports += 1


def _with_bit(bits: int, slot: int, on: bool) -> int:
    mask = 1 << (slot - 1)
    return bits | mask if on else bits & ~mask


# -- what the page must hear of ---------------------------------------------------------------------------------------


def _admitted(sitting: Sitting, event: Event) -> None:
    data = event.data
    sitting.institution_id = data["institution"]
    sitting.room_id = data["room"]
    sitting.form_id = data["form"]
    sitting.extra_ms = data["extra_ms"]


def _arrived(sitting: Sitting, event: Event) -> None:
    sitting.state = WAITING
    sitting.device = event.data["device"]
    sitting.barred = None


def _identity_checked(sitting: Sitting, event: Event) -> None:
    sitting.identity_at = event.at


def _opened(sitting: Sitting, event: Event) -> None:
    data = event.data
    sitting.state = OPEN
    sitting.opened_at = event.at
    sitting.closes_at = data["until"] + sitting.credit_ms
    sitting.hand_in_at = data["hand_in_at"]
    sitting.grace_ms = data["grace_ms"]
    sitting.total = len(data["order"])
    _page_opened(sitting, event)


def _page_opened(sitting: Sitting, event: Event) -> None:
    sitting.epoch = event.epoch
    sitting.ack = 0
    sitting.device = event.data["device"]
    sitting.page = event.data["page"]


def _taken_over(sitting: Sitting, event: Event) -> None:
    sitting.barred = sitting.device
    sitting.device = event.data["device"]
    sitting.page = None
    sitting.epoch = event.epoch
    sitting.ack = 0


def _paused(sitting: Sitting, event: Event) -> None:
    sitting.state = PAUSED
    sitting.stopped_at = event.at


def _go_on(sitting: Sitting, at: int) -> None:
    if sitting.closes_at is not None and sitting.stopped_at is not None:
        sitting.closes_at += max(0, at - sitting.stopped_at)
    sitting.stopped_at = None


def _resumed(sitting: Sitting, event: Event) -> None:
    sitting.state = OPEN
    _go_on(sitting, event.at)


def _credited(sitting: Sitting, event: Event) -> None:
    ms = event.data["ms"]
    sitting.credit_ms += ms
    if "outage" in event.data:
        sitting.outages = [*(sitting.outages or []), [event.data["outage"], ms]]
    elif event.data["second"] is None:
        sitting.solo_ms += ms
    if sitting.closes_at is not None:
        sitting.closes_at += ms


def _credit_withdrawn(sitting: Sitting, event: Event) -> None:
    outage, ms = event.data["outage"], event.data["ms"]
    sitting.outages = [[one, left - ms if one == outage else left] for one, left in sitting.outages or []]
    sitting.credit_ms -= ms
    if sitting.closes_at is not None:
        sitting.closes_at -= ms


def _held(sitting: Sitting, event: Event) -> None:
    sitting.ack = event.op or 0
    sitting.held += 1


def _judged(sitting: Sitting, event: Event) -> None:
    data = event.data
    sitting.held -= data["count"]
    sitting.judged_n = data["upto"]
    for content in data["operations"]:
        if "value" in content:
            sitting.answered = _with_bit(sitting.answered, content["item"], bool(content["value"]))
        elif "flag" in content:
            sitting.flagged = _with_bit(sitting.flagged, content["item"], content["flag"])
        elif "report" in content:
            sitting.reports += 1


def _messaged(sitting: Sitting, event: Event) -> None:
    sitting.message_n = event.n


def _submitted(sitting: Sitting, event: Event) -> None:
    if event.op is not None:  # None: a hand-in that was held; its number was taken then
        sitting.ack = event.op
    _ended(sitting, event)


def _ended(sitting: Sitting, event: Event) -> None:
    sitting.state = ENDED
    sitting.end_kind = event.kind
    sitting.ended_at = event.at
    if sitting.closes_at is not None and sitting.stopped_at is None:
        sitting.stopped_at = min(event.at, sitting.closes_at)
    if event.kind != "voided" and sitting.opened_at is not None:
        sitting.receipt = {
            "code": receipt_code(event.head),
            "answered": sitting.answered.bit_count(),
            "total": sitting.total,
            "n": event.n,
            "at_ms": event.at,
            "end": event.kind,
        }


def _absent(sitting: Sitting, event: Event) -> None:
    sitting.state = ABSENT
    sitting.ended_at = event.at


def _reopened(sitting: Sitting, event: Event) -> None:
    sitting.end_kind = None
    sitting.ended_at = None
    sitting.receipt = None
    if sitting.opened_at is None:
        sitting.state = WAITING if sitting.device else ADMITTED
        sitting.admit_late = True
        return
    sitting.state = OPEN
    _go_on(sitting, event.at)


def _late_admitted(sitting: Sitting, event: Event) -> None:
    for content in event.data["operations"]:
        if "value" in content:
            sitting.answered = _with_bit(sitting.answered, content["item"], bool(content["value"]))


_HANDLERS: dict[str, Callable[[Sitting, Event], None]] = {
    "answered": _answered,
    "flagged": _flagged,
    "reported": _reported,
}
_CHANGES: dict[str, Callable[[Sitting, Event], None]] = {
    "admitted": _admitted,
    "arrived": _arrived,
    "identity_checked": _identity_checked,
    "opened": _opened,
    "page_opened": _page_opened,
    "taken_over": _taken_over,
    "paused": _paused,
    "resumed": _resumed,
    "credited": _credited,
    "messaged": _messaged,
    "absent": _absent,
    "reopened": _reopened,
    "late_admitted": _late_admitted,
    "credit_withdrawn": _credit_withdrawn,
    "held": _held,
    "judged": _judged,
    "submitted": _submitted,
    **dict.fromkeys(END_KINDS - {"submitted"}, _ended),
}


# -- the answers ------------------------------------------------------------------------------------------------------


class Answers(Struct):
    """What the candidate put down: slot -> option ids or texts ([] = blank), flags, reported slots, the order as seen,
    messages.
    """

    order: list[list[Any]]
    values: dict[int, list[Any]]
    flags: set[int]
    reports: list[tuple[int, str, int]]
    messages: list[dict[str, Any]]


def fold_answers(events: Iterable[Event], *, with_held: bool = False) -> Answers:
    """The answers a journal amounts to.

    The last value of each slot; admitted late and judged operations count where that stands. `with_held`: operations that
    wait to be judged as well (what the candidate put down, for the page; never for marking).
    """
    answers = Answers([], {}, set(), [], [])
    waiting: list[Event] = []
    for event in events:
        data = event.data
        if event.kind == "opened":
            answers.order = data["order"]
        elif event.kind == "messaged":
            answers.messages.append({"n": event.n, "text": data["text"], "at_ms": event.at})
        elif event.kind == "held":
            waiting.append(event)
        elif event.kind == "judged":
            waiting = [held for held in waiting if held.n > data["upto"]]
        for content in counted(event):
            _put_down(answers, content, event.at)
    for event in waiting if with_held else ():
        _put_down(answers, event.data, event.at)
    return answers


def counted(event: Event) -> list[dict[str, Any]]:
    """The operations an event makes count: an operation itself, or those that were kept apart or held."""
    if event.kind in ("answered", "flagged", "reported"):
        return [event.data]
    if event.kind == "late_admitted":  # flags and reports are for the sitting while it runs
        return [content for content in event.data["operations"] if "value" in content]
    return event.data["operations"] if event.kind == "judged" else []


def _put_down(answers: Answers, content: dict[str, Any], at: int) -> None:
    """Let one operation's content stand."""
    if "item" not in content:
        return
    if "value" in content:
        answers.values[content["item"]] = content["value"]
    elif "flag" in content:
        (answers.flags.add if content["flag"] else answers.flags.discard)(content["item"])
    elif "report" in content:
        answers.reports.append((content["item"], content["report"], at))
