"""An exam session with known answers: marked by itself, a key corrected, published; every figure computed by hand.

Five items of 20 marks each on two forms; keys 1, 1, 1, 1+3, 1. Form A is sat by four groups of eight:

    group  entries   items right   total   total with key 2 for item 3
    G1      1 -  8   1 2 3 4 5     100     80   (loses item 3)
    G2      9 - 16   1 2     5      60     80   (chose 2 in item 3: wins it)
    G3     17 - 24   1 2            40     60   (likewise: and passes)
    G4     25 - 32   1              20     20   (left it blank)

Form B: 33 has all right (100), 34 items 1-3 and was closed by time (60), 37 handed in nothing (0); 35 was absent, 36 voided.
"""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import update
from sqlmodel import col

from server.clock import FakeClock, wall_clock
from server.db import Databases, transaction
from server.demo.people import House
from server.keyring import Keyring
from server.registry.tables import ExamSession
from server.sitting.commands import Admit
from server.sitting.store import store_for
from server.sitting.writer import Writer
from tests.grading import world
from tests.grading.world import RIGHT
from tests.journeys.desk import Desk, rows_of
from tests.live import LiveServer

pytestmark = pytest.mark.browser

G1 = RIGHT
G2 = {1: [1], 2: [1], 3: [2], 4: [1], 5: [1]}
G3 = {1: [1], 2: [1], 3: [2], 4: [1, 2], 5: [2]}
G4 = {1: [1]}
ANSWERS = {
    **{no: ("A", (G1, G2, G3, G4)[(no - 1) // 8], "submitted") for no in range(1, 33)},
    33: ("B", RIGHT, "submitted"),
    34: ("B", {1: [1], 2: [1], 3: [1]}, "timed_out"),
    35: ("B", {}, "absent"),
    36: ("B", RIGHT, "voided"),
    37: ("B", {}, "forced"),
}
FORM_B = {33: 100, 34: 60, 35: "缺考", 36: "违纪作废", 37: 0}
TOTALS = {**{no: (100, 60, 40, 20)[(no - 1) // 8] for no in range(1, 33)}, **FORM_B}
CORRECTED = {**{no: (80, 80, 60, 20)[(no - 1) // 8] for no in range(1, 33)}, **FORM_B}

FIGURES = {
    # p = mean of x; item-total = cov(x, rest) / sqrt(var x · var rest), rest = total without the item, by group:
    1: ("1.00", "全部相同"),  # everybody has it
    2: ("0.75", "0.47"),  # rest 80 40 20 20: cov (80+40+20)/4 - .75·40 = 5; var rest 2200 - 1600 = 600; 5/sqrt(.1875·600)
    3: ("0.25", "0.77"),  # rest 80 60 40 20: cov 80/4 - .25·50 = 7.5; var rest 3000 - 2500 = 500; 7.5/sqrt(.1875·500)
    4: ("0.25", "0.77"),  # the same people
    5: ("0.50", "0.69"),  # rest 80 40 40 20: cov (80+40)/4 - .5·45 = 7.5; var rest 2500 - 2025 = 475; 7.5/sqrt(.25·475)
}
FIGURE_3_CORRECTED = ("0.50", "0.00")  # G2, G3 have it; rest 80 60 40 20: cov (60+40)/4 - .5·50 = 0


@pytest.fixture
def exam(data: Path, stored: Databases, house: House) -> int:
    """Sat and over an hour ago, by the journals; the exam session itself still stands open: the server will find it."""
    clock = FakeClock(wall_clock() - timedelta(hours=1))
    bell = clock.now()
    keyring = Keyring.open_folder(data / "keys")
    made = world.build(stored, clock, keyring, answers=ANSWERS, institution_id=house.institution_id, state="open")
    writer = Writer(store_for(stored.write), clock)
    writer.start()
    admit = Admit(
        made.exam_session_id, 35, institution_id=house.institution_id, room_id=made.place.room_id, form_id=made.forms["B"]
    )
    assert writer.do(admit).ok
    assert writer.stop()
    with transaction(stored) as db:
        db.execute(update(ExamSession).where(col(ExamSession.id) == made.exam_session_id).values(opened_at=bell))
    return made.exam_session_id


def until(desk: Desk, path: str, selector: str, text: str) -> None:
    """Load the page again until it says so: the work is done in the background, within seconds."""
    end = time.monotonic() + 120
    while True:
        desk.go(path)
        found = desk.page.locator(selector)
        if found.count() and text in found.first.inner_text():
            return
        assert time.monotonic() < end, f"{path} never said {text}"
        time.sleep(0.5)


def statistics(desk: Desk) -> list[str]:
    return desk.page.locator(".stats .stat").all_inner_texts()


def figures(desk: Desk, path: str, slot: int) -> tuple[str, str]:
    cells = desk.go(path).locator(f"#slot-{slot} > td").all_inner_texts()
    return cells[3].strip(), cells[4].strip()


def test_marking_and_publishing(server: LiveServer, exam: int, desk: Callable[..., Desk], tmp_path: Path) -> None:
    server.start()
    base = f"/results/{exam}"
    first, second = desk("results"), desk("results2")
    until(first, base, ".page-head .badge", "已阅卷")
    # 37 entries: 1 absent, 1 voided, 35 marked. Form A 8·(100+60+40+20) = 1760, form B 160: mean 1920/35 = 54.857
    # passed: G1 and G2 (16), 33 and 34: 18 of 35 = 51.43 %
    shown = " ".join(statistics(first))
    for fact in ("37", "36", "51.43%", "18", "35", "54.86"):
        assert fact in shown, (fact, shown)
    until(first, f"{base}/items?form=A", "#slot-1", "")
    for slot, expected in FIGURES.items():
        assert figures(first, f"{base}/items?form=A", slot) == expected
    for slot in range(1, 6):
        assert figures(first, f"{base}/items?form=B", slot)[1] == "人数不足：3／30"  # 35 and 36 are not in it
    assert summary(first, exam) == TOTALS

    correct_the_key(first, second, base)
    until(first, f"{base}/corrections/1", ".lead", "24")
    # form A 8·(80+80+60+20) = 1920, form B 160: mean 2080/35 = 59.43; passed 24 + 2 of 35 = 74.29 %
    first.go(base)
    shown = " ".join(statistics(first))
    for fact in ("74.29%", "26", "59.43"):
        assert fact in shown, (fact, shown)
    until(first, f"{base}/items?form=A", "#slot-3", "0.50")
    assert figures(first, f"{base}/items?form=A", 3) == FIGURE_3_CORRECTED

    stranger = desk()
    assert stranger.page.request.get(f"{server.url}/public{base}").status == 404
    publish(first, second, base)
    public_list(stranger, exam)
    assert summary(first, exam) == CORRECTED
    printed(first, exam, tmp_path)


def correct_the_key(first: Desk, second: Desk, base: str) -> None:
    """Item 3 of form A: 2 is right. One proposes and sees who changes, another approves."""
    page = first.go(f"{base}/items?form=A")
    page.locator("#slot-3 a").click()
    page.locator("[name=correct][value='2']").check()
    page.locator("[name=reason]").fill("GB/T 1 第 3 条：乙项正确，原答案录入有误。")
    page.locator("form[action$=preview] button").click()
    changed = page.locator(".preview tbody tr")
    expect(changed).to_have_count(24)  # G1, G2, G3
    expect(page.locator(".preview tbody tr.flips")).to_have_count(8)  # G3 passes
    lines = [line.locator("td").all_inner_texts() for line in changed.all()]
    assert Counter((line[3], line[4]) for line in lines) == {("100", "80"): 8, ("60", "80"): 8, ("40", "60"): 8}
    page.locator("form[action$=corrections] button.primary").click()
    first.go(f"{base}/corrections/1")
    expect(page.locator("[name=verdict]")).to_have_count(1)  # only to withdraw it
    other = second.go(f"{base}/corrections/1")
    expect(other.locator("tbody tr")).to_have_count(24)
    other.locator("[name=verdict][value=approved]").click()


def publish(first: Desk, second: Desk, base: str) -> None:
    page = first.go(f"{base}/publish")
    page.locator("[name=contact]").fill("评价中心 0575-00000000")
    page.locator("form[action$=publish] button.primary").click()
    first.go(f"{base}/publish")
    expect(page.locator("[name=verdict][value=approved]")).to_have_count(0)
    other = second.go(f"{base}/publish")
    other.locator("[name=verdict][value=approved]").click()
    expect(second.go(base).locator(".page-head .badge")).to_have_text("已公示")


def public_list(stranger: Desk, exam: int) -> None:
    """Without a sign-in: totals and outcomes, no whole name or number."""
    page = stranger.go("/public/results")
    page.locator("main table a").click()
    lines = [line.locator("td").all_inner_texts() for line in page.locator("main tbody tr").all()]
    assert len(lines) == 37
    by_number = {line[1][-4:]: line for line in lines}
    for no, total in CORRECTED.items():
        _index, number, name, shown, outcome = by_number[f"{no:04d}"]
        assert "*" in number
        assert "*" in name
        if isinstance(total, int):
            assert (shown, outcome) == (str(total), "合格" if total >= 60 else "不合格")
        else:
            assert (shown, outcome) == ("–", {"缺考": "缺考", "违纪作废": "已作废"}[str(total)])
    text = page.content()
    assert f"2026{exam:04d}0001" not in text
    assert "考生12" not in text


def summary(desk: Desk, exam: int) -> dict[int, int | str]:
    """成绩汇总表 as XLSX: entry -> total, or the word that stands in its place."""
    answer = desk.page.request.get(f"{desk.url}/results/{exam}/summary.xlsx")
    assert answer.status == 200
    rows = rows_of(answer.body())
    at = next(number for number, row in enumerate(rows) if row[0] == "序号")
    head = rows[at]
    assert head[:10] == [
        "序号", "姓名", "性别", "申报职业（工种）", "评价等级", "理论情况", "理论成绩", "技能情况", "技能成绩", "业绩评审成绩"
    ]  # fmt: skip
    found: dict[int, int | str] = {}
    for row in rows[at + 1 : at + 38]:
        no = int(str(row[head.index("准考证号")])[-4:])
        assert row[1] == f"考生{no}"
        outcome, total = str(row[5]), row[6]
        assert (total == "") == (outcome in ("缺考", "违纪作废"))
        found[no] = outcome if total == "" else int(float(str(total)))
        if isinstance(found[no], int):
            assert outcome == ("合格" if int(found[no]) >= 60 else "不合格")
    return found


def printed(desk: Desk, exam: int, folder: Path) -> None:
    """成绩汇总表 as PDF, read back by pdftotext."""
    answer = desk.page.request.get(f"{desk.url}/records/{exam}/score-summary.pdf")
    assert answer.status == 200
    path = folder / "summary.pdf"
    path.write_bytes(answer.body())
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True, text=True).stdout
    lines = {int(no): rest.split() for no, rest in re.findall(r"^ *\d+ +考生 ?(\d+) +[男女] +(.*)$", text, re.MULTILINE)}
    assert sorted(lines) == sorted(CORRECTED)
    for no, total in CORRECTED.items():
        cells = lines[no]
        if isinstance(total, int):
            assert cells[-2:] == ["合格" if total >= 60 else "不合格", str(total)]
        else:
            assert cells[-1] == total
    assert "成绩汇总表" in text
    assert "尚未公布" not in text
