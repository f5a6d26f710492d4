"""One candidate's result, item by item: for the results officer. Letters only, no content."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from server.audit import trail
from server.audit.tables import AuditRow
from server.errors import NotFound
from server.grading import keys, results, runs
from server.grading.marking import SlotKey
from server.grading.results import SummaryRow, summary_rows
from server.grading.tables import ItemMark, MarkingRun, Result
from server.keyring import Keyring


@dataclass(frozen=True)
class ItemLine:
    """One item: what was answered, what the key was, what it was worth. Option ids in canonical order."""

    slot: int
    response: tuple[int | str, ...]
    key: SlotKey
    marks: int


@dataclass(frozen=True)
class Standing:
    """The candidate's result in one run."""

    run: MarkingRun
    state: str
    total: int | None
    passed: bool
    digest: str


@dataclass(frozen=True)
class CandidateResult:
    """Everything the page shows."""

    row: SummaryRow
    run: MarkingRun
    key_version: int | None
    items: list[ItemLine]
    history: list[Standing]
    story: list[AuditRow]


def candidate_result(db: Session, keyring: Keyring, exam_session_id: int, entry_no: int) -> CandidateResult:
    """Raises `NotFound` for an entry that is not there or an exam session not yet marked."""
    run = runs.latest(db, exam_session_id)
    row = next((row for row in summary_rows(db, exam_session_id) if row.no == entry_no), None)
    if run is None or row is None:
        raise NotFound
    stored = db.get(Result, (exam_session_id, run.no, entry_no))
    assert stored is not None
    form_keys = keys.of_run(db, keyring, exam_session_id, run.no)
    key = form_keys.get(stored.form_id or 0) if stored.state == "marked" else None
    marks = db.exec(
        select(ItemMark)
        .where(ItemMark.exam_session_id == exam_session_id, ItemMark.run_no == run.no, ItemMark.entry_no == entry_no)
        .order_by(col(ItemMark.slot))
    ).all()
    items = [ItemLine(mark.slot, tuple(mark.response), key.slots[mark.slot], mark.marks) for mark in marks if key is not None]
    return CandidateResult(
        row=row,
        run=run,
        key_version=key.version if key else None,
        items=items,
        history=_history(db, exam_session_id, entry_no),
        story=_story(db, exam_session_id, entry_no),
    )


def _history(db: Session, exam_session_id: int, entry_no: int) -> list[Standing]:
    found = []
    for run in results.runs_of(db, exam_session_id):
        row = db.get(Result, (exam_session_id, run.no, entry_no))
        if row is not None:
            found.append(Standing(run, row.state, row.total, row.passed, row.digest))
    return found


def _story(db: Session, exam_session_id: int, entry_no: int) -> list[AuditRow]:
    """Acts on this sitting, and on the whole exam session's results, in order of time."""
    own = trail.about(db, f"sitting:{exam_session_id}-{entry_no}")
    whole = [
        row for row in trail.about(db, f"exam_session:{exam_session_id}") if row.verb.startswith(("results.", "key_correction."))
    ]
    return sorted([*own, *whole], key=lambda row: (row.at, row.id or 0))
