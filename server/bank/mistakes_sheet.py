"""The table of mistakes, for a page and as a workbook."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from itembank.exchange.mistakes import RowError
from server.bank.scope import say
from server.pages import _, translate


@dataclass(frozen=True)
class ShownMistake:
    """One mistake in the reader's language."""

    row: int
    column: str
    header: str
    value: str
    problem: str
    mend: str


def of_errors(found: Iterable[RowError]) -> list[ShownMistake]:
    """Mistakes straight from the library."""
    return [ShownMistake(m.row, m.column, m.header, m.value, say(m.problem), say(m.mend)) for m in found]


def of_result(found: Iterable[dict[str, Any]]) -> list[ShownMistake]:
    """Mistakes as a job's result keeps them."""
    return [ShownMistake(m["row"], m["column"], m["header"], m["value"], _say(m["problem"]), _say(m["mend"])) for m in found]


def _say(message: dict[str, Any]) -> str:
    return translate(message["msgid"], **message["params"])


_WIDTHS = (8, 8, 16, 40, 50, 50)


def refused_workbook(mistakes: Iterable[ShownMistake], place: str) -> bytes:
    """One row a mistake: row (by the word ``place``), column, header, value, problem, mend.

    Text cells only, so that nothing becomes a formula.
    """
    heads = (place, _("Column"), _("Heading"), _("Value"), _("Problem"), _("How to mend it"))
    out = io.BytesIO()
    import xlsxwriter  # with the first file, not at start-up

    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet(translate(_("Mistakes"))[:31])
        bold, text = (
            book.add_format({"bold": True, "bg_color": "#DCE6F1"}),
            book.add_format({"num_format": "@", "text_wrap": True}),
        )
        sheet.freeze_panes(1, 0)
        for column, (head, width) in enumerate(zip(heads, _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, translate(head), bold)
        for row, mistake in enumerate(mistakes, 1):
            sheet.write_number(row, 0, mistake.row)
            texts = (mistake.column, mistake.header, mistake.value, mistake.problem, mistake.mend)
            for column, value in enumerate(texts, 1):
                sheet.write_string(row, column, value, text)
    return out.getvalue()
