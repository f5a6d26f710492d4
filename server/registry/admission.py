"""Admission numbers (准考证号) from an exam session's pattern: pure.

No national rule fixes their shape, so each exam session has a pattern of fixed characters and `{date}` (the exam day,
20261121), `{session}` (the exam session's number, 4 digits) and `{seq}` (the running number, 4 digits). All parts
have a fixed width, so numbers sort as text in the order they were given; the range on the statutory form needs that.
"""

import re
from collections.abc import Collection
from datetime import datetime

from server.registry.times import BEIJING

DEFAULT_PATTERN = "{date}{session}{seq}"
SEQ_DIGITS = 4
SESSION_DIGITS = 4
MAX_LENGTH = 24

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_PLAIN = re.compile(r"[0-9A-Za-z-]*")
_NUMBER = re.compile(r"[0-9A-Za-z-]{4,24}")


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a pattern, as a msgid; None when it can be used."""
    names = _PLACEHOLDER.findall(pattern)
    if names.count("seq") != 1:
        return "The pattern needs {seq} exactly once."
    if any(name not in {"date", "session", "seq"} for name in names):
        return "The pattern knows {date}, {session} and {seq} only."
    if not _PLAIN.fullmatch(_PLACEHOLDER.sub("", pattern)):
        return "Beside the placeholders the pattern takes letters, digits and hyphens."
    if len(render(pattern, datetime(2026, 1, 1, tzinfo=BEIJING), 1, 1)) > MAX_LENGTH:
        return "The admission numbers would be longer than 24 characters."
    return None


def render(pattern: str, starts_at: datetime, exam_session_id: int, seq: int) -> str:
    """One admission number."""
    values = {
        "date": starts_at.astimezone(BEIJING).strftime("%Y%m%d"),
        "session": f"{exam_session_id % 10**SESSION_DIGITS:0{SESSION_DIGITS}d}",
        "seq": f"{seq:0{SEQ_DIGITS}d}",
    }
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], pattern)


def number_problem(value: str) -> str | None:
    """What is wrong with an admission number that came with the roster."""
    if not _NUMBER.fullmatch(value):
        return "An admission number has 4 to 24 letters, digits or hyphens."
    return None


def next_numbers(count: int, pattern: str, starts_at: datetime, exam_session_id: int, taken: Collection[str]) -> list[str]:
    """`count` numbers in rising order, none of `taken`."""
    numbers: list[str] = []
    used = set(taken)
    seq = len(used)
    while len(numbers) < count:
        seq += 1
        number = render(pattern, starts_at, exam_session_id, seq)
        if number not in used:
            numbers.append(number)
    return numbers
