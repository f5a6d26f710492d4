"""The schema's history, by Alembic; `upgrade` brings a database to the newest revision, serving refuses an older one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from server.db import make_engine


class MigrationError(Exception):
    """The database has not the schema this program needs; the message says what to run."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision this program is written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def upgrade(url: str) -> list[str]:
    """Run what is due; returns what happened as sentences. SQLite's foreign keys rest meanwhile."""
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            if before == newest():
                return [f"The database is at the newest schema ({before})."]
            command.upgrade(_config(connection), "head")
        return [f"The schema went from {before or 'nothing'} to {newest()}."]
    finally:
        engine.dispose()


def must_be_current(url: str) -> None:
    """Raise `MigrationError` unless the database is at the newest revision."""
    path = make_url(url).database
    if url.startswith("sqlite") and (not path or not Path(path).exists()):  # looking must not make the file
        raise MigrationError(f"There is no database at {path or url} yet: run jikao migrate")
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    if found != newest():
        raise MigrationError(f"The database has schema {found or 'none'}, this program needs {newest()}: run jikao migrate")
