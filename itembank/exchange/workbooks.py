"""The XLSX files that are written here: every cell a string in a text format, never a formula or number.

Text that begins with ``=``, ``+``, ``-`` or ``@`` stays text when the file is opened, and codes keep their zeros.
"""

import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from itembank.exchange.item_columns import HEADERS, OPTION_FIELDS, PROMPT_FIELDS

if TYPE_CHECKING:
    import xlsxwriter
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

OPTIONS_WRITTEN: Final = 6
FURTHER: Final = ("unit", "tolerance", "cognitive", "case", "stimulus")
"""Columns only some kinds, some banks and case sets have a use for."""
_WIDTHS: Final = {"stem": 60, "kind": 12, "topic": 14, "source": 30, "rationale": 30, "figures": 16, "stimulus": 60}


class Book:
    """A workbook with the two formats everything is written in."""

    def __init__(self, book: "xlsxwriter.Workbook", now: dt.datetime) -> None:
        self.book, self.now = book, now.replace(tzinfo=None)
        self.text: Format = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        self.guarded: Format = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top", "quote_prefix": True})
        self.head: Format = book.add_format({"num_format": "@", "bold": True, "bg_color": "#DCE6F1", "border": 1})

    def write_row(self, sheet: "Worksheet", row: int, texts: Sequence[str], style: "Format | None" = None) -> None:
        """One row of strings. Raises ValueError for a text longer than a cell can hold (32,767 characters)."""
        for column, text in enumerate(texts):
            look = style or (self.guarded if text.startswith(("=", "+", "-", "@", "\t", "\r")) else self.text)
            if text and sheet.write_string(row, column, text, look) != 0:
                raise ValueError(f"row {row + 1} column {column + 1} does not fit into a sheet")


@contextmanager
def workbook(out: io.BytesIO, now: dt.datetime) -> Iterator[Book]:
    """A workbook that is written to `out` when the block ends."""
    import xlsxwriter  # with the first file, not at start-up

    book = xlsxwriter.Workbook(out, {"in_memory": True})
    made = Book(book, now)
    book.set_properties({"created": made.now})
    yield made
    book.close()


def item_fields(options: int, prompts: int = 0, further: Iterable[str] = ()) -> list[str]:
    """The columns of an item sheet, in order: so many options and lines to match, and these of `FURTHER`."""
    fields = ["kind", "topic", "stem", *OPTION_FIELDS[:options], "key", "difficulty", "source", "figures", "fixed_order"]
    return [*fields, "rationale", "reference", *PROMPT_FIELDS[:prompts], *further]


def item_sheet(book: Book, name: str, fields: Sequence[str], headers: Sequence[str] = ()) -> "Worksheet":
    """A sheet with these columns; ``headers`` where they are not those of exports."""
    sheet = book.book.add_worksheet(name)
    for column, field_name in enumerate(fields):
        sheet.set_column(column, column, _WIDTHS.get(field_name, 18), book.text)
    book.write_row(sheet, 0, headers or [HEADERS[field_name][0] for field_name in fields], book.head)
    sheet.freeze_panes(1, 0)
    return sheet
