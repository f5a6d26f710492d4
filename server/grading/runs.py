"""Marking runs: everyone of an exam session, marked again from the journal, as one numbered run.

Work is computed first, from a read-only session; then rows are written in short transactions (no transaction may hold the
write lock for long), under a run that counts only once `completed_at` is set. A crash leaves an unfinished run that nobody
reads; the next one abandons it. Two runs at once are prevented by an index, not by hope.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, CursorResult, Update, func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from itembank.blueprint import BlueprintBody
from itembank.tables import Blueprint, PaperSet
from server.audit import trail
from server.audit.trail import Actor
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.errors import Conflict, NotFound
from server.grading import keys, rules
from server.grading.marking import FormKey, MarkedSitting, MarkingError, MarkingRules, Response, mark, normal, unmarked
from server.grading.tables import ItemMark, KeyCorrection, MarkingKey, MarkingRun, Result
from server.keyring import Keyring
from server.pages import _
from server.registry.rules import SessionProfile
from server.registry.tables import Entry, ExamSession
from server.sitting import reading as sittings
from server.sitting.tables import SittingRow

CHUNK: Final = 300
"""Rows a transaction: about 20 ms of the write lock on a busy two-core machine."""
STALE: Final = timedelta(minutes=10)
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class MarkedEntry:
    """One entry in a marking: the form, the responses in normal form, and what they are worth."""

    entry_no: int
    form_id: int | None
    responses: dict[int, Response]
    sitting: MarkedSitting


@dataclass(frozen=True)
class Marking:
    """A whole exam session marked, not yet stored."""

    institution_id: int
    rules: MarkingRules
    labels: dict[int, str]
    keys: dict[int, FormKey]
    entries: list[MarkedEntry]
    replaces: int | None
    correction_no: int


def get_session(db: Session, exam_session_id: int) -> ExamSession:
    """The exam session; raises `NotFound`."""
    found = db.get(ExamSession, exam_session_id)
    if found is None:
        raise NotFound
    return found


def lock_session(db: Session, exam_session_id: int) -> ExamSession:
    """The exam session, held for this transaction: acts of two people on the same results do not interleave."""
    found = db.exec(select(ExamSession).where(ExamSession.id == exam_session_id).with_for_update(key_share=True)).first()
    if found is None:
        raise NotFound
    return found


def changes_one(db: Session, statement: Update) -> bool:
    """Compare and set: run an UPDATE and say whether it found its one row."""
    done = db.execute(statement)
    return isinstance(done, CursorResult) and done.rowcount == 1


def _under_way(exam_session_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        col(MarkingRun.exam_session_id) == exam_session_id,
        col(MarkingRun.completed_at).is_(None),
        col(MarkingRun.abandoned_at).is_(None),
    )


def rules_of(db: Session, session: ExamSession) -> MarkingRules:
    """From the profile, and the pass mark of the blueprint behind the papers."""
    profile = SessionProfile.from_json(session.profile)
    body = db.exec(
        select(Blueprint.body)
        .join(PaperSet, col(PaperSet.blueprint_id) == Blueprint.id)
        .where(PaperSet.id == session.paper_set_id)
    ).first()
    if body is None:
        raise Conflict(_("This exam session has no papers, so there is nothing to mark."))
    pass_mark = BlueprintBody.model_validate(body).pass_mark
    return MarkingRules(profile.multiple_choice, profile.cancelled_item, pass_mark)


def latest(db: Session, exam_session_id: int) -> MarkingRun | None:
    """The newest completed run: the one that holds the results."""
    return db.exec(
        select(MarkingRun)
        .where(MarkingRun.exam_session_id == exam_session_id, col(MarkingRun.completed_at).is_not(None))
        .order_by(col(MarkingRun.no).desc())
        .limit(1)
    ).first()


def approved_correction(db: Session, exam_session_id: int) -> int:
    """The highest number of an approved key correction, 0 if there is none."""
    found = db.exec(
        select(func.max(KeyCorrection.no)).where(
            KeyCorrection.exam_session_id == exam_session_id, KeyCorrection.decision == "approved"
        )
    ).one()
    return found or 0


def unfinished(db: Session, exam_session_id: int) -> int:
    """How many sittings are still open or paused."""
    rows = select(func.count()).where(
        SittingRow.exam_session_id == exam_session_id, col(SittingRow.state).in_(("open", "paused"))
    )
    return db.exec(rows).one()


def compute(
    db: Session,
    keyring: Keyring,
    exam_session_id: int,
    *,
    with_keys: dict[int, FormKey] | None = None,
    with_rules: MarkingRules | None = None,
) -> Marking:
    """Mark everyone from the journal, storing nothing. `with_keys`, `with_rules`: those of an earlier run, to check it.

    Raises `Conflict` while a sitting is unfinished, `MarkingError` for responses that do not fit the paper.
    """
    session = get_session(db, exam_session_id)
    refusal = rules.marking_refusal("ended", unfinished(db, exam_session_id))
    if refusal:
        raise Conflict(refusal)
    how = with_rules or rules_of(db, session)
    labels = keys.forms_of(db, session.paper_set_id)
    form_keys = with_keys or {form_id: keys.read(db, keyring, form_id) for form_id in labels}
    entries: dict[int, MarkedEntry] = {
        no: MarkedEntry(no, None, {}, unmarked("absent", how))
        for no in db.exec(select(Entry.no).where(Entry.exam_session_id == exam_session_id).order_by(col(Entry.no))).all()
    }
    for entry_no, form_id, responses, state in sittings.responses(db, exam_session_id):
        if state == "voided":
            entries[entry_no] = MarkedEntry(entry_no, form_id, {}, unmarked("voided", how))
        elif state not in ("absent", "admitted", "waiting"):
            if form_id not in form_keys:
                raise MarkingError(f"entry {entry_no} sat form {form_id}, which is not of this exam session's papers")
            found = mark(responses, form_keys[form_id], how)
            entries[entry_no] = MarkedEntry(entry_no, form_id, normal(responses, form_keys[form_id]), found)
    run = latest(db, exam_session_id)
    return Marking(
        institution_id=session.institution_id,
        rules=how,
        labels=labels,
        keys=dict(form_keys),
        entries=[entries[no] for no in sorted(entries)],
        replaces=run.no if run else None,
        correction_no=approved_correction(db, exam_session_id),
    )


def mark_session(
    dbs: Databases,
    keyring: Keyring,
    clock: Clock,
    exam_session_id: int,
    *,
    by: Actor,
    reason: str,
    progress: Progress | None = None,
) -> int | None:
    """Mark everyone and put the results in force. Returns the run's number, None when another run is under way.

    Raises `Conflict` when the exam session cannot be marked now.
    """
    with reading(dbs) as db:
        refusal = rules.marking_refusal(get_session(db, exam_session_id).state, 0)
        if refusal:
            raise Conflict(refusal)
        marking = compute(db, keyring, exam_session_id)
    no = _claim(dbs, clock.now(), exam_session_id, marking, by, reason)
    if no is None:
        return None
    try:
        _write(dbs, keyring, exam_session_id, no, marking, progress)
        _complete(dbs, clock.now(), exam_session_id, no, marking, by)
    except BaseException:
        _abandon(dbs, clock.now(), exam_session_id, no)
        raise
    return no


def _claim(dbs: Databases, now: datetime, exam_session_id: int, marking: Marking, by: Actor, reason: str) -> int | None:
    mine = MarkingRun.exam_session_id == exam_session_id
    try:
        with transaction(dbs) as db:
            stale = update(MarkingRun).where(*_under_way(exam_session_id), col(MarkingRun.started_at) < now - STALE)
            db.execute(stale.values(abandoned_at=now))
            no = (db.exec(select(func.max(MarkingRun.no)).where(mine)).one() or 0) + 1
            forms = [
                {"form_id": key.form_id, "label": marking.labels[key.form_id], "digest": key.form_digest}
                | {"key_version": key.version, "full": key.full}
                for key in marking.keys.values()
            ]
            db.execute(
                insert(MarkingRun).values(
                    exam_session_id=exam_session_id,
                    no=no,
                    institution_id=marking.institution_id,
                    replaces=marking.replaces,
                    correction_no=marking.correction_no,
                    rules=marking.rules.to_json(),
                    forms=forms,
                    by_name=by.name,
                    by_id=by.id,
                    reason=reason,
                    started_at=now,
                )
            )
    except IntegrityError:
        return None
    return no


def _write(dbs: Databases, keyring: Keyring, exam_session_id: int, no: int, marking: Marking, progress: Progress | None) -> None:
    place = {"exam_session_id": exam_session_id, "run_no": no}
    sealed = [
        place | {"form_id": key.form_id, "sealed": keys.seal(keyring, exam_session_id, no, key)} for key in marking.keys.values()
    ]
    results: list[dict[str, Any]] = [
        place
        | {"entry_no": entry.entry_no, "form_id": entry.form_id, "state": entry.sitting.state}
        | {"total": entry.sitting.total, "passed": entry.sitting.passed, "digest": entry.sitting.digest}
        for entry in marking.entries
    ]
    marks: list[dict[str, Any]] = [
        place | {"entry_no": entry.entry_no, "slot": slot, "response": list(entry.responses.get(slot, ())), "marks": value}
        for entry in marking.entries
        for slot, value in entry.sitting.marks.items()
    ]
    steps: list[tuple[type[SQLModel], list[dict[str, Any]]]] = [
        (table, rows[start : start + CHUNK])
        for table, rows in ((MarkingKey, sealed), (Result, results), (ItemMark, marks))
        for start in range(0, len(rows), CHUNK)
    ]
    for done, (table, rows) in enumerate(steps, 1):
        with transaction(dbs) as db:
            db.execute(insert(table), rows)
        if progress:
            progress(done, len(steps), "marking")


def _complete(dbs: Databases, now: datetime, exam_session_id: int, no: int, marking: Marking, by: Actor) -> None:
    with transaction(dbs) as db:
        finish = update(MarkingRun).where(*_under_way(exam_session_id), col(MarkingRun.no) == no)
        session = update(ExamSession).where(col(ExamSession.id) == exam_session_id, col(ExamSession.state).in_(rules.MARKABLE))
        if not (
            changes_one(db, finish.values(completed_at=now))
            and changes_one(db, session.values(state="marked", version=ExamSession.version + 1))
        ):
            raise Conflict(_("The exam session changed while it was being marked."))
        states = [entry.sitting.state for entry in marking.entries]
        detail: dict[str, Any] = {"run": no, "replaces": marking.replaces, "marked": states.count("marked")}
        detail |= {"absent": states.count("absent"), "voided": states.count("voided")}
        detail |= {"key_versions": {str(form): key.version for form, key in marking.keys.items()}}
        actor = by if by.institution_id is not None else Actor(by.kind, by.id, by.name, marking.institution_id)
        trail.append(db, actor, "results.marked", f"exam_session:{exam_session_id}", now=now, detail=detail)


def _abandon(dbs: Databases, now: datetime, exam_session_id: int, no: int) -> None:
    with transaction(dbs) as db:
        mine = update(MarkingRun).where(*_under_way(exam_session_id), col(MarkingRun.no) == no)
        db.execute(mine.values(abandoned_at=now))
