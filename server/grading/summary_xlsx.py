"""成绩汇总表 as a workbook, in the columns of the printed form. Chinese only: it is an official form.

Every cell that holds somebody's text is written as a string: XlsxWriter then never makes a formula, a link or a number of
it (a name `=HYPERLINK(...)` stays a name, an admission number keeps its zeros).
"""

import io
from typing import Final

from server.grading.results import Head, SummaryRow
from server.pages import beijing
from server.registry.rules import LEVELS

COLUMNS: Final = (
    ("序号", 6),
    ("姓名", 12),
    ("性别", 6),
    ("申报职业（工种）", 18),
    ("评价等级", 10),
    ("理论情况", 12),
    ("理论成绩", 10),
    ("技能情况", 10),
    ("技能成绩", 10),
    ("业绩评审成绩", 14),
    ("准考证号", 20),
    ("考试类型", 10),
    ("卷别", 6),
)
"""The ten printed columns, then three that tell namesakes apart."""

OUTCOMES: Final = {"passed": "合格", "failed": "不合格", "absent": "缺考", "voided": "违纪作废"}
SAFE: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}


UNPUBLISHED: Final = "尚未公布，仅供复核"
"""On every summary taken before the results are published: it is there to be checked, not to be handed out."""


def workbook(head: Head, rows: list[SummaryRow], *, checkers: str) -> bytes:
    """The file. `checkers`: the two people of the publication, printed beside 系统阅卷; "" before it."""
    buffer = io.BytesIO()
    import xlsxwriter  # with the first file, not at start-up

    book = xlsxwriter.Workbook(buffer, dict(SAFE))
    sheet = book.add_worksheet("成绩汇总表")
    title = book.add_format({"bold": True, "font_size": 16, "align": "center"})
    heading = book.add_format({"bold": True, "border": 1, "align": "center", "text_wrap": True, "bg_color": "#EEF2F7"})
    cell = book.add_format({"border": 1})
    score = book.add_format({"border": 1, "num_format": "0.0#"})
    last = len(COLUMNS) - 1
    sheet.merge_range(0, 0, 0, last, "成绩汇总表", title)
    sheet.write_string(1, 0, f"评价单位（章）：{head.institution}")
    sheet.write_string(2, 0, f"{head.plan}　{head.title}　{beijing(head.starts_at)}")
    for column, (name, width) in enumerate(COLUMNS):
        sheet.set_column(column, column, width)
        sheet.write_string(4, column, name, heading)
    for number, row in enumerate(rows, 1):
        line = 4 + number
        sheet.write_number(line, 0, number, cell)
        texts = (row.name, row.sex, row.occupation, LEVELS.get(row.level, row.level), OUTCOMES[row.outcome])
        for column, text in enumerate(texts, 1):
            sheet.write_string(line, column, text, cell)
        if row.total is None:
            sheet.write_blank(line, 6, None, cell)
        else:
            sheet.write_number(line, 6, row.total / 100, score)
        for column in (7, 8, 9):
            sheet.write_blank(line, column, None, cell)
        for column, text in enumerate((row.admission_no, row.exam_type, row.form_label), 10):
            sheet.write_string(line, column, text, cell)
    foot = 6 + len(rows)
    counts = {name: sum(row.outcome == key for row in rows) for key, name in OUTCOMES.items()}
    sheet.write_string(foot, 0, f"共 {len(rows)} 人：" + "，".join(f"{name} {n} 人" for name, n in counts.items()))
    sheet.write_string(foot + 1, 0, f"理论阅卷：系统阅卷（第 {head.run_no} 次）　复核人：{checkers or UNPUBLISHED}")
    sheet.write_string(foot + 2, 0, "理论阅卷人签字：　　　　　　　　技能考评组签字：")
    sheet.freeze_panes(5, 2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(4)
    book.close()
    return buffer.getvalue()
