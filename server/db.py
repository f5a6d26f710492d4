"""SQL, the only truth: engines for SQLite and PostgreSQL, sessions for requests, transactions for workers.

Two engines a process: `write` and `read`. On SQLite the write engine begins with BEGIN IMMEDIATE (the default set-up loses
updates silently) and the read engine is `query_only`; both are WAL with `synchronous=FULL` on every connection, so that a
commit survives a power cut. `check_durable` refuses a database that can lose a commit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import DateTime, Dialect, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

BUSY_TIMEOUT_MS = 10_000
POOL, OVERFLOW = 8, 8
CONNECTIONS_A_PROCESS = 2 * (POOL + OVERFLOW) + 2
"""At most: two pools, the writer's own, the child's for heavy work."""


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in and out; SQLite would hand back naive times."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class NotDurable(Exception):
    """The database could lose a committed answer; the message says which setting to mend."""


@dataclass(frozen=True)
class Databases:
    """The two engines of a process, to the same database."""

    write: Engine
    read: Engine

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the one-file database."""
        return self.write.dialect.name == "sqlite"

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.write.dispose()
        self.read.dispose()


def connect(url: str) -> Databases:
    """Engines for `url`; makes the folder of an SQLite file."""
    return Databases(write=make_engine(url), read=make_engine(url, read_only=True))


def make_engine(url: str, *, read_only: bool = False, pool_size: int = POOL) -> Engine:
    """One engine with the connection settings this product stands on."""
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite_engine(url, read_only=read_only, pool_size=pool_size)
    options = "-c timezone=UTC" + (" -c default_transaction_read_only=on" if read_only else "")
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=OVERFLOW,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": options},
    )


def _sqlite_engine(url: str, *, read_only: bool, pool_size: int) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=OVERFLOW, hide_parameters=True, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # this module begins transactions, not the driver
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA fullfsync=ON")
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def check_durable(engine: Engine) -> None:
    """Raise `NotDurable` when a crash or power cut could lose a committed transaction."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
            level = connection.execute(text("PRAGMA synchronous")).scalar_one()
            if mode != "wal" or int(level) < 2:
                raise NotDurable(f"SQLite runs with journal_mode={mode}, synchronous={level}; it needs wal and 2 (FULL)")
            return
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            value = connection.execute(text(f"SHOW {name}")).scalar_one()
            if value == "off":
                raise NotDurable(f"PostgreSQL runs with {name} = off: an acknowledged answer could be lost; set it to on")


def lacks_connections(engine: Engine, processes: int) -> str:
    """A sentence when so many serving processes may use more connections than PostgreSQL allows; "" when all is well."""
    with engine.connect() as connection:
        allowed = int(connection.execute(text("SHOW max_connections")).scalar_one())
    wanted = processes * CONNECTIONS_A_PROCESS + 10
    if wanted <= allowed:
        return ""
    return (
        f"PostgreSQL allows {allowed} connections, {processes} serving processes may want {wanted}: set max_connections = "
        f"{wanted} in postgresql.conf, or serve with fewer."
    )


@contextmanager
def transaction(dbs: Databases) -> Iterator[Session]:
    """A write transaction for workers, commands and tests: commits on leaving, rolls back on an error."""
    with Session(dbs.write, expire_on_commit=False) as db, db.begin():
        yield db


def take_turns(db: Session, what: str) -> None:
    """Until the end of this write transaction nobody else who names `what` is past this line, in any process.

    On SQLite that is so for every write transaction anyway.
    """
    if db.get_bind().dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})


@contextmanager
def reading(dbs: Databases) -> Iterator[Session]:
    """A read-only session for workers and commands."""
    with Session(dbs.read, expire_on_commit=False) as db:
        yield db


def _request_db(request: Request) -> Iterator[Session]:
    with transaction(request.app.state.dbs) as db:
        yield db


def _request_read_db(request: Request) -> Iterator[Session]:
    with reading(request.app.state.dbs) as db:
        yield db


# scope="function": the commit happens before the answer is sent, so a failing commit is an error the user sees.
Db = Annotated[Session, Depends(_request_db, scope="function")]
ReadDb = Annotated[Session, Depends(_request_read_db, scope="function")]
