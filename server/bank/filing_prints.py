"""Printing sealed forms for the authority (备案材料) takes two people: one asks, another agrees; both may fetch it for a day.

Only while the set is sealed and unopened: afterwards there is nothing to file any more. The PDF is made in `records.filing`.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session, col

from itembank.tables import Form, FormState, PaperSet
from server.audit import trail
from server.auth.staff import Staff
from server.bank.tables import PaperExport
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.pages import _

DECIDED_WITHIN = timedelta(days=3)
FETCHED_WITHIN = timedelta(days=1)
_SEALED = frozenset({FormState.SEALED, FormState.FILED, FormState.REFUSED})


def listed(db: Session, paper_set_id: int) -> list[PaperExport]:
    """All requests, newest first."""
    rows = select(PaperExport).where(col(PaperExport.paper_set_id) == paper_set_id).order_by(col(PaperExport.id).desc())
    return list(db.execute(rows).scalars())


def waits(row: PaperExport, now: datetime) -> bool:
    """Whether a second person may still decide."""
    return row.decided_at is None and now <= row.asked_at + DECIDED_WITHIN


def may_fetch(row: PaperExport, who: Staff, now: datetime) -> bool:
    """Whether this person may have the file now."""
    if not row.agreed or row.decided_at is None or now > row.decided_at + FETCHED_WITHIN:
        return False
    return who.person_id in {row.asked_by, row.decided_by}


def printable(db: Session, papers: PaperSet) -> list[Form]:
    """The forms of a sealed, unopened set by label; raises `Conflict`."""
    rows = select(Form).where(col(Form.paper_set_id) == papers.id).order_by(col(Form.label))
    forms = list(db.execute(rows).scalars())
    if not forms or any(form.state not in _SEALED for form in forms):
        raise Conflict(_("Only sealed and unopened forms are printed for the authority."))
    return forms


def ask(db: Session, who: Staff, papers: PaperSet, *, recipient: str, reason: str, with_keys: bool, now: datetime) -> PaperExport:
    """The first person asks. Raises `Invalid`, `Conflict`."""
    problems = []
    if not recipient:
        problems.append(FieldError("recipient", _("Say who gets it: their name stands on every page.")))
    if not reason:
        problems.append(FieldError("reason", _("Say why.")))
    if problems:
        raise Invalid(fields=problems)
    printable(db, papers)
    if any(waits(row, now) for row in listed(db, papers.id)):
        raise Conflict(_("Somebody has asked to print this set already."))
    row = PaperExport(
        paper_set_id=papers.id,
        recipient=recipient,
        reason=reason,
        with_keys=with_keys,
        asked_at=now,
        asked_by=who.person_id,
    )
    db.add(row)
    db.flush()
    detail = {"export": row.id, "recipient": recipient, "reason": reason, "with_keys": with_keys}
    trail.append(db, who.actor, "papers.export_asked", f"paper_set:{papers.id}", now=now, detail=detail)
    return row


def find(db: Session, papers: PaperSet, export_id: int) -> PaperExport:
    """A request of this set."""
    row = db.get(PaperExport, export_id)
    if row is None or row.paper_set_id != papers.id:
        raise NotFound
    return row


def decide(db: Session, who: Staff, papers: PaperSet, export_id: int, *, agree: bool, now: datetime) -> None:
    """The second person's decision. Raises `Forbidden` for the one who asked, `Conflict` when it is decided or too old."""
    row = find(db, papers, export_id)
    if row.asked_by == who.person_id:
        raise Forbidden(_("You asked for this yourself: another person has to confirm it."))
    if not waits(row, now):
        raise Conflict(_("This request is decided, or older than three days. Ask again."))
    printable(db, papers)
    claim = update(PaperExport).where(col(PaperExport.id) == export_id, col(PaperExport.decided_at).is_(None))
    done = db.execute(claim.values(decided_at=now, decided_by=who.person_id, agreed=agree))
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody else has decided just now."))
    verb = "papers.export_agreed" if agree else "papers.export_refused"
    detail = {"export": export_id, "asked_by": row.asked_by, "recipient": row.recipient}
    trail.append(db, who.actor, verb, f"paper_set:{papers.id}", now=now, detail=detail)
