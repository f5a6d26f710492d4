"""The rehearsal: when it may not be, what its report says, what a front door is asked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlmodel import select

from loadtests.seed import seed
from server import migrations
from server.audit.trail import SYSTEM
from server.db import Databases, connect, make_engine, reading, transaction
from server.keyring import Keyring
from server.registry import devices, pc_checks
from server.registry.pc_rules import Facts, Past, judge
from server.registry.tables import ExamSession, ExamSessionRoom, Room
from server.rehearsal import Finding, RehearsalError, Report
from server.rehearsal.candidates import performance
from server.rehearsal.door import front_door
from server.rehearsal.installation import installation
from server.rehearsal.places import CHECKS, pcs, rooms
from server.rehearsal.run import _own_database, must_be_quiet
from server.settings import Settings
from tests import postgresql
from tests.registry.test_pc_checks import GOOD

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


def check_pc(dbs: Databases, address: str, seat: int | None, **changes: Any) -> None:
    """A PC that was checked, at a seat of the room or nowhere."""
    with transaction(dbs) as db:
        device = devices.device_of(db, devices.register(db, address, NOW))
        assert device is not None
        assert device.id is not None
        if seat is not None:
            room_id = db.exec(select(ExamSessionRoom.room_id)).one()
            devices.bind(db, device.id, room_id, seat, actor=SYSTEM, now=NOW)
        if changes.pop("checked", True):
            pc_checks.record(db, device, msgspec.convert({**GOOD, **changes}, Facts), NOW)


def test_the_pcs_of_the_coming_rooms_are_in_the_report_in_both_languages(dbs: Databases, tmp_path: Path) -> None:
    put(dbs, "scheduled", NOW + timedelta(days=2))
    with reading(dbs) as db:
        [nothing] = pcs(db, NOW)
        assert (nothing.value, nothing.verdict) == ("—", "look")
        number, name = db.exec(select(Room.number, Room.name)).one()
    check_pc(dbs, "10.0.0.1", 1)
    check_pc(dbs, "10.0.0.2", 2, version=90, zone="America/New_York", zone_minutes=-300)
    check_pc(dbs, "10.0.0.3", 3, zone="America/New_York", zone_minutes=-300)
    check_pc(dbs, "10.0.0.4", 4, checked=False)
    check_pc(dbs, "10.0.0.5", None, keeps="nothing")
    with reading(dbs) as db:
        found = pcs(db, NOW)
        assert pcs(db, NOW - timedelta(days=30)) == []
        old = pcs(db, NOW + timedelta(days=31))
    assert old == []  # the room is not in use then
    assert [(one.zh, one.value, one.verdict) for one in found] == [
        (f"电脑检查：{name}", "✓ 1 · △ 1 · ✗ 1 · 未检查 unchecked 1", "bad"),
        ("电脑检查：未绑定座位的电脑", "✗ 1", "look"),
        ("电脑须处理：浏览器", f"{number}-2", "bad"),
        ("电脑须处理：时区", f"{number}-2, {number}-3", "look"),
    ]
    put(dbs, "scheduled", NOW + timedelta(days=33))
    with reading(dbs) as db:
        assert [one.value for one in pcs(db, NOW + timedelta(days=31))] == ["未检查 unchecked 4"]
    report = Report(100, 5, "", NOW, found)
    assert report.results == (
        f"不合格：电脑检查：{name}；电脑须处理：浏览器。",
        f"Not fit: PC checks: {name}; PCs to see to: browser.",
    )
    printed = text_of(report, tmp_path)
    for one in found:
        assert all("".join(part.split()) in printed for part in (one.zh, one.en, one.value))


def test_every_check_of_a_pc_has_its_words() -> None:
    assert set(CHECKS) == {finding.name for finding in judge(msgspec.convert(GOOD, Facts), Past())}


@contextmanager
def engine_on(url: str) -> Iterator[Connection]:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def test_on_postgresql_the_candidates_get_a_database_that_is_gone_afterwards(postgresql_server: str, tmp_path: Path) -> None:
    given = postgresql.create_database(postgresql_server, "real_one")
    settings = Settings(data_dir=tmp_path, database_url=given)

    def names() -> set[str]:
        with engine_on(settings.url) as connection:
            return set(connection.execute(text("SELECT datname FROM pg_database")).scalars())

    before = names()
    with pytest.raises(RuntimeError, match="half way"), _own_database(settings, tmp_path) as url:
        assert names() - before == {make_url(url).database}
        with engine_on(url):  # somebody is still in it
            raise RuntimeError("half way")
    assert names() == before
    postgresql.drop_database(postgresql_server, "real_one")


@pytest.mark.slow
def test_a_whole_rehearsal_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    """The command, with candidates at work for some seconds, on each database."""
    migrations.upgrade(database_url)
    environment = {**os.environ, "JIKAO_DATA_DIR": str(tmp_path / "data"), "JIKAO_DATABASE_URL": database_url}
    command = [
        sys.executable,
        "-m",
        "server.cli",
        "rehearse",
        "--seats",
        "5",
        "--minutes",
        "0.2",
        "--to",
        str(tmp_path / "a.pdf"),
    ]
    (tmp_path / "data").mkdir()
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "可承担 5 个机位的考试。" in ran.stdout
    assert "Fit for an exam of 5 seats." in ran.stdout
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert [path.name for path in (tmp_path / "data").glob("rehearsal-*")] == []
    with engine_on(database_url) as connection:
        assert connection.execute(text("SELECT count(*) FROM exam_session")).scalar_one() == 0
        if "postgresql" in database_url:
            left = connection.execute(text("SELECT count(*) FROM pg_database WHERE datname LIKE 'jikao_rehearsal_%'"))
            assert left.scalar_one() == 0


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
    zh, en = report.results
    assert (zh.startswith("不合格"), en.startswith("Not fit")) == (bool(bad), bool(bad))
    assert all(name in en for name in bad)


def text_of(report: Report, folder: Path) -> str:
    """What the printed report says, without spaces."""
    file = folder / "report.pdf"
    file.write_bytes(report.pdf())
    printed = subprocess.run(["pdftotext", "-raw", str(file), "-"], capture_output=True, check=True).stdout.decode()
    return "".join(printed.split())


def test_the_report_can_be_printed_and_signed(tmp_path: Path) -> None:
    findings = [*performance(MEASURED, 100), Finding("空余座位：*场次*，#1", "Seats to spare", "3 / 30", "look")]
    squeezed = text_of(Report(100, 5, "https://exam.example", NOW, findings), tmp_path)
    for part in ("考前演练报告", "签字Signature", "空余座位：*场次*，#1", "2/5/9", "https://exam.example", "2026-11-2014:00"):
        assert part in squeezed


@pytest.mark.parametrize("url", ["exam.example", "ftp://exam.example", "http://127.0.0.1:1"])
def test_a_front_door_that_is_none_is_a_sentence(url: str) -> None:
    with pytest.raises(RehearsalError, match=r"127\.0\.0\.1:1 cannot be reached|no address of a web server"):
        front_door(url)
