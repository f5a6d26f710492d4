"""The table of mistakes as a workbook."""

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from server.pages import _, translate

_WIDTHS = (8, 8, 16, 40, 50, 50)


def refused_workbook(mistakes: Sequence[dict[str, Any]]) -> bytes:
    """One row a mistake: row, column, header, value, problem, mend. Text cells only, so that nothing becomes a formula."""
    heads = (_("Row"), _("Column"), _("Heading"), _("Value"), _("Problem"), _("How to mend it"))
    out = io.BytesIO()
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
            sheet.write_number(row, 0, mistake["row"])
            words = (translate(mistake[name]["msgid"], **mistake[name]["params"]) for name in ("problem", "mend"))
            for column, value in enumerate((mistake["column"], mistake["header"], mistake["value"], *words), 1):
                sheet.write_string(row, column, value, text)
    return out.getvalue()
