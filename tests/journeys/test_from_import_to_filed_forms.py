"""From two spreadsheets to three sealed, filed forms and a scheduled exam session; in English."""

import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from server.clock import wall_clock
from server.db import Databases, transaction
from server.demo import exams, roster
from server.demo.bank import CONTENT
from server.demo.people import House
from server.registry.times import local_input
from tests.journeys.desk import Desk, altered, write_rows
from tests.live import LiveServer

pytestmark = pytest.mark.browser

ITEMS, LEAVES, CANDIDATES = 500, 50, 12


def mistakes(desk: Desk) -> list[list[str]]:
    """The rows of the list of mistakes: row, column with its heading, value."""
    lines = desk.page.locator("table:has(th:text-is('How to mend it')) tbody tr")
    return [[cell.strip() for cell in line.locator("td").all_inner_texts()] for line in lines.all()]


def stat(desk: Desk, name: str) -> Locator:
    return desk.page.locator(".stat", has=desk.page.get_by_text(name, exact=True)).locator("dd")


def import_syllabus(manager: Desk, folder: Path) -> None:
    """A content table whose weights do not add up is refused with the place; the right one is stored."""
    page = manager.go("/bank")
    expect(page.get_by_role("heading", name="No bank yet")).to_be_visible()
    page.get_by_role("link", name="Import a content table").first.click()
    wrong = altered(CONTENT / "syllabus.xlsx", folder / "wrong.xlsx", {"L4": 3.0})  # 职业道德 2 -> 3: makes 6, not 5
    page.set_input_files("#file", wrong)
    manager.press("Read the file")
    expect(page.get_by_role("alert")).to_contain_text("nothing is stored")
    found = mistakes(manager)
    assert [(row, column.split()[0]) for row, column, *_rest in found] == [("4", "H")], found
    assert "add up to 6, not 5" in found[0][3]
    manager.go("/bank")
    expect(page.get_by_role("heading", name="No bank yet")).to_be_visible()
    manager.press("Import a content table")
    page.set_input_files("#file", CONTENT / "syllabus.xlsx")
    manager.press("Read the file")
    expect(page.locator("main")).to_contain_text(f"{LEAVES} knowledge points; everything adds up.")
    manager.press("Store this table")
    expect(page.get_by_role("heading", name="New bank")).to_be_visible()
    page.locator("#code").fill("DG4")
    page.locator("#name").fill("电工四级自建卷库")
    manager.press("Make the bank")
    expect(page.get_by_role("heading", name="This bank is empty")).to_be_visible()


def import_items(manager: Desk, folder: Path) -> str:
    """Two broken rows keep everything out; the whole file waits for a second person. The address of the import."""
    figures = folder / "figures.zip"
    with zipfile.ZipFile(figures, "w") as archive:
        for path in sorted((CONTENT / "figures").iterdir()):
            archive.write(path, path.name)
    broken = altered(CONTENT / "items.xlsx", folder / "broken.xlsx", {"J5": "Z", "B9": "X-X-X-999"})
    page = manager.page
    for file in (broken, CONTENT / "items.xlsx"):
        manager.go("/bank/1/imports")
        page.set_input_files("#file", file)
        page.set_input_files("#figures", figures)
        manager.press("Read the file")
        if file is broken:
            expect(page.get_by_role("heading", name="2 mistakes; nothing is stored")).to_be_visible()
            found = mistakes(manager)
            assert [(row, column.split()[0], value) for row, column, value, *_rest in found] == [
                ("5", "J", "Z"),
                ("9", "B", "X-X-X-999"),
            ]
            manager.go("/bank/1")
            expect(page.get_by_role("heading", name="This bank is empty")).to_be_visible()
    expect(page.get_by_role("heading", name="No mistakes")).to_be_visible()
    expect(stat(manager, "Good items")).to_have_text(str(ITEMS))
    manager.press(f"Store {ITEMS} items")
    page.wait_for_url("**/batches/*")
    expect(page.get_by_role("note")).to_contain_text("You imported these items")
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_have_count(0)
    address = page.url
    refused = page.request.post(f"{address}/approve", form={"note": "looks fine"})
    assert refused.status in (403, 409), refused.status
    page.goto(address)
    expect(page.locator("h1 .badge")).to_have_text("Waiting for a second person")
    return address


def approve(second: Desk, address: str) -> None:
    page = second.page
    page.goto(address)
    boxes = page.get_by_label("Read, and right")
    assert boxes.count() >= 10
    for box in boxes.all()[1:]:
        box.check()
    second.press(f"Approve all {ITEMS} items")
    assert page.url == address  # one is not read yet: the browser does not send the form
    boxes.first.check()
    second.press(f"Approve all {ITEMS} items")
    page.wait_for_url("**/bank/1")
    expect(stat(second, "Approved items")).to_have_text(str(ITEMS))


def see_a_formula(manager: Desk) -> None:
    """The preview shows it typeset, once, with MathML beside it; the list shows it on one line."""
    page = manager.go("/bank/1/items?q=戴维南等效电压")
    expect(page.locator("main")).to_contain_text("等效电阻 R0 分别为")
    page.get_by_role("link", name=re.compile("戴维南等效电压")).click()
    formulas = page.locator(".stem .math")
    expect(formulas).to_have_count(2)
    for formula in formulas.all():
        expect(formula.locator(".katex")).to_have_count(1)
        expect(formula.locator("math")).to_have_count(1)


def store_blueprint(manager: Desk) -> None:
    """The sums follow what is typed, and so does what the bank can give."""
    page = manager.go("/bank/1/papers")
    page.get_by_role("link", name="New blueprint").first.click()
    page.locator("#name").fill("电工四级 20 题")
    sums = page.locator("#sums")
    expect(sums).to_contain_text("adds up")
    single = page.locator('[name="count.single"]')
    single.fill("13")
    expect(sums.locator(".problem").first).to_be_visible()
    expect(sums).to_contain_text("105")  # 13 × 5 + 4 × 6 + 4 × 4
    single.fill("12")
    expect(sums).to_contain_text("adds up")
    verdict, topic = page.locator("#verdict"), page.locator('[name="low.B-D"]')
    expect(verdict).to_contain_text("Nothing speaks against 3 forms")
    expect(page.locator("#share-B-D")).to_have_text("4.00 → 4")
    topic.fill("60")
    expect(verdict).to_contain_text("The bank cannot give 3 such forms")
    expect(page.locator("#need-B-D")).to_contain_text("180 /")
    topic.fill("4")
    expect(verdict).to_contain_text("Nothing speaks against 3 forms")
    manager.press("Store the blueprint")
    expect(page.locator("main")).to_contain_text("电工四级 20 题")


def make_forms(manager: Desk) -> str:
    """Three forms from the child process, side by side; the address of the set."""
    page = manager.go("/bank/1/papers")
    page.locator("[name=title]").fill("第一套")
    page.locator("[name=seed]").fill("7")
    manager.press("Make a paper set")
    page.wait_for_url(re.compile(r"/papers/\d+$"))
    expect(page.locator(".form-card")).to_have_count(3)
    expect(stat(manager, "Items on two forms")).to_have_text("0")
    expect(stat(manager, "Recount")).to_have_text("agrees")
    expect(stat(manager, "Ledger")).to_have_text("60 reserved, 0 used")
    for card in page.locator(".form-card").all():
        figures = card.locator("tbody td").all_inner_texts()
        assert figures[:5] == ["20", "100", "12", "4", "4"], figures
    return page.url


def prepare_exam(officer: Desk, folder: Path) -> None:
    """An exam session for tomorrow with twelve candidates, by form and by roster file."""
    page = officer.go("/exams/new")
    page.locator("[name=plan_id]").select_option(index=1)
    page.locator("[name=title]").fill("电工四级理论知识考试")
    page.locator("[name=starts_at]").fill(local_input(wall_clock() + timedelta(days=1)))
    page.locator("[name=blueprint_id]").select_option(index=1)
    page.get_by_label("一号机房").check()
    officer.press("Save")
    expect(page.locator("h1")).to_contain_text("电工四级理论知识考试")
    people = [one.candidate for one in roster.people(CANDIDATES, 3)]
    rows = [["姓名", "身份证号", "考试类型"], *[[one.name, one.id_number, one.exam_type] for one in people]]
    officer.go("/exams/1/roster")
    page.set_input_files("[name=file]", write_rows(folder / "roster.xlsx", rows))
    officer.press("Check the file")
    officer.press(f"Enter all {CANDIDATES}")
    officer.go("/exams/1")
    page.get_by_label(re.compile("第一套")).check()
    officer.press("Choose this paper set")
    officer.press("Seat everyone")
    expect(stat(officer, "Seated")).to_have_text(str(CANDIDATES))


def may_not_schedule(officer: Desk, reason: str) -> None:
    """The button is dead, the checklist says why, and asking all the same is refused with the same words."""
    page = officer.go("/exams/1")
    expect(page.get_by_role("button", name="Schedule", exact=True)).to_be_disabled()
    line = page.locator(".steps li", has_text="Sealed and filed paper")
    expect(line.locator(".badge")).to_have_text("Missing")
    expect(line).to_contain_text(reason)
    answer = page.request.post(f"{officer.url}/exams/1/schedule")
    assert answer.status == 409
    assert reason in answer.text()


def test_from_import_to_filed_forms(
    server: LiveServer, desk: Callable[..., Desk], house: House, stored: Databases, tmp_path: Path
) -> None:
    with transaction(stored) as db:
        exams.plan(db, house)
    server.start()
    folder = tmp_path / "files"
    folder.mkdir()
    manager, second, officer = desk("bank", "en"), desk("bank2", "en"), desk("officer", "en")
    import_syllabus(manager, folder)
    approve(second, import_items(manager, folder))
    see_a_formula(manager)
    store_blueprint(manager)
    papers = make_forms(manager)
    prepare_exam(officer, folder)
    may_not_schedule(officer, "sealed")

    manager.page.goto(papers)
    expect(manager.page.get_by_role("button", name="Seal all forms")).to_be_disabled()
    for name in ("苏敏", "叶青"):
        manager.page.get_by_label(name).check()
    manager.press("Name them and ask for their review")
    for login in ("reviewer", "expert"):
        read_and_approve(desk(login, "en"))
    manager.page.goto(papers)
    for label in "ABC":
        expect(manager.page.locator(f"#form-{label} .badge").first).to_have_text("Reviewed by experts")
    manager.press("Seal all forms")
    page = manager.page
    for label in "AB":
        file(page.locator(f"#form-{label}"), f"ZJ-2026-017-{label}")
    may_not_schedule(officer, "no filing number")
    file(page.locator("#form-C"), "ZJ-2026-017-C")

    page = officer.go("/exams/1")
    expect(page.locator(".steps li", has_text="Sealed and filed paper").locator(".badge")).to_have_text("Done")
    officer.press("Schedule")
    expect(page.locator("h1 .badge")).to_have_text("Scheduled")


def read_and_approve(expert: Desk) -> None:
    """The expert finds three forms, reads each with the keys beside the questions, remarks and approves."""
    for left in (3, 2, 1):
        page = expert.go("/bank/1/reviews")
        waiting = page.locator("#forms + ul li")
        expect(waiting).to_have_count(left)
        waiting.first.get_by_role("link").click()
        expect(page.locator(".exam-preview")).to_have_count(20)
        expect(page.locator("#q1 dd").first).not_to_be_empty()
        page.get_by_label("Remark on question 1", exact=True).fill("Clear.")
        expert.press("Approve the form")
        expect(page.get_by_role("status")).to_contain_text("Your vote is recorded")


def file(form: Locator, number: str) -> None:
    form.get_by_label("Filing number").fill(number)
    form.get_by_label("Authority").fill("District skills evaluation centre")
    form.get_by_role("button", name="Enter the filing number").click()
    expect(form.locator(".badge").first).to_have_text("Filed")
    expect(form).to_contain_text(number)
