"""Items and content tables -> XLSX. Text that looks like a formula stays text: see `workbooks`."""

import datetime as dt
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from itembank.exchange import cells, item_answers
from itembank.exchange.item_columns import OPTION_FIELDS, PROMPT_FIELDS
from itembank.exchange.syllabus_sheet import COUNT_LABEL, LABELS, LEAF_HEADERS, LEVEL_HEADERS, LEVELS, TITLE
from itembank.exchange.workbooks import FURTHER, OPTIONS_WRITTEN, Book, item_fields, item_sheet, workbook
from itembank.items import KINDS, TRUE, Answer, ItemBody, ItemKeyData
from itembank.syllabus import Area, Syllabus, walk_areas, walk_leaves

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

    from itembank.exchange.outgoing import Mark


class WritableItem(Protocol):
    """What an export needs to know of an item; `item_row.ImportedItem` is one. Without a key the column stays empty."""

    @property
    def body(self) -> ItemBody: ...  # noqa: D102
    @property
    def key(self) -> ItemKeyData | None: ...  # noqa: D102
    @property
    def topic_code(self) -> str: ...  # noqa: D102
    @property
    def difficulty(self) -> int | None: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102
    @property
    def cognitive(self) -> str: ...  # noqa: D102


def write_items(items: Iterable[WritableItem], *, now: dt.datetime, mark: "Mark | None" = None) -> bytes:
    """Items as XLSX in the template's columns (as many options as an item has; what only some kinds have, where one has it).

    Read back, they are the same. Pictures appear as ``[图:DIGEST]``; the caller delivers the files beside it, named by digest.
    The questions of a set are to come one after the other: its text stands in the first row. A mark stands in a last column of
    every row, in the footer of every printed page, in the properties and on a sheet of its own; readers pass over it.
    """
    rows = list(_rows(items))
    used = {name for texts in rows for name, text in texts.items() if text}
    options = sum(name in used for name in OPTION_FIELDS)
    prompts = sum(name in used for name in PROMPT_FIELDS)
    fields = item_fields(max(options, OPTIONS_WRITTEN), prompts, (name for name in FURTHER if name in used))
    out = io.BytesIO()
    with workbook(out, now) as book:
        sheet = item_sheet(book, "试题", fields)
        for row, texts in enumerate(rows, 1):
            book.write_row(sheet, row, [*(texts.get(name, "") for name in fields), mark.short if mark else ""])
        if mark is not None:
            _write_mark(book, sheet, len(fields), mark)
    return out.getvalue()


def _write_mark(book: Book, sheet: "Worksheet", column: int, mark: "Mark") -> None:
    sheet.write_string(0, column, "导出标记", book.head)
    sheet.set_column(column, column, 24, book.text)
    sheet.set_footer("&C&8" + mark.short.replace("&", "&&")[:200])
    book.book.set_properties({"created": book.now, "subject": mark.short, "comments": "\n".join(mark.lines)})
    about = book.book.add_worksheet("导出说明")
    about.set_column(0, 0, 100, book.text)
    for row, line in enumerate(mark.lines):
        book.write_row(about, row, [line])


def _rows(items: Iterable[WritableItem]) -> Iterator[dict[str, str]]:
    told: set[str] = set()
    for item in items:
        texts, body = _item_texts(item), item.body
        if body.stimulus:
            texts["case"] = body.stimulus
            texts["stimulus"] = "" if body.stimulus in told else cells.from_html(body.stimulus_html)
            told.add(body.stimulus)
        yield texts


def _item_texts(item: WritableItem) -> dict[str, str]:
    body, kind = item.body, KINDS[item.body.kind]
    texts = {
        "kind": kind.name_zh,
        "topic": item.topic_code,
        "stem": cells.from_html(body.stem_html),
        "difficulty": str(item.difficulty or ""),
        "source": item.source,
        "reference": item.reference,
        "cognitive": item.cognitive,
    }
    if item.key is not None:
        texts["rationale"] = cells.from_html(item.key.rationale_html)
        texts["key"] = _key_text(body.kind, item.key)
        texts["tolerance"] = "" if item.key.tolerance == "0" else item.key.tolerance
    texts["unit"] = item_answers.write_units(body.unit, item.key.units if item.key else ())
    texts.update({PROMPT_FIELDS[prompt.id - 1]: cells.from_html(prompt.html) for prompt in body.prompts})
    if not kind.fixed_options:
        texts.update({OPTION_FIELDS[option.id - 1]: cells.from_html(option.html) for option in body.options})
        texts["fixed_order"] = "是" if body.fixed_order else ""
    return texts


def _key_text(code: str, key: ItemKeyData) -> str:
    kind = KINDS[code]
    if kind.fixed_options:
        return kind.fixed_options[0 if key.correct == (TRUE,) else 1]
    match kind.answer:
        case Answer.TEXTS:
            return item_answers.write_accepted(key.accepted)
        case Answer.NUMBER:
            return key.number
        case Answer.PAIRS:
            return item_answers.write_pairs(key.correct)
    return item_answers.write_sequence(key.correct)


def write_syllabus(tree: Syllabus, *, now: dt.datetime) -> bytes:
    """A content table as XLSX, in the layout `syllabus_sheet` reads."""
    header = [level + name for level in LEVELS for name in LEVEL_HEADERS.values()] + list(LEAF_HEADERS.values())
    about = [text for label, name in LABELS.items() for text in (label, getattr(tree, name))]
    count = sum(1 for _ in walk_leaves(tree))
    out = io.BytesIO()
    with workbook(out, now) as book:
        sheet = book.book.add_worksheet(TITLE)
        sheet.set_column(0, len(header), 14, book.text)
        book.write_row(sheet, 0, [TITLE], book.head)
        book.write_row(sheet, 1, [*about, COUNT_LABEL, str(count)])
        book.write_row(sheet, 2, header, book.head)
        for row, texts in enumerate(_syllabus_rows(tree), 3):
            book.write_row(sheet, row, texts)
        sheet.freeze_panes(3, 0)
    return out.getvalue()


def _syllabus_rows(tree: Syllabus) -> Iterator[list[str]]:
    """One row per leaf; an area's cells stand on the first row below which it begins."""
    pending: list[list[str]] = [[""] * len(LEVEL_HEADERS) for _ in LEVELS]
    for code, area in walk_areas(tree):
        pending[code.count("-")] = _area_texts(area)
        for leaf in area.leaves:
            levels = [text for texts in pending for text in texts]
            yield [*levels, f"{code}-{leaf.code}", leaf.name, leaf.importance, leaf.page]
            pending = [[""] * len(LEVEL_HEADERS) for _ in LEVELS]


def _area_texts(area: Area) -> list[str]:
    weight = "" if area.weight is None else str(area.weight)
    texts = {"name": area.name, "code": area.code, "ratio": str(area.ratio or ""), "weight": weight}
    return [texts[name] for name in LEVEL_HEADERS]
