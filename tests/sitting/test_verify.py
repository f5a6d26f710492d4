"""The judge of every load run: it must name what was lost and what nobody sent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests.diary import Diary
from loadtests.verify import check_claims, compare, out_of_order, read_diary, read_history
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


def test_acknowledged_twice_differently_is_lost_and_named() -> None:
    report = judge(diary((1, [1], "ok"), (1, [3], "ok"), (2, [2], "ok")))
    assert report.lost == []
    assert len(report.unexplained) == 1
    assert "twice differently" in report.unexplained[0]


def test_a_fork_that_was_refused_is_no_loss() -> None:
    assert judge(diary((1, [1], "ok"), (1, [3], "refused"), (2, [2], "ok"))).clean


def test_operations_stored_in_another_order_are_named() -> None:
    run = opened()
    run.answer(1, value=[1])
    run.answer(2, value=[2])
    first, second = run.events[-2:]
    assert out_of_order(run.key, run.events) == []
    assert len(out_of_order(run.key, [*run.events[:-2], second, first])) == 2
    assert len(out_of_order(run.key, [*run.events[:-2], second])) == 1


class Said:
    """A reply's claim."""

    def __init__(self, n: int, head: str, ack: int) -> None:
        self.n, self.head, self.ack = n, head, ack


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (lambda n, head: [(n - 1, None, 1), (n, head, 2)], ""),
        (lambda n, head: [(n, "0" * 64, 2)], "another head"),
        (lambda n, head: [(n + 1, head, 3)], "the journal has"),
        (lambda n, head: [(n, head, 2), (n - 1, None, 1)], "as the last after"),
        (lambda n, head: [(n, head, 1)], "acknowledged up to 1"),
        (lambda n, head: [(n, head, 3)], "acknowledged up to 3"),
    ],
)
def test_every_claim_of_an_answer_is_looked_up(
    tmp_path: Path, said: Callable[[int, str], list[tuple[int, str | None, int]]], problem: str
) -> None:
    run = opened()
    run.answer(1, value=[1])
    run.answer(2, value=[2])
    last = run.events[-1]
    book = Diary(tmp_path / "diary.jsonl")
    for n, head, ack in said(last.n, last.head.hex()):
        book.note(run.key, 1, ack, "ok", {"item": 1, "value": [ack]}, Said(n, head or run.events[n - 1].head.hex(), ack))
    book.close()
    found = check_claims(read_history((tmp_path / "diary.jsonl").read_bytes().splitlines()), {run.key: run.events})
    assert len(found) == (1 if problem else 0)
    assert problem in "".join(found)


@pytest.mark.parametrize(
    ("change", "problems"), [({}, 0), ({"code": "A" * 16}, 1), ({"n": 99}, 1)], ids=["true", "forged", "of no event"]
)
def test_a_receipt_must_be_of_its_journal(tmp_path: Path, change: dict[str, Any], problems: int) -> None:
    run = opened()
    run.answer(1, value=[1])
    run.submit(2, at=run.sitting.hand_in_at)
    assert run.sitting.receipt is not None
    book = Diary(tmp_path / "diary.jsonl")
    book.receipt(run.key, {**run.sitting.receipt, **change})
    book.close()
    history = read_history((tmp_path / "diary.jsonl").read_bytes().splitlines())
    assert len(check_claims(history, {run.key: run.events})) == problems
    book = Diary(tmp_path / "diary.jsonl")
    book.receipt(run.key, {**run.sitting.receipt, "code": "B" * 16})
    book.close()
    history = read_history((tmp_path / "diary.jsonl").read_bytes().splitlines())
    assert any("two different" in one for one in check_claims(history, {run.key: run.events}))
