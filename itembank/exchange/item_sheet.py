"""An item sheet -> items, with every mistake by row and column.

`sort_rows` reads all rows and keeps good and refused ones apart; whether the good ones may go in without the others is the
caller's decision (`exchange.xlsx`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from itembank.errors import msg
from itembank.exchange import item_columns
from itembank.exchange.figures import Figure
from itembank.exchange.grid import Grid
from itembank.exchange.item_columns import HEADERS
from itembank.exchange.item_row import ImportedItem, Reading, RowReader, Sheet
from itembank.exchange.mistakes import RowError, by_place, file_error, shorten

_HEADER_WITHIN: Final = 20
_FILL_DOWN: Final = ("kind", "topic", "source", "difficulty", "case", "stimulus")


@dataclass(frozen=True, slots=True)
class SortedItems:
    """Good rows, pictures they use (by digest), mistakes of the refused rows, and remarks on rows that were taken."""

    items: tuple[ImportedItem, ...]
    figures: Mapping[str, Figure]
    refused: tuple[RowError, ...]
    notes: tuple[RowError, ...]


def sort_rows(grids: list[Grid], how: Reading, figures: Mapping[str, bytes]) -> SortedItems:
    """Read the first sheet that has item headers (or ``how.sheet``)."""
    for grid in grids:
        if how.sheet is not None and grid.name != how.sheet:
            continue
        for header_row in range(min(_HEADER_WITHIN, len(grid.rows))):
            columns = item_columns.columns_of(grid.rows[header_row], how.mapping)
            if "stem" in columns and len(columns) > 1:
                return _read(Sheet(grid, header_row, columns, how, figures))
    mistake = file_error(
        msg("No header row was found."),
        msg("Write 题型, 题干, 选项A, 答案 … in one row, or say which column holds what."),
        how.sheet or "",
    )
    return SortedItems((), {}, (mistake,), ())


def _read(sheet: Sheet) -> SortedItems:
    """All rows below the header."""
    items: list[ImportedItem] = []
    if _columns_suffice(sheet):
        _fill_merged(sheet)
        for row in range(sheet.header_row + 1, len(sheet.grid.rows)):
            if any(sheet.grid.text(row, column) for column in sheet.columns.values()):
                item = RowReader(sheet, row).read()
                if item is not None:
                    items.append(item)
        items, others = whole_sets(items, _broken_sets(sheet))
        sheet.mistakes += others
        if not items and not sheet.mistakes:
            sheet.mistakes.append(file_error(msg("There is no item below the header."), msg("Add a row per item.")))
    used = {digest for item in items for digest in item.body.media}
    figures = {digest: figure for digest, figure in sheet.figures.items() if digest in used}
    good = {item.row for item in items}
    notes = [note for note in sheet.notes if note.row in good]
    return SortedItems(tuple(items), figures, tuple(by_place(sheet.mistakes)), tuple(by_place(notes)))


def whole_sets(items: Iterable[ImportedItem], broken: Mapping[str, int]) -> tuple[list[ImportedItem], list[RowError]]:
    """Without the questions of sets that have a mistake in another row (name -> row), and what to say in their rows."""
    kept, mistakes = list[ImportedItem](), list[RowError]()
    for item in items:
        name = item.body.stimulus
        if not name or name not in broken:
            kept.append(item)
        elif item.row != broken[name]:
            problem = msg("The set “%(name)s” has a mistake in row %(row)s.", name=shorten(name), row=broken[name])
            mend = msg("Mend that row: a set comes in whole or not at all.")
            mistakes.append(RowError(item.row, "", HEADERS["case"][0], shorten(name), problem, mend))
    return kept, mistakes


def _broken_sets(sheet: Sheet) -> dict[str, int]:
    """Sets with a mistake: name -> the first row with one."""
    column = sheet.columns.get("case")
    if column is None:
        return {}
    rows = sorted({mistake.row for mistake in sheet.mistakes if mistake.row}, reverse=True)
    return {" ".join(sheet.grid.text(row - 1, column).split()): row for row in rows}


def _fill_merged(sheet: Sheet) -> None:
    """A group column merged over several rows holds for each of them."""
    for name in _FILL_DOWN:
        column = sheet.columns.get(name)
        for (top, left), (bottom, right) in sheet.grid.merged:
            if column is not None and left == column == right and top > sheet.header_row:
                for row in range(top + 1, min(bottom + 1, len(sheet.grid.rows))):
                    sheet.grid.rows[row][column] = sheet.grid.text(top, column)


def _columns_suffice(sheet: Sheet) -> bool:
    how, lacking = sheet.how, []
    if "kind" not in sheet.columns and how.default_kind is None:
        lacking.append("kind")
    if "topic" not in sheet.columns and how.default_topic is None:
        lacking.append("topic")
    if "key" not in sheet.columns and not how.key_in_stem:
        lacking.append("key")
    for name in lacking:
        header = HEADERS[name][0]
        problem = msg("There is no column “%(header)s”.", header=header)
        mend = msg("Add the column, say which column it is, or choose a value for all rows.")
        sheet.mistakes.append(RowError(sheet.header_row + 1, "", header, "", problem, mend))
    return not lacking
