"""Seats the candidates and puts the report together.

The candidates sit a fixture exam on a database of their own, made for it beside the installation's (same disk, or same
PostgreSQL server) and thrown away afterwards: journal, ledger and audit are append-only, so a rehearsal in the real database
would stand in its records, counts and backups for ever. The real installation is only read; its front door gets some forty
small requests.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlmodel import Session, col, select

from server import db
from server.registry.tables import ExamSession
from server.rehearsal.candidates import performance
from server.rehearsal.door import front_door
from server.rehearsal.findings import RehearsalError
from server.rehearsal.installation import installation
from server.rehearsal.places import pcs, rooms
from server.rehearsal.report import Report
from server.settings import CHECKOUT, Settings

QUIET = timedelta(hours=1)


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


def rehearse(settings: Settings, seats: int, minutes: float, url: str, now: datetime) -> Report:
    """Rehearse with `seats` candidates for `minutes`. Raises `RehearsalError`."""
    dbs = db.connect(settings.url)
    try:
        with db.reading(dbs) as session:
            must_be_quiet(session, now)
        door = front_door(url, settings.data_dir / "tls-authority" / "ca.crt") if url else []
        measured = run_candidates(settings, seats, minutes)
        findings = [*performance(measured, seats), *door, *installation(settings, dbs, now)]
        with db.reading(dbs) as session:
            findings += [*rooms(session, now), *pcs(session, now)]
    finally:
        dbs.dispose()
    return Report(seats, minutes, url, now, findings)
