"""Editing a content table: ratios follow, places are remembered, what items stand on stays."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from itembank.syllabus import check, walk_areas, walk_leaves
from itembank.syllabus_edit import Edited, Line, edit, lines_of, with_area, with_leaf
from tests.itembank.test_syllabus import table

TREE = replace(table(), leaf_count=None)
TOPICS = {code: n for n, code in enumerate([*(c for c, _ in walk_areas(TREE)), *(c for c, _ in walk_leaves(TREE))], 1)}
LINES = lines_of(TREE, TOPICS)


def at(code: str) -> int:
    """The number of the line of this place."""
    return next(n for n, line in enumerate(LINES) if line.was == TOPICS[code])


def with_changes(changes: dict[str, dict[str, object]]) -> list[Line]:
    return [
        replace(line, **changes.get(code, {}))  # type: ignore[arg-type]
        for line in LINES
        for code in [next(code for code, topic in TOPICS.items() if topic == line.was)]
    ]


def edited(lines: Sequence[Line], held: dict[int, int] | None = None) -> Edited:
    return edit(TREE, lines, held or {})


def said(found: Edited) -> list[tuple[int | None, str, str]]:
    return [(one.line, one.field, str(one.problem)) for one in found.problems]


def test_untouched_lines_make_the_same_table() -> None:
    found = edited(LINES)
    assert said(found) == []
    assert found.tree == TREE
    assert found.was == TOPICS
    assert list(found.lines) == LINES


def test_renaming_and_importance_change_the_ratios_above() -> None:
    found = edited(with_changes({"B-A-002": {"name": "停车与检修", "importance": "Y"}}))
    assert said(found) == []
    assert dict(walk_leaves(found.tree))["B-A-002"].name == "停车与检修"
    assert [found.ratios[at(code)] for code in ("B", "B-A", "A")] == ["(01:01:00)", "(01:01:00)", "(02:02:00)"]
    assert check(found.tree) == []


def test_a_leaf_moves_and_keeps_its_descent() -> None:
    found = edited(with_changes({"A-A-A-002": {"move": "B-A", "code": "003"}}))
    assert said(found) == []
    assert found.was["B-A-003"] == TOPICS["A-A-A-002"]
    assert "A-A-A-002" not in found.was
    assert str(dict(walk_areas(found.tree))["A-A-A"].ratio) == "(01:00:00)"
    assert all(not line.move for line in found.lines)


def test_moving_nowhere_or_onto_a_code_that_is_taken() -> None:
    assert (at("A-A-A-002"), "move", "There is no area with the code B-Z.") in said(
        edited(with_changes({"A-A-A-002": {"move": "B-Z"}}))
    )
    twice = edited(with_changes({"A-A-A-002": {"move": "B-A"}}))
    assert "The code B-A-002 occurs twice." in [text for _line, _field, text in said(twice)]


def test_what_items_stand_on_cannot_be_removed() -> None:
    drop = with_changes({"B-A-002": {"drop": True}})
    found = edited(drop, {TOPICS["B-A-002"]: 12})
    assert said(found) == [(at("B-A-002"), "drop", "12 items stand on this knowledge point: it cannot be removed.")]
    assert "B-A-002" in dict(walk_leaves(found.tree))
    free = edited(drop)
    assert said(free) == []
    assert "B-A-002" not in free.was


def test_an_area_goes_when_nothing_is_left_under_it() -> None:
    full = edited(with_changes({"A-A-B": {"drop": True}}))
    assert (at("A-A-B"), "drop", "2 places still stand under this area: it cannot be removed.") in said(full)
    under = {code: {"drop": True} for code in ("A-A-B", "A-A-B-001", "A-A-B-002")}
    empty = edited(with_changes({**under, "A-A-A": {"weight": "20"}}))
    assert said(empty) == []
    assert "A-A-B" not in dict(walk_areas(empty.tree))


@pytest.mark.parametrize(
    ("weight", "problem"),
    [
        ("79", "The weights of the first level add up to 99, not 100."),
        ("", "The weight is missing."),
        ("8x", "This is not a weight."),
        ("80.001", "This is not a weight."),
    ],
)
def test_weights_are_checked_where_they_stand(weight: str, problem: str) -> None:
    found = edited(with_changes({"B": {"weight": weight}}))
    assert problem in [text for _line, _field, text in said(found)]
    assert all(one.line in {None, at("B"), at("B-A")} for one in found.problems)


def test_the_sum_below_an_area_is_told() -> None:
    found = edited(with_changes({"A-A-B": {"weight": "7.5"}}))
    assert found.below[at("A-A")] * 10 == 195
    assert said(found) == [(at("A-A"), "weight", "The weights below add up to 19.5, not 20.")]


def test_new_places_get_the_next_code() -> None:
    lines, leaf = with_leaf(LINES, at("A-A-A"))
    assert (leaf, lines[leaf].code, lines[leaf].was) == (at("A-A-A-002") + 1, "003", None)
    running = with_changes({"A-A-B-001": {"code": "003"}, "A-A-B-002": {"code": "004"}})
    lines, leaf = with_leaf(running, at("A-A-A"))
    assert lines[leaf].code == "005"
    lines, area = with_area(LINES, at("A-A"))
    assert (lines[area].code, lines[area].depth) == ("C", 3)
    assert lines[area - 1].was == TOPICS["A-A-B-002"]
    lines, top = with_area(LINES, None)
    assert (lines[top].code, lines[top].depth, top) == ("C", 1, len(LINES))
    assert "The area has nothing under it." in [text for _line, _field, text in said(edited(lines))]


def test_a_leaf_before_every_area_is_not_lost_silently() -> None:
    found = edited([Line(0, code="001", name="点", importance="X"), *LINES])
    assert said(found) == [(0, "code", "The leaf stands before the first area.")]
