"""The list, the page of an item, writing and reviewing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlmodel import select

from itembank.tables import Item, ItemVersion
from server.bank.tables import WorkingDraft
from tests.bank.conftest import House

SINGLE = {
    "kind": "single",
    "topic": "A-A-A-001",
    "difficulty": "2",
    "stem": "发现配电柜冒烟时，值班电工首先应当（　）。",
    "option_1": "继续观察",
    "option_2": "切断电源",
    "option_3": "浇水降温",
    "option_4": "离开现场",
    "correct": "2",
    "source": "《电业安全工作规程》第 12 条",
}


@contextmanager
def counted(house: House) -> Iterator[list[str]]:
    """SQL statements run on the read engine meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(house.app.state.dbs.read, "before_cursor_execute", note)
    yield seen
    event.remove(house.app.state.dbs.read, "before_cursor_execute", note)


def test_the_list_narrows_and_swaps_its_block_only(house: House, bank: str) -> None:
    client = house.act("writer")
    everything = client.get(f"{bank}/items").text
    assert "<strong>500</strong>" in everything
    found = client.get(f"{bank}/items?q=PLC&kind=true_false", headers={"hx-request": "true"}).text
    assert "<html" not in found
    assert "PLC" in found
    assert len(re.findall("<tr>", found)) < 20
    assert "没有符合条件的试题" in client.get(f"{bank}/items?q=%25_nothing").text
    assert client.get(f"{bank}/items?page=x&difficulty=9&state=odd").status_code == 200
    with_topic = client.get(f"{bank}/items?topic=A-A").text
    assert "B-D-A" not in with_topic.partition("<tbody>")[2]


def test_sql_does_not_grow_with_rows(house: House, bank: str) -> None:
    client = house.act("writer")
    client.get(f"{bank}/items")
    with counted(house) as one:
        client.get(f"{bank}/items?q=发光二极管")
    with counted(house) as many:
        client.get(f"{bank}/items")
    assert len(many) == len(one)
    assert not any("item_key" in statement for statement in many)


def test_no_list_shows_a_key(house: House, bank: str) -> None:
    with house.db() as db:
        assert db.exec(select(Item)).first() is not None
    for path in ("", "/items", "/coverage", "/ledger", "/papers"):
        with counted(house) as statements:
            assert house.act("manager").get(f"{bank}{path}").status_code == 200
        assert not any("item_key" in statement for statement in statements), path


def test_content_is_for_those_who_may_read_items(house: House, bank: str) -> None:
    supervisor = house.act("supervisor")
    assert supervisor.get(bank).status_code == 200
    for path in ("/items", "/items/1", "/exports", "/reviews", "/imports", "/items/new"):
        assert supervisor.get(f"{bank}{path}").status_code == 403, path


def test_the_page_of_an_item_shows_preview_key_and_story(house: House, bank: str) -> None:
    with house.db() as db:
        version = db.exec(select(ItemVersion).where(ItemVersion.kind == "single")).first()
    assert version is not None
    page = house.act("reviewer").get(f"{bank}/items/{version.item_id}").text
    assert "考生看到的样子" in page
    assert "从未被任何卷面使用" in page
    assert house.act("reviewer").get(f"{bank}/items/{version.item_id}?v=9").status_code == 404


def write(house: House, bank: str, who: str = "writer", then: str = "submit", **changes: str) -> str:
    answer = house.act(who).post(f"{bank}/items", data={**SINGLE, "then": then, **changes})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_two_others_review_what_one_wrote(house: House, bank: str) -> None:
    item = write(house, bank)
    assert "切断电源" in house.act("reviewer").get(item).text
    assert "发现配电柜冒烟" in house.act("reviewer").get(f"{bank}/reviews").text
    assert house.act("reviewer").post(f"{item}/vote", data={"choice": "approve"}).status_code == 303
    twice = house.act("reviewer").post(f"{item}/vote", data={"choice": "approve"})
    assert twice.status_code == 409
    assert "您已审过这一版本" in twice.text
    house.act("reviewer2").post(f"{item}/vote", data={"choice": "approve"})
    assert "已批准" in house.act("writer").get(item).text


def test_nobody_reviews_their_own_item(house: House, bank: str) -> None:
    item = write(house, bank, "all_in_one")
    shown = house.act("all_in_one").get(item).text
    assert "任何人不得审自己命的题" in shown
    refused = house.act("all_in_one").post(f"{item}/vote", data={"choice": "approve"})
    assert refused.status_code == 409
    assert "任何人不得审自己命的题" in refused.text
    assert "您是命题人" in house.act("all_in_one").get(f"{bank}/reviews").text


def test_sent_back_with_a_reason_and_revised(house: House, bank: str) -> None:
    item = write(house, bank)
    assert house.act("reviewer").post(f"{item}/vote", data={"choice": "return"}).status_code == 422
    house.act("reviewer").post(f"{item}/vote", data={"choice": "return", "note": "题干不严谨"})
    shown = house.act("writer").get(item).text
    assert "题干不严谨" in shown
    form = house.act("writer").get(f"{item}/edit").text
    assert "切断电源" in form
    again = {**SINGLE, "stem": "发现配电柜冒烟时，值班电工首先应采取的措施是（　）。", "then": "submit"}
    assert house.act("writer").post(f"{item}/edit", data=again).status_code == 303
    assert "第 2 版" in house.act("writer").get(item).text


def test_what_is_wrong_is_said_by_field_and_what_was_typed_is_kept(house: House, bank: str) -> None:
    wrong = {**SINGLE, "topic": "", "correct": "", "option_3": "切断电源", "then": "save"}
    answer = house.act("writer").post(f"{bank}/items", data=wrong)
    assert answer.status_code == 422
    assert "请选择试题所属的鉴定点" in answer.text
    assert "发现配电柜冒烟" in answer.text
    restored = house.act("writer").get(f"{bank}/items/new").text
    assert "已恢复您于" in restored
    assert "发现配电柜冒烟" in restored
    assert "发现配电柜冒烟" not in house.act("all_in_one").get(f"{bank}/items/new").text
    house.act("writer").post(f"{bank}/items/discard")
    assert "发现配电柜冒烟" not in house.act("writer").get(f"{bank}/items/new").text


def test_what_is_typed_is_kept_sealed(house: House, bank: str) -> None:
    preview = house.act("writer").post(f"{bank}/items/preview", data=SINGLE, headers={"hx-request": "true"})
    assert preview.status_code == 200
    assert "<html" not in preview.text
    assert "没有意见" in preview.text
    with house.db() as db:
        row = db.exec(select(WorkingDraft)).one()
    assert "切断电源".encode() not in row.ciphertext


def test_the_preview_warns_of_the_same_question_and_of_bad_habits(house: House, bank: str) -> None:
    write(house, bank)
    same = house.act("all_in_one").post(f"{bank}/items/preview", data=SINGLE, headers={"hx-request": "true"})
    assert "题库中已有相同试题" in same.text
    habit = {**SINGLE, "option_4": "以上都是"}
    remark = house.act("writer").post(f"{bank}/items/preview", data=habit)
    assert "须改" in remark.text or "请核" in remark.text
    refused = house.act("all_in_one").post(f"{bank}/items", data={**SINGLE, "then": "save"})
    assert refused.status_code == 409


def test_scripts_in_a_text_never_reach_a_page(house: House, bank: str) -> None:
    evil = {**SINGLE, "stem": "[html]<p onclick=alert(1)>电流<script>alert(1)</script>的单位是（　）。</p>", "then": "save"}
    item = write(house, bank, **evil)
    shown = house.act("reviewer").get(item).text
    assert "alert(1)" not in shown


def test_retiring_needs_a_reason_and_the_right_person(house: House, bank: str) -> None:
    refused = house.act("writer").post(f"{bank}/items/1/retire", data={"reason": "过时"})
    assert refused.status_code == 409
    assert house.act("manager").post(f"{bank}/items/1/retire", data={"reason": ""}).status_code == 422
    assert house.act("manager").post(f"{bank}/items/1/retire", data={"reason": "标准更新"}).status_code == 303
    assert "已停用" in house.act("manager").get(f"{bank}/items/1").text
