"""Reading sittings.

For marking, for the board, for one candidate's story. Read-only; any session or replica will do.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import func
from sqlmodel import Session, col, select

from server.sitting import events as ev
from server.sitting import times
from server.sitting.commands import HeldOperation
from server.sitting.operations import content_of
from server.sitting.state import Answers, counted, fold_answers
from server.sitting.store import to_datetime, to_ms
from server.sitting.tables import JournalEvent, QuarantinedOperation, SittingRow

CHUNK = 5_000


class Responses(NamedTuple):
    """What marking needs of one sitting.

    `state`: submitted, timed_out, forced, voided, absent; or a state before the end.
    """

    entry_no: int
    form_id: int | None
    answers: dict[int, list[Any]]
    state: str


def responses(db: Session, exam_session_id: int) -> Iterator[Responses]:
    """Every sitting of an exam session with its answers (slot -> option ids or texts, [] = blank), by entry number (I7).

    Folded from the journals: the last value of each slot, admitted late operations where they stand in the chain.
    """
    rows = db.execute(
        select(col(SittingRow.entry_no), col(SittingRow.form_id), col(SittingRow.state), col(SittingRow.end_kind))
        .where(col(SittingRow.exam_session_id) == exam_session_id)
        .order_by(col(SittingRow.entry_no))
    ).all()
    answers = _answers(db, exam_session_id)
    for entry_no, form_id, state, end_kind in rows:
        yield Responses(entry_no, form_id, answers.get(entry_no, {}), end_kind or state)


def _answers(db: Session, exam_session_id: int) -> dict[int, dict[int, list[Any]]]:
    found = db.execute(
        select(col(JournalEvent.entry_no), col(JournalEvent.body))
        .where(
            col(JournalEvent.exam_session_id) == exam_session_id,
            col(JournalEvent.kind).in_(("answered", "late_admitted", "judged")),
        )
        .order_by(col(JournalEvent.entry_no), col(JournalEvent.n))
        .execution_options(yield_per=CHUNK)
    )
    answers: dict[int, dict[int, list[Any]]] = {}
    for entry_no, body in found:
        data = ev.read(body, b"").data
        mine = answers.setdefault(entry_no, {})
        for content in data.get("operations", (data,)):
            if "value" in content:
                mine[content["item"]] = content["value"]
    return answers


@dataclass(frozen=True)
class BoardRow:
    """One sitting as the board shows it. Times aware UTC; `stopped_at` set: its clock stands since then."""

    entry_no: int
    room_id: int | None
    form_id: int | None
    state: str
    end_kind: str | None
    answered: int
    flagged: int
    total: int
    opened_at: datetime | None
    closes_at: datetime | None
    stopped_at: datetime | None
    ended_at: datetime | None
    last_at: datetime
    identity_at: datetime | None
    device: str | None
    epoch: int
    version: int
    reports: int
    apart: int
    """Operations kept apart that nobody has decided on."""
    receipt_code: str | None

    def remaining_ms(self, now: datetime) -> int | None:
        """Time left; None before the opening, 0 after the end."""
        if self.state in ("ended", "absent"):
            return 0
        closes = None if self.closes_at is None else to_ms(self.closes_at)
        stopped = None if self.stopped_at is None else to_ms(self.stopped_at)
        return times.remaining_ms(to_ms(now), closes, stopped)


_BOARD = (*(field.name for field in fields(BoardRow) if field.name not in ("apart", "receipt_code")), "receipt")


def board_rows(db: Session, exam_session_id: int, room_id: int | None = None) -> list[BoardRow]:
    """The sittings of an exam session (or one of its rooms) by entry number. Entries without a sitting are not here."""
    statement = (
        select(*(getattr(SittingRow, name) for name in _BOARD))
        .where(col(SittingRow.exam_session_id) == exam_session_id)
        .order_by(col(SittingRow.entry_no))
    )
    if room_id is not None:
        statement = statement.where(col(SittingRow.room_id) == room_id)
    apart = _apart(db, exam_session_id)
    return [_board_row(dict(zip(_BOARD, row, strict=True)), apart) for row in db.execute(statement)]


def _board_row(row: dict[str, Any], apart: dict[int, int]) -> BoardRow:
    receipt = row.pop("receipt")
    row["answered"] = int.from_bytes(row["answered"], "little").bit_count()
    row["flagged"] = int.from_bytes(row["flagged"], "little").bit_count()
    code = None if receipt is None else msgspec.json.decode(receipt)["code"]
    return BoardRow(**row, apart=apart.get(row["entry_no"], 0), receipt_code=code)


def _apart(db: Session, exam_session_id: int) -> dict[int, int]:
    rows = db.execute(
        select(col(QuarantinedOperation.entry_no), func.count())
        .where(
            col(QuarantinedOperation.exam_session_id) == exam_session_id,
            col(QuarantinedOperation.admitted_n).is_(None),
        )
        .group_by(col(QuarantinedOperation.entry_no))
    )
    return {row[0]: row[1] for row in rows}


def journal(db: Session, exam_session_id: int, entry_no: int) -> list[ev.Event]:
    """The whole journal of one sitting, in order; empty if there is none."""
    rows = db.execute(
        select(col(JournalEvent.body), col(JournalEvent.head))
        .where(col(JournalEvent.exam_session_id) == exam_session_id, col(JournalEvent.entry_no) == entry_no)
        .order_by(col(JournalEvent.n))
    )
    return [ev.read(body, head) for body, head in rows]


def held_operations(db: Session, exam_session_id: int) -> dict[int, list[HeldOperation]]:
    """Operations that wait to be judged, by entry number, in order."""
    unjudged = select(col(SittingRow.entry_no), col(SittingRow.judged_n)).where(
        col(SittingRow.exam_session_id) == exam_session_id, col(SittingRow.held) > 0
    )
    since = {row[0]: row[1] for row in db.execute(unjudged)}
    found: dict[int, list[HeldOperation]] = {}
    for entry_no, judged_n in since.items():
        rows = db.execute(
            select(col(JournalEvent.body))
            .where(
                col(JournalEvent.exam_session_id) == exam_session_id,
                col(JournalEvent.entry_no) == entry_no,
                col(JournalEvent.n) > judged_n,
                col(JournalEvent.kind) == "held",
            )
            .order_by(col(JournalEvent.n))
        ).scalars()
        events = [ev.read(body, b"") for body in rows]
        found[entry_no] = [HeldOperation(e.n, e.epoch, e.op or 0, e.at, content_of(e)) for e in events]
    return found


@dataclass(frozen=True)
class Story:
    """All that happened to one candidate: the row, the events, the time ledger, the answers and the order as seen."""

    row: SittingRow
    events: list[ev.Event]
    ledger: list[times.LedgerEntry]
    answers: Answers
    apart: list[QuarantinedOperation]
    chain_problem: str | None
    """Why the chain does not recompute; None when it does."""

    def at(self, event: ev.Event) -> datetime:
        """When an event happened."""
        return to_datetime(event.at)


def sitting_story(db: Session, exam_session_id: int, entry_no: int) -> Story | None:
    """For the staff's page of one sitting; None if the candidate has no sitting yet."""
    row = db.get(SittingRow, (exam_session_id, entry_no))
    if row is None:
        return None
    events = journal(db, exam_session_id, entry_no)
    try:
        head = ev.check_chain(exam_session_id, entry_no, events)
        problem = None if head == row.head else "the row's head is not the journal's"
    except ev.BrokenChainError as error:
        problem = str(error)
    apart = db.exec(
        select(QuarantinedOperation)
        .where(
            col(QuarantinedOperation.exam_session_id) == exam_session_id,
            col(QuarantinedOperation.entry_no) == entry_no,
        )
        .order_by(col(QuarantinedOperation.at), col(QuarantinedOperation.op))
    ).all()
    return Story(row, events, times.ledger(events), fold_answers(events), list(apart), problem)


def reported_faults(
    db: Session, exam_session_id: int, entry_nos: Collection[int] | None = None
) -> list[tuple[int, int | None, int, str, datetime]]:
    """Questions candidates called faulty: (entry_no, form_id, slot, text, at), newest first; of some entries or of all.

    A report that was held counts from its judgement on, and that is its time here.
    """
    mine = [] if entry_nos is None else [col(JournalEvent.entry_no).in_(entry_nos)]
    rows = db.execute(
        select(col(JournalEvent.entry_no), col(SittingRow.form_id), col(JournalEvent.body), col(JournalEvent.at))
        .join(
            SittingRow,
            (col(SittingRow.exam_session_id) == col(JournalEvent.exam_session_id))
            & (col(SittingRow.entry_no) == col(JournalEvent.entry_no)),
        )
        .where(col(JournalEvent.exam_session_id) == exam_session_id, col(JournalEvent.kind).in_(("reported", "judged")), *mine)
        .order_by(col(JournalEvent.at).desc())
    )
    return [
        (entry_no, form_id, content["item"], content["report"], at)
        for entry_no, form_id, body, at in rows
        for content in counted(ev.read(body, b""))
        if "report" in content
    ]
