"""Recompute everything from the journal and name each row that differs from what is stored."""

from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from msgspec import DecodeError
from sqlmodel import Session, col, select

from itembank.items import letter
from server.grading import keys, runs
from server.grading.marking import MarkingError, MarkingRules
from server.grading.tables import ItemMark, MarkingRun, Result
from server.keyring import Keyring
from server.pages import _
from server.sitting import reading as sittings
from server.sitting.events import BrokenChainError, check_chain
from server.sitting.tables import SittingRow


@dataclass(frozen=True)
class Difference:
    """One row that is not what it should be. `what` is a msgid; `slot` None where the whole result is meant."""

    entry_no: int | None
    slot: int | None
    what: str
    stored: str = ""
    computed: str = ""


def verify_results(db: Session, keyring: Keyring, exam_session_id: int) -> list[Difference]:
    """Every difference between the results in force and the same run computed again; empty when all is right.

    Computed again means: the journal's responses, the keys sealed with the run, the rules named by the run. Nothing stored by
    marking is believed.
    """
    run = runs.latest(db, exam_session_id)
    if run is None:
        return []
    try:
        form_keys = keys.of_run(db, keyring, exam_session_id, run.no)
    except InvalidTag:
        return [Difference(None, None, _("The sealed keys of this run do not open: they were changed or moved."))]
    broken = _chains(db, exam_session_id)
    how = MarkingRules(**run.rules)
    try:
        marking = runs.compute(db, keyring, exam_session_id, with_keys=dict(form_keys), with_rules=how)
    except (MarkingError, DecodeError) as error:
        return [*broken, Difference(None, None, _("The journals cannot be marked."), "", str(error))]
    wanted_results: dict[int, Any] = {}
    wanted_marks: dict[tuple[int, int], Any] = {}
    for entry in marking.entries:
        found = entry.sitting
        wanted_results[entry.entry_no] = (entry.form_id, found.state, found.total, found.passed, found.digest)
        for slot, value in found.marks.items():
            wanted_marks[entry.entry_no, slot] = (list(entry.responses.get(slot, ())), value)
    return [
        *broken,
        *_forms(run, marking),
        *_compare_results(db, run, wanted_results),
        *_compare_marks(db, run, wanted_marks),
    ]


def _chains(db: Session, exam_session_id: int) -> list[Difference]:
    """Journals whose chain, or whose end, is not what the sitting says."""
    heads = db.exec(
        select(SittingRow.entry_no, SittingRow.head)
        .where(SittingRow.exam_session_id == exam_session_id)
        .order_by(col(SittingRow.entry_no))
    ).all()
    found = []
    for entry_no, head in heads:
        try:
            ended = check_chain(exam_session_id, entry_no, sittings.journal(db, exam_session_id, entry_no))
        except (BrokenChainError, DecodeError) as error:
            what = _("The journal does not recompute: an event was changed.")
            found.append(Difference(entry_no, None, what, "", str(error)))
            continue
        if ended != head:
            what = _("The sitting does not end where its journal ends.")
            found.append(Difference(entry_no, None, what, head.hex()[:12], ended.hex()[:12]))
    return found


def _forms(run: MarkingRun, marking: runs.Marking) -> list[Difference]:
    said = {int(form["form_id"]): (form["digest"], form["key_version"]) for form in run.forms}
    used = {key.form_id: (key.form_digest, key.version) for key in marking.keys.values()}
    if said == used:
        return []
    return [Difference(None, None, _("The run names other papers or key versions than its sealed keys."))]


def _compare_results(db: Session, run: MarkingRun, wanted: dict[int, Any]) -> list[Difference]:
    rows = db.exec(select(Result).where(Result.exam_session_id == run.exam_session_id, Result.run_no == run.no)).all()
    stored = {row.entry_no: (row.form_id, row.state, row.total, row.passed, row.digest) for row in rows}
    found = []
    for entry_no in sorted(stored.keys() | wanted.keys()):
        had, should = stored.get(entry_no), wanted.get(entry_no)
        if had == should:
            continue
        if had is None or should is None:
            what = _("A result is missing.") if had is None else _("A result belongs to nobody on the roster.")
        elif had[:4] == should[:4]:
            what = _("The result digest differs.")
        else:
            what = _("The result differs.")
        found.append(Difference(entry_no, None, what, _say(had), _say(should)))
    return found


def _say(row: tuple[Any, ...] | None) -> str:
    if row is None:
        return ""
    total = "" if row[2] is None else f"{row[2] / 100:g} "
    return f"{row[1]} {total}{row[4][:12]}"


def _compare_marks(db: Session, run: MarkingRun, wanted: dict[tuple[int, int], Any]) -> list[Difference]:
    rows = db.exec(
        select(ItemMark.entry_no, ItemMark.slot, ItemMark.response, ItemMark.marks).where(
            ItemMark.exam_session_id == run.exam_session_id, ItemMark.run_no == run.no
        )
    ).all()
    stored = {(entry_no, slot): (list(response), marks) for entry_no, slot, response, marks in rows}
    found = []
    for place in sorted(stored.keys() | wanted.keys()):
        had, should = stored.get(place), wanted.get(place)
        if had != should:
            what = _("The marks of an item differ.")
            found.append(Difference(place[0], place[1], what, _mark(had), _mark(should)))
    return found


def _mark(row: tuple[list[int | str], int] | None) -> str:
    if row is None:
        return "-"
    said = "".join(letter(one) if isinstance(one, int) else f"“{one}”" for one in row[0])
    return f"{said or '-'} {row[1] / 100:g}"
