"""The content table: what adds up and what does not, and whole numbers out of weights."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.syllabus import Area, Leaf, Ratio, Syllabus, check, largest_remainder, leaf_ratio, walk_areas, walk_leaves


def leaves(*importances: str) -> tuple[Leaf, ...]:
    return tuple(Leaf(f"{n:03}", f"点{n}", importance) for n, importance in enumerate(importances, 1))


def table() -> Syllabus:
    """Level 1: A 20, B 80; A-A-A 12 and A-A-B 8; B-A directly with leaves."""
    a = Area(
        "A",
        "基本要求",
        Ratio(2, 2, 0),
        Decimal(20),
        (
            Area(
                "A",
                "职业道德",
                Ratio(2, 2, 0),
                Decimal(20),
                (
                    Area("A", "基本知识", Ratio(1, 1, 0), Decimal(12), leaves=leaves("X", "Y")),
                    Area("B", "守则", Ratio(1, 1, 0), Decimal(8), leaves=leaves("X", "Y")),
                ),
            ),
        ),
    )
    b = Area(
        "B",
        "相关知识",
        Ratio(1, 0, 1),
        Decimal(80),
        (Area("A", "操作", Ratio(1, 0, 1), Decimal(80), leaves=leaves("X", "Z")),),
    )
    return Syllabus("化工总控工", "6-11-01-03", "4", "理论知识考试", 6, (a, b))


def test_a_sound_table_has_no_problem() -> None:
    assert check(table()) == []
    assert [code for code, _ in walk_areas(table())] == ["A", "A-A", "A-A-A", "A-A-B", "B", "B-A"]
    assert [code for code, _ in walk_leaves(table())][-1] == "B-A-002"
    assert str(leaf_ratio(table().areas[0])) == "(02:02:00)"


def test_first_level_adds_up_to_100() -> None:
    tree = table()
    wrong = replace(tree, areas=(tree.areas[0], replace(tree.areas[1], weight=Decimal(79))))
    assert [(p.code, str(p.problem)) for p in check(wrong)] == [
        ("", "The weights of the first level add up to 99, not 100."),
        ("B", "The weights below add up to 80, not 79."),
    ]


def test_one_wrong_importance_is_reported_once() -> None:
    tree = table()
    area = tree.areas[1].areas[0]
    wrong = replace(area, leaves=leaves("X", "Y"))
    tree = replace(tree, areas=(tree.areas[0], replace(tree.areas[1], areas=(wrong,))))
    assert [p.code for p in check(tree)] == ["B-A"]


def test_ratios_add_up_as_printed() -> None:
    assert str(Ratio(5, 2, 0) + Ratio(6, 0, 0)) == "(11:02:00)"
    tree = table()
    wrong = replace(tree, areas=(replace(tree.areas[0], ratio=Ratio(3, 1, 0)), tree.areas[1]))
    assert [p.code for p in check(wrong)] == ["A"]


def test_weights_may_have_decimals() -> None:
    tree = table()
    first, second = tree.areas[0].areas[0].areas
    areas = (replace(first, weight=Decimal("12.5")), replace(second, weight=Decimal("7.5")))
    level2 = replace(tree.areas[0].areas[0], areas=areas)
    assert check(replace(tree, areas=(replace(tree.areas[0], areas=(level2,)), tree.areas[1]))) == []


def test_codes_are_unique_and_usable() -> None:
    tree = table()
    twice = replace(tree.areas[1].areas[0], leaves=(Leaf("001", "甲", "X"), Leaf("001", "乙", "Z")))
    assert [str(p.problem) for p in check(replace(tree, areas=(tree.areas[0], replace(tree.areas[1], areas=(twice,)))))] == [
        "The code B-A-001 occurs twice."
    ]
    odd = replace(tree.areas[1].areas[0], leaves=(Leaf("0-1", "甲", "X"), Leaf("", "乙", "Z")))
    codes = [p.code for p in check(replace(tree, areas=(tree.areas[0], replace(tree.areas[1], areas=(odd,)))))]
    assert codes == ["B-A-0-1", "B-A-"]


def test_what_is_missing_is_said() -> None:
    tree = table()
    bare = replace(tree, leaf_count=7, areas=(tree.areas[0], Area("B", "", None, Decimal(80))))
    assert [str(p.problem) for p in check(bare)] == [
        "There is no name.",
        "The table says it has 7 leaves, but there are 4.",
        "The area has nothing under it.",
        "The ratio is missing.",
    ]
    assert [str(p.problem) for p in check(replace(tree, areas=()))][-1] == "The table has no knowledge point."


@pytest.mark.parametrize(
    ("weights", "total", "shares"),
    [
        ([5, 5, 80, 10], 100, [5, 5, 80, 10]),
        ([1, 1, 1], 10, [4, 3, 3]),
        ([3, 2], 1, [1, 0]),
        ([1, 1], 1, [1, 0]),
        ([Decimal("12.5"), Decimal("7.5"), 80], 160, [20, 12, 128]),
        ([0, 0], 0, [0, 0]),
        ([], 0, []),
        ([0, 7], 3, [0, 3]),
    ],
)
def test_largest_remainder(weights: list[int | Decimal], total: int, shares: list[int]) -> None:
    assert largest_remainder(weights, total) == shares


@pytest.mark.parametrize(("weights", "total"), [([0, 0], 1), ([], 1), ([1, -1], 5), ([1], -1)])
def test_nothing_to_share(weights: list[int], total: int) -> None:
    with pytest.raises(ValueError, match=r"negative|nothing to share"):
        largest_remainder(weights, total)


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1).filter(any), st.integers(0, 5000))
def test_shares_add_up_and_are_fair(weights: list[int], total: int) -> None:
    shares = largest_remainder(weights, total)
    assert sum(shares) == total
    for weight, share in zip(weights, shares, strict=True):
        assert abs(share - weight * total / sum(weights)) < 1 + 1e-9
        assert weight or not share
