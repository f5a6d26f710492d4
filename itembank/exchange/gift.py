r"""Moodle's GIFT: a text format, one question between blank lines.

    // [id:12] [tag:难度:3]
    ::12::[html]stem {=[html]right ~[html]wrong ####[html]why}

Control characters ``: ~ = # { }`` in texts are written with a backslash, line ends as ``\n``. Difficulty, source clause and leaf
code travel as tags in the comment line (Moodle 3.7 and later reads them), the leaf code also as the category. Pictures are
named ``@@PLUGINFILE@@/DIGEST.png`` and delivered beside the file: the format cannot hold them.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from itembank.errors import msg
from itembank.exchange.drafts import Desk, Draft, Unfit
from itembank.exchange.figures import Figure
from itembank.exchange.grid import Refused
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.labels import labels_of, read_labels, says_yes
from itembank.exchange.outgoing import NO_FIGURES, Mark, file_name, is_correct, one_line, rationale_of, with_sources
from itembank.exchange.texts import automatic_html, decode
from itembank.exchange.writing import WritableItem
from itembank.items import FALSE, KINDS, TRUE
from itembank.markup import from_text

_DEFAULT: Final = Reading()
_TOKEN: Final = re.compile(r"\\.|[{}~=#]|[^\\{}~=#]+|\\", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_CONTROL: Final = re.compile(r"([\\:~=#{}])")
_FORMAT: Final = re.compile(r"\s*\[(html|moodle|plain|markdown)\]")
_WEIGHT: Final = re.compile(r"\s*%(-?[0-9]{1,3}(?:\.[0-9]{0,9})?)%")
_NAME: Final = re.compile(r"\s*::((?:\\.|[^\\:]|:(?!:))*)::", re.DOTALL)
_ID: Final = re.compile(r"\[id:((?:\\\]|[^\]\n]){1,3000})\]")
_TAG: Final = re.compile(r"\[tag:((?:\\\]|[^\]\n]){1,3000})\]")
_COURSE: Final = "$CATEGORY: $course$/top/"
_HEX: Final = re.compile(r"%([0-9A-F]{2})")
_LONGEST_COMMENT: Final = 10_000
_TRUTHS: Final = {"T": TRUE, "TRUE": TRUE, "F": FALSE, "FALSE": FALSE}
_BLANK: Final = "（  ）"


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer as written: the mark before it (``=`` or ``~``), its weight in percent, its text, its feedback."""

    right: bool
    weight: float | None
    text: str
    feedback: str


def sort_items(data: bytes, how: Reading = _DEFAULT, figures: Mapping[str, bytes] | None = None) -> SortedItems:
    """Good questions and refused ones; rows are lines of the file."""
    desk = Desk(how, figures)
    try:
        text = decode(data, how.limits)
    except Refused as refused:
        return SortedItems((), {}, (refused.mistake,), ())
    category = ""
    for line, comments, block in _blocks(text):
        if block.startswith("$CATEGORY:"):
            category = block.removeprefix("$CATEGORY:").strip()
            continue
        try:
            desk.take(_read(desk, line, comments, block, category))
        except Unfit as unfit:
            desk.refuse(line, unfit)
    return desk.result()


def _blocks(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, comments, text) of every question and category."""
    comments: list[str] = []
    block: list[str] = []
    first = 0
    for n, line in enumerate([*text.split("\n"), ""], 1):
        stripped = line.strip()
        if stripped.startswith("//"):
            comments.append(stripped)
            continue
        category = stripped.startswith("$CATEGORY:")
        if block and (not stripped or category):
            yield first, "\n".join(comments)[:_LONGEST_COMMENT], "\n".join(block)
            comments, block = [], []
        if category:
            yield n, "", stripped
        elif stripped:
            first = first if block else n
            block.append(line)
        else:
            comments = []


def _read(desk: Desk, line: int, comments: str, block: str, category: str) -> Draft:
    labels = read_labels(_unwrap(found) for found in _TAG.findall(comments))
    named = _NAME.match(block)
    identity = _ID.search(comments)
    reference = _unwrap(identity[1]) if identity else _unescape(named[1]).strip() if named else ""
    before, inside, after = _parts(block[named.end() :] if named else block)
    feedback = _general_feedback(inside)
    answers_text = inside if feedback is None else feedback[0]
    stem = f"{before.rstrip()}{_BLANK}{after.lstrip()}" if any(map(str.isalnum, after)) else before
    draft = Draft(line, "", _html(desk, "stem", stem), [], ())
    draft.rationale = _html(desk, "rationale", feedback[1]) if feedback is not None else ""
    draft.reference = reference
    draft.topic = labels.get("topic") or desk.topic_of_category(category)
    draft.difficulty, draft.source = labels.get("difficulty", ""), labels.get("source", "")
    draft.fixed_order = says_yes(labels.get("fixed_order", ""))
    truth = _TRUTHS.get(answers_text.split("#")[0].strip().upper())
    if truth is not None:
        draft.kind, draft.correct = "true_false", (truth,)
        _note_feedback(desk, line, "#" in answers_text)
        return draft
    _read_choice(desk, draft, answers_text)
    return draft


def _unwrap(text: str) -> str:
    """A value from a comment line."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), text.replace("\\]", "]")).strip()


def _parts(block: str) -> tuple[str, str, str]:
    """Text before, inside and after the braces. Raises `Unfit`."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    depth = 0
    for found in _TOKEN.finditer(block):
        if (found[0], depth) in {("{", 0), ("}", 1)}:
            depth += 1
        else:
            parts[depth].append(found[0])
    if depth == 0:
        raise _unsupported("description", block)
    if depth == 1:
        problem, mend = msg("The braces around the answers are not closed."), msg("Close them with }.")
        raise Unfit("key", problem, mend, block)
    before, inside, after = map("".join, parts)
    return before, inside, after


def _general_feedback(inside: str) -> tuple[str, str] | None:
    """(answers, feedback) where there is feedback for the question as a whole."""
    place, run = 0, 0
    for found in _TOKEN.finditer(inside):
        run = run + 1 if found[0] == "#" else 0
        place = found.end()
        if run == 4:
            return inside[: place - 4], inside[place:]
    return None


def _answers(text: str) -> list[_Answer]:
    """The answers between the braces."""
    found: list[tuple[str, list[list[str]]]] = []  # mark, then text and feedback, each in pieces
    for piece in (match[0] for match in _TOKEN.finditer(text)):
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
        answers.append(_Answer(mark == "=", float(weight[1]) if weight else None, rest, "".join(feedback).strip()))
    return answers


def _read_choice(desk: Desk, draft: Draft, text: str) -> None:
    answers = _answers(text)
    wrong = [answer for answer in answers if not answer.right]
    if text.strip().startswith("#"):
        raise _unsupported("numerical", draft.stem)
    if not answers:
        raise _unsupported("essay", draft.stem)
    if not wrong:
        matching = all("->" in answer.text for answer in answers)
        raise _unsupported("matching" if matching else "shortanswer", draft.stem)
    several = len(wrong) == len(answers) and any(answer.weight is not None for answer in answers)
    draft.kind = "multiple" if several else "single"
    draft.options = [_html(desk, f"option_{'abcdefgh'[min(n, 7)]}", answer.text) for n, answer in enumerate(answers[:50])]
    draft.correct = tuple(n for n, answer in enumerate(answers[:50], 1) if _counts(answer, several))
    if not several and any(0 < (answer.weight or 0) < 100 for answer in answers):
        desk.note(draft.row, "key", msg("Marks for partly right options were not taken."), msg("Check the key."))
    _note_feedback(desk, draft.row, any(answer.feedback for answer in answers))


def _counts(answer: _Answer, several: bool) -> bool:
    """Whether the answer is a correct option."""
    return (answer.weight or 0) > 0 if several else answer.right or (answer.weight or 0) >= 100


def _note_feedback(desk: Desk, line: int, there: bool) -> None:
    if there:
        problem = msg("Remarks on single options were not taken.")
        desk.note(line, "rationale", problem, msg("Write what matters into the explanation."))


def _html(desk: Desk, field: str, text: str) -> str:
    """A text with its format mark, as clean HTML."""
    marked = _FORMAT.match(text)
    plain = _unescape(text[marked.end() :] if marked else text)
    match marked[1] if marked else "moodle":
        case "html":
            return desk.clean(field, plain)
        case "moodle":
            return desk.clean(field, automatic_html(plain))
    return from_text(plain)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1] if _CONTROL.match(found[1]) else found[0], text)


def _unsupported(kind: str, text: str) -> Unfit:
    problem = msg("Questions of the type “%(type)s” cannot be taken.", type=kind)
    return Unfit("kind", problem, msg("Only single choice, multiple choice and true/false can be taken."), text)


# --- out ----------------------------------------------------------------------------------------------------------------


def write_items(
    items: Iterable[WritableItem], *, now: dt.datetime, figures: Mapping[str, Figure] = NO_FIGURES, mark: Mark | None = None
) -> bytes:
    """Items as GIFT in UTF-8. A true/false item without its key cannot be written and is left out (`formats.losses`)."""
    lines = [f"// {now:%Y-%m-%d %H:%M}", *(f"// {one_line(line)}" for line in (mark.lines if mark else ())), ""]
    category = ""
    for item in items:
        if item.key is None and KINDS[item.body.kind].fixed_options:
            continue
        if item.topic_code != category:
            category = item.topic_code
            lines += [f"{_COURSE}{one_line(category)}", ""]
        lines += [*_written(item, figures, mark), ""]
    return "\n".join(lines).encode()


def _written(item: WritableItem, figures: Mapping[str, Figure], mark: Mark | None) -> Iterator[str]:
    marks = [f"[tag:{_wrap(label)}]" for label in (*labels_of(item), *([mark.label] if mark else []))]
    if item.reference:
        marks.insert(0, f"[id:{_wrap(item.reference)}]")
    if marks:
        yield f"// {' '.join(marks)}"

    def text(html: str) -> str:
        placed = with_sources(html, lambda digest: f"@@PLUGINFILE@@/{file_name(digest, figures)}")
        return "[html]" + _escape(placed).replace("\n", "\\n")

    name = f"::{_escape(one_line(item.reference))}::" if item.reference else ""
    yield f"{name}{text(item.body.stem_html)} {{"
    if KINDS[item.body.kind].fixed_options:
        yield "TRUE" if is_correct(item, TRUE) else "FALSE"
    else:
        several = item.body.kind == "multiple"
        right = len(item.key.correct) if item.key is not None else 0
        for option in item.body.options:
            correct = is_correct(item, option.id)
            share = f"{100 / right:.5f}".rstrip("0").rstrip(".") if correct else "-100"
            sign = f"~%{share}%" if several else "=" if correct else "~"
            yield f"\t{sign}{text(option.html)}"
    if rationale_of(item):
        yield f"\t####{text(rationale_of(item))}"
    yield "}"


def _escape(text: str) -> str:
    return _CONTROL.sub(r"\\\1", text)


def _wrap(text: str) -> str:
    """A value as it may stand in a comment's ``[tag:…]``."""
    hidden = re.sub(r"%(?=[0-9A-F]{2})|[<>`\\\n\r\t]", lambda found: f"%{ord(found[0]):02X}", text)
    return hidden.replace("]", "\\]")
