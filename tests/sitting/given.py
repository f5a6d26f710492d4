"""Short hands for the tests of the exam core: people, terms, a small paper, a sitting that is open."""

from typing import Any

from server.audit.trail import Actor
from server.sitting.commands import (
    Admit,
    Arrive,
    Command,
    HeldOperation,
    Hold,
    Judge,
    MarkIdentity,
    Op,
    Open,
    Operations,
    Outcome,
    Seen,
    Terms,
)
from server.sitting.decisions import Decision
from server.sitting.events import Event
from server.sitting.operations import content_of
from server.sitting.rules import decide
from server.sitting.state import Sitting, blank

MINUTE = 60_000
BELL = 1_795_222_800_000
DURATION = 20 * MINUTE
GRACE = 10_000
CLOSING = BELL + DURATION
PC, OTHER_PC = "pc-1", "pc-2"
ANNA = Actor("staff", 1, "监考甲", 1)
BORIS = Actor("staff", 2, "监考乙", 1)
TERMS = Terms(
    bell_at=BELL,
    duration_ms=DURATION,
    latest_entry_ms=5 * MINUTE,
    earliest_hand_in_ms=5 * MINUTE,
    grace_ms=GRACE,
    identity_check=True,
)
ORDER: list[list[Any]] = [[2, [2, 1, 3]], [1, [1, 2, 3]], [3, [1, 2]]]


class Run:
    """A sitting in memory: commands in, the journal kept, as the writer does it."""

    def __init__(self, exam_session_id: int = 7, entry_no: int = 1) -> None:
        self.key = (exam_session_id, entry_no)
        self.sitting: Sitting = blank(*self.key)
        self.events: list[Event] = []
        self.seen: dict[tuple[int, int], dict[str, Any]] = {}
        self.kept: list[Any] = []
        self.at = BELL - 10 * MINUTE
        self.hold: Hold | None = None

    def do(self, command: Command, at: int | None = None) -> Outcome:
        self.at = self.at if at is None else at
        decision = self.decide(command, self.at)
        self.sitting = decision.sitting
        self.events += decision.events
        self.kept += decision.quarantine
        for event in decision.events:
            if event.op is not None:
                self.seen[event.epoch, event.op] = content_of(event)
        return decision.outcome

    def decide(self, command: Command, at: int, seen: Seen | None = None) -> Decision:
        return decide(self.sitting, command, at, self.seen if seen is None else seen, self.hold)

    def admit(self, extra_ms: int = 0) -> Outcome:
        return self.do(Admit(*self.key, institution_id=1, room_id=3, form_id=5, extra_ms=extra_ms))

    def arrive(self, device: str = PC) -> Outcome:
        return self.do(Arrive(*self.key, device=device))

    def identify(self) -> Outcome:
        return self.do(MarkIdentity(*self.key, actor=ANNA, reason=""))

    def open(self, at: int | None = None, page: str = "page-one", device: str = PC, terms: Terms = TERMS) -> Outcome:
        command = Open(*self.key, device=device, page=page, terms=terms, order=ORDER, paper_digest="ab")
        return self.do(command, at)

    def ops(self, *ops: Op, epoch: int | None = None, at: int | None = None) -> Outcome:
        return self.do(Operations(*self.key, epoch=self.sitting.epoch if epoch is None else epoch, ops=list(ops)), at)

    def answer(self, op: int, item: int = 1, value: list[int] | None = None, at: int | None = None) -> Outcome:
        return self.ops(Op(op, item=item, value=[1] if value is None else value), at=at)

    def judge(self, at: int | None = None) -> Outcome:
        """As the closer does it: everything that was ever held is offered again."""
        held = [HeldOperation(e.n, e.epoch, e.op or 0, e.at, content_of(e)) for e in self.events if e.kind == "held"]
        return self.do(Judge(*self.key, operations=held), at)

    def submit(self, op: int, at: int | None = None) -> Outcome:
        return self.ops(Op(op, submit=True), at=at)


def opened(at: int = BELL, extra_ms: int = 0) -> Run:
    run = Run()
    run.admit(extra_ms)
    run.arrive()
    run.identify()
    assert run.open(at).ok
    return run
