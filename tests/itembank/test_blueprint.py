from typing import Any

import pytest

from itembank.blueprint import BlueprintBody, check, counts_from_weights, demo_blueprint, is_under, rows
from tests.itembank.banks import topics, twenty_items

TREE = topics()
DEMO = twenty_items(TREE, title="示范")


def changed(**values: Any) -> BlueprintBody:
    return BlueprintBody.model_validate(DEMO.model_dump() | values)


def test_the_demo_blueprint_fits_its_syllabus() -> None:
    fifty = demo_blueprint(TREE, title="示范")
    assert check(fifty, TREE) == []
    assert [(s.kind, s.count) for s in fifty.sections] == [("single", 30), ("multiple", 10), ("true_false", 10)]
    assert sum(s.count * s.marks_each for s in fifty.sections) == fifty.total_marks == 100_00
    assert (fifty.item_count, sum(t.low for t in fifty.topics), fifty.duration_ms) == (50, 50, 60 * 60_000)


def test_twenty_items_fit_their_syllabus() -> None:
    assert check(DEMO, TREE) == []
    assert DEMO.item_count == 20
    assert sum(s.count * s.marks_each for s in DEMO.sections) == 100_00
    assert {t.code: t.low for t in DEMO.topics} == dict(
        zip([f"A-{c}" for c in "ABCDEFGHIJ"], (3, 2, 2, 2, 2, 2, 2, 2, 2, 1), strict=True)
    )


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [
        ({"a": 50, "b": 30, "c": 20}, 10, {"a": 5, "b": 3, "c": 2}),
        ({"a": 1, "b": 1, "c": 1}, 10, {"a": 4, "b": 3, "c": 3}),
        ({"a": 15, "b": 85}, 1, {"a": 0, "b": 1}),
        ({"a": 0, "b": 7}, 5, {"a": 0, "b": 5}),
    ],
)
def test_largest_remainder(weights: dict[str, int], total: int, expected: dict[str, int]) -> None:
    assert counts_from_weights(weights, total) == expected


def test_is_under_reads_whole_parts() -> None:
    assert is_under("B-C-A-014", "B-C")
    assert is_under("B-C", "B-C")
    assert not is_under("B-CA-014", "B-C")
    assert not is_under("B", "B-C")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sections": []}, "sections"),
        ({"sections": [{"kind": "essay", "count": 20, "marks_each": 500}]}, "sections.0.kind"),
        ({"total_marks": 90_00}, "total_marks"),
        ({"pass_mark": 101_00}, "pass_mark"),
        ({"topics": [{"code": "Z", "low": 1, "high": 1}]}, "topics.0"),
        ({"topics": [{"code": "A", "low": 3, "high": 2}]}, "topics.0"),
        ({"topics": [{"code": "A", "kind": "multiple", "low": 5, "high": 5}]}, "topics.0"),
        ({"topics": [{"code": f"A-{c}", "low": 1, "high": 1} for c in "ABCDEFGHIJ"]}, "topics"),
        ({"topics": [{"code": "A-A", "low": 11, "high": 11}, {"code": "A-B", "low": 10, "high": 10}]}, "topics"),
        ({"importance": [{"importance": "W", "low": 0, "high": 1}]}, "importance.0"),
        ({"importance": [{"importance": i, "low": 1, "high": 2} for i in "XYZ"]}, "importance"),
        ({"difficulty": {"low": 300, "high": 200}}, "difficulty"),
    ],
)
def test_problems_are_named(values: dict[str, Any], field: str) -> None:
    assert field in {problem.field for problem in check(changed(**values), TREE)}


def test_rows_say_every_demand() -> None:
    found = rows(changed(importance=[{"importance": "X", "low": 5, "high": 20}]), ["A-A-001", "A-A-002"])
    assert len(found) == 3 + 10 + 1 + 2
    assert found[0].matches("single", "A-B-001", "Y")
    assert not found[0].matches("multiple", "A-B-001", "Y")
