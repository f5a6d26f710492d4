"""The rules as tables of boundaries, each side of each."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from server.sitting import times
from server.sitting.commands import (
    Absent,
    AdmitLate,
    Arrive,
    Close,
    Credit,
    Force,
    KeptApart,
    MarkIdentity,
    Message,
    Op,
    Open,
    Pause,
    ReopenAfterEnd,
    Resume,
    TakeOver,
    Void,
)
from server.sitting.events import BrokenChainError, check_chain, receipt_code
from server.sitting.operations import shape_problem
from server.sitting.state import fold, fold_answers
from tests.sitting.given import (
    ANNA,
    BELL,
    BORIS,
    CLOSING,
    DURATION,
    GRACE,
    MINUTE,
    ORDER,
    OTHER_PC,
    PC,
    TERMS,
    Run,
    opened,
)


def test_unknown_sitting_is_only_admitted() -> None:
    run = Run()
    assert run.arrive().code == "unknown"
    assert run.admit().ok
    assert run.events[0].kind == "admitted"


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (BELL - 1, "not_yet"),
        (BELL, "ok"),
        (BELL + TERMS.latest_entry_ms, "ok"),
        (BELL + TERMS.latest_entry_ms + 1, "too_late"),
    ],
)
def test_opening_between_bell_and_latest_entry(at: int, code: str) -> None:
    run = Run()
    run.admit()
    run.arrive()
    run.identify()
    assert run.open(at).code == code


@pytest.mark.parametrize(("form_id", "code"), [(5, "ok"), (6, "nothing"), (None, "ok")])
def test_an_order_drawn_for_another_form_opens_nothing(form_id: int | None, code: str) -> None:
    run = Run()
    run.admit()
    run.arrive()
    run.identify()
    command = Open(*run.key, device=PC, page="page-one", terms=TERMS, order=ORDER, paper_digest="ab", form_id=form_id)
    outcome = run.do(command, BELL)
    assert (outcome.code, outcome.first) == (code, code == "ok")


def test_opening_waits_for_the_bell_of_the_chief() -> None:
    run = Run()
    run.admit()
    run.arrive()
    run.identify()
    assert run.open(BELL + MINUTE, terms=structs.replace(TERMS, bell_at=None)).code == "not_yet"


def test_opening_waits_for_the_identity_check_where_the_profile_asks() -> None:
    run = Run()
    run.admit()
    run.arrive()
    assert run.open(BELL).code == "identity"
    assert run.open(BELL, terms=structs.replace(TERMS, identity_check=False)).ok


@pytest.mark.parametrize(
    ("full_time", "late_by", "extra", "closing"),
    [
        (False, 0, 0, CLOSING),
        (False, 3 * MINUTE, 0, CLOSING),
        (True, 3 * MINUTE, 0, CLOSING + 3 * MINUTE),
        (False, 3 * MINUTE, 5 * MINUTE, CLOSING + 5 * MINUTE),
        (True, 3 * MINUTE, 5 * MINUTE, CLOSING + 8 * MINUTE),
    ],
)
def test_late_entrant_ends_with_the_room_unless_full_time(full_time: bool, late_by: int, extra: int, closing: int) -> None:
    run = Run()
    run.admit(extra)
    run.arrive()
    run.identify()
    run.open(BELL + late_by, terms=structs.replace(TERMS, full_time_for_late=full_time))
    assert run.sitting.closes_at == closing


@pytest.mark.parametrize(
    ("at", "code", "over"),
    [
        (CLOSING, "ok", None),
        (CLOSING + 1, "ok", 1),
        (CLOSING + GRACE, "ok", GRACE),
        (CLOSING + GRACE + 1, "late", None),
    ],
)
def test_i4_grace_is_used_and_logged_and_ends(at: int, code: str, over: int | None) -> None:
    run = opened()
    assert run.answer(1, at=at).code == code
    if code == "ok":
        assert run.events[-1].data.get("over_ms") == over
    else:
        assert [kept.reason for kept in run.kept] == ["late"]
        assert run.sitting.ack == 0


@pytest.mark.parametrize(("at", "code"), [(CLOSING, "not_due"), (CLOSING + GRACE, "not_due"), (CLOSING + GRACE + 1, "ok")])
def test_closer_closes_only_after_the_grace(at: int, code: str) -> None:
    run = opened()
    assert run.do(Close(*run.key), at).code == code
    assert (run.sitting.state == "ended") == (code == "ok")


@pytest.mark.parametrize(("at", "code"), [(BELL + TERMS.latest_entry_ms, "not_due"), (BELL + TERMS.latest_entry_ms + 1, "ok")])
def test_absent_is_fixed_after_the_latest_entry(at: int, code: str) -> None:
    run = Run()
    run.admit()
    assert run.do(Absent(*run.key, terms=TERMS), at).code == code


def test_absent_is_not_for_those_who_opened() -> None:
    run = opened()
    assert run.do(Absent(*run.key, terms=TERMS), CLOSING).code == "not_due"


@pytest.mark.parametrize(
    ("at", "code"), [(BELL + 5 * MINUTE - 1, "too_early"), (BELL + 5 * MINUTE, "ok"), (CLOSING + GRACE, "ok")]
)
def test_hand_in_from_the_earliest_moment(at: int, code: str) -> None:
    run = opened()
    outcome = run.submit(1, at)
    assert outcome.code == code
    assert outcome.wait_ms == (1 if code == "too_early" else None)


def test_too_early_hand_in_keeps_the_operations_before_it() -> None:
    run = opened()
    outcome = run.ops(Op(1, item=1, value=[2]), Op(2, submit=True), at=BELL + MINUTE)
    assert (outcome.code, outcome.op, run.sitting.ack) == ("too_early", 2, 1)
    assert run.answer(2, item=2).ok


def test_i4_time_never_runs_backwards() -> None:
    run = opened(BELL + MINUTE)
    run.answer(1, at=BELL + 2 * MINUTE)
    run.answer(2, at=BELL)
    assert run.events[-1].at == BELL + 2 * MINUTE


# -- I3 idempotency, I6 fencing ---------------------------------------------------------------------------------------


def test_i3_repeats_change_nothing() -> None:
    run = opened()
    run.ops(Op(1, item=1, value=[1]), Op(2, item=2, value=[2], dt_ms=5))
    before = run.sitting
    assert run.ops(Op(1, item=1, value=[1]), Op(2, item=2, value=[2], dt_ms=900)).ok
    assert run.sitting == before


def test_i3_overlap_takes_only_the_new() -> None:
    run = opened()
    run.ops(Op(1, item=1, value=[1]), Op(2, item=2, value=[2]))
    assert run.ops(Op(2, item=2, value=[2]), Op(3, item=3, value=[1])).ok
    assert run.sitting.ack == 3


def test_i3_other_content_is_a_fork_and_kept_apart() -> None:
    run = opened()
    run.answer(1, item=1, value=[1])
    outcome = run.ops(Op(1, item=1, value=[2]), Op(2, item=2, value=[2]))
    assert (outcome.code, outcome.op, run.sitting.ack) == ("fork", 1, 1)
    assert [(kept.op, kept.reason) for kept in run.kept] == [(1, "fork"), (2, "fork")]


def test_gap_is_answered_with_ack_and_nothing_is_stored() -> None:
    run = opened()
    run.answer(1)
    outcome = run.answer(3)
    assert outcome.code == "gap"
    assert outcome.sitting is not None
    assert outcome.sitting.ack == 1
    assert run.kept == []


def test_numbers_of_a_future_epoch_are_a_fork() -> None:
    run = opened()
    assert run.ops(Op(1, item=1, value=[1]), epoch=9).code == "fork"


def test_i6_every_page_load_is_a_new_epoch_and_fences_the_old() -> None:
    run = opened()
    run.answer(1)
    assert run.open(BELL + MINUTE, page="page-two").ok
    assert (run.sitting.epoch, run.sitting.ack) == (2, 0)
    assert run.ops(Op(2, item=1, value=[3]), epoch=1).code == "fenced"
    assert [(kept.epoch, kept.op, kept.reason) for kept in run.kept] == [(1, 2, "fenced")]


def test_i6_what_the_old_page_had_stored_is_not_kept_apart_again() -> None:
    run = opened()
    run.answer(1, value=[1])
    run.open(page="page-two")
    assert run.ops(Op(1, item=1, value=[1]), Op(2, item=1, value=[2]), epoch=1).code == "fenced"
    assert [kept.op for kept in run.kept] == [2]


def test_open_again_with_the_same_page_is_the_same_epoch() -> None:
    run = opened()
    assert run.open(page="page-one").ok
    assert run.sitting.epoch == 1


def test_another_pc_needs_a_take_over() -> None:
    run = opened()
    assert run.open(page="page-two", device=OTHER_PC).code == "other_device"
    assert run.do(TakeOver(*run.key, actor=ANNA, reason="机器故障")).ok
    assert run.open(page="page-one", device=PC).code == "other_device"
    assert run.open(page="page-two", device=OTHER_PC).ok
    assert run.sitting.epoch == 3


def test_take_over_to_a_named_pc() -> None:
    run = opened()
    run.do(TakeOver(*run.key, actor=ANNA, reason="机器故障", device="pc-3"))
    assert run.open(page="p", device=OTHER_PC).code == "other_device"
    assert run.open(page="p", device="pc-3").ok


def test_take_over_fences_the_old_pc_at_once() -> None:
    run = opened()
    run.do(TakeOver(*run.key, actor=ANNA, reason="机器故障"))
    assert run.ops(Op(1, item=1, value=[1]), epoch=1).code == "fenced"


# -- I5 one end -------------------------------------------------------------------------------------------------------

ENDS: list[tuple[str, Callable[[Run], Any]]] = [
    ("submitted", lambda run: run.submit(1, BELL + 6 * MINUTE)),
    ("timed_out", lambda run: run.do(Close(*run.key), CLOSING + GRACE + 1)),
    ("forced", lambda run: run.do(Force(*run.key, actor=ANNA, reason="清场"))),
    ("voided", lambda run: run.do(Void(*run.key, actor=ANNA, reason="夹带"))),
]


@pytest.mark.parametrize(("kind", "end"), ENDS)
def test_i5_one_end_whatever_comes_after(kind: str, end: Callable[[Run], Any]) -> None:
    run = opened()
    assert end(run).ok
    n, receipt = run.sitting.n, run.sitting.receipt
    assert run.sitting.end_kind == kind
    assert (receipt is None) == (kind == "voided")
    for _other, again in ENDS:
        again(run)
    run.do(Pause(*run.key, actor=ANNA, reason=""))
    run.do(TakeOver(*run.key, actor=ANNA, reason=""))
    run.do(Message(*run.key, actor=ANNA, reason="", text="停笔"))
    run.do(MarkIdentity(*run.key, actor=ANNA, reason=""))
    run.answer(2)
    run.open(page="later")
    assert (run.sitting.n, run.sitting.receipt) == (n, receipt)


def test_i5_repeated_hand_in_gets_the_same_receipt() -> None:
    run = opened()
    run.answer(1)
    first = run.submit(2, BELL + 6 * MINUTE)
    again = run.submit(2, BELL + 7 * MINUTE)
    assert first.ok
    assert again.ok
    assert first.sitting is not None
    assert again.sitting is not None
    assert first.sitting.receipt == again.sitting.receipt
    receipt = first.sitting.receipt
    assert receipt is not None
    assert receipt["code"] == receipt_code(run.events[-1].head)
    assert (len(receipt["code"]), receipt["answered"], receipt["total"]) == (16, 1, 3)


def test_after_the_end_new_operations_are_kept_apart() -> None:
    run = opened()
    run.do(Force(*run.key, actor=ANNA, reason="清场"))
    assert run.answer(1).code == "closed"
    assert [kept.reason for kept in run.kept] == ["closed"]


def test_void_before_the_opening() -> None:
    run = Run()
    run.admit()
    assert run.do(Void(*run.key, actor=ANNA, reason="替考")).ok
    assert run.sitting.state == "ended"
    assert run.sitting.receipt is None


# -- reopening, late admission, credits: two people -------------------------------------------------------------------


def test_reopening_needs_two_people_and_voids_the_receipt() -> None:
    run = opened()
    run.submit(1, BELL + 6 * MINUTE)
    assert run.do(ReopenAfterEnd(*run.key, actor=ANNA, reason="误交", second=None)).code == "needs_second"
    assert run.do(ReopenAfterEnd(*run.key, actor=ANNA, reason="误交", second=ANNA)).code == "needs_second"
    assert run.do(ReopenAfterEnd(*run.key, actor=ANNA, reason="误交", second=BORIS), BELL + 9 * MINUTE).ok
    assert run.sitting.state == "open"
    assert run.sitting.receipt is None
    assert run.sitting.closes_at == CLOSING + 3 * MINUTE
    assert run.answer(2).ok


def test_reopening_after_time_out_gives_the_credit() -> None:
    run = opened()
    run.do(Close(*run.key), CLOSING + GRACE + 1_000)
    run.do(ReopenAfterEnd(*run.key, actor=ANNA, reason="停电", second=BORIS, ms=10 * MINUTE), CLOSING + 30 * MINUTE)
    assert run.sitting.closes_at == CLOSING + 40 * MINUTE


def test_reopening_an_absent_candidate_lets_them_in_with_full_time() -> None:
    run = Run()
    run.admit()
    run.do(Absent(*run.key, terms=TERMS), BELL + 10 * MINUTE)
    assert run.do(ReopenAfterEnd(*run.key, actor=ANNA, reason="考点错误", second=BORIS)).ok
    run.arrive()
    run.identify()
    assert run.do(Absent(*run.key, terms=TERMS)).code == "not_due"
    assert run.open(BELL + 12 * MINUTE).ok
    assert run.sitting.closes_at == BELL + 12 * MINUTE + DURATION


def test_late_operations_count_only_by_two_people() -> None:
    run = opened()
    run.answer(1, item=1, value=[1])
    run.do(Close(*run.key), CLOSING + GRACE + 1)
    run.answer(2, item=2, value=[3])
    kept = [KeptApart(1, 2, "d", run.kept[0].content)]
    receipt = run.sitting.receipt
    alone = AdmitLate(*run.key, actor=ANNA, reason="断网", second=None, operations=kept)
    assert run.do(alone).code == "needs_second"
    assert run.do(AdmitLate(*run.key, actor=ANNA, reason="断网", second=BORIS, operations=kept)).ok
    assert fold_answers(run.events).values == {1: [1], 2: [3]}
    assert run.sitting.receipt == receipt
    assert run.sitting.answered == 0b11


@pytest.mark.parametrize(
    ("amounts", "second", "code"),
    [
        ([5 * MINUTE], None, "ok"),
        ([5 * MINUTE + 1], None, "needs_second"),
        ([5 * MINUTE + 1], ANNA, "needs_second"),
        ([5 * MINUTE + 1], BORIS, "ok"),
        ([3 * MINUTE, 2 * MINUTE], None, "ok"),
        ([3 * MINUTE, 2 * MINUTE + 1], None, "needs_second"),
        ([0], BORIS, "bad_amount"),
        ([-1], BORIS, "bad_amount"),
        ([times.CREDIT_MAX_MS], BORIS, "ok"),
        ([times.CREDIT_MAX_MS + 1], BORIS, "bad_amount"),
    ],
)
def test_credit_over_five_minutes_summed_up_needs_two(amounts: list[int], second: Any, code: str) -> None:
    run = opened()
    outcomes = [run.do(Credit(*run.key, actor=ANNA, reason="断电", ms=ms, second=second)) for ms in amounts]
    assert outcomes[-1].code == code


def test_credit_before_opening_counts_at_the_opening() -> None:
    run = Run()
    run.admit()
    run.do(Credit(*run.key, actor=ANNA, reason="断电", ms=2 * MINUTE))
    run.arrive()
    run.identify()
    run.open(BELL)
    assert run.sitting.closes_at == CLOSING + 2 * MINUTE


def test_credit_after_the_end_is_a_reopening() -> None:
    run = opened()
    run.do(Close(*run.key), CLOSING + GRACE + 1)
    assert run.do(Credit(*run.key, actor=ANNA, reason="断电", ms=MINUTE)).code == "needs_second"
    assert run.do(Credit(*run.key, actor=ANNA, reason="断电", ms=MINUTE, second=BORIS)).ok
    assert [event.kind for event in run.events[-2:]] == ["reopened", "credited"]
    assert run.sitting.state == "open"


# -- pauses, and the time ledger --------------------------------------------------------------------------------------


def test_pause_stops_the_clock_and_resume_adds_it() -> None:
    run = opened()
    run.do(Pause(*run.key, actor=ANNA, reason="停电"), BELL + 2 * MINUTE)
    assert times.remaining_ms(BELL + 9 * MINUTE, run.sitting.closes_at, run.sitting.stopped_at) == 18 * MINUTE
    assert run.do(Close(*run.key), CLOSING + 60 * MINUTE).code == "not_due"
    assert run.answer(1).ok  # made before the pause was heard of
    run.do(Resume(*run.key, actor=ANNA, reason="来电"), BELL + 92 * MINUTE)
    assert run.sitting.closes_at == CLOSING + 90 * MINUTE


def test_pause_after_the_time_is_over_is_refused() -> None:
    run = opened()
    assert run.do(Pause(*run.key, actor=ANNA, reason=""), CLOSING + 1).code == "late"


def test_closing_time_is_the_function_of_the_ledger() -> None:
    run = opened(BELL + MINUTE, extra_ms=MINUTE)
    run.do(Credit(*run.key, actor=ANNA, reason="", ms=MINUTE), BELL + 2 * MINUTE)
    run.do(Pause(*run.key, actor=ANNA, reason=""), BELL + 3 * MINUTE)
    run.do(Credit(*run.key, actor=ANNA, reason="", ms=MINUTE), BELL + 4 * MINUTE)
    run.do(Force(*run.key, actor=ANNA, reason=""), BELL + 5 * MINUTE)
    run.do(ReopenAfterEnd(*run.key, actor=ANNA, reason="", second=BORIS, ms=MINUTE), BELL + 9 * MINUTE)
    assert run.sitting.closes_at == times.closes_at(times.ledger(run.events)) == CLOSING + 10 * MINUTE


# -- I2 chain, shape of requests, messages ----------------------------------------------------------------------------


def test_i2_the_chain_recomputes_and_the_fold_is_the_state() -> None:
    run = opened()
    run.answer(1)
    run.submit(2, BELL + 6 * MINUTE)
    assert check_chain(*run.key, run.events) == run.sitting.head
    assert fold(*run.key, run.events) == run.sitting


@pytest.mark.parametrize("n", [1, 3, 5])
def test_i2_a_changed_event_is_named(n: int) -> None:
    run = opened()
    run.answer(1)
    event = run.events[n - 1]
    forged = structs.replace(event, body=event.body.replace(b"]", b" ]"))
    with pytest.raises(BrokenChainError) as caught:
        check_chain(*run.key, [*run.events[: n - 1], forged, *run.events[n:]])
    assert caught.value.n == n


def test_i2_a_chain_belongs_to_its_sitting() -> None:
    run = opened()
    with pytest.raises(BrokenChainError):
        check_chain(run.key[0], run.key[1] + 1, run.events)


@pytest.mark.parametrize(
    "ops",
    [
        [],
        [Op(0, item=1, value=[1])],
        [Op(1, item=1, value=[1]), Op(3, item=1, value=[1])],
        [Op(n, item=1, value=[1]) for n in range(1, 22)],
        [Op(1)],
        [Op(1, item=1)],
        [Op(1, item=0, value=[1])],
        [Op(1, item=1, value=[0])],
        [Op(1, item=1, value=[0, 0])],
        [Op(1, item=1, value=[33])],
        [Op(1, item=1, value=[1, "A"])],
        [Op(1, item=1, value=["A", 1])],
        [Op(1, item=1, value=[""])],
        [Op(1, item=1, value=["x" * 201])],
        [Op(1, item=1, value=["x"] * 9)],
        [Op(1, item=1, value=["a\nb"])],
        [Op(1, item=1, value=["a\x00b"])],
        [Op(1, item=1, value=["a\u202eb"])],
        [Op(1, item=1, value=["e\u0301"])],
        [Op(1, item=1, value=[1], flag=True)],
        [Op(1, item=1, report="")],
        [Op(1, item=1, report="x" * 501)],
        [Op(1, item=1, report="a\x00b")],
        [Op(1, submit=False)],
        [Op(1, item=1, submit=True)],
        [Op(1, submit=True), Op(2, item=1, value=[1])],
        [Op(1, item=1, value=[1], dt_ms=-1)],
        [Op(1, item=1, value=[1], dt_ms=86_400_001)],
    ],
)
def test_malformed_requests(ops: list[Op]) -> None:
    assert shape_problem(ops)


def test_well_formed_request() -> None:
    ops = [Op(4, item=1, value=[]), Op(5, item=2, flag=False), Op(6, item=3, report="图不清"), Op(7, submit=True)]
    assert not shape_problem(ops)
    values: list[list[int | str]] = [[3, 1, 2], [0, 4, 4], [1, 1], ["", "２２０ V"], ["x" * 200], ["é"] * 8, [32]]
    assert not shape_problem([Op(n, item=1, value=value) for n, value in enumerate(values, 1)])


def test_an_item_outside_the_paper_is_malformed() -> None:
    run = opened()
    assert run.answer(1, item=3).ok
    assert run.answer(2, item=4).code == "malformed"


def test_flags_reports_and_blanks_are_counted() -> None:
    run = opened()
    run.ops(Op(1, item=1, value=[1]), Op(2, item=2, value=[1]), Op(3, item=1, value=[]))
    run.ops(Op(4, item=3, flag=True), Op(5, item=3, report="图不清"))
    answers = fold_answers(run.events)
    assert (run.sitting.answered, run.sitting.flagged, run.sitting.reports) == (0b010, 0b100, 1)
    assert (answers.values, answers.flags, answers.order) == ({1: [], 2: [1]}, {3}, ORDER)


def test_a_message_reaches_waiting_and_open_sittings() -> None:
    run = Run()
    run.admit()
    before = run.sitting.version
    assert run.do(Message(*run.key, actor=ANNA, reason="", text=" 请安静 ")).ok
    assert run.sitting.version == before + 1
    assert run.events[-1].data == {"text": "请安静"}
    assert run.do(Message(*run.key, actor=ANNA, reason="", text="  ")).code == "malformed"


def test_plain_saves_do_not_move_the_version() -> None:
    run = opened()
    before = run.sitting.version
    run.ops(Op(1, item=1, value=[1]), Op(2, item=1, flag=True), Op(3, item=1, report="x"))
    assert run.sitting.version == before


def test_sign_in_at_another_pc_before_the_opening_moves_the_sitting() -> None:
    run = Run()
    run.admit()
    run.arrive(PC)
    run.arrive(OTHER_PC)
    run.identify()
    assert run.open(BELL, device=PC).code == "other_device"
    assert run.open(BELL, device=OTHER_PC).ok
    assert run.do(Arrive(*run.key, device=PC)).ok
    assert run.sitting.device == OTHER_PC


def test_decide_never_changes_its_argument() -> None:
    run = opened()
    before = structs.asdict(run.sitting)
    run.decide(Open(*run.key, device=PC, page="x", terms=TERMS), BELL)
    run.decide(Void(*run.key, actor=ANNA, reason=""), BELL)
    assert structs.asdict(run.sitting) == before
