"""Fill-in (cloze, shortanswer), calculation, matching and ordering questions of Moodle XML, both ways."""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from lxml import etree

from itembank import markup
from itembank.errors import Message, msg
from itembank.exchange.drafts import Draft, Unfit
from itembank.exchange.foreign_kinds import (
    BLANK,
    BLANKS,
    PLAIN_OPTIONS,
    bare_number,
    parts_around_blanks,
    plain_options,
    set_number,
    set_pairs,
    unsupported,
    with_blank,
)
from itembank.exchange.safe_xml import attribute, child, children, text_of
from itembank.exchange.writing import WritableItem
from itembank.items import letter

if TYPE_CHECKING:
    from itembank.exchange.moodle import Question

_CLOZE: Final = re.compile(r"\{\s*\d*\s*:\s*([A-Z_]{2,20})\s*:((?:\\.|[^\\}])*)\}", re.DOTALL)
_SHORT: Final = frozenset({"SHORTANSWER", "SA", "MW", "SHORTANSWER_C", "SAC", "MWC"})
_NUMERICAL: Final = frozenset({"NUMERICAL", "NM"})
_TOKEN: Final = re.compile(r"\\.|.", re.DOTALL)
_WEIGHT: Final = re.compile(r"=|%(-?[0-9]{1,3}(?:\.[0-9]{0,9})?)%")
_TAGS: Final = re.compile(r"<[^>]*>")
_SPECIAL: Final = re.compile(r"([\\#~}])")
_MOST: Final = 50


def weight(answer: etree._Element) -> float:
    """The percentage of the marks an answer earns."""
    try:
        return float(attribute(answer, "fraction") or 0)
    except ValueError:
        return 0.0


# --- in -----------------------------------------------------------------------------------------------------------------


def read_cloze(question: "Question", draft: Draft) -> None:
    """Blanks within the text; a single number within it is a calculation item. Raises `Unfit`."""
    asked: list[tuple[str, str]] = []

    def gap(found: re.Match[str]) -> str:
        asked.append((found[1], found[2]))
        return BLANK

    draft.stem = question.html("stem", child(question.element, "questiontext"), lambda text: _CLOZE.sub(gap, text))
    kinds = {kind for kind, _text in asked}
    if kinds and kinds <= _SHORT:
        draft.kind = "fill_in"
        draft.accepted = tuple(tuple(_right(question, text)) for _kind, text in asked[:_MOST])
    elif len(asked) == 1 and kinds <= _NUMERICAL:
        numbers = list(_right(question, asked[0][1]))
        if len(numbers) != 1:
            raise _several(len(numbers), draft)
        number, _colon, tolerance = numbers[0].partition(":")
        set_number(draft, number, tolerance)
    else:
        raise unsupported(" ".join(["cloze", *sorted(kinds)]), markup.plain_text(draft.stem))


def _right(question: "Question", text: str) -> Iterator[str]:
    """The answers that earn all marks."""
    for one in _split(text, "~"):
        answer, *feedback = _split(one, "#")
        found = _WEIGHT.match(answer.strip())
        share = 0.0 if found is None else float(found[1] or 100)
        if 0 < share < 100:
            question.note_partly()
        if feedback:
            question.note_remarks()
        if share >= 100 and found is not None:
            yield html.unescape(_TAGS.sub("", re.sub(r"\\(.)", r"\1", answer.strip()[found.end() :]))).strip()


def _split(text: str, mark: str) -> list[str]:
    """Parted at a mark no backslash or ``&`` stands before (``&#8364;`` is a character)."""
    parts = [""]
    for token in _TOKEN.findall(text):
        if token == mark and not parts[-1].endswith("&"):
            parts.append("")
        else:
            parts[-1] += token
    return parts


def read_short(question: "Question", draft: Draft) -> None:
    """One word or phrase; its blank comes after the text unless the text has one."""
    draft.kind, draft.stem = "fill_in", with_blank(draft.stem)
    draft.accepted = (tuple(text_of(child(answer, "text")) for answer in _whole(question)),)


def read_numerical(question: "Question", draft: Draft) -> None:
    """One number with its tolerance and units. Raises `Unfit`."""
    right = _whole(question)
    if len(right) != 1:
        raise _several(len(right), draft)
    set_number(draft, text_of(child(right[0], "text")), text_of(child(right[0], "tolerance")))
    listed = child(question.element, "units")
    units = children(listed, "unit")[:_MOST] if listed is not None else []
    plain = [text_of(child(one, "unit_name")) for one in units if text_of(child(one, "multiplier")) in {"1", "1.0", ""}]
    if len(plain) < len(units):
        problem = msg("Units other than that of the number were not taken.")
        question.desk.note(question.row, "unit", problem, msg("Write the answer in one unit."))
    draft.unit, draft.units = (plain[0], tuple(plain[1:])) if plain else ("", ())


def _whole(question: "Question") -> list[etree._Element]:
    answers = children(question.element, "answer")[:_MOST]
    if any(0 < weight(answer) < 100 for answer in answers):
        question.note_partly()
    return [answer for answer in answers if weight(answer) >= 100]


def _several(n: int, draft: Draft) -> Unfit:
    problem, mend = msg("The question has %(n)s right numbers.", n=n), msg("Leave one number with its tolerance.")
    return Unfit("key", problem, mend, markup.plain_text(draft.stem))


def read_matching(question: "Question", draft: Draft) -> None:
    """Lines with the option of each; a line without text is an option more."""
    pairs = []
    for n, one in enumerate(children(question.element, "subquestion")[:_MOST], 1):
        answer = child(one, "answer")
        option = markup.from_text(text_of(child(answer, "text"))) if answer is not None else ""
        shown = question.html(f"prompt_{min(n, 8)}", one)
        pairs.append((shown if markup.plain_text(shown) else "", option))
    set_pairs(draft, pairs)


def read_ordering(question: "Question", draft: Draft) -> None:
    """Things in the right order."""
    answers = sorted(children(question.element, "answer")[:_MOST], key=weight)
    draft.kind = "ordering"
    draft.options = [question.html(f"option_{letter(min(n, 8)).lower()}", one) for n, one in enumerate(answers, 1)]
    draft.correct = tuple(range(1, len(answers) + 1))


READERS: Final[Mapping[str, Callable[["Question", Draft], None]]] = {
    "cloze": read_cloze,
    "multianswer": read_cloze,
    "shortanswer": read_short,
    "numerical": read_numerical,
    "matching": read_matching,
    "ordering": read_ordering,
}
"""Moodle's type -> its reader. The stem of the draft is the question's text as it stands."""


# --- out ----------------------------------------------------------------------------------------------------------------

Formatted = Callable[[str, str], etree._Element]
"""(name, HTML) -> a child of the question with this text and its pictures."""

TYPES: Final = {"fill_in": "cloze", "numeric": "numerical", "matching": "matching", "ordering": "ordering"}


def lacks(item: WritableItem) -> Message | None:
    """Why this item, of a kind the format has, cannot be in a file."""
    if item.body.kind == "fill_in" and (parts_around_blanks(item) is None or _CLOZE.search(item.body.stem_html)):
        return BLANKS
    if item.body.kind == "matching" and plain_options(item) is None:
        return PLAIN_OPTIONS
    return None


def cloze_text(item: WritableItem) -> str:
    """The stem with answers in place of its blanks."""
    parts = parts_around_blanks(item) or [item.body.stem_html]
    accepted = item.key.accepted if item.key is not None else ()
    gaps = ["{1:SHORTANSWER:" + "~".join(f"={_escaped(text)}" for text in texts) + "}" for texts in accepted]
    return "".join(part + gap for part, gap in zip(parts, [*gaps, ""], strict=False))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False))


def write_kind(question: etree._Element, item: WritableItem, formatted: Formatted) -> None:
    """What comes after the text of a question of one of `TYPES` but cloze. The key is there."""
    match item.body.kind:
        case "numeric":
            _write_number(question, item)
        case "matching":
            _leaf(question, "shuffleanswers", "true")
            _write_pairs(item, formatted)
        case "ordering":
            for name, text in _ORDERING.items():
                _leaf(question, name, text)
            by_id = {option.id: option.html for option in item.body.options}
            for n, option in enumerate(item.key.correct if item.key is not None else (), 1):
                formatted("answer", by_id[option]).set("fraction", str(n))


_ORDERING: Final = {
    "layouttype": "VERTICAL",
    "selecttype": "ALL",
    "selectcount": "0",
    "gradingtype": "ALL_OR_NOTHING",
    "showgrading": "SHOW",
    "numberingstyle": "none",
}


def _write_number(question: etree._Element, item: WritableItem) -> None:
    if item.key is None:
        return
    answer = etree.SubElement(question, "answer", fraction="100", format="moodle_auto_format")
    _leaf(answer, "text", bare_number(item.key.number))
    _leaf(answer, "tolerance", bare_number(item.key.tolerance))
    units = list(filter(None, (item.body.unit, *item.key.units)))
    for name, text in (("unitgradingtype", "0"), ("unitpenalty", "0"), ("showunits", "3"), ("unitsleft", "0")):
        _leaf(question, name, text)
    listed = etree.SubElement(question, "units") if units else None
    for unit in units if listed is not None else ():
        one = etree.SubElement(listed, "unit")
        _leaf(one, "multiplier", "1")
        _leaf(one, "unit_name", unit)


def _write_pairs(item: WritableItem, formatted: Formatted) -> None:
    texts = dict(enumerate(plain_options(item) or [], 1))
    for prompt, option in zip(item.body.prompts, item.key.correct if item.key is not None else (), strict=True):
        _answered(formatted("subquestion", prompt.html), texts.pop(option))
    for spare in texts.values():
        _answered(formatted("subquestion", ""), spare)


def _answered(line: etree._Element, text: str) -> None:
    _leaf(etree.SubElement(line, "answer"), "text", text)


def _leaf(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text
