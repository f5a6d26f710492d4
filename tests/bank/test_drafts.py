"""What is typed and not saved: kept for each window, never overwritten, given back, swept."""

import re
from datetime import timedelta

from sqlmodel import Session, func, select

from itembank.tables import Item
from server.bank import drafts
from server.bank.tables import WorkingDraft
from server.clock import FakeClock
from server.db import transaction
from tests.bank.conftest import House
from tests.bank.test_items import SINGLE, write

HTMX = {"hx-request": "true"}
HIDDEN = re.compile(r'<input type="hidden" name="(tab|base|restored)" value="([^"]*)"')


def opened(house: House, url: str, who: str = "writer") -> tuple[dict[str, str], str]:
    """The hidden fields of a freshly opened editor page, and the page."""
    text = house.act(who).get(url).text
    return dict(HIDDEN.findall(text)), text


def typed(house: House, url: str, page: dict[str, str], stem: str, who: str = "writer") -> str:
    answer = house.act(who).post(f"{url}/preview", data={**SINGLE, **page, "stem": stem}, headers=HTMX)
    assert answer.status_code == 200, answer.text
    return answer.text


def rows(house: House) -> list[WorkingDraft]:
    with house.db() as db:
        return list(db.exec(select(WorkingDraft).where(func.length(WorkingDraft.ciphertext) > 0).order_by(WorkingDraft.id)))  # type: ignore[arg-type]


def test_two_windows_keep_a_draft_each_and_know_of_each_other(house: House, bank: str) -> None:
    items = f"{bank}/items"
    one, _text = opened(house, f"{items}/new")
    assert "您在另一个窗口" not in typed(house, items, one, "第一个窗口里的题目（　）。")
    two, text = opened(house, f"{items}/new")
    assert "第一个窗口里的题目" in text, "restored at once"
    assert two["tab"] != one["tab"]
    assert "您在另一个窗口" not in typed(house, items, two, "第二个窗口里的题目（　）。"), "it shows what the first had"
    told = typed(house, items, one, "第一个窗口里又写了些（　）。")
    assert "您在另一个窗口" in told
    assert "已暂存" in told
    assert len(rows(house)) == 2
    third, text = opened(house, f"{items}/new")
    other = re.search(r"\?draft=(\d+)", text)
    assert other is not None
    assert ("第一个窗口里又写了些" in text) != ("第二个窗口里的题目" in text)
    shown = house.act("writer").get(f"{items}/new?draft={other[1]}").text
    assert ("第一个窗口里又写了些" in shown) != ("第一个窗口里又写了些" in text)
    assert third["restored"]


def test_a_draft_that_rested_is_taken_over(house: House, bank: str, clock: FakeClock) -> None:
    items = f"{bank}/items"
    one, _text = opened(house, f"{items}/new")
    typed(house, items, one, "昨天写的题目（　）。")
    clock.advance(11 * 3600)
    two, _text = opened(house, f"{items}/new")
    typed(house, items, two, "昨天写的题目，今天改了（　）。")
    assert [row.tab for row in rows(house)] == [two["tab"]]
    assert "您在另一个窗口" in typed(house, items, one, "旧窗口还在（　）。"), "the older one is told"
    assert len(rows(house)) == 2


def test_saving_closes_the_page_and_a_late_keeping_does_not_bring_it_back(house: House, bank: str) -> None:
    items = f"{bank}/items"
    page, _text = opened(house, f"{items}/new")
    typed(house, items, page, SINGLE["stem"])
    assert house.act("writer").post(items, data={**SINGLE, **page, "then": "save"}).status_code == 303
    assert rows(house) == []
    assert "先前已保存为版本" in typed(house, items, page, SINGLE["stem"])
    assert rows(house) == []
    assert "已恢复" not in opened(house, f"{items}/new")[1]


def test_a_version_saved_meanwhile_is_told_before_anything_is_put_on_top(house: House, bank: str) -> None:
    item = write(house, bank, then="save")
    page, _text = opened(house, f"{item}/edit")
    mine = {**SINGLE, **page, "stem": "我改的题干（　）。", "then": "save"}
    theirs = {**SINGLE, "stem": "别人改的题干（　）。", "then": "save"}
    assert house.act("manager").post(f"{item}/edit", data=theirs).status_code == 303
    told = house.act("writer").post(f"{item}/edit", data=mine)
    assert told.status_code == 409
    assert "保存了第 2 版" in told.text
    assert "我改的题干" in told.text
    assert version_of(house, item) == 2
    again = dict(HIDDEN.findall(told.text))
    assert again["base"] == "2"
    assert house.act("writer").post(f"{item}/edit", data={**mine, **again}).status_code == 303
    assert version_of(house, item) == 3


def version_of(house: House, item: str) -> int:
    with house.db() as db:
        return db.exec(select(Item.current_version).where(Item.id == int(item.rpartition("/")[2]))).one()


def test_one_draft_is_discarded_and_the_other_stays(house: House, bank: str) -> None:
    items = f"{bank}/items"
    for stem in ("甲题（　）。", "乙题（　）。"):
        page, _text = opened(house, f"{items}/new?topic=B-A-A-001")
        typed(house, items, page, stem)
    first, second = rows(house)
    house.act("writer").post(f"{items}/discard", data={"draft": str(first.id)})
    assert [row.id for row in rows(house)] == [second.id]
    house.act("reviewer").post(f"{items}/discard", data={"draft": str(second.id)})
    house.act("all_in_one").post(f"{items}/discard", data={"draft": str(second.id)})
    assert [row.id for row in rows(house)] == [second.id], "somebody else's"


def test_a_page_about_another_topic_starts_empty_and_offers_what_was_typed(house: House, bank: str) -> None:
    items = f"{bank}/items"
    page, _text = opened(house, f"{items}/new")
    typed(house, items, page, "关于职业道德的题目（　）。")
    _page, text = opened(house, f"{items}/new?topic=B-A-A-001")
    assert "关于职业道德的题目" not in text
    assert "?draft=" in text
    assert "关于职业道德的题目" in opened(house, f"{items}/new?topic={SINGLE['topic']}")[1]


def test_an_emptied_form_forgets_its_draft(house: House, bank: str) -> None:
    items = f"{bank}/items"
    page, _text = opened(house, f"{items}/new")
    typed(house, items, page, "写了又删（　）。")
    empty = {**page, "kind": "single", "stem": ""}
    house.act("writer").post(f"{items}/preview", data=empty, headers=HTMX)
    assert rows(house) == []


def test_old_drafts_are_swept(house: House, bank: str, clock: FakeClock) -> None:
    items = f"{bank}/items"
    page, _text = opened(house, f"{items}/new")
    typed(house, items, page, "放了很久（　）。")
    saved, _text = opened(house, f"{items}/new?topic=B-A-A-001")
    house.act("writer").post(items, data={**SINGLE, **saved, "then": "save"})

    def left(after: timedelta) -> tuple[int, int]:
        clock.advance(after.total_seconds())
        with transaction(house.app.state.dbs) as db:
            gone = drafts.sweep(db, now=clock.now())
            return gone, count(db)

    assert left(timedelta(hours=23)) == (0, 2)
    assert left(timedelta(hours=2)) == (1, 1), "what is left of a saved page"
    assert left(timedelta(days=28)) == (0, 1)
    assert left(timedelta(days=1)) == (1, 0)


def count(db: Session) -> int:
    return db.exec(select(func.count()).select_from(WorkingDraft)).one()


def test_an_answer_shown_to_candidates_is_not_stored(house: House, bank: str) -> None:
    shown = {**SINGLE, "stem": "发现配电柜冒烟时，首先应当（B）。", "then": "save"}
    refused = house.act("writer").post(f"{bank}/items", data=shown)
    assert refused.status_code == 422
    assert "letters_meant" in refused.text
    assert house.act("writer").post(f"{bank}/items", data={**shown, "letters_meant": "1"}).status_code == 303
    told = {**SINGLE, "stem": "首先应当做什么？参考答案：切断电源", "letters_meant": "1", "then": "save"}
    assert house.act("writer").post(f"{bank}/items", data=told).status_code == 422
