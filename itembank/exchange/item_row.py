"""One row of an item sheet -> one item, or its mistakes by column."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from itembank import lint, markup
from itembank.demands import LONGEST_LEVEL
from itembank.errors import Message, msg
from itembank.exchange import cells, item_columns
from itembank.exchange.figures import read_figure
from itembank.exchange.grid import Grid, Limits, Oddity
from itembank.exchange.item_columns import HEADERS, MATCHED_LETTERS, OPTION_FIELDS, PROMPT_FIELDS
from itembank.exchange.item_kind_row import Case, read_case, read_key, read_prompts, take_blanks, unit_of
from itembank.exchange.mistakes import RowError, column_letter, shorten
from itembank.items import KINDS, ItemBody, ItemKeyData, check_item, with_stimulus, write_body
from itembank.similarity import content_digest, strip_option_letters

BY_KEY: Final = "by_key"
_IS_TEXT: Final = frozenset({"stem", "stimulus", *OPTION_FIELDS, *PROMPT_FIELDS})


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file that is not the template.

    ``mapping``: field (a key of `item_columns.HEADERS`) -> header text, or ``#C`` for a column letter. ``kinds``: what stands in
    the kind column -> kind code. ``default_kind``: a kind code for files without that column, or ``by_key`` to tell it from key
    and options. ``default_topic``: leaf code for rows without one. ``topics``: the leaf codes there are, None to accept any.
    ``key_in_stem``: the key stands in the stem as （C）.
    ``letters_meant``: a letter in brackets in a stem is no leftover of a key, even if it is the key's letter.
    ``known_media``: digests already in the bank.
    """

    sheet: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    default_kind: str | None = None
    default_topic: str | None = None
    topics: frozenset[str] | None = None
    key_in_stem: bool = False
    letters_meant: bool = False
    allow_one_correct: bool = False
    known_media: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """One item as read; ``row`` is its row in the file, ``digest`` its content digest (`similarity.content_digest`).

    The questions of a set have the same ``body.stimulus``: the set's number or name in the file.
    """

    row: int
    body: ItemBody
    key: ItemKeyData
    topic_code: str
    difficulty: int | None
    source: str
    reference: str
    digest: bytes
    cognitive: str = ""


class Sheet:
    """One sheet being read: where its columns are, and what has been found so far."""

    def __init__(self, grid: Grid, header_row: int, columns: dict[str, int], how: Reading, figures: Mapping[str, bytes]) -> None:
        self.grid, self.header_row, self.columns, self.how = grid, header_row, columns, how
        self.mistakes: list[RowError] = []
        self.notes: list[RowError] = []
        self.named = {name.casefold(): read_figure(data) for name, data in figures.items()}
        self.figures = {figure.digest: figure for figure in self.named.values() if figure is not None}
        self.seen: dict[bytes, int] = {}
        self.cases: dict[str, Case] = {}

    def find_figure(self, name: str) -> str | None:
        """The digest of a picture by file name, by digest in the file or in the bank."""
        figure = self.named.get(name.casefold())
        if figure is not None:
            return figure.digest
        digest = cells.digest_in_name(name)
        return digest if digest in self.figures or digest in self.how.known_media else None


class RowReader:
    """Reads one row. Each method handles one column, says what is wrong with it and gives None for what it cannot read."""

    def __init__(self, sheet: Sheet, row: int) -> None:
        self.sheet, self.row, self.how = sheet, row, sheet.how
        self.texts = {name: sheet.grid.text(row, column) for name, column in sheet.columns.items()}
        self.failed = False

    def wrong(self, name: str, problem: Message, mend: Message) -> None:
        """Note a mistake; the row is refused."""
        self.failed = True
        self.sheet.mistakes.append(self._mistake(name, problem, mend))

    def note(self, name: str, problem: Message, mend: Message) -> None:
        """Note something the author should look at; the row is taken."""
        self.sheet.notes.append(self._mistake(name, problem, mend))

    def _mistake(self, name: str, problem: Message, mend: Message) -> RowError:
        column = self.sheet.columns.get(name)
        letter = "" if column is None else column_letter(column)
        header = HEADERS[name][0] if column is None else self.sheet.grid.text(self.sheet.header_row, column)
        return RowError(self.row + 1, letter, header, shorten(self.texts.get(name, "")), problem, mend)

    def read(self) -> ImportedItem | None:
        """The item, or None with its mistakes noted."""
        self._look_at_cells()
        options = self._options()
        kind = self._kind(options)
        topic, difficulty, fixed = self._topic(), self._difficulty(), self._fixed_order()
        level = self._cognitive()
        if kind is None:
            return None
        take_blanks(self, kind)
        typed, unit, prompts = read_key(self, kind, options), unit_of(self, kind), read_prompts(self, kind)
        stem, *texts = self._html(kind, options)
        case, shared = read_case(self)
        if typed is None or self.failed:
            return None
        body = write_body(kind, stem, texts, fixed_order=fixed, prompts=prompts, unit=unit)
        key = typed.key(kind, stem, texts, cells.to_html(self.texts.get("rationale", ""))[0])
        if case:
            body = with_stimulus(body, case, shared)
        self._check(body, key)
        digest = content_digest(body)
        self._check_twin(digest)
        if self.failed:
            return None
        source, reference = self.texts.get("source", ""), self.texts.get("reference", "")
        return ImportedItem(self.row + 1, body, key, topic, difficulty, source, reference, digest, level)

    def _look_at_cells(self) -> None:
        for name, column in self.sheet.columns.items():
            if len(self.texts[name]) > self.how.limits.cell_chars:
                limit = self.how.limits.cell_chars
                self.wrong(name, msg("The text is too long."), msg("Shorten it to %(n)s characters.", n=limit))
            oddity = self.sheet.grid.oddities.get((self.row, column))
            if oddity is not None:
                self._judge(name, oddity)

    def _judge(self, name: str, oddity: Oddity) -> None:
        """Numbers are at home in some columns; dates and error values in none."""
        as_text = msg("Format the cell as text and type it again.")
        is_text = name in _IS_TEXT
        match oddity:
            case Oddity.ERROR:
                self.wrong(name, msg("The cell shows a calculation error."), msg("Type the value instead."))
            case Oddity.DATE if is_text or name in {"topic", "key", "difficulty"}:
                self.wrong(name, msg("The spreadsheet has turned this into a date."), as_text)
            case Oddity.LONG_NUMBER if is_text or name == "topic":
                self.wrong(name, msg("The spreadsheet has rounded this long number."), as_text)
            case Oddity.FORMULA:
                self.note(name, msg("A formula: its last value was taken."), msg("Check the value."))
            case Oddity.NUMBER if is_text:
                self.note(
                    name,
                    msg("A number: zeros at its end or a percent sign may be missing."),
                    msg("Check it, or format the cell as text and type it again."),
                )

    def _options(self) -> list[str]:
        """Texts of the options, without the letters before them; a gap is a mistake."""
        texts = [self.texts.get(name, "") for name in OPTION_FIELDS]
        while texts and not texts[-1] and not self.pictures_at(OPTION_FIELDS[len(texts) - 1]):
            texts.pop()
        for n, text in enumerate(texts):
            if not text and not self.pictures_at(OPTION_FIELDS[n]):
                mend = msg("Fill it in, or move the later options up.")
                problem = msg("Option %(letter)s is empty, but a later one is not.", letter=MATCHED_LETTERS[n])
                self.wrong(OPTION_FIELDS[n], problem, mend)
        return strip_option_letters(texts)

    def _kind(self, options: list[str]) -> str | None:
        word = self.texts.get("kind", "")
        if not word:
            kind = self._kind_by_key(options) if self.how.default_kind == BY_KEY else self.how.default_kind
            if kind is None:
                self.wrong("kind", msg("The kind of item is missing."), self._known_kinds())
            return kind
        kind = self.how.kinds.get(word) or item_columns.KIND_WORDS.get(item_columns.plain_word(word))
        if kind not in KINDS:
            self.wrong("kind", msg("“%(word)s” is not a kind of item known here.", word=shorten(word)), self._known_kinds())
            return None
        return kind

    def _known_kinds(self) -> Message:
        return msg("Use one of: %(kinds)s.", kinds="、".join(kind.name_zh for kind in KINDS.values()))

    def _kind_by_key(self, options: list[str]) -> str | None:
        text = self.texts.get("key", "")
        truths = [item_columns.parse_truth(option) for option in options]
        if (not options and item_columns.parse_truth(text)) or (len(options) == 2 and all(truths)):
            return "true_false"
        letters = item_columns.parse_letters(text)
        if letters is None:
            return None
        return "single" if len(letters) == 1 else "multiple"

    def _topic(self) -> str:
        code = self.texts.get("topic", "") or self.how.default_topic or ""
        if not code:
            self.wrong("topic", msg("The leaf code is missing."), msg("Write it like B-C-A-014."))
        elif self.how.topics is not None and code not in self.how.topics:
            problem = msg("The content table has no knowledge point “%(code)s”.", code=shorten(code))
            self.wrong("topic", problem, msg("Correct the code; see the sheet 鉴定点 of the template."))
        return code

    def _cognitive(self) -> str:
        text = " ".join(self.texts.get("cognitive", "").split())
        if len(text) > LONGEST_LEVEL:
            self.wrong("cognitive", msg("The text is too long."), msg("Shorten it to %(n)s characters.", n=LONGEST_LEVEL))
        return text

    def _difficulty(self) -> int | None:
        text = self.texts.get("difficulty", "")
        value = item_columns.parse_difficulty(text) if text else None
        if text and value is None:
            self.wrong("difficulty", msg("The difficulty is not 1 to 5."), msg("Write 1 (easy) to 5 (hard), or leave it empty."))
        return value

    def _fixed_order(self) -> bool:
        text = item_columns.plain_word(self.texts.get("fixed_order", ""))
        if text not in item_columns.YES_NO:
            self.wrong("fixed_order", msg("This is neither yes nor no."), msg("Write 是, 否 or nothing."))
        return item_columns.YES_NO.get(text, False)

    def _html(self, kind: str, options: list[str]) -> list[str]:
        """The stem's HTML, then the options', pictures in place; figures that stand nowhere in the text on lines of their own."""
        stem = self._cell_html("stem", self.texts["stem"])
        loose = [digest for name in ("stem", "figures") for digest in self.pictures_at(name)]
        for name in filter(None, re.split(r"[;；,，、\n]+", self.texts.get("figures", ""))):
            digest = self.sheet.find_figure(name.strip())
            if digest is None:
                self._no_picture("figures", name.strip())
            elif digest not in markup.media_of(stem):
                loose.append(digest)
        stem = "<br>".join([*filter(None, [stem]), *map(cells.picture, dict.fromkeys(loose))])
        if KINDS[kind].fixed_options:
            self._check_truth_options(options)
            return [stem]
        return [stem, *(self.whole_html(name, text) for name, text in zip(OPTION_FIELDS, options, strict=False))]

    def _check_truth_options(self, options: list[str]) -> None:
        for name, text in zip(OPTION_FIELDS, options, strict=False):
            if text and item_columns.parse_truth(text) is None:
                problem = msg("A true/false item has its own options.")
                self.wrong(name, problem, msg("Leave the options empty, or correct the kind."))

    def whole_html(self, name: str, text: str) -> str:
        """The HTML of a cell, and after it the pictures that lie on it."""
        return self._cell_html(name, text) + "".join(map(cells.picture, self.pictures_at(name)))

    def _cell_html(self, name: str, text: str) -> str:
        made, missing = cells.to_html(text, self.sheet.find_figure)
        for picture in missing:
            self._no_picture(name, picture)
        return made

    def _no_picture(self, name: str, picture: str) -> None:
        problem = msg("The picture “%(name)s” was not given, or is no PNG, JPEG, GIF, WebP or SVG.", name=shorten(picture))
        self.wrong(name, problem, msg("Upload it together with the file, under this name."))

    def pictures_at(self, name: str) -> list[str]:
        """Digests of pictures embedded in the sheet at this column of the row."""
        column = self.sheet.columns.get(name)
        found: list[str] = []
        for data in self.sheet.grid.pictures.get((self.row, column), []) if column is not None else []:
            figure = read_figure(data)
            if figure is None:
                self.wrong(name, msg("An embedded picture is of an unknown format."), msg("Use PNG or JPEG."))
                continue
            self.sheet.figures[figure.digest] = figure
            found.append(figure.digest)
        return found

    def _check(self, body: ItemBody, key: ItemKeyData) -> None:
        for fault in check_item(body, key, allow_one_correct=self.how.allow_one_correct):
            self.wrong(_column_of(fault.field), fault.problem, fault.mend)
        for finding in lint.blocking(body, key) if not self.failed else ():
            if finding.code == "key_in_blank" and self.how.letters_meant:
                continue
            mend = msg("Remove it there; the key belongs into its own column.")
            if finding.code == "key_in_blank":
                mend = msg("Empty the brackets, or say on import that such letters are meant.")
            self.wrong(_column_of(finding.where), finding.message, mend)

    def _check_twin(self, digest: bytes) -> None:
        if self.failed:
            return
        first = self.sheet.seen.setdefault(digest, self.row)
        if first != self.row:
            problem = msg("This is the same item as in row %(row)s.", row=first + 1)
            self.wrong("stem", problem, msg("Delete one of the two rows."))


def _column_of(field_name: str) -> str:
    """The column of a field of an item: ``options.2`` -> ``option_b``, ``prompts.2`` -> ``prompt_2``."""
    name, _, number = field_name.partition(".")
    fields = {"options": OPTION_FIELDS, "prompts": PROMPT_FIELDS}.get(name)
    if fields is None:
        return name
    return fields[int(number) - 1] if number and int(number) <= len(fields) else fields[0]
