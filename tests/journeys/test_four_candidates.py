"""Four candidates sit 100 items: one is killed, one cut off, one moved, one closed by time; the server dies once.

At the end the pages' word is compared with the journal: whatever a page called saved is there, and the receipts are the
journals' heads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Playwright, expect
from sqlalchemy import update
from sqlmodel import col, select

from loadtests.seed import PROFILE, Person, seed
from server.clock import wall_clock
from server.db import Databases, reading, transaction
from server.demo.people import PASSWORD
from server.keyring import Keyring
from server.people import add_person
from server.registry.tables import Entry, ExamSession, Room
from server.sitting import reading as sittings
from server.sitting.events import receipt_code
from server.sitting.tables import QuarantinedOperation
from tests.journeys.candidate import Answers, Candidate, KillableBrowser, wait
from tests.journeys.desk import Desk
from tests.live import LiveServer

pytestmark = pytest.mark.browser

ITEMS = 100
DURATION_MS = 60_000
"""Of the one who is closed by time; the others have ten minutes more."""
EXTRA_MS = 600_000
KILLED, CUT_OFF, MOVED, OUT_OF_TIME = 1, 2, 3, 4


@dataclass
class Exam:
    id: int
    people: list[Person]

    def person(self, no: int) -> Person:
        return self.people[no - 1]


@pytest.fixture
def exam(data: Path, stored: Databases) -> Exam:
    """100 items on two forms, sealed and filed; four entries; the chief rings the bell."""
    profile = replace(PROFILE, bell="chief", identity_check=True, grace_ms=1_000)
    now = wall_clock()
    number, people = seed(
        stored,
        Keyring.open_folder(data / "keys"),
        candidates=4,
        items=ITEMS,
        now=now,
        starts_at=now + timedelta(minutes=5),
        duration_ms=DURATION_MS,
        profile=profile,
    )
    with transaction(stored) as db:
        institution = db.exec(select(ExamSession.institution_id)).one()
        db.execute(update(Entry).where(col(Entry.no) != OUT_OF_TIME).values(extra_ms=EXTRA_MS))
        db.execute(update(Room).values(capacity=12, columns=6))
        for login, name, role in (("officer", "郑文斌", "exam_officer"), ("invigilator", "吴晓", "invigilator")):
            add_person(db, institution, login, name, PASSWORD, [role], now)
    return Exam(number, people)


class Board:
    """The live board on the invigilator's screen."""

    def __init__(self, desk: Desk, exam: Exam) -> None:
        self.desk, self.exam = desk, exam
        self.page = desk.go(f"/board/{exam.id}")

    def seat(self, no: int) -> Locator:
        return self.page.locator(f".seat:has(input[value='{no}'])")

    def shows(self, no: int, state: str, done: int | None = None) -> None:
        expect(self.seat(no)).to_have_attribute("data-state", state)
        if done is not None:
            expect(self.seat(no).locator(".seat-done")).to_have_text(f"{done}/{ITEMS}")

    def identity_checked(self) -> None:
        """The whole room at once."""
        self.page.locator("[name=width][value=all]").check(force=True)
        self._act("identity")
        self._finish()

    def move(self, no: int, reason: str) -> None:
        """Take-over: same seat, another PC put there."""
        self.seat(no).locator("label").click()
        self._act("take_over")
        self.page.locator("#act-dialog #reason").fill(reason)
        self._finish()

    def _act(self, act: str) -> None:
        self.page.locator(f".act-buttons [formaction$='/act/{act}']").click()

    def _finish(self) -> None:
        dialog = self.page.locator("#act-dialog")
        dialog.locator("form .act-actions button").click()
        expect(dialog.locator(".alert.ok")).to_be_visible()
        dialog.locator("[data-close]").first.click()


@pytest.fixture
def killable(playwright: Playwright, chromium: str, tmp_path: Path) -> Iterator[KillableBrowser]:
    made = KillableBrowser(playwright, chromium, tmp_path / "profile")
    yield made
    made.close()


def sit_down(browser: Browser, server: LiveServer, who: Person) -> Candidate:
    context = browser.new_context(locale="zh-CN")
    return Candidate(context, server.url, who.admission_no, who.secret).enter()


def test_four_candidates(
    server: LiveServer,
    exam: Exam,
    stored: Databases,
    browser: Browser,
    killable: KillableBrowser,
    desk: Callable[..., Desk],
) -> None:
    server.start()
    first = exam.person(KILLED)
    killed = Candidate(killable.start(), server.url, first.admission_no, first.secret).enter()
    cut_off, moved, late = (sit_down(browser, server, exam.person(no)) for no in (CUT_OFF, MOVED, OUT_OF_TIME))
    everybody = {KILLED: killed, CUT_OFF: cut_off, MOVED: moved, OUT_OF_TIME: late}
    board = Board(desk("invigilator"), exam)
    for no in everybody:
        board.shows(no, "waiting")
    board.identity_checked()
    desk("officer").go(f"/exams/{exam.id}").locator("#open button").click()

    for candidate in everybody.values():
        candidate.opened()
    for no, candidate in everybody.items():
        candidate.answer(1, 6)
        candidate.is_saved()
        board.shows(no, "open", done=6)
    late.context.set_offline(True)  # never comes back in time
    late.answer(7, 9)
    late.is_offline(3)
    cut_off.context.set_offline(True)  # and works on
    cut_off.answer(7, 20, "2")
    cut_off.is_offline(14)

    wait(lambda: killable.cookies_on_disk("jikao_c", "jikao_pc"))
    server.kill()
    killed.answer(7, 16, "2")
    killed.is_offline(10)
    moved.answer(7, 10, "2")
    moved.is_offline(4)
    killable.kill()
    server.start()
    moved.is_saved()
    unsent = killed.chosen
    killed = Candidate(killable.start(), server.url, first.admission_no, first.secret)
    killed.page.goto(f"{server.url}/exam/room")
    killed.opened().counts(16)
    killed.is_saved()
    killed.saved = unsent

    board.move(MOVED, "主机故障，换到备用机")
    expect(moved.page.locator("#stopped-title")).to_have_text("考试已转到另一台电脑")
    elsewhere = sit_down(browser, server, exam.person(MOVED)).opened()
    elsewhere.counts(10)
    elsewhere.saved = moved.saved
    elsewhere.answer(11, 30)
    elsewhere.is_saved()
    killed.answer(17, ITEMS)
    killed.is_saved()
    board.shows(CUT_OFF, "offline")
    cut_off.context.set_offline(False)
    cut_off.is_saved()
    board.shows(CUT_OFF, "open", done=20)

    codes = {KILLED: killed.hand_in(), CUT_OFF: cut_off.hand_in(), MOVED: elsewhere.hand_in()}
    expect(board.seat(OUT_OF_TIME)).to_have_attribute("data-state", "handed_in", timeout=150_000)
    for no, done in {KILLED: ITEMS, CUT_OFF: 20, MOVED: 30, OUT_OF_TIME: 6}.items():
        board.shows(no, "handed_in", done=done)
    late.context.set_offline(False)
    codes[OUT_OF_TIME] = late.receipt("考试时间已到，已自动交卷")
    expect(late.page.locator("#leftovers")).to_contain_text("3")

    pages = {KILLED: killed, CUT_OFF: cut_off, MOVED: elsewhere, OUT_OF_TIME: late}
    compare(stored, exam, {no: page.saved for no, page in pages.items()}, codes)
    for candidate in (*everybody.values(), *pages.values()):
        assert candidate.errors == []


def compare(stored: Databases, exam: Exam, saved: dict[int, Answers], codes: dict[int, str]) -> None:
    """The pages' word against the journal."""
    ends = {KILLED: "submitted", CUT_OFF: "submitted", MOVED: "submitted", OUT_OF_TIME: "timed_out"}
    with reading(stored) as db:
        found = {one.entry_no: one for one in sittings.responses(db, exam.id)}
        for no, claimed in saved.items():
            assert found[no].answers == claimed
            assert found[no].state == ends[no]
            story = sittings.sitting_story(db, exam.id, no)
            assert story is not None
            assert story.chain_problem is None
            assert receipt_code(story.row.head) == codes[no]
        apart = db.exec(select(QuarantinedOperation)).all()
    assert [(one.entry_no, one.admitted_n) for one in apart] == [(OUT_OF_TIME, None)] * 3
