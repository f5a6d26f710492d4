"""Backup and restore of an installation: the database and its keys, in one folder each, checked before it is called done.

A copy of a live SQLite file is not a backup: its write-ahead log is elsewhere. SQLite is copied by its own online backup while
it serves, PostgreSQL by `pg_dump`. Keys are copied only when asked for, because database and keys in one place undo their
separation.
"""

import hashlib
import json
import shutil
import sqlite3
import subprocess
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from server.db import make_engine
from server.settings import Settings

MANIFEST = "manifest.json"
SQLITE_FILE = "jikao.db"
DUMP_FILE = "jikao.dump"


class BackupError(Exception):
    """It did not work; the message says what and how to mend it."""


def backup(settings: Settings, folder: Path, now: datetime, *, with_keys: bool) -> Path:
    """Write a backup into a new folder below `folder`; returns that folder. Raises `BackupError`."""
    target = folder / f"jikao-{now:%Y%m%d-%H%M%S}"
    if target.exists():
        raise BackupError(f"{target} exists already")
    unfinished = target.with_suffix(".unfinished")
    unfinished.mkdir(parents=True)
    try:
        name = _copy_sqlite(settings, unfinished) if settings.is_sqlite else _dump_postgresql(settings, unfinished)
        if with_keys:
            shutil.copytree(settings.keys, unfinished / "keys")
        manifest = {"made_at": now.isoformat(), "database": name, "sha256": _digests(unfinished), "with_keys": with_keys}
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return target


def restore(settings: Settings, source: Path) -> list[str]:
    """Put a backup back where nothing is yet; returns what was done, as sentences. Raises `BackupError`."""
    manifest = read_manifest(source)
    done = []
    if manifest["with_keys"] and settings.keys.exists() and any(settings.keys.iterdir()):
        raise BackupError(f"{settings.keys} holds keys already, and the backup brings its own: move them away first")
    if settings.is_sqlite:
        target = Path(make_url(settings.url).database or "")
        if manifest["database"] != SQLITE_FILE:
            raise BackupError("this backup is of PostgreSQL, the settings name an SQLite file: set JIKAO_DATABASE_URL")
        if target.exists():
            raise BackupError(f"{target} exists: move it away first, nothing is overwritten")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / SQLITE_FILE, target)
        done.append(f"database: {target}")
    else:
        if manifest["database"] != DUMP_FILE:
            raise BackupError("this backup is of SQLite, the settings name a PostgreSQL database")
        _must_be_empty(settings.url)
        _run(
            [
                "pg_restore",
                "--exit-on-error",
                "--single-transaction",
                "--no-owner",
                "--dbname",
                _libpq(settings.url),
                str(source / DUMP_FILE),
            ]
        )
        done.append("database: restored by pg_restore")
    if manifest["with_keys"]:
        shutil.copytree(source / "keys", settings.keys, dirs_exist_ok=True)
        done.append(f"keys: {settings.keys}")
    else:
        done.append(f"keys: not part of this backup; put them into {settings.keys} before serving")
    return done


def read_manifest(source: Path) -> dict[str, object]:
    """The manifest of a backup whose files are all as they were written. Raises `BackupError`."""
    try:
        manifest: dict[str, object] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
        expected, _database, _keys = manifest["sha256"], manifest["database"], manifest["with_keys"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupError(f"{source} is not a backup: it holds no readable {MANIFEST}") from None
    found = _digests(source)
    if expected != found:
        assert isinstance(expected, dict)
        wrong = sorted(name for name in {**expected, **found} if expected.get(name) != found.get(name))
        raise BackupError(f"the backup is damaged: {', '.join(wrong)} is not what was written")
    return manifest


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def _copy_sqlite(settings: Settings, folder: Path) -> str:
    source = Path(make_url(settings.url).database or "")
    if not source.exists():
        raise BackupError(f"there is no database at {source}")
    origin, copy = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(folder / SQLITE_FILE)
    try:
        origin.backup(copy, pages=4096, sleep=0.01)
        verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        origin.close()
        copy.close()
    if verdict != "ok":
        raise BackupError(f"the copy does not pass SQLite's integrity check: {verdict}")
    return SQLITE_FILE


def _dump_postgresql(settings: Settings, folder: Path) -> str:
    _run(["pg_dump", "--format=custom", "--no-owner", "--file", str(folder / DUMP_FILE), _libpq(settings.url)])
    return DUMP_FILE


def _must_be_empty(url: str) -> None:
    engine = make_engine(url, read_only=True)
    try:
        with engine.connect() as connection:
            found = inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if found:
        name = make_url(url).database
        raise BackupError(f"the database {name} holds {len(found)} tables: restore into an empty one, nothing is overwritten")


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "")


def _run(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        raise BackupError(f"{command[0]} is not installed: apt-get install postgresql-client")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BackupError(f"{command[0]} failed: {result.stderr.strip().splitlines()[-1] if result.stderr else 'no message'}")
