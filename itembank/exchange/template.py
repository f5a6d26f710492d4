"""The workbook to fill in, Chinese or English: lists to choose from, examples, what each column means, the knowledge points.

The first rows of the first sheet are examples of every kind, marked in the column of the item's own number. Whoever reads item
sheets calls `forget_examples` first, so that they may stay in the file.
"""

import datetime as dt
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from itembank.exchange.grid import Grid
from itembank.exchange.item_columns import OPTION_LETTERS
from itembank.exchange.template_words import CHINESE, ENGLISH, Words, words_of
from itembank.exchange.workbooks import FURTHER, OPTIONS_WRITTEN, Book, item_fields, item_sheet, workbook
from itembank.items import KINDS
from itembank.syllabus import Leaf, Syllabus, walk_leaves

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

EXAMPLE_MARKS: Final = frozenset(words.example for words in (CHINESE, ENGLISH))
_ROWS: Final = 5_000
_PROMPTS_WRITTEN: Final = 4
_ANY_LEAF: Final = "B-C-A-014"
_LONGEST_COMMENT: Final = 1_000


def forget_examples(grids: Iterable[Grid]) -> None:
    """Empty the rows that carry the template's mark for examples; all other rows keep their numbers."""
    for grid in grids:
        for row in grid.rows:
            if any(cell.strip() in EXAMPLE_MARKS for cell in row):
                row[:] = [""] * len(row)


def write_template(*, now: dt.datetime, syllabus: Syllabus | None = None, language: str = "zh_CN") -> bytes:
    """The workbook. With a syllabus its leaves are offered as a list. The same time gives the same bytes."""
    words = words_of(language)
    fields = item_fields(OPTIONS_WRITTEN, _PROMPTS_WRITTEN, FURTHER)
    leaves = list(walk_leaves(syllabus)) if syllabus is not None else []
    out = io.BytesIO()
    with workbook(out, now) as book:
        sheet = item_sheet(book, words.items, fields, [words.header(name) for name in fields])
        _write_examples(book, sheet, fields, words, leaves[0][0] if leaves else _ANY_LEAF)
        for column, name in enumerate(fields):
            sheet.write_comment(0, column, words.column(name).text[:_LONGEST_COMMENT], {"x_scale": 2, "author": "Jikao"})
        _offer_lists(sheet, fields, words, len(leaves))
        _write_columns(book, fields, words)
        if leaves:
            _write_leaves(book, words, leaves)
    return out.getvalue()


def _write_examples(book: Book, sheet: "Worksheet", fields: Sequence[str], words: Words, leaf: str) -> None:
    look = book.book.add_format({"num_format": "@", "text_wrap": True, "valign": "top", "italic": True, "font_color": "#666666"})
    for row, example in enumerate(words.examples, 1):
        texts = {**example, "topic": leaf, "reference": words.example}
        book.write_row(sheet, row, [texts.get(name, "") for name in fields], look)


def _offer_lists(sheet: "Worksheet", fields: Sequence[str], words: Words, leaves: int) -> None:
    """Drop-downs, and what to write where when a cell is entered. A key may be more than a list can hold: others are taken."""
    kinds = [words.kind(code) for code in KINDS]
    offered: dict[str, dict[str, object]] = {
        "kind": {"validate": "list", "source": kinds},
        "key": {"validate": "list", "source": [*OPTION_LETTERS, *words.truths], "show_error": False},
        "difficulty": {"validate": "list", "source": ["1", "2", "3", "4", "5"]},
        "fixed_order": {"validate": "list", "source": list(words.yes_no)},
        "topic": {"validate": "list", "source": f"='{words.leaves}'!$A$2:$A${leaves + 1}"} if leaves else {"validate": "any"},
    }
    for name, rule in offered.items():
        column = fields.index(name)
        asked = {"input_title": words.header(name), "input_message": words.column(name).hint}
        sheet.data_validation(1, column, _ROWS, column, {**rule, **asked})


def _write_columns(book: Book, fields: Sequence[str], words: Words) -> None:
    """What each column means, and what holds for all."""
    sheet = book.book.add_worksheet(words.about)
    for n, width in enumerate((18, 10, 80, 34)):
        sheet.set_column(n, n, width, book.text)
    book.write_row(sheet, 0, words.about_heads, book.head)
    for row, name in enumerate(fields, 1):
        told = words.column(name)
        book.write_row(sheet, row, [words.header(name), words.yes_no[0] if told.needed else "", told.text, told.example])
    for row, remark in enumerate(words.remarks, len(fields) + 2):
        sheet.merge_range(row, 0, row, 3, remark, book.text)
    sheet.freeze_panes(1, 0)


def _write_leaves(book: Book, words: Words, leaves: Sequence[tuple[str, Leaf]]) -> None:
    listing = book.book.add_worksheet(words.leaves)
    listing.set_column(0, 0, 18)
    listing.set_column(1, 1, 60)
    book.write_row(listing, 0, words.leaf_heads, book.head)
    for row, (code, leaf) in enumerate(leaves, 1):
        book.write_row(listing, row, [code, leaf.name, leaf.importance])
    listing.freeze_panes(1, 0)
