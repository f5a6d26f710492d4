"""From an empty house to sealed, filed forms, all through the pages."""

from sqlmodel import select

from itembank import ledger, papers
from itembank.tables import Form, LedgerEntry, PaperSet
from server.audit.tables import AuditRow
from tests.bank.conftest import House, approve, import_items, make_bank
from tests.bank.papers import forms_of, make_blueprint, make_papers, seal


def test_import_to_sealed_and_filed_forms(empty_house: House) -> None:
    house = empty_house
    bank_id = make_bank(house)
    bank = f"/bank/{bank_id}"
    batch = import_items(house, bank_id)
    assert "题库还没有试题" in house.act("manager").get(bank).text, "a staged import shows nowhere"
    approve(house, bank_id, batch)
    assert ">500<" in house.act("manager").get(bank).text

    set_page = make_papers(house, bank, make_blueprint(house, bank))
    shown = house.act("manager").get(set_page).text
    assert "一致" in shown
    assert "随机种子 7" in shown
    seal(house, set_page)
    for n, form_id in enumerate(forms_of(house, set_page)):
        filing = {"number": f"浙备 2026-{n}", "filed_on": "2026-11-20", "authority": "省职业技能评价中心", "answer": "accepted"}
        assert house.act("manager").post(f"{set_page}/forms/{form_id}/file", data=filing).status_code == 303

    with house.db() as db:
        row = db.exec(select(PaperSet)).one()
        assert papers.paper_set_ready(db, row.id) == []
        forms = db.exec(select(Form)).all()
        assert [form.state for form in forms] == ["filed"] * 3
        packages = [papers.public_package(db, form.id, house.app.state.keyring) for form in forms]
        assert [len(package.items) for package in packages] == [20, 20, 20]
        assert len(db.exec(select(LedgerEntry.family_id)).all()) == 60
        assert ledger.audit(db) == []
        verbs = set(db.exec(select(AuditRow.verb)).all())
    assert {"syllabus.imported", "bank.created", "items.staged", "import.approved", "papers.made", "papers.sealed"} <= verbs
    assert "form.filed" in verbs
    assert "浙备 2026-0" in house.act("supervisor").get(set_page).text


def test_the_same_seed_gives_the_same_forms(house: House, bank: str) -> None:
    blueprint = make_blueprint(house, bank)
    first = make_papers(house, bank, blueprint)
    with house.db() as db:
        before = set(db.exec(select(LedgerEntry.item_id)).all())
    house.act("manager").post(f"{first}/withdraw", data={"reason": "试组"})
    house.act("second").post(f"{first}/withdraw/decide", data={"decision": "agree"})
    make_papers(house, bank, blueprint)
    with house.db() as db:
        now = set(db.exec(select(LedgerEntry.item_id).where(LedgerEntry.end_kind == None)).all())  # noqa: E711
    assert now == before
