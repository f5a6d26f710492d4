"""Facts of exam sessions, held by each serving process and renewed every second by `versions`.

Only what does not decide by itself is read from here: whether the bell has rung, the terms, the paper's duration. The terms
travel inside the commands and are journaled, so a decision can be followed without this table of memories.
"""

from collections.abc import Iterable

from msgspec import Struct
from sqlmodel import Session, col, select

from server.db import Databases
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting.commands import Terms
from server.sitting.store import to_ms


class Exam(Struct, frozen=True):
    """One exam session.

    Times in Unix ms. `bell_at` None: the bell has not been set (chief) or the session is not open.
    """

    id: int
    institution_id: int
    title: str
    state: str
    bell: str
    starts_at: int
    bell_at: int | None
    duration_ms: int
    version: int
    paper_set_id: int | None
    seat_binding: bool
    terms: Terms

    @property
    def open(self) -> bool:
        """Whether sittings may be opened."""
        return self.state == "open"

    @property
    def readable(self) -> bool:
        """Whether papers may be unsealed for candidates; after the end only a reopened sitting comes this far."""
        return self.state in ("open", "ended")

    def may_have_rung(self, now: int) -> bool:
        """Whether the bell may have rung since these facts were read: it is due, or the chief's to ring."""
        return self.state in ("draft", "scheduled") and self.starts_in_ms(now) in (None, 0)

    def starts_in_ms(self, now: int) -> int | None:
        """Until the bell; None when the chief will ring it; 0 after it."""
        if self.bell_at is not None:
            return max(0, self.bell_at - now)
        return None if self.bell == "chief" else max(0, self.starts_at - now)


def exam_of(row: ExamSession) -> Exam:
    """The facts in a row. The bell: the opening act, but on schedule never before the scheduled start."""
    assert row.id is not None
    profile = SessionProfile.from_json(row.profile).scaled(row.duration_ms)
    starts_at = to_ms(row.starts_at)
    opened_at = None if row.opened_at is None else to_ms(row.opened_at)
    if opened_at is None or row.state in ("draft", "scheduled"):
        bell_at = None
    else:
        bell_at = opened_at if profile.bell == "chief" else max(starts_at, opened_at)
    return Exam(
        id=row.id,
        institution_id=row.institution_id,
        title=row.title,
        state=row.state,
        bell=profile.bell,
        starts_at=starts_at,
        bell_at=bell_at,
        duration_ms=row.duration_ms,
        version=row.version,
        paper_set_id=row.paper_set_id,
        seat_binding=profile.seat_binding,
        terms=Terms(
            bell_at=bell_at,
            duration_ms=row.duration_ms,
            latest_entry_ms=profile.latest_entry_ms,
            earliest_hand_in_ms=profile.earliest_hand_in_ms,
            grace_ms=profile.grace_ms,
            full_time_for_late=profile.late_entrant_gets_full_time,
            identity_check=profile.identity_check,
        ),
    )


def read_exams(dbs: Databases, ids: Iterable[int]) -> dict[int, Exam]:
    """The facts of several exam sessions."""
    wanted = list(ids)
    if not wanted:
        return {}
    with Session(dbs.read) as db:
        rows = db.exec(select(ExamSession).where(col(ExamSession.id).in_(wanted))).all()
        return {row.id: exam_of(row) for row in rows if row.id is not None}
