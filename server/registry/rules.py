"""Pure rules of the registry: ID numbers, the profile of an exam session, its states."""

from dataclasses import dataclass, fields
from typing import Any, Literal

MINUTE_MS = 60_000

LEVELS = {"5": "初级工", "4": "中级工", "3": "高级工", "2": "技师", "1": "高级技师"}
"""Level codes in the order of rising skill; an institution may add 特级技师 and 首席技师 by code of its own."""

State = Literal["draft", "scheduled", "open", "ended", "marked", "published", "aborted"]


@dataclass(frozen=True)
class SessionProfile:
    """What an institution may set for an exam session; durations in milliseconds. Frozen once the session is open."""

    bell: Literal["scheduled", "chief"] = "scheduled"
    late_entrant_gets_full_time: bool = False
    latest_entry_ms: int = 30 * MINUTE_MS
    earliest_hand_in_ms: int = 30 * MINUTE_MS
    grace_ms: int = 10_000
    outage_credit_max_ms: int = 45 * MINUTE_MS
    release_before_ms: int = 60 * MINUTE_MS
    """How long before the start two custodians may release the paper at the earliest."""
    identity_check: bool = True
    seat_binding: bool = False
    supervisor_required: bool = True
    multiple_choice: Literal["all_or_nothing", "part_marks"] = "all_or_nothing"
    cancelled_item: Literal["full_marks", "leave_out"] = "full_marks"
    form_use: Literal["spiral", "lot"] = "spiral"

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "SessionProfile":
        """Read what `to_json` wrote; unknown names are refused."""
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the JSON column."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def scaled(self, duration_ms: int) -> "SessionProfile":
        """The limits for a paper of `duration_ms`: on short papers the two half-hour limits shrink to a quarter of it."""
        quarter = duration_ms // 4
        values = self.to_json()
        values["latest_entry_ms"] = min(self.latest_entry_ms, quarter)
        values["earliest_hand_in_ms"] = min(self.earliest_hand_in_ms, quarter)
        return SessionProfile(**values)


def abort_refusal(state: str, *, released: bool) -> str | None:
    """Why an exam session cannot be aborted, as a msgid: before its paper is out it is simply put back to draft."""
    if state == "open" or (state == "scheduled" and released):
        return None
    if state in {"draft", "scheduled"}:
        return "The paper is still in the safe: put the exam session back to draft instead of aborting it."
    return "Only an exam session that is open, or whose paper is released, can be aborted."


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"


def id_check_digit(first_17: str) -> str:
    """The 18th character of a resident identity number (GB 11643-1999, ISO 7064 MOD 11-2)."""
    return _CHECK_DIGITS[sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True)) % 11]


def id_number_problem(value: str) -> str | None:
    """What is wrong with an 18-character identity number, as a msgid; None when it is right."""
    if len(value) != 18 or not (value[:17].isascii() and value[:17].isdigit()):
        return "An ID number has 17 digits and a check character."
    if not 1 <= int(value[10:12]) <= 12 or not 1 <= int(value[12:14]) <= 31 or not 1900 <= int(value[6:10]) <= 2100:
        return "The date of birth in the ID number does not exist."
    if id_check_digit(value[:17]) != value[17].upper():
        return "The check digit of the ID number is wrong: look for a mistyped digit."
    return None


def sex_from_id(value: str) -> str:
    """男 or 女 by the 17th digit (odd is male)."""
    return "男" if int(value[16]) % 2 else "女"
