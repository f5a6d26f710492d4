"""The two databases behind `sql.Store`: how rows are matched in bulk, how a transaction begins and commits."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from server.sitting.commands import Key
from server.sitting.sql import (
    REST,
    SAVED,
    SITTING,
    Columns,
    Connection,
    Row,
    Rows,
    Store,
    to_datetime,
    to_ms,
    trouble,
)

__all__ = [
    "REST",
    "SAVED",
    "SITTING",
    "Connection",
    "PostgresStore",
    "SqliteStore",
    "Store",
    "store_for",
    "to_datetime",
    "to_ms",
    "trouble",
]

CHECKPOINT_PAGES = 4_000
"""16 MB of WAL."""
CACHE_KIB = 65_536


def _rows(connection: Connection, statement: str, parameters: tuple[Any, ...]) -> list[Sequence[Any]]:
    cursor = connection.cursor()
    cursor.execute(statement, parameters)
    found: list[Sequence[Any]] = cursor.fetchall()
    return found


@lru_cache
def _point_query(places: int, columns: Columns) -> str:
    """Read `places` sittings by key; a few sizes only, so that the driver finds them prepared."""
    names = ", ".join("s." + name for name in columns)
    return (
        f"WITH k(a, b) AS (VALUES {', '.join(['(?, ?)'] * places)}) SELECT {names} "  # noqa: S608
        "FROM k CROSS JOIN sitting AS s ON s.exam_session_id = k.a AND s.entry_no = k.b"
    )


class SqliteStore(Store):
    """One statement, prepared once, run over all rows inside the driver; BEGIN IMMEDIATE is the lock."""

    quarantine_marks = ", ".join(["?"] * 8)
    begins = "BEGIN IMMEDIATE"

    def _prepare(self, cursor: Any) -> None:
        """The same pages change again and again: keep them in memory, and checkpoint (write each once) less often."""
        cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    def roll_back(self, connection: Connection) -> None:
        """ROLLBACK, unless SQLite has done it by itself."""
        if connection.in_transaction:  # type: ignore[attr-defined]
            connection.cursor().execute("ROLLBACK")

    @staticmethod
    @lru_cache(maxsize=65_536)
    def _text(ms: int) -> str:
        return to_datetime(ms).replace(tzinfo=None).isoformat(" ", "microseconds")

    @staticmethod
    @lru_cache(maxsize=65_536)
    def _ms(text: str) -> int:
        return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))

    def time(self, ms: int) -> str:
        """As SQLAlchemy's DATETIME writes it."""
        return self._text(ms)

    def ms(self, value: str) -> int:
        """From that text."""
        return self._ms(value)

    _SEEN = (
        "SELECT j.exam_session_id, j.entry_no, j.body, j.head FROM json_each(?) AS k CROSS JOIN journal_event AS j "
        "ON j.exam_session_id = json_extract(k.value, '$[0]') AND j.entry_no = json_extract(k.value, '$[1]') "
        "AND j.epoch = json_extract(k.value, '$[2]') "
        "AND j.op BETWEEN json_extract(k.value, '$[3]') AND json_extract(k.value, '$[4]')"
    )

    _CHANGED = (
        f"SELECT {', '.join(SITTING)} FROM sitting "  # noqa: S608
        "WHERE exam_session_id IN (SELECT value FROM json_each(?)) AND changed_at > ?"
    )
    _AT = (
        "SELECT j.exam_session_id, j.entry_no, j.body, j.head FROM json_each(?) AS k CROSS JOIN journal_event AS j "
        "ON j.exam_session_id = json_extract(k.value, '$[0]') AND j.entry_no = json_extract(k.value, '$[1]') "
        "AND j.n = json_extract(k.value, '$[2]')"
    )

    def _select(self, connection: Connection, keys: Sequence[Key], columns: Columns, *, lock: bool) -> Rows:
        places = 8
        while places < len(keys):
            places *= 2
        wanted: list[int] = [part for key in keys for part in key]
        return _rows(connection, _point_query(places, columns), (*wanted, *(-1 for _ in range(2 * places - len(wanted)))))

    def _changed(self, connection: Connection, exam_session_ids: list[int], since: str) -> Iterable[Sequence[Any]]:
        return _rows(connection, self._CHANGED, (json.dumps(exam_session_ids), since))

    def _at(self, connection: Connection, places: Sequence[Row]) -> Iterable[Sequence[Any]]:
        return _rows(connection, self._AT, (json.dumps(places),))

    def _journaled(self, connection: Connection, wanted: Sequence[Row]) -> Iterable[Sequence[Any]]:
        return _rows(connection, self._SEEN, (json.dumps(wanted),))

    def _insert(self, connection: Connection, table: str, columns: list[str], rows: list[Row]) -> None:
        marks = ", ".join("?" * len(columns))
        connection.cursor().executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608

    def _update(self, connection: Connection, columns: list[str], rows: list[Row]) -> None:
        sets = ", ".join(f"{name} = ?" for name in columns)
        connection.cursor().executemany(
            f"UPDATE sitting SET {sets} WHERE exam_session_id = ? AND entry_no = ?",  # noqa: S608
            rows,
        )


class PostgresStore(Store):
    """One round trip per statement.

    Rows go as arrays and come apart by `unnest`. READ COMMITTED, rows locked in id order.
    """

    mark = "%s"
    quarantine_marks = "%s::int, %s::int, %s::int, %s::int, %s, %s, %s::timestamptz, %s::json"

    def _prepare(self, cursor: Any) -> None:
        """Short limits: a stopped worker must not stall the rest, nor a lock the queue. This module begins and commits."""
        cursor.connection.rollback()
        cursor.connection.autocommit = True
        for setting in ("lock_timeout = '300ms'", "idle_in_transaction_session_timeout = '3s'"):
            cursor.execute(f"SET {setting}")

    def commit(self, connection: Connection) -> None:
        """PostgreSQL answers COMMIT of a failed transaction by ROLLBACK and no error: that is not stored."""
        cursor = connection.cursor()
        cursor.execute("COMMIT")
        if cursor.statusmessage != "COMMIT":
            raise OSError("the transaction was rolled back at its commit")

    def roll_back(self, connection: Connection) -> None:
        """ROLLBACK; a dead connection raises."""
        connection.cursor().execute("ROLLBACK")

    def time(self, ms: int) -> datetime:
        """psycopg takes aware times."""
        return to_datetime(ms)

    def ms(self, value: datetime) -> int:
        """psycopg gives aware times."""
        return to_ms(value)

    def _select(self, connection: Connection, keys: Sequence[Key], columns: Columns, *, lock: bool) -> Rows:
        locking = "ORDER BY s.exam_session_id, s.entry_no FOR NO KEY UPDATE OF s" if lock else ""
        return _rows(
            connection,
            f"SELECT {', '.join('s.' + name for name in columns)} FROM sitting AS s "  # noqa: S608
            f"JOIN unnest(%s::int[], %s::int[]) AS k(a, b) ON s.exam_session_id = k.a AND s.entry_no = k.b {locking}",
            (_array([key[0] for key in keys]), _array([key[1] for key in keys])),
        )

    def _changed(self, connection: Connection, exam_session_ids: list[int], since: datetime) -> Iterable[Sequence[Any]]:
        return _rows(
            connection,
            f"SELECT {', '.join(SITTING)} FROM sitting WHERE exam_session_id = ANY(%s) AND changed_at > %s",  # noqa: S608
            (exam_session_ids, since),
        )

    def _at(self, connection: Connection, places: Sequence[Row]) -> Iterable[Sequence[Any]]:
        return _rows(
            connection,
            "SELECT j.exam_session_id, j.entry_no, j.body, j.head FROM journal_event AS j "
            "JOIN unnest(%s::int[], %s::int[], %s::int[]) AS k(a, b, c) "
            "ON j.exam_session_id = k.a AND j.entry_no = k.b AND j.n = k.c",
            tuple(_array([row[place] for row in places]) for place in range(3)),
        )

    def _journaled(self, connection: Connection, wanted: Sequence[Row]) -> Iterable[Sequence[Any]]:
        return _rows(
            connection,
            "SELECT j.exam_session_id, j.entry_no, j.body, j.head FROM journal_event AS j "
            "JOIN unnest(%s::int[], %s::int[], %s::int[], %s::int[], %s::int[]) AS k(a, b, c, d, e) "
            "ON j.exam_session_id = k.a AND j.entry_no = k.b AND j.epoch = k.c AND j.op BETWEEN k.d AND k.e",
            tuple(_array([row[place] for row in wanted]) for place in range(5)),
        )

    def _insert(self, connection: Connection, table: str, columns: list[str], rows: list[Row]) -> None:
        arrays = ", ".join(f"%s::{_array_type(table, name)}" for name in columns)
        connection.cursor().execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})",  # noqa: S608
            tuple(map(_array, zip(*rows, strict=True))),
        )

    def _update(self, connection: Connection, columns: list[str], rows: list[Row]) -> None:
        names = [*columns, "exam_session_id", "entry_no"]
        arrays = ", ".join(f"%s::{_array_type('sitting', name)}" for name in names)
        sets = ", ".join(f"{name} = v.{name}" for name in columns)
        connection.cursor().execute(
            f"UPDATE sitting AS s SET {sets} FROM unnest({arrays}) AS v({', '.join(names)}) "  # noqa: S608
            "WHERE s.exam_session_id = v.exam_session_id AND s.entry_no = v.entry_no",
            tuple(map(_array, zip(*rows, strict=True))),
        )


def _array(values: Sequence[Any]) -> str:
    """An array of one type as PostgreSQL reads it; the driver's own way, element by element, was half of a batch's CPU."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, bytes):
        parts = ["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in values]
    elif isinstance(first, datetime):
        parts = ["NULL" if value is None else f'"{value.isoformat()}"' for value in values]
    elif isinstance(first, str):
        parts = ["NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    else:
        parts = ["NULL" if value is None else str(value) for value in values]
    return f"{{{','.join(parts)}}}"


_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]


@lru_cache
def _array_type(table: str, column: str) -> str:
    kind = SQLModel.metadata.tables[table].columns[column].type
    return f"{kind.compile(dialect=_POSTGRESQL)}[]"


def store_for(engine: Engine) -> Store:
    """The store of an engine's database."""
    return SqliteStore(engine) if engine.dialect.name == "sqlite" else PostgresStore(engine)
