"""What was answered most where options are not chosen: blank by blank, line by line, order by order. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from itembank.items import Answer, kind_of, text_form
from server.grading.marking import Response, SlotKey, right_parts

SHOWN: Final = 6
"""Different answers to one part; the rest is one figure."""


def parts(responses: Sequence[Response], better: Sequence[int], key: SlotKey) -> list[dict[str, Any]]:
    """`[{right, answers: [{answer, all, better, right}], others}]`, a row for each part of the answer.

    `right`: how many had the part right. `answer` is an answer as `words.answer_words` takes it: the writing most used of
    those that count as the same. `better`: how many of them were in the better half. `others`: answers not shown.
    """
    if kind_of(key.kind).answer == Answer.ORDER:
        return [_part(list(responses), set(better), key)]
    count = len(right_parts((), key))
    whole = [response if len(response) == count else ("",) * count for response in responses]
    return [_part([(row[n],) for row in whole], set(better), _of_part(key, n)) for n in range(count)]


def _of_part(key: SlotKey, n: int) -> SlotKey:
    """The key of one part by itself."""
    match kind_of(key.kind).answer:
        case Answer.PAIRS:
            return replace(key, correct=key.correct[n : n + 1])
        case Answer.TEXTS:
            return replace(key, accepted=key.accepted[n : n + 1])
    return key


def _part(column: list[Response], better: set[int], key: SlotKey) -> dict[str, Any]:
    people: dict[str, list[int]] = {}
    for n, answer in enumerate(column):
        if any(_said(answer)):
            people.setdefault(_form(answer), []).append(n)
    rows: list[dict[str, Any]] = []
    for same in people.values():
        (shown, _times), *_rest = Counter(column[n] for n in same).most_common(1)
        row = {"answer": list(shown), "all": len(same), "better": len(better.intersection(same))}
        rows.append(row | {"right": right_parts(shown, key) == [True]})
    rows.sort(key=lambda row: (-row["all"], str(row["answer"])))
    return {
        "right": sum(row["all"] for row in rows if row["right"]),
        "answers": rows[:SHOWN],
        "others": sum(row["all"] for row in rows[SHOWN:]),
    }


def _said(answer: Response) -> list[bool]:
    return [bool(one.strip()) if isinstance(one, str) else bool(one) for one in answer]


def _form(answer: Response) -> str:
    return "\x1f".join(text_form(one) if isinstance(one, str) else str(one) for one in answer)
