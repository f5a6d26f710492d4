"""Items, content tables and the import template -> XLSX.

Every cell is written as a string in a text format, never as a formula or number: text that begins with ``=``, ``+``, ``-`` or
``@`` stays text when the file is opened, and codes keep their zeros.
"""

import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from itembank.exchange import cells
from itembank.exchange.item_columns import HEADERS, OPTION_FIELDS
from itembank.exchange.syllabus_sheet import COUNT_LABEL, LABELS, LEAF_HEADERS, LEVEL_HEADERS, LEVELS, TITLE
from itembank.items import CHOICE_KINDS, KINDS, TRUE, ItemBody, ItemKeyData, letter
from itembank.syllabus import Area, Syllabus, walk_areas, walk_leaves

if TYPE_CHECKING:
    import xlsxwriter
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_OPTIONS_WRITTEN: Final = 6
_TEMPLATE_ROWS: Final = 5_000
_WIDTHS: Final = {"stem": 60, "kind": 12, "topic": 14, "source": 30, "rationale": 30, "figures": 16}
_EXAMPLES: Final = (
    ("单项选择题", "B-C-A-014", "水在标准大气压下的沸点是（  ）。", "90 ℃", "100 ℃", "110 ℃", "120 ℃", "", "", "B", "1"),
    ("多项选择题", "B-C-A-014", "属于强酸的有（  ）。", "HCl", "HNO<sub>3</sub>", "H<sub>2</sub>S", "HBr", "", "", "ABD", "3"),
    ("判断题", "B-C-A-014", "离心泵启动前应关闭出口阀。", "", "", "", "", "", "", "正确", "2"),
)  # fmt: skip
_HOW_TO: Final = (
    "每行一道试题，填在“试题”工作表；“示例”工作表仅供参考，不会导入。",
    "题型：单项选择题、多项选择题、判断题。判断题不填选项，答案填“正确”或“错误”。",
    "答案：单选填一个字母，如 B；多选填多个字母，如 ABD 或 A,B,D。",
    "鉴定点代码：与鉴定要素细目表一致，如 B-C-A-014。",
    "难度：1（易）至 5（难），可不填。依据：标准、教材或规程的条款。",
    "上标、下标：写成 m<sup>3</sup>、H<sub>2</sub>O，或直接使用单元格的上标、下标格式。",
    r"公式：用 LaTeX 写在 \( 与 \) 之间，如 \(I=\frac{U}{R}\)。",
    "图片：可直接插入单元格所在位置，或在“图片”列写文件名并与本表一起上传；写 [图:文件名] 可放在文字中间。",
    "固定选项顺序：选项有先后次序、不可打乱时填“是”。",
    "数字、分数、比例请先把单元格设为“文本”格式再填写，以免被自动改成日期或小数。",
)


class WritableItem(Protocol):
    """What an export needs to know of an item; `item_row.ImportedItem` is one. Without a key the column stays empty."""

    @property
    def body(self) -> ItemBody: ...  # noqa: D102
    @property
    def key(self) -> ItemKeyData | None: ...  # noqa: D102
    @property
    def topic_code(self) -> str: ...  # noqa: D102
    @property
    def difficulty(self) -> int | None: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102


class _Book:
    """A workbook with the two formats everything is written in."""

    def __init__(self, book: "xlsxwriter.Workbook") -> None:
        self.book = book
        self.text: Format = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        self.guarded: Format = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top", "quote_prefix": True})
        self.head: Format = book.add_format({"num_format": "@", "bold": True, "bg_color": "#DCE6F1", "border": 1})

    def write_row(self, sheet: "Worksheet", row: int, texts: Sequence[str], style: "Format | None" = None) -> None:
        """One row of strings. Raises ValueError for a text longer than a cell can hold (32,767 characters)."""
        for column, text in enumerate(texts):
            look = style or (self.guarded if text.startswith(("=", "+", "-", "@", "\t", "\r")) else self.text)
            if text and sheet.write_string(row, column, text, look) != 0:
                raise ValueError(f"row {row + 1} column {column + 1} does not fit into a sheet")


@contextmanager
def _workbook(out: io.BytesIO, now: dt.datetime) -> Iterator[_Book]:
    import xlsxwriter  # with the first file, not at start-up

    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": now.replace(tzinfo=None)})
    yield _Book(book)
    book.close()


def _item_fields(options: int) -> list[str]:
    fields = ["kind", "topic", "stem", *OPTION_FIELDS[:options], "key", "difficulty", "source", "figures", "fixed_order"]
    return [*fields, "rationale", "reference"]


def write_items(items: Iterable[WritableItem], *, now: dt.datetime) -> bytes:
    """Items as XLSX in the template's columns (up to H where an item has so many options). Read back, they are the same.

    Pictures appear as ``[图:DIGEST]``; the caller delivers the files beside it, named by digest.
    """
    chosen = list(items)
    widest = max((len(item.body.options) for item in chosen), default=0)
    fields = _item_fields(max(widest, _OPTIONS_WRITTEN))
    out = io.BytesIO()
    with _workbook(out, now) as book:
        sheet = _item_sheet(book, "试题", fields)
        for row, item in enumerate(chosen, 1):
            texts = _item_texts(item)
            book.write_row(sheet, row, [texts.get(name, "") for name in fields])
    return out.getvalue()


def _item_sheet(book: _Book, name: str, fields: Sequence[str]) -> "Worksheet":
    sheet = book.book.add_worksheet(name)
    for column, field_name in enumerate(fields):
        sheet.set_column(column, column, _WIDTHS.get(field_name, 18), book.text)
    book.write_row(sheet, 0, [HEADERS[field_name][0] for field_name in fields], book.head)
    sheet.freeze_panes(1, 0)
    return sheet


def _item_texts(item: WritableItem) -> dict[str, str]:
    body, kind = item.body, KINDS[item.body.kind]
    texts = {
        "kind": kind.name_zh,
        "topic": item.topic_code,
        "stem": cells.from_html(body.stem_html),
        "difficulty": str(item.difficulty or ""),
        "source": item.source,
        "reference": item.reference,
    }
    if item.key is not None:
        correct = item.key.correct
        texts["rationale"] = cells.from_html(item.key.rationale_html)
        texts["key"] = "".join(map(letter, correct))
    if kind.fixed_options:
        texts["key"] = "" if item.key is None else kind.fixed_options[0 if item.key.correct == (TRUE,) else 1]
        return texts
    texts.update({OPTION_FIELDS[option.id - 1]: cells.from_html(option.html) for option in body.options})
    texts["fixed_order"] = "是" if body.fixed_order else ""
    return texts


def write_template(*, now: dt.datetime, syllabus: Syllabus | None = None) -> bytes:
    """The workbook to fill in: drop-downs, examples, instructions, and the leaves of the syllabus if one is given."""
    fields = _item_fields(_OPTIONS_WRITTEN)
    out = io.BytesIO()
    with _workbook(out, now) as book:
        sheet = _item_sheet(book, "试题", fields)
        examples = _item_sheet(book, "示例", fields)
        for row, example in enumerate(_EXAMPLES, 1):
            book.write_row(examples, row, example)
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

    offer("kind", {"validate": "list", "source": [KINDS[code].name_zh for code in CHOICE_KINDS]})
    offer("difficulty", {"validate": "list", "source": ["1", "2", "3", "4", "5"]})
    offer("fixed_order", {"validate": "list", "source": ["是", "否"]})
    if leaves:
        offer("topic", {"validate": "list", "source": f"=鉴定点!$A$2:$A${leaves + 1}"})


def write_syllabus(tree: Syllabus, *, now: dt.datetime) -> bytes:
    """A content table as XLSX, in the layout `syllabus_sheet` reads."""
    header = [level + name for level in LEVELS for name in LEVEL_HEADERS.values()] + list(LEAF_HEADERS.values())
    about = [text for label, name in LABELS.items() for text in (label, getattr(tree, name))]
    count = sum(1 for _ in walk_leaves(tree))
    out = io.BytesIO()
    with _workbook(out, now) as book:
        sheet = book.book.add_worksheet(TITLE)
        sheet.set_column(0, len(header), 14, book.text)
        book.write_row(sheet, 0, [TITLE], book.head)
        book.write_row(sheet, 1, [*about, COUNT_LABEL, str(count)])
        book.write_row(sheet, 2, header, book.head)
        for row, texts in enumerate(_syllabus_rows(tree), 3):
            book.write_row(sheet, row, texts)
        sheet.freeze_panes(3, 0)
    return out.getvalue()


def _syllabus_rows(tree: Syllabus) -> Iterator[list[str]]:
    """One row per leaf; an area's cells stand on the first row below which it begins."""
    pending: list[list[str]] = [[""] * len(LEVEL_HEADERS) for _ in LEVELS]
    for code, area in walk_areas(tree):
        pending[code.count("-")] = _area_texts(area)
        for leaf in area.leaves:
            levels = [text for texts in pending for text in texts]
            yield [*levels, f"{code}-{leaf.code}", leaf.name, leaf.importance, leaf.page]
            pending = [[""] * len(LEVEL_HEADERS) for _ in LEVELS]


def _area_texts(area: Area) -> list[str]:
    weight = "" if area.weight is None else str(area.weight)
    texts = {"name": area.name, "code": area.code, "ratio": str(area.ratio or ""), "weight": weight}
    return [texts[name] for name in LEVEL_HEADERS]
