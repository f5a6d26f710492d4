"""Importing any format: told from its content or chosen, defaults, what is lost, all or nothing, the template."""

import io
import zipfile

import pytest
from python_calamine import CalamineWorkbook
from sqlmodel import select

from itembank.exchange import aiken, gift, moodle, qti
from itembank.exchange.item_row import ImportedItem
from itembank.exchange.template_words import words_of
from itembank.items import write_body, write_key
from itembank.similarity import content_digest
from itembank.tables import ImportBatch, Item, ItemVersion
from server import apart
from tests.bank.conftest import House
from tests.itembank.exchanged import NOW, zipped

TOPIC = "A-A-A-001"
TEXT = """一、单选题
1. 使用绝缘手套前应当检查（　）。
A. 颜色
B. 有无漏气
C. 产地
答案：B
二、判断题
2. 电工上岗须持证。（√）
"""


def item(stem: str, *options: str, correct: int = 1, topic: str = TOPIC, difficulty: int | None = 4) -> ImportedItem:
    body = write_body("single" if options else "true_false", stem, list(options))
    return ImportedItem(1, body, write_key([correct], "规程如此"), topic, difficulty, "GB 26860", "7", content_digest(body))


ITEMS = [item("绝缘手套使用前应当（　）。", "晾晒", "检查漏气", "水洗", correct=2), item("电工应当持证上岗作业。")]
DOCUMENT = "<w:document xmlns:w='w'><w:body>" + "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in TEXT.split("\n"))
FILES = {
    "gift": ("a.txt", gift.write_items(ITEMS, now=NOW)),
    "aiken": ("a.txt", aiken.write_items(ITEMS, now=NOW)),
    "moodle": ("a.xml", moodle.write_items(ITEMS, now=NOW)),
    "qti_item": ("a.xml", qti.write_item(ITEMS[:1], now=NOW)),
    "qti_package": ("a.zip", qti.write_package(ITEMS, now=NOW)),
    "textlist": ("a.txt", TEXT.encode("gb18030")),
    "docx": ("a.docx", zipped({"word/document.xml": f"{DOCUMENT}</w:body></w:document>"})),
}
NAMES = {
    "gift": "Moodle GIFT",
    "aiken": "Aiken",
    "moodle": "Moodle XML",
    "qti_item": "QTI 单题",
    "qti_package": "QTI 内容包",
    "textlist": "文字题单（Word 或纯文本）",
    "docx": "文字题单（Word 或纯文本）",
}


def read_in(house: House, bank: str, name: str, data: bytes, **said: str) -> str:
    files = {"file": (name, data)}
    answer = house.act("manager").post(f"{bank}/imports", files=files, data=said)
    assert answer.status_code == 303, answer.text
    house.work()
    return str(answer.headers["location"])


def stored(house: House, page: str) -> list[tuple[ItemVersion, Item]]:
    house.act("manager").post(f"{page}/store")
    house.work()
    batch = int(house.act("manager").get(page).headers["location"].rpartition("/")[2])
    with house.db() as db:
        found = select(ItemVersion, Item).join(Item).where(Item.import_batch_id == batch).order_by(Item.import_row)
        return list(db.exec(found))


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_recognised_read_and_stored(house: House, bank: str, name: str) -> None:
    page = read_in(house, bank, *FILES[name], default_topic=TOPIC, default_difficulty="2")
    shown = house.act("manager").get(page).text
    assert f"格式：{NAMES[name]}" in shown
    assert "按内容识别" in shown
    assert "没有发现错误" in shown
    found = stored(house, page)
    assert len(found) == (1 if name == "qti_item" else 2)
    own = name not in {"aiken", "textlist", "docx"}
    assert {version.difficulty for version, _item in found} == {4 if own else 2}
    assert {version.source_clause for version, _item in found} == {"GB 26860" if own else ""}


def test_mistakes_name_the_place_the_format_counts_by_and_nothing_is_stored(house: House, bank: str) -> None:
    page = read_in(house, bank, "a.gift", b"// c\n\nWater?{=wet ~dry}\n\nNot closed {=a ~b\n")
    shown = house.act("manager").get(page).text
    assert "行或段" in shown.partition("<thead>")[2].partition("</thead>")[0]
    assert ">3<" in shown
    assert house.act("manager").post(f"{page}/store").status_code == 409
    with house.db() as db:
        assert len(db.exec(select(ImportBatch)).all()) == 1


def test_another_format_may_be_chosen_and_a_wrong_choice_is_a_mistake(house: House, bank: str) -> None:
    page = read_in(house, bank, "a.txt", FILES["aiken"][1], format="gift")
    client = house.act("manager")
    assert "人工选定" in client.get(page).text
    assert "处错误，未入库" in client.get(page).text
    client.post(f"{page}/columns", data={"format": "aiken", "default_topic": TOPIC})
    house.work()
    shown = client.get(page).text
    assert "没有发现错误" in shown
    assert "这种格式不能记载" in shown
    client.post(f"{page}/columns", data={"format": "nonsense", "default_topic": "nowhere", "default_difficulty": "9"})
    house.work()
    assert "格式：Aiken" in client.get(page).text


def test_what_cannot_be_kept_is_said(house: House, bank: str) -> None:
    page = read_in(house, bank, "a.gift", "水是{=湿的#对 ~干的#不对}\n".encode(), default_topic=TOPIC)
    assert "各选项的评语没有导入" in house.act("manager").get(page).text


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.pdf", b"%PDF-1.7 ...", "不能读取 PDF 文件"),
        ("a.doc", b"\xd0\xcf\x11\xe0" + "WordDocument".encode("utf-16-le"), "不能读取旧版 Word 文件"),
        ("a.bin", b"\x00\x01\x02", "没有识别出文件的格式"),
        ("a.txt", b"  \n ", "文件是空的"),
        ("a.zip", b"PK\x03\x04 broken", "没有识别出文件的格式"),
    ],
)
def test_what_is_no_file_of_items_is_one_mistake_with_a_mend(
    house: House, bank: str, name: str, data: bytes, sentence: str
) -> None:
    page = read_in(house, bank, name, data)
    assert sentence in house.act("manager").get(page).text


def test_near_duplicates_are_listed_before_anything_is_stored(house: House, bank: str) -> None:
    again = [*ITEMS, item("绝缘手套使用之前应当（　）。", "晾晒", "检查漏气", "水洗", correct=2)]
    page = read_in(house, bank, "a.xml", moodle.write_items(again, now=NOW))
    shown = house.act("manager").get(page).text
    assert "道与其他试题相似" in shown
    assert "本文件第 1 处" in shown


def test_one_question_ten_thousand_times_over_is_refused(house: House, bank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("itembank.near.MOST_PAIRS", 20)
    many = [item(f"{name}泵启动之前应当关闭出口阀门，并检查润滑油位和冷却水是否正常。") for name in "甲乙丙丁戊己庚辛壬癸"]
    page = read_in(house, bank, "a.xml", moodle.write_items(many, now=NOW))
    assert "对试题彼此相似" in house.act("manager").get(page).text
    assert house.act("manager").post(f"{page}/store").status_code == 409


def test_a_figure_that_does_more_than_draw_is_refused_wherever_it_comes_from(house: House, bank: str) -> None:
    evil = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    package = zipped(
        {
            "a.xml": (
                "<qti-assessment-item identifier='a'><qti-response-declaration identifier='R' cardinality='single'>"
                "<qti-correct-response><qti-value>A</qti-value></qti-correct-response></qti-response-declaration>"
                "<qti-item-body><p>看图<img src='x.svg' alt=''/></p><qti-choice-interaction response-identifier='R'>"
                "<qti-simple-choice identifier='A'>甲</qti-simple-choice><qti-simple-choice identifier='B'>乙</qti-simple-choice>"
                "</qti-choice-interaction></qti-item-body></qti-assessment-item>"
            ),
            "x.svg": evil,
        }
    )
    page = read_in(house, bank, "a.zip", package, default_topic=TOPIC)
    shown = house.act("manager").get(page).text
    assert "该试题的附图不能安全显示" in shown
    assert house.act("manager").post(f"{page}/store").status_code == 409


def test_macros_are_named_and_do_not_matter(house: House, bank: str) -> None:
    parts = {"word/document.xml": f"{DOCUMENT}</w:body></w:document>", "word/vbaProject.bin": b"\x00macro"}
    page = read_in(house, bank, "a.docm", zipped(parts), default_topic=TOPIC)
    shown = house.act("manager").get(page).text
    assert "没有发现错误" in shown
    assert "文件带有宏" in shown


def test_a_reader_that_ran_out_of_memory_is_a_mistake_of_the_file(
    house: House, bank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_args: object, **_limits: object) -> None:
        raise apart.OutOfBounds("the process ended with -6")

    monkeypatch.setattr(apart, "run", too_much)
    page = read_in(house, bank, *FILES["gift"])
    assert "占用的内存或时间超出限度" in house.act("manager").get(page).text


@pytest.mark.parametrize(("lang", "first", "listing"), [("", "试题", "鉴定点"), ("en", "Items", "Knowledge points")])
def test_the_template_filled_in_comes_back(house: House, bank: str, lang: str, first: str, listing: str) -> None:
    content = house.act("manager").get(f"{bank}/imports/template.xlsx?lang={lang}").content
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert (book.sheet_names[0], book.sheet_names[-1]) == (first, listing)
    page = read_in(house, bank, "t.xlsx", content)
    assert "表头下没有试题" in house.act("manager").get(page).text
    filled = _without_marks(content)
    assert len(stored(house, read_in(house, bank, "t.xlsx", filled))) == len(words_of(lang).examples)


def _without_marks(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name == "xl/sharedStrings.xml":
                text = text.replace("【示例】".encode(), b"N-1").replace(b"[example]", b"N-1")
            target.writestr(name, text)
    return out.getvalue()


def test_the_form_names_all_formats(house: House, bank: str) -> None:
    shown = house.act("manager").get(f"{bank}/imports").text
    for name in ("Moodle GIFT", "Aiken", "Moodle XML", "QTI 内容包"):
        assert f">{name}</option>" in shown
