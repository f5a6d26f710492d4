"""Near-duplicates and quarantine through the pages."""

import json
import re
import subprocess
import sys

import pytest
from sqlmodel import Session, select

from itembank.family_tables import FamilyMerge, Quarantine, TwinCase
from itembank.items import ItemBody
from itembank.pool import load_pool
from itembank.tables import Bank, Item, ItemVersion
from server.audit.trail import Actor
from server.db import transaction
from server.jobs import QUICK, Job
from tests.bank.conftest import House, the_bank


def a_choice(house: House) -> tuple[int, ItemBody]:
    with house.db() as db:
        rows = db.exec(select(ItemVersion.item_id, ItemVersion.body).where(ItemVersion.kind == "single"))
        bodies = [(item, ItemBody.model_validate(body)) for item, body in rows]
        return next((item, body) for item, body in bodies if len(body.stem_html) > 20 and "<" not in body.stem_html)


def a_copy(body: ItemBody) -> dict[str, str]:
    form = {"kind": "single", "topic": "A-A-A-001", "stem": f"在实际工作中，{body.stem_html}", "correct": "1", "difficulty": "3"}
    return form | {f"option_{option.id}": option.html for option in body.options}


def hand_in(house: House, bank: str, form: dict[str, str]) -> int:
    done = house.act("writer").post(f"{bank}/items", data=form | {"then": "submit"})
    assert done.status_code == 303, done.text
    house.work()
    return int(done.headers["location"].rpartition("/")[2])


def the_case(house: House) -> TwinCase:
    with house.db() as db:
        return db.exec(select(TwinCase)).one()


def test_the_editor_shows_what_is_like_the_draft(house: House, bank: str) -> None:
    item, body = a_choice(house)
    client = house.act("writer")
    asked = client.post(f"{bank}/items/twins", data=a_copy(body), headers={"hx-request": "true"})
    where = re.search(r'hx-post="([^"]+)"', asked.text)
    assert where is not None
    assert "正在查找" in client.post(where[1], data=a_copy(body)).text
    house.work()
    shown = client.post(where[1], data=a_copy(body)).text
    assert f"/items/{item}" in shown
    assert "<ins>在实际工作中，</ins>" in shown
    assert house.act("reviewer").post(where[1]).status_code == 403
    assert house.act("stranger").post(where[1]).status_code == 404
    with house.db() as db:
        asked_for = db.exec(select(Job).where(Job.kind == QUICK)).one()
    assert "在实际工作中" not in json.dumps([asked_for.args, asked_for.result], ensure_ascii=False)
    assert asked_for.upload is None


def test_a_copy_waits_for_two_people_and_joins_the_family(house: House, bank: str) -> None:
    item, body = a_choice(house)
    copy = hand_in(house, bank, a_copy(body))
    case = the_case(house)
    assert (case.item_id, case.other_id, case.needed) == (copy, item, 2)
    for name in ("reviewer", "reviewer2"):
        house.act(name).post(f"{bank}/items/{copy}/vote", data={"choice": "approve"})
    with house.db() as db:
        assert copy not in {one.item_id for one in load_pool(db, the_bank(house)).free}
    assert "%" in house.act("reviewer").get(f"{bank}/twins").text
    opinion = {"verdict": "same_family", "reason": "只是加了一句话"}
    assert house.act("writer").post(f"{bank}/twins/{case.id}", data=opinion).status_code == 403
    assert house.act("reviewer").post(f"{bank}/twins/{case.id}", data=opinion).status_code == 303
    assert house.act("reviewer").post(f"{bank}/twins/{case.id}", data=opinion).status_code == 409
    assert the_case(house).decided_at is None
    assert house.act("reviewer2").post(f"{bank}/twins/{case.id}", data=opinion).status_code == 303
    with house.db() as db:
        assert the_family(db, copy) == the_family(db, item)
        merge = db.exec(select(FamilyMerge)).one()
        assert merge.finding == ""
    listed = house.act("manager").get(f"{bank}/twins").text
    assert "只是加了一句话" in listed
    assert house.act("manager").post(f"{bank}/merges/{merge.id}/undo", data={"reason": "看错了"}).status_code == 303
    with house.db() as db:
        assert the_family(db, copy) != the_family(db, item)
    assert house.act("manager").post(f"{bank}/merges/{merge.id}/undo", data={"reason": "再撤"}).status_code == 409


def the_family(db: Session, item: int) -> int:
    return db.exec(select(Item.family_id).where(Item.id == item)).one()


@pytest.mark.parametrize("verdict", ["different", "variant"])
def test_another_question_may_be_drawn_once_that_is_decided(house: House, bank: str, verdict: str) -> None:
    _item, body = a_choice(house)
    copy = hand_in(house, bank, a_copy(body))
    for name in ("reviewer", "reviewer2"):
        house.act(name).post(f"{bank}/items/{copy}/vote", data={"choice": "approve"})
        house.act(name).post(f"{bank}/twins/{the_case(house).id}", data={"verdict": verdict, "reason": "不同"})
    with house.db() as db:
        assert copy in {one.item_id for one in load_pool(db, db.exec(select(Bank)).one()).free}


def test_quarantine_takes_the_family_and_two_people_lift_it(house: House, bank: str) -> None:
    item, _body = a_choice(house)
    raised = house.act("manager").post(f"{bank}/quarantine", data={"item": str(item), "reason": "群里看到"})
    page = raised.headers["location"]
    with house.db() as db:
        assert db.exec(select(Item.state).where(Item.id == item)).one() == "quarantined"
        assert db.exec(select(Quarantine)).one().items == [[item, "approved"]]
    assert "群里看到" in house.act("supervisor").get(page).text
    assert "群里看到" in house.act("manager").get(f"{bank}/quarantine").text
    assert house.act("manager").post(f"{page}/lift").status_code == 409
    assert house.act("manager").post(f"{page}/ask", data={"reason": "是别的题"}).status_code == 303
    assert house.act("manager").post(f"{page}/lift").status_code == 409
    assert house.act("second").post(f"{page}/lift").status_code == 303
    with house.db() as db:
        assert db.exec(select(Item.state).where(Item.id == item)).one() == "approved"
    assert house.act("second").post(f"{page}/lift").status_code == 409
    assert house.act("stranger").get(page).status_code == 404


def test_serving_code_never_loads_the_index() -> None:
    loaded = "import sys, server.app; print(sorted({'scipy', 'itembank.near', 'server.bank.twin_jobs'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout.strip() == "[]"


def test_two_items_alike_are_one_case_whichever_is_compared_first(house: House, bank: str) -> None:
    item, body = a_choice(house)
    copy = hand_in(house, bank, a_copy(body))
    state = house.app.state
    with transaction(state.dbs) as db:
        bank_id = db.exec(select(Bank.id)).one()
        actor = Actor("person", 1, "x", house.people["manager"].institution_id)
        state.jobs.submit(db, "bank.compare_items", {"bank_id": bank_id, "items": [item, copy]}, actor)
    house.work()
    assert the_case(house).item_id == copy
