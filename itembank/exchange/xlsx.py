"""Spreadsheets in and out: the door. See the package for what lies behind it.

All or nothing: `read_items` and `read_syllabus` give either everything or the list of mistakes. `sort_items` is for the caller
who has been told and wishes to take the good rows and list the refused ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from itembank.exchange.figures import Figure
from itembank.exchange.grid import Grid, Limits, Refused, read_grids
from itembank.exchange.item_row import BY_KEY, ImportedItem, Reading
from itembank.exchange.item_sheet import SortedItems, sort_rows
from itembank.exchange.mistakes import RowError
from itembank.exchange.syllabus_sheet import ParsedSyllabus, read_sheet
from itembank.exchange.template import forget_examples, write_template
from itembank.exchange.writing import write_items, write_syllabus

__all__ = [
    "BY_KEY",
    "ImportedItem",
    "Limits",
    "ParsedItems",
    "ParsedSyllabus",
    "Reading",
    "RowError",
    "SortedItems",
    "read_items",
    "read_syllabus",
    "sort_grids",
    "sort_items",
    "write_items",
    "write_syllabus",
    "write_template",
]

_TEMPLATE: Final = Reading()


@dataclass(frozen=True, slots=True)
class ParsedItems:
    """Every row of the file, the pictures used (by digest), and remarks worth showing before publishing."""

    items: tuple[ImportedItem, ...]
    figures: Mapping[str, Figure]
    notes: tuple[RowError, ...]


def sort_items(data: bytes, how: Reading = _TEMPLATE, figures: Mapping[str, bytes] | None = None) -> SortedItems:
    """Good rows and refused ones of an XLSX, XLS, ODS or CSV file. ``figures``: picture files by name."""
    try:
        grids = read_grids(data, how.limits)
    except Refused as refused:
        return SortedItems((), {}, (refused.mistake,), ())
    return sort_grids(grids, how, figures)


def sort_grids(grids: list[Grid], how: Reading = _TEMPLATE, figures: Mapping[str, bytes] | None = None) -> SortedItems:
    """The same from sheets already read, which it may change. The template's example rows are passed over."""
    forget_examples(grids)
    return sort_rows(grids, how, figures or {})


def read_items(data: bytes, how: Reading = _TEMPLATE, figures: Mapping[str, bytes] | None = None) -> ParsedItems | list[RowError]:
    """All items of a file, or all mistakes if there is one."""
    found = sort_items(data, how, figures)
    return list(found.refused) if found.refused else ParsedItems(found.items, found.figures, found.notes)


def read_syllabus(data: bytes, limits: Limits | None = None) -> ParsedSyllabus | list[RowError]:
    """The content table of a file (layout: `syllabus_sheet`), or all mistakes, also of sums that do not add up."""
    try:
        grids = read_grids(data, limits or Limits())
    except Refused as refused:
        return [refused.mistake]
    return read_sheet(grids)
