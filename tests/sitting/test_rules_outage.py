"""Outages in the rules: what one gives back, once, up to its limit; what a withdrawal leaves; what a hold holds (I3, I4)."""

from typing import Any

import pytest

from server.sitting import times
from server.sitting.commands import (
    Absent,
    Close,
    Credit,
    Force,
    Hold,
    Op,
    Open,
    Operations,
    OutageCredit,
    Outcome,
    Pause,
    ReopenAfterEnd,
    Resume,
    Void,
    WithdrawCredit,
)
from server.sitting.state import fold, fold_answers
from tests.sitting.given import ANNA, BELL, BORIS, CLOSING, GRACE, MINUTE, ORDER, PC, TERMS, Run, opened

LIMIT = 45 * MINUTE
MIDDLE = BELL + 10 * MINUTE


def outage(run: Run, since: int, until: int, number: int = 1, limit: int = LIMIT) -> Outcome:
    return run.do(OutageCredit(*run.key, outage_id=number, since=since, until=until, limit_ms=limit), until)


@pytest.mark.parametrize(
    ("since", "until", "credit"),
    [
        (MIDDLE, MIDDLE + 3 * MINUTE, 3 * MINUTE),  # lost while at work
        (CLOSING - MINUTE, CLOSING + 9 * MINUTE, 10 * MINUTE),  # exactly a minute was left, and is left
        (CLOSING - 1, CLOSING + 9 * MINUTE - 1, 9 * MINUTE + MINUTE - 1),  # less was left: a minute to come back
        (CLOSING + GRACE - 1, CLOSING + GRACE + MINUTE, 2 * MINUTE + GRACE),  # in flight when it went away
        (CLOSING + GRACE, CLOSING + GRACE + MINUTE, 0),  # over before
        (MIDDLE, MIDDLE + LIMIT, LIMIT),
        (MIDDLE, MIDDLE + LIMIT + 1, LIMIT),
        (BELL - 5 * MINUTE, BELL + 2 * MINUTE, 2 * MINUTE),  # opened within it: from there on
        (BELL - 5 * MINUTE, BELL, 0),
    ],
)
def test_i4_what_an_outage_gives_back(since: int, until: int, credit: int) -> None:
    run = opened()
    assert outage(run, since, until).code == ("ok" if credit else "nothing")
    assert run.sitting.closes_at == CLOSING + credit == times.closes_at(times.ledger(run.events))
    assert (run.sitting.outage_ms, run.sitting.solo_ms) == (credit, 0)
    assert fold(*run.key, run.events) == run.sitting


def test_i4_the_minute_to_come_back_counts_towards_the_limit() -> None:
    run = opened()
    assert outage(run, CLOSING - 1_000, CLOSING + 29_000, limit=45_000).ok
    assert run.sitting.closes_at == CLOSING + 45_000


def test_i4_the_clock_stood_anyway_during_a_pause() -> None:
    run = opened()
    run.do(Pause(*run.key, actor=ANNA, reason="停电"), MIDDLE)
    assert outage(run, MIDDLE + 1, MIDDLE + 5 * MINUTE).code == "nothing"
    late = opened()
    late.do(Pause(*late.key, actor=ANNA, reason="停电"), MIDDLE + 5 * MINUTE)  # after the server came back
    assert outage(late, MIDDLE, MIDDLE + 4 * MINUTE).ok


def test_i4_an_answer_stored_between_the_waking_and_the_noting_costs_nothing() -> None:
    run = opened()
    run.answer(1, at=MIDDLE + MINUTE - 1)
    outage(run, MIDDLE, MIDDLE + MINUTE)
    assert run.sitting.outage_ms == MINUTE


def test_i4_nobody_who_has_ended_or_not_begun_is_credited() -> None:
    ended = opened()
    ended.submit(1, MIDDLE)
    waiting = Run()
    waiting.admit()
    for run in (ended, waiting):
        assert outage(run, MIDDLE, MIDDLE + MINUTE).code == "nothing"
        assert run.sitting.outages is None


def test_i3_an_outage_is_credited_once_however_many_see_it() -> None:
    run = opened()
    for _process in range(3):
        assert outage(run, MIDDLE, MIDDLE + 10 * MINUTE).ok
    assert [event.kind for event in run.events].count("credited") == 1
    assert run.events[-1].who == ["system", None, "jikao"]
    assert run.events[-1].data["evidence"] == {"since": MIDDLE, "until": MIDDLE + 10 * MINUTE}


def test_i4_several_outages_share_the_limit() -> None:
    run = opened()
    outage(run, MIDDLE, MIDDLE + 30 * MINUTE)
    outage(run, MIDDLE + 31 * MINUTE, MIDDLE + 61 * MINUTE, number=2)
    assert run.sitting.outages == [[1, 30 * MINUTE], [2, 15 * MINUTE]]


@pytest.mark.parametrize(
    ("minutes", "second", "at", "code", "closing"),
    [
        (4, None, MIDDLE + 5 * MINUTE, "ok", CLOSING),  # nothing of it is used: all of it
        (4, None, CLOSING + MINUTE, "ok", CLOSING + MINUTE),  # only what is left
        (4, None, CLOSING + 4 * MINUTE, "ok", CLOSING + 4 * MINUTE),
        (10, None, CLOSING + MINUTE, "needs_second", CLOSING + 10 * MINUTE),
        (10, ANNA, CLOSING + MINUTE, "needs_second", CLOSING + 10 * MINUTE),
        (10, BORIS, CLOSING + MINUTE, "ok", CLOSING + MINUTE),
    ],
)
def test_i4_a_withdrawal_never_makes_the_past_late(minutes: int, second: Any, at: int, code: str, closing: int) -> None:
    run = opened()
    outage(run, BELL, BELL + minutes * MINUTE)
    command = WithdrawCredit(*run.key, actor=ANNA, reason="误判", outage_id=1, second=second)
    assert run.do(command, at).code == code
    assert run.sitting.closes_at == closing == times.closes_at(times.ledger(run.events))
    events = len(run.events)
    assert run.do(command, at).code == code
    assert len(run.events) == events


def test_i4_answers_in_credited_time_stay_and_are_marked_after_the_withdrawal() -> None:
    run = opened()
    run.answer(1, item=1, at=BELL + MINUTE)
    outage(run, BELL + 2 * MINUTE, BELL + 5 * MINUTE)
    run.answer(2, item=2, at=CLOSING)
    run.answer(3, item=3, at=CLOSING + 1)
    run.do(WithdrawCredit(*run.key, actor=ANNA, reason="误判", outage_id=1), CLOSING + MINUTE)
    assert [event.data.get("outage", False) for event in run.events if event.kind == "answered"] == [False, False, True]
    assert run.do(Close(*run.key), CLOSING + MINUTE + GRACE + 1).ok
    assert fold_answers(run.events).values == {1: [1], 2: [1], 3: [1]}


def test_nothing_to_withdraw() -> None:
    run = opened()
    assert run.do(WithdrawCredit(*run.key, actor=ANNA, reason="x", outage_id=9), MIDDLE).code == "nothing"


@pytest.mark.parametrize("hold", ["outage", "clock"])
def test_i4_under_a_hold_nobody_is_closed_or_late(hold: Hold) -> None:
    run, late = opened(), CLOSING + GRACE + 1
    run.hold = hold
    assert run.do(Close(*run.key), late).code == "not_due"
    assert run.answer(1, at=late).ok
    assert (run.sitting.ack, run.sitting.held, run.kept) == (1, 1, [])
    assert fold_answers(run.events).values == {}
    assert fold_answers(run.events, with_held=True).values == {1: [1]}
    assert run.answer(1, at=late).ok  # I3
    assert run.answer(1, value=[2], at=late).code == "fork"
    for command in (Force, Void):
        assert run.do(command(*run.key, actor=ANNA, reason="x"), late).code == "held"
    assert run.judge(late).code == "held"


def test_i4_under_a_hold_nobody_is_absent_or_too_late_to_enter() -> None:
    past = BELL + TERMS.latest_entry_ms + 1
    for hold, absent, entered in ((None, "ok", "too_late"), ("clock", "not_due", "ok")):
        run = Run()
        run.admit()
        run.arrive()
        run.identify()
        run.hold = hold  # type: ignore[assignment]
        open_it = Open(*run.key, device=PC, page="page-one", terms=TERMS, order=ORDER, paper_digest="ab")
        assert run.decide(open_it, past).outcome.code == entered
        assert run.decide(Absent(*run.key, terms=TERMS), past).outcome.code == absent


def test_until_an_outage_is_credited_nobody_moves_a_clock() -> None:
    run = opened()
    run.hold = "outage"
    assert run.do(Pause(*run.key, actor=ANNA, reason="x"), MIDDLE).code == "held"
    run.hold = None
    run.do(Pause(*run.key, actor=ANNA, reason="x"), MIDDLE)
    run.hold = "outage"
    assert run.do(Resume(*run.key, actor=ANNA, reason="x"), MIDDLE).code == "held"
    assert run.do(Credit(*run.key, actor=ANNA, reason="x", ms=MINUTE), MIDDLE).code == "held"
    run.hold = None
    run.do(Force(*run.key, actor=ANNA, reason="x"), MIDDLE)
    run.hold = "outage"
    assert run.do(ReopenAfterEnd(*run.key, actor=ANNA, reason="x", second=BORIS), MIDDLE).code == "held"


def test_i4_what_was_held_is_judged_by_the_ledger_as_it_then_stands() -> None:
    run = opened()
    run.hold = "outage"
    run.ops(Op(1, item=1, value=[1]), Op(2, item=2, flag=True), Op(3, item=3, report="图不清"), at=CLOSING + 4 * MINUTE)
    outage(run, CLOSING - 2 * MINUTE, CLOSING + 3 * MINUTE)
    run.hold = None
    assert run.ops(Op(4, item=1, value=[2]), at=CLOSING + 4 * MINUTE).ok  # behind those that wait: their order is kept
    assert run.judge(CLOSING + 4 * MINUTE).ok
    sitting = run.sitting
    assert (sitting.held, sitting.answered, sitting.flagged, sitting.reports, run.kept) == (0, 1, 2, 1, [])
    assert fold_answers(run.events).values == {1: [2]}
    events = len(run.events)
    assert run.judge(CLOSING + 4 * MINUTE).ok  # I3: a second closer judges nothing
    assert len(run.events) == events
    assert run.answer(5, item=2, at=CLOSING + 4 * MINUTE).ok
    assert run.events[-1].kind == "answered"
    assert fold(*run.key, run.events) == run.sitting


@pytest.mark.parametrize(("over", "late"), [(GRACE, False), (GRACE + 1, True)])
def test_i4_judged_late_is_kept_apart(over: int, late: bool) -> None:
    run = opened()
    run.hold = "clock"
    run.answer(1, at=CLOSING + GRACE + 1)
    run.sitting.closes_at = CLOSING + 1 + GRACE - over  # the boundary, whatever moved the closing time
    run.hold = None
    run.judge(CLOSING + 2 * MINUTE)
    assert [(kept.op, kept.reason, kept.at) for kept in run.kept] == ([(1, "late", CLOSING + GRACE + 1)] if late else [])
    assert run.sitting.answered == (0 if late else 1)
    assert (fold_answers(run.events).values == {}) is late


@pytest.mark.parametrize("in_time", [True, False])
def test_i5_a_held_hand_in_ends_it_once_when_judged(in_time: bool) -> None:
    run = opened()
    run.hold = "outage"
    at = CLOSING + 3 * MINUTE
    assert run.ops(Op(1, item=1, value=[1]), Op(2, submit=True), at=at).ok
    assert run.sitting.state == "open"
    if in_time:
        outage(run, CLOSING - 2 * MINUTE, CLOSING + 2 * MINUTE)
    run.hold = None
    run.judge(at)
    assert run.sitting.end_kind == ("submitted" if in_time else None)
    assert run.do(Close(*run.key), at).ok
    assert run.sitting.end_kind == ("submitted" if in_time else "timed_out")
    assert run.sitting.receipt is not None
    assert run.sitting.receipt["answered"] == in_time
    repeated = run.ops(Op(1, item=1, value=[1]), Op(2, submit=True), at=at)
    assert repeated.ok
    assert run.sitting.ack == 2
    assert fold(*run.key, run.events) == run.sitting
    assert len(run.kept) == (0 if in_time else 2)


def test_i6_a_new_page_while_operations_are_held() -> None:
    run = opened()
    run.hold = "clock"
    run.answer(1, at=CLOSING + GRACE + 1)
    assert run.open(page="page-two", at=CLOSING + GRACE + 2).ok
    assert run.do(Operations(*run.key, epoch=2, ops=[Op(1, item=2, value=[3])]), CLOSING + GRACE + 3).ok
    run.hold = None
    run.judge(CLOSING + GRACE + 4)
    assert [(kept.epoch, kept.op) for kept in run.kept] == [(1, 1), (2, 1)]
    assert run.do(Close(*run.key), CLOSING + GRACE + 5).ok
