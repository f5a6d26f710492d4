"""Blanks, numbers, pairs, sequences and case sets on the pages: written, previewed, imported, exported, onto a sealed paper."""

import io
import re
import zipfile
from dataclasses import replace

import pytest
from sqlmodel import select

from itembank import papers
from itembank.exchange.xlsx import ParsedItems, Reading, read_items
from itembank.items import CASE_SET, ItemBody
from itembank.packages import PublicPackage, public_package
from itembank.stimulus_tables import Stimulus
from itembank.tables import Item, ItemVersion
from server.audit.tables import AuditRow
from server.db import transaction
from tests.bank.conftest import House, approve, figures_zip
from tests.bank.papers import let_experts_approve, make_blueprint, make_papers
from tests.bank.test_exports import agreed, taken
from tests.bank.test_imports import read_in, sheet
from tests.conftest import START

BASE = {"topic": "A-A-A-001", "difficulty": "2", "source": "规程", "then": "save"}
FILL = BASE | {
    "kind": "fill_in",
    "stem": "低压配电的额定相电压是____伏，频率是____赫兹。",
    "answer_1": "220\r\n二百二十",
    "answer_2": "50",
}
NUMBER = BASE | {
    "kind": "numeric",
    "stem": "10 Ω 的电阻接在 220 V 上，电流是多少安？",
    "number": "22",
    "tolerance": "0.1",
    "unit": "A",
}
NUMBER |= {"units": "安|安培"}
MATCH = BASE | {
    "kind": "matching",
    "stem": "请为导线选择颜色。",
    "prompts_1": "保护线",
    "matches_1": "黄绿双色",
    "prompts_2": "中性线",
}
MATCH |= {"matches_2": "淡蓝色", "prompts_3": "", "matches_3": "", "extras_1": "红色"}
ORDER = BASE | {"kind": "ordering", "stem": "停电检修的次序：", "steps_1": "断开电源", "steps_2": "验电", "steps_3": "挂接地线"}
KINDS = {"fill_in": FILL, "numeric": NUMBER, "matching": MATCH, "ordering": ORDER}


def write(house: House, bank: str, fields: dict[str, str], who: str = "writer") -> str:
    answer = house.act(who).post(f"{bank}/items", data=fields)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def approve_item(house: House, page: str) -> None:
    assert house.act("writer").post(f"{page}/submit").status_code == 303
    for reviewer in ("reviewer", "reviewer2"):
        assert house.act(reviewer).post(f"{page}/vote", data={"choice": "approve"}).status_code == 303


@pytest.mark.parametrize(
    ("kind", "shown", "key"),
    [
        ("fill_in", 'class="typed"', "220 / 二百二十；50"),
        ("numeric", '<span class="unit">A</span>', "22 ± 0.1 A"),
        ("matching", "match-options", "1-"),
        ("ordering", "order-row", " → "),
    ],
)
def test_each_kind_is_written_shown_and_opened_again(house: House, bank: str, kind: str, shown: str, key: str) -> None:
    preview = house.act("writer").post(f"{bank}/items/preview", data=KINDS[kind], headers={"hx-request": "true"}).text
    assert shown in preview
    assert "须改" not in preview
    page = write(house, bank, KINDS[kind])
    text = house.act("reviewer").get(page).text
    assert shown in text
    assert key in text
    form = house.act("writer").get(f"{page}/edit").text
    for name, value in KINDS[kind].items():
        if name.partition("_")[0] in {"answer", "prompts", "matches", "extras", "steps"} and value:
            stands = re.search(rf'<textarea[^>]*name="{name}"[^>]*>(.*?)</textarea>', form, re.DOTALL)
            assert stands is not None, name
            assert stands[1].split() == value.split(), name
    again = house.act("writer").post(f"{page}/edit", data=KINDS[kind])
    assert again.status_code == 303
    with house.db() as db:
        (item,) = db.exec(select(Item).where(Item.id == int(page.rpartition("/")[2]))).all()
    assert item.current_version == 1, "saving the same makes no version"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (FILL | {"answer_2": ""}, "第 2 空没有可接受的答案"),
        (FILL | {"stem": "没有空的题干。"}, "题干中没有空"),
        (FILL | {"stem": "只有____一个空。"}, "题干有 1 个空，答案却给了 2 个"),
        (NUMBER | {"number": "许多"}, "不是数值"),
        (NUMBER | {"tolerance": "-1"}, "允许误差"),
        (MATCH | {"matches_2": ""}, "内容为空"),
        (MATCH | {"matches_2": "黄绿双色"}, "相同"),
        (MATCH | {"prompts_2": "", "matches_2": "", "extras_1": ""}, "待匹配项"),
        (ORDER | {"steps_2": "", "steps_3": ""}, "现有 1 个选项"),
    ],
)
def test_mistakes_are_said_and_what_was_typed_is_kept(house: House, bank: str, fields: dict[str, str], said: str) -> None:
    answer = house.act("writer").post(f"{bank}/items", data=fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert fields["stem"] in answer.text
    assert fields["stem"] in house.act("writer").get(f"{bank}/items/new").text


def test_rows_grow_shrink_and_change_places_without_javascript(house: House, bank: str) -> None:
    def steps(row: str, fields: dict[str, str]) -> dict[str, str]:
        page = house.act("writer").post(f"{bank}/items/preview", data=fields | {"row": row}).text
        assert "<html" in page
        found = re.findall(r'<textarea[^>]*name="((?:steps|prompts|matches|extras)_\d)"[^>]*>(.*?)</textarea>', page, re.DOTALL)
        return dict(found)

    assert steps("steps.add", ORDER)["steps_4"] == ""
    up = steps("steps.3.up", ORDER)
    assert [up[f"steps_{n}"] for n in (1, 2, 3)] == ["断开电源", "挂接地线", "验电"]
    assert steps("steps.1.up", ORDER)["steps_1"] == "断开电源"
    gone = steps("steps.1.remove", ORDER)
    assert [gone[f"steps_{n}"] for n in (1, 2, 3)] == ["验电", "挂接地线", ""]
    pairs = steps("pairs.1.remove", MATCH)
    assert (pairs["prompts_1"], pairs["matches_1"]) == ("中性线", "淡蓝色")
    assert "extras_2" in steps("extras.add", MATCH)
    assert "steps_9" not in steps("steps.add", ORDER | {f"steps_{n}": str(n) for n in range(1, 9)})
    for odd in ("steps.99.remove", "steps.x.up", "nonsense", "options.1.remove"):
        assert steps(odd, ORDER)["steps_2"] == "验电"


def test_the_new_kinds_end_on_sealed_papers(house: House, bank: str) -> None:
    for fields in KINDS.values():
        approve_item(house, write(house, bank, fields))
    more = {f"count.{kind}": "1" for kind in KINDS} | {f"marks.{kind}": "5" for kind in KINDS}
    plan = make_blueprint(house, bank, **more, **{"count.single": "8", "forms": "1"}, **open_topics(house, bank))
    page = make_papers(house, bank, plan, forms="1")
    assert "填空题" in house.act("manager").get(page).text
    package = sealed(house, page)
    asked = {slot.kind: slot for slot in package.items if slot.kind in KINDS}
    assert (asked["fill_in"].blanks, asked["numeric"].unit, len(asked["matching"].prompts)) == (2, "A", 2)
    assert [section.title_zh for section in package.sections][-4:] == ["填空题", "计算填空题", "匹配题", "排序题"]
    assert "二百二十" not in package.model_dump_json()


def open_topics(house: House, bank: str) -> dict[str, str]:
    """No demands on topics."""
    text = house.act("manager").get(f"{bank}/blueprints/new").text
    names = re.findall(r'name="((?:low|high)\.[^"]+)"', text)
    return dict.fromkeys(names, "") | {"easiest": "", "hardest": "", "per_leaf": ""}


def sealed(house: House, page: str) -> PublicPackage:
    """The public package of the only form, once experts have approved it."""
    let_experts_approve(house, page)
    state = house.app.state
    with transaction(state.dbs) as db:
        papers.seal(db, 1, state.keyring, now=START, by=1)
        return public_package(db, 1, state.keyring)


# Case sets --------------------------------------------------------------------------------------------------------------

TEXT = "某班组检修配电柜，未验电即开始工作，见图。"


def new_case(house: House, bank: str, text: str = TEXT) -> str:
    answer = house.act("writer").post(f"{bank}/cases", data={"title": "", "text": text, "then": "save"})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def two_questions(house: House, bank: str) -> str:
    case = new_case(house, bank)
    number = case.rpartition("/")[2]
    form = house.act("writer").get(f"{bank}/items/new?case={number}&kind=fill_in").text
    assert f'name="case" value="{number}"' in form
    for stem in ("作业前应当先停电并____。", "送电前应当先____。"):
        write(house, bank, BASE | {"kind": "fill_in", "stem": stem, "answer_1": "验电", "case": number})
    return case


def test_a_set_is_written_reviewed_and_drawn_as_a_whole(house: House, bank: str) -> None:
    case = two_questions(house, bank)
    shown = house.act("writer").get(case).text
    assert shown.index("作业前应当先停电并") < shown.index("送电前应当先")
    first = int(re.findall(r'id="item-(\d+)"', shown)[0])
    house.act("writer").post(f"{case}/move", data={"item": str(first), "way": "down"})
    shown = house.act("writer").get(case).text
    assert shown.index("作业前应当先停电并") > shown.index("送电前应当先")
    assert house.act("writer").post(f"{bank}/items/{first}/submit").status_code == 409
    assert house.act("writer").post(f"{case}/submit").status_code == 303
    assert "某班组检修配电柜" in house.act("reviewer").get(f"{bank}/reviews").text
    assert house.act("reviewer").post(f"{bank}/items/{first}/vote", data={"choice": "approve"}).status_code == 409
    assert house.act("writer").post(f"{case}/edit", data={"text": "别的", "then": "save"}).status_code == 409
    assert house.act("reviewer").post(f"{case}/vote", data={"choice": "return"}).status_code == 422
    for reviewer in ("reviewer", "reviewer2"):
        assert house.act(reviewer).post(f"{case}/vote", data={"choice": "approve"}).status_code == 303
    assert "可整组抽取 2 道题" in house.act("writer").get(case).text
    plan = {f"count.{CASE_SET}": "2", f"marks.{CASE_SET}": "5", "count.single": "10", "forms": "1"}
    made = make_papers(house, bank, make_blueprint(house, bank, **plan, **open_topics(house, bank)), forms="1")
    assert "案例题" in house.act("manager").get(made).text
    package = sealed(house, made)
    stems = [slot.stem_html for slot in package.items if slot.stimulus_html == TEXT]
    assert stems == ["送电前应当先____。", "作业前应当先停电并____。"]
    with house.db() as db:
        verbs = db.exec(select(AuditRow.verb)).all()
    assert {"case_set.created", "case_set.moved", "case_set.submitted", "case_set.reviewed"} <= set(verbs)


def test_a_new_text_is_a_new_version_of_all_questions(house: House, bank: str) -> None:
    case = two_questions(house, bank)
    answer = house.act("writer").post(f"{case}/edit", data={"title": "检修案例", "text": TEXT + "无人受伤。", "then": "save"})
    assert answer.status_code == 303
    with house.db() as db:
        items = db.exec(select(Item).where(Item.stimulus_id == int(case.rpartition("/")[2]))).all()
        newest = db.exec(select(ItemVersion.body).where(ItemVersion.item_id == items[0].id, ItemVersion.version == 2)).one()
    assert [item.current_version for item in items] == [2, 2]
    assert ItemBody.model_validate(newest).stimulus_html.endswith("无人受伤。")
    assert "第 2 版" in house.act("writer").get(case).text
    assert "检修案例" in house.act("writer").get(f"{bank}/cases").text
    empty = house.act("writer").post(f"{case}/edit", data={"text": "", "then": "save"})
    assert empty.status_code == 422
    missing = house.act("writer").post(f"{case}/edit", data={"text": "[图:123456789abc]", "then": "save"})
    assert missing.status_code == 422


def test_another_institution_s_set_is_not_there(house: House, bank: str) -> None:
    case = two_questions(house, bank)
    for path in ("", "/edit"):
        assert house.act("stranger").get(f"{case}{path}").status_code == 404, path
    for path in ("/edit", "/submit", "/vote", "/move"):
        assert house.act("stranger").post(f"{case}{path}", data={"choice": "approve"}).status_code == 404, path
    assert house.act("stranger").get(f"{bank}/cases").status_code == 404
    assert house.act("writer").get(f"{bank}/items/new?case=999").status_code == 404
    assert house.act("writer").post(f"{bank}/items", data=FILL | {"case": "999"}).status_code == 404


HEAD = ["题型", "鉴定点代码", "题干", "选项A", "选项B", "答案", "材料编号", "材料"]
ROWS = [
    ["单选题", "A-A-A-001", "事故的直接原因是（　）。", "未验电", "天气热", "A", "7", "材料见图：[图:loop.svg]"],
    ["填空题", "A-A-A-001", "作业前应当先停电并____。", "", "", "验电|检验", "7", ""],
]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><path d='M0 0L9 9'/></svg>"


def test_a_set_comes_in_by_spreadsheet_with_its_figure_and_goes_out_again(house: House, bank: str) -> None:
    page = read_in(house, bank, sheet(HEAD, *ROWS), figures=("f.zip", figures_zip(loop_svg=SVG)))
    assert "没有发现错误" in house.act("manager").get(page).text
    house.act("manager").post(f"{page}/store")
    house.work()
    batch = house.act("manager").get(page).headers["location"]
    assert "材料见图" not in house.act("writer").get(f"{bank}/cases").text, "not before somebody approved it"
    with house.db() as db:
        number = db.exec(select(Stimulus.id)).one()
    assert house.act("writer").get(f"{bank}/cases/{number}").status_code == 404
    assert "材料见图" in house.act("second").get(batch).text, "who reads the sample sees the text"
    approve(house, int(bank.rpartition("/")[2]), int(batch.rpartition("/")[2]))
    shown = house.act("writer").get(f"{bank}/cases/{number}").text
    (src,) = set(re.findall(r'src="(/bank/media/[^"]+)"', shown))
    assert house.act("writer").get(src).content == SVG
    assert house.act("stranger").get(src).status_code == 404
    _name, exported = taken(house, agreed(house, bank, format="xlsx", keys="1"))
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:  # the figures lie beside the sheet
        exported = next(archive.read(name) for name in archive.namelist() if name.endswith(".xlsx"))
    found = read_items(exported, figures={})
    assert not isinstance(found, ParsedItems), "the figures are not in the sheet"
    with house.db() as db:
        digests = frozenset(ItemBody.model_validate(body).media for body in db.exec(select(ItemVersion.body)).all())
    again = read_items(exported, replace(Reading(), known_media=frozenset().union(*digests)))
    assert isinstance(again, ParsedItems)
    in_set = [item for item in again.items if item.body.stimulus]
    assert [item.body.kind for item in in_set] == ["single", "fill_in"]
    assert in_set[1].key.accepted == (("验电", "检验"),)


def test_a_mistake_in_one_row_refuses_the_whole_set(house: House, bank: str) -> None:
    wrong = [
        [*ROWS[0][:-1], "没有图的材料"],
        [*ROWS[1][:5], "", "7", ""],
        ["判断题", "A-A-A-001", "电工应守纪律。", "", "", "对", "", ""],
    ]
    page = read_in(house, bank, sheet(HEAD, *wrong))
    shown = house.act("manager").get(page).text
    assert "案例“7”的第 3 行有错误" in shown
    house.act("manager").post(f"{page}/store", data={"only_good": "1"})
    house.work()
    with house.db() as db:
        assert db.exec(select(Stimulus)).all() == []
