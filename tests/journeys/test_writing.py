"""Writing an item in a browser: what is typed is kept, truly said, there again after a crash; remarks stand by their fields."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from itembank import intake
from itembank.exchange import xlsx
from itembank.tables import Bank
from server.clock import wall_clock
from server.db import Databases, transaction
from server.demo.bank import CONTENT
from server.demo.people import House
from tests.journeys.desk import Desk
from tests.live import LiveServer

pytestmark = pytest.mark.browser

STEM = "验电前应当先在有电设备上试验，目的是（　）。"


@pytest.fixture
def bank(stored: Databases, house: House) -> str:
    """A bank with a content table and no items."""
    tree = xlsx.read_syllabus((CONTENT / "syllabus.xlsx").read_bytes())
    assert not isinstance(tree, list)
    manager, now = house.people["bank"].person_id, wall_clock()
    with transaction(stored) as db:
        table = intake.store_syllabus(db, house.institution_id, tree.syllabus, level=4, by=manager, now=now)
        facts = {"occupation_code": table.occupation_code, "occupation_name": table.occupation_name, "level": 4}
        row = Bank(
            institution_id=house.institution_id,
            code="DG4",
            name="电工四级",
            syllabus_id=table.id,
            created_at=now,
            created_by=manager,
            **facts,
        )
        db.add(row)
        db.flush()
        return f"/bank/{row.id}"


def saving(page: Page, state: str) -> None:
    expect(page.locator("#saving")).to_have_attribute("data-state", state)


def test_what_is_typed_is_kept_and_truly_said(bank: str, server: LiveServer, desk: Callable[..., Desk]) -> None:
    server.start()
    writer = desk("writer")
    page = writer.go(f"{bank}/items/new")
    page.locator("#stem").press_sequentially(STEM[:6])
    saving(page, "kept")
    page.route("**/preview", lambda route: route.abort())
    page.locator("#stem").fill(STEM)
    saving(page, "failed")
    expect(page.locator("#saving")).to_contain_text("没有暂存")
    page.unroute("**/preview")
    saving(page, "kept")  # it tries again by itself
    for number, text in ((1, "以上都是"), (2, "放电"), (3, "接地")):
        page.locator(f"[name=option_{number}]").fill(text)
    expect(page.locator(".option-row").first.locator(".beside.lint").first).to_be_visible()
    saving(page, "kept")
    writer.context.new_page().goto(page.url)  # a second window: both are kept
    second = writer.context.pages[-1]
    expect(second.locator("#stem")).to_have_value(STEM)
    second.locator("#stem").fill("第二个窗口（　）。")
    saving(second, "kept")
    page.locator("#stem").fill(STEM + "为什么？")
    expect(page.locator("#saving .alert")).to_contain_text("另一个窗口")
    saving(page, "kept")
    for one in (page, second):
        one.close()  # as a crash does: nobody asks
    again = writer.context.new_page()
    again.goto(f"{server.url}{bank}/items/new")
    expect(again.locator("#stem")).to_have_value(STEM + "为什么？")
    expect(again.locator("[name=option_1]")).to_have_value("以上都是")
