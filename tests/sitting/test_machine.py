"""A state machine drives `decide` against a small model that was written from the specification, not from the code.

The model keeps its own idea of what must be stored: per epoch the accepted operations, the value of each question, the
closing time by arithmetic, one end. After every step the journal is checked whole: chain (I2), fold (I2), one end per
opening (I5), the ledger's closing time (I4).
"""

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.sitting import times
from server.sitting.commands import (
    Close,
    Credit,
    Force,
    Op,
    Operations,
    OutageCredit,
    Pause,
    ReopenAfterEnd,
    Resume,
    TakeOver,
    Void,
)
from server.sitting.events import END_KINDS, check_chain
from server.sitting.state import fold, fold_answers
from tests.sitting.given import ANNA, BELL, BORIS, CLOSING, GRACE, MINUTE, PC, TERMS, Run, opened

ITEMS = st.integers(1, 3)
IDS = st.lists(st.integers(0, 3), max_size=3).filter(lambda ids: not ids or any(ids))
TEXTS = st.lists(st.sampled_from(["", "220V", "交流电", "１２。５"]), max_size=3).filter(lambda texts: not texts or any(texts))
VALUES: st.SearchStrategy[list[Any]] = st.one_of(IDS, TEXTS)


class SittingMachine(RuleBasedStateMachine):
    @initialize(late=st.integers(0, TERMS.latest_entry_ms), extra=st.sampled_from([0, 5 * MINUTE]))
    def begin(self, late: int, extra: int) -> None:
        self.run: Run = opened(BELL + late, extra)
        self.at = BELL + late
        self.closing = CLOSING + extra
        self.paused_since: int | None = None
        self.ended: str | None = None
        self.ended_at = 0
        self.epoch, self.ack = 1, 0
        self.stored: dict[tuple[int, int], tuple[int, list[Any]]] = {}
        self.values: dict[int, list[Any]] = {}
        self.pages = 1
        self.moved = False
        self.held: list[tuple[int, int, int, tuple[int, list[Any]] | None]] = []
        self.outages = 0
        self.outage_ms = 0

    def over(self) -> bool:
        return self.paused_since is None and self.at > self.closing + GRACE

    @rule(ms=st.sampled_from([1, 999, 10_000, MINUTE, 5 * MINUTE, 12 * MINUTE]))
    def time_passes(self, ms: int) -> None:
        self.at += ms

    @rule()
    def the_clock_is_doubted_or_found_right(self) -> None:
        self.run.hold = None if self.run.hold else "clock"

    @rule(item=ITEMS, value=VALUES)
    def answers(self, item: int, value: list[Any]) -> None:
        outcome = self.run.ops(Op(self.ack + 1, item=item, value=value), epoch=self.epoch, at=self.at)
        if self.moved:
            assert outcome.code == "fenced"
        elif self.ended:
            assert outcome.code == "closed"
        elif self.over() and not self.run.hold and not self.held:
            assert outcome.code == "late"
        else:
            assert outcome.code == "ok"
            self.ack += 1
            self.stored[self.epoch, self.ack] = (item, value)
            if self.over() or self.held:
                self.held.append((self.epoch, self.ack, self.at, (item, value)))
            else:
                self.values[item] = value

    @precondition(lambda self: self.stored)
    @rule(data=st.data(), change=st.booleans())
    def repeats(self, data: Any, change: bool) -> None:
        (epoch, op), (item, value) = data.draw(st.sampled_from(sorted(self.stored.items())))
        sent = [4] if change else value
        kept = len(self.run.kept)
        outcome = self.run.do(Operations(*self.run.key, epoch=epoch, ops=[Op(op, item=item, value=sent)]), self.at)
        if self.moved or epoch != self.epoch:
            assert outcome.code == "fenced"
        else:
            assert outcome.code == ("fork" if change else "ok")
        assert len(self.run.kept) - kept == change

    @rule(skip=st.integers(2, 5))
    def skips(self, skip: int) -> None:
        outcome = self.run.ops(Op(self.ack + skip, item=1, value=[1]), epoch=self.epoch, at=self.at)
        expected = "fenced" if self.moved else "closed" if self.ended else "gap"
        assert outcome.code == expected

    @rule()
    def reloads(self) -> None:
        self.pages += 1
        outcome = self.run.open(self.at, page=f"page-{self.pages}", device=PC if not self.moved else "pc-new")
        if self.ended:
            assert outcome.code == "closed"
        else:
            assert outcome.ok
            self.epoch, self.ack = self.run.sitting.epoch, 0
            if self.moved:  # the PC after the take-over plays on as the one PC of this test
                self.run.do(TakeOver(*self.run.key, actor=ANNA, reason="", device=PC), self.at)
                self.run.open(self.at, page=f"page-{self.pages}-back", device=PC)
                self.epoch = self.run.sitting.epoch
                self.moved = False

    @precondition(lambda self: not self.ended)
    @rule()
    def is_taken_over(self) -> None:
        assert self.run.do(TakeOver(*self.run.key, actor=ANNA, reason="死机"), self.at).ok
        self.moved = True

    @rule()
    def pauses(self) -> None:
        outcome = self.run.do(Pause(*self.run.key, actor=ANNA, reason="停电"), self.at)
        if not self.ended and self.paused_since is None and self.at <= self.closing:
            assert outcome.ok
            self.paused_since = self.at
        elif self.ended:
            assert outcome.code == "closed"

    @precondition(lambda self: self.paused_since is not None and not self.ended)
    @rule()
    def resumes(self) -> None:
        assert self.run.do(Resume(*self.run.key, actor=ANNA, reason="来电"), self.at).ok
        assert self.paused_since is not None
        self.closing += self.at - self.paused_since
        self.paused_since = None

    @precondition(lambda self: not self.ended)
    @rule(ms=st.sampled_from([1, MINUTE, 4 * MINUTE, 30 * MINUTE]))
    def is_credited(self, ms: int) -> None:
        assert self.run.do(Credit(*self.run.key, actor=ANNA, reason="", ms=ms, second=BORIS), self.at).ok
        self.closing += ms

    @precondition(lambda self: not self.ended)
    @rule(ms=st.sampled_from([6_000, 3 * MINUTE, 20 * MINUTE]))
    def nobody_serves_for_a_while(self, ms: int) -> None:
        since, self.at = self.at, self.at + ms
        self.outages += 1
        command = OutageCredit(*self.run.key, outage_id=self.outages, since=since, until=self.at, limit_ms=45 * MINUTE)
        outcome = self.run.do(command, self.at)
        credit = min(max(ms, self.at + MINUTE - self.closing), 45 * MINUTE - self.outage_ms)
        if ms > 45 * MINUTE - self.outage_ms:
            credit = 45 * MINUTE - self.outage_ms
        if self.paused_since is not None or self.closing + GRACE <= since or credit == 0:
            assert outcome.code == "nothing"
            return
        assert outcome.ok
        self.closing += credit
        self.outage_ms += credit

    @rule()
    def what_was_held_is_judged(self) -> None:
        kept = len(self.run.kept)
        outcome = self.run.judge(self.at)
        if self.run.hold:
            assert outcome.code == "held"
            return
        assert outcome.ok
        late = [one for one in self.held if self._is_late(one[2])]
        in_time = [one for one in self.held if one not in late]
        assert len(self.run.kept) - kept == len(late)
        self.held = []
        for *_where, change in in_time:
            if change is not None:
                self.values[change[0]] = change[1]
        if any(change is None for *_where, change in in_time):
            self._end("submitted")

    def _is_late(self, at: int) -> bool:
        return at > self.closing + GRACE and not (self.paused_since is not None and at >= self.paused_since)

    @rule()
    def the_closer_looks(self) -> None:
        outcome = self.run.do(Close(*self.run.key), self.at)
        if self.ended:
            assert outcome.ok
        elif self.over() and not self.run.hold and not self.held:
            assert outcome.ok
            self._end("timed_out")
        else:
            assert outcome.code == "not_due"

    @precondition(lambda self: not self.moved)
    @rule()
    def hands_in(self) -> None:
        outcome = self.run.submit(self.ack + 1, self.at)
        if self.ended:
            assert outcome.code == "closed"
        elif self.over() and not self.run.hold and not self.held:
            assert outcome.code == "late"
        elif self.at < BELL + TERMS.earliest_hand_in_ms:
            assert outcome.code == "too_early"
        else:
            assert outcome.ok
            self.ack += 1
            if self.over() or self.held:
                self.held.append((self.epoch, self.ack, self.at, None))
            else:
                self._end("submitted")

    @precondition(lambda self: not self.ended)
    @rule(void=st.booleans())
    def staff_end_it(self, void: bool) -> None:
        command = Void if void else Force
        outcome = self.run.do(command(*self.run.key, actor=ANNA, reason="x"), self.at)
        if self.held:
            assert outcome.code == "held"
            return
        assert outcome.ok
        self._end("voided" if void else "forced")

    @precondition(lambda self: self.ended)
    @rule(ms=st.sampled_from([0, 10 * MINUTE]))
    def two_reopen_it(self, ms: int) -> None:
        assert self.run.do(ReopenAfterEnd(*self.run.key, actor=ANNA, reason="x", second=BORIS, ms=ms), self.at).ok
        stood = self.paused_since if self.paused_since is not None else min(self.ended_at, self.closing)
        self.closing += max(0, self.at - stood) + ms
        self.paused_since, self.ended = None, None

    def _end(self, kind: str) -> None:
        self.ended, self.ended_at = kind, self.at
        assert (self.run.sitting.receipt is None) == (kind == "voided")

    @invariant()
    def model_and_journal_agree(self) -> None:
        run = self.run
        assert check_chain(*run.key, run.events) == run.sitting.head
        assert fold(*run.key, run.events) == run.sitting
        assert times.closes_at(times.ledger(run.events)) == run.sitting.closes_at == self.closing
        assert {slot: value for slot, value in fold_answers(run.events).values.items() if value} == {
            slot: value for slot, value in self.values.items() if value
        }
        assert run.sitting.end_kind == self.ended
        assert (run.sitting.held, run.sitting.outage_ms) == (len(self.held), self.outage_ms)
        assert [event.at for event in run.events] == sorted(event.at for event in run.events)

    @invariant()
    def one_end_per_opening(self) -> None:
        ended = False
        for event in self.run.events:
            if ended:
                assert event.kind in ("reopened", "late_admitted")
            if event.kind == "reopened":
                ended = False
            elif event.kind in END_KINDS:
                assert not ended
                ended = True


SittingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSitting = SittingMachine.TestCase
