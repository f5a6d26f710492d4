r"""Moodle's GIFT: a text format, one question between blank lines.

    // [id:12] [tag:难度:3]
    ::12::[html]stem {=[html]right ~[html]wrong ####[html]why}

Control characters ``: ~ = # { }`` in texts are written with a backslash, line ends as ``\n``. Difficulty, source clause and leaf
code travel as tags in the comment line (Moodle 3.7 and later reads them), the leaf code also as the category. Pictures are
named ``@@PLUGINFILE@@/DIGEST.png`` and delivered beside the file: the format cannot hold them.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from itembank.errors import Message, msg
from itembank.exchange.drafts import Desk, Draft, Unfit
from itembank.exchange.figures import Figure
from itembank.exchange.foreign_kinds import (
    BLANKS,
    ONE_BLANK,
    PLAIN_OPTIONS,
    bare_number,
    parts_around_blanks,
    plain_options,
    unsupported,
    with_blank,
)
from itembank.exchange.gift_answers import TOKEN, general_feedback, read_answers, type_of, unescaped
from itembank.exchange.grid import Refused
from itembank.exchange.item_answers import parse_units
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.labels import labels_of, read_labels, says_yes
from itembank.exchange.outgoing import NO_FIGURES, Mark, file_name, is_correct, one_line, rationale_of, stem_of, with_sources
from itembank.exchange.texts import automatic_html, decode
from itembank.exchange.writing import WritableItem
from itembank.items import KINDS, TRUE
from itembank.markup import from_text

_DEFAULT: Final = Reading()
_CONTROL: Final = re.compile(r"([\\:~=#{}])")
_FORMAT: Final = re.compile(r"\s*\[(html|moodle|plain|markdown)\]")
_NAME: Final = re.compile(r"\s*::((?:\\.|[^\\:]|:(?!:))*)::", re.DOTALL)
_ID: Final = re.compile(r"\[id:((?:\\\]|[^\]\n]){1,3000})\]")
_TAG: Final = re.compile(r"\[tag:((?:\\\]|[^\]\n]){1,3000})\]")
_COURSE: Final = "$CATEGORY: $course$/top/"
_HEX: Final = re.compile(r"%([0-9A-F]{2})")
_LONGEST_COMMENT: Final = 10_000
_GAP: Final = "（  ）"


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
    reference = _unwrap(identity[1]) if identity else unescaped(named[1]).strip() if named else ""
    before, inside, after = _parts(block[named.end() :] if named else block)
    feedback = general_feedback(inside)
    answers_text = inside if feedback is None else feedback[0]
    draft = Draft(line, "", _html(desk, "stem", _stem(before, after, type_of(answers_text))), [], ())
    draft.rationale = _html(desk, "rationale", feedback[1]) if feedback is not None else ""
    draft.reference = reference
    draft.topic = labels.get("topic") or desk.topic_of_category(category)
    draft.difficulty, draft.source = labels.get("difficulty", ""), labels.get("source", "")
    draft.fixed_order = says_yes(labels.get("fixed_order", ""))
    read_answers(desk, draft, answers_text, lambda field, text: _html(desk, field, text))
    if draft.kind == "numeric":
        draft.unit, draft.units = parse_units(labels.get("unit", ""))
    return draft


def _stem(before: str, after: str, kind: str) -> str:
    """The text around the answers; between its halves a gap, where one has to be written something a blank."""
    if kind == "shortanswer":
        return with_blank(before, after)
    return f"{before.rstrip()}{_GAP}{after.lstrip()}" if any(map(str.isalnum, after)) else before


def _unwrap(text: str) -> str:
    """A value from a comment line."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), text.replace("\\]", "]")).strip()


def _parts(block: str) -> tuple[str, str, str]:
    """Text before, inside and after the braces. Raises `Unfit`."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    depth = 0
    for found in TOKEN.finditer(block):
        if (found[0], depth) in {("{", 0), ("}", 1)}:
            depth += 1
        else:
            parts[depth].append(found[0])
    if depth == 0:
        raise unsupported("description", block)
    if depth == 1:
        problem, mend = msg("The braces around the answers are not closed."), msg("Close them with }.")
        raise Unfit("key", problem, mend, block)
    before, inside, after = map("".join, parts)
    return before, inside, after


def _html(desk: Desk, field: str, text: str) -> str:
    """A text with its format mark, as clean HTML."""
    marked = _FORMAT.match(text)
    plain = unescaped(text[marked.end() :] if marked else text)
    match marked[1] if marked else "moodle":
        case "html":
            return desk.clean(field, plain)
        case "moodle":
            return desk.clean(field, automatic_html(plain))
    return from_text(plain)


HELD: Final = frozenset(KINDS) - {"ordering"}
WITHOUT_KEY: Final = frozenset({"single", "multiple"})

# --- out ----------------------------------------------------------------------------------------------------------------


def write_items(
    items: Iterable[WritableItem], *, now: dt.datetime, figures: Mapping[str, Figure] = NO_FIGURES, mark: Mark | None = None
) -> bytes:
    """Items as GIFT in UTF-8. A true/false item without its key cannot be written and is left out (`formats.losses`)."""
    lines = [f"// {now:%Y-%m-%d %H:%M}", *(f"// {one_line(line)}" for line in (mark.lines if mark else ())), ""]
    category = ""
    for item in items:
        if item.body.kind not in (WITHOUT_KEY if item.key is None else HELD) or lacks(item) is not None:
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
    before, after = _around(item)
    yield f"{name}{text(before)}{'{' if after or item.body.kind == 'fill_in' else ' {'}"
    yield from _inside(item, text)
    if rationale_of(item):
        yield f"\t####{text(rationale_of(item))}"
    yield f"}}{text(after).removeprefix('[html]')}"


def _around(item: WritableItem) -> tuple[str, str]:
    """The stem's HTML before and after the answers: they stand where the blank is, unless it is the last thing."""
    parts = parts_around_blanks(item) if item.body.kind == "fill_in" else None
    return (parts[0], parts[1]) if parts is not None and parts[1].strip() else (stem_of(item), "")


def _inside(item: WritableItem, text: Callable[[str], str]) -> Iterator[str]:
    """What stands between the braces, but for the rationale."""
    body, key = item.body, item.key
    if KINDS[body.kind].fixed_options:
        yield "TRUE" if is_correct(item, TRUE) else "FALSE"
    elif body.kind == "numeric" and key is not None:
        yield f"#{bare_number(key.number)}:{bare_number(key.tolerance)}"
    elif body.kind == "fill_in" and key is not None:
        yield from (f"\t=%100%{_escape(accepted)}" for accepted in key.accepted[0])
    elif body.kind == "matching" and key is not None:
        texts = dict(enumerate(plain_options(item) or [], 1))
        for prompt, matched in zip(body.prompts, key.correct, strict=True):
            yield f"\t={text(prompt.html)} -> {_escape(texts.pop(matched))}"
        yield from (f"\t= -> {_escape(spare)}" for spare in texts.values())
    else:
        right = len(key.correct) if key is not None else 0
        for option in body.options:
            correct = is_correct(item, option.id)
            share = f"{100 / right:.5f}".rstrip("0").rstrip(".") if correct else "-100"
            sign = f"~%{share}%" if body.kind == "multiple" else "=" if correct else "~"
            yield f"\t{sign}{text(option.html)}"


def lacks(item: WritableItem) -> Message | None:
    """Why this item, of a kind the format has, cannot be in a file."""
    body = item.body
    if body.kind == "fill_in" and body.blanks != 1:
        return ONE_BLANK
    if body.kind == "fill_in" and (parts_around_blanks(item) is None or _misread(item)):
        return BLANKS
    if body.kind == "matching" and plain_options(item) is None:
        return PLAIN_OPTIONS
    return None


def _misread(item: WritableItem) -> bool:
    """Whether its answers would be taken for lines to match."""
    return item.key is None or any("->" in text for text in item.key.accepted[0])


def _escape(text: str) -> str:
    return _CONTROL.sub(r"\\\1", text)


def _wrap(text: str) -> str:
    """A value as it may stand in a comment's ``[tag:…]``."""
    hidden = re.sub(r"%(?=[0-9A-F]{2})|[<>`\\\n\r\t]", lambda found: f"%{ord(found[0]):02X}", text)
    return hidden.replace("]", "\\]")
