"""The real `SqliteStore` and `Writer` on a `Disk`: an apsw connection that speaks as the driver's does.

apsw carries its own SQLite (newer than Python's), and without shared memory the connection is EXCLUSIVE: the statements, their
order, the settings and everything above the connection are the product's; file locks and the WAL index in shared memory are not
exercised here.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import apsw
from sqlalchemy import create_engine

from server.sitting.store import SqliteStore
from tests.faults.disk import Disk

FILE = "jikao.db"


@contextlib.contextmanager
def _as_driver() -> Iterator[None]:
    """apsw's errors under the names of sqlite3's, by SQLite's result code."""
    try:
        yield
    except (apsw.ConstraintError, apsw.MismatchError) as error:
        raise sqlite3.IntegrityError(str(error)) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise sqlite3.DatabaseError(str(error)) from error
    except apsw.BusyError as error:
        raise sqlite3.OperationalError("database is locked") from error
    except apsw.Error as error:
        raise sqlite3.OperationalError(str(error)) from error


class Cursor:
    """`sqlite3.Cursor`, as far as the store uses it."""

    def __init__(self, inner: apsw.Cursor) -> None:
        self.inner = inner

    def execute(self, statement: str, parameters: Any = ()) -> "Cursor":
        with _as_driver():
            self.inner.execute(statement, parameters)
        return self

    def executemany(self, statement: str, rows: Sequence[Any]) -> "Cursor":
        with _as_driver():
            self.inner.executemany(statement, rows)
        return self

    def fetchall(self) -> list[Any]:
        with _as_driver():
            return list(self.inner.fetchall())

    def fetchone(self) -> Any:
        with _as_driver():
            return self.inner.fetchone()

    def close(self) -> None:
        self.inner.close()


class Connection:
    """`sqlite3.Connection`, as far as the store uses it."""

    def __init__(self, inner: apsw.Connection) -> None:
        self.inner = inner

    def cursor(self) -> Cursor:
        return Cursor(self.inner.cursor())

    def execute(self, statement: str, parameters: Any = ()) -> Cursor:
        return self.cursor().execute(statement, parameters)

    @property
    def in_transaction(self) -> bool:
        return self.inner.in_transaction

    def close(self) -> None:
        self.inner.close(True)


class DiskStore(SqliteStore):
    """The product's store; only where the connection comes from differs. `synchronous` FULL is the product's."""

    def __init__(self, disk: Disk, *, synchronous: str = "FULL", checkpoint_pages: int = 16) -> None:
        super().__init__(create_engine("sqlite://"))
        self.disk, self.synchronous, self.checkpoint_pages = disk, synchronous, checkpoint_pages

    def connect(self) -> Connection:
        with _as_driver():
            made = Connection(apsw.Connection(FILE, vfs=self.disk.vfs_name))
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", f"synchronous={self.synchronous}", "fullfsync=ON"):
            made.execute(f"PRAGMA {setting}").fetchall()
        made.execute("PRAGMA foreign_keys=ON")
        self._prepare(made.cursor())
        made.execute(f"PRAGMA wal_autocheckpoint={self.checkpoint_pages}").fetchall()
        return made
