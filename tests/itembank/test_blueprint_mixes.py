"""Histogram, levels, key letters, words: refused where no form has room for them."""

from typing import Any

import pytest

from itembank.blueprint import BlueprintBody, check, rows
from tests.itembank.banks import topics, twenty_items

TREE = topics()


def changed(**values: Any) -> BlueprintBody:
    return BlueprintBody.model_validate(twenty_items(TREE, title="示范").model_dump() | values)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"grades": [{"difficulty": 1, "low": 11, "high": 20}, {"difficulty": 2, "low": 10, "high": 20}]}, "grades"),
        ({"cognitive": [{"level": "know", "low": 5, "high": 4}]}, "cognitive"),
        ({"letters": [{"letter": "A", "low": 13, "high": 13}]}, "letters"),
        ({"words": {"low": 10, "high": 9}}, "words"),
    ],
)
def test_problems_are_named(values: dict[str, Any], field: str) -> None:
    assert [problem.field for problem in check(changed(**values), TREE)] == [field]


def test_rows_tell_attributes_apart() -> None:
    body = changed(
        grades=[{"difficulty": 5, "low": 1, "high": 2}],
        cognitive=[{"level": "apply", "low": 1, "high": 20}],
        letters=[{"letter": "C", "low": 2, "high": 4}],
    )
    grade, level, letter = rows(body)[-3:]
    assert grade.matches("single", "A", "X", 5)
    assert not grade.matches("single", "A", "X", 4)
    assert level.matches("single", "A", "X", 5, "apply")
    assert not level.matches("single", "A", "X", 5, "know")
    assert letter.matches("single", "A", "X", 5, "", "C")
    assert not letter.matches("multiple", "A", "X", 5, "", "C")
