"""Text lists as teachers type them, from .txt (UTF-8, GB18030) and .docx.

    一、单项选择题
    1. 水的沸点是（B）。
    A. 90 ℃   B. 100 ℃   C. 110 ℃
    解析：标准大气压下。

Numbered stems or unnumbered ones with options below, options on lines of their own or in one line, the key as ``答案：B``,
in the brackets of the stem, or in a block 参考答案 at the end; true/false with √ × 对 错. ``难度：``, ``依据：`` and ``鉴定点：``
are read where they are given. There is no writer: a spreadsheet holds more and reads as easily.
"""

import re
from collections.abc import Mapping
from typing import Final

from itembank import markup
from itembank.errors import msg
from itembank.exchange import cells, item_columns
from itembank.exchange import text_marks as marks
from itembank.exchange.archives import Archive
from itembank.exchange.docx import DOCUMENT, FORMULA, Line, read_lines
from itembank.exchange.drafts import Desk, Draft, Unfit, is_choice, truth_order
from itembank.exchange.grid import Refused
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.mistakes import file_error
from itembank.exchange.text_items import LONGEST_TEXT, Collector, Listing, Pieces
from itembank.exchange.texts import decode
from itembank.items import letter

_DEFAULT: Final = Reading()
_BLANK: Final = "（  ）"


def sort_items(data: bytes, how: Reading = _DEFAULT, figures: Mapping[str, bytes] | None = None) -> SortedItems:
    """Good items and refused ones; rows are lines of a text file, paragraphs of a document."""
    desk = Desk(how, figures)
    try:
        lines = _lines(desk, data)
        if len(lines) > how.limits.rows * 10:
            mend = msg("Split it into smaller files.")
            raise Refused(file_error(msg("The file has too many lines."), mend))
    except Refused as refused:
        return SortedItems((), {}, (refused.mistake,), ())
    listing = Collector(lines).read()
    for pieces in listing.items:
        try:
            desk.take(_Item(desk, listing, pieces).read())
        except Unfit as unfit:
            desk.refuse(pieces.row, unfit)
    return desk.result()


def _lines(desk: Desk, data: bytes) -> list[Line]:
    if data[:2] == b"PK":
        archive = Archive(data, desk.how.limits)
        if DOCUMENT not in archive:
            raise Refused(file_error(msg("The file is no Word document."), msg("Save it as .docx and upload that.")))
        return read_lines(archive, desk)
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise Refused(file_error(msg("Old Word files (.doc) cannot be read."), msg("Save it as .docx and upload that.")))
    return [Line(n, text) for n, text in enumerate(decode(data, desk.how.limits).split("\n"), 1)]


class _Item:
    """One item of a list being judged."""

    def __init__(self, desk: Desk, listing: Listing, pieces: Pieces) -> None:
        self.desk, self.listing, self.pieces = desk, listing, pieces
        self.stem = "\n".join(part for part in pieces.stem if part.strip()).strip()
        self.labels = dict(pieces.labels)
        self.kind = self._declared_kind()

    def read(self) -> Draft:
        """The draft. Raises `Unfit`."""
        given = self._given_key()
        key = self._key_of_stem(given)
        self._settle_kind(key)
        pieces = self.pieces
        for n, text in enumerate(pieces.options[:8], 1):
            if marks.holds_other_option(text):
                mend = msg("Put the options in the order A, B, C, D.")
                raise Unfit(f"option_{letter(n).lower()}", msg("Another option stands inside this one."), mend, text)
        options = [self._html(f"option_{letter(n).lower()}", text) for n, text in enumerate(pieces.options[:8], 1)]
        draft = Draft(pieces.row, self.kind, "", options, self._correct(key, options))
        if self.kind == "true_false":
            draft.options = []
        draft.stem = self._html("stem", self.stem)
        draft.rationale = self._html("rationale", self.labels.get("rationale") or self._from_block(self.listing.reasons))
        draft.topic, draft.source = self.labels.get("topic", ""), self.labels.get("source", "")
        draft.difficulty = self.labels.get("difficulty", "")
        draft.reference = "" if pieces.number is None else str(pieces.number)
        return draft

    def _declared_kind(self) -> str:
        """The kind that heading, mark or caller say; empty where the key decides."""
        word = self.pieces.kind_word
        if not word:
            default = self.desk.how.default_kind or ""
            return default if is_choice(default) else ""
        kind = marks.kind_of_word(word)
        if kind is None:
            problem = msg("Questions of the type “%(type)s” cannot be taken.", type=word)
            raise Unfit("kind", problem, msg("Only single choice, multiple choice and true/false can be taken."), self.stem)
        return kind

    def _from_block(self, block: Mapping[tuple[str, int], str]) -> str:
        """What a block at the end says under this item's number, under its heading or without one."""
        number = self.pieces.number
        if number is None:
            return ""
        return block.get((self.pieces.kind_word, number)) or block.get(("", number)) or ""

    def _given_key(self) -> str:
        """The key as labelled or from a block; what stands under 正确答案 but is a sentence is an explanation."""
        given = self.labels.get("key", "").strip(" \t。.")
        if given and _letters(given) is None and item_columns.parse_truth(given) is None and self._keys_in_stem():
            self.labels.setdefault("rationale", self.labels.pop("key"))
            given = ""
        return given or self._from_block(self.listing.keys)

    def _asks_truth(self) -> bool:
        return self.kind == "true_false" or not self.pieces.options

    def _keys_in_stem(self) -> list[re.Match[str]]:
        return marks.keys_in_stem(self.stem, truth=self._asks_truth(), options=len(self.pieces.options))

    def _key_of_stem(self, given: str) -> str:
        """The key; one that stands in the brackets of the stem is taken out of it."""
        truth, found = self._asks_truth(), self._keys_in_stem()
        if len(found) != 1 or self.desk.how.letters_meant:
            if not given and len(found) > 1:
                mend = msg("Write the key on a line of its own: 答案：B.")
                raise Unfit("stem", msg("Several keys seem to stand in the text."), mend, self.stem)
            return given
        inside = found[0][1]
        same = (
            item_columns.parse_truth(inside) == item_columns.parse_truth(given) if truth else _letters(inside) == _letters(given)
        )
        if given and not same:
            self.desk.note(self.pieces.row, "stem", msg("Letters in brackets stand in the text."), msg("Check the key."))
            return given
        blank = "" if truth else _BLANK
        self.stem = (self.stem[: found[0].start()] + blank + self.stem[found[0].end() :]).strip()
        return given or inside

    def _settle_kind(self, key: str) -> None:
        options = self.pieces.options
        if self.kind:
            return
        if not options and not key:
            problem = msg("Neither options nor a key were found.")
            raise Unfit("stem", problem, msg("Write options as A. B. C. and the key as 答案：B."), self.stem)
        truths = truth_order([markup.from_text(option) for option in options])
        if truths is not None or (not options and item_columns.parse_truth(key) is not None):
            self.kind = "true_false"
        else:
            letters = _letters(key)
            self.kind = "multiple" if letters is not None and len(letters) > 1 else "single"

    def _correct(self, key: str, options: list[str]) -> tuple[int, ...]:
        if not key:
            raise Unfit("key", msg("There is no key."), msg("Write the key on a line of its own: 答案：B."), self.stem)
        correct = _letters(key)
        if self.kind == "true_false":
            truths = truth_order(options)
            truth = item_columns.parse_truth(key[:20])
            if truth is None and truths is not None and correct is not None and max(correct) <= 2:
                return tuple(truths[n - 1] for n in correct)
            correct = None if truth is None else (truth,)
            if options and truths is None:
                problem = msg("A true/false item has its own options.")
                raise Unfit("kind", problem, msg("Leave the options empty, or correct the kind."), self.stem)
        if correct is None:
            mend = msg("Write 正确 or 错误.") if self.kind == "true_false" else msg("Write letters, like B or A,C.")
            raise Unfit("key", msg("“%(text)s” is not a key for this kind.", text=key[:60]), mend, self.stem)
        return correct

    def _html(self, field: str, text: str) -> str:
        """A text as HTML, as in a spreadsheet cell (`cells`)."""
        if FORMULA in text:
            problem = msg("The text holds something that cannot be taken: %(what)s.", what="公式")
            raise Unfit(field, problem, msg("Use text, sub- and superscripts or a picture instead."), text)
        if len(text) > LONGEST_TEXT:
            limit = self.desk.how.limits.cell_chars
            raise Unfit(field, msg("The text is too long."), msg("Shorten it to %(n)s characters.", n=limit), text[:200])
        made, missing = cells.to_html(text, self.desk.find)
        for name in missing:
            problem = msg("The picture “%(name)s” was not given, or is no PNG, JPEG, GIF, WebP or SVG.", name=name)
            raise Unfit(field, problem, msg("Upload it together with the file, under this name."), name)
        return self.desk.clean(field, made)


def _letters(text: str) -> tuple[int, ...] | None:
    return item_columns.parse_letters(text) if text and len(text) <= 40 else None
