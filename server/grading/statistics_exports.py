"""Statistics as files, for people who compute on: figures of items, and who answered what, without names.

In XLSX every text is written as a string; in CSV a text that a spreadsheet would take for a formula gets an apostrophe. Rows of
people are in an order drawn anew for each file and carry no number of theirs, but totals alone can tell who is who to somebody
who has the list: the page says so, asks for the reason, and the trail keeps it.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from random import SystemRandom
from typing import Any, Final

from sqlmodel import Session, col, select

from server.grading import words
from server.grading.statistics_flags import FLAGS, is_choice
from server.grading.statistics_view import Shown, items
from server.grading.summary_xlsx import SAFE
from server.grading.tables import ItemMark, Result
from server.pages import translate

Cell = str | int | float | None
Table = list[list[Cell]]
FIGURES: Final = ("p", "item_total", "point_biserial", "biserial", "discrimination", "alpha_without", "difficulty", "slope")
ENDS: Final = ("value", "se", "low", "high")
RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def item_table(db: Session, shown: Shown) -> Table:
    """A row an item, a column a figure with its error and interval; an empty cell where there is none, and why at the end."""
    head: list[Cell] = ["form", "slot", "item", "version", "kind", "marks", "n", "full_marks_n", "blank_n", "cancelled"]
    head += [name if end == "value" else f"{name}_{end}" for name in FIGURES for end in ENDS]
    head += ["fit_chi_square", "fit_df", "fit_p_value", "flags", "key_version", "missing"]
    table = [head]
    for form in shown.forms:
        for item in items(db, form):
            body = item.body
            row: list[Cell] = [
                form.body["label"],
                item.slot,
                item.item_id,
                item.version,
                body["kind"],
                body["full"] / 100,
                item.n,
            ]
            row += [item.right, body["blank"], int(body["cancelled"])]
            row += [body[name].get(end) for name in FIGURES for end in ENDS]
            row += [body["fit"].get(name) for name in ("chi_square", "df", "p_value")]
            row += [", ".join(translate(FLAGS[code].word) for code in body["flags"]), form.key_version, _missing(body)]
            table.append(row)
    return table


def _missing(body: Mapping[str, Any]) -> str:
    """`name: why` of every figure that has no value."""
    said = []
    for name in FIGURES:
        for why, found in body[name].items():
            if why in {"too_few", "no_spread", "unsettled"}:
                said.append(f"{name}: {why} {found}".replace("[", "").replace("]", "").replace(", ", "/"))
    return "; ".join(said)


def option_table(db: Session, shown: Shown) -> Table:
    """A row an option of an item: how many chose it, and in each ability group (the weakest first)."""
    table: Table = [
        ["form", "slot", "item", "option", "chosen", "n", "share", "share_low", "share_high", "with_rest", "with_rest_se"]
    ]
    table[0] += [f"group_{group}_{what}" for group in range(1, 6) for what in ("chosen", "n")]
    for form in shown.forms:
        for item in items(db, form):
            for one in item.body["options"]:
                share, rest = one["share"], one["with_rest"]
                row: list[Cell] = [form.body["label"], item.slot, item.item_id, _letters([one["option"]]), one["chosen"], item.n]
                row += [share.get(end) for end in ("value", "low", "high")] + [rest.get("value"), rest.get("se")]
                row += [count for pair in one["by_group"].get("groups", ()) for count in pair]
                table.append(row)
    return table


def matrix(db: Session, shown: Shown) -> Iterator[tuple[str, Table, Table]]:
    """(label, answers, marks) of each form: a row a candidate in a drawn order, a column a slot."""
    place = (shown.session.exam_session_id, shown.session.run_no)
    for form in shown.forms:
        slots = {item.slot: str(item.body["kind"]) for item in items(db, form)}
        who = select(Result.entry_no, Result.total).where(
            Result.exam_session_id == place[0],
            Result.run_no == place[1],
            Result.form_id == form.form_id,
            Result.state == "marked",
        )
        totals = dict(db.exec(who).all())
        cells = _cells(db, place, set(totals))
        order = list(totals)
        SystemRandom().shuffle(order)
        head: list[Cell] = ["form", "row", *(f"q{slot}" for slot in slots), "total"]
        answers, marks = [head], [head]
        for number, entry_no in enumerate(order, 1):
            mine, total = cells.get(entry_no, {}), (totals[entry_no] or 0) / 100
            given: list[Cell] = [_answer(mine[slot][0], kind) if slot in mine else "" for slot, kind in slots.items()]
            earned: list[Cell] = [mine[slot][1] / 100 if slot in mine else 0 for slot in slots]
            answers.append([form.body["label"], number, *given, total])
            marks.append([form.body["label"], number, *earned, total])
        yield str(form.body["label"]), answers, marks


def _cells(db: Session, place: tuple[int, int], who: set[int]) -> dict[int, dict[int, tuple[list[Any], int]]]:
    found: dict[int, dict[int, tuple[list[Any], int]]] = {}
    rows = db.execute(
        select(col(ItemMark.entry_no), col(ItemMark.slot), col(ItemMark.response), col(ItemMark.marks)).where(
            col(ItemMark.exam_session_id) == place[0], col(ItemMark.run_no) == place[1]
        )
    )
    for entry_no, slot, response, earned in rows:
        if entry_no in who:
            found.setdefault(entry_no, {})[slot] = (response, earned)
    return found


def _answer(response: Sequence[Any], kind: str) -> str:
    if is_choice(kind):
        return _letters(response)
    return words.answer_words(response, kind) if response else ""


def _letters(chosen: Sequence[int]) -> str:
    return "".join(chr(ord("A") + option - 1) for option in chosen)


def as_csv(tables: Sequence[Table]) -> bytes:
    """One table under another, with a byte order mark so that spreadsheets read Chinese; an empty line between."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for number, table in enumerate(tables):
        if number:
            writer.writerow([])
        writer.writerows([_guarded(cell) for cell in row] for row in table)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _guarded(cell: Cell) -> Cell:
    """A text that begins like a formula is held back by an apostrophe; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(RISKY) else cell


def as_xlsx(sheets: Mapping[str, Table]) -> bytes:
    """A workbook, a table a sheet."""
    import xlsxwriter  # with the first file, not at start-up

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, dict(SAFE))
    head = book.add_format({"bold": True, "bg_color": "#EEF2F7"})
    for name, table in sheets.items():
        sheet = book.add_worksheet(name[:31])
        for line, row in enumerate(table):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(line, column, cell, head if line == 0 else None)
                elif cell is not None:
                    sheet.write_number(line, column, cell)
        sheet.freeze_panes(1, 2)
    book.close()
    return buffer.getvalue()
