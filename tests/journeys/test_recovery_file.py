"""A PC that never reaches the server again: its answers come on a stick, two people decide, and they count in the marks.

Five items of 20 marks; the right answers are those of `tests.grading.world`. Two are saved, three are carried.
"""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from server.clock import FakeClock, wall_clock
from server.db import Databases, reading, transaction
from server.demo.people import House
from server.keyring import Keyring
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting import reading as sittings
from tests import factories
from tests.grading.world import RIGHT
from tests.journeys.candidate import LOOK, Candidate
from tests.journeys.desk import Desk
from tests.journeys.test_marking_and_publishing import statistics, until
from tests.live import LiveServer
from tests.sitting.conftest import make_exam

pytestmark = pytest.mark.browser

LEAD = timedelta(minutes=30)  # `make_exam` puts the start this much after its clock


@pytest.fixture
def exam(data: Path, stored: Databases, house: House) -> int:
    """One candidate; the bell rings in some seconds."""
    clock = FakeClock(wall_clock() - LEAD + timedelta(seconds=8))
    profile = SessionProfile(identity_check=False, earliest_hand_in_ms=0)
    keyring = Keyring.open_folder(data / "keys")
    return make_exam(stored, clock, keyring, profile=profile, entries=1, institution_id=house.institution_id).id


def answer_rightly(page: Page, numbers: range) -> dict[int, list[int]]:
    """Answer these questions, by their numbers on the page; what was chosen, by canonical numbers."""
    chosen = {}
    for number in numbers:
        page.locator("#exam-work .groups .cell").nth(number - 1).click()
        slot, _ids = page.evaluate(LOOK)
        for option in RIGHT[slot]:
            page.locator(f"#exam-work .options input[value='{option}']").check()
        chosen[slot] = RIGHT[slot]
    return chosen


def file_of(page: Page, to: Path) -> bytes:
    page.locator("[data-help]").click()
    with page.expect_download() as waiting:
        page.locator("#help-save").click()
    waiting.value.save_as(to)
    return to.read_bytes()


def hand_in_file(desk: Desk, exam: int, data: bytes) -> Page:
    """The file from the stick, at the desk."""
    page = desk.go(f"/board/{exam}/recovery")
    page.select_option("#entry", "1")
    page.set_input_files("#file", {"name": "3-12.jikao-recovery", "mimeType": "application/octet-stream", "buffer": data})
    desk.press("接收")
    return page


def altered(data: bytes, field: str) -> bytes:
    """The file with one bit of a field changed."""
    envelope = json.loads(data)
    if field == "key":
        envelope["key"] = "0" * len(envelope["key"])
    else:
        content = bytearray(base64.b64decode(envelope[field]))
        content[len(content) // 2] ^= 1
        envelope[field] = base64.b64encode(bytes(content)).decode()
    return json.dumps(envelope).encode()


def refused(page: Page, sentence: str) -> None:
    expect(page.locator(".alert.bad")).to_contain_text(sentence)


def responses(stored: Databases, exam: int) -> dict[int, list[int]]:
    """As marking reads them."""
    with reading(stored) as db:
        [row] = sittings.responses(db, exam)
        return dict(row[2])


def test_answers_come_on_a_stick_and_count(
    server: LiveServer, exam: int, stored: Databases, browser: Browser, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    server.start()
    context = browser.new_context(locale="zh-CN", accept_downloads=True)
    one = Candidate(context, server.url, f"2026{exam:04d}0001", factories.id_number(1)[-6:]).enter().opened()
    saved = answer_rightly(one.page, range(1, 3))
    one.is_saved()
    context.set_offline(True)
    carried = answer_rightly(one.page, range(3, 6))
    expect(one.badge).to_have_attribute("data-state", "offline")
    data = file_of(one.page, tmp_path / "file")
    assert one.errors == []
    context.close()  # the PC is dead: nothing of this is ever sent
    assert responses(stored, exam) == saved

    first, second = desk("invigilator"), desk("officer")
    refused(hand_in_file(first, exam, b"a letter"), "这不是恢复文件")
    refused(hand_in_file(first, exam, altered(data, "sealed")), "文件已损坏或被改动")
    refused(hand_in_file(first, exam, altered(data, "ephemeral")), "文件已损坏或被改动")
    refused(hand_in_file(first, exam, altered(data, "key")), "该恢复文件属于另一套系统")
    page = hand_in_file(first, exam, data)
    expect(page.locator("body")).to_contain_text("项操作已列入待核作答，须由两人决定是否计入")
    refused(hand_in_file(first, exam, data), "没有新内容")
    assert responses(stored, exam) == saved  # one person alone changes nothing

    changes = sum(len(ids) for ids in carried.values())  # each tick of a box is one
    page = first.go(f"/board/{exam}/kept-apart")
    expect(page.locator("section.request tbody tr")).to_have_count(changes)
    page.locator("section.request input[name=reason]").fill("机器断网，恢复文件由监考员带到")
    first.press("提请第二人复核")
    page = second.go(f"/board/{exam}/approvals")
    second.press("作为第二人确认")
    expect(page.locator("body")).to_contain_text("已确认：1 人中完成 1 人。")
    assert responses(stored, exam) == saved | carried == RIGHT
    refused(hand_in_file(first, exam, data), "没有新内容")

    first.go(f"/board/{exam}/act/force?entry=1")
    first.page.fill("#reason", "电脑故障，考试时间已到")
    first.page.locator(".act-actions button").click()
    first.page.locator("[name=confirmed]").click()
    expect(first.page.locator(".alert.ok")).to_be_visible()
    with transaction(stored) as db:  # the twenty minutes of the room are over
        row = db.get_one(ExamSession, exam)
        row.starts_at, row.opened_at = row.starts_at - LEAD, row.starts_at - LEAD
        db.add(row)
    results = desk("results")
    until(results, f"/results/{exam}", ".page-head .badge", "已阅卷")
    assert "100" in " ".join(statistics(results))
