"""A backup taken while somebody writes can be restored elsewhere, with its triggers; a damaged one is refused."""

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from server import alltables, backup, migrations
from server.audit import trail
from server.backup import BackupError
from server.clock import FakeClock
from server.db import connect, transaction
from server.keyring import Keyring
from server.migrations import triggers
from server.settings import Settings
from tests import postgresql

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def test_sqlite_backup_under_writes(sqlite_url: str, tmp_path: Path, clock: FakeClock) -> None:
    settings = Settings(data_dir=tmp_path / "a", database_url=sqlite_url)
    Keyring.open_folder(settings.keys)
    dbs = connect(settings.url)
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            with transaction(dbs) as db:
                trail.append(db, trail.SYSTEM, "test.written", f"n:{written}", now=clock.now())
            written += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while written < 20:
            pass
        before = written
        made = backup.backup(settings, tmp_path / "backups", NOW, with_keys=True)
    finally:
        stop.set()
        thread.join()
        dbs.dispose()
    fresh = Settings(data_dir=tmp_path / "b")
    done = backup.restore(fresh, made)
    assert any("keys" in line for line in done)
    assert Keyring.open_folder(fresh.keys).key("paper") == Keyring.open_folder(settings.keys).key("paper")
    restored = connect(fresh.url)
    with restored.read.connect() as connection:
        rows = connection.execute(text("SELECT subject FROM audit_row ORDER BY id")).scalars().all()
        assert rows == [f"n:{number}" for number in range(len(rows))]
        assert before <= len(rows) <= written
        assert triggers.missing(connection, alltables.APPEND_ONLY) == []
    restored.dispose()
    with pytest.raises(BackupError, match="move them away first"):
        backup.restore(fresh, made)


def test_a_damaged_backup_is_named(sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a", database_url=sqlite_url)
    made = backup.backup(settings, tmp_path / "backups", NOW, with_keys=False)
    with (made / backup.SQLITE_FILE).open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff")
    with pytest.raises(BackupError, match=r"damaged: jikao\.db"):
        backup.restore(Settings(data_dir=tmp_path / "b"), made)
    shutil.rmtree(made)
    with pytest.raises(BackupError, match="is not a backup"):
        backup.restore(Settings(data_dir=tmp_path / "b"), made)


def test_postgresql_backup_and_restore(postgresql_server: str, tmp_path: Path, clock: FakeClock) -> None:
    source, target = (postgresql.create_database(postgresql_server, name) for name in ("backup_source", "backup_target"))
    migrations.upgrade(source)
    dbs = connect(source)
    with transaction(dbs) as db:
        trail.append(db, trail.SYSTEM, "test.written", "n:1", now=clock.now())
    dbs.dispose()
    made = backup.backup(Settings(data_dir=tmp_path, database_url=source), tmp_path / "backups", NOW, with_keys=False)
    backup.restore(Settings(data_dir=tmp_path / "b", database_url=target), made)
    restored = connect(target)
    with pytest.raises(BackupError, match=r"database backup_target holds .* tables: restore into an empty one"):
        backup.restore(Settings(data_dir=tmp_path / "c", database_url=target), made)
    with restored.read.connect() as connection:
        assert connection.execute(text("SELECT subject FROM audit_row")).scalars().all() == ["n:1"]
        assert triggers.missing(connection, alltables.APPEND_ONLY) == []
    restored.dispose()
