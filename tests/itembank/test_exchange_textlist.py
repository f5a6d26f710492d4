"""Lists of items as teachers type them, from text and Word files."""

import pytest

from itembank import markup
from itembank.exchange import textlist
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from tests.itembank.exchanged import READING, figure, notes, png, refusals, zipped


def read(text: str, how: Reading = READING) -> SortedItems:
    return textlist.sort_items(text.encode(), how)


def told(found: SortedItems) -> list[tuple[str, str, list[str], tuple[int, ...]]]:
    """(kind, stem, options, key) of each item; true/false has no options to tell."""
    return [
        (
            item.body.kind,
            markup.plain_text(item.body.stem_html),
            [] if item.body.kind == "true_false" else [option.html for option in item.body.options],
            item.key.correct,
        )
        for item in found.items
    ]


WATER = ("single", "水的沸点是（  ）。", ["90 ℃", "100 ℃", "110 ℃"], (2,))

WAYS = {
    "key in the stem, one line": "1. 水的沸点是（ B ）。\nA. 90 ℃  B. 100 ℃  C. 110 ℃",
    "options below each other, key labelled": "1、水的沸点是（  ）。\nA、90 ℃\nB、100 ℃\nC、110 ℃\n答案：B",
    "key in brackets and labelled": "1．水的沸点是（B）。\n（A）90 ℃（B）100 ℃（C）110 ℃\n【答案】B",
    "all in one line": "第1题 水的沸点是（  ）。A.90 ℃ B.100 ℃ C.110 ℃ 答案：B 解析：略",
    "unnumbered": "水的沸点是（B）。\n（A）90 ℃\n（B）100 ℃\n（C）110 ℃",
    "full width": "（1）水的沸点是（Ｂ）。\nＡ．90 ℃　Ｂ．100 ℃　Ｃ．110 ℃",
    "nothing after the letters": "1、水的沸点是（B）。\nA 90 ℃   B 100 ℃   C 110 ℃",
    "a block at the end": "1. 水的沸点是（  ）。\nA. 90 ℃  B. 100 ℃\nC. 110 ℃\n\n参考答案\n1.B",
    "a block with ranges": "1. 水的沸点是（  ）。\nA. 90 ℃  B. 100 ℃  C. 110 ℃\n参考答案：\n1-1 B",
    "key on the next line": "1. 水的沸点是（  ）。\nA. 90 ℃  B. 100 ℃  C. 110 ℃\n答案：\nB",
    "answered": "1) 水的沸点是（  ）。\nA. 90 ℃  B. 100 ℃  C. 110 ℃\n答：B",
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_one_item_typed_in_many_ways(text: str, encoding: str) -> None:
    found = textlist.sort_items(text.replace("\n", "\r\n").encode(encoding), READING)
    assert refusals(found) == []
    assert told(found) == [WATER]


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("判断题\n1. 水是液体。（√）", (1,)),
        ("三、判断题（每题1分，共20分）\n（ × ）1. 水是液体。", (2,)),
        ("1. （×）水是液体。\n正确答案：水在常温下是液体。", (2,)),
        ("1. 水是液体。\n答案：对", (1,)),
        ("1. 水是液体。（   ）\n答案：错误", (2,)),
        ("【判断题】水是液体。 答案：T\n", (1,)),
        ("1. 水是液体。\nA. 正确  B. 错误\n答案：B", (2,)),
        ("判断题\n水是液体。（√）\n", (1,)),
    ],
)
def test_true_and_false(text: str, correct: tuple[int, ...]) -> None:
    found = read(text) if not text.startswith("【") else read(f"1、{text}")
    assert refusals(found) == []
    ((kind, stem, _, key),) = told(found)
    assert (kind, stem.removesuffix("（   ）"), key) == ("true_false", "水是液体。", correct)


LIST = """
机泵操作工理论题库

一、单项选择题（每题1分）
1. 离心泵的主要部件是（  ）。
A. 叶轮
B. 活塞
C. 柱塞，用于
高压
2. 单位是（  ）。
  A. m<sup>3</sup>  B. kg
难度：较难
依据：GB 50148
鉴定点：B-C-A-015
二、多项选择题
1. 属于强酸的有（  ）。
A、盐酸 B、醋酸 C、硫酸
三、填空题
1. 水的沸点是____。
四、判断题
1. 泵的型号分1）单级 2）多级两种。
2. 启动前应关闭出口阀。

参考答案
一、单项选择题
1.A 2.B
二、多项选择题
1.AC 解析：醋酸是弱酸。
四、判断题
1.× 2.√
"""


def test_a_whole_paper_with_its_answers_at_the_end() -> None:
    found = read(LIST)
    assert told(found) == [
        ("single", "离心泵的主要部件是（  ）。", ["叶轮", "活塞", "柱塞，用于<br>高压"], (1,)),
        ("single", "单位是（  ）。", ["m<sup>3</sup>", "kg"], (2,)),
        ("multiple", "属于强酸的有（  ）。", ["盐酸", "醋酸", "硫酸"], (1, 3)),
        ("true_false", "泵的型号分1）单级 2）多级两种。", [], (2,)),
        ("true_false", "启动前应关闭出口阀。", [], (1,)),
    ]
    second, third = found.items[1], found.items[2]
    assert (second.difficulty, second.source, second.topic_code) == (4, "GB 50148", "B-C-A-015")
    assert third.key.rationale_html == "醋酸是弱酸。"
    assert refusals(found) == [(19, "Questions of the type “填空题” cannot be taken.")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1. 水是什么？", "Neither options nor a key were found."),
        ("1. 水是（ ）。\nA. 液体 B. 固体", "There is no key."),
        ("1. 甲（A）和乙（B）是（ ）。\nA. 液体 B. 固体", "Several keys seem to stand in the text."),
        ("1. 水是（ ）。\nA. 液体 B. 固体\n答案：液体", "“液体” is not a key for this kind."),
        ("1. 水是（ ）。\nA. 液体 B. 固体\n答案：C", "The key names option C, which does not exist."),
        ("一、判断题\n1. 水是\nA. 液体 B. 固体\n答案：A", "A true/false item has its own options."),
        ("1. 水[图:泵.png]是（A）。\nA. 液体 B. 固体", "The picture “泵.png” was not given, or is no PNG"),
        ("1. 水是（A）。\nA. 液体  C. 固体\nB. 气体  D. 都不是", "Another option stands inside this one."),
        ("没有试题", "No item was found in the file."),
    ],
)
def test_what_cannot_be_taken_is_said(text: str, problem: str) -> None:
    found = read(text)
    assert found.items == ()
    assert refusals(found)[0][1].startswith(problem)


def test_a_letter_in_brackets_that_is_not_the_key() -> None:
    found = read("1. 电流（A）是（  ）。\nA. 量 B. 数\n答案：B")
    assert told(found)[0][1] == "电流（A）是（  ）。"
    assert notes(found) == [(1, "Letters in brackets stand in the text.")]
    kept = read("1. 电流（A）是（  ）。\nA. 量 B. 数\n答案：A", Reading(default_topic="A-001", letters_meant=True))
    assert told(kept)[0][1] == "电流（A）是（  ）。"


W = 'xmlns:w="urn:w" xmlns:r="urn:r" xmlns:a="urn:a" xmlns:m="urn:m"'
NUMBERING = f"""<w:numbering {W}>
<w:abstractNum w:abstractNumId="0">
  <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1">
  <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperLetter"/><w:lvlText w:val="%1、"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num></w:numbering>"""


def paragraph(text: str, number: int = 0) -> str:
    how = f'<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr></w:pPr>' if number else ""
    return f"<w:p>{how}{text}</w:p>"


def run(text: str, align: str = "") -> str:
    how = f'<w:rPr><w:vertAlign w:val="{align}"/></w:rPr>' if align else ""
    return f"<w:r>{how}<w:t>{text}</w:t></w:r>"


def document(*parts: str, more: dict[str, bytes | str] | None = None) -> bytes:
    body = f"<w:document {W}><w:body>{''.join(parts)}</w:body></w:document>"
    return zipped({"word/document.xml": body, "word/numbering.xml": NUMBERING, **(more or {})})


def test_a_word_document_with_counted_numbers_indices_and_a_picture() -> None:
    picture = '<w:r><w:drawing><a:blip r:embed="rId7"/></w:drawing></w:r>'
    relations = '<Relationships><Relationship Id="rId7" Type="x/image" Target="media/image1.png"/></Relationships>'
    data = document(
        paragraph(run("图中泵的流量单位是（A）。") + picture, 1),
        paragraph(run("m") + run("3", "superscript") + run("/h") + "<w:del><w:r><w:t>gone</w:t></w:r></w:del>", 2),
        paragraph(run("kg"), 2),
        paragraph(run("水是液体。（√）"), 1),
        more={"word/_rels/document.xml.rels": relations, "word/media/image1.png": png(1)},
    )
    found = textlist.sort_items(data, READING)
    assert refusals(found) == []
    choice, truth = found.items
    assert [option.html for option in choice.body.options] == ["m<sup>3</sup>/h", "kg"]
    assert choice.body.media == found.figures.keys() == {figure(1).digest}
    assert (choice.reference, truth.reference, truth.key.correct) == ("1", "2", (1,))


def test_formulas_and_tables_of_answers_in_word() -> None:
    power = "<m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>"
    fraction = "<m:oMath><m:f><m:num/><m:den/></m:f></m:oMath>"

    def row(*cells: str) -> str:
        return f"<w:tr>{''.join(f'<w:tc>{paragraph(run(cell))}</w:tc>' for cell in cells)}</w:tr>"

    data = document(
        paragraph(run("1. 正确的是（ ）。")),
        paragraph(run("A. ") + power + run(" B. 3")),
        paragraph(run("2. 错误的是（ ）。")),
        paragraph(run("A. ") + fraction + run(" B. 3")),
        paragraph(run("参考答案")),
        f"<w:tbl>{row('题号', '1', '2')}{row('答案', 'A', 'B')}</w:tbl>",
    )
    found = textlist.sort_items(data, READING)
    assert [(item.body.options[0].html, item.key.correct) for item in found.items] == [("x<sup>2</sup>", (1,))]
    assert refusals(found) == [(3, "The text holds something that cannot be taken: 公式.")]


def test_other_files_are_refused_with_what_to_do() -> None:
    assert refusals(textlist.sort_items(b"\xd0\xcf\x11\xe0rest"))[0][1] == "Old Word files (.doc) cannot be read."
    assert refusals(textlist.sort_items(zipped({"a.txt": "1"})))[0][1] == "The file is no Word document."
    assert refusals(textlist.sort_items(b"\xff\x00\xff"))[0][1] == "The file is no text in UTF-8 or GB18030."
