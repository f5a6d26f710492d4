"""From what a reader found of one item to an item, or to its mistakes. Shared by all formats that are no spreadsheets.

A reader makes a `Draft` per item and hands it to the `Desk`, which cleans the HTML, places the pictures, looks at the topic,
checks the whole as an import must, and keeps good and refused apart. `Unfit` ends the reading of one item, never of the file.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as slot
from typing import Final
from urllib.parse import unquote

from itembank import lint, markup
from itembank.errors import Message, msg
from itembank.exchange import cells, item_columns
from itembank.exchange.figures import Figure, read_figure
from itembank.exchange.item_columns import HEADERS, OPTION_FIELDS, PROMPT_FIELDS
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.mistakes import RowError, by_place, file_error, shorten
from itembank.items import CHOICE_KINDS, ItemBody, ItemKeyData, check_item, option_ids, write_body, write_key
from itembank.similarity import content_digest

Finder = Callable[[str], str | None]

_LARGEST_HTML: Final = 200_000
_DEEPEST_HTML: Final = 100
_SHORT_FIELDS: Final = 2_000
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID: Final = frozenset(["br", "img", "hr", "wbr", "input", "col"])
_LOST: Final = re.compile(r"<(math|svg|object|embed|iframe|video|audio|canvas|applet)\b", re.IGNORECASE)
_EMBEDDED: Final = re.compile(r"""src\s*=\s*["']?data:image/[a-z0-9.+-]{1,20};base64,([A-Za-z0-9+/=%\s]*)["']?""", re.IGNORECASE)
_LEAF_CODE: Final = re.compile(r"[A-Za-z0-9]{1,4}(?:-[A-Za-z0-9]{1,4})*-[0-9]{1,4}")


class Unfit(Exception):
    """An item that cannot be taken: the field at fault (a key of `item_columns.HEADERS`, or empty), why, and how to mend it."""

    def __init__(self, field: str, problem: Message, mend: Message, value: str = "") -> None:
        super().__init__(str(problem))
        self.field, self.problem, self.mend, self.value = field, problem, mend, value


@dataclass(slots=True)
class Draft:
    """One item as its reader understood it. HTML has been through `Desk.clean`.

    ``correct`` are options by position from 1: ordering in the right order, matching one for each of ``prompts``.
    """

    row: int
    kind: str
    stem: str
    options: list[str]
    correct: tuple[int, ...]
    rationale: str = ""
    topic: str = ""
    difficulty: str = ""
    source: str = ""
    reference: str = ""
    fixed_order: bool = False
    prompts: list[str] = slot(default_factory=list)
    accepted: tuple[tuple[str, ...], ...] = ()
    number: str = ""
    tolerance: str = ""
    unit: str = ""
    units: tuple[str, ...] = ()

    def written(self) -> tuple[ItemBody, ItemKeyData]:
        """Body and key, not checked yet."""
        body = write_body(self.kind, self.stem, self.options, fixed_order=self.fixed_order, prompts=self.prompts, unit=self.unit)
        ids = option_ids(self.kind, self.stem, self.options)
        key = write_key(
            (ids[n - 1] if n <= len(ids) else n for n in self.correct),
            self.rationale,
            kind=self.kind,
            accepted=self.accepted,
            number=self.number,
            tolerance=self.tolerance,
            units=self.units,
        )
        return body, key


class Desk:
    """One file being read. ``row`` in mistakes is what the format counts: lines, paragraphs or questions, from 1."""

    def __init__(self, how: Reading, figures: Mapping[str, bytes] | None) -> None:
        self.how = how
        self.items: list[ImportedItem] = []
        self.mistakes: list[RowError] = []
        self.notes: list[RowError] = []
        self.figures: dict[str, Figure] = {}
        self._named: dict[str, str] = {}
        self._seen: dict[bytes, int] = {}
        self.place = ""  # the file inside a package that is being read
        for name, data in (figures or {}).items():
            figure = self.add_figure(data)
            if figure is not None:
                self._named[name.casefold()] = figure.digest

    # --- what was found -------------------------------------------------------------------------------------------------

    def wrong(self, row: int, field: str, problem: Message, mend: Message, value: str = "") -> None:
        """Note a mistake; the item in this row is refused."""
        self.mistakes.append(self._mistake(row, field, problem, mend, value))

    def note(self, row: int, field: str, problem: Message, mend: Message, value: str = "") -> None:
        """Note something the author should look at; the item is taken."""
        self.notes.append(self._mistake(row, field, problem, mend, value))

    def refuse(self, row: int, unfit: Unfit) -> None:
        """Note why an item was not read to its end."""
        self.wrong(row, unfit.field, unfit.problem, unfit.mend, unfit.value)

    def _mistake(self, row: int, field: str, problem: Message, mend: Message, value: str) -> RowError:
        header = " · ".join(filter(None, (self.place, HEADERS[field][0] if field in HEADERS else "")))
        return RowError(row, "", header, shorten(value), problem, mend)

    def result(self) -> SortedItems:
        """Everything so far; an empty file is a mistake."""
        if not self.items and not self.mistakes:
            self.mistakes.append(file_error(msg("No item was found in the file."), msg("Check that it is the right file.")))
        used = {digest for item in self.items for digest in item.body.media}
        good = {item.row for item in self.items} | {0}
        notes = [note for note in self.notes if note.row in good]
        figures = {digest: figure for digest, figure in self.figures.items() if digest in used}
        return SortedItems(tuple(self.items), figures, tuple(by_place(self.mistakes)), tuple(by_place(notes)))

    # --- pictures and HTML ----------------------------------------------------------------------------------------------

    def add_figure(self, data: bytes) -> Figure | None:
        """Keep a picture; None if it is of no known format or too large."""
        figure = read_figure(data)
        if figure is not None:
            self.figures[figure.digest] = figure
        return figure

    def find(self, source: str) -> str | None:
        """The digest of a picture by its file name, by digest in the file or in the bank."""
        name = unquote(source).removeprefix("@@PLUGINFILE@@/").removeprefix("media:")
        digest = self._named.get(name.casefold()) or self._named.get(name.rpartition("/")[2].casefold())
        if digest is None:
            named = cells.digest_in_name(name.rpartition("/")[2])
            digest = named if named in self.figures or named in self.how.known_media else None
        return digest

    def clean(self, field: str, source: str, find: Finder | None = None) -> str:
        """Sanitised HTML with pictures in place. Raises `Unfit` for pictures not given and for content that would be lost."""
        text = _EMBEDDED.sub(self._unpack, source)
        if len(text) > _LARGEST_HTML or _depth(text) > _DEEPEST_HTML:
            limit = self.how.limits.cell_chars
            raise Unfit(field, msg("The text is too long."), msg("Shorten it to %(n)s characters.", n=limit), text[:200])
        lost = _LOST.search(text)
        if lost is not None:
            problem = msg("The text holds something that cannot be taken: %(what)s.", what=lost[1].lower())
            raise Unfit(field, problem, msg("Use text, sub- and superscripts or a picture instead."), text[lost.start() :][:200])
        missing: list[str] = []

        def placed(name: str) -> str | None:
            digest = (find(name) if find is not None else None) or self.find(name)
            if digest is None:
                missing.append(name)
            return digest

        html = markup.place_pictures(text, placed)
        for name in missing:
            problem = msg("The picture “%(name)s” was not given, or is no PNG, JPEG, GIF, WebP or SVG.", name=shorten(name))
            raise Unfit(field, problem, msg("Upload it together with the file, under this name."), name)
        return html

    def _unpack(self, found: re.Match[str]) -> str:
        """A picture written into the HTML itself becomes one of the file's."""
        data = decode_base64(unquote(found[1]))
        figure = self.add_figure(data) if data is not None else None
        return f'src="media:{figure.digest}"' if figure is not None else 'src="data:"'

    # --- one item -------------------------------------------------------------------------------------------------------

    def take(self, draft: Draft) -> None:
        """Check a draft as a whole and keep it, or note every mistake of it."""
        before = len(self.mistakes)
        body, key = draft.written()
        topic, difficulty = self._topic(draft), self._difficulty(draft)
        for field in ("source", "reference", "topic"):
            if len(getattr(draft, field)) > _SHORT_FIELDS:
                mend = msg("Shorten it to %(n)s characters.", n=_SHORT_FIELDS)
                self.wrong(draft.row, field, msg("The text is too long."), mend, getattr(draft, field)[:200])
        for fault in check_item(body, key, allow_one_correct=self.how.allow_one_correct):
            self.wrong(draft.row, _field_of(fault.field), fault.problem, fault.mend, _value_of(draft, fault.field))
        for finding in lint.blocking(body, key) if len(self.mistakes) == before else ():
            if finding.code == "key_in_blank" and self.how.letters_meant:
                continue
            mend = msg("Remove it there; the key belongs into its own place.")
            if finding.code == "key_in_blank":
                mend = msg("Empty the brackets, or say on import that such letters are meant.")
            self.wrong(draft.row, _field_of(finding.where), finding.message, mend, _value_of(draft, finding.where))
        digest = content_digest(body) if len(self.mistakes) == before else b""
        if digest and self._seen.setdefault(digest, draft.row) != draft.row:
            problem = msg("This is the same item as number %(row)s.", row=self._seen[digest])
            self.wrong(draft.row, "stem", problem, msg("Delete one of the two."), _value_of(draft, "stem"))
        if len(self.mistakes) == before:
            texts = (markup.storable(draft.source).strip(), markup.storable(draft.reference).strip())
            self.items.append(ImportedItem(draft.row, body, key, topic, difficulty, *texts, digest))

    def _topic(self, draft: Draft) -> str:
        code = markup.storable(draft.topic).strip() or self.how.default_topic or ""
        if not code:
            mend = msg("Write it into the file like B-C-A-014, or choose a leaf for all items without one.")
            self.wrong(draft.row, "topic", msg("The leaf code is missing."), mend, _value_of(draft, "stem"))
        elif self.how.topics is not None and code not in self.how.topics:
            problem = msg("The content table has no knowledge point “%(code)s”.", code=shorten(code))
            self.wrong(draft.row, "topic", problem, msg("Correct the code; see the content table."), code)
        return code

    def _difficulty(self, draft: Draft) -> int | None:
        value = item_columns.parse_difficulty(draft.difficulty[:20]) if draft.difficulty else None
        if draft.difficulty and value is None:
            mend = msg("Write 1 (easy) to 5 (hard), or leave it empty.")
            self.wrong(draft.row, "difficulty", msg("The difficulty is not 1 to 5."), mend, draft.difficulty)
        return value

    def topic_of_category(self, path: str) -> str:
        """The leaf code a category stands for: its last part, if it is one."""
        code = path.rpartition("/")[2].strip()
        known = self.how.topics
        return code if (code in known if known is not None else _LEAF_CODE.fullmatch(code)) else ""


def truth_order(options: list[str]) -> tuple[int, ...] | None:
    """What each of two options says (`items.TRUE`, `items.FALSE`) if they say true and false; None for other options."""
    truths = tuple(item_columns.parse_truth(markup.plain_text(option)[:20]) or 0 for option in options)
    return truths if sorted(truths) == [1, 2] else None


def decode_base64(text: str) -> bytes | None:
    """The bytes, or None where this is no base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def is_choice(code: str) -> bool:
    """Whether this is the code of a kind answered by choosing options."""
    return code in CHOICE_KINDS


def _depth(source: str) -> int:
    """How deeply tags left open are nested: repairing very deep nesting takes quadratic time."""
    depth = deepest = 0
    for found in _TAG.finditer(source):
        if found[2].lower() not in _VOID:
            depth = max(0, depth - 1) if found[1] else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _field_of(name: str) -> str:
    """A field of an item as a column: ``options.2`` -> ``option_b``."""
    head, _, number = name.partition(".")
    fields = {"options": OPTION_FIELDS, "prompts": PROMPT_FIELDS}.get(head)
    if fields is None:
        return head
    return fields[int(number) - 1] if number and int(number) <= len(fields) else fields[0]


def _value_of(draft: Draft, name: str) -> str:
    """Enough of the text to find the item by."""
    head, _, number = name.partition(".")
    if head == "options" and number and int(number) <= len(draft.options):
        return markup.plain_text(draft.options[int(number) - 1])
    return markup.plain_text(draft.stem)
