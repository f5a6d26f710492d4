"""Aiken: one single-choice question as plain lines, options ``A) …``, and ``ANSWER: B``. Two options that say true and false
make a true/false item. The format holds nothing else: see `formats.losses`.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from itembank import markup
from itembank.errors import msg
from itembank.exchange import cells, item_columns
from itembank.exchange.drafts import Desk, Draft, Unfit, truth_order
from itembank.exchange.figures import Figure
from itembank.exchange.grid import Refused
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.outgoing import NO_FIGURES, Mark
from itembank.exchange.texts import decode
from itembank.exchange.writing import WritableItem
from itembank.items import letter

_DEFAULT: Final = Reading()
_OPTION: Final = re.compile(r"([A-Z])[.)]\s+(.*)")
_ANSWER: Final = re.compile(r"ANSWER\s*[:：]\s*(.*)", re.IGNORECASE)
_MOST_LINES: Final = 100


def sort_items(data: bytes, how: Reading = _DEFAULT, figures: Mapping[str, bytes] | None = None) -> SortedItems:
    """Good questions and refused ones; rows are lines of the file."""
    desk = Desk(how, figures)
    try:
        text = decode(data, how.limits)
    except Refused as refused:
        return SortedItems((), {}, (refused.mistake,), ())
    for line, block in _blocks(text):
        try:
            desk.take(_read(desk, line, block))
        except Unfit as unfit:
            desk.refuse(line, unfit)
    return desk.result()


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, lines) of every question: all up to its ``ANSWER:``, or what is left at the end."""
    block: list[str] = []
    first = 0
    for n, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped:
            continue
        first = first if block else n
        block.append(stripped)
        if _ANSWER.match(stripped):
            yield first, block
            block = []
    if block:
        yield first, block


def _read(desk: Desk, line: int, block: list[str]) -> Draft:
    stem: list[str] = []
    options: list[str] = []
    for text in block[:_MOST_LINES]:
        option = _OPTION.fullmatch(text)
        if option and option[1] == letter(len(options) + 1):
            options.append(option[2])
        elif not options and not _ANSWER.match(text):
            stem.append(text)
    answer = _ANSWER.match(block[-1])
    if answer is None:
        raise Unfit("key", msg("There is no key."), msg("Add a line like ANSWER: B after the options."), block[0])
    correct = item_columns.parse_letters(answer[1][:50])
    if correct is None:
        raise Unfit("key", msg("“%(text)s” is not a key for this kind.", text=answer[1][:60]), msg("Write one letter, like B."))
    html = [_html(desk, f"option_{letter(min(n, 8)).lower()}", text) for n, text in enumerate(options, 1)]
    draft = Draft(line, "single" if len(correct) == 1 else "multiple", _html(desk, "stem", "\n".join(stem)), html, correct)
    truths = truth_order(html)
    if truths is not None and len(correct) == 1 and correct[0] <= 2:
        draft.kind, draft.options, draft.correct = "true_false", [], (truths[correct[0] - 1],)
    return draft


def _html(desk: Desk, field: str, text: str) -> str:
    """A line as HTML; raised and lowered parts and pictures are written as in a spreadsheet cell (`cells`)."""
    made, missing = cells.to_html(text, desk.find)
    return desk.clean(field, made + "".join(f'<img src="{name}">' for name in missing if '"' not in name))


def fits(item: WritableItem) -> bool:
    """Whether plain lines hold the texts of this item as they are, and nobody takes its stem for something else."""
    stem = _plain(item.body.stem_html)
    if stem is None or _OPTION.fullmatch(stem) or _ANSWER.match(stem):
        return False
    return all(_plain(option.html) is not None for option in item.body.options)


def _plain(html: str) -> str | None:
    """The line that is read back as this HTML; None if there is none."""
    text = cells.from_html(html)
    plain = "\n" not in text and not text.startswith(cells.HTML_MARK) and text == text.strip()
    return text if plain else None


def can_hold(item: WritableItem) -> bool:
    """Whether the question can be written at all: one correct option, and a key."""
    return item.body.kind != "multiple" and item.key is not None and len(item.key.correct) == 1


def write_items(
    items: Iterable[WritableItem], *, now: dt.datetime, figures: Mapping[str, Figure] = NO_FIGURES, mark: Mark | None = None
) -> bytes:
    """Items as Aiken in UTF-8. What the format cannot hold is left out or flattened: `formats.losses` tells."""
    lines: list[str] = []
    for item in items:
        if not can_hold(item) or item.key is None:
            continue
        lines.append(_line(item.body.stem_html))
        lines += [f"{letter(option.id)}) {_line(option.html)}" for option in item.body.options]
        lines += [f"ANSWER: {letter(item.key.correct[0])}", ""]
    return "\n".join(lines).encode()


def _line(html: str) -> str:
    text = _plain(html)
    return " ".join(markup.shown_text(html).split()) if text is None else text
