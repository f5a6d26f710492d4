"""The reserve set (备用卷) of an exam session: named beside the paper set, it stands by sealed and filed."""

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from itembank import passport
from itembank.tables import Blueprint, PaperSet
from server.audit import trail
from server.auth.staff import Staff
from server.errors import Conflict, NotFound
from server.registry import choices
from server.registry.enrolment import claim
from server.registry.readiness import RESERVE_NOT_READY
from server.registry.tables import ExamSession

BOUND = ("scheduled", "open")
"""While an exam session is in one of these states its reserve set is spoken for."""


def choose(db: Session, who: Staff, session: ExamSession, paper_set_id: int | None, *, now: datetime) -> None:
    """Name the reserve set, or none. Raises `NotFound`, `Conflict`."""
    claim(db, session)
    if paper_set_id is not None:
        fitting = {one.id: one for one in choices.paper_choices(db, session)}
        if paper_set_id not in fitting:
            raise NotFound
        if paper_set_id == session.paper_set_id:
            raise Conflict("This is the paper set of the exam session itself: the reserve is another one.")
        if fitting[paper_set_id].burned:
            raise Conflict("This paper set was already used in an exam.")
        if session.paper_set_id is None or not _alike(db, session.paper_set_id, paper_set_id):
            raise Conflict(
                "The reserve set needs the same forms and the same time as the paper set: seats and plan stay as they are."
            )
        if session.state == "scheduled" and not ready(db, session, paper_set_id):
            raise Conflict(RESERVE_NOT_READY)
    session.reserve_paper_set_id = paper_set_id
    db.flush()
    detail = {"paper_set": paper_set_id}
    trail.append(db, who.actor, "exam_session.reserve_chosen", f"exam_session:{session.id}", now=now, detail=detail)


def _alike(db: Session, first: int, second: int) -> bool:
    """Whether both have the same labels and duration."""
    statement = select(PaperSet.id, Blueprint.body).join(Blueprint, col(Blueprint.id) == col(PaperSet.blueprint_id))
    found = dict(db.exec(statement.where(col(PaperSet.id).in_([first, second]))).all())
    if len(found) < 2 or found[first]["duration_ms"] != found[second]["duration_ms"]:
        return False
    return choices.labels_of(db, first) == choices.labels_of(db, second)


def ready(db: Session, session: ExamSession, paper_set_id: int | None = None) -> bool:
    """Whether the reserve set (or the one that may become it) could be used at once; without one there is nothing to miss."""
    chosen = paper_set_id or session.reserve_paper_set_id
    if chosen is None:
        return True
    return not passport.paper_set_ready(db, chosen) and not taken(db, chosen, session.id)


def taken(db: Session, paper_set_id: int, by_other_than: int | None) -> bool:
    """Whether another exam session counts on this set: as its paper, or as its reserve while it is not over."""
    as_paper = (col(ExamSession.paper_set_id) == paper_set_id) & col(ExamSession.state).not_in(["draft", "aborted"])
    as_reserve = (col(ExamSession.reserve_paper_set_id) == paper_set_id) & col(ExamSession.state).in_(BOUND)
    others = select(ExamSession.id).where(or_(as_paper, as_reserve), col(ExamSession.id) != by_other_than)
    return db.exec(others.limit(1)).first() is not None
