"""The rehearsal before exam day: the load candidates on this machine, and a pre-flight report that can be signed.

The candidates sit a fixture exam on a database of their own, made for it beside the installation's (same disk, or same
PostgreSQL server) and thrown away afterwards: journal, ledger and audit are append-only, so a rehearsal in the real database
would stand in its records, counts and backups for ever. The real installation is only read; its front door gets some forty
small requests.
"""

import http.client
import json
import os
import secrets
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import func, text
from sqlalchemy.engine import make_url
from sqlmodel import Session, col, select

from server import db
from server.backup import BackupError, read_manifest
from server.records.typeset import typeset
from server.registry.tables import Entry, ExamSession, ExamSessionRoom, Room
from server.registry.times import BEIJING
from server.settings import CHECKOUT, Settings

QUIET = timedelta(hours=1)
COMING = timedelta(days=7)
PROBES = 40
SKEW_MAX_S = 2.0
SAVE_P99_MAX_MS, OPEN_P99_MAX_MS = 500.0, 1_500.0
DISK_MIN_GB = 5.0
BACKUP_MAX_AGE = timedelta(hours=24)
CERTIFICATE_MIN = timedelta(days=14)

Verdict = Literal["good", "look", "bad"]


class RehearsalError(Exception):
    """It cannot be done now; the message says why."""


@dataclass(frozen=True)
class Finding:
    """One line of the report: what, in both languages, what was found, and what that means."""

    zh: str
    en: str
    value: str
    verdict: Verdict


def must_be_quiet(session: Session, now: datetime) -> None:
    """Refuse while a real exam session is open or due within the hour."""
    near = session.exec(
        select(ExamSession)
        .where(
            (col(ExamSession.state) == "open")
            | (
                (col(ExamSession.state) == "scheduled")
                & (col(ExamSession.starts_at) < now + QUIET)
                & (col(ExamSession.starts_at) > now - QUIET)
            )
        )
        .order_by(col(ExamSession.starts_at))
    ).first()
    if near is not None:
        what = "is open" if near.state == "open" else f"starts at {near.starts_at:%H:%M} UTC"
        raise RehearsalError(f"{near.title} {what}: no rehearsal while an exam session is open or due within the hour.")


def run_candidates(settings: Settings, seats: int, minutes: float) -> dict[str, Any]:
    """Seat the candidates on a database of their own; what `loadtests.rehearse` measured."""
    folder = settings.data_dir.absolute() / f"rehearsal-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, mode=0o700)
    try:
        with _own_database(settings, folder) as url:
            given = {"JIKAO_DATA_DIR": str(folder), "JIKAO_KEYS_DIR": str(folder / "keys"), "JIKAO_LOG_LEVEL": "error"}
            environment = {name: value for name, value in os.environ.items() if not name.startswith("JIKAO_")} | given
            command = [sys.executable, "-m", "loadtests.rehearse", "--url", url, "--folder", str(folder)]
            command += ["--seats", str(seats), "--seconds", str(minutes * 60)]
            limit = minutes * 60 + 300 + seats / 10
            ran = subprocess.run(
                command, env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, timeout=limit, check=False
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if ran.returncode != 0:
        raise RehearsalError("The candidates did not come to the end of the rehearsal; the reason stands above.")
    measured: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return measured


@contextmanager
def _own_database(settings: Settings, folder: Path) -> Iterator[str]:
    if settings.is_sqlite:
        yield f"sqlite:///{folder / 'rehearsal.db'}"
        return
    name = f"jikao_rehearsal_{secrets.token_hex(4)}"
    engine = db.make_engine(settings.url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        try:
            yield make_url(settings.url).set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    finally:
        engine.dispose()


def performance(measured: dict[str, Any], seats: int) -> list[Finding]:
    """What the candidates met."""
    errors: dict[str, int] = measured["errors"]
    broken = measured["lost"] + measured["unexplained"]
    said = "、".join(f"{count} x {what}" for what, count in errors.items()) or "0"
    latency = " / ".join(f"{measured[f'save_p{share}_ms']:.0f}" for share in (50, 95, 99))
    return [
        Finding(
            "丢失或无法解释的作答", "Answers lost or unexplained", f"{broken} / {measured['acknowledged']}", _bad_if(broken > 0)
        ),
        Finding("错误", "Errors", said, _bad_if(bool(errors))),
        Finding(
            "保存延迟 p50/p95/p99（毫秒）",
            "Saving, p50/p95/p99 (ms)",
            latency,
            _bad_if(measured["save_p99_ms"] > SAVE_P99_MAX_MS),
        ),
        Finding("保存速率（次/秒）", "Saves per second", f"{measured['saves_per_s']:g} ({seats} x 1/20 s)", "good"),
        Finding(
            "同时开卷 p99（毫秒）",
            "Opening together, p99 (ms)",
            f"{measured['open_p99_ms']:.0f}",
            _bad_if(measured["open_p99_ms"] > OPEN_P99_MAX_MS),
        ),
        Finding("同时交卷 p99（毫秒）", "Handing in together, p99 (ms)", f"{measured['hand_in_p99_ms']:.0f}", "good"),
        Finding(
            "服务器负荷（核）", "Load of the server (cores)", f"{measured['cpu_share']:g}", _look_if(measured["cpu_share"] > 0.7)
        ),
        Finding("内存增长（MB）", "Memory used (MB)", f"{measured['memory_mb']:g}", "good"),
    ]


def installation(settings: Settings, dbs: db.Databases, now: datetime) -> list[Finding]:
    """What the real installation looks like; nothing is changed."""
    return [_durability(dbs), _database_clock(dbs), _disk(settings), _backup(settings, now)]


def _durability(dbs: db.Databases) -> Finding:
    zh, en = "持久性设置", "Durability settings"
    try:
        db.check_durable(dbs.write)
    except db.NotDurable as error:
        return Finding(zh, en, str(error), "bad")
    return Finding(zh, en, "SQLite WAL, synchronous=FULL" if dbs.is_sqlite else "PostgreSQL fsync, synchronous_commit", "good")


def _database_clock(dbs: db.Databases) -> Finding:
    zh, en = "数据库时钟偏差（秒）", "Clock of the database, skew (s)"
    if dbs.is_sqlite:
        return Finding(zh, en, "0.0 (SQLite)", "good")
    with dbs.read.connect() as connection:
        skew = (connection.execute(text("SELECT clock_timestamp()")).scalar_one() - datetime.now(UTC)).total_seconds()
    return Finding(zh, en, f"{skew:+.2f}", _bad_if(abs(skew) > SKEW_MAX_S))


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free / 1e9
    return Finding("剩余磁盘（GB）", "Free disk (GB)", f"{free:.1f}", _bad_if(free < DISK_MIN_GB))


def _backup(settings: Settings, now: datetime) -> Finding:
    zh, en = "最近备份", "Latest backup"
    made: list[datetime] = []
    for folder in (settings.data_dir / "backups").glob("jikao-*"):
        try:
            made.append(datetime.fromisoformat(str(read_manifest(folder)["made_at"])))
        except (BackupError, OSError, KeyError, ValueError):
            continue  # unfinished or damaged: no backup
    if not made:
        return Finding(zh, en, "— (jikao backup)", "look")
    age = now - max(made)
    return Finding(zh, en, f"{age / timedelta(hours=1):.1f} h", _look_if(age > BACKUP_MAX_AGE))


def rooms(session: Session, now: datetime) -> list[Finding]:
    """Spare seats in the rooms of the exam sessions of the coming week."""
    rows = session.execute(
        select(ExamSession, Room)
        .join(ExamSessionRoom, col(ExamSessionRoom.exam_session_id) == col(ExamSession.id))
        .join(Room, col(Room.id) == col(ExamSessionRoom.room_id))
        .where(col(ExamSession.state).in_(("draft", "scheduled")), col(ExamSession.starts_at).between(now, now + COMING))
        .order_by(col(ExamSession.starts_at), col(Room.number))
    ).all()
    found = []
    for exam, room in rows:
        mine = (col(Entry.exam_session_id) == exam.id, col(Entry.room_id) == room.id)
        seated = session.execute(select(func.count()).select_from(Entry).where(*mine)).scalar_one()
        free = room.capacity - seated
        found.append(
            Finding(
                f"空余座位：{exam.title}，{room.name}",
                f"Seats to spare: {exam.title}, {room.name}",
                f"{free} / {room.capacity}",
                _look_if(free < max(1, room.spare)),
            )
        )
    return found


def front_door(url: str) -> list[Finding]:
    """The address candidates will use: latency, clock and certificate, by some small requests."""
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise RehearsalError(f"--url {url} is no address of a web server: write https://exam.example.cn")
    millis, skews = [], []
    try:
        connection = _connect(address.scheme, address.hostname, address.port)
        for _probe in range(PROBES):
            began = time.perf_counter()
            connection.request("GET", "/livez")
            answer = connection.getresponse()
            answer.read()
            millis.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise RehearsalError(f"{url}/livez answers {answer.status}, not 200: this is no running Jikao.")
            date = answer.getheader("date")
            if date:
                skews.append((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds() + 0.5)
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise RehearsalError(f"{url} cannot be reached: {error}") from None
    millis.sort()
    cuts = statistics.quantiles(millis, n=100, method="inclusive")
    found = [
        Finding("访问延迟 p50/p95/p99（毫秒）", "Way to the server, p50/p95/p99 (ms)", _three(cuts), _look_if(cuts[98] > 200))
    ]
    if skews:
        skew = statistics.median(skews)
        found.append(
            Finding("服务器时钟偏差（秒）", "Clock of the server, skew (s)", f"{skew:+.1f}", _bad_if(abs(skew) > SKEW_MAX_S))
        )
    return [*found, _certificate(address.scheme, address.hostname, address.port)]


def _three(cuts: list[float]) -> str:
    return f"{cuts[49]:.1f} / {cuts[94]:.1f} / {cuts[98]:.1f}"


def _connect(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=10)
    return http.client.HTTPConnection(host, port, timeout=10)


def _certificate(scheme: str, host: str, port: int | None) -> Finding:
    if scheme != "https":
        return Finding("传输加密（TLS）", "TLS", "http", "look")
    context = ssl.create_default_context()
    with socket.create_connection((host, port or 443), timeout=10) as raw, context.wrap_socket(raw, server_hostname=host) as tls:
        certificate: dict[str, Any] = tls.getpeercert() or {}
        version = tls.version() or ""
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return Finding("传输加密（TLS）", "TLS", f"{version}, {ends:%Y-%m-%d}", _look_if(ends < datetime.now(UTC) + CERTIFICATE_MIN))


WORDS: dict[Verdict, str] = {"good": "✓ 合格 good", "look": "△ 关注 look", "bad": "✗ 不合格 bad"}
NOTE_ZH = "演练考生在本机、独立的临时数据库上作答，不占用试题，不留在正式记录中；演练后该数据库即删除。"
NOTE_EN = (
    "The candidates worked on this machine, on a temporary database of their own: no item was used, nothing stays in the "
    "records. "
    "Rooms, settings, disk and backup are those of the installation."
)


@dataclass(frozen=True)
class Report:
    """The rehearsal as a whole."""

    seats: int
    minutes: float
    url: str
    at: datetime
    findings: list[Finding]

    @property
    def fit(self) -> bool:
        """Whether nothing is bad."""
        return all(one.verdict != "bad" for one in self.findings)

    @property
    def result(self) -> str:
        """The sentence on top."""
        if self.fit:
            return f"可承担 {self.seats} 个机位的考试。Fit for an exam of {self.seats} seats."
        bad = [one for one in self.findings if one.verdict == "bad"]
        zh, en = "、".join(one.zh for one in bad), "; ".join(one.en for one in bad)
        return f"不合格：{zh}。Not fit: {en}."

    def rows(self) -> list[list[str]]:
        """Chinese, English, value, verdict."""
        return [[one.zh, one.en, one.value, WORDS[one.verdict]] for one in self.findings]

    def pdf(self) -> bytes:
        """To be printed and signed."""
        at = f"{self.at.astimezone(BEIJING):%Y-%m-%d %H:%M}"
        data = {
            "seats": str(self.seats),
            "minutes": f"{self.minutes:g}",
            "url": self.url or "—",
            "at": at,
            "result": self.result,
            "rows": self.rows(),
            "note-zh": NOTE_ZH,
            "note-en": NOTE_EN,
            "footer": f"考前演练报告　{at} 由机考系统生成",
        }
        return typeset("rehearsal", data, made_at=self.at)


def rehearse(settings: Settings, seats: int, minutes: float, url: str, now: datetime) -> Report:
    """Rehearse with `seats` candidates for `minutes`. Raises `RehearsalError`."""
    dbs = db.connect(settings.url)
    try:
        with db.reading(dbs) as session:
            must_be_quiet(session, now)
        door = front_door(url) if url else []
        measured = run_candidates(settings, seats, minutes)
        findings = [*performance(measured, seats), *door, *installation(settings, dbs, now)]
        with db.reading(dbs) as session:
            findings += rooms(session, now)
    finally:
        dbs.dispose()
    return Report(seats, minutes, url, now, findings)


def _bad_if(wrong: bool) -> Verdict:
    return "bad" if wrong else "good"


def _look_if(odd: bool) -> Verdict:
    return "look" if odd else "good"
