"""What stands between the braces of a GIFT question -> kind, options and key of a draft."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from itembank import markup
from itembank.errors import msg
from itembank.exchange.drafts import Desk, Draft, Unfit
from itembank.exchange.foreign_kinds import set_number, set_pairs, unsupported
from itembank.items import FALSE, TRUE

ToHtml = Callable[[str, str], str]
"""(field, text as written) -> clean HTML."""

TOKEN: Final = re.compile(r"\\.|[{}~=#]|[^\\{}~=#]+|\\", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_CONTROL: Final = re.compile(r"[\\:~=#{}]")
_WEIGHT: Final = re.compile(r"\s*%(-?[0-9]{1,3}(?:\.[0-9]{0,9})?)%")
_TRUTHS: Final = {"T": TRUE, "TRUE": TRUE, "F": FALSE, "FALSE": FALSE}
_ARROW: Final = "->"
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as written: the mark before it (``=`` or ``~``), its weight in percent, its text, its feedback."""

    right: bool
    weight: float | None
    text: str
    feedback: str

    @property
    def whole(self) -> bool:
        """Whether it earns all marks."""
        return (self.right and self.weight is None) or (self.weight or 0) >= 100


def unescaped(text: str) -> str:
    """Without the backslashes before control characters; ``\\n`` is a line end."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1] if _CONTROL.match(found[1]) else found[0], text)


def general_feedback(inside: str) -> tuple[str, str] | None:
    """(answers, feedback) where there is feedback for the question as a whole."""
    place, run = 0, 0
    for found in TOKEN.finditer(inside):
        run = run + 1 if found[0] == "#" else 0
        place = found.end()
        if run == 4:
            return inside[: place - 4], inside[place:]
    return None


def answers_in(text: str) -> list[Answer]:
    """The answers between the braces."""
    found: list[tuple[str, list[list[str]]]] = []  # mark, then text and feedback, each in pieces
    for piece in (match[0] for match in TOKEN.finditer(text)):
        if piece in {"=", "~"}:
            found.append((piece, [[]]))
        elif found and piece == "#":
            found[-1][1].append([])
        elif found:
            found[-1][1][-1].append(piece)
    answers = []
    for mark, pieces in found:
        body, *feedback = map("".join, pieces)
        weight = _WEIGHT.match(body)
        rest = body[weight.end() :] if weight else body
        answers.append(Answer(mark == "=", float(weight[1]) if weight else None, rest, "".join(feedback).strip()))
    return answers


def type_of(text: str) -> str:
    """What GIFT calls a question with this between its braces."""
    if _truth(text) is not None:
        return "truefalse"
    if text.strip().startswith("#"):
        return "numerical"
    answers = answers_in(text)
    if not answers:
        return "ordering" if text.strip().startswith(">") else "essay"
    if not all(answer.right for answer in answers):
        return "multichoice"
    return "matching" if all(_ARROW in answer.text for answer in answers) else "shortanswer"


def _truth(text: str) -> int | None:
    return _TRUTHS.get(text.partition("#")[0].strip().upper())


def read_answers(desk: Desk, draft: Draft, text: str, html: ToHtml) -> None:
    """Kind, options and key. Raises `Unfit`."""
    found = type_of(text)
    match found:
        case "truefalse":
            draft.kind, draft.correct = "true_false", (_truth(text) or TRUE,)
            note_feedback(desk, draft.row, "#" in text)
        case "numerical":
            _numerical(desk, draft, text.strip()[1:])
        case "multichoice":
            _choice(desk, draft, answers_in(text), html)
        case "matching":
            _matching(draft, answers_in(text), html)
        case "shortanswer":
            _short(desk, draft, answers_in(text))
        case _:
            raise unsupported(found, draft.stem)


def _choice(desk: Desk, draft: Draft, answers: list[Answer], html: ToHtml) -> None:
    several = not any(answer.right for answer in answers) and any(answer.weight is not None for answer in answers)
    draft.kind = "multiple" if several else "single"
    draft.options = [html(f"option_{'abcdefgh'[min(n, 7)]}", answer.text) for n, answer in enumerate(answers[:_MOST])]
    draft.correct = tuple(n for n, answer in enumerate(answers[:_MOST], 1) if _counts(answer, several=several))
    if not several:
        _note_partly(desk, draft.row, answers)
    note_feedback(desk, draft.row, any(answer.feedback for answer in answers))


def _counts(answer: Answer, *, several: bool) -> bool:
    """Whether the answer is a correct option."""
    return (answer.weight or 0) > 0 if several else answer.right or answer.whole


def _numerical(desk: Desk, draft: Draft, text: str) -> None:
    answers = answers_in(text) if "=" in text else [Answer(True, None, *_fed_back(text))]
    right = [answer for answer in answers if answer.whole]
    if len(right) != 1:
        problem, mend = msg("The question has %(n)s right numbers.", n=len(right)), msg("Leave one number with its tolerance.")
        raise Unfit("key", problem, mend, draft.stem)
    number, _colon, tolerance = unescaped(right[0].text).partition(":")
    set_number(draft, number, tolerance)
    _note_partly(desk, draft.row, answers)
    note_feedback(desk, draft.row, any(answer.feedback for answer in answers))


def _fed_back(text: str) -> tuple[str, str]:
    answer, _mark, feedback = text.partition("#")
    return answer, feedback.strip()


def _matching(draft: Draft, answers: list[Answer], html: ToHtml) -> None:
    pairs = []
    for n, answer in enumerate(answers[:_MOST], 1):
        line, _arrow, option = answer.text.partition(_ARROW)
        shown = html(f"prompt_{min(n, 8)}", line) if line.strip() else ""
        pairs.append((shown, markup.from_text(unescaped(option).strip())))
    set_pairs(draft, pairs)


def _short(desk: Desk, draft: Draft, answers: list[Answer]) -> None:
    draft.kind = "fill_in"
    draft.accepted = (tuple(unescaped(answer.text).strip() for answer in answers[:_MOST] if answer.whole),)
    _note_partly(desk, draft.row, answers)
    note_feedback(desk, draft.row, any(answer.feedback for answer in answers))


def _note_partly(desk: Desk, row: int, answers: list[Answer]) -> None:
    if any(0 < (answer.weight or 0) < 100 for answer in answers):
        desk.note(row, "key", msg("Marks for partly right options were not taken."), msg("Check the key."))


def note_feedback(desk: Desk, line: int, there: bool) -> None:
    """Say that remarks on answers are lost."""
    if there:
        problem = msg("Remarks on single options were not taken.")
        desk.note(line, "rationale", problem, msg("Write what matters into the explanation."))
