"""Items leave the bank by two people only, marked, for a day, to the person who asked; and never what a form holds."""

import io
import zipfile
from datetime import timedelta

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import update
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, select

from itembank.exchange.files import FileOfItems, read_file
from itembank.exchange.item_row import ImportedItem
from itembank.tables import Item, ItemVersion, LedgerEntry
from server.audit.tables import AuditRow
from server.auth.tables import StaffSession
from server.bank import item_exports
from server.bank.export_rules import DECIDE_WITHIN, KEPT_FOR
from server.bank.export_tables import ItemExport, ItemExportFile
from server.clock import FakeClock
from server.db import transaction
from server.jobs import Job
from tests.bank.conftest import House
from tests.bank.papers import make_blueprint, make_papers

REASON = "送市中心备案复核"


def asked(house: House, bank: str, who: str = "manager", **wish: str) -> str:
    answer = house.act(who).post(f"{bank}/exports", data={"reason": REASON, **wish})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def agreed(house: House, bank: str, **wish: str) -> str:
    page = asked(house, bank, **wish)
    assert house.act("second").post(f"{page}/decide", data={"decision": "agree"}).status_code == 303
    house.work()
    return page


def taken(house: House, page: str) -> tuple[str, bytes]:
    answer = house.act("manager").get(f"{page}/file")
    assert answer.status_code == 200, answer.text
    return str(answer.headers["content-disposition"]).rpartition("''")[2], answer.content


def items_of(name: str, data: bytes) -> list[ImportedItem]:
    found = read_file(FileOfItems(name, data)).found
    assert found.refused == ()
    return list(found.items)


def verbs(house: House) -> list[str]:
    with house.db() as db:
        found = db.exec(select(AuditRow.verb).where(AuditRow.subject == "item_export:1").order_by(AuditRow.id))
        return [verb.removeprefix("items.export_") for verb in found]


@pytest.mark.parametrize("code", ["xlsx", "qti_package", "moodle", "gift"])
def test_asked_agreed_made_taken_and_read_back(house: House, bank: str, code: str) -> None:
    page = agreed(house, bank, format=code, keys="1", topic="A-A", state="approved")
    name, data = taken(house, page)
    items = items_of(name, data)
    with house.db() as db:
        row = db.exec(select(ItemExport)).one()
        versions = db.exec(select(ItemVersion).where(ItemVersion.id.in_(row.versions)).order_by(ItemVersion.item_id)).all()
    assert len(items) == row.item_count == len(versions) > 5
    by_number = {int(item.reference): item for item in items}
    for version in versions:
        item = by_number[version.item_id]
        assert item.body.model_dump(mode="json") == version.body
        assert (item.difficulty, item.source, item.topic_code[:3]) == (version.difficulty, version.source_clause, "A-A")
    assert verbs(house) == ["asked", "agreed", "made", "taken"]


def text_of(name: str, data: bytes) -> str:
    """Everything in the file that can be read."""
    if not data.startswith(b"PK"):
        return data.decode()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inner = [(part, archive.read(part)) for part in archive.namelist()]
    return "".join(text_of(part, content) if not part.startswith(("figures/", "media/")) else "" for part, content in inner)


@pytest.mark.parametrize("code", ["xlsx", "qti_package", "moodle", "gift"])
def test_the_file_says_who_asked_who_agreed_when_and_why(house: House, bank: str, code: str) -> None:
    name, data = taken(house, agreed(house, bank, format=code, topic="A-A-A-001"))
    text = text_of(name, data)
    with house.db() as db:
        row = db.exec(select(ItemExport)).one()
        people = dict(db.exec(select(AuditRow.verb, AuditRow.actor_name).where(AuditRow.subject == "item_export:1")).all())
    for word in (REASON, people["items.export_asked"], people["items.export_agreed"], "2026-"):
        assert word in text
    if code == "xlsx":
        rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
        assert [cells[-1].partition(" ")[0] for cells in rows] == ["导出标记", *["导出第1号"] * row.item_count]
    else:
        assert text.count("导出第1号") >= row.item_count, "beside every item"


def test_without_keys_no_key_and_no_explanation_leaves(house: House, bank: str) -> None:
    shown = house.act("manager").get(f"{bank}/exports?format=gift").text
    assert "不能记载没有答案的这种试题" in shown
    assert "答案和解析不在文件中" in shown
    _name, data = taken(house, agreed(house, bank, format="moodle", kind="single"))
    assert b'fraction="100"' not in data
    text = text_of(*taken(house, _second(house, bank)))
    assert "正确" not in text.replace("正确的", "")


def _second(house: House, bank: str) -> str:
    page = asked(house, bank, format="xlsx", kind="single", topic="A-A-A-001")
    house.act("second").post(f"{page}/decide", data={"decision": "agree"})
    house.work()
    return page


def test_one_person_alone_gets_nothing(house: House, bank: str) -> None:
    page = asked(house, bank)
    client = house.act("manager")
    assert "须由第二人决定" in client.get(page).text
    refused = client.post(f"{page}/decide", data={"decision": "agree"})
    assert refused.status_code == 409
    assert client.get(f"{page}/file").status_code == 409
    assert client.get(f"{bank}/items.xlsx").status_code == 404, "the way of one person is gone"
    house.work()
    with house.db() as db:
        assert db.exec(select(ItemExportFile)).all() == []


def test_only_whoever_asked_takes_the_file(house: House, bank: str) -> None:
    page = agreed(house, bank, topic="A-A-A-001")
    assert house.act("second").get(f"{page}/file").status_code == 403
    assert "只有" in house.act("second").get(page).text
    assert house.act("manager").get(f"{page}/file").status_code == 200
    assert verbs(house).count("taken") == 1


@pytest.mark.parametrize("who", ["writer", "reviewer", "supervisor"])
def test_other_roles_have_no_part_in_it(house: House, bank: str, who: str) -> None:
    page = asked(house, bank)
    client = house.act(who)
    assert client.get(f"{bank}/exports").status_code == 403
    assert client.get(page).status_code == 403
    assert client.post(f"{page}/decide", data={"decision": "agree"}).status_code == 403


def test_a_reason_is_needed_and_what_was_typed_stays(house: House, bank: str) -> None:
    answer = house.act("manager").post(f"{bank}/exports", data={"reason": " \n ", "format": "moodle", "kind": "single"})
    assert answer.status_code == 422
    assert "请说明理由" in answer.text or "problem-reason" in answer.text
    assert '<option value="moodle" selected>' in answer.text
    nothing = house.act("manager").post(f"{bank}/exports", data={"reason": REASON, "q": "no such words"})
    assert nothing.status_code == 409
    assert "没有可以导出的试题" in nothing.text


def test_refused_taken_back_and_decided_twice(house: House, bank: str) -> None:
    first, second = asked(house, bank), asked(house, bank)
    assert house.act("second").post(f"{first}/decide", data={"decision": "maybe"}).status_code == 422
    house.act("second").post(f"{first}/decide", data={"decision": "refuse", "note": "事由不足"})
    assert "事由不足" in house.act("manager").get(first).text
    assert house.act("second").post(f"{first}/decide", data={"decision": "agree"}).status_code == 409
    assert house.act("second").post(f"{second}/take-back").status_code == 403
    assert house.act("manager").post(f"{second}/take-back").status_code == 303
    assert house.act("second").post(f"{second}/decide", data={"decision": "agree"}).status_code == 409
    house.work()
    with house.db() as db:
        assert db.exec(select(ItemExportFile)).all() == []


def test_a_request_lapses_and_a_file_is_forgotten(house: House, bank: str, clock: FakeClock) -> None:
    old, page = asked(house, bank), agreed(house, bank, topic="A-A-A-001")
    later(house, clock, KEPT_FOR - timedelta(seconds=1))
    item_exports.forget_over(house.app.state.dbs, clock.now())
    assert house.act("manager").get(f"{page}/file").status_code == 200
    later(house, clock, timedelta(seconds=1))
    assert house.act("manager").get(f"{page}/file").status_code == 409
    item_exports.forget_over(house.app.state.dbs, clock.now())
    with house.db() as db:
        file = db.exec(select(ItemExportFile)).one()
    assert file.ciphertext is None
    assert len(file.sha256) == 64
    later(house, clock, DECIDE_WITHIN)
    assert "逾期未决" in house.act("second").get(old).text
    assert house.act("second").post(f"{old}/decide", data={"decision": "agree"}).status_code == 409


def later(house: House, clock: FakeClock, passed: timedelta) -> None:
    """Time passes, and everybody has signed in again."""
    clock.advance(passed.total_seconds())
    with transaction(house.app.state.dbs) as db:
        db.execute(update(StaffSession).values(expires_at=clock.now() + timedelta(hours=8)))


def test_what_a_form_holds_does_not_leave(house: House, bank: str) -> None:
    early = asked(house, bank, format="moodle", keys="1")
    make_papers(house, bank, make_blueprint(house, bank))
    with house.db() as db:
        held = exports_held(db)
        all_items = len(db.exec(select(Item.id)).all())
    assert held
    shown = house.act("manager").get(f"{bank}/exports").text
    assert f"{len(held)} 道试题在尚未启用的卷面中" in shown
    house.act("second").post(f"{early}/decide", data={"decision": "agree"})
    house.work()
    name, data = taken(house, early)
    numbers = {int(item.reference) for item in items_of(name, data)}
    assert numbers & held == set()
    assert len(numbers) == all_items - len(held)
    with house.db() as db:
        result = db.exec(select(ItemExportFile.result)).one()
    assert result is not None
    assert result["left_out"] == len(held)
    late = asked(house, bank, format="moodle", keys="1")
    with house.db() as db:
        row = db.exec(select(ItemExport).where(ItemExport.id == int(late.rpartition("/")[2]))).one()
    assert row.item_count == all_items - len(held)


def exports_held(db: Session) -> set[int]:
    families = select(LedgerEntry.family_id).where(LedgerEntry.ended_at.is_(None), LedgerEntry.burned_at.is_(None))
    return set(db.exec(select(Item.id).where(Item.family_id.in_(families))))


def test_nobody_gets_more_than_was_shown(house: House, bank: str) -> None:
    page = asked(house, bank, format="moodle", topic="A-A-A-001", keys="1")
    with house.db() as db:
        before = db.exec(select(ItemExport.item_count)).one()
    house.act("writer").post(
        f"{bank}/items",
        data={
            "kind": "true_false",
            "topic": "A-A-A-001",
            "stem": "值班电工可以酒后上岗作业。",
            "correct": "2",
            "difficulty": "2",
        },
    )
    house.act("second").post(f"{page}/decide", data={"decision": "agree"})
    house.work()
    assert len(items_of(*taken(house, page))) == before


def test_figures_lie_beside_what_cannot_hold_them_and_come_back(house: House, bank: str) -> None:
    with house.db() as db:
        bodies = db.exec(select(ItemVersion.item_id, ItemVersion.body)).all()
    item = next(number for number, body in bodies if "media:" in str(body))
    for code, end in (("xlsx", ".zip"), ("gift", ".zip"), ("qti_package", ".zip"), ("moodle", ".xml")):
        page = asked(house, bank, format=code, q=f"#{item}", keys="1")
        house.act("second").post(f"{page}/decide", data={"decision": "agree"})
        house.work()
        name, data = taken(house, page)
        assert name.endswith(end)
        found = read_file(FileOfItems(name, data)).found
        assert found.refused == ()
        assert {digest for one in found.items for digest in one.body.media} == set(found.figures) != set()


def test_a_making_that_failed_can_be_made_again(house: House, bank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = asked(house, bank, format="xlsx", topic="A-A-A-001")
    with monkeypatch.context() as patch:
        patch.setattr("server.bank.export_jobs.losses", lambda *_args: 1 / 0)
        house.act("second").post(f"{page}/decide", data={"decision": "agree"})
        house.work()
    assert "生成失败" in house.act("manager").get(page).text
    assert house.act("second").post(f"{page}/again").status_code == 403
    assert house.act("manager").post(f"{page}/again").status_code == 303
    assert "正在生成文件" in house.act("manager").get(page).text
    house.work()
    assert house.act("manager").get(f"{page}/file").status_code == 200
    assert house.act("manager").post(f"{page}/again").status_code == 409


def test_the_file_is_sealed_at_rest_and_requests_cannot_be_rewritten(house: House, bank: str) -> None:
    agreed(house, bank, format="gift", topic="A-A-A-001", keys="1")
    with house.db() as db:
        file = db.exec(select(ItemExportFile)).one()
        assert db.exec(select(Job).where(Job.kind == "bank.make_export")).one().result == {"items": file.result["items"]}
    assert file.ciphertext is not None
    assert "导出".encode() not in file.ciphertext
    for change in ({"reason": "x"}, {"agreed": False}, {"item_count": 1}, {"versions": []}):
        with pytest.raises(DatabaseError, match="append-only"), transaction(house.app.state.dbs) as db:
            db.execute(update(ItemExport).values(**change))


def test_the_preview_swaps_alone_and_another_institution_finds_nothing(house: House, bank: str) -> None:
    page = asked(house, bank)
    fragment = house.act("manager").get(f"{bank}/exports?kind=single&format=gift", headers={"hx-request": "true"}).text
    assert "<html" not in fragment
    assert 'id="preview"' in fragment
    stranger = house.act("stranger")
    for path in (f"{bank}/exports", page, f"{page}/file"):
        assert stranger.get(path).status_code == 404
    for path in (f"{bank}/exports", f"{page}/decide", f"{page}/take-back", f"{page}/again"):
        assert stranger.post(path, data={"reason": "x", "decision": "agree"}).status_code == 404


def test_the_bank_s_home_tells_the_second_person(house: House, bank: str) -> None:
    asked(house, bank)
    assert "待第二人决定的导出" in house.act("second").get(bank).text
    assert "待第二人决定的导出" not in house.act("writer").get(bank).text
