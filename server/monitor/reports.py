"""Questions that candidates call faulty: which slot of which form, and how many say so. Never the question, nor their words.

The words may quote the question, so they stay in the journal for those who mark.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from server.audit import trail
from server.auth.staff import Staff
from server.monitor.scope import Scope
from server.monitor.tables import ReportSeen
from server.registry.tables import Entry
from server.sitting.reading import reported_faults

Slot = tuple[str, int]
"""(form label, slot)."""


@dataclass(frozen=True)
class ReportedSlot:
    """One line of the list: the entries of the scope that reported a slot, and who looked into it last."""

    form_label: str
    slot: int
    entry_nos: tuple[int, ...]
    seats: tuple[str, ...]
    is_new: bool
    """Whether somebody reported it whose report nobody has looked at."""
    seen_at: datetime | None = None
    seen_name: str = ""


def reported(db: Session, scope: Scope) -> list[ReportedSlot]:
    """The reported slots of the scope's rooms, most reported first."""
    entries = _entries(db, scope)
    by_slot = _by_slot(_slots(db, scope.exam.id, list(entries)), {no: row[0] for no, row in entries.items()})
    marks = _marks(db, scope.exam.id)
    found = []
    for (label, slot), numbers in by_slot.items():
        looked = marks.get((label, slot), [])
        found.append(
            ReportedSlot(
                form_label=label,
                slot=slot,
                entry_nos=tuple(sorted(numbers)),
                seats=tuple(entries[no][1] for no in sorted(numbers)),
                is_new=bool(_unseen(numbers, looked)),
                seen_at=looked[-1].seen_at if looked else None,
                seen_name=looked[-1].seen_name if looked else "",
            )
        )
    return sorted(found, key=lambda line: (not line.is_new, -len(line.entry_nos), line.form_label, line.slot))


def open_by_entry(db: Session, exam_session_id: int, labels: Mapping[int, str]) -> dict[int, int]:
    """Entry number -> how many of its reported slots nobody has looked at, for the entries of `labels` (no -> form label)."""
    if not labels:
        return {}
    marks = _marks(db, exam_session_id)
    counts: dict[int, int] = defaultdict(int)
    for slot, numbers in _by_slot(_slots(db, exam_session_id, list(labels)), labels).items():
        for no in _unseen(numbers, marks.get(slot, [])):
            counts[no] += 1
    return dict(counts)


def mark_seen(db: Session, scope: Scope, label: str, slot: int, who: Staff, now: datetime) -> bool:
    """Note that somebody looked into a slot as it is reported now; False when nobody reported it."""
    for line in reported(db, scope):
        if (line.form_label, line.slot) == (label, slot):
            db.add(
                ReportSeen(
                    exam_session_id=scope.exam.id,
                    institution_id=scope.exam.institution_id,
                    form_label=label,
                    slot=slot,
                    entry_nos=list(line.entry_nos),
                    seen_at=now,
                    seen_by=who.person_id,
                    seen_name=who.name,
                )
            )
            detail = {"form": label, "slot": slot, "candidates": len(line.entry_nos)}
            trail.append(db, who.actor, "report.seen", f"exam_session:{scope.exam.id}", now=now, detail=detail)
            return True
    return False


def _entries(db: Session, scope: Scope) -> dict[int, tuple[str, str]]:
    """Entry number -> (form label, seat as shown)."""
    rooms = {room.id: room.number for room in scope.rooms}
    rows = db.execute(
        select(col(Entry.no), col(Entry.form_label), col(Entry.room_id), col(Entry.seat_no)).where(
            col(Entry.exam_session_id) == scope.exam.id, col(Entry.room_id).in_(scope.room_ids)
        )
    )
    return {no: (label or "", f"{rooms[room_id]}-{seat_no or no}") for no, label, room_id, seat_no in rows}


def _slots(db: Session, exam_session_id: int, entry_nos: list[int]) -> Iterator[tuple[int, int]]:
    """(entry number, slot) of every report; the words stay where they are."""
    for entry_no, _form, slot, _text, _at in reported_faults(db, exam_session_id, entry_nos):
        yield entry_no, slot


def _by_slot(slots: Iterable[tuple[int, int]], labels: Mapping[int, str]) -> dict[Slot, set[int]]:
    found: dict[Slot, set[int]] = defaultdict(set)
    for entry_no, slot in slots:
        found[(labels[entry_no], slot)].add(entry_no)
    return found


def _marks(db: Session, exam_session_id: int) -> dict[Slot, list[ReportSeen]]:
    rows = db.exec(select(ReportSeen).where(ReportSeen.exam_session_id == exam_session_id).order_by(col(ReportSeen.id)))
    found: dict[Slot, list[ReportSeen]] = defaultdict(list)
    for row in rows:
        found[(row.form_label, row.slot)].append(row)
    return found


def _unseen(numbers: set[int], looked: Iterable[ReportSeen]) -> set[int]:
    return numbers.difference(*(mark.entry_nos for mark in looked))
