"""Spreadsheets in and out: rows from XLSX, XLS, ODS or CSV; XLSX made so that no cell can become a formula.

Reading keeps the cell's type: an ID number that a spreadsheet turned into a number has lost its last digits, and only
the type tells. Writing uses string cells only for text, so `=1+1` in a name stays a name.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_ROWS = 20_000
MAX_COLUMNS = 60
MAX_CELL = 2_000


class UnreadableSheetError(Exception):
    """The file is no spreadsheet; `message` (msgid) says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def read_rows(data: bytes) -> list[list[Any]]:
    """Rows of the first sheet with content; row i of the list is line i+1 of the sheet. Raises `UnreadableSheetError`."""
    if not data:
        raise UnreadableSheetError("The file is empty.")
    rows = _workbook_rows(data) if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0" else _csv_rows(data)
    if len(rows) > MAX_ROWS:
        raise UnreadableSheetError("The file has more than 20,000 rows: split it.")
    return [[_plain(cell) for cell in row[:MAX_COLUMNS]] for row in rows]


def _workbook_rows(data: bytes) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook  # with the first file, not at start-up

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for index in range(len(workbook.sheet_names)):
            rows = workbook.get_sheet_by_index(index).to_python(skip_empty_area=False, nrows=MAX_ROWS + 1)
            if any(cell != "" for row in rows for cell in row):
                return [list(row) for row in rows]
    except (CalamineError, OSError, ValueError):
        raise UnreadableSheetError("The file cannot be read as a workbook: save it as XLSX and try again.") from None
    return []


def _csv_rows(data: bytes) -> list[list[Any]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise UnreadableSheetError("The text is neither UTF-8 nor GB 18030: save the file as XLSX and try again.")
    if "\0" in text:
        raise UnreadableSheetError("The file is not a table: save it as XLSX and try again.")
    delimiter = max(",\t;", key=text.partition("\n")[0].count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise UnreadableSheetError("The file is not a table: save it as XLSX and try again.") from None


def _plain(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell[:MAX_CELL].strip().replace("\u3000", " ").strip()
    return cell


def column_letter(index: int) -> str:
    """'A' for 0, 'AA' for 26: how spreadsheets name columns."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@dataclass(frozen=True)
class Column:
    """One column of an export: heading, width in characters, whether cells are text even when they look like numbers."""

    heading: str
    width: int = 14
    text: bool = True


def workbook(title: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, note: str = "") -> bytes:
    """An XLSX file of one sheet: a frozen heading row, then `rows`; `note` goes on a second sheet, for templates."""
    out = io.BytesIO()
    import xlsxwriter  # with the first file, not at start-up

    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet(_sheet_name(title))
        head = book.add_format({"bold": True, "bg_color": "#E8EEF6", "border": 1, "text_wrap": True, "valign": "vcenter"})
        as_text = book.add_format({"num_format": "@"})
        sheet.freeze_panes(1, 0)
        for i, column in enumerate(columns):
            sheet.set_column(i, i, column.width, as_text if column.text else None)
            sheet.write_string(0, i, column.heading, head)
        for r, row in enumerate(rows, start=1):
            for i, value in enumerate(row):
                if value is None or value == "":
                    continue
                if isinstance(value, int | float) and not isinstance(value, bool):
                    sheet.write_number(r, i, value)
                else:
                    sheet.write_string(r, i, str(value), as_text)
        if note:
            _write_note(book, note)
    return out.getvalue()


def _write_note(book: Any, note: str) -> None:
    sheet = book.add_worksheet("说明 Notes")
    sheet.set_column(0, 0, 100)
    for i, line in enumerate(note.splitlines()):
        sheet.write_string(i, 0, line)


def _sheet_name(title: str) -> str:
    return "".join(character for character in title if character not in "[]:*?/\\'")[:31] or "Sheet1"
