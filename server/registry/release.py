"""Releasing a paper (启用): two custodians approve, and in the act of the second the set is unsealed and its items are used.

Nothing of a paper leaves the safe before: no package for the waiting rooms, no opening. Approvals, release and burning are
written in the transaction of the act, under the exam session's lock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from itembank import passport
from server.audit import trail
from server.audit.trail import Actor
from server.auth.staff import Staff
from server.errors import Conflict
from server.keyring import Keyring
from server.pages import beijing
from server.registry import lots, release_rules
from server.registry.custody_tables import PaperRelease, ReleaseApproval
from server.registry.enrolment import claim
from server.registry.release_rules import Approval, Window
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession


@dataclass(frozen=True)
class Standing:
    """Where the release of an exam session's paper stands, for pages and for readiness."""

    window: Window
    release: PaperRelease | None
    approvals: tuple[Approval, ...]
    """Of the chosen set, oldest first; also those that count no more."""

    def live(self, now: datetime) -> list[Approval]:
        """Those that still count."""
        return release_rules.live(self.approvals, now)


def window_of(session: ExamSession) -> Window:
    """When approvals are taken."""
    profile = SessionProfile.from_json(session.profile)
    return release_rules.window(session.starts_at, session.duration_ms, profile.release_before_ms)


def standing(db: Session, session: ExamSession) -> Standing:
    """Two statements."""
    return Standing(window_of(session), find(db, session), tuple(_approvals(db, session)))


def find(db: Session, session: ExamSession) -> PaperRelease | None:
    """The release of the exam session's paper set, if there is one."""
    if session.id is None or session.paper_set_id is None:
        return None
    return db.get(PaperRelease, (session.id, session.paper_set_id))


def _approvals(db: Session, session: ExamSession) -> Iterable[Approval]:
    rows = db.exec(
        select(ReleaseApproval)
        .where(ReleaseApproval.exam_session_id == session.id, ReleaseApproval.paper_set_id == session.paper_set_id)
        .order_by(col(ReleaseApproval.no))
    )
    return [Approval(row.by, row.by_name, row.at) for row in rows]


def approve(
    db: Session, keyring: Keyring, who: Staff, session: ExamSession, *, clock_suspect: bool, now: datetime
) -> PaperRelease | None:
    """One custodian's word. None: it now waits for another's; else the release it completed. Raises `Conflict`."""
    claim(db, session)
    paper = session.paper_set_id
    asked = release_rules.Request(
        state=session.state,
        paper_set_chosen=paper is not None,
        paper_reasons=() if paper is None else tuple(passport.paper_set_ready(db, paper, session.id)),
        released=find(db, session) is not None,
        clock_suspect=clock_suspect,
        window=window_of(session),
    )
    refused = release_rules.refusal(asked, now)
    if refused:
        raise Conflict(refused, at=beijing(asked.window.opens_at))
    assert paper is not None
    first = release_rules.partner(list(_approvals(db, session)), who.person_id, now)
    no = 1 + (db.exec(select(func.max(ReleaseApproval.no)).where(ReleaseApproval.exam_session_id == session.id)).one() or 0)
    approval = ReleaseApproval(
        exam_session_id=session.id or 0,
        no=no,
        institution_id=session.institution_id,
        paper_set_id=paper,
        at=now,
        by=who.person_id,
        by_name=who.name,
    )
    db.add(approval)
    detail = {"paper_set": paper, "approval": no}
    trail.append(db, who.actor, "paper.release_approved", f"exam_session:{session.id}", now=now, detail=detail)
    return None if first is None else give(db, keyring, session, first, Approval(who.person_id, who.name, now))


def give(db: Session, keyring: Keyring, session: ExamSession, first: Approval, second: Approval) -> PaperRelease:
    """Release and unseal by two people whose word has been taken: forms are opened, their items used. In the caller's lock.

    Where the profile says lot, the lot falls now, and only the form it falls on is unsealed.
    """
    assert session.id is not None
    assert session.paper_set_id is not None
    now = second.at
    release = PaperRelease(
        exam_session_id=session.id,
        paper_set_id=session.paper_set_id,
        institution_id=session.institution_id,
        at=now,
        first_by=first.by,
        first_name=first.by_name,
        second_by=second.by,
        second_name=second.by_name,
    )
    db.add(release)
    db.flush()
    drawn = lots.draw(db, keyring, session, first.at, now) if lots.uses_lot(session) else None
    used = passport.burn(db, session.paper_set_id, now, session.id, first.by, second_by=second.by, only=drawn)
    detail = {"paper_set": session.paper_set_id, "first": first.by, "second": second.by, "used": used, "drawn": drawn}
    actor = Actor("staff", second.by, second.by_name, session.institution_id)
    trail.append(db, actor, "paper.released", f"exam_session:{session.id}", now=now, detail=detail)
    return release
