"""Withdrawing a paper set takes two people: one asks with a reason, another agrees or refuses."""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlmodel import Session, col

from itembank import passport
from itembank.tables import Form, FormState, PaperSet
from server.audit import trail
from server.auth.staff import Staff
from server.bank.paper_view import open_withdrawal
from server.bank.scope import library
from server.bank.tables import Withdrawal
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.pages import _
from server.registry import freeze
from server.registry.reserve import BOUND
from server.registry.tables import ExamSession

_BINDING = ("scheduled", "open")
"""Later the opened forms bind by themselves; what the lot passed over may be withdrawn."""


def ask(db: Session, who: Staff, papers: PaperSet, reason: str, *, leaked: bool, now: datetime) -> Withdrawal:
    """Ask for it. Raises `Invalid` without a reason, `Conflict` when it cannot be withdrawn or was asked for already."""
    if not reason:
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    _require_possible(db, papers)
    if open_withdrawal(db, papers.id) is not None:
        raise Conflict(_("Somebody has asked to withdraw this set already."))
    row = Withdrawal(paper_set_id=papers.id, reason=reason, leaked=leaked, asked_at=now, asked_by=who.person_id)
    db.add(row)
    db.flush()
    detail = {"reason": reason, "leaked": leaked}
    trail.append(db, who.actor, "papers.withdrawal_asked", f"paper_set:{papers.id}", now=now, detail=detail)
    return row


def _require_possible(db: Session, papers: PaperSet) -> None:
    freeze.require(freeze.of_paper_set(db, papers.id))
    as_paper = (col(ExamSession.paper_set_id) == papers.id) & col(ExamSession.state).in_(_BINDING)
    as_reserve = (col(ExamSession.reserve_paper_set_id) == papers.id) & col(ExamSession.state).in_(BOUND)
    used = db.execute(select(col(ExamSession.title)).where(or_(as_paper, as_reserve))).scalars()
    title = used.first()
    if title is not None:
        raise Conflict(_("The exam session “%(title)s” is scheduled with this set: free it there first."), title=title)
    states = set(db.execute(select(col(Form.state)).where(col(Form.paper_set_id) == papers.id)).scalars())
    if states <= {FormState.OPENED, FormState.ARCHIVED, FormState.VOIDED} and states != {FormState.VOIDED}:
        raise Conflict(_("A form of this set has been opened: its items are used and stay used."))
    if states == {FormState.VOIDED}:
        raise Conflict(_("This set is withdrawn already."))


def decide(db: Session, who: Staff, papers: PaperSet, *, agree: bool, note: str, now: datetime) -> int:
    """The second person's decision; how many items are available again. The library refuses one person in both places."""
    row = open_withdrawal(db, papers.id)
    if row is None:
        raise NotFound
    if row.asked_by == who.person_id:
        raise Conflict(_("You asked for the withdrawal yourself: a second person decides."))
    claim = update(Withdrawal).where(col(Withdrawal.id) == row.id, col(Withdrawal.decided_at).is_(None))
    decision = {"decided_at": now, "decided_by": who.person_id, "agreed": agree, "decision_note": note}
    if db.execute(claim.values(**decision)).rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody else has decided just now."))
    released = 0
    if agree:
        _require_possible(db, papers)
        with library():
            released = passport.withdraw(
                db, papers.id, by=row.asked_by, second_by=who.person_id, reason=row.reason, now=now, leaked=row.leaked
            )
    verb = "papers.withdrawn" if agree else "papers.withdrawal_refused"
    trail.append(db, who.actor, verb, f"paper_set:{papers.id}", now=now, detail={"asked_by": row.asked_by, "released": released})
    return released
