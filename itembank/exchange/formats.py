"""The table of file formats for items: how each is recognised, read and written, and what it cannot hold.

    found = detect(data, "题库.gift")          # Format | None
    found.read(data, Reading(), figures)       # SortedItems; never raises for what is in the file
    found.write(items, now=now, figures=...)   # bytes; `losses` says beforehand what will not be in them

Another format: one module with `sort_items` and `write_items`, one `Format` here, one line in `detection`.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol

from itembank import markup
from itembank.errors import Message, msg
from itembank.exchange import aiken, gift, xlsx
from itembank.exchange.figures import Figure
from itembank.exchange.item_columns import HEADERS
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.mistakes import RowError, shorten
from itembank.exchange.outgoing import NO_FIGURES, Mark, rationale_of
from itembank.exchange.writing import WritableItem
from itembank.items import CHOICE_KINDS, KINDS

Reader = Callable[[bytes, Reading, Mapping[str, bytes] | None], SortedItems]
_FIELDS: Final = ("topic", "difficulty", "source", "rationale", "reference", "fixed_order", "cognitive")
_IN_MOST: Final = frozenset(_FIELDS) - {"cognitive"}


class Writer(Protocol):
    """Items -> a file. ``figures``: the pictures at hand, by digest. ``mark``: who had it made, for formats that can hold it."""

    def __call__(  # noqa: D102
        self,
        items: Iterable[WritableItem],
        *,
        now: dt.datetime,
        figures: Mapping[str, Figure] = NO_FIGURES,
        mark: Mark | None = None,
    ) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Holds:
    """What a format can carry. ``pictures``: inside the file; else they are only named and delivered beside it.

    ``without_key``: kinds that can be written without their key. ``formatting``: more than one line of text with indices.
    ``mark``: who exported it, when and why. ``sets``: that items share a text; else it stands in front of each of them.
    ``lacks``: why an item of such a kind cannot be written all the same; ``but`` says it of all.
    """

    kinds: frozenset[str] = frozenset(CHOICE_KINDS)
    fields: frozenset[str] = _IN_MOST
    without_key: frozenset[str] = frozenset(CHOICE_KINDS)
    pictures: bool = True
    formatting: bool = True
    mark: bool = True
    sets: bool = False
    lacks: Callable[[WritableItem], Message | None] = lambda _item: None
    but: Message | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``place`` says what ``row`` counts in its mistakes; ``one_item``: a file holds exactly one."""

    code: str
    name: Message
    extensions: tuple[str, ...]
    media_type: str
    place: Message
    read: Reader
    write: Writer | None
    holds: Holds = Holds()
    one_item: bool = False

    @property
    def cannot_hold(self) -> tuple[Message, ...]:
        """What is lost by writing this format, as sentences; empty if nothing is."""
        found = []
        kinds = [KINDS[code].name_zh for code in KINDS if code not in self.holds.kinds]
        fields = [HEADERS[name][0] for name in _FIELDS if name not in self.holds.fields]
        if kinds:
            found.append(msg("It cannot hold these kinds; they are left out: %(kinds)s.", kinds="、".join(kinds)))
        if fields:
            found.append(msg("It cannot hold: %(fields)s.", fields="、".join(fields)))
        if not self.holds.formatting:
            found.append(msg("It holds plain lines only: tables, emphasis and line breaks are lost."))
        if not self.holds.pictures:
            found.append(msg("Pictures are only named in it and must be delivered beside it."))
        if not self.holds.sets:
            found.append(msg("The text of a case set stands in front of each of its questions; the set is not kept."))
        if self.holds.but is not None:
            found.append(self.holds.but)
        if not self.holds.mark:
            found.append(msg("It cannot hold a mark that says who exported it."))
        return tuple(found)

    def can_hold(self, item: WritableItem) -> bool:
        """Whether the item can be in such a file at all; `losses` says what of it is lost."""
        return _left_out(self.holds, item) is None


def _write_sheet(
    items: Iterable[WritableItem], *, now: dt.datetime, figures: Mapping[str, Figure] = NO_FIGURES, mark: Mark | None = None
) -> bytes:
    return xlsx.write_items(items, now=now, mark=mark)


def _later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that loads the XML library: with the first such file, not when a server starts."""

    def call(*args: Any, **more: Any) -> Any:
        return getattr(import_module(f"itembank.exchange.{module}"), name)(*args, **more)

    return call


_ALL: Final = frozenset(KINDS)
_BLANKS: Final = msg("Fill-in items whose blanks cannot be told from the rest of the text are left out.")
_PLAIN: Final = msg("Fill-in items with blanks that cannot be placed and matching items with formatted options are left out.")
_QTI: Final = Holds(kinds=_ALL, without_key=_ALL, lacks=_later("qti", "lacks"), but=_BLANKS)

_ROW: Final = msg("Row of the sheet")
_LINE: Final = msg("Line or paragraph")
_QUESTION: Final = msg("Question of the file")

FORMATS: Final[dict[str, Format]] = {
    one.code: one
    for one in (
        Format(
            "xlsx",
            msg("Spreadsheet"),
            (".xlsx", ".xls", ".ods", ".csv"),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            _ROW,
            xlsx.sort_items,
            _write_sheet,
            Holds(kinds=_ALL, fields=frozenset(_FIELDS), without_key=_ALL, pictures=False, sets=True),
        ),
        Format(
            "qti_package",
            msg("QTI content package"),
            (".zip",),
            "application/zip",
            _QUESTION,
            _later("qti", "sort_items"),
            _later("qti", "write_package"),
            _QTI,
        ),
        Format(
            "qti_item",
            msg("QTI single item"),
            (".xml",),
            "application/xml",
            _QUESTION,
            _later("qti", "sort_items"),
            _later("qti", "write_item"),
            _QTI,
            one_item=True,
        ),
        Format(
            "moodle",
            msg("Moodle XML"),
            (".xml",),
            "application/xml",
            _QUESTION,
            _later("moodle", "sort_items"),
            _later("moodle", "write_items"),
            Holds(kinds=_ALL, without_key=frozenset(CHOICE_KINDS), lacks=_later("moodle", "lacks"), but=_PLAIN),
        ),
        Format(
            "gift",
            msg("Moodle GIFT"),
            (".gift", ".txt"),
            "text/plain; charset=utf-8",
            _LINE,
            gift.sort_items,
            gift.write_items,
            Holds(kinds=gift.HELD, without_key=gift.WITHOUT_KEY, pictures=False, lacks=gift.lacks, but=_PLAIN),
        ),
        Format(
            "aiken",
            msg("Aiken"),
            (".txt",),
            "text/plain; charset=utf-8",
            _LINE,
            aiken.sort_items,
            aiken.write_items,
            Holds(
                kinds=frozenset({"single", "true_false"}),
                fields=frozenset(),
                without_key=frozenset(),
                pictures=False,
                formatting=False,
                mark=False,
            ),
        ),
        Format(
            "textlist",
            msg("Text list (Word or plain text)"),
            (".docx", ".txt"),
            "text/plain; charset=utf-8",
            _LINE,
            _later("textlist", "sort_items"),
            None,
            Holds(fields=_IN_MOST - {"fixed_order"}),
        ),
    )
}


def detect(data: bytes, file_name: str) -> Format | None:
    """The format of a file, by its content; the name decides only between spreadsheet text and other text."""
    code: str | None = _later("detection", "code_of")(data, file_name.lower())
    return FORMATS[code] if code is not None else None


# --- what an export loses -----------------------------------------------------------------------------------------------


def losses(found: Format, items: Iterable[WritableItem], figures: Mapping[str, Figure] = NO_FIGURES) -> list[RowError]:
    """What of these items the file will not hold, item by item; ``row`` counts the items from 1."""
    listing = []
    for row, item in enumerate(items, 1):
        for problem, mend in _lost(found.holds, item, figures):
            listing.append(RowError(row, "", "", shorten(markup.shown_text(item.body.stem_html)), problem, mend))
    return listing


def _left_out(holds: Holds, item: WritableItem) -> Message | None:
    kind = item.body.kind
    if kind not in holds.kinds or (item.key is not None and len(item.key.correct) > 1 and "multiple" not in holds.kinds):
        return msg("The item is left out: the format has no such kind.")
    if item.key is None and kind not in holds.without_key:
        return msg("The item is left out: the format cannot hold it without its key.")
    return holds.lacks(item)


def _lost(holds: Holds, item: WritableItem, figures: Mapping[str, Figure]) -> Iterable[tuple[Message, Message]]:
    other = msg("Choose another format if it matters.")
    kind = item.body.kind
    left_out = _left_out(holds, item)
    if left_out is not None:
        yield left_out, other
        return
    if item.body.stimulus and not holds.sets:
        yield msg("The text it shares with others stands in front of it; the set is not kept."), other
    filled = {
        "topic": item.topic_code,
        "difficulty": item.difficulty,
        "source": item.source,
        "rationale": rationale_of(item),
        "reference": item.reference,
        "fixed_order": item.body.fixed_order and not KINDS[kind].fixed_options,
        "cognitive": item.cognitive,
    }
    lost = [HEADERS[name][0] for name in _FIELDS if filled[name] and name not in holds.fields]
    if lost:
        yield msg("The format cannot hold: %(fields)s.", fields="、".join(lost)), other
    if not holds.formatting and not aiken.fits(item):
        yield msg("Formatting is lost: the format holds plain lines only."), other
    missing = sorted(item.body.media - figures.keys())
    if item.body.media and not holds.pictures:
        yield msg("Pictures are only named in it and must be delivered beside it."), msg("Deliver the picture files, too.")
    elif missing:
        yield msg("A picture is not at hand and is only named."), msg("Deliver the picture files, too.")
