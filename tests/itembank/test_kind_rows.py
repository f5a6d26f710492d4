"""Blanks, numbers, pairs, sequences and case sets in a spreadsheet row: what is read, every mistake by column, and back again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.exchange import item_answers, xlsx
from itembank.exchange.item_row import ImportedItem
from itembank.exchange.mistakes import RowError
from itembank.items import ItemBody, ItemKeyData, check_item
from tests.itembank.test_xlsx import NOW, PNG, Cell, refused, sheet, taken

HEAD: list[Cell] = ["题型", "鉴定点代码", "题干", "选项A", "选项B", "选项C", "选项D", "答案", "单位", "允许误差"]
HEAD += ["待匹配项1", "待匹配项2", "待匹配项3", "材料编号", "材料"]


def row(kind: str, stem: str, key: str, options: str = "", **more: str) -> list[Cell]:
    """A row by header; options parted by spaces."""
    cells = dict(zip(("选项A", "选项B", "选项C", "选项D"), options.split(), strict=False)) | more
    return [{"题型": kind, "鉴定点代码": "B-C-A-014", "题干": stem, "答案": key, **cells}.get(str(name), "") for name in HEAD]


FILL = row("填空题", "额定电压是____，频率是____。", "220V|220伏；50")
NUMBER = row("计算填空题", "电流是多少？", "22±0.1", 单位="A|安|安培")
MATCH = row("匹配题", "选择导线颜色。", "1-C 2-A", "淡蓝 黑色 黄绿 红色", 待匹配项1="保护线", 待匹配项2="中性线")
ORDER = row("排序题", "停电的次序：", "B→D→A→C", "验电 断开电源 挂牌 挂接地线")
CASE = row("单选题", "直接原因是（ ）。", "A", "未验电 天气热", 材料编号="甲", 材料="某班组检修配电柜。")
CASE_2 = row("填空题", "作业前应当____。", "验电", 材料编号="甲")


def one(line: list[Cell]) -> ImportedItem:
    (item,) = taken(sheet(HEAD, line)).items
    assert check_item(item.body, item.key) == []
    return item


def texts(body: ItemBody, ids: tuple[int, ...]) -> list[str]:
    by_id = {option.id: option.html for option in body.options}
    return [by_id[number] for number in ids]


def places(*lines: list[Cell]) -> list[tuple[int, str]]:
    return [(mistake.row, mistake.header) for mistake in refused(sheet(HEAD, *lines))]


def test_each_kind_is_read() -> None:
    fill, number, match, order = one(FILL), one(NUMBER), one(MATCH), one(ORDER)
    assert (fill.body.blanks, fill.key.accepted) == (2, (("220V", "220伏"), ("50",)))
    assert (number.body.unit, number.key.number, number.key.tolerance, number.key.units) == ("A", "22", "0.1", ("安", "安培"))
    assert [prompt.html for prompt in match.body.prompts] == ["保护线", "中性线"]
    assert texts(match.body, match.key.correct) == ["黄绿", "淡蓝"]
    assert texts(order.body, order.key.correct) == ["断开电源", "挂接地线", "验电", "挂牌"]


def test_stored_numbers_do_not_depend_on_the_order_written() -> None:
    other = row("排序题", "停电的次序：", "ABCD", "断开电源 挂接地线 验电 挂牌")
    assert one(other).body == one(ORDER).body
    assert one(other).key == one(ORDER).key


def test_empty_brackets_are_blanks_where_there_are_no_others() -> None:
    found = taken(sheet(HEAD, row("填空题", "额定电压是（  ）伏。", "220")))
    assert found.items[0].body.stem_html == "额定电压是____伏。"
    assert [str(note.problem) for note in found.notes] == ["Empty brackets were taken as blanks."]


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (row("填空题", "电压是多少？", "220"), "题干"),
        (row("填空题", "电压是____。", "220；50"), "答案"),
        (row("填空题", "电压是____，频率是____。", "220"), "答案"),
        (row("填空题", "电压是____。", ""), "答案"),
        (row("填空题", "电压是____。", "220", "甲 乙"), "选项A"),
        (row("填空题", "电压是____。", "220", 单位="V"), "单位"),
        (row("计算填空题", "电流？", ""), "答案"),
        (row("计算填空题", "电流？", "很大"), "答案"),
        (row("计算填空题", "电流？", "22±0.1", 允许误差="0.2"), "允许误差"),
        (row("计算填空题", "电流？", "22", 允许误差="大约"), "答案"),
        (row("匹配题", "选择。", "1-C 2-A", "甲 乙", 待匹配项1="丙", 待匹配项2="丁"), "答案"),
        (row("匹配题", "选择。", "BA", "甲 乙", 待匹配项1="丙"), "待匹配项1"),
        (row("匹配题", "选择。", "BA", "甲 乙", 待匹配项1="丙", 待匹配项3="丁"), "待匹配项2"),
        (row("匹配题", "选择。", "对", "甲 乙", 待匹配项1="丙", 待匹配项2="丁"), "答案"),
        (row("排序题", "次序：", "AB", "甲 乙 丙"), "答案"),
        (row("排序题", "次序：", "AAB", "甲 乙 丙"), "答案"),
        (row("排序题", "次序：", "", "甲 乙 丙"), "答案"),
        (row("单选题", "选择（ ）。", "A", "甲 乙", 待匹配项1="丙"), "待匹配项1"),
        (row("单选题", "选择（ ）。", "A", "甲 乙", 材料="没有编号的材料"), "材料编号"),
        (row("单选题", "选择（ ）。", "A", "甲 乙", 材料编号="9"), "材料"),
    ],
)
def test_mistakes_are_named_by_column(line: list[Cell], header: str) -> None:
    assert (2, header) in places(line)


def test_a_set_is_read_with_its_text_and_refused_as_a_whole() -> None:
    single, fill = taken(sheet(HEAD, CASE, CASE_2)).items
    assert {(item.body.stimulus, item.body.stimulus_html) for item in (single, fill)} == {("甲", "某班组检修配电柜。")}
    lone = row("填空题", "作业前应当____。", "验电")
    assert one(lone).digest != fill.digest, "the same words on a text are another question"
    wrong = row("填空题", "作业后应当____。", "", 材料编号="甲")
    assert places(CASE, wrong, lone) == [(2, "材料编号"), (3, "答案")]
    other = row("填空题", "作业后应当____。", "清点", 材料编号="甲", 材料="另一材料")
    assert (3, "材料") in places(CASE, other)


def test_a_figure_belongs_to_the_text_of_a_set() -> None:
    shown = row("单选题", "原因是（ ）。", "A", "未验电 天气热", 材料编号="甲", 材料="见图：[图:a.png]")
    found = taken(sheet(HEAD, shown, CASE_2), figures={"a.png": PNG})
    assert set(found.figures) == set(found.items[1].body.media)


def test_what_is_exported_comes_back() -> None:
    before = taken(sheet(HEAD, FILL, NUMBER, MATCH, ORDER, CASE, CASE_2)).items
    after = taken(xlsx.write_items(before, now=NOW)).items
    assert [(item.body, item.key, item.digest) for item in before] == [(item.body, item.key, item.digest) for item in after]
    plain = taken(sheet(HEAD, row("单选题", "选择（ ）。", "A", "甲 乙"))).items
    assert len(xlsx.write_items(plain, now=NOW)) < len(xlsx.write_items(before, now=NOW))


TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)


@given(st.lists(st.lists(TEXT, min_size=1, max_size=3), min_size=1, max_size=3))
def test_accepted_answers_of_any_characters_survive_a_cell(accepted: list[list[str]]) -> None:
    assert item_answers.parse_accepted(item_answers.write_accepted(accepted)) == tuple(map(tuple, accepted))


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("B,A,D", (2, 1, 4)),
        ("BAD", (2, 1, 4)),
        ("1-B 2-A 3-D", (2, 1, 4)),
        ("２－Ａ；１－Ｂ", (2, 1)),
        ("1→B，2→A", (2, 1)),
        ("1B2J", (2, 10)),
        ("1-B 1-A", None),
        ("1-B 3-A", None),
        ("1-B 甲", None),
        ("", None),
    ],
)
def test_pairs_are_read_by_number_or_by_order(text: str, pairs: tuple[int, ...] | None) -> None:
    assert item_answers.parse_pairs(text) == pairs


def test_a_key_of_the_wrong_kind_is_no_error_of_ours() -> None:
    body = one(ORDER).body
    assert check_item(body, ItemKeyData(accepted=(("甲",),)))
    assert all(isinstance(found, RowError) for found in refused(sheet(HEAD, row("排序题", "次序：", "1-A", "甲 乙 丙"))))
