"""What a row holds beyond the text: the lines to match, the shared text of a set, and the key as its kind writes it.

The functions read for an `item_row.RowReader`; what is wrong they note there by column and give None.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from itembank.errors import Message, msg
from itembank.exchange import item_answers, item_columns
from itembank.exchange.item_columns import PROMPT_FIELDS
from itembank.exchange.mistakes import shorten
from itembank.items import KINDS, Answer, ItemKeyData, option_ids, write_key
from itembank.markup import blanks_in

if TYPE_CHECKING:
    from itembank.exchange.item_row import RowReader

_LETTERS_IN_STEM: Final = re.compile(r"[（(]\s*([A-HＡ-Ｈ](?:[、，,\s]*[A-HＡ-Ｈ])*)\s*[)）]")
_TRUTH_IN_STEM: Final = re.compile(r"[（(]\s*(√|×|✓|✗|对|错|正确|错误)\s*[)）]")
_EMPTY_BRACKETS: Final = re.compile(r"[（(]\s*[)）]")
BLANK: Final = "____"


@dataclass(frozen=True, slots=True)
class TypedKey:
    """A key as its cell says it; options by position."""

    correct: tuple[int, ...] = ()
    accepted: tuple[tuple[str, ...], ...] = ()
    number: str = ""
    tolerance: str = ""
    units: tuple[str, ...] = ()

    def key(self, kind: str, stem_html: str, options: Sequence[str], rationale: str) -> ItemKeyData:
        """The key by option ids; a position without an option keeps its number, which is no id then."""
        ids = option_ids(kind, stem_html, options)
        chosen = (ids[n - 1] if n <= len(ids) else n for n in self.correct)
        return write_key(
            chosen,
            rationale,
            kind=kind,
            accepted=self.accepted,
            number=self.number,
            tolerance=self.tolerance,
            units=self.units,
        )


def read_key(row: "RowReader", kind: str, options: list[str]) -> TypedKey | None:
    """The key of this row."""
    match KINDS[kind].answer:
        case Answer.TEXTS:
            return _texts(row)
        case Answer.NUMBER:
            return _number(row)
        case Answer.ORDER:
            mend = msg("Write all letters in the right order, like CABD.")
            return _letters(row, item_answers.parse_sequence(row.texts.get("key", "")), mend)
        case Answer.PAIRS:
            mend = msg("Write the letter for each line, like 1-B 2-A 3-D.")
            return _letters(row, item_answers.parse_pairs(row.texts.get("key", "")), mend)
    correct = _choice(row, kind, options)
    return None if correct is None else TypedKey(correct)


def _letters(row: "RowReader", places: tuple[int, ...] | None, mend: Message) -> TypedKey | None:
    text = row.texts.get("key", "")
    if not text:
        row.wrong("key", msg("There is no key."), mend)
    elif places is None:
        row.wrong("key", msg("“%(text)s” is not a key for this kind.", text=shorten(text)), mend)
    return TypedKey(places) if places else None


def _texts(row: "RowReader") -> TypedKey | None:
    text = row.texts.get("key", "")
    mend = msg(r"Part the blanks by ； and several accepted answers of one blank by |; write \； for a semicolon itself.")
    if not text:
        row.wrong("key", msg("There is no key."), mend)
        return None
    accepted = item_answers.parse_accepted(text)
    blanks = blanks_in(row.texts["stem"])
    if blanks and len(accepted) != blanks:
        problem = msg("The text has %(blanks)s blanks, but the key answers %(n)s.", blanks=blanks, n=len(accepted))
        row.wrong("key", problem, mend)
        return None
    return TypedKey(accepted=accepted)


def _number(row: "RowReader") -> TypedKey | None:
    text = row.texts.get("key", "")
    if not text:
        row.wrong("key", msg("There is no key."), msg("Write the number that is right."))
        return None
    number, tolerance = item_answers.parse_number(text)
    apart = row.texts.get("tolerance", "")
    if tolerance and apart and tolerance != apart:
        row.wrong("tolerance", msg("The key and this column name different tolerances."), msg("Leave one of the two empty."))
        return None
    return TypedKey(number=number, tolerance=apart or tolerance, units=item_answers.parse_units(row.texts.get("unit", ""))[1])


def unit_of(row: "RowReader", kind: str) -> str:
    """The unit shown behind the field; other kinds have none, and say so."""
    answer = KINDS[kind].answer
    for name in ("unit", "tolerance"):
        if answer != Answer.NUMBER and row.texts.get(name):
            row.wrong(
                name, msg("Only a calculation item has a unit and a tolerance."), msg("Leave it empty, or correct the kind.")
            )
    return item_answers.parse_units(row.texts.get("unit", ""))[0] if answer == Answer.NUMBER else ""


def take_blanks(row: "RowReader", kind: str) -> None:
    """Empty brackets are blanks where a fill-in text has no others."""
    stem = row.texts["stem"]
    if KINDS[kind].answer != Answer.TEXTS or blanks_in(stem):
        return
    made, found = _EMPTY_BRACKETS.subn(BLANK, stem)
    if found:
        row.texts["stem"] = made
        row.note("stem", msg("Empty brackets were taken as blanks."), msg("Write ____ for a blank, to be sure."))


def read_prompts(row: "RowReader", kind: str) -> list[str]:
    """The HTML of the lines to match; a gap is a mistake, and so are lines of another kind."""
    texts = [row.texts.get(name, "") for name in PROMPT_FIELDS]
    while texts and not texts[-1] and not row.pictures_at(PROMPT_FIELDS[len(texts) - 1]):
        texts.pop()
    if KINDS[kind].answer != Answer.PAIRS:
        for name, text in zip(PROMPT_FIELDS, texts, strict=False):
            if text:
                row.wrong(name, msg("Only a matching item has lines to match."), msg("Leave it empty, or correct the kind."))
        return []
    found = []
    for n, text in enumerate(texts, 1):
        html = row.whole_html(PROMPT_FIELDS[n - 1], text)
        if not html:
            mend = msg("Fill it in, or move the later lines up.")
            row.wrong(PROMPT_FIELDS[n - 1], msg("Line %(n)s is empty, but a later one is not.", n=n), mend)
        found.append(html)
    return found


@dataclass(frozen=True, slots=True)
class Case:
    """The shared text of a set as its first row gives it: as typed, and as HTML with the pictures that lie on it."""

    row: int
    typed: str
    html: str


def read_case(row: "RowReader") -> tuple[str, str]:
    """Name and text of the set this row belongs to; both empty for a row of none."""
    name = " ".join(row.texts.get("case", "").split())
    typed = row.texts.get("stimulus", "")
    if not name:
        if typed:
            mend = msg("Give all questions of the set the same number or name there.")
            row.wrong("case", msg("The shared text has no number in the column 材料编号."), mend)
        return "", ""
    first = row.sheet.cases.get(name)
    if first is None:
        html = row.whole_html("stimulus", typed)
        if not html:
            problem = msg("The shared text of the set “%(name)s” is missing.", name=shorten(name))
            row.wrong("stimulus", problem, msg("Write it in the first row of the set."))
            return "", ""
        first = row.sheet.cases[name] = Case(row.row, typed, html)
    if typed and typed != first.typed:
        problem = msg("The set “%(name)s” has another text in row %(row)s.", name=shorten(name), row=first.row + 1)
        row.wrong("stimulus", problem, msg("Leave the cell empty here, or give the set another number."))
    return name, first.html


def _choice(row: "RowReader", kind: str, options: list[str]) -> tuple[int, ...] | None:
    text = row.texts.get("key", "")
    if not text and row.how.key_in_stem:
        text = _take_key_from_stem(row, kind)
        if not text:
            return None
    if not text:
        row.wrong("key", msg("There is no key."), msg("Write the letter of the correct option, or 正确 / 错误."))
        return None
    correct = _truth(text, options) if KINDS[kind].fixed_options else item_columns.parse_letters(text)
    if correct is None:
        mend = msg("Write 正确 or 错误.") if KINDS[kind].fixed_options else msg("Write letters, like B or A,C.")
        row.wrong("key", msg("“%(text)s” is not a key for this kind.", text=shorten(text)), mend)
    return correct


def _truth(text: str, options: list[str]) -> tuple[int, ...] | None:
    """正确 / 错误 in words, or the letter of an option that says so."""
    truth = item_columns.parse_truth(text)
    letters = item_columns.parse_letters(text)
    if truth is None and letters is not None and len(letters) == 1 and letters[0] <= len(options):
        truth = item_columns.parse_truth(options[letters[0] - 1])
    return None if truth is None else (truth,)


def _take_key_from_stem(row: "RowReader", kind: str) -> str:
    stem = row.texts["stem"]
    truth = bool(KINDS[kind].fixed_options)
    found = list((_TRUTH_IN_STEM if truth else _LETTERS_IN_STEM).finditer(stem))
    if len(found) != 1:
        problem = msg("No key was found in the text.") if not found else msg("Several keys seem to stand in the text.")
        row.wrong("stem", problem, msg("Put the key into a column of its own."))
        return ""
    blank = "" if truth else "（  ）"
    row.texts["stem"] = stem[: found[0].start()] + blank + stem[found[0].end() :]
    return found[0][1]
