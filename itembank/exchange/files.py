"""A file of items as somebody gives it: which format it is, its pictures, what was found in it. Reads bytes, raises nothing.

Callers run `read_file` where memory and time are bounded: what is in the file is a stranger's.
"""

import io
import posixpath
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from itembank.errors import msg
from itembank.exchange import xlsx
from itembank.exchange.archives import Archive
from itembank.exchange.detection import WORD_STREAM
from itembank.exchange.formats import FORMATS, detect
from itembank.exchange.grid import Grid, Refused, read_grids
from itembank.exchange.item_columns import HEADERS, columns_of
from itembank.exchange.item_row import ImportedItem, Reading
from itembank.exchange.item_sheet import SortedItems, whole_sets
from itembank.exchange.mistakes import RowError, by_place, column_letter, file_error, shorten
from itembank.exchange.ooxml import DAMAGED
from itembank.exchange.safe_figures import HOW_TO_MEND, is_safe, unpack

SAMPLE_ROWS: Final = 6
_SAMPLE_CELL: Final = 40
_MOST_CHARACTERS: Final = 30_000_000
_NOTHING: Final = SortedItems((), {}, (), ())


@dataclass(frozen=True, slots=True)
class FileOfItems:
    """As it came. ``figures``: a ZIP, or files by name. ``format``: a code of `FORMATS`; empty: told from the content.

    ``default_difficulty`` holds for items that do not say theirs.
    """

    name: str
    data: bytes
    figures: bytes | Mapping[str, bytes] = b""
    format: str = ""
    how: Reading = field(default_factory=Reading)
    default_difficulty: int | None = None


@dataclass(frozen=True, slots=True)
class FileRead:
    """What was found. ``format`` is empty where none was recognised; ``sheets``: see `samples`, for spreadsheets only."""

    format: str
    found: SortedItems
    sheets: tuple[dict[str, Any], ...] = ()


def read_file(file: FileOfItems) -> FileRead:
    """All items of a file, good and refused ones."""
    recognised = detect(file.data, file.name)
    if recognised is None and file.data[:2] == b"PK":
        file = _unwrapped(file)
        recognised = detect(file.data, file.name)
    code = file.format or (recognised.code if recognised is not None else "")
    if code not in FORMATS:
        return FileRead("", replace(_NOTHING, refused=(_unrecognised(file.data),)))
    named, unsafe = unpack(file.figures) if isinstance(file.figures, bytes) else (file.figures, [])
    if code == "xlsx":
        found, sheets = _read_sheets(file, named)
    else:
        found, sheets = FORMATS[code].read(file.data, file.how, named), ()
    return FileRead(code, _finished(file, found, unsafe), sheets)


def _unwrapped(file: FileOfItems) -> FileOfItems:
    """What an export with figures beside it is: a ZIP of one file with items and a folder of pictures. Else as it was."""
    try:
        archive = Archive(file.data, file.how.limits)
        inside = {name: archive.read(name) for name in archive.names if not name.endswith("README.txt")}
    except Refused:
        return file
    pictures = {posixpath.basename(name): data for name, data in inside.items() if name.startswith("figures/")}
    others = [name for name in inside if not name.startswith("figures/")]
    if len(others) != 1:
        return file
    return replace(file, name=others[0], data=inside[others[0]], figures=file.figures or pictures)


def _unrecognised(data: bytes) -> RowError:
    if not data.strip():
        return file_error(msg("The file is empty."), msg("Choose another file."))
    if data.startswith(b"%PDF"):
        return file_error(
            msg("PDF files cannot be read."), msg("Save what the PDF was made from as XLSX or DOCX, and upload that.")
        )
    if WORD_STREAM in data:
        return file_error(msg("Old Word files (.doc) cannot be read."), msg("Save it as .docx and upload that."))
    mend = msg("Say which format it is, or save it as XLSX, DOCX or plain text.")
    return file_error(msg("The format of the file was not recognised."), mend)


def _read_sheets(file: FileOfItems, figures: Mapping[str, bytes]) -> tuple[SortedItems, tuple[dict[str, Any], ...]]:
    try:
        grids = read_grids(file.data, file.how.limits)
    except Refused as refused:
        return replace(_NOTHING, refused=(refused.mistake,)), ()
    sheets = tuple(_sample(grid, file.how.mapping) for grid in grids)
    return xlsx.sort_grids(grids, file.how, figures), sheets


def _sample(grid: Grid, mapping: Mapping[str, str]) -> dict[str, Any]:
    """A sheet's first rows and the columns recognised, as JSON, for whoever maps them by hand."""
    best: dict[str, int] = {}
    header = 0
    for row in range(min(20, len(grid.rows))):
        found = columns_of(grid.rows[row], mapping)
        if "stem" in found and len(found) > max(len(best), 1):
            best, header = found, row
    width = min(max(map(len, grid.rows)), 40)
    rows = range(min(SAMPLE_ROWS, len(grid.rows)))
    return {
        "name": grid.name,
        "rows": len(grid.rows),
        "header": header + 1,
        "letters": [column_letter(c) for c in range(width)],
        "sample": [[shorten(grid.text(row, c))[:_SAMPLE_CELL] for c in range(width)] for row in rows],
        "columns": {name: column_letter(place) for name, place in best.items()},
    }


def _finished(file: FileOfItems, found: SortedItems, unsafe: list[RowError]) -> SortedItems:
    """With the default difficulty, without items whose pictures may not be shown, and with remarks on the file."""
    bad = {digest for digest, figure in found.figures.items() if not is_safe(figure)}
    unfit = [item for item in found.items if item.body.media & bad]
    rest = [item for item in found.items if not item.body.media & bad]
    items, broken = whole_sets(rest, {item.body.stimulus: item.row for item in reversed(unfit)})
    refused = [*unsafe, *found.refused, *map(_unsafe, unfit), *broken]
    if sum(map(_length, items)) > _MOST_CHARACTERS:
        problem = msg("The texts of the file are too long in all: more than 30 million characters.")
        items, refused = [], [file_error(problem, msg("Split it into smaller files."))]
    if file.default_difficulty is not None:
        items = [item if item.difficulty else replace(item, difficulty=file.default_difficulty) for item in items]
    used = {digest for item in items for digest in item.body.media}
    figures = {digest: figure for digest, figure in found.figures.items() if digest in used}
    notes = [*found.notes, *_macros(file.data)]
    return SortedItems(tuple(items), figures, tuple(by_place(refused)), tuple(by_place(notes)))


def _unsafe(item: ImportedItem) -> RowError:
    problem = msg("A figure of this item cannot be shown safely.")
    return RowError(item.row, "", HEADERS["figures"][0], "", problem, HOW_TO_MEND)


def _length(item: ImportedItem) -> int:
    return len(item.body.stem_html) + sum(len(option.html) for option in item.body.options) + len(item.key.rationale_html)


def _macros(data: bytes) -> list[RowError]:
    if data[:2] != b"PK":
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except DAMAGED:
        return []
    if not any(name.endswith("vbaProject.bin") for name in names):
        return []
    return [file_error(msg("The file holds macros; they were neither run nor kept."), msg("Nothing needs to be done."))]
