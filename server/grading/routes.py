"""Pages of the results officer: the list, one exam session's results, candidates, runs, the check, the workbook."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlmodel import Session

from server.audit import trail
from server.auth.staff import Staff, allow
from server.db import reading, transaction
from server.errors import Conflict, NotFound
from server.grading import candidates, checks, duty, picture, results, rules, runs, words
from server.grading.routes_acts import router as acts_router
from server.grading.routes_public import router as public_router
from server.grading.statistics_routes import router as statistics_router
from server.grading.summary_xlsx import workbook
from server.grading.view import frame, own
from server.pages import XLSX, _, download, fragment, page, redirect

router = APIRouter()
Reader = Annotated[Staff, Depends(allow("results.read"))]
Marker = Annotated[Staff, Depends(allow("results.mark"))]


@router.get("/results")
def session_list(request: Request, who: Reader) -> Response:
    """Exam sessions with what is to do next."""
    with reading(request.app.state.dbs) as db:
        lines = results.sessions(db, who.institution_id, who.centre_ids)
    return page(request, "grading/list.html", lines=lines, **words.context())


@router.get("/results/{exam_session_id}")
def overview(request: Request, who: Reader, exam_session_id: int) -> Response:
    """Distribution, pass rate, forms side by side, what looks wrong, what comes next."""
    with reading(request.app.state.dbs) as db:
        context = frame(db, who, exam_session_id, "overview")
        context |= _overview(db, who, context["head"])
    return page(request, "grading/overview.html", **context)


def _overview(db: Session, who: Staff, head: results.Head) -> dict[str, Any]:
    rows = results.summary_rows(db, head.exam_session_id, centres=who.centre_ids)
    stored = results.figures(db, head.exam_session_id, head.run_no)
    found: dict[str, Any] = {
        "rows": rows,
        "summary": results.summary(rows),
        "forms": results.by_form(head, rows),
        "figures": {form["label"]: form for form in stored["forms"]} if stored else {},
        "have_figures": stored is not None,
        "flagged": [(form, item) for form in (stored or {"forms": []})["forms"] for item in form["items"] if item["flags"]],
        "publication": results.publication_in_force(db, head.exam_session_id)
        or results.open_publication(db, head.exam_session_id),
        "picture": None,
        "bins": [],
    }
    totals = [row.total for row in rows if row.total is not None]
    if totals and head.full and head.pass_mark is not None:
        found["bins"] = rules.distribution(totals, head.full, head.pass_mark)
        found["picture"] = picture.draw(found["bins"], head.pass_mark)
    return found


@router.get("/results/{exam_session_id}/progress")
def progress(request: Request, who: Reader, exam_session_id: int) -> Response:
    """How far the marking is, for htmx; asks the page to reload once it is done."""
    with reading(request.app.state.dbs) as db:
        own(db, who, exam_session_id)
        job = duty.job_of(db, exam_session_id)
    response = fragment(request, "grading/progress.html", "progress", job=job, exam_session_id=exam_session_id)
    if job is None or job.state not in ("queued", "running"):
        response.headers["HX-Refresh"] = "true"
    return response


@router.post("/results/{exam_session_id}/mark")
def mark_now(request: Request, who: Marker, exam_session_id: int, reason: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Mark (again) by hand: after late answers were admitted, say."""
    state = request.app.state
    with reading(state.dbs) as db:
        session = own(db, who, exam_session_id)
        refusal = rules.marking_refusal(session.state, runs.unfinished(db, exam_session_id))
    if refusal:
        raise Conflict(refusal)
    duty.queue(state.dbs, state.jobs, exam_session_id, who.actor, reason.strip() or duty.BY_HAND)
    return redirect(request, f"/results/{exam_session_id}")


@router.get("/results/{exam_session_id}/candidates")
def candidate_list(request: Request, who: Reader, exam_session_id: int, outcome: str = "", q: str = "") -> Response:
    """Everyone, with absent, voided and marked told apart; filtered by outcome, name or number."""
    with reading(request.app.state.dbs) as db:
        context = frame(db, who, exam_session_id, "candidates")
        rows = results.summary_rows(db, exam_session_id, centres=who.centre_ids)
    wanted = q.strip().lower()
    shown = [
        row
        for row in rows
        if (not outcome or row.outcome == outcome) and (not wanted or wanted in f"{row.name} {row.admission_no}".lower())
    ]
    context |= {"rows": shown, "total": len(rows), "outcome": outcome, "q": q, "summary": results.summary(rows)}
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        return fragment(request, "grading/candidates.html", "rows", **context)
    return page(request, "grading/candidates.html", **context)


@router.get("/results/{exam_session_id}/candidates/{entry_no}")
def candidate(request: Request, who: Marker, exam_session_id: int, entry_no: int) -> Response:
    """One candidate, item by item. Opening this page is itself on the record."""
    state = request.app.state
    with reading(state.dbs) as db:
        context = frame(db, who, exam_session_id, "candidates")
        found = candidates.candidate_result(db, state.keyring, exam_session_id, entry_no)
    if who.centre_ids is not None and found.row.no not in _visible(request, who, exam_session_id):
        raise NotFound
    with transaction(state.dbs) as db:
        subject = f"sitting:{exam_session_id}-{entry_no}"
        trail.append(db, who.actor, "results.candidate_read", subject, now=state.clock.now())
    return page(request, "grading/candidate.html", found=found, reason_text=duty.reason_text, **context)


def _visible(request: Request, who: Staff, exam_session_id: int) -> set[int]:
    with reading(request.app.state.dbs) as db:
        return {row.no for row in results.summary_rows(db, exam_session_id, centres=who.centre_ids)}


@router.get("/results/{exam_session_id}/summary.xlsx")
def summary_file(request: Request, who: Reader, exam_session_id: int) -> Response:
    """成绩汇总表 as a workbook."""
    with transaction(request.app.state.dbs) as db:
        own(db, who, exam_session_id)
        head = results.summary_head(db, exam_session_id)
        rows = results.summary_rows(db, exam_session_id, centres=who.centre_ids)
        if head.run_no is None:
            raise Conflict(_("Marking has not finished, so there is no list yet."))
        publication = results.publication_in_force(db, exam_session_id)
        detail = {"run": head.run_no, "rows": len(rows)}
        now = request.app.state.clock.now()
        trail.append(db, who.actor, "results.exported", head.session, now=now, detail=detail)
    return download(f"成绩汇总表-{head.title}.xlsx", workbook(head, rows, checkers=results.checkers(publication)), XLSX)


@router.get("/results/{exam_session_id}/runs")
def run_list(request: Request, who: Reader, exam_session_id: int) -> Response:
    """Every marking, newest first, and who changed from one to the next."""
    with reading(request.app.state.dbs) as db:
        context = frame(db, who, exam_session_id, "runs")
        found = [
            (run, results.changes(db, exam_session_id, run.replaces, run.no, who.centre_ids) if run.replaces else [])
            for run in results.runs_of(db, exam_session_id)
        ]
    return page(request, "grading/runs.html", runs=found, reason_text=duty.reason_text, **context)


@router.get("/results/{exam_session_id}/check")
def check(request: Request, who: Marker, exam_session_id: int) -> Response:
    """Recompute everything now and name each row that differs."""
    state = request.app.state
    with reading(state.dbs) as db:
        context = frame(db, who, exam_session_id, "check")
        differences = checks.verify_results(db, state.keyring, exam_session_id)
        entries = len(results.summary_rows(db, exam_session_id))
    context |= {"differences": differences, "entries": entries, "checked_at": state.clock.now()}
    return page(request, "grading/check.html", **context)


router.include_router(acts_router)
router.include_router(statistics_router)
router.include_router(public_router)
