"""The writer's SQL, whatever the database: the number of statements does not depend on the size of a batch.

Rows travel as plain tuples over the driver's own connection: a save pays for no ORM object, no statement compilation and
no result metadata, which together cost more than everything else of a small batch. The connection is made by the engine,
so it has the engine's settings. Times are Unix ms in `Sitting` and aware UTC in SQL; the text form on SQLite is
SQLAlchemy's own.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec
from sqlalchemy import Engine, Table
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from server.audit.tables import AuditRow
from server.sitting import events as ev
from server.sitting.commands import Key, Quarantined
from server.sitting.operations import content_of
from server.sitting.state import Sitting
from server.sitting.tables import JournalEvent, QuarantinedOperation, SittingRow

QUARANTINE_MAX = 1_000
"""Operations kept apart per sitting: an honest client has a few dozen, a flood must not fill the disk."""


Seen = dict[tuple[int, int], dict[str, Any]]
Row = tuple[Any, ...]
Rows = Iterable[Sequence[Any]]
Columns = tuple[str, ...]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_datetime(ms: int) -> datetime:
    """Unix ms as aware UTC, exactly."""
    return EPOCH + timedelta(milliseconds=ms)


def to_ms(at: datetime) -> int:
    """Aware UTC as Unix ms, rounded down."""
    return (at - EPOCH) // MILLISECOND


def _columns(model: type[SQLModel]) -> list[str]:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return [column.name for column in table.columns]


SITTING = _columns(SittingRow)
JOURNAL = _columns(JournalEvent)
AUDIT = [name for name in _columns(AuditRow) if name != "id"]
SAVED = ["ack", "n", "head", "last_at", "reports", "answered", "flagged"]
"""What a plain save changes: none of it is indexed."""
TIP = ("exam_session_id", "entry_no", "n", "version", "head")
"""What names a sitting's state: it is the fold of the journal that ends in this head."""
REST = [name for name in SITTING if name not in ("exam_session_id", "entry_no")]
ALL = tuple(SITTING)
NONE_KEPT: Mapping[Key, Sitting] = {}
TIMES = frozenset(name for name in SITTING if name.endswith("_at"))
_TIME_PLACES = [place for place, name in enumerate(SITTING) if name in TIMES]
_OUTAGES = SITTING.index("outages")
_ANSWERED, _FLAGGED = SITTING.index("answered"), SITTING.index("flagged")
_LATE, _RECEIPT = SITTING.index("admit_late"), SITTING.index("receipt")


def _bits(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


class Connection(Protocol):
    """The driver's connection (sqlite3 or psycopg), as far as it is used here."""

    def cursor(self) -> Any:
        """A cursor."""

    def close(self) -> None:
        """Close it."""


def trouble(error: BaseException) -> Literal["retry", "storage", "data"]:
    """What a failed batch means: try again (a lock), nothing can be stored now, or something in it cannot be stored."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, OSError):
        return "storage"
    name, module = type(error).__name__, type(error).__module__.partition(".")[0]
    if module not in ("sqlite3", "psycopg"):
        return "data"
    state = getattr(error, "sqlstate", None)
    text = str(error).lower()
    if state in ("55P03", "40P01", "40001") or "database is locked" in text or "table is locked" in text:
        return "retry"
    if state is not None:
        return "data" if state[:2] in ("22", "23", "42", "P0") else "storage"
    return "storage" if name in ("OperationalError", "InternalError", "DatabaseError") else "data"


class Store(ABC):
    """Statements shared by both databases; `SqliteStore` and `PostgresStore` say how rows are matched in bulk."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def connect(self) -> Connection:
        """A connection of the writer's own, kept for long, never given back to the pool."""
        pooled = self.engine.raw_connection()
        raw: Connection = pooled.driver_connection  # type: ignore[assignment]
        pooled.detach()
        self._prepare(raw.cursor())
        return raw

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that will write."""
        connection.cursor().execute(self.begins)

    def commit(self, connection: Connection) -> None:
        """Make it durable; what is answered afterwards is on disk."""
        connection.cursor().execute("COMMIT")

    @abstractmethod
    def roll_back(self, connection: Connection) -> None:
        """Undo, if there is anything to undo."""

    def load(self, connection: Connection, keys: Sequence[Key], kept: Mapping[Key, Sitting] = NONE_KEPT) -> dict[Key, Sitting]:
        """Lock and read the sittings of `keys`, in id order; those that do not exist are missing.

        A sitting of `kept` is taken instead of the rest of its row when the row still ends in the same head: a state is the fold
        of its journal, so the same head is the same state (I2).
        """
        found: dict[Key, Sitting] = {}
        wanted: Sequence[Key] = keys
        if kept:
            wanted = []
            for exam_session_id, entry_no, n, version, head in self._select(connection, keys, TIP, lock=True):
                key = (exam_session_id, entry_no)
                sitting = kept.get(key)
                if sitting is not None and sitting.head == head and sitting.n == n and sitting.version == version:
                    found[key] = sitting
                else:
                    wanted.append(key)
        if wanted:
            rows = self._select(connection, wanted, ALL, lock=True)
            found |= {(row[0], row[1]): self._sitting(row) for row in rows}
        return found

    def peek(self, connection: Connection, keys: Sequence[Key]) -> list[Sitting]:
        """The same without a lock, for pulses."""
        return [self._sitting(row) for row in self._select(connection, keys, ALL, lock=False)]

    def changed(self, connection: Connection, exam_session_ids: list[int], since_ms: int) -> list[Sitting]:
        """Sittings whose version moved after `since_ms`."""
        rows = self._changed(connection, exam_session_ids, self.time(since_ms))
        return [self._sitting(row) for row in rows]

    def texts(self, connection: Connection, places: Sequence[tuple[int, int, int]]) -> list[tuple[Key, ev.Event]]:
        """The events at (exam_session_id, entry_no, n)."""
        rows = self._at(connection, places)
        return [((row[0], row[1]), ev.read(row[2], row[3])) for row in rows]

    def seen(self, connection: Connection, wanted: Sequence[tuple[int, int, int, int, int]]) -> dict[Key, Seen]:
        """Contents of journaled operations: `wanted` is (exam_session_id, entry_no, epoch, first op, last op)."""
        found: dict[Key, Seen] = {}
        for exam_session_id, entry_no, body, head in self._journaled(connection, wanted):
            event = ev.read(body, head)
            if event.op is not None:
                found.setdefault((exam_session_id, entry_no), {})[event.epoch, event.op] = content_of(event)
        return found

    def add_events(self, connection: Connection, events: Iterable[tuple[Key, ev.Event]]) -> None:
        """Append to journals."""
        rows = [
            (
                key[0],
                key[1],
                event.n,
                event.kind,
                event.epoch,
                event.op,
                self.time(event.at),
                None if event.who is None else f"{event.who[0]}:{event.who[1]}",
                event.body,
                event.head,
            )
            for key, event in events
        ]
        self._insert(connection, "journal_event", JOURNAL, rows)

    def add_sittings(self, connection: Connection, sittings: Iterable[Sitting]) -> None:
        """Insert new sittings."""
        self._insert(connection, "sitting", SITTING, [self._row(sitting, SITTING) for sitting in sittings])

    def save(self, connection: Connection, sittings: Iterable[Sitting], *, columns: list[str]) -> None:
        """Update sittings: `columns` is `SAVED` for plain saves, `REST` otherwise."""
        if columns is SAVED:
            rows = [self._saved(sitting) for sitting in sittings]
        else:
            names = [*columns, "exam_session_id", "entry_no"]
            rows = [self._row(sitting, names) for sitting in sittings]
        self._update(connection, columns, rows)

    def keep_apart(self, connection: Connection, kept: Iterable[tuple[Key, Quarantined]]) -> None:
        """Add operations to the quarantine; the same content twice is one row, and there is a limit per sitting."""
        rows = [(*key, q.epoch, q.op, digest(q), q.reason, self.time(q.at), json.dumps(q.content)) for key, q in kept]
        mark = self.mark
        connection.cursor().executemany(
            f"INSERT INTO quarantined_operation ({', '.join(_columns(QuarantinedOperation)[:-1])}) "  # noqa: S608
            f"SELECT {self.quarantine_marks} WHERE (SELECT count(*) FROM quarantined_operation "
            f"WHERE exam_session_id = {mark} AND entry_no = {mark}) < {QUARANTINE_MAX} ON CONFLICT DO NOTHING",
            [(*row, row[0], row[1]) for row in rows],
        )

    def admitted(self, connection: Connection, rows: list[Row]) -> None:
        """Note which event counted quarantined operations: (n, exam_session_id, entry_no, epoch, op, digest)."""
        mark = self.mark
        connection.cursor().executemany(
            f"UPDATE quarantined_operation SET admitted_n = {mark} WHERE exam_session_id = {mark} "  # noqa: S608
            f"AND entry_no = {mark} AND epoch = {mark} AND op = {mark} AND digest = {mark} AND admitted_n IS NULL",
            rows,
        )

    def audit(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        """Audit rows in the transaction of the acts; `at` in Unix ms, `detail` plain values."""
        values = [
            tuple(
                self.time(row[name]) if name == "at" else json.dumps(row[name]) if name == "detail" else row[name]
                for name in AUDIT
            )
            for row in rows
        ]
        self._insert(connection, "audit_row", AUDIT, values)

    def read_events(self, connection: Connection, key: Key) -> list[ev.Event]:
        """The whole journal of one sitting, in order."""
        cursor = connection.cursor()
        cursor.execute(
            f"SELECT body, head FROM journal_event WHERE exam_session_id = {self.mark} AND entry_no = {self.mark} ORDER BY n",  # noqa: S608
            key,
        )
        return [ev.read(body, head) for body, head in cursor.fetchall()]

    def _sitting(self, row: Sequence[Any]) -> Sitting:
        values = list(row)
        for place in _TIME_PLACES:
            if values[place] is not None:
                values[place] = self.ms(values[place])
        values[_ANSWERED] = int.from_bytes(values[_ANSWERED], "little")
        values[_FLAGGED] = int.from_bytes(values[_FLAGGED], "little")
        values[_LATE] = bool(values[_LATE])
        if values[_RECEIPT] is not None:
            values[_RECEIPT] = msgspec.json.decode(values[_RECEIPT])
        if values[_OUTAGES] is not None:
            values[_OUTAGES] = msgspec.json.decode(values[_OUTAGES])
        return Sitting(*values)

    def _saved(self, sitting: Sitting) -> Row:
        return (
            sitting.ack,
            sitting.n,
            sitting.head,
            self.time(sitting.last_at),
            sitting.reports,
            _bits(sitting.answered),
            _bits(sitting.flagged),
            sitting.exam_session_id,
            sitting.entry_no,
        )

    def _row(self, sitting: Sitting, names: list[str]) -> Row:
        values = []
        for name in names:
            value = getattr(sitting, name)
            if name in TIMES:
                value = None if value is None else self.time(value)
            elif name in ("answered", "flagged"):
                value = _bits(value)
            elif name in ("receipt", "outages") and value is not None:
                value = ev.canonical(value).decode()
            values.append(value)
        return tuple(values)

    # -- what differs between the databases --

    mark = "?"
    quarantine_marks = ""
    begins = "BEGIN"

    @abstractmethod
    def _prepare(self, cursor: Any) -> None:
        """Settings of the writer's own connection."""

    @abstractmethod
    def time(self, ms: int) -> Any:
        """A moment as the driver wants it."""

    @abstractmethod
    def ms(self, value: Any) -> int:
        """A moment as the driver gives it."""

    @abstractmethod
    def _select(self, connection: Connection, keys: Sequence[Key], columns: Columns, *, lock: bool) -> Rows:
        """These columns of these sittings, locked when asked."""

    @abstractmethod
    def _changed(self, connection: Connection, exam_session_ids: list[int], since: Any) -> Iterable[Sequence[Any]]:
        """Versions of sittings changed since."""

    @abstractmethod
    def _at(self, connection: Connection, places: Sequence[Row]) -> Iterable[Sequence[Any]]:
        """Journal rows at these places."""

    @abstractmethod
    def _journaled(self, connection: Connection, wanted: Sequence[Row]) -> Iterable[Sequence[Any]]:
        """Journaled operations of these ranges."""

    @abstractmethod
    def _insert(self, connection: Connection, table: str, columns: list[str], rows: list[Row]) -> None:
        """Insert rows into a table in one statement."""

    @abstractmethod
    def _update(self, connection: Connection, columns: list[str], rows: list[Row]) -> None:
        """Update these columns of sittings in one statement."""


def digest(kept: Quarantined) -> str:
    """Names a quarantined operation by its content."""
    return digest_of(kept.content)


def digest_of(content: dict[str, Any]) -> str:
    """The same of a content."""
    return hashlib.sha256(ev.canonical(content)).hexdigest()[:32]
