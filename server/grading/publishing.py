"""Publishing results: proposed by one person, approved by another after everything has been recomputed."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from server.audit import trail
from server.audit.trail import Actor
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.grading import results, rules, runs
from server.grading.checks import verify_results
from server.grading.tables import Publication
from server.keyring import Keyring
from server.pages import BEIJING, _
from server.registry.tables import ExamSession

LONGEST: Final = timedelta(days=60)


def day_of(now: datetime) -> date:
    """The day it is for people here."""
    return now.astimezone(BEIJING).date()


def refusal(db: Session, exam_session_id: int) -> str | None:
    """Why these results cannot be proposed for publishing now."""
    run = runs.latest(db, exam_session_id)
    return rules.publishing_refusal(
        runs.get_session(db, exam_session_id).state,
        run_no=run.no if run else None,
        corrections_open=results.corrections_open(db, exam_session_id),
        unmarked_correction=run is not None and runs.approved_correction(db, exam_session_id) > run.correction_no,
    )


def propose(db: Session, exam_session_id: int, *, by: Actor, objections_until: date, contact: str, now: datetime) -> int:
    """Put the results in force before a second person; returns the proposal's number."""
    session = runs.lock_session(db, exam_session_id)
    no_way = refusal(db, exam_session_id)
    if no_way:
        raise Conflict(no_way)
    today = day_of(now)
    mistakes = []
    if not today <= objections_until <= today + LONGEST:
        mistakes.append(FieldError("objections_until", _("Give a day from today to 60 days ahead.")))
    if not contact.strip():
        mistakes.append(FieldError("contact", _("Say where objections go: a telephone number or an office.")))
    if mistakes:
        raise Invalid(fields=mistakes)
    run = runs.latest(db, exam_session_id)
    assert run is not None
    highest = db.exec(select(func.max(Publication.no)).where(Publication.exam_session_id == exam_session_id)).one()
    no = (highest or 0) + 1
    values = {
        "exam_session_id": exam_session_id,
        "no": no,
        "institution_id": session.institution_id,
        "run_no": run.no,
        "objections_until": objections_until,
        "contact": contact.strip(),
        "proposed_at": now,
        "proposed_by": by.id,
        "proposed_name": by.name,
    }
    try:
        with db.begin_nested():
            db.execute(insert(Publication).values(**values))
    except IntegrityError:
        raise Conflict(_("Publishing has been proposed already; it waits for a second person.")) from None
    detail = {"publication": no, "run": run.no}
    trail.append(db, by, "results.publication_proposed", f"exam_session:{exam_session_id}", now=now, detail=detail)
    return no


def approve(dbs: Databases, keyring: Keyring, clock: Clock, exam_session_id: int, no: int, *, by: Actor) -> None:
    """Publish: recompute everything first, outside any write transaction, then let the second person's word count.

    Raises `Conflict` when a row differs, when a newer run exists, or when the approver is the proposer.
    """
    assert by.id is not None
    with reading(dbs) as db:
        row = _get(db, exam_session_id, no)
        refused = rules.decision_refusal(row.proposed_by, by.id, row.decision, "approved")
        if refused:
            raise Conflict(refused)
        differences = verify_results(db, keyring, exam_session_id)
    if differences:
        raise Conflict(
            _("%(n)s rows differ when everything is recomputed. Look at the check, mark again, then propose again."),
            n=len(differences),
        )
    now = clock.now()
    with transaction(dbs) as db:
        runs.lock_session(db, exam_session_id)
        run = runs.latest(db, exam_session_id)
        no_way = refusal(db, exam_session_id)
        if no_way:
            raise Conflict(no_way)
        if run is None or run.no != row.run_no:
            raise Conflict(_("Everyone was marked again after this proposal. Decline it and propose the new results."))
        _decide(db, exam_session_id, no, "approved", by=by, note="", now=now)
        publish = update(ExamSession).where(col(ExamSession.id) == exam_session_id, col(ExamSession.state) == "marked")
        if not runs.changes_one(db, publish.values(state="published", version=ExamSession.version + 1)):
            raise Conflict(rules.PUBLISHED_ALREADY)
        detail = {"publication": no, "run": row.run_no, "proposed_by": row.proposed_by}
        trail.append(db, by, "results.published", f"exam_session:{exam_session_id}", now=now, detail=detail)


def turn_down(db: Session, exam_session_id: int, no: int, verdict: str, *, by: Actor, note: str, now: datetime) -> None:
    """Decline (anybody who may publish) or withdraw (the proposer)."""
    row = _get(db, exam_session_id, no)
    assert by.id is not None
    refused = rules.decision_refusal(row.proposed_by, by.id, row.decision, verdict)
    if refused:
        raise Conflict(refused)
    _decide(db, exam_session_id, no, verdict, by=by, note=note, now=now)
    detail = {"publication": no, "run": row.run_no}
    trail.append(db, by, f"results.publication_{verdict}", f"exam_session:{exam_session_id}", now=now, detail=detail)


def _get(db: Session, exam_session_id: int, no: int) -> Publication:
    found = db.get(Publication, (exam_session_id, no))
    if found is None:
        raise NotFound
    return found


def _decide(db: Session, exam_session_id: int, no: int, verdict: str, *, by: Actor, note: str, now: datetime) -> None:
    claim = update(Publication).where(
        col(Publication.exam_session_id) == exam_session_id,
        col(Publication.no) == no,
        col(Publication.decision).is_(None),
    )
    values = {"decision": verdict, "decided_by": by.id, "decided_name": by.name, "decided_at": now, "decision_note": note}
    if not runs.changes_one(db, claim.values(**values)):
        raise Conflict(rules.DECIDED_ALREADY)


def of_session(db: Session, exam_session_id: int) -> list[Publication]:
    """All proposals, newest first."""
    rows = select(Publication).where(Publication.exam_session_id == exam_session_id)
    return list(db.exec(rows.order_by(col(Publication.no).desc())).all())
