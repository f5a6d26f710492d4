"""Entering candidates into an exam session: the staged roster, then all rows or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, insert, update
from sqlmodel import Session, col, delete, select

from server.audit import trail
from server.audit.trail import Actor
from server.errors import Conflict, NotFound
from server.keyring import Keyring
from server.pages import beijing
from server.registry import freeze
from server.registry.admission import next_numbers
from server.registry.readiness import EDITABLE
from server.registry.roster import Candidate, Present, Roster, read_roster
from server.registry.sheets import UnreadableSheetError, read_rows
from server.registry.tables import Entry, ExamSession, ExamSessionRoom, Room, RosterDraft

PURPOSE = "id_number"
MAX_ENTRIES = 5_000


@dataclass(frozen=True)
class Staged:
    """A file that waits for the officer's word: the draft's id and what was read."""

    draft_id: int
    roster: Roster


def id_index(keyring: Keyring, id_number: str) -> str:
    """Blind index of an ID number, for equality."""
    return keyring.blind_index(id_number.upper())


def factor_index(keyring: Keyring, id_number: str) -> str:
    """Blind index of the second factor: the last six characters of the ID number."""
    return keyring.blind_index(id_number.upper()[-6:], domain="second_factor")


def _aad(exam_session_id: int, no: int) -> bytes:
    return f"entry:{exam_session_id}:{no}".encode()


def open_id_number(keyring: Keyring, entry: Entry) -> str:
    """The full ID number of an entry. The caller audits why it was needed."""
    return keyring.open(PURPOSE, entry.id_cipher, _aad(entry.exam_session_id, entry.no)).decode()


def resealed(keyring: Keyring, entry: Entry, exam_session_id: int) -> bytes:
    """The ID number of an entry, sealed for the same number in another exam session."""
    number = open_id_number(keyring, entry)
    return keyring.seal(PURPOSE, number.encode(), _aad(exam_session_id, entry.no))


def present_in(db: Session, exam_session_id: int) -> Present:
    """What the exam session already holds, for the check of a roster."""
    taken = db.exec(select(Entry.id_index, Entry.admission_no).where(Entry.exam_session_id == exam_session_id)).all()
    rooms, seats = db.exec(
        select(func.count(), func.coalesce(func.sum(Room.capacity - Room.spare), 0))
        .select_from(ExamSessionRoom)
        .join(Room, col(Room.id) == ExamSessionRoom.room_id)
        .where(ExamSessionRoom.exam_session_id == exam_session_id)
    ).one()
    return Present(
        id_indexes=frozenset(index for index, _ in taken),
        admission_nos=frozenset(number for _, number in taken),
        seats_left=int(seats) - len(taken) if rooms else None,
    )


def check_file(db: Session, keyring: Keyring, exam_session_id: int, data: bytes) -> Roster:
    """Read a roster file against what the exam session holds. Raises `UnreadableSheetError`; stores nothing."""
    rows = read_rows(data)
    if len(rows) > MAX_ENTRIES + 10:
        raise UnreadableSheetError("A roster has at most 5,000 rows: split it over exam sessions.")
    return read_roster(rows, present_in(db, exam_session_id), lambda number: id_index(keyring, number))


def stage(
    db: Session, keyring: Keyring, session: ExamSession, roster: Roster, *, file_name: str, by: Actor, now: datetime
) -> int:
    """Keep what was read, sealed, until the officer confirms; returns the draft's id. Drafts of the day before go."""
    assert session.id is not None
    db.exec(delete(RosterDraft).where(col(RosterDraft.exam_session_id) == session.id))
    sealed = keyring.seal(PURPOSE, msgspec.json.encode(roster.candidates), f"roster:{session.id}".encode())
    draft = RosterDraft(
        exam_session_id=session.id,
        file_name=file_name[:200],
        sealed=sealed,
        count=len(roster.candidates),
        created_at=now,
        created_by=by.id,
    )
    db.add(draft)
    db.flush()
    return draft.id or 0


def staged(db: Session, keyring: Keyring, exam_session_id: int, draft_id: int) -> list[Candidate]:
    """The candidates of a draft; `NotFound` when it was replaced, taken or belongs elsewhere."""
    draft = db.get(RosterDraft, draft_id)
    if draft is None or draft.exam_session_id != exam_session_id:
        raise NotFound("This roster is not waiting any more: upload it again.")
    data = keyring.open(PURPOSE, draft.sealed, f"roster:{exam_session_id}".encode())
    return msgspec.json.decode(data, type=list[Candidate])


def take(db: Session, keyring: Keyring, session: ExamSession, draft_id: int, *, by: Actor, now: datetime) -> int:
    """Store every candidate of a draft, or raise `Conflict`; returns how many."""
    candidates = staged(db, keyring, session.id or 0, draft_id)
    count = add_entries(db, keyring, session, candidates)
    db.exec(delete(RosterDraft).where(col(RosterDraft.id) == draft_id))
    trail.append(db, by, "roster.imported", f"exam_session:{session.id}", now=now, detail={"entries": count})
    return count


def claim(db: Session, session: ExamSession) -> None:
    """Lock the exam session's row for a change; `Conflict` once it is no longer editable."""
    found = db.execute(
        update(ExamSession)
        .where(col(ExamSession.id) == session.id, col(ExamSession.state).in_(EDITABLE))
        .values(version=ExamSession.version + 1)
        .execution_options(synchronize_session=False)
    )
    if found.rowcount != 1:  # type: ignore[attr-defined]
        db.refresh(session)
        if session.state == "open":
            raise Conflict(freeze.SESSION, until=beijing(freeze.planned_end(session)))
        raise Conflict("The exam session is open or over: this can no longer change.")
    db.refresh(session)


def add_entries(db: Session, keyring: Keyring, session: ExamSession, candidates: Sequence[Candidate]) -> int:
    """Insert candidates under the exam session's lock. Who was entered meanwhile is a `Conflict`: nothing is stored."""
    claim(db, session)
    exam_session_id = session.id or 0
    present = present_in(db, exam_session_id)
    last = db.exec(select(func.max(Entry.no)).where(Entry.exam_session_id == exam_session_id)).one() or 0
    given = {candidate.admission_no for candidate in candidates if candidate.admission_no}
    missing = sum(not candidate.admission_no for candidate in candidates)
    numbers = iter(
        next_numbers(missing, session.admission_pattern, session.starts_at, exam_session_id, given | set(present.admission_nos))
    )
    rows: list[dict[str, Any]] = []
    for no, candidate in enumerate(candidates, start=last + 1):
        index = id_index(keyring, candidate.id_number)
        if index in present.id_indexes or candidate.admission_no in present.admission_nos:
            raise Conflict("Somebody of this roster was entered meanwhile: upload it again.")
        rows.append(
            {
                "exam_session_id": exam_session_id,
                "no": no,
                "institution_id": session.institution_id,
                "admission_no": candidate.admission_no or next(numbers),
                "name": candidate.name,
                "sex": candidate.sex,
                "id_cipher": keyring.seal(PURPOSE, candidate.id_number.encode(), _aad(exam_session_id, no)),
                "id_index": index,
                "id_tail": candidate.id_number[-4:],
                "factor_index": factor_index(keyring, candidate.id_number),
                "exam_type": candidate.exam_type,
                "employer": candidate.employer,
                "extra_ms": candidate.extra_ms,
            }
        )
    if rows:
        db.execute(insert(Entry), rows)
    return len(rows)
