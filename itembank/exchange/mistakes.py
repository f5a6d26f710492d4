"""The table of mistakes an import answers with: where, what, and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass

from itembank.errors import Message


@dataclass(frozen=True, slots=True)
class RowError:
    """One mistake. ``row`` counts from 1 as spreadsheets do, 0 is the file as a whole; ``column`` is a letter or empty."""

    row: int
    column: str
    header: str
    value: str
    problem: Message
    mend: Message


SHOWN_VALUE = 60


def shorten(value: str) -> str:
    """A cell's text short enough for a table of mistakes."""
    flat = " ".join(value.split())
    return flat if len(flat) <= SHOWN_VALUE else f"{flat[: SHOWN_VALUE - 1]}…"


def column_letter(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def file_error(problem: Message, mend: Message, value: str = "") -> RowError:
    """A mistake of the file as a whole."""
    return RowError(0, "", "", shorten(value), problem, mend)


def by_place(mistakes: Iterable[RowError]) -> list[RowError]:
    """In reading order, each once."""
    return sorted(dict.fromkeys(mistakes), key=lambda found: (found.row, len(found.column), found.column))
