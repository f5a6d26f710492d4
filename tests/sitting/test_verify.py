"""The judge of every load run: it must name what was lost and what nobody sent."""

import json
from typing import Any

import pytest

from loadtests.verify import compare, read_diary
from tests.sitting.given import opened


def diary(*entries: tuple[int, list[int], str]) -> list[str]:
    return [
        json.dumps({"exam": 7, "entry": 1, "epoch": 1, "op": op, "outcome": outcome, "content": {"item": 1, "value": value}})
        for op, value, outcome in entries
    ]


def judge(lines: list[str]) -> Any:
    run = opened()
    run.answer(1, value=[1])
    run.answer(2, value=[2])
    return compare(read_diary(lines), {run.key: run.events})


@pytest.mark.parametrize(
    ("entries", "lost", "unexplained"),
    [
        ([(1, [1], "ok"), (2, [2], "ok")], 0, 0),
        ([(1, [1], "ok"), (2, [2], "unknown")], 0, 0),
        ([(1, [1], "ok"), (2, [2], "unknown"), (2, [2], "ok")], 0, 0),
        ([(1, [1], "ok"), (2, [2], "ok"), (3, [3], "ok")], 1, 0),
        ([(1, [1], "ok"), (2, [3], "ok")], 1, 0),
        ([(1, [1], "ok")], 0, 1),
        ([(1, [1], "ok"), (2, [2], "refused")], 0, 1),
        ([(1, [1], "ok"), (2, [3], "unknown")], 0, 1),
        ([(1, [1], "ok"), (2, [2], "ok"), (3, [1], "refused")], 0, 0),
    ],
)
def test_lost_and_unexplained(entries: list[tuple[int, list[int], str]], lost: int, unexplained: int) -> None:
    report = judge(diary(*entries))
    assert (len(report.lost), len(report.unexplained)) == (lost, unexplained)
    assert report.clean == (lost == unexplained == 0)


def test_a_diary_cut_short_by_a_kill_is_read() -> None:
    lines = diary((1, [1], "ok"), (2, [2], "ok"))
    assert len(read_diary([*lines, lines[0][:20]])) == 2
    with pytest.raises(ValueError, match="middle"):
        read_diary([lines[0][:20], lines[1]])
