"""What may be asked of a sitting, and what comes back. Plain values; no I/O.

Times are Unix milliseconds of the server's clock, durations milliseconds. Staff commands name who acts and why; those
that need two people carry `second`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

from msgspec import UNSET, Meta, Struct, UnsetType

from server.sitting.state import Sitting

Key = tuple[int, int]
"""(exam_session_id, entry_no): the identity of a sitting."""


Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""Numbers from outside: no larger than the databases' integers."""

Text = Annotated[str, Meta(max_length=200)]
"""What may be typed into one blank."""


class Who(Protocol):
    """A person or the system (`server.audit.trail.Actor` is one)."""

    @property
    def kind(self) -> str:
        """staff, candidate or system."""

    @property
    def id(self) -> int | None:
        """Id among its kind; None for the system."""

    @property
    def name(self) -> str:
        """As shown in records."""


class Terms(Struct, frozen=True):
    """The exam session's rules as they apply to one paper: already scaled for short papers."""

    bell_at: int | None
    duration_ms: int
    latest_entry_ms: int
    earliest_hand_in_ms: int
    grace_ms: int
    full_time_for_late: bool = False
    identity_check: bool = True


class Op(Struct, frozen=True, forbid_unknown_fields=True):
    """One operation of a candidate: exactly one of value, flag, report, submit (checked by `rules.shape_problem`).

    `value`: option ids (choice: ascending; ordering and matching: in the candidate's order, 0 for a line without one), or texts,
    one a blank; not both; [] is no answer. Whether it fits the kind of the question only marking asks.
    `dt_ms` is how long before sending the change was made; it is kept, but is not part of the operation's identity.
    """

    op: Count
    item: Count = 0
    value: Annotated[Sequence[Count | Text], Meta(max_length=32)] | UnsetType = UNSET
    flag: bool | UnsetType = UNSET
    report: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    submit: bool | UnsetType = UNSET
    dt_ms: Count = 0


class Command(Struct, frozen=True):
    """Base: which sitting."""

    exam_session_id: int
    entry_no: int

    @property
    def key(self) -> Key:
        """Identity of the sitting."""
        return (self.exam_session_id, self.entry_no)


class Admit(Command, frozen=True):
    """Make the sitting, or renew its facts while it is not open yet. Idempotent."""

    institution_id: int
    room_id: int | None
    form_id: int | None
    extra_ms: int = 0


class Arrive(Command, frozen=True):
    """The candidate signed in on `device`."""

    device: str


class Open(Command, frozen=True):
    """A page load wants the paper. `order` is [[slot, [option ids]], ...] as drawn, used at the first opening only."""

    device: str
    page: str
    terms: Terms
    order: list[list[Any]] | None = None
    paper_digest: str = ""
    form_id: int | None = None
    """The form the order was drawn for; None: not looked at."""


class Operations(Command, frozen=True):
    """Operations of one request, numbers consecutive."""

    epoch: int
    ops: list[Op]
    device: str | None = None
    """The PC they come from; None: not looked at."""


class Close(Command, frozen=True):
    """The closer thinks the time is over; decided again here."""


class Absent(Command, frozen=True):
    """The closer thinks the latest entry has passed without an opening."""

    terms: Terms


class HeldOperation(Struct, frozen=True):
    """One operation journaled while nothing could be refused as late: event `n`, received `at`."""

    n: int
    epoch: int
    op: int
    at: int
    content: dict[str, Any]


class Judge(Command, frozen=True):
    """The hold is over: the operations marked `held` count, or are kept apart as late, by the ledger as it stands now."""

    operations: list[HeldOperation]


class OutageCredit(Command, frozen=True):
    """Give back what an outage took: nobody served from `since` to `until`. Once per sitting and outage (I3)."""

    outage_id: int
    since: int
    until: int
    limit_ms: int


class StaffCommand(Command, frozen=True):
    """An act of a person; goes to the audit trail in the same transaction."""

    actor: Who
    reason: str


class MarkIdentity(StaffCommand, frozen=True):
    """人证核验 done."""


class Pause(StaffCommand, frozen=True):
    """Stop the clock of an open sitting."""


class Resume(StaffCommand, frozen=True):
    """Go on; the pause is added to the closing time."""


class Credit(StaffCommand, frozen=True):
    """补时. More than five minutes, alone or summed up, needs `second`.

    After the end it is a reopening (two people).
    """

    ms: int
    second: Who | None = None
    evidence: str = ""


class WithdrawCredit(StaffCommand, frozen=True):
    """Take back what is not used up of an outage's credit; above five minutes two people."""

    outage_id: int
    second: Who | None = None


class TakeOver(StaffCommand, frozen=True):
    """Move to another PC: the old one is fenced at once. `device` None: the next PC to open, but not the old one."""

    device: str | None = None


class Void(StaffCommand, frozen=True):
    """End without a result, for a breach of the rules."""


class Force(StaffCommand, frozen=True):
    """Collect the paper now."""


class Message(StaffCommand, frozen=True):
    """Text to the candidate's screen (`reason` stays empty)."""

    text: str


class ReopenAfterEnd(StaffCommand, frozen=True):
    """Open an ended (or absent) sitting again; two people; the receipt is void. `ms` is added to what was left."""

    second: Who | None
    ms: int = 0


class KeptApart(Struct, frozen=True):
    """One quarantined operation as stored."""

    epoch: int
    op: int
    digest: str
    content: dict[str, Any]


class AdmitLate(StaffCommand, frozen=True):
    """Count operations that were kept apart; two people."""

    second: Who | None
    operations: list[KeptApart]


class Carry(StaffCommand, frozen=True):
    """Keep apart what a recovery file brought: operations of one page, numbers rising. `facts` go to the audit row."""

    epoch: int
    ops: list[Op]
    facts: dict[str, Any]


class Quarantined(Struct, frozen=True):
    """An operation to keep apart: `reason` late, closed, fenced, fork or carried."""

    epoch: int
    op: int
    reason: str
    at: int
    content: dict[str, Any]


Hold = Literal["outage", "clock"]
"""Why nobody may be closed or refused by time now: an outage is not credited yet, or the clock is suspect."""

Seen = Mapping[tuple[int, int], dict[str, Any]]
"""(epoch, op) -> content of operations already in the journal, as far as a command may repeat them."""


class Outcome(Struct, frozen=True):
    """The answer to a command. `code` "ok" or why not; `sitting` as it stands after it, None if unknown.

    Codes of rules: ok, unknown, not_yet, identity, other_device, too_late, absent, closed, not_open, gap, fenced,
    fork, late, too_early, malformed, not_due, needs_second, bad_amount, not_paused, nothing, held. Codes of the writer:
    busy (queue full), storage (not stored, or not known to be), shutdown, failed (this command cannot be stored).
    """

    code: str
    sitting: Sitting | None = None
    op: int | None = None
    wait_ms: int | None = None
    first: bool = False
    """This very command opened the sitting: the order it carried is the one journaled, and there are no answers yet."""

    @property
    def ok(self) -> bool:
        """Whether it was done (or had been done before)."""
        return self.code == "ok"
