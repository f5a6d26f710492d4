"""The schema's history, by Alembic; `upgrade` brings a database to the newest revision."""

from server.db import make_engine


class MigrationError(Exception):
    """The database has not the schema this program needs; the message says what to run."""


def upgrade(url: str) -> list[str]:
    """Make every table and trigger in an empty database."""
    from sqlalchemy import inspect

    from server import alltables
    from server.migrations import triggers

    engine = make_engine(url)
    with engine.begin() as connection:
        if not inspect(connection).has_table("institution"):
            alltables.metadata.create_all(connection)
            for table, columns in alltables.APPEND_ONLY.items():
                triggers.create(connection, table, columns)
    engine.dispose()
    return ["The database is at the newest schema."]


def must_be_current(url: str) -> None:
    """Raise `MigrationError` unless the database is at the newest revision."""
