"""Marking very many sittings of one form of choices at once, for analysis and what-if: the same rules, from a table. Pure numpy.

A response is a bit mask over the options as they stand (bit 0: the first). For each slot every mask there can be is marked once
by `marking.item_marks`; the rest is looking up. Results of record come from `marking.mark`, which also names them by digest.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from itembank.items import Answer, kind_of
from server.grading.marking import FormKey, MarkingError, MarkingRules, item_marks, total_of

Masks = NDArray[np.uint8]


def mark_many(
    answers: Masks, key: FormKey, rules: MarkingRules, options: Mapping[int, tuple[int, ...]]
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Marks (people × slots) and totals (people), hundredths; `answers` (people × slots, slots ascending), 0 is blank.

    `options`: slot -> the ids behind the bits, at most eight. Raises `MarkingError`.
    """
    marks = np.empty(answers.shape, dtype=np.int16, order="F")
    for column, slot in enumerate(sorted(key.slots)):
        if kind_of(key.slots[slot].kind).answer != Answer.CHOICE:
            raise MarkingError(f"slot {slot} of form {key.form_id} is not answered by choosing options")
        ids = options[slot]
        chosen = [tuple(sorted(o for bit, o in enumerate(ids) if mask >> bit & 1)) for mask in range(1 << len(ids))]
        table = np.array([item_marks(one, key.slots[slot], rules) for one in chosen], dtype=np.int16)
        np.take(table, answers[:, column], out=marks[:, column], mode="clip")
    sums = marks.sum(axis=1, dtype=np.int64)
    if rules.cancelled_item == "full_marks":
        return marks, sums
    total_of({}, key, rules)  # refuses a form of which nothing is left
    left = sum(slot.marks for slot in key.slots.values() if not slot.cancelled)
    return marks, sums * key.full // left
