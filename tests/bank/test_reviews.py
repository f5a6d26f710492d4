"""Reviewing: who may vote, remarks beside fields, the way through the queue, versions compared, own items only."""

import re

import pytest
from sqlmodel import select

from itembank.review_tables import ItemComment
from itembank.tables import Item, ItemVersion, Review
from server.audit.tables import AuditRow
from tests.bank.conftest import House
from tests.bank.test_items import SINGLE, write
from tests.bank.test_twins import a_choice, a_copy

SECOND = {
    **SINGLE,
    "stem": "停电作业前应当先验电，验电应使用（　）。",
    "topic": "B-A-A-001",
    "option_1": "电笔",
    "source": "GB 26860",
}
TRUE_FALSE = {
    "kind": "true_false",
    "topic": "A-A-A-001",
    "difficulty": "2",
    "stem": "电工应当持证上岗。",
    "truth": "1",
    "source": "规程",
}


def vote(house: House, item: str, who: str, choice: str = "approve", **more: str) -> str:
    done = house.act(who).post(f"{item}/vote", data={"choice": choice, **more})
    assert done.status_code == 303, done.text
    return str(done.headers["location"])


def settings(house: House, bank: str, **fields: str) -> int:
    return house.act("manager").post(f"{bank}/settings/items", data=fields).status_code


def number(item: str) -> int:
    return int(item.rpartition("/")[2])


def state(house: House, item: str) -> str:
    with house.db() as db:
        return db.exec(select(Item.state).where(Item.id == number(item))).one()


def sent_back(house: House, bank: str) -> str:
    """An item that came back with remarks on three of its fields."""
    item = write(house, bank)
    remarks = {"note": "总体可以", "on.options.3": "丙项不像错项", "on.key": "依据新规程应为乙", "on.source": "请写版本年份"}
    vote(house, item, "reviewer", "return", **remarks)
    return item


@pytest.mark.parametrize(("needed", "voters"), [("1", ["reviewer"]), ("3", ["reviewer", "reviewer2", "second"])])
def test_a_bank_says_how_many_have_to_approve(house: House, bank: str, needed: str, voters: list[str]) -> None:
    assert settings(house, bank, votes_needed=needed) == 303
    item = write(house, bank)
    for who in voters[:-1]:
        vote(house, item, who)
        assert state(house, item) == "submitted"
    assert f"0 / {needed}" in house.act("all_in_one").get(f"{bank}/reviews").text or len(voters) > 1
    vote(house, item, voters[-1])
    assert state(house, item) == "approved"


def test_settings_are_a_manager_s_and_are_audited(house: House, bank: str) -> None:
    for wrong in ("0", "6", "x", "", "²"):
        assert settings(house, bank, votes_needed=wrong) == 422
    assert settings(house, bank, votes_needed="1", own_items_only="1") == 303
    assert house.act("writer").get(f"{bank}/settings").status_code == 403
    assert house.act("stranger").get(f"{bank}/settings").status_code == 404
    assert house.act("stranger").post(f"{bank}/settings/items", data={"votes_needed": "1"}).status_code == 404
    with house.db() as db:
        row = db.exec(select(AuditRow).where(AuditRow.verb == "bank.set")).one()
    assert row.detail["before"] == {"votes_needed": 2, "own_items_only": False}
    assert row.detail["after"] == {"votes_needed": 1, "own_items_only": True}


def test_whoever_wrote_a_version_does_not_vote_on_a_later_one(house: House, bank: str) -> None:
    item = write(house, bank, "all_in_one", then="save")
    changed = {**SINGLE, "stem": "发现配电柜冒烟时，值班电工应当立即（　）。", "then": "submit"}
    assert house.act("manager").post(f"{item}/edit", data=changed).status_code == 303
    for who in ("all_in_one", "manager"):
        assert house.act(who).post(f"{item}/vote", data={"choice": "approve"}).status_code == 409
        assert "任何人不得审自己命的题" in house.act(who).get(item.replace("/items/", "/reviews/")).text
    assert number(item) in waiting(house, bank, "second")
    assert number(item) not in waiting(house, bank, "all_in_one")


def waiting(house: House, bank: str, who: str, query: str = "") -> list[int]:
    """Item numbers in the first table of the queue: what waits for this person."""
    page = house.act(who).get(f"{bank}/reviews{query}").text
    todo = page.partition("审题中，但不由您审")[0]
    return [int(found) for found in re.findall(r'<td class="num muted">(\d+)</td>', todo)]


def test_changes_wanted_come_back_beside_the_fields(house: House, bank: str) -> None:
    item = write(house, bank)
    refused = house.act("reviewer").post(f"{item}/vote", data={"choice": "return", "note": " "})
    assert refused.status_code == 422
    assert state(house, item) == "submitted"
    remarks = {"note": "总体可以", "on.options.3": "丙项不像错项", "on.key": "依据新规程应为乙"}
    vote(house, item, "reviewer", "return", **remarks)
    assert state(house, item) == "returned"
    form = house.act("writer").get(f"{item}/edit").text
    talk = form[form.index('id="talk"') : form.index('id="editor"')]
    for field, words in (("", "总体可以"), ("options.3", "丙项不像错项"), ("key", "依据新规程应为乙")):
        line = re.search(rf'<li data-where="{re.escape(field)}">(.*?)</li>', talk, re.DOTALL)
        assert line is not None
        assert words in line[1]
    assert "退回给您修改的题" in house.act("writer").get(bank).text
    with house.db() as db:
        assert db.exec(select(Review.note)).all() == [""]
        sealed = db.exec(select(ItemComment.ciphertext)).all()
        detail = db.exec(select(AuditRow.detail).where(AuditRow.verb == "item.reviewed")).one()
    assert len(sealed) == 3
    assert not any("应为乙".encode() in blob for blob in sealed)
    assert detail["on"] == ["key", "options.3"]
    assert "应为乙" not in str(detail)


def test_a_new_version_shows_what_changed_and_asks_for_votes_again(house: House, bank: str) -> None:
    item = write(house, bank)
    vote(house, item, "reviewer2")
    vote(house, item, "reviewer", "return", note="题干不严谨")
    changed = {
        **SINGLE,
        "stem": "发现配电柜冒烟时，值班电工首先应采取的措施是（　）。",
        "difficulty": "3",
        "change": "按意见改题干",
    }
    assert house.act("writer").post(f"{item}/edit", data={**changed, "then": "submit"}).status_code == 303
    assert number(item) in waiting(house, bank, "reviewer2")
    page = house.act("reviewer2").get(item.replace("/items/", "/reviews/")).text
    assert "与第 1 版相比的变化" in page
    assert "<ins>采取的措施是</ins>" in page
    assert "<del>2</del><ins>3</ins>" in page, "the difficulty"
    assert "按意见改题干" in page
    assert "题干不严谨" in page, "the discussion stays with version 1"
    vote(house, item, "reviewer2")
    assert state(house, item) == "submitted", "the vote on version 1 does not count"
    vote(house, item, "second")
    assert state(house, item) == "approved"


def test_a_vote_is_for_the_version_that_was_read(house: House, bank: str) -> None:
    item = write(house, bank)
    assert house.act("writer").post(f"{item}/recall").status_code == 303
    changed = {**SINGLE, "stem": "发现配电柜冒烟时，电工首先应当（　）。", "then": "submit"}
    assert house.act("writer").post(f"{item}/edit", data=changed).status_code == 303
    stale = house.act("reviewer").post(f"{item}/vote", data={"choice": "approve", "version": "1"})
    assert stale.status_code == 409
    assert "第 2 版" in stale.text
    vote(house, item, "reviewer", version="2")


def test_taken_back_only_by_the_writer_and_before_a_vote(house: House, bank: str) -> None:
    item = write(house, bank)
    assert house.act("all_in_one").post(f"{item}/recall").status_code == 409
    assert house.act("stranger").post(f"{item}/recall").status_code == 404
    assert "撤回" in house.act("writer").get(item).text
    assert house.act("writer").post(f"{item}/recall").status_code == 303
    assert state(house, item) == "draft"
    house.act("writer").post(f"{item}/submit")
    vote(house, item, "reviewer")
    assert house.act("writer").post(f"{item}/recall").status_code == 409


def test_the_queue_is_narrowed_and_walked(house: House, bank: str, clock: object) -> None:
    items = []
    for form in (SINGLE, TRUE_FALSE, SECOND):
        done = house.act("writer").post(f"{bank}/items", data={**form, "then": "submit"})
        assert done.status_code == 303, done.text
        items.append(number(str(done.headers["location"])))
    one, two, three = items
    assert waiting(house, bank, "reviewer") == items
    assert waiting(house, bank, "reviewer", "?kind=true_false") == [two]
    assert waiting(house, bank, "reviewer", "?topic=A") == [one, two]
    assert waiting(house, bank, "reviewer", "?topic=A&kind=odd") == [one, two]
    page = house.act("reviewer").get(f"{bank}/reviews/{two}?topic=").text
    assert f'rel="prev" href="{bank}/reviews/{one}"' in page
    assert f'rel="next" href="{bank}/reviews/{three}"' in page
    assert "第 2 题，共 3 题" in page
    base = f"{bank}/items"
    assert vote(house, f"{base}/{two}", "reviewer") == f"{bank}/reviews/{three}", "on from here, not back to the oldest"
    assert vote(house, f"{base}/{three}", "reviewer") == f"{bank}/reviews/{one}"
    assert vote(house, f"{base}/{one}", "reviewer", topic="A", kind="single") == f"{bank}/reviews?topic=A&kind=single"
    assert "第 1 题" not in house.act("reviewer").get(f"{bank}/reviews/{one}").text


def test_remarks_are_answered_where_they_stand(house: House, bank: str) -> None:
    item = sent_back(house, bank)
    other = write(house, bank, "all_in_one", then="save", stem="另一道题（　）。")
    with house.db() as db:
        first = db.exec(select(ItemComment.id).where(ItemComment.field == "options.3")).one()
    said = {"text": "已改为“自然冷却”", "reply_to": str(first)}
    assert house.act("writer").post(f"{item}/remarks", data=said).status_code == 303
    assert house.act("writer").post(f"{other}/remarks", data=said).status_code == 404
    assert house.act("writer").post(f"{item}/remarks", data={"text": ""}).status_code == 422
    assert house.act("writer").post(f"{item}/remarks", data={"text": "长" * 2001}).status_code == 422
    assert house.act("supervisor").post(f"{item}/remarks", data=said).status_code == 403
    assert house.act("stranger").post(f"{item}/remarks", data=said).status_code == 404
    with house.db() as db:
        answer = db.exec(select(ItemComment).where(ItemComment.reply_to == first)).one()
    assert answer.field == "options.3"
    assert "自然冷却" in house.act("reviewer").get(item).text


def test_the_history_says_who_when_why_and_compares_any_two(house: House, bank: str) -> None:
    item = sent_back(house, bank)
    for stem, why in (("发现配电柜冒烟时应当（　）。", "缩短题干"), ("发现配电柜冒烟时首先应当（　）。", "补回“首先”")):
        done = house.act("writer").post(f"{item}/edit", data={**SINGLE, "stem": stem, "change": why, "then": "save"})
        assert done.status_code == 303
    page = house.act("reviewer").get(f"{item}/versions").text
    assert "缩短题干" in page
    assert "补回“首先”" in page
    assert "第 2 版到第 3 版的变化" in page
    assert "<ins>首先</ins>" in page
    assert "要求修改" not in page.partition("compared")[2]
    first = house.act("writer").get(f"{item}/versions?old=1&new=3").text
    assert "<del>，值班电工</del>" in first
    back = house.act("writer").get(f"{item}/versions?old=3&new=1").text
    assert "<ins>，值班电工</ins>" in back
    assert "提交审题" in first
    assert house.act("writer").get(f"{item}/versions?old=9").status_code == 404
    assert house.act("supervisor").get(f"{item}/versions").status_code == 403
    assert house.act("stranger").get(f"{item}/versions").status_code == 404


def test_writers_see_only_their_own_where_the_bank_says_so(house: House, bank: str) -> None:
    mine = write(house, bank)
    with house.db() as db:
        version = db.exec(select(ItemVersion).where(ItemVersion.kind == "single").limit(1)).one()
        foreign = f"{bank}/items/{version.item_id}"
    assert house.act("writer").get(foreign).status_code == 200
    settings(house, bank, votes_needed="2", own_items_only="1")
    writer = house.act("writer")
    assert writer.get(mine).status_code == 200
    for path in ("", "/edit", "/versions"):
        assert writer.get(f"{foreign}{path}").status_code == 404, path
    for path in ("/edit", "/preview", "/figure", "/submit", "/retire", "/recall", "/remarks", "/discard", "/twins"):
        assert writer.post(f"{foreign}{path}", data={**SINGLE, "reason": "x", "text": "x"}).status_code == 404, path
    listed = writer.get(f"{bank}/items").text
    assert "<strong>1</strong>" in listed
    assert "<strong>500</strong>" not in listed
    assert house.act("reviewer").get(foreign).status_code == 200
    assert house.act("manager").get(foreign).status_code == 200


def test_the_text_of_others_is_not_shown_through_likenesses(house: House, bank: str) -> None:
    other, body = a_choice(house)
    form = a_copy(body)
    settings(house, bank, votes_needed="2", own_items_only="1")
    asked = house.act("writer").post(f"{bank}/items/twins", data=form, headers={"hx-request": "true"})
    where = re.search(r'hx-post="([^"]+)"', asked.text)
    assert where is not None
    house.work()
    told = house.act("writer").post(where[1], data=form).text
    assert f"/items/{other}" in told
    assert 'class="difference"' not in told
    done = house.act("writer").post(f"{bank}/items", data={**form, "then": "submit"})
    house.work()
    cases = house.act("writer").get(f"{bank}/twins").text
    assert str(number(str(done.headers["location"]))) in cases
    assert 'class="difference"' not in cases
    assert 'class="difference"' in house.act("reviewer").get(f"{bank}/twins").text
