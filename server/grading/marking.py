"""Marking one sitting. Pure: integers in hundredths, no clock, locale, float or row order.

A result is a function of four things: the digest of the paper, the admitted responses, the key version, the rules. The
result digest names all that was decided, so that two machines which agree on the four agree on 64 hex digits.

The rules, version 1:

- *single*, *true_false*: the marks when exactly one option is chosen and it is in the key, else 0.
- *multiple*: the marks when the chosen options are exactly the key. Otherwise 0, or, where the profile gives part
  marks: a non-empty proper subset of the key (少选, nothing wrong chosen) gives half the marks, rounded down to a
  hundredth: the rule 「选对但不全得一半分」 of the national examinations. "So much per option" would need marks per
  option in the blueprint.
- blank: 0.
- a cancelled item, `full_marks`: everyone who sat gets its marks, blank or not (全员给分).
- a cancelled item, `leave_out`: nobody gets marks for it, and the sum is scaled up to the full marks of the paper:
  floor(sum x full / full of the items left). Rounding down makes the shown total and the pass decision agree: a total
  reaches the (whole) pass mark exactly when the unrounded one does, and nobody passes by rounding.
- absent and voided sittings have no total; they are not a 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from itembank.sealing import digest

RULE_VERSION: Final = 1

State = Literal["marked", "absent", "voided"]
Responses = Mapping[int, Iterable[int]]
"""Slot -> ids of the chosen options; a slot that is missing is blank."""


class MarkingError(Exception):
    """The inputs contradict each other: a response to a slot without a key, or a paper with nothing left to mark."""


@dataclass(frozen=True)
class MarkingRules:
    """What the profile of an exam session and its blueprint decide. `pass_mark` in hundredths of the paper's marks."""

    multiple_choice: Literal["all_or_nothing", "part_marks"] = "all_or_nothing"
    cancelled_item: Literal["full_marks", "leave_out"] = "full_marks"
    pass_mark: int = 60_00
    version: int = RULE_VERSION

    def to_json(self) -> dict[str, int | str]:
        """Plain values, for digests and the run's row."""
        return {
            "version": self.version,
            "multiple_choice": self.multiple_choice,
            "cancelled_item": self.cancelled_item,
            "pass_mark": self.pass_mark,
        }


@dataclass(frozen=True)
class SlotKey:
    """The key of one slot. `marks` in hundredths."""

    kind: str
    correct: tuple[int, ...]
    marks: int
    cancelled: bool = False


@dataclass(frozen=True)
class FormKey:
    """The keys of one form at one key version."""

    form_id: int
    form_digest: str
    version: int
    slots: Mapping[int, SlotKey] = field(default_factory=dict)

    @property
    def full(self) -> int:
        """Full marks of the paper, cancelled items included."""
        return sum(key.marks for key in self.slots.values())

    def with_slot(self, slot: int, *, correct: tuple[int, ...] | None = None, cancelled: bool = False) -> "FormKey":
        """The keys as they would be after correcting (or cancelling) one slot: the next version."""
        old = self.slots[slot]
        new = replace(old, correct=old.correct if correct is None else tuple(sorted(set(correct))), cancelled=cancelled)
        return replace(self, version=self.version + 1, slots={**self.slots, slot: new})


@dataclass(frozen=True)
class MarkedSitting:
    """The marks per slot, the total (None where there is no score), the decision and the digest that names them all."""

    state: State
    total: int | None
    marks: dict[int, int]
    passed: bool
    digest: str


def normal(responses: Responses) -> dict[int, tuple[int, ...]]:
    """Responses in their one form: options ascending without repeats, blanks left out, slots ascending."""
    tidy = {slot: tuple(sorted(set(chosen))) for slot, chosen in responses.items()}
    return {slot: tidy[slot] for slot in sorted(tidy) if tidy[slot]}


def item_marks(chosen: tuple[int, ...], key: SlotKey, rules: MarkingRules) -> int:
    """Hundredths for one item; `chosen` ascending without repeats."""
    if key.cancelled:
        return key.marks if rules.cancelled_item == "full_marks" else 0
    if key.kind != "multiple":
        return key.marks if len(chosen) == 1 and chosen[0] in key.correct else 0
    if chosen == key.correct:
        return key.marks
    if rules.multiple_choice == "part_marks" and chosen and set(chosen) < set(key.correct):
        return key.marks // 2
    return 0


def total_of(marks: Mapping[int, int], key: FormKey, rules: MarkingRules) -> int:
    """The sum, scaled to the full marks of the paper where cancelled items are left out."""
    got = sum(marks.values())
    if rules.cancelled_item == "full_marks":
        return got
    left = sum(slot.marks for slot in key.slots.values() if not slot.cancelled)
    if left == 0:
        raise MarkingError("every item of the form is cancelled and left out: nothing is left to mark")
    return got * key.full // left


def mark(responses: Responses, key: FormKey, rules: MarkingRules) -> MarkedSitting:
    """Mark a sitting that took place. Raises `MarkingError`."""
    given = normal(responses)
    strange = given.keys() - key.slots.keys()
    if strange:
        raise MarkingError(f"responses to slots {sorted(strange)} that form {key.form_id} does not have")
    marks = {slot: item_marks(given.get(slot, ()), key.slots[slot], rules) for slot in sorted(key.slots)}
    total = total_of(marks, key, rules)
    passed = total >= rules.pass_mark
    name = digest(
        {
            "rules": rules.to_json(),
            "paper": key.form_digest,
            "key_version": key.version,
            "state": "marked",
            "responses": [[slot, list(chosen)] for slot, chosen in given.items()],
            "marks": [[slot, value] for slot, value in marks.items()],
            "total": total,
            "passed": passed,
        }
    )
    return MarkedSitting("marked", total, marks, passed, name)


def unmarked(state: Literal["absent", "voided"], rules: MarkingRules) -> MarkedSitting:
    """The result of somebody who did not sit, or whose sitting was voided: no score."""
    name = digest({"rules": rules.to_json(), "state": state, "total": None, "passed": False})
    return MarkedSitting(state, None, {}, False, name)
