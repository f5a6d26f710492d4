"""Experts' review by the pages: naming, reading with keys, remarks, votes, and what a rejection lets the manager do."""

import re

from sqlmodel import col, select

from itembank.passport_tables import ExpertRemark, SlotSwap
from itembank.tables import Form, FormSlot
from server.audit.tables import AuditRow
from tests.bank.conftest import House
from tests.bank.papers import forms_of, let_experts_approve, make_blueprint, make_papers


def named(house: House, *people: str) -> dict[str, list[str]]:
    return {"person_id": [str(house.people[name].person_id) for name in people]}


def test_experts_read_with_keys_and_approve(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    form = forms_of(house, page)[0]
    early = house.act("manager").post(f"{page}/seal")
    assert early.status_code == 409
    assert "须经 2 名专家评审同意" in early.text
    reading = f"{page}/forms/{form}/reading"
    assert house.act("reviewer").get(reading).status_code == 403, "not named"
    assert house.act("writer").get(reading).status_code == 403
    assert house.act("manager").post(f"{page}/experts", data=named(house, "reviewer", "reviewer2")).status_code == 303
    assert "请您评审的卷面" in house.act("reviewer").get(f"{bank}/reviews").text
    shown = house.act("reviewer").get(reading).text
    assert len(re.findall(r'class="question card exam-preview"', shown)) == 20
    assert shown.count("<dt>答案</dt>") == 20
    assert 'data-watermark="人员' in shown
    with house.db() as db:
        assert db.exec(select(AuditRow).where(AuditRow.verb == "form.read_by_expert")).all() != []
    let_experts_approve(house, page)
    assert "请您评审的卷面" not in house.act("reviewer").get(f"{bank}/reviews").text
    assert house.act("manager").post(f"{page}/seal").status_code == 303
    assert house.act("reviewer").get(reading).status_code == 409, "a sealed form is not shown any more"


def test_separation_of_duties_says_which(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    with house.db() as db:
        form = db.exec(select(Form).where(Form.paper_set_id == int(page.rpartition("/")[2])).order_by(col(Form.label))).first()
        assert form is not None
        item = db.exec(select(FormSlot.item_id).where(FormSlot.form_id == form.id, FormSlot.slot == 1)).one()
    fields = {"kind": "single", "topic": "A-A-A-001", "stem": "换过的题干（　　）。", "correct": "1", "difficulty": "3"}
    fields |= {f"option_{n}": f"选项{n}" for n in range(1, 5)} | {"source": "GB 1"}
    revised = house.act("all_in_one").post(f"{bank}/items/{item}/edit", data=fields)
    assert revised.status_code == 303, revised.text
    shown = house.act("manager").get(page).text
    assert f"A1 (#{item})" in shown
    refused = house.act("manager").post(f"{page}/experts", data=named(house, "all_in_one", "reviewer"))
    assert refused.status_code == 409
    assert f"A1 (#{item})" in refused.text
    foreign = house.act("manager").post(f"{page}/experts", data=named(house, "stranger", "reviewer"))
    assert foreign.status_code == 422


def test_a_rejected_form_is_mended_by_the_lot(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    form = forms_of(house, page)[0]
    house.act("manager").post(f"{page}/experts", data=named(house, "reviewer", "reviewer2"))
    reading = f"{page}/forms/{form}/reading"
    assert house.act("reviewer").post(reading, data={"opinion": "reject"}).status_code == 409, "without a reason"
    rejected = house.act("reviewer").post(reading, data={"opinion": "reject", "remark.3": "图与题干不符", "remark.99": ""})
    assert rejected.status_code == 303
    assert house.act("reviewer2").post(reading, data={"opinion": "approve"}).status_code == 409, "the round is over"
    assert house.act("reviewer").post(f"{page}/forms/{form}/swap", data={"slot": "3", "reason": "x"}).status_code == 403
    manager = house.act("manager")
    shown = manager.get(page).text
    assert "图与题干不符" in shown
    assert "退回" in shown
    assert manager.post(f"{page}/forms/{form}/swap", data={"slot": "3", "reason": " "}).status_code == 422
    assert manager.post(f"{page}/forms/{form}/swap", data={"slot": "77", "reason": "无此题"}).status_code == 404
    assert manager.post(f"{page}/forms/{form}/swap", data={"slot": "3", "reason": "图与题干不符"}).status_code == 303
    assert manager.post(f"{page}/forms/{form}/ask", data={"note": ""}).status_code == 422
    assert manager.post(f"{page}/forms/{form}/ask", data={"note": "第 3 题已更换"}).status_code == 303
    assert "第 3 题已更换" in house.act("reviewer2").get(reading).text
    with house.db() as db:
        swapped = db.exec(select(SlotSwap)).one()
        assert db.get_one(FormSlot, (form, 3)).item_id == swapped.in_item_id
        assert db.exec(select(ExpertRemark.text)).all() == ["图与题干不符"]
        verbs = set(db.exec(select(AuditRow.verb).where(AuditRow.subject == f"form:{form}")).all())
    assert {"form.expert_voted", "form.question_swapped", "form.experts_asked"} <= verbs
    assert "一致" in house.act("manager").get(page).text, "the recount agrees after the exchange"
    let_experts_approve(house, page)
    assert house.act("manager").post(f"{page}/seal").status_code == 303


def test_others_remarks_are_seen_once_one_has_voted(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    form = forms_of(house, page)[0]
    house.act("manager").post(f"{page}/experts", data=named(house, "reviewer", "reviewer2"))
    reading = f"{page}/forms/{form}/reading"
    assert house.act("reviewer").post(reading, data={"opinion": "", "remark.1": "第一题很好"}).status_code == 303
    assert "第一题很好" in house.act("reviewer").get(reading).text
    assert "第一题很好" not in house.act("reviewer2").get(reading).text
    house.act("reviewer2").post(reading, data={"opinion": "approve"})
    assert "第一题很好" in house.act("reviewer2").get(reading).text


def test_a_bank_may_do_without(house: House, bank: str) -> None:
    page = make_papers(house, bank, make_blueprint(house, bank))
    for wrong in ("", "10", "-1", "zwei"):
        assert house.act("manager").post(f"{bank}/settings", data={"experts_needed": wrong}).status_code == 422
    assert house.act("writer").get(f"{bank}/settings").status_code == 403
    assert house.act("manager").post(f"{bank}/settings", data={"experts_needed": "0"}).status_code == 303
    assert house.act("manager").post(f"{page}/seal").status_code == 303
    with house.db() as db:
        row = db.exec(select(AuditRow).where(AuditRow.verb == "bank.set")).one()
    assert row.detail == {"experts_needed": 0, "before": 2}
