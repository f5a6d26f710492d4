"""The schema's history, by Alembic; `upgrade` brings a database to the newest revision."""

from server.db import make_engine


def upgrade(url: str) -> None:
    """Make every table and trigger in an empty database."""
    from server import alltables
    from server.migrations import triggers

    engine = make_engine(url)
    with engine.begin() as connection:
        alltables.metadata.create_all(connection)
        for table, columns in alltables.APPEND_ONLY.items():
            triggers.create(connection, table, columns)
    engine.dispose()
