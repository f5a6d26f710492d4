"""Marking by table agrees with the marking of record, whatever the answers, rules and cancelled items."""

import numpy as np
import pytest

from server.grading.crowd import mark_many
from server.grading.marking import FormKey, MarkingError, MarkingRules, SlotKey, mark

OPTIONS = {1: (11, 12, 13, 14), 2: (23, 22, 21), 4: (41, 42), 5: (51, 52, 53, 54, 55)}
SLOTS = {
    1: SlotKey("single", (12,), 150),
    2: SlotKey("multiple", (21, 23), 333),
    4: SlotKey("true_false", (41,), 100),
    5: SlotKey("multiple", (51, 52, 55), 500),
}


@pytest.mark.parametrize("choice", ["all_or_nothing", "part_marks"])
@pytest.mark.parametrize("cancelled", ["full_marks", "leave_out"])
@pytest.mark.parametrize("gone", [(), (2,), (1, 5)])
def test_as_the_record(choice: str, cancelled: str, gone: tuple[int, ...]) -> None:
    rules = MarkingRules(multiple_choice=choice, cancelled_item=cancelled)  # type: ignore[arg-type]
    key = FormKey(1, "x", 1, SLOTS)
    for slot in gone:
        key = key.with_slot(slot, cancelled=True)
    random = np.random.default_rng(1)
    answers = np.column_stack([random.integers(0, 1 << len(ids), 300) for ids in OPTIONS.values()]).astype(np.uint8)
    marks, totals = mark_many(answers, key, rules, OPTIONS)
    for person, row in enumerate(answers):
        given = {
            slot: [o for bit, o in enumerate(ids) if int(mask) >> bit & 1]
            for (slot, ids), mask in zip(OPTIONS.items(), row, strict=True)
        }
        record = mark(given, key, rules)
        assert list(record.marks.values()) == marks[person].tolist()
        assert record.total == totals[person]


def test_nothing_left_to_mark() -> None:
    key = FormKey(1, "x", 1, {4: SLOTS[4]}).with_slot(4, cancelled=True)
    with pytest.raises(MarkingError):
        mark_many(np.zeros((2, 1), dtype=np.uint8), key, MarkingRules(cancelled_item="leave_out"), OPTIONS)
