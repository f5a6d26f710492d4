"""One form by lot (抽签): committed to when the exam session is scheduled, drawn at the release, repeatable by anybody.

Whoever knew the seed beforehand would still not know the instants of the two words; whoever gives their word last does not know
the seed. The rule itself is pure: `seating.draw_form`.
"""

import secrets
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from itembank import sealing
from itembank.tables import Form
from server.audit import trail
from server.audit.trail import SYSTEM, Actor
from server.keyring import Keyring
from server.registry.custody_tables import FormDraw
from server.registry.rules import SessionProfile
from server.registry.seating import DrawInput, commitment_of, draw_form
from server.registry.tables import Entry, ExamSession

SEED_BYTES = 32


def uses_lot(session: ExamSession) -> bool:
    """Whether everybody gets the one form the lot falls on."""
    return SessionProfile.from_json(session.profile).form_use == "lot"


def find(db: Session, session: ExamSession) -> FormDraw | None:
    """The lot for the chosen paper set: committed to, or drawn."""
    if session.id is None or session.paper_set_id is None:
        return None
    return db.get(FormDraw, (session.id, session.paper_set_id))


def drawn(db: Session, session: ExamSession) -> str | None:
    """The label the lot fell on; None before, and where there is no lot."""
    row = find(db, session) if uses_lot(session) else None
    return None if row is None else row.label


def commit(db: Session, keyring: Keyring, session: ExamSession, *, by: Actor, now: datetime) -> FormDraw:
    """Draw the seed and make its digest known; once for an exam session and a paper set."""
    known = find(db, session)
    if known is not None:
        return known
    assert session.id is not None
    assert session.paper_set_id is not None
    seed = secrets.token_hex(SEED_BYTES)
    row = FormDraw(
        exam_session_id=session.id,
        paper_set_id=session.paper_set_id,
        institution_id=session.institution_id,
        commitment=commitment_of(seed),
        sealed_seed=keyring.seal(sealing.PAPER, seed.encode(), _aad(session)),
        committed_at=now,
    )
    db.add(row)
    db.flush()
    detail = {"paper_set": row.paper_set_id, "commitment": row.commitment}
    trail.append(db, by, "form_draw.committed", f"exam_session:{session.id}", now=now, detail=detail)
    return row


def draw(db: Session, keyring: Keyring, session: ExamSession, first_at: datetime, second_at: datetime) -> str:
    """Let the lot fall; everybody's form is the one it falls on. In the caller's lock, once."""
    row = commit(db, keyring, session, by=SYSTEM, now=second_at)
    forms = db.exec(select(Form.label, Form.digest).where(Form.paper_set_id == row.paper_set_id).order_by(col(Form.label))).all()
    given = DrawInput(
        exam_session_id=row.exam_session_id,
        paper_set_id=row.paper_set_id,
        seed=keyring.open(sealing.PAPER, row.sealed_seed, _aad(session)).decode(),
        forms=tuple((label, digest or "") for label, digest in forms),
        first_ms=_ms(first_at),
        second_ms=_ms(second_at),
    )
    row.drawn_at, row.seed, row.line, row.label = second_at, given.seed, given.text, draw_form(given)
    db.flush()
    db.execute(update(Entry).where(col(Entry.exam_session_id) == session.id).values(form_label=row.label))
    detail = {"line": row.line, "form": row.label}
    trail.append(db, SYSTEM, "form_draw.drawn", f"exam_session:{session.id}", now=second_at, detail=detail)
    return row.label


def _aad(session: ExamSession) -> bytes:
    return f"form_draw:{session.id}:{session.paper_set_id}".encode()


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
