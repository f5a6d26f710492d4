"""What the statutory forms are filled from: entries, sittings, incidents and staff acts of an exam session."""

from collections import defaultdict
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from server.auth.staff import Staff
from server.errors import NotFound
from server.monitor.rules import INCIDENT_CATEGORIES
from server.monitor.tables import Incident
from server.pages import catalogue
from server.records.sheets import Candidate, Heading, RoomSheet, planned_end
from server.registry import reading
from server.registry.reading import EntryRow, RoomRow
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession, Institution, Occupation, Plan
from server.registry.times import BEIJING
from server.sitting.tables import JournalEvent, SittingRow

OVER = frozenset({"ended", "marked", "published"})
"""States in which the counts of a room are final and can be printed."""

ACTS = {
    "credited": "补时",
    "taken_over": "更换机位设备",
    "paused": "暂停",
    "voided": "作废",
    "forced": "强制收卷",
    "reopened": "重新开考",
    "late_admitted": "补录作答",
}
"""Staff acts that belong into 评价情况记录, in the words of the form."""


def heading_of(db: Session, who: Staff, session: ExamSession) -> Heading:
    """The top of every form. Times are those of the bell and, once it is over, of the end."""
    plan, occupation, institution = db.execute(
        select(Plan, Occupation, Institution)
        .join(Occupation, col(Occupation.id) == col(Plan.occupation_id))
        .join(Institution, col(Institution.id) == col(Plan.institution_id))
        .where(col(Plan.id) == session.plan_id)
    ).one()
    rooms = [room for room in reading.rooms_of(db, who, session.id or 0) if room.seated]
    starts_at = _bell(session)
    return Heading(
        unit=institution.name,
        occupation=f"{occupation.name}（{occupation.code}）",
        level=plan.level,
        title=session.title,
        starts_at=starts_at,
        ends_at=session.ended_at or planned_end(starts_at, session.duration_ms),
        room_count=len(rooms),
        per_room=tuple(room.seated for room in rooms),
    )


def _bell(session: ExamSession) -> datetime:
    if session.opened_at is None:
        return session.starts_at
    if SessionProfile.from_json(session.profile).bell == "chief":
        return session.opened_at
    return max(session.starts_at, session.opened_at)


def room_sheets(db: Session, who: Staff, session: ExamSession, room_id: int | None = None) -> list[RoomSheet]:
    """The rooms this person may see (or the one asked for), each with its people and remarks."""
    exam_id = session.id or 0
    rooms = [
        room for room in reading.rooms_of(db, who, exam_id) if (room.room_id == room_id if room_id is not None else room.seated)
    ]
    if not rooms:
        raise NotFound
    by_room: dict[int | None, list[EntryRow]] = defaultdict(list)
    for entry in reading.entries_of(db, who, exam_id, room_id):
        by_room[entry.room_id].append(entry)
    remarks = _remarks(db, exam_id, by_room)
    came = _came(db, exam_id) if session.state in OVER else None
    return [_sheet(room, by_room[room.room_id], came, remarks[room.room_id]) for room in rooms]


def _sheet(room: RoomRow, entries: list[EntryRow], came: set[int] | None, remarks: list[tuple[datetime, str]]) -> RoomSheet:
    people = tuple(
        Candidate(
            entry.admission_no,
            entry.name,
            entry.sex,
            entry.exam_type,
            entry.seat_no,
            entry.form_label or "",
            entry.extra_ms,
        )
        for entry in entries
    )
    present = None if came is None else frozenset(entry.admission_no for entry in entries if entry.no in came)
    lines = tuple(text for _at, text in sorted(remarks)) + _supervision(room)
    return RoomSheet(room.number, room.name, room.capacity, room.columns, people, present, lines)


def _supervision(room: RoomRow) -> tuple[str, ...]:
    if room.supervisor_at is None:
        return ()
    at = f"{room.supervisor_at.astimezone(BEIJING):%H:%M}"
    return (f"{at} 外部质量督导到场：{room.supervisor_name}（{room.supervisor_organisation}）。",)


def _came(db: Session, exam_id: int) -> set[int]:
    """Entries whose paper was opened."""
    query = select(col(SittingRow.entry_no)).where(
        col(SittingRow.exam_session_id) == exam_id, col(SittingRow.opened_at).is_not(None)
    )
    return set(db.execute(query).scalars())


def _remarks(
    db: Session, exam_id: int, by_room: dict[int | None, list[EntryRow]]
) -> dict[int | None, list[tuple[datetime, str]]]:
    """Room -> (time, line) of its incidents and of the acts on its candidates."""
    lines: dict[int | None, list[tuple[datetime, str]]] = defaultdict(list)
    incidents = db.execute(
        select(Incident).where(col(Incident.exam_session_id) == exam_id, col(Incident.room_id).in_(list(by_room)))
    ).scalars()
    found = list(incidents)
    corrected = {incident.corrects_id for incident in found}
    for incident in found:
        if incident.id not in corrected:
            lines[incident.room_id].append((incident.happened_at, incident_text(incident)))
    seats = {entry.no: (entry.room_id, entry.seat_no) for entries in by_room.values() for entry in entries}
    events = db.execute(
        select(col(JournalEvent.entry_no), col(JournalEvent.at), col(JournalEvent.body)).where(
            col(JournalEvent.exam_session_id) == exam_id, col(JournalEvent.kind).in_(list(ACTS))
        )
    )
    grouped: dict[tuple[int | None, datetime, str], list[int]] = defaultdict(list)
    for entry_no, at, body in events:
        if entry_no in seats:
            room_id, seat_no = seats[entry_no]
            grouped[room_id, at.replace(second=0, microsecond=0), act_text(body)].append(seat_no or 0)
    for (room_id, at, text), numbers in grouped.items():
        lines[room_id].append((at, f"{at.astimezone(BEIJING):%H:%M} 机位{'、'.join(map(str, sorted(numbers)))} {text}"))
    return lines


def incident_text(incident: Incident) -> str:
    """One incident as printed; categories in Chinese whatever the language of the screen."""
    word = catalogue("zh_CN").get(INCIDENT_CATEGORIES.get(incident.category, incident.category), incident.category)
    seat = f" 机位{incident.seat_no}" if incident.seat_no else ""
    action = f" 处理：{incident.action_taken}" if incident.action_taken else ""
    return f"{incident.happened_at.astimezone(BEIJING):%H:%M}{seat} {word}：{incident.text}{action}"


def act_text(body: bytes) -> str:
    """One staff act from the canonical event: what, how much, why, by whom."""
    _n, kind, _epoch, _op, _at, who, reason, data = msgspec.json.decode(body)
    amount = f"{data['ms'] / 60_000:g}分钟" if kind == "credited" else ""
    why = f"：{reason}" if reason else ""
    people = [person[2] for person in (who, data.get("second")) if person]
    by = f"（{'、'.join(people)}）" if people else ""
    return f"{ACTS[kind]}{amount}{why}{by}。"
