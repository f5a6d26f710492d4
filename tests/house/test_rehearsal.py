"""The rehearsal: when it may not be, what its report says, what a front door is asked."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loadtests.seed import seed
from server import migrations
from server.db import Databases, connect, reading, transaction
from server.keyring import Keyring
from server.registry.tables import ExamSession
from server.rehearsal import Finding, RehearsalError, Report, front_door, installation, must_be_quiet, performance, rooms
from server.settings import Settings

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
MEASURED: dict[str, Any] = {
    "errors": {},
    "lost": 0,
    "unexplained": 0,
    "acknowledged": 300,
    "save_p50_ms": 2.0,
    "save_p95_ms": 5.0,
    "save_p99_ms": 9.0,
    "saves_per_s": 5.0,
    "open_p99_ms": 40.0,
    "hand_in_p99_ms": 8.0,
    "cpu_share": 0.1,
    "memory_mb": 3.0,
}


@pytest.fixture(scope="module")
def dbs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    url = f"sqlite:///{tmp_path_factory.mktemp('rehearsal') / 'jikao.db'}"
    migrations.upgrade(url)
    made = connect(url)
    seed(made, Keyring.ephemeral(), candidates=3, items=20, now=NOW, starts_at=NOW + timedelta(minutes=90))
    yield made
    made.dispose()


def put(dbs: Databases, state: str, starts_at: datetime) -> None:
    with transaction(dbs) as db:
        row = db.get(ExamSession, 1)
        assert row is not None
        row.state, row.starts_at = state, starts_at
        db.add(row)


@pytest.mark.parametrize(
    ("state", "starts_in", "refused"),
    [("scheduled", 90, False), ("scheduled", 59, True), ("scheduled", -5, True), ("open", -100, True), ("draft", 10, False)],
)
def test_no_rehearsal_while_an_exam_session_is_open_or_near(dbs: Databases, state: str, starts_in: int, refused: bool) -> None:
    put(dbs, state, NOW + timedelta(minutes=starts_in))
    with reading(dbs) as db:
        if not refused:
            must_be_quiet(db, NOW)
            return
        with pytest.raises(RehearsalError, match="no rehearsal while"):
            must_be_quiet(db, NOW)


def test_seats_to_spare_are_those_of_the_coming_exam_sessions(dbs: Databases) -> None:
    put(dbs, "scheduled", NOW + timedelta(days=2))
    with reading(dbs) as db:
        assert [one.value for one in rooms(db, NOW)] == ["97 / 100"]
        assert rooms(db, NOW - timedelta(days=30)) == []


def test_the_installation_is_described(dbs: Databases, tmp_path: Path) -> None:
    found = {one.en: one for one in installation(Settings(data_dir=tmp_path), dbs, NOW)}
    assert found["Durability settings"].verdict == "good"
    assert found["Latest backup"].verdict == "look"


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ({}, []),
        ({"lost": 1}, ["Answers lost or unexplained"]),
        ({"unexplained": 2}, ["Answers lost or unexplained"]),
        ({"errors": {"ops 503": 2}}, ["Errors"]),
        ({"save_p99_ms": 900.0}, ["Saving, p50/p95/p99 (ms)"]),
        ({"open_p99_ms": 2_000.0}, ["Opening together, p99 (ms)"]),
    ],
)
def test_what_went_wrong_is_not_fit(change: dict[str, Any], bad: list[str]) -> None:
    report = Report(100, 5, "", NOW, performance(MEASURED | change, 100))
    assert [one.en for one in report.findings if one.verdict == "bad"] == bad
    assert report.fit == (not bad)
    assert ("Not fit" in report.result) == bool(bad)
    assert all(name in report.result for name in bad)


def test_the_report_can_be_printed_and_signed(tmp_path: Path) -> None:
    findings = [*performance(MEASURED, 100), Finding("空余座位：*场次*，#1", "Seats to spare", "3 / 30", "look")]
    file = tmp_path / "report.pdf"
    file.write_bytes(Report(100, 5, "https://exam.example", NOW, findings).pdf())
    text = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, check=True).stdout.decode()
    squeezed = "".join(text.split())
    for part in ("考前演练报告", "签字Signature", "空余座位：*场次*，#1", "2/5/9", "https://exam.example", "2026-11-2014:00"):
        assert part in squeezed


@pytest.mark.parametrize("url", ["exam.example", "ftp://exam.example", "http://127.0.0.1:1"])
def test_a_front_door_that_is_none_is_a_sentence(url: str) -> None:
    with pytest.raises(RehearsalError, match=r"127\.0\.0\.1:1 cannot be reached|no address of a web server"):
        front_door(url)
