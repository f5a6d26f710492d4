"""The workbook people fill in: columns, examples of every kind, how to write what."""

import datetime as dt
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from itembank.exchange.item_columns import OPTION_FIELDS, PROMPT_FIELDS
from itembank.exchange.syllabus_sheet import LEAF_HEADERS
from itembank.exchange.workbooks import FURTHER, OPTIONS_WRITTEN, item_fields, item_sheet, workbook
from itembank.items import KINDS
from itembank.syllabus import Syllabus, walk_leaves

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_PROMPTS_WRITTEN: Final = 4
_TEMPLATE_ROWS: Final = 5_000


def _example(kind: str, stem: str, options: Sequence[str], key: str, difficulty: str, **more: str) -> dict[str, str]:
    cells = {"kind": KINDS[kind].name_zh, "topic": "B-C-A-014", "stem": stem, "key": key, "difficulty": difficulty}
    return cells | dict(zip(OPTION_FIELDS, options, strict=False)) | more


_EXAMPLES: Final = (
    _example("single", "水在标准大气压下的沸点是（  ）。", ("90 ℃", "100 ℃", "110 ℃", "120 ℃"), "B", "1"),
    _example("multiple", "属于强酸的有（  ）。", ("HCl", "HNO<sub>3</sub>", "H<sub>2</sub>S", "HBr"), "ABD", "3"),
    _example("true_false", "离心泵启动前应关闭出口阀。", (), "正确", "2"),
    _example("fill_in", "我国低压配电的额定相电压是____伏，频率是____赫兹。", (), "220；50|五十", "2"),
    _example("numeric", "10 Ω 的电阻接在 220 V 电压上，电流是多少？", (), "22", "2", unit="A|安|安培", tolerance="0.1"),
    _example(
        "matching",
        "请为各导线选择颜色。",
        ("黄绿双色", "淡蓝色", "黄色", "黑色"),
        "1-A 2-B",
        "3",
        **dict(zip(PROMPT_FIELDS, ("保护线", "中性线"), strict=False)),
    ),
    _example("ordering", "停电检修的正确次序是：", ("验电", "断开电源", "挂接地线", "悬挂标示牌"), "BACD", "3"),
    _example(
        "single",
        "该起事故的直接原因是（  ）。",
        ("未验电", "天气热", "夜班"),
        "A",
        "3",
        case="1",
        stimulus="某班组检修配电柜时……",
    ),
    _example("fill_in", "作业前应当先停电并____。", (), "验电", "2", case="1"),
)
_HOW_TO: Final = (
    "每行一道试题，填在“试题”工作表；“示例”工作表仅供参考，不会导入。",
    "题型：" + "、".join(kind.name_zh for kind in KINDS.values()) + "。判断题不填选项，答案填“正确”或“错误”。",
    "答案：单选填一个字母，如 B；多选填多个字母，如 ABD 或 A,B,D。",
    r"填空题：空写成 ____（四个下划线）；答案中各空用“；”隔开，同一空的多个可接受答案用“|”隔开；答案含“；”“|”时前面加 \。",
    "计算填空题：答案填数值，如 22 或 22±0.1；允许误差可另列；单位列先写显示在作答框后的单位，再用“|”隔开考生也可写的单位。",
    "匹配题：待匹配项 1、2、3 … 各占一列，选项可以多于待匹配项；答案写每项对应的字母，如 1-A 2-B。",
    "排序题：选项次序随意；答案按正确次序写出全部字母，如 BACD。匹配题、排序题的选项入库时重新编号，不会泄露答案。",
    "案例题：同一材料的各题填同一“材料编号”，材料正文写在第一题那一行；各题题型不限，次序即表中次序，整组入库、整组抽题。",
    "鉴定点代码：与鉴定要素细目表一致，如 B-C-A-014。",
    "难度：1（易）至 5（难），可不填。依据：标准、教材或规程的条款。",
    "上标、下标：写成 m<sup>3</sup>、H<sub>2</sub>O，或直接使用单元格的上标、下标格式。",
    r"公式：用 LaTeX 写在 \( 与 \) 之间，如 \(I=\frac{U}{R}\)。",
    "图片：可直接插入单元格所在位置，或在“图片”列写文件名并与本表一起上传；写 [图:文件名] 可放在文字中间。",
    "固定选项顺序：选项有先后次序、不可打乱时填“是”。",
    "数字、分数、比例请先把单元格设为“文本”格式再填写，以免被自动改成日期或小数。",
)


def write_template(*, now: dt.datetime, syllabus: Syllabus | None = None) -> bytes:
    """The workbook to fill in: drop-downs, examples, instructions, and the leaves of the syllabus if one is given."""
    fields = item_fields(OPTIONS_WRITTEN, _PROMPTS_WRITTEN, FURTHER)
    out = io.BytesIO()
    with workbook(out, now) as book:
        sheet = item_sheet(book, "试题", fields)
        examples = item_sheet(book, "示例", fields)
        for row, example in enumerate(_EXAMPLES, 1):
            book.write_row(examples, row, [example.get(name, "") for name in fields])
        how_to = book.book.add_worksheet("说明")
        how_to.set_column(0, 0, 110, book.text)
        for row, line in enumerate(_HOW_TO):
            book.write_row(how_to, row, [line])
        leaves = list(walk_leaves(syllabus)) if syllabus is not None else []
        if leaves:
            listing = book.book.add_worksheet("鉴定点")
            listing.set_column(1, 1, 60)
            book.write_row(listing, 0, list(LEAF_HEADERS.values())[:3], book.head)
            for row, (code, leaf) in enumerate(leaves, 1):
                book.write_row(listing, row, [code, leaf.name, leaf.importance])
        _add_drop_downs(sheet, fields, len(leaves))
    return out.getvalue()


def _add_drop_downs(sheet: "Worksheet", fields: Sequence[str], leaves: int) -> None:
    def offer(name: str, rule: dict[str, object]) -> None:
        column = fields.index(name)
        sheet.data_validation(1, column, _TEMPLATE_ROWS, column, rule)

    offer("kind", {"validate": "list", "source": [kind.name_zh for kind in KINDS.values()]})
    offer("difficulty", {"validate": "list", "source": ["1", "2", "3", "4", "5"]})
    offer("fixed_order", {"validate": "list", "source": ["是", "否"]})
    if leaves:
        offer("topic", {"validate": "list", "source": f"=鉴定点!$A$2:$A${leaves + 1}"})
