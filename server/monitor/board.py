"""Reads the seats of a scope: roster, sittings, bindings, reports and pulses become tiles.

A handful of SQL statements a read, whatever the number of seats; no answers, no questions. The sitting's row is enough:
the journal is read only for those who reported a question.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row
from sqlmodel import Session, col, select

from server.monitor import approvals, reports, rules
from server.monitor.feed import Snapshot
from server.monitor.rules import Alert, Counts, Facts, SeatState, Timing
from server.monitor.scope import RoomPlace, Scope, as_exam
from server.registry import devices
from server.registry.tables import Entry, ExamSession
from server.sitting import outages
from server.sitting.tables import SittingRow


class Tile(Struct, frozen=True):
    """One seat as everybody sees it; times in Unix ms. `left_ms` only while paused, when the clock stands."""

    key: str
    room_id: int
    seat_no: int | None
    state: SeatState
    entry_no: int | None = None
    name: str = ""
    admission_no: str = ""
    form_label: str = ""
    alerts: tuple[Alert, ...] = ()
    answered: int = 0
    total: int = 0
    closes_ms: int | None = None
    left_ms: int | None = None
    pc: str | None = None
    identity: bool = False

    def json(self) -> dict[str, Any]:
        """As it travels: short names, because a room of a thousand sends many."""
        return {
            "k": self.key,
            "r": self.room_id,
            "n": self.seat_no,
            "s": self.state.value,
            "e": self.entry_no,
            "nm": self.name,
            "f": self.form_label,
            "al": [alert.value for alert in self.alerts],
            "a": self.answered,
            "t": self.total,
            "z": self.closes_ms,
            "l": self.left_ms,
            "pc": self.pc,
            "id": self.identity,
        }


@dataclass(frozen=True)
class RoomBoard:
    """One room with its tiles in seat order, then candidates without a seat."""

    room: RoomPlace
    tiles: tuple[Tile, ...]
    counts: Counts


@dataclass(frozen=True)
class Board:
    """Everything a board page shows at one moment."""

    scope: Scope
    rooms: tuple[RoomBoard, ...]
    counts: Counts
    now: datetime
    waiting_requests: int
    outages: int = 0
    """Credits for outages nobody has decided on."""
    suspect: bool = False
    """Whether the server's clock is in doubt."""

    @property
    def tiles(self) -> list[Tile]:
        """All tiles, room by room."""
        return [tile for room in self.rooms for tile in room.tiles]

    def head(self) -> dict[str, Any]:
        """Counts, in all and by room, and what waits at the desk."""
        return {
            "counts": asdict(self.counts),
            "rooms": {str(room.room.id): asdict(room.counts) for room in self.rooms},
            "requests": self.waiting_requests,
            "state": self.scope.exam.state,
            "outages": self.outages,
            "suspect": self.suspect,
        }

    def snapshot(self) -> Snapshot:
        """For the stream."""
        return Snapshot(unix_ms(self.now), {tile.key: tile.json() for tile in self.tiles}, self.head())


def read_board(db: Session, scope: Scope, pulses: Mapping[Any, float], now: datetime, watched_s: float) -> Board:
    """Read a scope. `pulses`: seconds since each candidate's browser was heard, by (exam session, entry number)."""
    exam_row = db.get(ExamSession, scope.exam.id)
    exam = as_exam(exam_row) if exam_row else scope.exam
    scope = Scope(exam, scope.rooms, scope.single)
    timing = exam.timing
    rows = _rows(db, scope)
    bound = devices.bound_seats(db, scope.room_ids)
    reported = reports.open_by_entry(db, exam.id, {row.no: row.form_label or "" for row in rows if row.reports})
    by_room: dict[int, list[Tile]] = defaultdict(list)
    for row in rows:
        facts = _facts(row, pulses.get((exam.id, row.no)), watched_s, bound, reported.get(row.no, 0))
        by_room[row.room_id].append(_tile(row, facts, timing, now, bound))
    rooms = tuple(_room(room, by_room[room.id], bound) for room in scope.rooms)
    counts = rules.count(tile.state for room in rooms for tile in room.tiles)
    return Board(scope, rooms, counts, now, approvals.waiting_count(db, scope, now), outages.undecided(db, exam.id))


_COLUMNS = (
    col(Entry.no),
    col(Entry.room_id),
    col(Entry.seat_no),
    col(Entry.name),
    col(Entry.admission_no),
    col(Entry.form_label),
    col(Entry.identity_checked_at),
    col(Entry.signed_in_at),
    col(SittingRow.state),
    col(SittingRow.end_kind),
    col(SittingRow.answered),
    col(SittingRow.total),
    col(SittingRow.opened_at),
    col(SittingRow.closes_at),
    col(SittingRow.stopped_at),
    col(SittingRow.last_at),
    col(SittingRow.identity_at),
    col(SittingRow.reports),
)


def _rows(db: Session, scope: Scope) -> Sequence[Row[Any]]:
    same = (col(SittingRow.exam_session_id) == col(Entry.exam_session_id)) & (col(SittingRow.entry_no) == col(Entry.no))
    wanted = select(*_COLUMNS).join(SittingRow, same, isouter=True)  # type: ignore[call-overload]
    rows: Sequence[Row[Any]] = db.execute(
        wanted.where(col(Entry.exam_session_id) == scope.exam.id, col(Entry.room_id).in_(scope.room_ids))
    ).all()
    return rows


def _facts(
    row: Row[Any], pulse_age_s: float | None, watched_s: float, bound: Mapping[tuple[int, int], str], open_reports: int
) -> Facts:
    return Facts(
        state=row.state,
        end_kind=row.end_kind,
        answered=int.from_bytes(row.answered or b"", "little").bit_count(),
        total=row.total or 0,
        opened_at=row.opened_at,
        changed_at=row.last_at,
        closes_at=row.closes_at,
        pulse_age_s=pulse_age_s,
        watched_s=watched_s,
        arrived=row.signed_in_at is not None,
        bound=(row.room_id, row.seat_no) in bound,
        open_reports=open_reports,
    )


def _tile(row: Row[Any], facts: Facts, timing: Timing, now: datetime, bound: Mapping[tuple[int, int], str]) -> Tile:
    state = rules.seat_state(facts, timing, now)
    running = facts.state == "open" and facts.closes_at is not None
    paused = facts.state == "paused" and facts.closes_at is not None and row.stopped_at is not None
    return Tile(
        key=f"{row.room_id}-{row.seat_no}" if row.seat_no else f"{row.room_id}-e{row.no}",
        room_id=row.room_id,
        seat_no=row.seat_no,
        state=state,
        entry_no=row.no,
        name=row.name,
        admission_no=row.admission_no,
        form_label=row.form_label or "",
        alerts=rules.alerts(facts, state, timing, now),
        answered=facts.answered,
        total=facts.total,
        closes_ms=unix_ms(facts.closes_at) if running and facts.closes_at else None,
        left_ms=max(0, unix_ms(facts.closes_at) - unix_ms(row.stopped_at)) if paused and facts.closes_at else None,
        pc=bound.get((row.room_id, row.seat_no or 0)),
        identity=row.identity_at is not None or row.identity_checked_at is not None,
    )


def _room(room: RoomPlace, taken: list[Tile], bound: Mapping[tuple[int, int], str]) -> RoomBoard:
    """Seats 1..capacity in order, empty ones too, then candidates without a seat."""
    by_seat = {tile.seat_no: tile for tile in taken if tile.seat_no}
    highest = max([room.capacity, *by_seat])
    tiles = [
        by_seat.get(no) or Tile(f"{room.id}-{no}", room.id, no, SeatState.EMPTY, pc=bound.get((room.id, no)))
        for no in range(1, highest + 1)
    ]
    tiles += sorted((tile for tile in taken if not tile.seat_no), key=lambda tile: tile.entry_no or 0)
    return RoomBoard(room, tuple(tiles), rules.count(tile.state for tile in tiles))


def unix_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
