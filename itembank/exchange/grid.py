"""Bytes of a spreadsheet or CSV file -> a grid of cell texts, with remarks on cells that are not plainly text.

XLSX, XLS and ODS by python-calamine; CSV in UTF-8, GB18030 or UTF-16 with its mark. Nothing is guessed silently: a number in a
text cell, a date that a spreadsheet made of ``1-2``, a formula or an error value is remarked, so that the reader of the sheet
decides.
"""

import csv
import datetime as dt
import io
import itertools
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from itembank.errors import Message, msg
from itembank.exchange.mistakes import RowError, file_error
from itembank.markup import storable

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may not exceed. Bytes; rows and columns of one sheet; characters of one cell.

    ``legacy``: whether XLS and ODS are read. How much room their cells need shows only while they are unpacked, so a damaged
    or hostile one can end the process by exhausting memory: say False wherever that process serves anybody else.
    """

    file_bytes: int = 20_000_000
    unpacked_bytes: int = 300_000_000
    rows: int = 60_000
    columns: int = 100
    cell_chars: int = 20_000
    legacy: bool = True


class Oddity(StrEnum):
    """Why a cell's text may not be what its author sees."""

    NUMBER = "number"
    LONG_NUMBER = "long_number"
    DATE = "date"
    FORMULA = "formula"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet. Places are (row, column) from 0. ``pictures``: embedded ones by the cell they are anchored in."""

    name: str
    rows: list[list[str]]
    oddities: dict[Place, Oddity] = field(default_factory=dict)
    merged: tuple[tuple[Place, Place], ...] = ()
    pictures: dict[Place, list[bytes]] = field(default_factory=dict)

    def text(self, row: int, column: int) -> str:
        """The trimmed text of a cell; empty beyond the edge."""
        line = self.rows[row] if row < len(self.rows) else []
        return line[column].strip() if column < len(line) else ""


class Refused(Exception):
    """The file cannot be read at all; carries the one mistake to show."""

    def __init__(self, mistake: RowError) -> None:
        super().__init__(str(mistake.problem))
        self.mistake = mistake


NO_LIMITS_EXCEEDED: Final = Limits()
_LONGEST_EXACT: Final = 2**53


def read_grids(data: bytes, limits: Limits = NO_LIMITS_EXCEEDED) -> list[Grid]:
    """All visible sheets with anything in them. Raises `Refused`."""
    if len(data) > limits.file_bytes:
        raise _refused(
            msg("The file is too large: %(n)s MB.", n=len(data) // 1_000_000),
            msg("Split it; one file may have %(n)s MB.", n=limits.file_bytes // 1_000_000),
        )
    if not limits.legacy and is_legacy(data):
        raise _refused(msg("Files of type .xls and .ods are not taken here."), msg("Save it as .xlsx and upload that."))
    is_workbook = data[:4] in {b"PK\x03\x04", b"\xd0\xcf\x11\xe0"}
    grids = _read_workbook(data, limits) if is_workbook else [_read_csv(data, limits)]
    grids = [grid for grid in grids if any(any(cell.strip() for cell in row) for row in grid.rows)]
    if not grids:
        raise _refused(msg("The file is empty."), msg("Fill in the template and upload it again."))
    for grid in grids:
        _check_extent(grid.name, len(grid.rows), max(map(len, grid.rows)), limits)
    return grids


def _refused(problem: Message, mend: Message) -> Refused:
    return Refused(file_error(problem, mend))


def is_legacy(data: bytes) -> bool:
    """Whether the bytes are an XLS or ODS file, or any other archive that is no XLSX."""
    if data[:4] == b"\xd0\xcf\x11\xe0":
        return True
    from itembank.exchange import ooxml

    return data[:4] == b"PK\x03\x04" and not ooxml.is_xlsx(data)


def _check_extent(name: str, rows: int, columns: int, limits: Limits) -> None:
    if rows > limits.rows:
        raise _refused(
            msg("The sheet “%(sheet)s” has %(n)s rows.", sheet=name, n=rows),
            msg("Split it; one sheet may have %(n)s rows.", n=limits.rows),
        )
    if columns > limits.columns:
        raise _refused(
            msg("The sheet “%(sheet)s” is too wide.", sheet=name),
            msg("Use at most %(n)s columns.", n=limits.columns),
        )


def _read_workbook(data: bytes, limits: Limits) -> list[Grid]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum  # with the first file

    from itembank.exchange import ooxml

    _check_unpacked(data, limits)
    unreadable = msg("The file cannot be read as a spreadsheet.")
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            visible = [sheet.name for sheet in book.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
            return [_read_sheet(book, name, data, limits) for name in visible]
    except PasswordError:
        raise _refused(msg("The file is protected by a password."), msg("Remove the password and upload it again.")) from None
    except (CalamineError, ooxml.BadWorkbook):
        raise _refused(unreadable, msg("Open it, save it as .xlsx and upload that.")) from None
    except BaseException as error:
        # A panic in the native reader is no Exception; a hostile file must not end the import worker.
        if type(error).__name__ != "PanicException":
            raise
        raise _refused(unreadable, msg("Open it, save it as .xlsx and upload that.")) from None


def _check_unpacked(data: bytes, limits: Limits) -> None:
    """A small archive may unpack to gigabytes."""
    from itembank.exchange import ooxml

    if data[:2] != b"PK":
        return
    try:
        unpacked = sum(part.file_size for part in zipfile.ZipFile(io.BytesIO(data)).infolist())
    except ooxml.DAMAGED:
        raise _refused(msg("The file is damaged."), msg("Save it again and upload that.")) from None
    if unpacked > limits.unpacked_bytes:
        raise _refused(msg("The file is too large when unpacked."), msg("Split it into smaller files."))


def _read_sheet(book: "CalamineWorkbook", name: str, data: bytes, limits: Limits) -> Grid:
    from itembank.exchange import ooxml

    extra = ooxml.read_extra(data, name) if data[:2] == b"PK" else ooxml.Extra()
    _check_extent(name, extra.rows, extra.columns, limits)
    sheet = book.get_sheet_by_name(name)
    _check_extent(name, sheet.total_height, sheet.total_width, limits)
    oddities: dict[Place, Oddity] = {}
    rows = [
        [_cell_text(value, (r, c), oddities) for c, value in enumerate(row)]
        for r, row in enumerate(sheet.to_python(skip_empty_area=False))
    ]
    for (r, c), text in extra.rich_texts.items():
        if r < len(rows) and c < len(rows[r]):
            rows[r][c] = storable(text)
    oddities.update(dict.fromkeys(extra.formulas, Oddity.FORMULA))
    oddities.update(dict.fromkeys(extra.errors, Oddity.ERROR))
    return Grid(name, rows, oddities, tuple(sheet.merged_cell_ranges or ()), extra.pictures)


def _cell_text(value: object, place: Place, oddities: dict[Place, Oddity]) -> str:
    """Whole numbers without ``.0``, other numbers without exponent; never rounded further than the file already has."""
    match value:
        case str():
            return storable(value)
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            whole = float(value).is_integer()
            oddities[place] = Oddity.LONG_NUMBER if whole and abs(value) >= _LONGEST_EXACT else Oddity.NUMBER
            return str(int(value)) if whole else format(Decimal(repr(value)), "f")
        case dt.datetime() | dt.date() | dt.time():
            oddities[place] = Oddity.DATE
            return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
        case dt.timedelta():
            oddities[place] = Oddity.DATE
            return str(value)
    return ""


def _read_csv(data: bytes, limits: Limits) -> Grid:
    text = _decode(data)
    first = text.split("\n", 1)[0]
    delimiter = max(",\t;", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = list(itertools.islice(reader, limits.rows))
        _check_extent("CSV", len(rows) + sum(1 for _ in reader), 0, limits)  # counted, not kept
    except csv.Error:
        raise _refused(msg("The file cannot be read as CSV."), msg("Save it as .xlsx and upload that.")) from None
    return Grid("CSV", [[storable(cell) for cell in row] for row in rows])


def _decode(data: bytes) -> str:
    marked = data[:2] in {b"\xff\xfe", b"\xfe\xff"}  # what spreadsheets call Unicode text
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _refused(
        msg("The file is neither a spreadsheet nor text in UTF-8 or GB18030."),
        msg("Save it as .xlsx and upload that."),
    )
