"""What a bad day brings to the demo's desk, for pictures and the accessibility check: an outage, late answers, a wrong clock.

`python -m tests.trouble COMMAND …` is `jikao` on a machine whose wall clock is off by the seconds in the file `wall-step` of
the data folder, so that the page of clocks can be seen when they disagree.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlmodel import col, insert, select

from server.db import Databases, connect, transaction
from server.demo import candidates
from server.settings import Settings
from server.sitting import outages
from server.sitting.sql import digest_of
from server.sitting.tables import QuarantinedOperation, SittingRow

EXAM = 2
"""The demo's exam session that is under way."""
AWAY_S = 95
KEPT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fenced", {"item": 3, "value": [2]}),
    ("fenced", {"item": 7, "value": [1]}),
    ("fork", {"item": 11, "value": []}),
    ("carried", {"item": 12, "flag": True}),
)


def bring(data_dir: Path) -> None:
    """An outage just now, which the running server credits by itself, and operations kept apart of two candidates."""
    dbs = connect(Settings(data_dir=data_dir / "demo").url)
    now = datetime.now(UTC)
    with transaction(dbs) as db:
        outages.note(db, now - timedelta(seconds=AWAY_S), now, "another process")
    _keep_apart(dbs, now)
    dbs.dispose()


def _keep_apart(dbs: Databases, now: datetime) -> None:
    with transaction(dbs) as db:
        sittings = db.exec(
            select(SittingRow)
            .where(SittingRow.exam_session_id == EXAM, SittingRow.state == "open")
            .order_by(col(SittingRow.entry_no))
            .limit(2)
        ).all()
        for row, kept in zip(sittings, (KEPT, KEPT[:1]), strict=True):
            for number, (reason, content) in enumerate(kept, 1):
                values = {
                    "exam_session_id": EXAM,
                    "entry_no": row.entry_no,
                    "epoch": row.epoch,
                    "op": 9000 + number,
                    "digest": digest_of(content),
                    "reason": reason,
                    "at": now + timedelta(seconds=number),
                    "content": content,
                }
                db.execute(insert(QuarantinedOperation).values(**values))


def report(url: str, admission_no: str, secret: str) -> None:
    """A candidate says that a question is faulty."""
    browser = candidates.Browser(urlsplit(url).netloc, {})
    form = urlencode({"admission_no": admission_no, "secret": secret}).encode()
    browser.call("POST", "/exam/enter", form, "application/x-www-form-urlencoded")
    _status, opened = browser.ask("open", {"page": secrets.token_hex(8)})
    slot = opened["order"][0][0]
    operation = {"op": opened["ack"] + 1, "item": slot, "report": "题干与选项 B 不一致"}
    status, _reply = browser.ask("ops", {"epoch": opened["epoch"], "ops": [operation]})
    if status != 200:
        raise RuntimeError(f"the report was not taken: {status}")


@contextlib.contextmanager
def clock_off(data_dir: Path, seconds: int) -> Iterator[None]:
    """The wall clock of a demo started by this module is off meanwhile."""
    file = data_dir / "wall-step"
    file.write_text(str(seconds), encoding="ascii")
    try:
        yield
    finally:
        file.write_text("0", encoding="ascii")


def _stepped(data_dir: Path) -> None:
    from server import clock  # before server.app takes the clock of the machine

    wall = clock.wall_clock

    def off() -> datetime:
        file = data_dir / "wall-step"
        return wall() + timedelta(seconds=int(file.read_text("ascii") or 0) if file.exists() else 0)

    clock.wall_clock = off


if __name__ == "__main__":
    _stepped(Path(os.environ["JIKAO_DATA_DIR"]))
    from server.cli import main

    main()
