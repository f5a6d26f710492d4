"""What the real installation looks like: its database, disk and backups. Only read."""

import shutil
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from server import db
from server.backup import BackupError, read_manifest
from server.rehearsal.findings import Finding, bad_if, look_if
from server.settings import Settings

SKEW_MAX_S = 2.0
DISK_MIN_GB = 5.0
BACKUP_MAX_AGE = timedelta(hours=24)


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
    return Finding(zh, en, f"{skew:+.2f}", bad_if(abs(skew) > SKEW_MAX_S))


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free / 1e9
    return Finding("剩余磁盘（GB）", "Free disk (GB)", f"{free:.1f}", bad_if(free < DISK_MIN_GB))


def _backup(settings: Settings, now: datetime) -> Finding:
    zh, en = "最近备份", "Latest backup"
    made: list[datetime] = []
    for folder in settings.backups.glob("jikao-*"):
        try:
            made.append(datetime.fromisoformat(str(read_manifest(folder)["made_at"])))
        except (BackupError, OSError, KeyError, ValueError):
            continue  # unfinished or damaged: no backup
    if not made:
        return Finding(zh, en, "— (jikao backup)", "look")
    age = now - max(made)
    return Finding(zh, en, f"{age / timedelta(hours=1):.1f} h", look_if(age > BACKUP_MAX_AGE))
