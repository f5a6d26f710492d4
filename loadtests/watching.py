"""The live board in a real browser while candidates work: how long an acknowledged answer takes to its tile on the screen."""

import contextlib
import re
import secrets
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page, sync_playwright
from sqlmodel import select

from server import people
from server.db import connect, transaction
from server.registry.tables import Entry, ExamSession
from tests.live import chromium

OBSERVE = """() => {
  window.seen = [];
  const look = new MutationObserver((records) => {
    const at = Date.now();
    for (const seat of new Set(records.map((record) => record.target.parentElement?.closest(".seat")).filter(Boolean))) {
      window.seen.push([seat.dataset.key, seat.querySelector(".seat-done").textContent, at]);
    }
  });
  const parts = { childList: true, characterData: true, subtree: true };
  for (const node of document.querySelectorAll(".seat-done")) look.observe(node, parts);
  return document.querySelectorAll(".seat").length;
}"""


@contextlib.contextmanager
def board(url: str, port: int, seats: int) -> Iterator[Page]:
    """The board of the (only) exam session, watched by an invigilator; every change of a tile's count is noted."""
    login, password = f"watch{secrets.token_hex(3)}", secrets.token_urlsafe(12)
    dbs = connect(url)
    with transaction(dbs) as db:
        exam = db.exec(select(ExamSession)).one()
        number = exam.id
        people.add_person(db, exam.institution_id, login, "巡考", password, ["invigilator"], datetime.now(UTC))
    dbs.dispose()
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            page.goto(f"http://127.0.0.1:{port}/sign-in")
            page.fill("input[name=login]", login)
            page.fill("input[name=password]", password)
            page.press("input[name=password]", "Enter")
            page.wait_for_url(re.compile(r"^(?!.*sign-in)"))
            page.goto(f"http://127.0.0.1:{port}/board/{number}")
            shown = page.evaluate(OBSERVE)
            if shown < seats:
                raise RuntimeError(f"the board shows {shown} seats, not {seats}")
            yield page
        finally:
            browser.close()


def seat_keys(url: str) -> dict[int, str]:
    """Entry number -> key of its tile."""
    dbs = connect(url)
    with transaction(dbs) as db:
        rows = db.exec(select(Entry.no, Entry.room_id, Entry.seat_no)).all()
    dbs.dispose()
    return {no: f"{room}-{seat}" for no, room, seat in rows}


def delays(
    shown: list[tuple[int, int, float]], seen: list[list[Any]], keys: dict[int, str], until: float
) -> tuple[list[float], int]:
    """Seconds from each acknowledged count to the tile that shows it (or a later one), and how many never came.

    Counts acknowledged after `until` are left out: their tiles may not have had the time.
    """
    painted: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for key, text, at in seen:
        painted[key].append((at / 1000, int(text.partition("/")[0] or 0)))
    found, missing = [], 0
    for entry, answered, at in shown:
        if at > until:
            continue
        times = [when for when, count in painted[keys[entry]] if count >= answered]
        if times:
            found.append(max(0.0, min(times) - at))
        else:
            missing += 1
    return found, missing
