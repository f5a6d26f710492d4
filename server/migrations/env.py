"""Alembic's entry: runs revisions on the connection it is handed, and renders this product's types."""

from typing import Any, Literal

from alembic import context
from sqlalchemy.engine import Connection
from sqlmodel import AutoString

from server import alltables
from server.db import make_engine
from server.settings import load


def render_item(kind: str, value: Any, autogen_context: Any) -> str | Literal[False]:
    """Plain names for the two types that are not SQLAlchemy's."""
    if kind == "type" and type(value).__name__ == "UTCDateTime":
        autogen_context.imports.add("from server.db import UTCDateTime")
        return "UTCDateTime()"
    if kind == "type" and isinstance(value, AutoString):
        return "sa.String()"
    return False


def run(connection: Connection) -> None:
    """Run what is due in one transaction; both databases have transactional DDL."""
    context.configure(
        connection=connection,
        target_metadata=alltables.metadata,
        render_item=render_item,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:  # the alembic command of developers
    engine = make_engine(load().url)
    with engine.connect() as opened:
        run(opened)
        opened.commit()
    engine.dispose()
