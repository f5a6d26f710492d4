"""What a person should look at after an exam: answers too alike, too fast and right, items that drift. Loads numpy.

Hints, never proofs: each says how unlikely it is by chance, corrected for how many were compared; none changes a score.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
from sqlalchemy import func, select
from sqlmodel import Session, col

from itembank.statistics import forensics, similarity
from itembank.statistics.values import DEFAULTS, Needed, NoSpread, TooFew
from server.grading.statistics_data import Seat, Sheets, near
from server.grading.statistics_json import stored
from server.grading.statistics_tables import ItemStatistic, SessionStatistics
from server.grading.tables import MarkingRun
from server.registry.tables import ExamSession
from server.sitting import pace

LEVEL: Final = 0.05
"""So many exams in which everybody was honest name a pair: shared among the forms, and between near seats and whole rooms."""
FAST_LEVEL: Final = 0.01


def hints(
    db: Session, run: MarkingRun, forms: Sequence[Sheets], seats: Mapping[int, Seat], needed: Needed = DEFAULTS
) -> dict[str, Any]:
    """`{forms: [{label, n, pairs, compared, fast, timed}], drift: [{form_id, label, exam_session_id, items}]}`.

    `pairs`: `[{a, b, shared, expected, omega, corrected, near}]` or `{too_few}`; `compared`: `[near pairs, pairs in a room]`.
    `fast`: `[{entry, fast, right, expected, corrected}]` or `{too_few}`; `timed`: how many people's times are known.
    """
    seconds = dict(pace.seconds(db, run.exam_session_id))
    return {
        "forms": [form_hints(one, seats, seconds, needed, forms=len(forms)) for one in forms],
        "drift": [found for one in forms for found in drifts(db, run, one, needed)],
    }


def form_hints(
    sheets: Sheets,
    seats: Mapping[int, Seat],
    seconds: Mapping[int, Mapping[int, float]],
    needed: Needed = DEFAULTS,
    *,
    forms: int = 1,
) -> dict[str, Any]:
    """Hints of one form of so many `forms`; `seconds`: entry -> slot -> time, where known."""
    people = [seats[no] for no in sheets.entries]
    rooms = _rooms(people)
    close = {pair for room in rooms for pair in combinations(room, 2) if near(people[pair[0]], people[pair[1]])}
    return {
        "label": sheets.label,
        "n": len(people),
        "pairs": _pairs(sheets, (close, rooms), LEVEL / 2 / forms, needed),
        "compared": [len(close), sum(len(room) * (len(room) - 1) // 2 for room in rooms)],
        "fast": _fast(sheets, seconds, FAST_LEVEL / forms, needed),
        "timed": sum(bool(seconds.get(no)) for no in sheets.entries),
    }


def _rooms(people: Sequence[Seat]) -> list[list[int]]:
    rows: dict[int, list[int]] = {}
    for row, seat in enumerate(people):
        if seat.room_id is not None:
            rows.setdefault(seat.room_id, []).append(row)
    return list(rows.values())


def _pairs(sheets: Sheets, together: tuple[set[tuple[int, int]], list[list[int]]], level: float, needed: Needed) -> Any:
    close, rooms = together
    columns = sheets.counted
    answers, marks = sheets.answers[:, columns], sheets.marks[:, columns]
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for groups in (rooms, sorted(close)):
        alike = similarity.similar_pairs(answers, marks, groups, level, needed)
        if isinstance(alike, TooFew):
            return stored(alike)
        for pair in alike:
            found[pair.a, pair.b] = {
                "a": sheets.entries[pair.a],
                "b": sheets.entries[pair.b],
                "shared": pair.shared,
                "expected": round(pair.expected, 1),
                "omega": round(pair.omega, 2),
                "corrected": float(f"{pair.corrected:.2g}"),
                "near": (pair.a, pair.b) in close,
            }
    return sorted(found.values(), key=lambda one: -one["omega"])


def _fast(sheets: Sheets, seconds: Mapping[int, Mapping[int, float]], level: float, needed: Needed) -> Any:
    columns = sheets.counted
    chosen = [sheets.slots[column] for column in columns]
    times = np.array([[seconds.get(no, {}).get(one.slot, 0.0) for one in chosen] for no in sheets.entries])
    times = times.reshape(len(sheets.entries), len(columns))
    full = np.array([one.key.marks for one in chosen], dtype=np.int64)
    right = (sheets.marks[:, columns] == full).astype(np.uint8)
    luck = np.array([one.guess for one in chosen])
    found = forensics.too_fast_and_right(times, right, luck, level, needed)
    if isinstance(found, TooFew):
        return stored(found)
    return [
        {
            "entry": sheets.entries[one.row],
            "fast": one.fast,
            "right": one.right,
            "expected": round(one.expected, 1),
            "corrected": float(f"{one.corrected:.2g}"),
        }
        for one in found
    ]


def drifts(db: Session, run: MarkingRun, sheets: Sheets, needed: Needed) -> list[dict[str, Any]]:
    """This form's items against each earlier form that had some of them: banks that use an item more than once."""
    hits = {one.slot: int((sheets.marks[:, at] == one.key.marks).sum()) for at, one in enumerate(sheets.slots)}
    slot_of = {one.version_id: one for one in sheets.slots if not one.key.cancelled}
    earlier: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for exam_session_id, form_id, version_id, n, right in _earlier(db, run, list(slot_of)):
        earlier.setdefault((exam_session_id, form_id), []).append((version_id, n, right))
    found = []
    for (exam_session_id, _form_id), rows in earlier.items():
        before_n = rows[0][1]
        before = [right for _version, _n, right in rows]
        after = [hits[slot_of[version].slot] for version, _n, _right in rows]
        changes = forensics.drift(before, before_n, after, len(sheets.entries), needed)
        found.append(
            {
                "form_id": sheets.form_id,
                "label": sheets.label,
                "exam_session_id": exam_session_id,
                "items": [
                    {"slot": slot_of[version].slot, "item_id": slot_of[version].item_id, **_drift(change)}
                    for (version, _n, _right), change in zip(rows, changes, strict=True)
                ],
            }
        )
    return found


def _drift(found: forensics.Drift | TooFew | NoSpread) -> dict[str, Any]:
    if isinstance(found, forensics.Drift):
        return {"shift": stored(found.shift), "z": round(found.z, 2), "drifted": found.drifted}
    return {"shift": stored(found), "drifted": False}


def _earlier(db: Session, run: MarkingRun, versions: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
    """(exam session, form, item version, people, right) of exams that began before, at their newest statistics."""
    mine = select(col(ExamSession.starts_at)).where(col(ExamSession.id) == run.exam_session_id).scalar_subquery()
    newest = (
        select(func.max(col(SessionStatistics.run_no)))
        .where(col(SessionStatistics.exam_session_id) == col(ItemStatistic.exam_session_id))
        .correlate(ItemStatistic)
        .scalar_subquery()
    )
    place = (col(ItemStatistic.exam_session_id), col(ItemStatistic.form_id))
    rows = db.execute(
        select(*place, col(ItemStatistic.item_version_id), col(ItemStatistic.n), col(ItemStatistic.right))
        .join(ExamSession, col(ExamSession.id) == col(ItemStatistic.exam_session_id))
        .where(
            col(ItemStatistic.item_version_id).in_(versions),
            col(ItemStatistic.exam_session_id) != run.exam_session_id,
            col(ItemStatistic.institution_id) == run.institution_id,
            col(ItemStatistic.run_no) == newest,
            col(ExamSession.starts_at) < mine,
        )
        .order_by(*place, col(ItemStatistic.slot))
    ).all()
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
