"""What all pages of one exam session's results share: whose it is, the heading, what waits."""

from typing import Any

from sqlmodel import Session

from server.auth.staff import Staff
from server.errors import NotFound
from server.grading import duty, results, runs, words
from server.registry.tables import ExamSession

SHOWN = frozenset({"open", "ended", "marked", "published"})


def own(db: Session, who: Staff, exam_session_id: int) -> ExamSession:
    """The exam session, when it is this person's to see; another institution's (or centre's) is `NotFound`."""
    session = runs.get_session(db, exam_session_id)
    who.must_own(session.institution_id)
    if who.centre_ids is not None and not results.takes_place_in(db, exam_session_id, who.centre_ids):
        raise NotFound
    if session.state not in SHOWN:
        raise NotFound
    return session


def frame(db: Session, who: Staff, exam_session_id: int, tab: str) -> dict[str, Any]:
    """Heading, tabs and the state of marking, for every page below `/results/{id}`."""
    own(db, who, exam_session_id)
    job = duty.job_of(db, exam_session_id)
    return {
        "head": results.summary_head(db, exam_session_id),
        "tab": tab,
        "job": job,
        "job_problem": duty.problem_text(job),
        "corrections_open": results.corrections_open(db, exam_session_id),
        "publication_open": results.open_publication(db, exam_session_id),
        **words.context(),
    }
