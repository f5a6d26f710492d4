"""Blueprints and papers: sums, used ones stay, infeasible is explained, filing, withdrawal by two."""

from sqlmodel import select

from itembank.tables import Blueprint, Form, LedgerEntry
from server.db import transaction
from tests import factories
from tests.bank.conftest import House
from tests.bank.papers import ask_for_papers, blueprint_fields, forms_of, make_blueprint, make_papers, seal


def test_the_sums_say_what_is_wrong_while_one_types(house: House, bank: str) -> None:
    client = house.act("manager")
    fields = blueprint_fields(client.get(f"{bank}/blueprints/new").text) | {"name": "方案"}
    right = client.post(f"{bank}/blueprints/check", data=fields, headers={"hx-request": "true"})
    assert "合计无误" in right.text
    assert "<html" not in right.text
    wrong = client.post(f"{bank}/blueprints/check", data=fields | {"count.single": "13"}, headers={"hx-request": "true"})
    assert "各题型合计 105 分" in wrong.text
    assert "第 2 级鉴定范围合计" in wrong.text
    assert client.post(f"{bank}/blueprints/save", data=fields | {"forms": "eleven"}).status_code == 422
    again = client.post(f"{bank}/blueprints/check", data=fields | {"count.single": "32", "then": "propose"}).text
    assert blueprint_fields(again)["low.B-D"] == "8"


def test_an_edit_replaces_and_a_used_one_stays(house: House, bank: str) -> None:
    first = make_blueprint(house, bank)
    client = house.act("manager")
    fields = blueprint_fields(client.get(f"{bank}/blueprints/{first}/edit").text)
    client.post(f"{bank}/blueprints/save", data=fields | {"minutes": "30", "old": str(first)})
    with house.db() as db:
        rows = db.exec(select(Blueprint).order_by("id")).all()  # type: ignore[arg-type]
    assert rows[0].retired_at is not None
    second = rows[1].id
    make_papers(house, bank, second)
    assert client.get(f"{bank}/blueprints/{second}/edit").status_code == 409
    refused = client.post(f"{bank}/blueprints/save", data=fields | {"old": str(second)})
    assert refused.status_code == 409
    assert "已用此方案组过卷" in client.get(f"{bank}/blueprints/{second}").text
    assert client.get(f"{bank}/blueprints/new?copy={second}").status_code == 200


def test_what_the_bank_lacks_is_said_cell_by_cell(house: House, bank: str) -> None:
    blueprint = make_blueprint(house, bank)
    for _set in range(2):
        make_papers(house, bank, blueprint, forms="9")
    making = ask_for_papers(house, bank, blueprint, forms="9")
    shown = house.act("manager").get(making).text
    assert "题库无法组出 9 套这样的卷面" in shown
    assert "缺少什么" in shown
    assert "最少的补充办法" in shown
    assert "新命" in shown
    with house.db() as db:
        assert len(db.exec(select(LedgerEntry)).all()) == 360


def test_runway_is_shown_after_papers_were_made(house: House, bank: str) -> None:
    make_papers(house, bank, make_blueprint(house, bank))
    assert "最多还可组" in house.act("supervisor").get(bank).text
    assert "再下一组缺什么" in house.act("manager").get(f"{bank}/papers").text


def test_an_assembly_can_be_stopped_before_it_begins(house: House, bank: str) -> None:
    blueprint = make_blueprint(house, bank)
    client = house.act("manager")
    making = client.post(f"{bank}/papers", data={"blueprint_id": str(blueprint)}).headers["location"]
    client.post(f"{making}/cancel")
    house.work()
    assert "已停止" in client.get(making).text
    with house.db() as db:
        assert db.exec(select(Form)).all() == []


def test_a_number_is_needed_to_file_and_a_reason_to_refuse(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    client = house.act("manager")
    first = forms_of(house, page)[0]
    early = client.post(f"{page}/forms/{first}/file", data={"number": "1", "answer": "accepted"})
    assert early.status_code == 409
    assert "已备案" in early.text
    seal(house, page)
    client = house.act("manager")
    assert client.post(f"{page}/forms/{first}/file", data={"number": " ", "answer": "accepted"}).status_code == 422
    assert client.post(f"{page}/forms/{first}/file", data={"answer": "refused"}).status_code == 422
    client.post(f"{page}/forms/{first}/file", data={"answer": "refused", "note": "题量不足"})
    assert "题量不足" in client.get(page).text


def test_withdrawing_takes_two_people(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    assert house.act("manager").post(f"{page}/withdraw", data={"reason": ""}).status_code == 422
    assert house.act("manager").post(f"{page}/withdraw", data={"reason": "计划取消"}).status_code == 303
    assert "须由第二人决定" in house.act("manager").get(page).text
    assert house.act("manager").post(f"{page}/withdraw/decide", data={"decision": "agree"}).status_code == 409
    assert house.act("manager").post(f"{page}/withdraw", data={"reason": "再来"}).status_code == 409
    assert house.act("second").post(f"{page}/withdraw/decide", data={"decision": "agree"}).status_code == 303
    with house.db() as db:
        entries = db.exec(select(LedgerEntry)).all()
    assert {entry.end_kind for entry in entries} == {"released"}
    assert all(entry.second_by != entry.ended_by for entry in entries)


def test_a_set_that_an_exam_session_counts_on_is_not_withdrawn(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    with transaction(house.app.state.dbs) as db:
        where = factories.place(db, house.people["manager"].institution_id)
        number = int(page.rpartition("/")[2])
        factories.exam_session(db, where, house.app.state.clock.now(), paper_set_id=number)
    answer = house.act("manager").post(f"{page}/withdraw", data={"reason": "计划取消"})
    assert answer.status_code == 409
    assert "请先在场次中更换" in answer.text


def test_the_ledger_tells_the_story_of_an_item(house: House, bank: str) -> None:
    make_papers(house, bank, make_blueprint(house, bank), title="秋季卷")
    shown = house.act("supervisor").get(f"{bank}/ledger?state=reserved").text
    assert "秋季卷" in shown
    with house.db() as db:
        item_id = db.exec(select(LedgerEntry.item_id)).first()
    story = house.act("writer").get(f"{bank}/items/{item_id}").text
    assert "秋季卷" in story
    assert "预留给" in story
