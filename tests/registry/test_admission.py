"""Admission numbers: sortable, unique, by pattern."""

from datetime import UTC, datetime

import pytest

from server.registry.admission import DEFAULT_PATTERN, next_numbers, number_problem, pattern_problem, render
from server.registry.times import local_input, parse_local

STARTS = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # 01:00 on the 21st in Beijing


def test_default_pattern() -> None:
    assert render(DEFAULT_PATTERN, STARTS, 7, 12) == "2026112100070012"


@pytest.mark.parametrize(
    ("pattern", "fine"),
    [
        (DEFAULT_PATTERN, True),
        ("DG-{seq}", True),
        ("{date}", False),
        ("{seq}{seq}", False),
        ("{seq}{room}", False),
        ("考{seq}", False),
        ("{seq", False),
        ("0123456789012345678901234567890{seq}", False),
    ],
)
def test_pattern_problem(pattern: str, fine: bool) -> None:
    assert (pattern_problem(pattern) is None) == fine


def test_numbers_sort_as_they_were_given_and_skip_what_is_taken() -> None:
    first = next_numbers(12, "{seq}", STARTS, 1, ())
    assert first == sorted(first)
    assert len(set(first)) == 12
    more = next_numbers(3, "{seq}", STARTS, 1, [*first, "0014"])
    assert more == ["0015", "0016", "0017"] or not set(more) & {*first, "0014"}
    assert more[0] > first[-1]


def test_number_problem() -> None:
    assert number_problem("2026-001A") is None
    assert number_problem("12") is not None
    assert number_problem("=1+1") is not None


def test_beijing_times() -> None:
    assert parse_local("2026-11-21T01:00") == STARTS
    assert local_input(STARTS) == "2026-11-21T01:00"
    assert parse_local("tomorrow") is None
