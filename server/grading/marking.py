"""Marking one sitting. Pure: integers in hundredths, no clock, locale, float or row order.

A result is a function of four things: the digest of the paper, the admitted responses, the key version, the rules. The
result digest names all that was decided, so that two machines which agree on the four agree on 64 hex digits.

The rules, version 1:

- *single*, *true_false*: the marks when exactly one option is chosen and it is in the key, else 0.
- *multiple*: the marks when the chosen options are exactly the key. Otherwise 0, or, where the profile gives part
  marks: a non-empty proper subset of the key (少选, nothing wrong chosen) gives half the marks, rounded down to a
  hundredth: the rule 「选对但不全得一半分」 of the national examinations. "So much per option" would need marks per
  option in the blueprint.
- *ordering*: the marks when all options stand in the order of the key, else 0.
- *matching*: the marks when every line has the option the key gives it; with part marks otherwise the share of right lines.
- *fill_in*: the marks when the text of every blank is, in the normal form of `itembank.items.forms`, one of those accepted;
  with part marks otherwise the share of right blanks.
- *numeric*: the marks when what was typed is a number (thousands commas, spaces and an accepted unit behind it aside) no
  further from the key than the tolerance, reckoned exactly; anything else is wrong.
- a share is rounded down to a hundredth. An answer of a shape the kind does not have (texts for a choice, a list of another
  length) is wrong, never an error.
- blank: 0.
- a cancelled item, `full_marks`: everyone who sat gets its marks, blank or not (全员给分).
- a cancelled item, `leave_out`: nobody gets marks for it, and the sum is scaled up to the full marks of the paper:
  floor(sum x full / full of the items left). Rounding down makes the shown total and the pass decision agree: a total
  reaches the (whole) pass mark exactly when the unrounded one does, and nobody passes by rounding.
- absent and voided sittings have no total; they are not a 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, Literal

from itembank.items import Answer, ItemKeyData, kind_of, number_of, text_form
from itembank.sealing import digest

RULE_VERSION: Final = 1

ANSWER_FIELDS: Final = ("correct", "accepted", "number", "tolerance", "units")
"""What a key of any kind is made of."""

State = Literal["marked", "absent", "voided"]
Responses = Mapping[int, Iterable[int | str]]
"""Slot -> the answer as the journal has it (ids or texts); a slot that is missing is blank."""

Response = tuple[int | str, ...]
"""One answer in normal form: ids or texts, never both; () is blank."""


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
    """The key of one slot, as `ItemKeyData` has it by kind. `marks` in hundredths."""

    kind: str
    correct: tuple[int, ...]
    marks: int
    cancelled: bool = False
    accepted: tuple[tuple[str, ...], ...] = ()
    number: str = ""
    tolerance: str = ""
    units: tuple[str, ...] = ()

    @property
    def answer(self) -> ItemKeyData:
        """The key without marks."""
        return ItemKeyData(**{name: getattr(self, name) for name in ANSWER_FIELDS})


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

    def with_slot(self, slot: int, *, key: ItemKeyData | None = None, cancelled: bool = False) -> "FormKey":
        """The keys as they would be after correcting (or cancelling) one slot: the next version."""
        values = {} if key is None else {name: getattr(key, name) for name in ANSWER_FIELDS}
        new = replace(self.slots[slot], cancelled=cancelled, **values)
        return replace(self, version=self.version + 1, slots={**self.slots, slot: new})


@dataclass(frozen=True)
class MarkedSitting:
    """The marks per slot, the total (None where there is no score), the decision and the digest that names them all."""

    state: State
    total: int | None
    marks: dict[int, int]
    passed: bool
    digest: str


def normal(responses: Responses, key: FormKey | None = None) -> dict[int, Response]:
    """Responses in their one form: slots ascending, blanks left out, chosen options ascending without repeats.

    Answers to slots of other kinds in `key` stay as they are, or are blank where the kind has no such answers.
    """
    slots = {} if key is None else key.slots
    tidy = {slot: _tidy(responses[slot], slots[slot].kind if slot in slots else "single") for slot in sorted(responses)}
    return {slot: given for slot, given in tidy.items() if given}


def _tidy(given: Iterable[int | str], kind: str) -> Response:
    answer, sent = kind_of(kind).answer, tuple(given)
    if answer in (Answer.TEXTS, Answer.NUMBER):
        return sent if all(isinstance(one, str) for one in sent) and any(map(str.strip, map(str, sent))) else ()
    ids = tuple(one for one in sent if isinstance(one, int))
    if len(ids) < len(sent) or not any(ids):
        return ()
    if answer != Answer.CHOICE:
        return ids
    return tuple(sorted(set(ids))) if all(ids) else ()


def item_marks(chosen: Response, key: SlotKey, rules: MarkingRules) -> int:
    """Hundredths for one item; `chosen` in normal form."""
    if key.cancelled:
        return key.marks if rules.cancelled_item == "full_marks" else 0
    if kind_of(key.kind).answer == Answer.CHOICE:
        return _choice_marks(chosen, key, rules)
    right = right_parts(chosen, key)
    if right and all(right):
        return key.marks
    return key.marks * sum(right) // len(right) if right and rules.multiple_choice == "part_marks" else 0


def right_parts(chosen: Response, key: SlotKey) -> list[bool]:
    """Part by part (blank, line to match; one for an order or a number) whether it is right. Not for choices."""
    answer = kind_of(key.kind).answer
    if answer == Answer.ORDER:
        return [chosen == key.correct]
    if answer == Answer.NUMBER:
        return [len(chosen) == 1 and _is_near(str(chosen[0]), key)]
    parts = len(key.correct if answer == Answer.PAIRS else key.accepted)
    if len(chosen) != parts:
        return [False] * parts
    if answer == Answer.PAIRS:
        return [given == wanted for given, wanted in zip(chosen, key.correct, strict=True)]
    return [text_form(str(given)) in map(text_form, wanted) for given, wanted in zip(chosen, key.accepted, strict=True)]


def _is_near(typed: str, key: SlotKey) -> bool:
    given, wanted, tolerance = number_of(typed, key.units), number_of(key.number), number_of(key.tolerance)
    if given is None or wanted is None or tolerance is None:
        return False
    return abs(Fraction(given) - Fraction(wanted)) <= Fraction(tolerance)


def _choice_marks(chosen: Response, key: SlotKey, rules: MarkingRules) -> int:
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
    given = normal(responses, key)
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
