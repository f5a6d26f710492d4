"""What the child process does for grading: mark an exam session, then compute its item statistics. Loads numpy."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from itembank.items import Answer, ItemBody, kind_of
from itembank.statistics import classical
from itembank.tables import FormSlot, ItemVersion
from server import jobs
from server.audit.trail import SYSTEM
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.errors import Conflict
from server.grading import duty, frequent, keys, rules, runs, statistics_work
from server.grading.marking import FormKey, Response
from server.grading.tables import ItemMark, MarkingRun, Result, RunFigures
from server.jobs import JobContext
from server.keyring import Keyring
from server.pages import _

DIGITS = 4


def mark(context: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Job `grading.mark`: {exam_session_id, reason?}. A person who asked is named in the run; else it is the system."""
    exam_session_id = int(args["exam_session_id"])
    with reading(context.dbs) as db:
        run = runs.latest(db, exam_session_id)
        correction = runs.approved_correction(db, exam_session_id)
    behind = correction if run is not None and correction > run.correction_no else 0
    no = runs.mark_session(
        context.dbs,
        context.keyring,
        context.clock,
        exam_session_id,
        by=context.actor if args.get("reason") else SYSTEM,
        reason=args.get("reason") or duty.reason_of(behind),
        progress=context.progress,
    )
    if no is None:
        raise Conflict(_("Another marking of this exam session is under way."))
    store_figures(context.dbs, context.keyring, context.clock, exam_session_id, no)
    with transaction(context.dbs) as db:  # a job of its own: whatever it meets, the results are in force
        jobs.put(db, "grading.statistics", {"exam_session_id": exam_session_id, "run_no": no}, SYSTEM, context.clock.now())
    return {"run": no}


def grade(dbs: Databases, keyring: Keyring, clock: Clock) -> list[int]:
    """`jikao grade`, and the demo: mark all that waits, with figures, in this process; returns the exam sessions."""
    done = duty.mark_finished(dbs, keyring, clock)
    for exam_session_id in done:
        with reading(dbs) as db:
            run = runs.latest(db, exam_session_id)
        assert run is not None
        store_figures(dbs, keyring, clock, exam_session_id, run.no)
        statistics_work.store(dbs, keyring, clock, exam_session_id, run.no)
    return done


def store_figures(dbs: Databases, keyring: Keyring, clock: Clock, exam_session_id: int, run_no: int) -> None:
    """Compute and keep the statistics of a run, once."""
    with reading(dbs) as db:
        if db.get(RunFigures, (exam_session_id, run_no)) is not None:
            return
        body = figures_of(db, keyring, exam_session_id, run_no)
    row = {"exam_session_id": exam_session_id, "run_no": run_no, "body": body, "computed_at": clock.now()}
    try:
        with transaction(dbs) as db:
            db.execute(insert(RunFigures).values(**row))
    except IntegrityError:
        return  # another process stored the same figures in the meantime


def figures_of(db: Session, keyring: Keyring, exam_session_id: int, run_no: int) -> dict[str, Any]:
    """The body of `RunFigures`: `{forms: [{form_id, label, n, mean_marks, sd_marks, alpha, sem_marks, items}]}`.

    An item: `{slot, kind, full, cancelled, n, better_n, p, item_total, blank, options: [{option, all, better}], flags}`; where
    options are not chosen `options` is empty and `parts` says what was answered most (`frequent.parts`).
    A figure is `{value}`, `{too_few: [n, needed]}` or `{no_spread: n}`. Voided and absent candidates are left out;
    cancelled items take no part.
    """
    run = db.get(MarkingRun, (exam_session_id, run_no))
    assert run is not None
    form_keys = keys.of_run(db, keyring, exam_session_id, run_no)
    return {"forms": [_form(db, run, form, form_keys[int(form["form_id"])]) for form in run.forms]}


def _form(db: Session, run: MarkingRun, form: dict[str, Any], key: FormKey) -> dict[str, Any]:
    sheets = _sheets(db, run, key.form_id)
    counted = [slot for slot in sorted(key.slots) if not key.slots[slot].cancelled]
    scores = [[sheet[slot][1] for slot in counted] for sheet in sheets]
    offered = _offered(db, key.form_id)
    body: dict[str, Any] = {"form_id": key.form_id, "label": form["label"], "n": len(sheets), "items": []}
    if not sheets or not counted:
        return body | {"items": [_item(slot, key, sheets, counted, None, offered) for slot in sorted(key.slots)]}
    maxima = [key.slots[slot].marks for slot in counted]
    per_item = dict(zip(counted, classical.item_figures(scores, maxima), strict=True))
    test = classical.form_figures(scores)
    body |= {"mean_marks": _figure(test.mean, 100), "sd_marks": _figure(test.sd, 100)}
    body |= {"alpha": _figure(test.alpha), "sem_marks": _figure(test.sem, 100)}
    return body | {"items": [_item(slot, key, sheets, counted, per_item.get(slot), offered) for slot in sorted(key.slots)]}


Sheet = dict[int, tuple[Response, int]]
"""Slot -> (response, marks) of one candidate."""


def _sheets(db: Session, run: MarkingRun, form_id: int) -> list[Sheet]:
    here = (Result.exam_session_id == run.exam_session_id, Result.run_no == run.no)
    who = select(Result.entry_no).where(*here, Result.form_id == form_id, Result.state == "marked")
    sheets: dict[int, Sheet] = {no: {} for no in db.exec(who.order_by(col(Result.entry_no))).all()}
    rows = db.exec(
        select(ItemMark.entry_no, ItemMark.slot, ItemMark.response, ItemMark.marks).where(
            ItemMark.exam_session_id == run.exam_session_id, ItemMark.run_no == run.no
        )
    ).all()
    for entry_no, slot, response, marks in rows:
        if entry_no in sheets:
            sheets[entry_no][slot] = (tuple(response), marks)
    return list(sheets.values())


def _offered(db: Session, form_id: int) -> dict[int, list[int]]:
    """Slot -> the options there were to choose from."""
    rows = db.exec(
        select(FormSlot.slot, ItemVersion.body)
        .join(ItemVersion, col(ItemVersion.id) == FormSlot.item_version_id)
        .where(FormSlot.form_id == form_id)
    ).all()
    return {slot: [option.id for option in ItemBody.model_validate(body).options] for slot, body in rows}


def _item(
    slot: int,
    key: FormKey,
    sheets: list[Sheet],
    counted: list[int],
    found: classical.ItemFigures | None,
    offered: dict[int, list[int]],
) -> dict[str, Any]:
    slot_key = key.slots[slot]
    responses = [sheet[slot][0] for sheet in sheets]
    better = rules.better_half([sum(sheet[other][1] for other in counted if other != slot) for sheet in sheets])
    by_choice = kind_of(slot_key.kind).answer == Answer.CHOICE
    chosen = {
        option: {
            "option": option,
            "all": sum(option in response for response in responses),
            "better": sum(option in responses[n] for n in better),
        }
        for option in (offered[slot] if by_choice else ())
    }
    p = found.p if found and isinstance(found.p, float) else None
    item_total = found.item_total if found and isinstance(found.item_total, float) else None
    facts = rules.ItemFacts(len(sheets), p, item_total, {option: row["better"] for option, row in chosen.items()})
    more = {} if by_choice else {"parts": frequent.parts(responses, better, slot_key)}
    return more | {
        "slot": slot,
        "kind": slot_key.kind,
        "full": slot_key.marks,
        "cancelled": slot_key.cancelled,
        "n": len(sheets),
        "better_n": len(better),
        "p": _figure(found.p if found else classical.TooFew(len(sheets), 1)),
        "item_total": _figure(found.item_total if found else classical.TooFew(len(sheets), 30)),
        "blank": sum(not response for response in responses),
        "options": list(chosen.values()),
        "flags": rules.flags(facts, slot_key),
    }


def _figure(found: classical.Figure, unit: int = 1) -> dict[str, Any]:
    if isinstance(found, classical.TooFew):
        return {"too_few": [found.n, found.needed]}
    if isinstance(found, classical.NoSpread):
        return {"no_spread": found.n}
    return {"value": round(float(found) / unit, DIGITS)}
