"""What is in quarantine, and whom it touches: forms, exam sessions, candidates who were given such a form."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from itembank import quarantine
from itembank.family_tables import Quarantine
from itembank.quarantine import TouchedForm
from itembank.tables import Bank
from server.bank.scope import names
from server.registry.tables import Entry, ExamSession
from server.sitting.tables import SittingRow

SHOWN = 2000


@dataclass(frozen=True)
class QuarantineLine:
    """One quarantine with people by name."""

    row: Quarantine
    by: str
    asked_by: str
    lifted_by: str


@dataclass(frozen=True)
class Candidate:
    """Who was given a form with such an item."""

    session: str
    admission_no: str
    name: str
    label: str


@dataclass(frozen=True)
class Reach:
    """Everything a quarantine touches. `sessions`: (id, title, state)."""

    forms: list[TouchedForm]
    sessions: list[tuple[int, str, str]]
    candidates: list[Candidate]


def lines(db: Session, bank: Bank) -> list[QuarantineLine]:
    """Newest first."""
    statement = select(Quarantine).where(col(Quarantine.bank_id) == bank.id).order_by(col(Quarantine.id).desc()).limit(200)
    return [line_of(db, row) for row in db.execute(statement).scalars()]


def line_of(db: Session, row: Quarantine) -> QuarantineLine:
    """One quarantine with people by name."""
    people = names(db, (row.by, row.lift_asked_by, row.lifted_by))
    return QuarantineLine(
        row,
        people[row.by],
        people[row.lift_asked_by] if row.lift_asked_by is not None else "",
        people[row.lifted_by] if row.lifted_by is not None else "",
    )


def reach(db: Session, row: Quarantine) -> Reach:
    """Forms, exam sessions that use or used their sets, and the candidates who sat with one of the forms."""
    forms = quarantine.touched(db, row)
    by_id = {form.form_id: form for form in forms}
    sets = {form.paper_set_id for form in forms}
    found = db.execute(
        select(col(ExamSession.id), col(ExamSession.title), col(ExamSession.state))
        .where(col(ExamSession.paper_set_id).in_(sets))
        .order_by(col(ExamSession.id))
    )
    sessions = [(number, title, state) for number, title, state in found]
    titles = {number: title for number, title, _state in sessions}
    seats = (
        select(col(SittingRow.exam_session_id), col(SittingRow.form_id), col(Entry.admission_no), col(Entry.name))
        .join(
            Entry, (col(Entry.exam_session_id) == col(SittingRow.exam_session_id)) & (col(Entry.no) == col(SittingRow.entry_no))
        )
        .where(col(SittingRow.exam_session_id).in_(titles), col(SittingRow.form_id).in_(by_id))
        .order_by(col(SittingRow.exam_session_id), col(SittingRow.entry_no))
        .limit(SHOWN)
    )
    candidates = [Candidate(titles[s], number, name, by_id[form].label) for s, form, number, name in db.execute(seats)]
    return Reach(forms, sessions, candidates)
