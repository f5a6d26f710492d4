"""A decision in the making: the copy it works on, the events so far. Pure; shared by the files of rules."""

from typing import Any

from msgspec import Struct, field

from server.sitting import events as ev
from server.sitting.commands import Hold, Outcome, Quarantined, StaffCommand, Who
from server.sitting.state import Sitting, apply


class Decision(Struct):
    """What a command came to: the answer, the events to store, the operations to keep apart, the sitting after it."""

    outcome: Outcome
    sitting: Sitting
    events: list[ev.Event] = field(default_factory=list)
    quarantine: list[Quarantined] = field(default_factory=list)


class Draft:
    """The copy of a sitting a decision works on, and the events so far."""

    __slots__ = ("at", "events", "hold", "quarantine", "sitting")

    def __init__(self, sitting: Sitting, at: int, hold: Hold | None = None) -> None:
        self.sitting: Sitting = sitting.__copy__()  # type: ignore[attr-defined]  # half the cost of copy.copy
        self.at = max(sitting.last_at, at)
        self.hold = hold
        self.events: list[ev.Event] = []
        self.quarantine: list[Quarantined] = []

    def emit(
        self,
        kind: str,
        data: dict[str, Any],
        *,
        by: StaffCommand | None = None,
        who: list[Any] | None = None,
        op: int | None = None,
        epoch: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Let something happen: `by` for an act of the staff, `who` and `reason` for the system, neither for the candidate."""
        sitting = self.sitting
        draft = [
            sitting.n + 1,
            kind,
            sitting.epoch if epoch is None else epoch,
            op,
            self.at,
            who if by is None else who_of(by.actor),
            reason if by is None else by.reason,
            data,
        ]
        event = ev.chained(sitting.head, draft)
        apply(sitting, event)
        self.events.append(event)

    def answer(self, code: str = "ok", *, op: int | None = None, wait_ms: int | None = None, first: bool = False) -> Decision:
        """Close the draft with a code of `Outcome`."""
        sitting = self.sitting
        return Decision(Outcome(code, sitting, op, wait_ms, first), sitting, self.events, self.quarantine)


SYSTEM: list[Any] = ["system", None, "jikao"]


def who_of(who: Who) -> list[Any]:
    """A person as events carry it."""
    return [who.kind, who.id, who.name]
