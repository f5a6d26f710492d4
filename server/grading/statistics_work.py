"""What the child process does after marking: the whole statistics of an exam session, stored once a run. Loads numpy."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from itembank.statistics import equating
from itembank.statistics.values import DEFAULTS, Needed
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.grading import keys, rules, runs, statistics_hints
from server.grading.marking import MarkingRules
from server.grading.statistics_data import Sheets, seats, sheets
from server.grading.statistics_flags import About
from server.grading.statistics_json import stored
from server.grading.statistics_report import HUNDREDTHS, FormResult, form_result, right_answers
from server.grading.statistics_tables import FormStatistics, ItemStatistic, SessionStatistics
from server.grading.tables import KeyCorrection, MarkingRun, RunFigures
from server.jobs import JobContext
from server.keyring import Keyring
from server.registry.rules import SessionProfile


def compute(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Job `grading.statistics`: {exam_session_id, run_no}."""
    exam_session_id, run_no = int(args["exam_session_id"]), int(args["run_no"])
    store(context.dbs, context.keyring, context.clock, exam_session_id, run_no)
    return {"run": run_no}


def store(dbs: Databases, keyring: Keyring, clock: Clock, exam_session_id: int, run_no: int, needed: Needed = DEFAULTS) -> None:
    """Compute and keep the statistics of a run, once: a form at a time, the exam session last."""
    with reading(dbs) as db:
        if db.get(SessionStatistics, (exam_session_id, run_no)) is not None:
            return
        run = db.get_one(MarkingRun, (exam_session_id, run_no))
        forms = sheets(db, run, keys.of_run(db, keyring, exam_session_id, run_no))
        how = MarkingRules(**run.rules)
        everyone = seats(db, exam_session_id)
        signs = _signs(db, run)
        results = [form_result(one, how, everyone, about(one, signs), needed) for one in forms]
        whole: dict[str, Any] = {
            "comparison": comparison(forms, _use(db, exam_session_id), needed),
            "hints": statistics_hints.hints(db, run, forms, everyone, needed),
        }
    place = {"exam_session_id": exam_session_id, "run_no": run_no, "institution_id": run.institution_id}
    for one, result in zip(forms, results, strict=True):
        store_form(dbs, clock, place, one, result)
    try:
        with transaction(dbs) as db:
            db.execute(insert(SessionStatistics).values(**place, **whole, computed_at=clock.now()))
    except IntegrityError:
        return  # another process stored the same in the meantime


def store_form(dbs: Databases, clock: Clock, place: Mapping[str, Any], one: Sheets, result: FormResult) -> None:
    """A form with its items, all or nothing: a crash before the next form leaves this one done. Stored once, whoever tries."""
    rights = right_answers(one)
    form = {**place, "form_id": one.form_id, "key_version": one.key.version, "n": len(one.entries)}
    rows = [
        {
            **place,
            "form_id": one.form_id,
            "slot": item.slot,
            "bank_id": item.bank_id,
            "item_id": item.item_id,
            "item_version_id": item.version_id,
            "version": item.version,
            "n": len(one.entries),
            "right": rights[item.slot],
            "revise": bool(result.items[item.slot]["flags"]),
            "body": result.items[item.slot],
        }
        for item in one.slots
    ]
    try:
        with transaction(dbs) as db:
            db.execute(insert(FormStatistics).values(**form, body=result.body, computed_at=clock.now()))
            db.execute(insert(ItemStatistic), rows)
    except IntegrityError:
        return  # stored before


def comparison(forms: Sequence[Sheets], use: str, needed: Needed = DEFAULTS) -> dict[str, Any]:
    """`{use, reference, forms: [{form_id, label, n, difference, equating}]}`; the first form is the one compared with.

    `use`: spiral or lot. `difference`: mean of the form less that of the reference, in marks. `equating`: `{degrees, rows}`, a
    row a score of the form, in whole marks: `[mean, linear, equipercentile, smoothed]`, the score on the reference that means
    the same. None for the reference itself. Results in force, cancelled items as they were decided.
    """
    first = forms[0] if forms else None
    return {
        "use": use,
        "reference": first.label if first else "",
        "forms": [_beside(one, first, needed) for one in forms if first is not None],
    }


def _beside(one: Sheets, first: Sheets, needed: Needed) -> dict[str, Any]:
    about: dict[str, Any] = {"form_id": one.form_id, "label": one.label, "n": len(one.entries)}
    if one is first:
        return about | {"difference": None, "equating": None}
    highest = max(one.key.full, first.key.full) // HUNDREDTHS
    here, there = (equating.frequencies(form.totals // HUNDREDTHS, max(highest, 1)) for form in (one, first))
    found = equating.equate(here, there, needed=needed)
    methods = (found.mean, found.linear, found.equipercentile, found.smoothed)
    return about | {
        "difference": stored(equating.difference(one.totals, first.totals, needed), HUNDREDTHS),
        "equating": {
            "degrees": [found.degree_x, found.degree_y],
            "rows": [[stored(method[score]) for method in methods] for score in range(highest + 1)],
        },
    }


def _use(db: Session, exam_session_id: int) -> str:
    return SessionProfile.from_json(runs.get_session(db, exam_session_id).profile).form_use


def _signs(db: Session, run: MarkingRun) -> dict[tuple[int, int], tuple[bool, bool]]:
    """(form, slot) -> whether the quick figures doubt the key, whether the key was corrected."""
    figures = db.get(RunFigures, (run.exam_session_id, run.no))
    doubted = {
        (form["form_id"], item["slot"])
        for form in (figures.body["forms"] if figures else [])
        for item in form["items"]
        if rules.PREFERRED in item["flags"]
    }
    corrected = set(
        db.exec(
            select(KeyCorrection.form_id, KeyCorrection.slot).where(
                KeyCorrection.exam_session_id == run.exam_session_id,
                KeyCorrection.decision == "approved",
                KeyCorrection.kind == "new_key",
                KeyCorrection.no <= run.correction_no,
            )
        ).all()
    )
    return {place: (place in doubted, place in corrected) for place in doubted | corrected}


def about(one: Sheets, signs: Mapping[tuple[int, int], tuple[bool, bool]]) -> dict[int, About]:
    """Slot -> what else is known of its item, for the flags."""
    return {item.slot: About(len(one.counted), *signs.get((one.form_id, item.slot), (False, False))) for item in one.slots}
