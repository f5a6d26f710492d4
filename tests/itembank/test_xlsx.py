"""Spreadsheets in and out: every mistake by row and column, all or nothing, and round trips that lose nothing."""

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from itembank import markup
from itembank.exchange import cells, template, xlsx
from itembank.exchange.grid import read_grids
from itembank.exchange.item_columns import parse_difficulty, parse_letters, parse_truth
from itembank.exchange.mistakes import RowError, column_letter
from itembank.exchange.ooxml import read_extra
from itembank.exchange.xlsx import Limits, ParsedItems, ParsedSyllabus, Reading, read_items, read_syllabus, sort_items
from itembank.items import KINDS, ItemBody, ItemKeyData, write_body, write_key
from itembank.syllabus import Area, Leaf, Ratio, Syllabus, walk_leaves

Cell = str | float | bool | dt.date
NOW = dt.datetime(2026, 11, 21, 6, tzinfo=dt.UTC)
HEAD: list[str] = [
    "题型",
    "鉴定点代码",
    "题干",
    "选项A",
    "选项B",
    "选项C",
    "选项D",
    "答案",
    "难度",
    "依据",
    "图片",
    "固定选项顺序",
]
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000") + bytes.fromhex(
    "1f15c4890000000d49444154789c626001000000050001" + "0d0a2db40000000049454e44ae426082"
)
SINGLE: list[Cell] = ["单选题", "B-C-A-014", "水的沸点是（ ）。", "90 ℃", "100 ℃", "110 ℃", "120 ℃", "B", 3.0, "教材 2.1", "", ""]
MULTIPLE: list[Cell] = ["多选题", "B-C-A-014", "属于酸的有（ ）。", "HCl", "NaOH", "HNO3", "KOH", "A,C", "", "", "", "是"]
TRUTH: list[Cell] = ["判断题", "B-C-A-014", "水会沸腾。", "", "", "", "", "√", "", "", "", ""]


def sheet(*rows: Sequence[Cell], name: str = "试题") -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
    book.set_properties({"created": NOW.replace(tzinfo=None)})
    page = book.add_worksheet(name)
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, str):
                page.write_string(r, c, value)
            else:
                page.write(r, c, value)
    book.close()
    return out.getvalue()


def csv(*rows: Sequence[Cell], encoding: str = "utf-8") -> bytes:
    return "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode(encoding)


def changed(row: Sequence[Cell], **cells_by_header: Cell) -> list[Cell]:
    return [cells_by_header.get(header, cell) for header, cell in zip(HEAD, row, strict=True)]


def taken(data: bytes, how: Reading | None = None, figures: dict[str, bytes] | None = None) -> ParsedItems:
    found = read_items(data, how or Reading(), figures)
    assert isinstance(found, ParsedItems), [(m.row, m.header, str(m.problem)) for m in found]
    return found


def refused(data: bytes, how: Reading | None = None) -> list[RowError]:
    found = read_items(data, how or Reading())
    assert isinstance(found, list), "the file was taken"
    return found


def places(data: bytes, how: Reading | None = None) -> list[tuple[int, str, str]]:
    return [(mistake.row, mistake.column, mistake.header) for mistake in refused(data, how)]


def test_the_three_kinds_come_in() -> None:
    single, multiple, truth = taken(sheet(HEAD, SINGLE, MULTIPLE, TRUTH)).items
    assert (single.row, single.body.kind, single.key.correct) == (2, "single", (2,))
    assert (single.difficulty, single.source, single.topic_code) == (3, "教材 2.1", "B-C-A-014")
    assert (multiple.body.kind, multiple.key.correct, multiple.body.fixed_order) == ("multiple", (1, 3), True)
    assert (truth.body.kind, truth.key.correct) == ("true_false", (1,))
    assert [option.html for option in single.body.options] == ["90 ℃", "100 ℃", "110 ℃", "120 ℃"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("B", (2,)),
        ("b", (2,)),
        ("Ａ、Ｃ", (1, 3)),
        ("A,C", (1, 3)),
        ("ABD", (1, 2, 4)),
        ("D B A", (1, 2, 4)),
        ("（C）", (3,)),
        ("AA", None),
        ("I", None),
        ("1", None),
        ("", None),
        ("对", None),
    ],
)
def test_letters(text: str, ids: tuple[int, ...] | None) -> None:
    assert parse_letters(text) == ids


@pytest.mark.parametrize(
    ("text", "truth"),
    [(t, 1) for t in ("正确", "对", "√", "T", "t", "TRUE", "（√）", "是", "正确。")]
    + [(t, 2) for t in ("错误", "错", "×", "F", "Ｆ", "X", "不对", "(×)")]
    + [(t, None) for t in ("", "A", "12", "不一定")],
)
def test_truth(text: str, truth: int | None) -> None:
    assert parse_truth(text) == truth


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("3.0", 3), ("5", 5), ("较难", 4), ("0", None), ("6", None), ("2.5", None), ("x", None)]
)
def test_difficulty(text: str, value: int | None) -> None:
    assert parse_difficulty(text) == value


@pytest.mark.parametrize(
    "head",
    [
        ["题目类型", "知识点", "题目", "A", "B", "C", "D", "正确答案"],
        [" 题型（必填）", "鉴定点", "试题", "Ａ", "选项 B", "c", "D选项", "标准答案："],
        ["type", "topic", "Question", "Option A", "option b", "选项3", "答案D", "ANSWER"],
    ],
)
def test_headers_people_use(head: list[str]) -> None:
    (item,) = taken(sheet(["题库"], [], head, SINGLE[:8])).items
    assert (item.row, item.key.correct, len(item.body.options)) == (4, (2,), 4)


def test_mapping_by_header_and_by_letter() -> None:
    head = ["甲", "乙", "丙", "丁", "戊", "己"]
    row = ["水的沸点是", "90", "100", "x", "B", "L-1"]
    mapping = {"stem": "甲", "option_a": "乙", "option_b": "#C", "key": "戊", "topic": "己"}
    (item,) = taken(csv(head, row), Reading(mapping=mapping, default_kind="single")).items
    assert (item.key.correct, item.topic_code) == ((2,), "L-1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_in_the_encodings_people_have(encoding: str) -> None:
    (item,) = taken(csv(HEAD, [*SINGLE[:8], "", "", "", ""], encoding=encoding)).items
    assert item.body.stem_html == "水的沸点是（ ）。"


def test_key_inside_the_stem() -> None:
    head = ["题目", "A", "B", "C"]
    how = Reading(default_kind="single", default_topic="A-A-A-001", key_in_stem=True)
    (item,) = taken(sheet(head, ["单位是（C）。", "（A）kg", "（B）t", "（C）mol"]), how).items
    assert item.body.stem_html == "单位是（  ）。"
    assert item.key.correct == (3,)
    assert [option.html for option in item.body.options] == ["kg", "t", "mol"]
    assert places(sheet(head, ["单位是（）。", "甲", "乙", ""]), how) == [(2, "A", "题目")]
    assert places(sheet(head, ["电流（A）是（B）。", "甲", "乙", ""]), how) == [(2, "A", "题目")]
    truth = replace(how, default_kind="true_false")
    (item,) = taken(sheet(["题目", "解析"], ["水会沸腾。（×）", "会"]), truth).items
    assert (item.body.stem_html, item.key.correct, item.key.rationale_html) == ("水会沸腾。", (2,), "会")


def test_a_key_left_in_the_stem_is_refused_unless_meant() -> None:
    data = sheet(HEAD, changed(SINGLE, 题干="水的沸点是（B）。"))
    assert places(data) == [(2, "C", "题干")]
    assert len(taken(data, Reading(letters_meant=True)).items) == 1
    leak = sheet(HEAD, changed(TRUTH, 题干="水会结冰。正确答案：水会沸腾。"))
    assert places(leak, Reading(letters_meant=True)) == [(2, "C", "题干")]


def test_kind_told_from_the_key_only_when_asked() -> None:
    head = ["题干", "A", "B", "C", "答案"]
    rows = [
        ["一", "甲", "乙", "丙", "B"],
        ["二", "甲", "乙", "丙", "AC"],
        ["三。", "", "", "", "错"],
        ["四。", "对", "错", "", "A"],
    ]
    data = sheet(head, *rows)
    assert places(data, Reading(default_topic="T")) == [(1, "", "题型")]
    found = taken(data, Reading(default_topic="T", default_kind=xlsx.BY_KEY)).items
    assert [(item.body.kind, item.key.correct) for item in found] == [
        ("single", (2,)),
        ("multiple", (1, 3)),
        ("true_false", (2,)),
        ("true_false", (1,)),
    ]


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (changed(SINGLE, 题型="简答题"), (2, "A", "题型")),
        (changed(SINGLE, 题型=""), (2, "A", "题型")),
        (changed(SINGLE, 鉴定点代码=""), (2, "B", "鉴定点代码")),
        (changed(SINGLE, 题干=""), (2, "C", "题干")),
        (changed(SINGLE, 选项B=""), (2, "E", "选项B")),
        (changed(SINGLE, 选项C="100℃"), (2, "F", "选项C")),
        (changed(SINGLE, 答案=""), (2, "H", "答案")),
        (changed(SINGLE, 答案="E"), (2, "H", "答案")),
        (changed(SINGLE, 答案="AB"), (2, "H", "答案")),
        (changed(SINGLE, 答案="正确"), (2, "H", "答案")),
        (changed(MULTIPLE, 答案="A"), (2, "H", "答案")),
        (changed(TRUTH, 答案="A"), (2, "H", "答案")),
        (changed(TRUTH, 选项A="水"), (2, "D", "选项A")),
        (changed(SINGLE, 难度="6"), (2, "I", "难度")),
        (changed(SINGLE, 图片="a.png"), (2, "K", "图片")),
        (changed(SINGLE, 题干="见[图:a.png]"), (2, "C", "题干")),
        (changed(SINGLE, 固定选项顺序="也许"), (2, "L", "固定选项顺序")),
        (changed(SINGLE, 选项A=dt.date(2026, 1, 2)), (2, "D", "选项A")),
        (changed(SINGLE, 题干="[html]<script>x</script>"), (2, "C", "题干")),
    ],
)
def test_each_mistake_is_named_by_row_and_column(row: list[Cell], place: tuple[int, str, str]) -> None:
    assert places(sheet(HEAD, row)) == [place]


def test_all_mistakes_at_once_and_nothing_taken() -> None:
    bad = changed(SINGLE, 鉴定点代码="", 答案="Z", 难度="9")
    data = sheet(HEAD, SINGLE, bad, MULTIPLE, changed(TRUTH, 答案="？"))
    assert places(data) == [(3, "B", "鉴定点代码"), (3, "H", "答案"), (3, "I", "难度"), (5, "H", "答案")]
    found = sort_items(data)
    assert [item.row for item in found.items] == [2, 4]
    assert {mistake.row for mistake in found.refused} == {3, 5}
    assert all(str(mistake.problem) and str(mistake.mend) for mistake in found.refused)


def test_topics_must_be_known_where_they_are_given() -> None:
    data = sheet(HEAD, SINGLE)
    assert len(taken(data, Reading(topics=frozenset({"B-C-A-014"}))).items) == 1
    assert places(data, Reading(topics=frozenset({"B-C-A-015"}))) == [(2, "B", "鉴定点代码")]


def test_the_same_item_twice() -> None:
    again = changed(SINGLE, 题干="水的沸点是____", 选项A="100℃。", 选项B="90℃")
    (mistake,) = refused(sheet(HEAD, SINGLE, TRUTH, again))
    assert (mistake.row, str(mistake.problem)) == (4, "This is the same item as in row 2.")
    assert len(taken(sheet(HEAD, SINGLE, changed(SINGLE, 题干="冰的熔点是（ ）。"))).items) == 2


def test_empty_rows_are_passed_over() -> None:
    found = taken(sheet([], HEAD, [], SINGLE, ["", "  "], [], TRUTH, []))
    assert [item.row for item in found.items] == [4, 7]


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04 broken", b"\xd0\xcf\x11\xe0 broken", b"\x00\x01\x02", sheet(), sheet(["只有", "标题"]), sheet(HEAD)],
)
def test_files_without_items(data: bytes) -> None:
    (mistake,) = refused(data)
    assert mistake.row == 0


def test_any_cut_of_a_workbook_is_an_answer_not_a_crash() -> None:
    whole = sheet(HEAD, SINGLE)
    for size in range(0, len(whole), 97):
        assert refused(whole[:size])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_to_a_workbook_is_a_crash(data: st.DataObject) -> None:
    broken = bytearray(sheet(HEAD, SINGLE, MULTIPLE))
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(4, len(broken) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(read_items(bytes(broken)), ParsedItems | list)
    assert isinstance(read_syllabus(bytes(broken)), list)


def test_a_cell_far_away_does_not_take_all_memory() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    page.write_row(0, 0, HEAD)
    page.write_string(1_048_575, 16_383, "x")
    book.close()
    (mistake,) = refused(out.getvalue())
    assert (mistake.row, mistake.problem.params["n"]) == (0, 1_048_576)


def test_old_formats_are_refused_where_they_could_hurt_others() -> None:
    ods = io.BytesIO()
    with zipfile.ZipFile(ods, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    careful = Reading(limits=Limits(legacy=False))
    for data in (b"\xd0\xcf\x11\xe0 anything", ods.getvalue(), b"PK\x03\x04 broken"):
        (mistake,) = refused(data, careful)
        assert "not taken here" in str(mistake.problem)
    assert len(taken(sheet(HEAD, SINGLE), careful).items) == 1


def test_missing_columns_are_named() -> None:
    assert [m.header for m in refused(sheet(["题干", "选项A"], ["甲", "乙"]))] == ["题型", "鉴定点代码", "答案"]


@pytest.mark.parametrize(
    ("limits", "ok"),
    [
        (Limits(), True),
        (Limits(rows=3), True),
        (Limits(rows=2), False),
        (Limits(columns=12), True),
        (Limits(columns=11), False),
        (Limits(file_bytes=100), False),
        (Limits(unpacked_bytes=1000), False),
        (Limits(cell_chars=9), True),
        (Limits(cell_chars=8), False),
    ],
)
def test_limits(limits: Limits, ok: bool) -> None:
    data = sheet(HEAD, changed(SINGLE, 依据=""), TRUTH)
    assert isinstance(read_items(data, Reading(limits=limits)), ParsedItems) is ok


def test_numbers_are_texts_but_remarked() -> None:
    found = taken(sheet(HEAD, changed(SINGLE, 选项A=22.4, 选项B=224.0, 选项C=0.00001, 选项D="2.240")))
    assert [option.html for option in found.items[0].body.options] == ["22.4", "224", "0.00001", "2.240"]
    assert [note.column for note in found.notes] == ["D", "E", "F"]


def test_ids_never_become_floats() -> None:
    head = [*HEAD, "编号"]
    (item,) = taken(sheet(head, [*SINGLE, 1020200001.0])).items
    assert item.reference == "1020200001"
    assert places(sheet(HEAD, changed(SINGLE, 选项A=330102199001011234.0))) == [(2, "D", "选项A")]


def test_formulas_errors_and_booleans() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    for r, row in enumerate((HEAD, SINGLE, SINGLE, TRUTH)):
        page.write_row(r, 0, row)
    page.write_formula(1, 3, '="80"&" ℃"', None, "80 ℃")
    page.write_formula(2, 4, "=1/0", None, "#DIV/0!")
    page.write_boolean(3, 7, False)
    book.close()
    found = sort_items(out.getvalue())
    assert [item.row for item in found.items] == [2, 4]
    assert found.items[0].body.options[0].html == "80 ℃"
    assert found.items[1].key.correct == (2,)
    assert [(note.row, note.column) for note in found.notes] == [(2, "D")]
    assert (3, "E") in [(mistake.row, mistake.column) for mistake in found.refused]


def test_merged_group_cells_hold_for_every_row() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    for r, row in enumerate((HEAD, SINGLE, changed(SINGLE, 鉴定点代码="", 题干="冰的熔点是（ ）。"))):
        page.write_row(r, 0, row)
    page.merge_range(1, 1, 2, 1, "B-C-A-014")
    book.close()
    assert [item.topic_code for item in taken(out.getvalue()).items] == ["B-C-A-014", "B-C-A-014"]


def test_raised_characters_of_a_cell_are_kept() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    for r, row in enumerate((HEAD, SINGLE)):
        page.write_row(r, 0, row)
    up, down = book.add_format({"font_script": 1}), book.add_format({"font_script": 2})
    page.write_rich_string(1, 3, "10", up, "2", " Pa")
    page.write_rich_string(1, 4, "H", down, "2", "O")
    book.close()
    (item,) = taken(out.getvalue()).items
    assert [option.html for option in item.body.options][:2] == ["10<sup>2</sup> Pa", "H<sub>2</sub>O"]


def test_pictures_by_name_in_the_text_and_embedded() -> None:
    named = changed(SINGLE, 题干="见[图:阀 门.png]，应（ ）。", 图片="b.png；阀 门.png", 选项A="[图:b.png]")
    found = taken(sheet(HEAD, named), figures={"阀 门.PNG": PNG, "b.png": PNG + b"x", "unused.png": PNG + b"y"})
    (item,) = found.items
    one, two = sorted(found.figures, key=lambda digest: len(found.figures[digest].data))
    assert item.body.stem_html == f'见<img src="media:{one}">，应（ ）。<br><img src="media:{two}">'
    assert item.body.media == {one, two} == set(found.figures)
    assert found.figures[one].type == "image/png"

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    for r, row in enumerate((HEAD, changed(SINGLE, 选项D=""))):
        page.write_row(r, 0, row)
    page.insert_image(1, 6, "p.png", {"image_data": io.BytesIO(PNG)})
    book.close()
    embedded = taken(out.getvalue())
    assert embedded.items[0].body.options[3].html == f'<img src="media:{one}">'
    assert embedded.figures[one].data == PNG


def test_pictures_that_are_none_are_refused() -> None:
    for data in (b"MZ", b"<html></html>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x><svg/></x>"):
        found = read_items(sheet(HEAD, changed(SINGLE, 图片="a.png")), Reading(), {"a.png": data})
        assert isinstance(found, list)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>'
    (figure,) = taken(sheet(HEAD, changed(SINGLE, 图片="a.svg")), figures={"a.svg": svg}).figures.values()
    assert figure.type == "image/svg+xml"


def test_a_workbook_may_not_name_files_outside_itself() -> None:
    data = sheet(HEAD, SINGLE)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "xl/sharedStrings.xml":
                entity = b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]><sst '
                part = part.replace(b"<sst ", entity).replace("教材 2.1".encode(), b"&x;")
            new.writestr(name, part)
    for item in sort_items(out.getvalue()).items:
        assert item.source in {"", "&x;"}
    assert read_extra(out.getvalue(), "试题").rich_texts == {}


# Out, and in again.


@dataclass(frozen=True)
class Record:
    body: ItemBody
    key: ItemKeyData | None
    topic_code: str = "B-C-A-014"
    difficulty: int | None = None
    source: str = ""
    reference: str = ""
    cognitive: str = ""


DIGEST = "ab" * 32
TRICKY = [
    "=1+1",
    "+5",
    "-5 ℃",
    "@SUM(A1)",
    "a < b & c > d",
    "10<sup>-3</sup>",
    "&lt;sup&gt;x&lt;/sup&gt;",
    "<b>铁</b>",
    "第一行<br>第二行",
    "<p>段</p>",
    "<table><tbody><tr><td>1</td></tr></tbody></table>",
    f'见<img src="media:{DIGEST}">图',
    f'<img src="media:{DIGEST}" alt="阀门">',
    "[图:x]",
    "[html]",
    "_x0041_",
    "007",
    "1-2",
    "a&nbsp;b",
    '"引号"',
    "A.甲",
    "　全角空格　",
]


def test_a_round_trip_loses_nothing() -> None:
    records = [Record(write_body("single", f"题干{n}：{text}", ["甲", text]), write_key([2])) for n, text in enumerate(TRICKY)]
    records += [
        Record(
            write_body("multiple", "多选", list("甲乙丙丁戊己庚"), fixed_order=True),
            write_key([1, 7], "因为<b>甲</b>"),
            difficulty=5,
        ),
        Record(write_body("true_false", "水会沸腾。"), write_key([2]), source="=cmd()", reference="007"),
    ]
    how = Reading(known_media=frozenset({DIGEST}))
    out = taken(xlsx.write_items(records, now=NOW), how)
    for record, item in zip(records, out.items, strict=True):
        assert (item.body, item.key) == (record.body, record.key)
        assert (item.topic_code, item.difficulty) == (record.topic_code, record.difficulty)
        assert (item.source, item.reference) == (record.source, record.reference)


html_texts = st.text(alphabet="甲a1 <>&=+-\n[]图:_x00A\u00a0", max_size=20)


@settings(max_examples=200, deadline=None)
@given(html_texts.map(markup.from_text) | st.lists(html_texts | st.sampled_from(TRICKY)).map("".join).map(markup.sanitise))
def test_any_html_comes_back_from_its_cell(source: str) -> None:
    assert cells.to_html(cells.from_html(source)) == (source, [])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=5))
def test_any_text_survives_the_file(texts: list[str]) -> None:
    body = write_body("single", "题干", [f"{n}，{markup.from_text(text)}" for n, text in enumerate(texts, 1)])
    (item,) = taken(xlsx.write_items([Record(body, write_key([1]))], now=NOW)).items
    assert item.body == body


def test_exports_hold_no_formula_and_no_number() -> None:
    records = [Record(write_body("single", f"{n}. {text}", [text, "007"]), None) for n, text in enumerate(TRICKY)]
    data = xlsx.write_items(records, now=NOW)
    assert not read_extra(data, "试题").formulas
    rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    assert {type(cell) for row in rows for cell in row} == {str}
    assert all(row[rows[0].index("答案")] == "" for row in rows[1:])


def test_a_text_too_long_for_a_cell_is_not_cut() -> None:
    body = ItemBody(kind="true_false", stem_html="甲" * 32_768, options=())
    with pytest.raises(ValueError, match="row 2 column 3"):
        xlsx.write_items([Record(body, write_key([1]))], now=NOW)


@pytest.mark.parametrize(
    ("language", "kinds", "listing"),
    [
        ("zh_CN", "单项选择题,多项选择题,判断题,填空题", "鉴定点"),
        ("en", "single,multiple,true_false,fill_in", "Knowledge points"),
    ],
)
def test_the_template_offers_lists_and_its_examples_are_passed_over(language: str, kinds: str, listing: str) -> None:
    data = xlsx.write_template(now=NOW, syllabus=table(), language=language)
    assert [(m.row, str(m.problem)) for m in refused(data)] == [(0, "There is no item below the header.")]
    xml = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml").decode()
    assert kinds in xml
    assert f"'{listing}'!$A$2:$A$5" in xml
    assert data == xlsx.write_template(now=NOW, syllabus=table(), language=language)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_the_template_s_examples_are_valid_items(language: str) -> None:
    topics = frozenset(code for code, _leaf in walk_leaves(table()))
    grids = read_grids(xlsx.write_template(now=NOW, syllabus=table(), language=language))
    for row in grids[0].rows:
        row[:] = ["" if cell in template.EXAMPLE_MARKS else cell for cell in row]
    found = xlsx.sort_grids(grids, Reading(topics=topics))
    assert [str(one.problem) for one in found.refused] == []
    assert [item.body.kind for item in found.items] == [*KINDS, "single", "fill_in"]


def test_rows_below_the_examples_are_read_with_their_numbers() -> None:
    found = xlsx.sort_items(sheet([*HEAD, "编号"], [*SINGLE, "【示例】"], SINGLE))
    assert [item.row for item in found.items] == [3]


# The content table.


def table() -> Syllabus:
    one = Area(
        "A", "职业道德", Ratio(1, 1, 0), Decimal(20), leaves=(Leaf("001", "守则", "X", "3"), Leaf("002", "规范", "Y", "4"))
    )
    two = Area(
        "A", "操作", Ratio(1, 0, 1), Decimal("79.5"), leaves=(Leaf("001", "开车", "X", "9"), Leaf("002", "停车", "Z", "12"))
    )
    middle = Area("C", "生产", Ratio(1, 0, 1), Decimal("79.5"), (two,))
    areas = (
        Area("A", "基本要求", Ratio(1, 1, 0), Decimal("20.5"), (replace(one, weight=Decimal("20.5")),)),
        Area("B", "相关知识", Ratio(1, 0, 1), Decimal("79.5"), (middle,)),
    )
    return Syllabus("化工总控工", "6-11-01-03", "中级", "理论知识考试", 4, areas)


SYLLABUS_HEAD: list[Cell] = [f"{level}级{name}" for level in "一二三" for name in ("名称", "代码", "重要程度比例", "鉴定比重")]
SYLLABUS_HEAD += ["鉴定点代码", "鉴定点名称", "重要程度", "页码"]
ABOUT: list[Cell] = ["职业", "化工总控工", "职业编码", "6-11-01-03", "等级", "中级", "鉴定方式", "理论知识考试", "鉴定点数", "2"]
ONE: list[Cell] = ["基本要求", "A", "(01:01:00)", "100", "道德", "A", "（01：01：00）", "100", "守则", "A", "01:01:00", 100.0]
LEAF_1: list[Cell] = ["A-A-A-001", "甲", "X", 3.0]
LEAF_2: list[Cell] = ["002", "乙", "一般", ""]
NONE: list[Cell] = [""] * 12


def syllabus(*rows: Sequence[Cell], about: Sequence[Cell] = ABOUT) -> ParsedSyllabus:
    found = read_syllabus(sheet(["鉴定要素细目表"], about, SYLLABUS_HEAD, *rows))
    assert isinstance(found, ParsedSyllabus), [(m.row, m.header, str(m.problem)) for m in found]
    return found


def faults(*rows: Sequence[Cell], about: Sequence[Cell] = ABOUT) -> list[tuple[int, str, str]]:
    found = read_syllabus(sheet(["鉴定要素细目表"], about, SYLLABUS_HEAD, *rows))
    assert isinstance(found, list)
    return [(mistake.row, mistake.column, mistake.header) for mistake in found]


def test_a_syllabus_comes_back_as_written() -> None:
    found = read_syllabus(xlsx.write_syllabus(table(), now=NOW))
    assert isinstance(found, ParsedSyllabus)
    assert found.syllabus == table()


def test_level_cells_on_the_first_row_repeated_or_merged() -> None:
    first = syllabus([*ONE, *LEAF_1], [*NONE, *LEAF_2]).syllabus
    assert (first.occupation, first.level, first.leaf_count) == ("化工总控工", "中级", 2)
    assert first.areas[0].areas[0].areas[0].leaves == (Leaf("001", "甲", "X", "3"), Leaf("002", "乙", "Y", ""))
    assert syllabus([*ONE, *LEAF_1], [*ONE, *LEAF_2]).syllabus == first
    about = ["职业：化工总控工", "职业编码：6-11-01-03", "等级：中级", "鉴定方式：理论知识考试", "鉴定点数：2"]
    assert syllabus([*ONE, *LEAF_1], [*NONE, *LEAF_2], about=about).syllabus == first


def test_fewer_levels_than_three() -> None:
    found = syllabus([*ONE[:8], "", "", "", "", "A-A-001", "甲", "X", ""], [*NONE, *LEAF_2]).syllabus
    assert [leaf.code for leaf in found.areas[0].areas[0].leaves] == ["001", "002"]


def test_a_leaf_code_that_lost_its_zeros() -> None:
    found = syllabus([*ONE, 1.0, "甲", "X", ""], [*NONE, 2.0, "乙", "Y", ""])
    assert [leaf.code for leaf in found.syllabus.areas[0].areas[0].areas[0].leaves] == ["001", "002"]
    assert [(note.row, note.column) for note in found.notes] == [(4, "M"), (5, "M")]


def test_a_ratio_that_became_a_time_of_day() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    rows = (["鉴定要素细目表"], ABOUT, SYLLABUS_HEAD, [*ONE, *LEAF_1], [*NONE, *LEAF_2])
    for r, row in enumerate(rows):
        page.write_row(r, 0, row)
    page.write_datetime(3, 2, dt.time(1, 1, 0), book.add_format({"num_format": "hh:mm:ss"}))
    book.close()
    assert isinstance(read_syllabus(out.getvalue()), ParsedSyllabus)


@pytest.mark.parametrize(
    ("leaf", "place"),
    [
        (["003", "", "Y", ""], (5, "N", "鉴定点名称")),
        (["", "乙", "Y", ""], (5, "M", "鉴定点代码")),
        (["001", "乙", "Y", ""], (5, "M", "鉴定点代码")),
        (["A-B-A-002", "乙", "Y", ""], (5, "M", "鉴定点代码")),
        (["002", "乙", "X", ""], (4, "K", "三级重要程度比例")),
    ],
)
def test_mistakes_of_a_leaf(leaf: list[Cell], place: tuple[int, str, str]) -> None:
    assert place in faults([*ONE, *LEAF_1], [*NONE, *leaf])


def test_mistakes_of_sums_and_counts() -> None:
    assert faults([*ONE[:3], "99", *ONE[4:], *LEAF_1], [*NONE, *LEAF_2]) == [(0, "", ""), (4, "D", "一级鉴定比重")]
    assert faults([*ONE, *LEAF_1], [*NONE, *LEAF_2], about=[*ABOUT[:-1], "3"]) == [(0, "", "")]
    assert faults([*ONE[:2], "1:1", *ONE[3:], *LEAF_1], [*NONE, *LEAF_2]) == [(4, "C", "一级重要程度比例")]
    assert faults([*NONE, *LEAF_2]) == [(4, "M", "鉴定点代码")]
    assert faults([*ONE, *LEAF_1], [*NONE, *LEAF_2], about=["等级", "中级"]) == [(1, "", "职业")]
    wrong: list[Cell] = [*ONE, "001", "甲", "W", ""]
    assert (4, "O", "重要程度") in faults(wrong, [*NONE, *LEAF_2])


def test_a_syllabus_without_header_or_columns() -> None:
    for data in (sheet(["鉴定要素细目表"]), b""):
        found = read_syllabus(data)
        assert isinstance(found, list)
        assert found[0].row == 0
    found = read_syllabus(sheet(["职业", "x"], ["鉴定点代码", "鉴定点名称"]))
    assert isinstance(found, list)
    assert "重要程度" in [mistake.header for mistake in found]


@pytest.mark.parametrize(
    ("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
)
def test_column_letters(index: int, letters: str) -> None:
    assert column_letter(index) == letters


def test_a_table_typed_into_a_cell_is_a_table() -> None:
    table = "<table><tr><th>相别</th><th>U 相</th></tr>\n<tr><td>功率</td><td>P < 2 kW</td></tr></table>"
    typed = f"各相负载如下表。{table}电流为（　）。"
    made, missing = cells.to_html(typed)
    assert missing == []
    assert "<th>U 相</th>" in made
    assert "P &lt; 2 kW" in made
    assert "&lt;table" not in made
    assert cells.to_html(cells.from_html(made)) == (made, [])


def test_a_table_brings_nothing_hostile_with_it() -> None:
    made, _missing = cells.to_html("<table><tr><td onclick=alert(1)>x<script>alert(2)</script></td></tr></table>")
    assert "onclick" not in made
    assert "script" not in made
