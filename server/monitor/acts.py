"""Acts on many seats at once: who they concern, the commands they become, what came of each.

The writer decides every seat for itself; this module only asks and reports. It never holds a database transaction while it
waits: on SQLite the writer needs the same lock.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlmodel import Session, col, select

from server.audit.trail import Actor
from server.errors import FieldError, Invalid
from server.monitor import messages, rules
from server.monitor.scope import Scope
from server.pages import _
from server.registry.tables import Entry
from server.sitting import commands as c
from server.sitting.commands import Outcome, StaffCommand

WAIT_S = 30.0


class Act(StrEnum):
    """What can be done from the board."""

    CREDIT = "credit"
    PAUSE = "pause"
    RESUME = "resume"
    MESSAGE = "message"
    IDENTITY = "identity"
    TAKE_OVER = "take_over"
    FORCE = "force"
    VOID = "void"
    REOPEN = "reopen"


@dataclass(frozen=True)
class Policy:
    """How an act is asked for."""

    title: str
    help: str
    reason: bool = True
    confirm: bool = False
    one_seat: bool = False
    grave: bool = False


POLICIES: dict[Act, Policy] = {
    Act.CREDIT: Policy(
        _("Credit time"),
        _("Adds minutes to the closing time. More than 5 minutes for one candidate needs a second person."),
    ),
    Act.PAUSE: Policy(_("Pause"), _("Stops the clock. Answers stay; the screen is covered until you resume.")),
    Act.RESUME: Policy(_("Resume"), _("The clock runs on; the pause is added to the closing time."), reason=False),
    Act.MESSAGE: Policy(_("Message"), _("Shown on the candidate's screen at once."), reason=False),
    Act.IDENTITY: Policy(_("ID checked"), _("You compared the person with the ID document at the seat."), reason=False),
    Act.TAKE_OVER: Policy(_("Move PC"), _("Every answer is kept. The old PC is told and can send nothing more."), one_seat=True),
    Act.FORCE: Policy(_("Collect paper"), _("Ends the exam for them now; what is saved counts."), confirm=True, grave=True),
    Act.VOID: Policy(
        _("Void"),
        _("For a breach of the rules: ends the exam without a result and records an incident. Only two people can reopen it."),
        confirm=True,
        grave=True,
    ),
    Act.REOPEN: Policy(
        _("Reopen"),
        _("Lets an ended or absent candidate go on with the time that was left. The receipt is void. Needs a second person."),
    ),
}

TWO_PEOPLE = (Act.CREDIT, Act.REOPEN)
"""Acts that may become a request for a second person."""


@dataclass(frozen=True)
class Target:
    """One candidate an act concerns."""

    entry_no: int
    room_id: int
    seat_no: int | None
    seat: str
    name: str


@dataclass(frozen=True)
class Details:
    """What the form of an act holds, parsed: `device` is the identity of the new PC for a take-over."""

    reason: str = ""
    minutes: int = 0
    text: str = ""
    category: str = ""
    device: str | None = None


@dataclass(frozen=True)
class SeatResult:
    """What an act came to at one seat: `code` of `Outcome`."""

    target: Target
    code: str

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.code == "ok"

    @property
    def message(self) -> str:
        """msgid for the result list."""
        return RESULTS.get(self.code, _("Refused"))


RESULTS: dict[str, str] = {
    "ok": _("Done"),
    "unknown": _("Not arrived yet: there is nothing to act on"),
    "closed": _("The exam is over for this candidate"),
    "absent": _("Absent"),
    "not_open": _("Has not started yet"),
    "not_paused": _("Is not paused"),
    "not_due": _("Is still working"),
    "late": _("The time is already over"),
    "needs_second": _("Waits for a second person"),
    "bad_amount": _("Not a possible number of minutes"),
    "malformed": _("The text cannot be shown"),
    "nothing": _("There was nothing to do"),
    "held": _("The time is being settled: try again in a moment, or confirm the clock"),
    "busy": _("The server is busy: try again"),
    "storage": _("Not stored: try again"),
    "shutdown": _("The server is restarting: try again"),
    "failed": _("Not stored: call the administrator"),
    "seat_taken": _("The old PC is fenced, but the seat is not free any more: choose another"),
    "no_answer": _("No answer from the server: look at the seat before you try again"),
}


class WriterDoor(Protocol):
    """The one way to change a sitting (`server.sitting.writer.Writer`)."""

    def submit(self, command: c.Command) -> "Future[Outcome]":
        """Queue a command."""
        ...


def targets(db: Session, scope: Scope, chosen: Sequence[int] | None) -> list[Target]:
    """The candidates of the scope, or those of `chosen` (entry numbers) that belong to it, by seat."""
    numbers = {room.id: room.number for room in scope.rooms}
    wanted = select(col(Entry.no), col(Entry.room_id), col(Entry.seat_no), col(Entry.name)).where(
        col(Entry.exam_session_id) == scope.exam.id, col(Entry.room_id).in_(scope.room_ids)
    )
    rows = db.execute(wanted.order_by(col(Entry.room_id), col(Entry.seat_no), col(Entry.no))).all()
    keep = None if chosen is None else set(chosen)
    return [
        Target(no, room_id, seat_no, f"{numbers[room_id]}-{seat_no or '?'}", name)
        for no, room_id, seat_no, name in rows
        if keep is None or no in keep
    ]


def check(act: Act, found: Sequence[Target], details: Details) -> None:
    """Raise `Invalid` with every field that is missing or wrong."""
    policy, problems = POLICIES[act], []
    if not found:
        problems.append(FieldError("entry", _("Choose at least one candidate.")))
    if policy.one_seat and len(found) > 1:
        problems.append(FieldError("entry", _("Choose one candidate only.")))
    if policy.reason and not rules.REASON_MIN <= len(details.reason) <= rules.TEXT_MAX:
        problems.append(FieldError("reason", _("Say why, in a few words.")))
    if act is Act.CREDIT and not 1 <= details.minutes <= rules.CREDIT_MAX_MINUTES:
        problems.append(FieldError("minutes", _("Between 1 and 180 minutes.")))
    if act is Act.REOPEN and not 0 <= details.minutes <= rules.CREDIT_MAX_MINUTES:
        problems.append(FieldError("minutes", _("Between 0 and 180 minutes.")))
    if act is Act.MESSAGE and not 1 <= len(details.text) <= messages.TEXT_MAX:
        problems.append(FieldError("text", _("Write a message of at most 200 characters.")))
    if act is Act.VOID and details.category not in rules.BREACHES:
        problems.append(FieldError("category", _("Choose what kind of breach it is.")))
    if problems:
        raise Invalid(fields=problems)


def commands(
    act: Act, exam_session_id: int, found: Iterable[Target], details: Details, actor: Actor, second: Actor | None = None
) -> list[StaffCommand]:
    """The command of each seat."""
    build = _BUILD[act]
    return [build(exam_session_id, target.entry_no, actor, details, second) for target in found]


_Build = Callable[[int, int, Actor, Details, Actor | None], StaffCommand]

_BUILD: dict[Act, _Build] = {
    Act.CREDIT: lambda exam, no, actor, d, second: c.Credit(exam, no, actor, d.reason, ms=d.minutes * 60_000, second=second),
    Act.PAUSE: lambda exam, no, actor, d, _second: c.Pause(exam, no, actor, d.reason),
    Act.RESUME: lambda exam, no, actor, d, _second: c.Resume(exam, no, actor, d.reason),
    Act.MESSAGE: lambda exam, no, actor, d, _second: c.Message(exam, no, actor, "", text=d.text),
    Act.IDENTITY: lambda exam, no, actor, d, _second: c.MarkIdentity(exam, no, actor, d.reason),
    Act.TAKE_OVER: lambda exam, no, actor, d, _second: c.TakeOver(exam, no, actor, d.reason, device=d.device),
    Act.FORCE: lambda exam, no, actor, d, _second: c.Force(exam, no, actor, d.reason),
    Act.VOID: lambda exam, no, actor, d, _second: c.Void(exam, no, actor, f"{d.category}: {d.reason}"),
    Act.REOPEN: lambda exam, no, actor, d, second: c.ReopenAfterEnd(
        exam, no, actor, d.reason, second=second, ms=d.minutes * 60_000
    ),
}


def perform(writer: WriterDoor, asked: Sequence[StaffCommand], found: Sequence[Target]) -> list[SeatResult]:
    """Hand every command in, then wait for all; `asked` and `found` are in the same order."""
    waiting = [writer.submit(command) for command in asked]
    return [SeatResult(target, _code(future)) for target, future in zip(found, waiting, strict=True)]


def _code(future: "Future[Outcome]") -> str:
    try:
        return future.result(WAIT_S).code
    except TimeoutError:
        return "no_answer"
