"""Acts of two people: key corrections and publishing. And the item figures that lead to a correction."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlmodel import Session

from server.auth.staff import Staff, allow
from server.db import reading, transaction
from server.errors import AppError, Conflict, FieldError, Invalid
from server.grading import corrections, duty, keys, publishing, results, rules, runs
from server.grading.corrections import Wish
from server.grading.typed_key import NOTHING, TypedKey, typed_key
from server.grading.view import frame, own
from server.pages import page, redirect, translate

router = APIRouter(prefix="/results/{exam_session_id}")
Corrector = Annotated[Staff, Depends(allow("key.correct"))]
Publisher = Annotated[Staff, Depends(allow("results.publish"))]
Verdict = Literal["approved", "declined", "withdrawn"]


@router.get("/items")
def items(request: Request, who: Corrector, exam_session_id: int, form: str = "") -> Response:
    """Figures of every item of one form: difficulty, item-total, options, what looks wrong; the key beside."""
    state = request.app.state
    with reading(state.dbs) as db:
        context = frame(db, who, exam_session_id, "items")
        head: results.Head = context["head"]
        stored = results.figures(db, exam_session_id, head.run_no)
        form_keys = keys.of_run(db, state.keyring, exam_session_id, head.run_no) if head.run_no and stored else {}
    forms = stored["forms"] if stored else []
    chosen = next((one for one in forms if one["label"] == form), forms[0] if forms else None)
    context |= {"forms": forms, "chosen": chosen, "key": form_keys.get(chosen["form_id"]) if chosen else None}
    return page(request, "grading/items.html", **context)


@router.get("/corrections")
def correction_list(request: Request, who: Corrector, exam_session_id: int) -> Response:
    """All corrections and cancellations, newest first."""
    with reading(request.app.state.dbs) as db:
        context = frame(db, who, exam_session_id, "corrections")
        context |= {"rows": corrections.of_session(db, exam_session_id), "labels": _labels(db, exam_session_id)}
        context["refusal"] = corrections.refusal(db, exam_session_id)
    return page(request, "grading/corrections.html", **context)


@router.get("/corrections/new")
def correction_form(request: Request, who: Corrector, exam_session_id: int, form_id: int = 0, slot: int = 0) -> Response:
    """Choose the item, then the new key or a cancellation."""
    return _form(request, who, exam_session_id, Draft(form_id, slot))


@dataclass(frozen=True)
class Draft:
    """What the correction form is filled with; `changes` once it was looked at in advance."""

    form_id: int
    slot: int
    wish: Wish | None = None
    reason: str = ""
    typed: TypedKey = NOTHING
    problems: tuple[FieldError, ...] = ()
    changes: list[results.Change] | None = None


def _form(request: Request, who: Staff, exam_session_id: int, draft: Draft) -> Response:
    state = request.app.state
    with reading(state.dbs) as db:
        context = frame(db, who, exam_session_id, "corrections")
        refusal = corrections.refusal(db, exam_session_id)
        context |= {"labels": _labels(db, exam_session_id), "refusal": refusal, "slot": None, "old": None}
        run = runs.latest(db, exam_session_id)
        if draft.form_id and draft.slot and run is not None:
            context["slot"] = corrections.get_slot(db, exam_session_id, draft.form_id, draft.slot)
            of_form = keys.of_run(db, state.keyring, exam_session_id, run.no)[draft.form_id]
            context["old"] = of_form.slots[draft.slot]
    context |= {"form_id": draft.form_id, "wish": draft.wish, "reason": draft.reason, "changes": draft.changes}
    context["typed"] = draft.typed
    context["problems"] = [translate(one.message, **dict(one.params)) for one in draft.problems]
    return page(request, "grading/correction_new.html", status=422 if draft.problems else 200, **context)


def _labels(db: Session, exam_session_id: int) -> dict[int, str]:
    return keys.forms_of(db, runs.get_session(db, exam_session_id).paper_set_id)


@router.post("/corrections/preview")
def correction_preview(
    request: Request,
    who: Corrector,
    exam_session_id: int,
    form_id: Annotated[int, Form()],
    slot: Annotated[int, Form()],
    kind: Annotated[Literal["new_key", "cancel"], Form()],
    typed: Annotated[TypedKey, Depends(typed_key)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Who would change; stores nothing."""
    state = request.app.state
    try:
        with reading(state.dbs) as db:
            own(db, who, exam_session_id)
            wish = _wish(db, exam_session_id, form_id, slot, kind, typed)
            changes = corrections.preview(db, state.keyring, exam_session_id, wish)
    except Invalid as error:
        return _form(request, who, exam_session_id, Draft(form_id, slot, wish, reason, typed, tuple(error.fields)))
    return _form(request, who, exam_session_id, Draft(form_id, slot, wish, reason, typed, changes=changes))


def _wish(db: Session, exam_session_id: int, form_id: int, slot: int, kind: str, typed: TypedKey) -> Wish:
    item_kind = corrections.get_slot(db, exam_session_id, form_id, slot).kind
    return Wish(form_id, slot, None if kind == corrections.CANCEL else typed.key(item_kind))


@router.post("/corrections")
def correction_propose(
    request: Request,
    who: Corrector,
    exam_session_id: int,
    form_id: Annotated[int, Form()],
    slot: Annotated[int, Form()],
    kind: Annotated[Literal["new_key", "cancel"], Form()],
    typed: Annotated[TypedKey, Depends(typed_key)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Put it before a second person."""
    state = request.app.state
    try:
        with transaction(state.dbs) as db:
            own(db, who, exam_session_id)
            wish = _wish(db, exam_session_id, form_id, slot, kind, typed)
            no = corrections.propose(db, state.keyring, exam_session_id, wish, by=who.actor, reason=reason, now=state.clock.now())
    except Invalid as error:
        return _form(request, who, exam_session_id, Draft(form_id, slot, wish, reason, typed, tuple(error.fields)))
    return redirect(request, f"/results/{exam_session_id}/corrections/{no}")


@router.get("/corrections/{no}")
def correction(request: Request, who: Corrector, exam_session_id: int, no: int) -> Response:
    """One correction: who would change while it waits, who changed once it is done."""
    state = request.app.state
    with reading(state.dbs) as db:
        context = frame(db, who, exam_session_id, "corrections")
        row = corrections.get(db, exam_session_id, no)
        context |= {"row": row, "labels": _labels(db, exam_session_id), "changes": None, "obstacle": None, "run": None}
        context["slot"] = corrections.get_slot(db, exam_session_id, row.form_id, row.slot)
        context["wish"] = wish = corrections.wish_of(state.keyring, row)
        old = keys.of_run(db, state.keyring, exam_session_id, row.run_no)[row.form_id]
        context["old"] = old.slots[row.slot]
        if row.decision is None:
            try:
                context["changes"] = corrections.preview(db, state.keyring, exam_session_id, wish)
            except AppError as error:
                context["obstacle"] = translate(error.message, **error.params)
        elif row.decision == "approved":
            context |= _outcome(db, exam_session_id, no)
    context["mine"] = row.proposed_by == who.person_id
    return page(request, "grading/correction.html", **context)


def _outcome(db: Session, exam_session_id: int, no: int) -> dict[str, Any]:
    run = corrections.run_of(db, exam_session_id, no)
    if run is None or run.replaces is None:
        return {"run": run}
    return {"run": run, "changes": results.changes(db, exam_session_id, run.replaces, run.no)}


@router.post("/corrections/{no}/decide")
def correction_decide(
    request: Request,
    who: Corrector,
    exam_session_id: int,
    no: int,
    verdict: Annotated[Verdict, Form()],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """The second person's word. Once approved, everyone is marked again."""
    state = request.app.state
    with transaction(state.dbs) as db:
        own(db, who, exam_session_id)
        corrections.decide(
            db, state.keyring, exam_session_id, no, verdict, by=who.actor, note=note.strip(), now=state.clock.now()
        )
    if verdict == "approved":
        duty.queue_due(state.dbs, state.clock, state.jobs)
    return redirect(request, f"/results/{exam_session_id}/corrections/{no}")


@router.get("/publish")
def publish_page(request: Request, who: Publisher, exam_session_id: int) -> Response:
    """What is to be published, what stands in the way, who has to agree."""
    return _publish(request, who, exam_session_id)


def _publish(
    request: Request,
    who: Staff,
    exam_session_id: int,
    *,
    given: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
) -> Response:
    with reading(request.app.state.dbs) as db:
        context = frame(db, who, exam_session_id, "publish")
        context |= {
            "refusal": publishing.refusal(db, exam_session_id),
            "proposals": publishing.of_session(db, exam_session_id),
            "in_force": results.publication_in_force(db, exam_session_id),
            "summary": results.summary(results.summary_rows(db, exam_session_id)),
        }
    today = publishing.day_of(request.app.state.clock.now())
    context |= {"given": given or {}, "problems": problems or {}, "me": who.person_id, "today": today}
    context |= {"suggested": rules.working_days_after(today, 5), "last_day": today + publishing.LONGEST}
    return page(request, "grading/publish.html", status=422 if problems else 200, **context)


@router.post("/publish")
def publish_propose(
    request: Request,
    who: Publisher,
    exam_session_id: int,
    objections_until: Annotated[str, Form()] = "",
    contact: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Propose to publish the results in force."""
    state = request.app.state
    try:
        until = date.fromisoformat(objections_until)
    except ValueError:
        until = date.min
    try:
        with transaction(state.dbs) as db:
            own(db, who, exam_session_id)
            now = state.clock.now()
            publishing.propose(db, exam_session_id, by=who.actor, objections_until=until, contact=contact, now=now)
    except Invalid as error:
        problems = {one.field: translate(one.message, **dict(one.params)) for one in error.fields}
        given = {"objections_until": objections_until, "contact": contact}
        return _publish(request, who, exam_session_id, given=given, problems=problems)
    return redirect(request, f"/results/{exam_session_id}/publish")


@router.post("/publish/{no}/decide")
def publish_decide(
    request: Request,
    who: Publisher,
    exam_session_id: int,
    no: int,
    verdict: Annotated[Verdict, Form()],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """The second person publishes (after everything is recomputed) or declines; the first may withdraw."""
    state = request.app.state
    with reading(state.dbs) as db:
        if own(db, who, exam_session_id).state == "published":
            raise Conflict(rules.PUBLISHED_ALREADY)
    if verdict == "approved":
        publishing.approve(state.dbs, state.keyring, state.clock, exam_session_id, no, by=who.actor)
    else:
        with transaction(state.dbs) as db:
            now = state.clock.now()
            publishing.turn_down(db, exam_session_id, no, verdict, by=who.actor, note=note.strip(), now=now)
    return redirect(request, f"/results/{exam_session_id}/publish")
