"""What pages and records read of results. Nothing here opens a key or changes anything.

`summary_rows` and `summary_head` are the door for the printed 成绩汇总表; `public_rows` for the masked list.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.grading import rules, runs
from server.grading.tables import KeyCorrection, MarkingRun, Publication, Result, RunFigures
from server.pages import mask_name
from server.registry.tables import Entry, ExamSession, Institution, Occupation, Plan, Room

Centres = Collection[int] | None
"""Centres a person may see; None: all of the institution."""


@dataclass(frozen=True)
class SummaryRow:
    """One line of the 成绩汇总表. `state`: marked, absent, voided; `total` (hundredths) only where marked."""

    no: int
    admission_no: str
    name: str
    sex: str
    exam_type: str
    occupation: str
    level: str
    form_label: str
    state: str
    total: int | None
    passed: bool
    digest: str
    room: str

    @property
    def outcome(self) -> str:
        """passed, failed, absent or voided."""
        if self.state != "marked":
            return self.state
        return "passed" if self.passed else "failed"


@dataclass(frozen=True)
class Head:
    """What stands above a list of results."""

    exam_session_id: int
    institution_id: int
    institution: str
    title: str
    plan: str
    occupation_code: str
    occupation: str
    level: str
    state: str
    starts_at: Any
    run_no: int | None
    completed_at: Any
    pass_mark: int | None
    full: int | None
    forms: tuple[dict[str, Any], ...]

    @property
    def session(self) -> str:
        """The audit subject."""
        return f"exam_session:{self.exam_session_id}"


def summary_head(db: Session, exam_session_id: int) -> Head:
    """Raises `NotFound`."""
    session = runs.get_session(db, exam_session_id)
    institution, plan, occupation = db.exec(
        select(Institution.name, Plan, Occupation)
        .join(Plan, col(Plan.institution_id) == Institution.id)
        .join(Occupation, col(Occupation.id) == Plan.occupation_id)
        .where(Plan.id == session.plan_id)
    ).one()
    run = runs.latest(db, exam_session_id)
    return Head(
        exam_session_id=exam_session_id,
        institution_id=session.institution_id,
        institution=institution,
        title=session.title,
        plan=plan.name,
        occupation_code=occupation.code,
        occupation=occupation.name,
        level=plan.level,
        state=session.state,
        starts_at=session.starts_at,
        run_no=run.no if run else None,
        completed_at=run.completed_at if run else None,
        pass_mark=int(run.rules["pass_mark"]) if run else None,
        full=max((int(form["full"]) for form in run.forms), default=None) if run else None,
        forms=tuple(run.forms) if run else (),
    )


def summary_rows(db: Session, exam_session_id: int, *, run_no: int | None = None, centres: Centres = None) -> list[SummaryRow]:
    """Every entry in order of number, from the results in force (or of `run_no`). Empty before marking."""
    head = summary_head(db, exam_session_id)
    number = run_no or head.run_no
    if number is None:
        return []
    query = (
        select(Entry, Result, Room.name)
        .join(Result, (col(Result.exam_session_id) == Entry.exam_session_id) & (col(Result.entry_no) == Entry.no))
        .join(Room, col(Room.id) == Entry.room_id, isouter=True)
        .where(Entry.exam_session_id == exam_session_id, Result.run_no == number)
        .order_by(col(Entry.no))
    )
    if centres is not None:
        query = query.where(col(Room.centre_id).in_(centres))
    labels = {int(form["form_id"]): str(form["label"]) for form in head.forms}
    return [
        SummaryRow(
            no=entry.no,
            admission_no=entry.admission_no,
            name=entry.name,
            sex=entry.sex,
            exam_type=entry.exam_type,
            occupation=head.occupation,
            level=head.level,
            form_label=labels.get(result.form_id or 0, "") or entry.form_label or "",
            state=result.state,
            total=result.total,
            passed=result.passed,
            digest=result.digest,
            room=room or "",
        )
        for entry, result, room in db.exec(query).all()
    ]


def summary(rows: list[SummaryRow]) -> rules.Summary:
    """The group in numbers."""
    return rules.summarise([(row.state, row.total, row.passed) for row in rows])


@dataclass(frozen=True)
class FormSummary:
    """One form beside the others."""

    label: str
    key_version: int
    digest: str
    summary: rules.Summary


def by_form(head: Head, rows: list[SummaryRow]) -> list[FormSummary]:
    """The forms in comparison; only who sat has a form here."""
    return [
        FormSummary(
            str(form["label"]),
            int(form["key_version"]),
            str(form["digest"]),
            summary([row for row in rows if row.form_label == form["label"]]),
        )
        for form in head.forms
    ]


@dataclass(frozen=True)
class Change:
    """Somebody whose result differs between two runs."""

    entry_no: int
    admission_no: str
    name: str
    form_label: str
    before: SummaryRow
    after: SummaryRow

    @property
    def flips(self) -> bool:
        """Whether the outcome (not only the total) changes."""
        return self.before.outcome != self.after.outcome


def changes(db: Session, exam_session_id: int, before_no: int, after_no: int, centres: Centres = None) -> list[Change]:
    """Who changed from one run to another: total, outcome or state."""
    before = {row.no: row for row in summary_rows(db, exam_session_id, run_no=before_no)}
    found = []
    for row in summary_rows(db, exam_session_id, run_no=after_no, centres=centres):
        old = before.get(row.no)
        if old is not None and (old.total, old.outcome) != (row.total, row.outcome):
            found.append(Change(row.no, row.admission_no, row.name, row.form_label, old, row))
    return found


def runs_of(db: Session, exam_session_id: int) -> list[MarkingRun]:
    """Completed runs, newest first."""
    return list(
        db.exec(
            select(MarkingRun)
            .where(MarkingRun.exam_session_id == exam_session_id, col(MarkingRun.completed_at).is_not(None))
            .order_by(col(MarkingRun.no).desc())
        ).all()
    )


def figures(db: Session, exam_session_id: int, run_no: int | None) -> dict[str, Any] | None:
    """The stored item statistics of a run; None until the child process has computed them."""
    row = db.get(RunFigures, (exam_session_id, run_no)) if run_no else None
    return row.body if row else None


@dataclass(frozen=True)
class SessionLine:
    """One exam session in the list."""

    id: int
    title: str
    plan: str
    starts_at: Any
    state: str
    entries: int


def sessions(db: Session, institution_id: int, centres: Centres = None) -> list[SessionLine]:
    """Exam sessions of an institution that have begun or ended, newest first; of some centres only, if given."""
    query = (
        select(ExamSession, Plan.name)
        .join(Plan, col(Plan.id) == ExamSession.plan_id)
        .where(
            ExamSession.institution_id == institution_id,
            col(ExamSession.state).in_(("open", "ended", "marked", "published")),
        )
        .order_by(col(ExamSession.starts_at).desc(), col(ExamSession.id).desc())
        .limit(200)
    )
    found = []
    for session, plan in db.exec(query).all():
        assert session.id is not None
        seats = select(Room.centre_id).join(Entry, col(Entry.room_id) == Room.id)
        centre_ids = db.exec(seats.where(Entry.exam_session_id == session.id)).all()
        mine = [centre for centre in centre_ids if centres is None or centre in centres]
        if mine or centres is None:
            found.append(SessionLine(session.id, session.title, plan, session.starts_at, session.state, len(mine)))
    return found


def takes_place_in(db: Session, exam_session_id: int, centres: Collection[int]) -> bool:
    """Whether anybody is seated in one of these centres."""
    seats = select(Entry.no).join(Room, col(Room.id) == Entry.room_id)
    here = seats.where(Entry.exam_session_id == exam_session_id, col(Room.centre_id).in_(centres))
    return db.exec(here.limit(1)).first() is not None


@dataclass(frozen=True)
class PublicRow:
    """One masked line of the public list."""

    admission_no: str
    name: str
    state: str
    total: int | None
    passed: bool


def publication_in_force(db: Session, exam_session_id: int) -> Publication | None:
    """The approved publication; None while results are not public."""
    return db.exec(
        select(Publication).where(Publication.exam_session_id == exam_session_id, Publication.decision == "approved")
    ).first()


def checkers(publication: Publication | None) -> str:
    """The two people of a publication, as forms name them; "" before it."""
    return f"{publication.proposed_name}、{publication.decided_name}" if publication else ""


def open_publication(db: Session, exam_session_id: int) -> Publication | None:
    """The proposal to publish that waits for a second person."""
    return db.exec(
        select(Publication).where(Publication.exam_session_id == exam_session_id, col(Publication.decision).is_(None))
    ).first()


def corrections_open(db: Session, exam_session_id: int) -> int:
    """How many key corrections wait for a second person."""
    rows = select(func.count()).where(KeyCorrection.exam_session_id == exam_session_id, col(KeyCorrection.decision).is_(None))
    return db.exec(rows).one()


def public_rows(db: Session, publication: Publication) -> list[PublicRow]:
    """The published run, masked: 张*明, 2026****0007."""
    return [
        PublicRow(rules.mask_number(row.admission_no), mask_name(row.name), row.state, row.total, row.passed)
        for row in summary_rows(db, publication.exam_session_id, run_no=publication.run_no)
    ]


def published(db: Session, limit: int = 100) -> list[tuple[Publication, str, str]]:
    """Publications in force with title and institution, newest first."""
    rows = db.exec(
        select(Publication, ExamSession.title, Institution.name)
        .join(ExamSession, col(ExamSession.id) == Publication.exam_session_id)
        .join(Institution, col(Institution.id) == Publication.institution_id)
        .where(Publication.decision == "approved")
        .order_by(col(Publication.decided_at).desc())
        .limit(limit)
    ).all()
    return list(rows)
