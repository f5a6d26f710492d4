"""Marking against hand-computed expectations, and what must not matter."""

import hashlib
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.items import write_key
from server.grading.marking import (
    FormKey,
    MarkingError,
    MarkingRules,
    SlotKey,
    item_marks,
    mark,
    normal,
    right_parts,
    unmarked,
)

ALL = MarkingRules()
PART = MarkingRules(multiple_choice="part_marks")
OUT = MarkingRules(cancelled_item="leave_out")

SINGLE = SlotKey("single", (2,), 5_00)
MULTIPLE = SlotKey("multiple", (1, 3, 4), 6_01)
TRUE = SlotKey("true_false", (1,), 4_00)


@pytest.mark.parametrize(
    ("key", "chosen", "all_or_nothing", "part_marks"),
    [
        (SINGLE, (), 0, 0),
        (SINGLE, (2,), 500, 500),
        (SINGLE, (1,), 0, 0),
        (SINGLE, (1, 2), 0, 0),
        (TRUE, (1,), 400, 400),
        (TRUE, (2,), 0, 0),
        (TRUE, (1, 2), 0, 0),
        (MULTIPLE, (), 0, 0),
        (MULTIPLE, (1, 3, 4), 601, 601),
        (MULTIPLE, (1, 3), 0, 300),  # floor(601 / 2)
        (MULTIPLE, (4,), 0, 300),
        (MULTIPLE, (1, 2), 0, 0),  # one right, one wrong
        (MULTIPLE, (1, 2, 3, 4), 0, 0),  # everything ticked
    ],
)
def test_each_kind(key: SlotKey, chosen: tuple[int, ...], all_or_nothing: int, part_marks: int) -> None:
    assert item_marks(chosen, key, ALL) == all_or_nothing
    assert item_marks(chosen, key, PART) == part_marks


ORDER = SlotKey("ordering", (3, 1, 2), 5_00)
PAIRS = SlotKey("matching", (4, 1, 2), 5_00)
BLANKS = SlotKey("fill_in", (), 5_00, accepted=(("交流电", "AC"), ("220V",), ("（±5%）",)))
NUMBER = SlotKey("numeric", (), 5_00, number="12.5", tolerance="0.1", units=("V", "mV"))


@pytest.mark.parametrize(
    ("key", "given", "all_or_nothing", "part_marks"),
    [
        (ORDER, (3, 1, 2), 500, 500),
        (ORDER, (3, 2, 1), 0, 0),
        (ORDER, (3, 1), 0, 0),
        (ORDER, (3, 1, 2, 4), 0, 0),
        (ORDER, (), 0, 0),
        (PAIRS, (4, 1, 2), 500, 500),
        (PAIRS, (4, 0, 2), 0, 333),  # floor(2 x 500 / 3)
        (PAIRS, (4, 4, 4), 0, 166),
        (PAIRS, (1, 2, 4), 0, 0),
        (PAIRS, (4, 1), 0, 0),
        (PAIRS, (4, 1, 2, 3), 0, 0),
        (BLANKS, ("交流电", "220V", "(±5%)"), 500, 500),
        (BLANKS, (" ａｃ ", "２２０ v", "（ ± 5 ％ ）"), 500, 500),
        (BLANKS, ("交 流 电", "220V", ""), 0, 333),
        (BLANKS, ("直流电", "220", "5%"), 0, 0),
        (BLANKS, ("AC", "220V"), 0, 0),
        (NUMBER, ("12.5",), 500, 500),
        (NUMBER, ("12.6",), 500, 500),  # the tolerance is inclusive
        (NUMBER, ("12.4",), 500, 500),
        (NUMBER, ("12.60000000000000000001",), 0, 0),
        (NUMBER, ("１２．５ Ｖ",), 500, 500),
        (NUMBER, ("+12。5",), 500, 500),
        (NUMBER, ("1.25e1 V",), 500, 500),
        (NUMBER, ("12.5 mV",), 500, 500),
        (NUMBER, ("12.5 MV",), 0, 0),  # a unit keeps its case
        (NUMBER, ("-12.5",), 0, 0),
        (NUMBER, ("12.5V V",), 0, 0),
        (NUMBER, ("十二点五",), 0, 0),
        (NUMBER, ("",), 0, 0),
        (NUMBER, ("12.5", "12.5"), 0, 0),
        (replace(NUMBER, number="1234567.5"), ("1,234,567.5 V",), 500, 500),
        (replace(NUMBER, number="1234567.5"), ("12,34,567.5",), 0, 0),
        (replace(NUMBER, number="1000"), ("1 000",), 500, 500),
        (replace(NUMBER, number="0.1", tolerance="0"), (".1",), 500, 500),
        (replace(NUMBER, number="-3", tolerance="0"), ("−3",), 500, 500),
    ],
)
def test_each_further_kind(key: SlotKey, given: tuple[int | str, ...], all_or_nothing: int, part_marks: int) -> None:
    form = FormKey(1, "00", 1, {1: key, 2: SINGLE})
    assert (mark({1: given}, form, ALL).total, mark({1: given}, form, PART).total) == (all_or_nothing, part_marks)


anything = st.one_of(st.lists(st.integers(0, 32), max_size=8), st.lists(st.text(max_size=200), max_size=8))


@given(st.sampled_from([ORDER, PAIRS, BLANKS, NUMBER, SINGLE, MULTIPLE, TRUE]), anything)
def test_no_answer_breaks_marking(key: SlotKey, sent: list[int | str]) -> None:
    """What does not fit the kind is wrong, and the same on every machine: normal form twice is normal form once."""
    form = FormKey(1, "00", 1, {1: key})
    found = mark({1: sent}, form, PART)
    assert 0 <= (found.total or 0) <= key.marks
    assert mark(normal({1: sent}, form), form, PART) == found


def test_what_does_not_fit_the_kind_is_blank() -> None:
    form = FormKey(1, "00", 1, {1: SINGLE, 2: PAIRS, 3: BLANKS, 4: NUMBER})
    assert normal({1: [0, 2]}, form) == {}
    assert normal({1: ["B"], 2: ["4", "1", "2"], 3: [1, 2, 3], 4: [12]}, form) == {}
    assert normal({1: [2, 1], 2: [4, 4, 0], 3: ["", " x ", ""], 4: [" "]}, form) == {1: (1, 2), 2: (4, 4, 0), 3: ("", " x ", "")}


def test_a_key_without_parts_gives_nothing() -> None:
    assert right_parts((), SlotKey("fill_in", (), 5_00)) == []
    assert item_marks((), SlotKey("fill_in", (), 5_00), ALL) == 0


def test_two_accepted_options_of_a_single_choice() -> None:
    """A correction may accept either of two options; choosing both is still wrong."""
    either = replace(SINGLE, correct=(2, 4))
    assert [item_marks(chosen, either, ALL) for chosen in ((2,), (4,), (2, 4), (1,))] == [500, 500, 0, 0]


def _form(cancelled: tuple[int, ...] = ()) -> FormKey:
    """Four items: 30 + 30 + 20 + 20 = 100 marks."""
    slots = {
        1: SlotKey("single", (1,), 30_00),
        2: SlotKey("single", (2,), 30_00),
        3: SlotKey("multiple", (1, 2), 20_00),
        4: SlotKey("true_false", (2,), 20_00),
    }
    return FormKey(7, "ab" * 32, 1, {slot: replace(key, cancelled=slot in cancelled) for slot, key in slots.items()})


def test_a_whole_sitting() -> None:
    found = mark({1: [1], 2: [3], 3: [2, 1], 4: [2]}, _form(), ALL)
    assert found.marks == {1: 3000, 2: 0, 3: 2000, 4: 2000}
    assert (found.total, found.passed) == (70_00, True)
    assert mark({1: [1], 2: [3], 3: [2], 4: [2]}, _form(), ALL).total == 50_00
    assert mark({1: [1], 2: [3], 3: [2], 4: [2]}, _form(), PART).total == 60_00
    assert mark({}, _form(), ALL).total == 0


def test_a_cancelled_item_gives_everyone_its_marks() -> None:
    assert mark({}, _form((2,)), ALL).total == 30_00
    assert mark({1: [1], 2: [3]}, _form((2,)), ALL).total == 60_00


def test_a_cancelled_item_left_out_rescales_to_full_marks() -> None:
    # 30 of the 70 left: 3000 * 10000 // 7000 = 4285.7 -> 42.85
    assert mark({1: [1], 2: [2]}, _form((2,)), OUT).total == 42_85
    everything = mark({1: [1], 3: [1, 2], 4: [2]}, _form((2,)), OUT)
    assert (everything.total, everything.marks[2]) == (100_00, 0)
    with pytest.raises(MarkingError):
        mark({}, _form((1, 2, 3, 4)), OUT)


def test_rounding_passes_nobody() -> None:
    """40 of 67 left is 59.70 of 100: 59.701… must neither show as 59.71 nor pass at 59.71."""
    key = FormKey(
        1,
        "00",
        1,
        {
            1: SlotKey("single", (1,), 40_00),
            2: SlotKey("single", (1,), 27_00),
            3: SlotKey("single", (1,), 33_00, cancelled=True),
        },
    )
    rules = replace(OUT, pass_mark=59_71)
    found = mark({1: [1]}, key, rules)
    assert (found.total, found.passed) == (59_70, False)
    assert mark({1: [1]}, key, replace(OUT, pass_mark=59_70)).passed


def test_a_slot_the_form_does_not_have_is_refused() -> None:
    with pytest.raises(MarkingError, match=r"\[9\]"):
        mark({9: [1]}, _form(), ALL)


def test_no_score_is_not_zero() -> None:
    absent, voided, blank = unmarked("absent", ALL), unmarked("voided", ALL), mark({}, _form(), ALL)
    assert (absent.total, voided.total, blank.total) == (None, None, 0)
    assert len({absent.digest, voided.digest, blank.digest}) == 3


def test_the_digest_is_the_same_everywhere() -> None:
    """SHA-256 of these very bytes, written by hand: another machine, another Python must find it again."""
    found = mark({3: [2, 1], 1: [1]}, _form(), ALL)
    text = (
        '{"key_version":1,"marks":[[1,3000],[2,0],[3,2000],[4,0]],"paper":"%s","passed":false,"responses":[[1,[1]],[3,[1,2]]],'
        '"rules":{"cancelled_item":"full_marks","multiple_choice":"all_or_nothing","pass_mark":6000,"version":1},'
        '"state":"marked","total":5000}'
    )
    assert found.digest == hashlib.sha256((text % ("ab" * 32)).encode()).hexdigest()


responses = st.dictionaries(st.integers(1, 4), st.lists(st.integers(1, 4), max_size=6), max_size=4)


@given(responses, st.randoms(use_true_random=False))
def test_order_and_repeats_do_not_matter(given_responses: dict[int, list[int]], rng: random.Random) -> None:
    rows = [(slot, [*chosen, *chosen]) for slot, chosen in given_responses.items()]
    rng.shuffle(rows)
    for _slot, chosen in rows:
        rng.shuffle(chosen)
    assert mark(dict(rows), _form(), PART) == mark(given_responses, _form(), PART)


@given(responses)
def test_bounds_and_sums(given_responses: dict[int, list[int]]) -> None:
    found = mark(given_responses, _form(), PART)
    assert found.total == sum(found.marks.values())
    assert 0 <= (found.total or 0) <= 100_00
    assert mark(normal(given_responses), _form(), PART) == found


@given(responses, responses)
def test_different_responses_have_different_digests(one: dict[int, list[int]], other: dict[int, list[int]]) -> None:
    same = normal(one) == normal(other)
    assert (mark(one, _form(), ALL).digest == mark(other, _form(), ALL).digest) == same


@given(responses)
def test_a_correction_moves_nobody_who_answered_elsewhere(given_responses: dict[int, list[int]]) -> None:
    before = mark(given_responses, _form(), ALL)
    after = mark(given_responses, _form().with_slot(2, key=write_key((3,))), ALL)
    moved = {slot for slot in before.marks if before.marks[slot] != after.marks[slot]}
    assert moved <= {2}
    assert after.digest != before.digest  # the key version is part of the result
