"""Content tables on their pages: out and in again, edited into a new version, and the bank that goes over."""

import re

from sqlmodel import Session, col, select

from itembank.exchange import xlsx
from itembank.syllabus import Syllabus as Tree
from itembank.tables import Bank, Blueprint, Item, Syllabus, Topic
from server.audit.tables import AuditRow
from server.bank.syllabus_view import tree_of
from tests.bank.conftest import CONTENT, House, upload
from tests.bank.papers import make_blueprint, make_papers

FIELD = re.compile(r'name="((?:row|code|name|weight|page|move)\.\d+)" value="([^"]*)"')
CHOICE = re.compile(r'<select name="(importance\.\d+)".*?<option value="(\w)" selected>', re.DOTALL)


def typed(page: str) -> dict[str, str]:
    """The fields of the editor as it is shown."""
    return dict(FIELD.findall(page)) | dict(CHOICE.findall(page))


def line_of(page: str, code: str) -> int:
    """The number of the line whose code field is labelled so."""
    found = re.search(rf'name="code\.(\d+)"[^>]*aria-label="代码 {code}"', page)
    assert found is not None, code
    return int(found[1])


def read(house: House, data: bytes) -> Tree:
    found = xlsx.read_syllabus(data)
    assert isinstance(found, xlsx.ParsedSyllabus)
    return found.syllabus


def test_a_table_comes_back_the_same(house: House) -> None:
    client = house.act("manager")
    original = read(house, (CONTENT / "syllabus.xlsx").read_bytes())
    out = client.get("/bank/syllabus/1/table.xlsx").content
    assert read(house, out) == original
    preview = upload(client, "/bank/syllabus/import", "again.xlsx", out)
    assert client.post(preview).headers["location"] == "/bank/syllabus/2", "where the banks go over"
    with house.db() as db:
        assert tree_of(db, 2) == tree_of(db, 1)
        first, second = (topics(db, number) for number in (1, 2))
    assert first == second
    assert client.get("/bank/syllabus/2/table.xlsx").status_code == 200


def topics(db: Session, syllabus_id: int) -> list[tuple[object, ...]]:
    rows = db.exec(select(Topic).where(Topic.syllabus_id == syllabus_id).order_by(col(Topic.position))).all()
    return [(t.code, t.name, t.depth, t.position, t.is_leaf, t.importance, t.weight, t.ratio, t.page) for t in rows]


def test_an_edit_is_checked_live_and_stored_as_the_next_version(house: House, bank: str) -> None:
    client = house.act("manager")
    page = client.get("/bank/syllabus/1/edit").text
    fields = typed(page)
    assert "电工四级题库" in page
    live = {"hx-request": "true"}
    same = client.post("/bank/syllabus/1/check", data=fields, headers=live).text
    assert "合计无误" in same
    assert "<html" not in same
    weight = line_of(page, "B-C")
    wrong = client.post("/bank/syllabus/1/check", data=fields | {f"weight.{weight}": "16"}, headers=live).text
    assert "80" in wrong
    assert f'href="#line-{weight}"' in wrong
    assert client.post("/bank/syllabus/1/edit", data=fields | {f"weight.{weight}": "16"}).status_code == 422
    assert client.post("/bank/syllabus/1/edit", data=fields).status_code == 409

    leaf = line_of(page, "B-C-C-007")
    changed = fields | {f"name.{leaf}": "伺服电动机", f"importance.{leaf}": "X", f"page.{leaf}": "88"}
    changed |= {f"move.{line_of(page, 'B-C-B-004')}": "B-C-A", f"code.{line_of(page, 'B-C-B-004')}": "009"}
    stored = client.post("/bank/syllabus/1/edit", data=changed)
    assert stored.headers["location"] == "/bank/syllabus/2"
    with house.db() as db:
        assert [t.code for t in db.exec(select(Topic).where(Topic.syllabus_id == 2, Topic.name == "伺服电动机"))] == ["B-C-C-007"]
        assert db.exec(select(Topic.ratio).where(Topic.syllabus_id == 2, Topic.code == "B-C")).one() == "(06:01:00)"
        assert db.exec(select(Bank.syllabus_id)).one() == 1
        detail = db.exec(select(AuditRow.detail).where(AuditRow.verb == "syllabus.edited")).one()
    assert (detail["moved"], detail["altered"]) == (1, 1)
    assert client.get("/bank/syllabus/1/edit").status_code == 409, "only the newest is edited"
    assert client.get("/bank/syllabus/2/edit").status_code == 200


def test_lines_are_added_without_a_script(house: House) -> None:
    client = house.act("manager")
    page = client.get("/bank/syllabus/1/edit").text
    area = line_of(page, "A-A-A")
    added = client.post("/bank/syllabus/1/check", data=typed(page) | {"then": f"leaf.{area}"}).text
    new = line_of(added, "A-A-A-004")
    assert f'name="row.{new}" value="leaf:"' in added
    top = client.post("/bank/syllabus/1/check", data=typed(page) | {"then": "area."}).text
    assert typed(top)[f"row.{line_of(top, 'C')}"] == "1:"
    named = typed(added) | {f"name.{new}": "职业守则", f"importance.{new}": "Y"}
    assert client.post("/bank/syllabus/1/edit", data=named).status_code == 303


def test_a_knowledge_point_with_items_stays(house: House) -> None:
    client = house.act("manager")
    page = client.get("/bank/syllabus/1/edit").text
    leaf = line_of(page, "A-A-A-001")
    assert f'name="drop.{leaf}"' not in page
    refused = client.post("/bank/syllabus/1/edit", data=typed(page) | {f"drop.{leaf}": "1"})
    assert refused.status_code == 422
    assert "不能删除" in refused.text


def test_a_bank_goes_over_and_its_papers_still_add_up(house: House, bank: str) -> None:
    papers = make_papers(house, bank, make_blueprint(house, bank))
    client = house.act("manager")
    before = client.get(papers).text
    page = client.get("/bank/syllabus/1/edit").text
    leaf = line_of(page, "B-D-A-001")
    moved = typed(page) | {f"move.{leaf}": "B-G-A", f"code.{leaf}": "009"}
    client.post("/bank/syllabus/1/edit", data=moved)
    assert f"{bank}/follow/2" in client.get(f"{bank}/coverage").text
    shown = client.get(f"{bank}/follow/2").text
    assert "B-G-A-009" in shown
    assert client.post(f"{bank}/follow/2").status_code == 303
    with house.db() as db:
        new = db.exec(select(Topic).where(Topic.syllabus_id == 2, Topic.code == "B-G-A-009")).one()
        assert db.exec(select(Item).where(Item.topic_id == new.id)).all()
        of_old = select(Item.id).join(Topic, col(Topic.id) == col(Item.topic_id)).where(Topic.syllabus_id == 1)
        assert db.exec(of_old).all() == []
        assert db.exec(select(Blueprint)).one().retired_at is None
        assert db.exec(select(Syllabus.version).order_by(col(Syllabus.version))).all() == [1, 2]
    after = client.get(papers).text
    assert "一致" in after
    assert re.findall(r"<code>(B-D-A-\d+)</code>", before) == re.findall(r"<code>(B-D-A-\d+)</code>", after)
    assert client.post(f"{bank}/follow/2").status_code == 409
    make_papers(house, bank, 1, seed="8")


def test_another_institution_has_no_part_in_it(house: House, bank: str) -> None:
    stranger = house.act("stranger")
    for path in ("/bank/syllabus/1/edit", f"{bank}/follow/1"):
        assert stranger.get(path).status_code == 404
    for path in ("/bank/syllabus/1/edit", "/bank/syllabus/1/check", f"{bank}/follow/1"):
        assert stranger.post(path, data={"row.0": "1:"}).status_code == 404
