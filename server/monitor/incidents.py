"""异常/违纪记录: the register of a room. Lines are added, never changed; a correction names the line it corrects.

`for_record` gives the records slice what the 考场情况记录表 prints.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from server.audit import trail
from server.auth.staff import Staff
from server.errors import FieldError, Invalid
from server.monitor import rules
from server.monitor.scope import Scope
from server.monitor.tables import Incident
from server.pages import _, beijing, translate
from server.registry.tables import Entry, Room

VOIDED = "本场考试作废"
"""Action taken in the line a voided paper adds; records are kept in Chinese."""

_FUTURE_TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True)
class IncidentDraft:
    """What the form holds, parsed."""

    room_id: int
    category: str
    happened_at: datetime
    text: str
    action_taken: str = ""
    seat_no: int | None = None
    entry_no: int | None = None
    corrects_id: int | None = None


@dataclass(frozen=True)
class IncidentLine:
    """One line as shown and printed. `corrected` lines stay legible, struck through."""

    id: int
    happened_at: datetime
    recorded_at: datetime
    room: str
    room_id: int
    seat_no: int | None
    entry_no: int | None
    name: str
    admission_no: str
    category: str
    text: str
    action_taken: str
    recorded_name: str
    corrects_id: int | None
    corrected: bool

    @property
    def category_name(self) -> str:
        """msgid of the category."""
        return rules.INCIDENT_CATEGORIES[self.category]


def record(db: Session, scope: Scope, draft: IncidentDraft, who: Staff, now: datetime) -> int:
    """Add a line; returns its id. Raises `Invalid` with every field that is wrong."""
    room = scope.room(draft.room_id)
    entry = _entry_at(db, scope.exam.id, draft)
    problems = _problems(db, scope, draft, room.capacity, entry, now)
    if problems:
        raise Invalid(fields=problems)
    row = Incident(
        exam_session_id=scope.exam.id,
        institution_id=scope.exam.institution_id,
        room_id=draft.room_id,
        seat_no=entry.seat_no if entry else draft.seat_no,
        entry_no=entry.no if entry else None,
        category=draft.category,
        happened_at=draft.happened_at,
        recorded_at=now,
        text=draft.text,
        action_taken=draft.action_taken,
        recorded_by=who.person_id,
        recorded_name=who.name,
        corrects_id=draft.corrects_id,
    )
    db.add(row)
    db.flush()
    detail = {"incident": row.id, "category": row.category, "room": row.room_id, "entry": row.entry_no}
    trail.append(db, who.actor, "incident.recorded", f"exam_session:{scope.exam.id}", now=now, detail=detail)
    return row.id or 0


def _entry_at(db: Session, exam_session_id: int, draft: IncidentDraft) -> Entry | None:
    wanted = select(Entry).where(Entry.exam_session_id == exam_session_id, Entry.room_id == draft.room_id)
    if draft.entry_no is not None:
        return db.exec(wanted.where(Entry.no == draft.entry_no)).first()
    if draft.seat_no is not None:
        return db.exec(wanted.where(Entry.seat_no == draft.seat_no)).first()
    return None


def _problems(
    db: Session, scope: Scope, draft: IncidentDraft, capacity: int, entry: Entry | None, now: datetime
) -> list[FieldError]:
    found = []
    if draft.category not in rules.INCIDENT_CATEGORIES:
        found.append(FieldError("category", _("Choose what kind of incident it is.")))
    if not rules.REASON_MIN <= len(draft.text) <= rules.TEXT_MAX:
        found.append(FieldError("text", _("Say in a sentence what happened (up to 500 characters).")))
    if len(draft.action_taken) > rules.TEXT_MAX:
        found.append(FieldError("action_taken", _("Up to 500 characters, please.")))
    if draft.seat_no is not None and not 1 <= draft.seat_no <= capacity:
        found.append(FieldError("seat_no", _("The room has no such seat.")))
    if draft.entry_no is not None and entry is None:
        found.append(FieldError("entry_no", _("No such candidate in this room.")))
    if draft.happened_at > now + _FUTURE_TOLERANCE:
        found.append(FieldError("happened_at", _("The time lies in the future.")))
    if draft.corrects_id is not None:
        old = db.get(Incident, draft.corrects_id)
        if old is None or old.exam_session_id != scope.exam.id or old.room_id not in scope.room_ids:
            found.append(FieldError("corrects_id", _("There is no such line to correct.")))
    return found


def lines(db: Session, scope: Scope) -> list[IncidentLine]:
    """The register of the scope's rooms, oldest first."""
    return for_record(db, scope.exam.id, scope.room_ids)


def for_record(db: Session, exam_session_id: int, room_ids: Sequence[int]) -> list[IncidentLine]:
    """The register of some rooms, for the board and for the 考场情况记录表. Callers pass room ids they may show."""
    rows = db.exec(
        select(Incident, Room.number, Entry.name, Entry.admission_no)
        .join(Room, col(Room.id) == col(Incident.room_id))
        .join(
            Entry,
            (col(Entry.exam_session_id) == col(Incident.exam_session_id)) & (col(Entry.no) == col(Incident.entry_no)),
            isouter=True,
        )
        .where(Incident.exam_session_id == exam_session_id, col(Incident.room_id).in_(room_ids))
        .order_by(col(Incident.happened_at), col(Incident.id))
    ).all()
    corrected = {row[0].corrects_id for row in rows}
    return [
        IncidentLine(
            id=row.id or 0,
            happened_at=row.happened_at,
            recorded_at=row.recorded_at,
            room=number,
            room_id=row.room_id,
            seat_no=row.seat_no,
            entry_no=row.entry_no,
            name=name or "",
            admission_no=admission_no or "",
            category=row.category,
            text=row.text,
            action_taken=row.action_taken,
            recorded_name=row.recorded_name,
            corrects_id=row.corrects_id,
            corrected=row.id in corrected,
        )
        for row, number, name, admission_no in rows
    ]


_COLUMNS = (
    (_("No."), 6),
    (_("Time"), 18),
    (_("Room"), 8),
    (_("Seat"), 6),
    (_("Admission number"), 20),
    (_("Name"), 12),
    (_("Kind"), 18),
    (_("What happened"), 44),
    (_("Action taken"), 32),
    (_("Recorded by"), 12),
    (_("Recorded at"), 18),
    (_("Corrects no."), 10),
)


def to_xlsx(found: Sequence[IncidentLine]) -> bytes:
    """The register as a workbook. Every text is written as a string: nothing a person typed becomes a formula."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    import xlsxwriter  # with the first file, not at start-up

    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet(translate(_("Incidents")))
        head = book.add_format({"bold": True, "bg_color": "#E3EDF9", "border": 1})
        cell = book.add_format({"text_wrap": True, "valign": "top", "border": 1})
        for index, (title, width) in enumerate(_COLUMNS):
            sheet.set_column(index, index, width)
            sheet.write_string(0, index, translate(title), head)
        for number, line in enumerate(found, start=1):
            for index, value in enumerate(_cells(line)):
                sheet.write_string(number, index, value, cell)
        sheet.freeze_panes(1, 0)
    return buffer.getvalue()


def _cells(line: IncidentLine) -> tuple[str, ...]:
    return (
        str(line.id),
        beijing(line.happened_at),
        line.room,
        str(line.seat_no or ""),
        line.admission_no,
        line.name,
        translate(line.category_name),
        line.text,
        line.action_taken,
        line.recorded_name,
        beijing(line.recorded_at),
        str(line.corrects_id or ""),
    )
