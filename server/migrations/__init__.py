"""The schema's history, by Alembic; `upgrade` brings a database to the newest revision, serving refuses an older one.

Alembic is loaded by `upgrade` only: it takes longer to import than a killed server has time to come back.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url

from server.db import check_durable, make_engine

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = Path(__file__).parent / "versions"
_LINE = re.compile(r"""^(revision|down_revision) = (?:["'](\w+)["']|None)$""", re.MULTILINE)


class MigrationError(Exception):
    """The database has not the schema this program needs; the message says what to run."""


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision this program is written for."""
    found = [dict(_LINE.findall(path.read_text(encoding="utf-8"))) for path in VERSIONS.glob("*.py")]
    heads: set[str] = {one["revision"] for one in found} - {one["down_revision"] for one in found}
    [head] = heads
    return head


def revision_of(connection: Connection) -> str | None:
    """The revision a database is at; None for one that was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def upgrade(url: str) -> list[str]:
    """Run what is due; returns what happened as sentences. SQLite's foreign keys rest meanwhile."""
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            before = revision_of(connection)
            if before == newest():
                return [f"The database is at the newest schema ({before})."]
            from alembic import command

            command.upgrade(_config(connection), "head")
        return [f"The schema went from {before or 'nothing'} to {newest()}."]
    finally:
        engine.dispose()


def must_be_current(url: str, *, durable: bool = False) -> None:
    """Raise `MigrationError` unless the database is at the newest revision; with `durable` also `NotDurable`.

    On one connection: each further one is time in which nobody is served.
    """
    path = make_url(url).database
    if url.startswith("sqlite") and (not path or not Path(path).exists()):  # looking must not make the file
        raise MigrationError(f"There is no database at {path or url} yet: run jikao migrate")
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            found = revision_of(connection)
        if durable:
            check_durable(engine)
    finally:
        engine.dispose()
    if found != newest():
        raise MigrationError(f"The database has schema {found or 'none'}, this program needs {newest()}: run jikao migrate")
