"""Pure decisions of grading, at their boundaries."""

from datetime import date

import pytest

from server.grading import picture, rules
from server.grading.marking import SlotKey
from server.grading.rules import ItemFacts

KEY = SlotKey("single", (1,), 5_00)


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("202611210007", "2026****0007"),
        ("20261234567", "2026***4567"),
        ("2026123456", "20******56"),
        ("123456", "12**56"),
        ("12345", "1***5"),
        ("12", "**"),
        ("", ""),
    ],
)
def test_mask_number(number: str, masked: str) -> None:
    assert rules.mask_number(number) == masked


@pytest.mark.parametrize(
    ("state", "still_open", "allowed"),
    [("ended", 0, True), ("marked", 0, True), ("ended", 1, False), ("open", 0, False), ("published", 0, False)],
)
def test_marking_refusal(state: str, still_open: int, allowed: bool) -> None:
    assert (rules.marking_refusal(state, still_open) is None) == allowed


@pytest.mark.parametrize(
    ("facts", "count"),
    [
        (ItemFacts(20, 0.5, None, {1: 6, 2: 4}), 0),
        (ItemFacts(20, 0.5, None, {1: 5, 2: 5}), 0),  # a tie is no flag
        (ItemFacts(20, 0.5, None, {1: 5, 2: 6}), 0),  # so is one person
        (ItemFacts(20, 0.5, None, {1: 4, 2: 6}), 1),
        (ItemFacts(100, 0.5, None, {1: 22, 2: 26}), 0),
        (ItemFacts(100, 0.5, None, {1: 22, 2: 27}), 1),
        (ItemFacts(19, 0.5, None, {1: 0, 2: 9}), 0),  # too few people to say
        (ItemFacts(40, 0.5, -0.25, {1: 15, 2: 5}), 0),  # chance gives that to a few of fifty sound items
        (ItemFacts(40, 0.5, -0.27, {1: 15, 2: 5}), 1),
        (ItemFacts(40, 0.19, 0.1, {1: 15, 2: 5}), 1),
        (ItemFacts(40, 0.2, 0.1, {1: 15, 2: 5}), 0),
        (ItemFacts(40, 0.98, 0.1, {1: 20}), 1),
        (ItemFacts(40, 0.1, -0.3, {2: 20}), 3),
    ],
)
def test_flags(facts: ItemFacts, count: int) -> None:
    assert len(rules.flags(facts, KEY)) == count
    assert rules.flags(facts, SlotKey("single", (1,), 5_00, cancelled=True)) == []


def test_better_half_keeps_ties_together() -> None:
    assert rules.better_half([10, 20, 30, 40]) == [2, 3]
    assert rules.better_half([10, 30, 30, 30]) == [1, 2, 3]
    assert rules.better_half([5, 5, 5]) == [0, 1, 2]
    assert rules.better_half([]) == []


def test_distribution_by_hand() -> None:
    bins = rules.distribution([0, 9_99, 10_00, 59_50, 60_00, 99_50, 100_00], 100_00, 60_00)
    assert [one.count for one in bins] == [2, 1, 0, 0, 0, 1, 1, 0, 0, 2]
    assert [one.passing for one in bins] == [False] * 6 + [True] * 4
    assert (bins[0].low, bins[-1].high) == (0, 100_00)


def test_summary_by_hand() -> None:
    rows = [("marked", 60_00, True), ("marked", 40_01, False), ("absent", None, False), ("voided", None, False)]
    found = rules.summarise(rows)
    assert (found.expected, found.marked, found.absent, found.voided, found.passed) == (4, 2, 1, 1, 1)
    assert (found.mean, found.median, found.low, found.high) == (50_01, 50_01, 40_01, 60_00)  # 50.005, rounded half up
    assert found.pass_rate == 50_00
    nobody = rules.summarise([("absent", None, False)])
    assert (nobody.mean, nobody.pass_rate) == (None, None)


def test_working_days() -> None:
    friday = date(2026, 11, 20)
    assert rules.working_days_after(friday, 1) == date(2026, 11, 23)
    assert rules.working_days_after(friday, 5) == date(2026, 11, 27)


@pytest.mark.parametrize("most", [0, 1, 5, 6, 23, 400, 1000])
def test_the_picture_fits(most: int) -> None:
    drawn = picture.draw(rules.distribution([55_00] * most, 100_00, 60_00), 60_00)
    assert 2 <= len(drawn.ticks) <= 6
    assert drawn.ticks[-1][1] >= most
    assert all(drawn.top <= bar.y <= drawn.base and bar.height >= 0 for bar in drawn.bars)
    assert all(drawn.left <= bar.x and bar.x + bar.width <= drawn.right for bar in drawn.bars)
    assert drawn.left < drawn.pass_x < drawn.right


@pytest.mark.parametrize(
    ("decision", "verdict", "same", "allowed"),
    [
        (None, "approved", False, True),
        (None, "approved", True, False),
        (None, "declined", True, True),
        (None, "declined", False, True),
        (None, "withdrawn", True, True),
        (None, "withdrawn", False, False),
        ("approved", "approved", False, False),
        ("declined", "approved", False, False),
    ],
)
def test_decisions(decision: str | None, verdict: str, same: bool, allowed: bool) -> None:
    found = rules.decision_refusal(1, 1 if same else 2, decision, verdict)
    assert (found is None) == allowed
