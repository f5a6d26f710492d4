"""Pages of statistics below an exam session's results: the forms, their items, hints, and files to take away."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlmodel import Session

from server.audit import trail
from server.auth.staff import Staff, allow
from server.db import reading, transaction
from server.errors import Conflict, NotFound
from server.grading import (
    keys,
    results,
    rules,
    statistics_charts,
    statistics_duty,
    statistics_exports,
    statistics_view,
    statistics_words,
    words,
)
from server.grading.statistics_tables import ItemStatistic
from server.grading.statistics_view import Shown
from server.grading.view import frame, own
from server.pages import XLSX, _, download, page, translate

router = APIRouter(prefix="/results/{exam_session_id}/statistics")
Reader = Annotated[Staff, Depends(allow("statistics.see"))]
HintReader = Annotated[Staff, Depends(allow("hints.see"))]
Exporter = Annotated[Staff, Depends(allow("statistics.export"))]

NOT_YET: Final = _("The statistics of this marking are not computed yet. Load this page again in a moment.")
CSV: Final = "text/csv; charset=utf-8"
SHORTEST_REASON: Final = 4


def _frame(db: Session, who: Staff, exam_session_id: int, part: str) -> tuple[dict[str, Any], Shown | None]:
    """What all these pages share."""
    context = frame(db, who, exam_session_id, "statistics") | statistics_words.context()
    head: results.Head = context["head"]
    shown = statistics_view.of_run(db, exam_session_id, head.run_no)
    context |= {"part": part, "shown": shown, "waits": statistics_duty.is_under_way(db, exam_session_id)}
    return context, shown


@router.get("")
def overview(request: Request, who: Reader, exam_session_id: int) -> Response:
    """Each form as a whole: totals, reliability, how far a score can be trusted, and which items stand out."""
    with reading(request.app.state.dbs) as db:
        context, shown = _frame(db, who, exam_session_id, "overview")
        context["flagged"] = statistics_view.flagged(db, shown) if shown else []
    context["pictures"] = (
        {form.form_id: statistics_charts.totals_picture(f"totals-{form.form_id}", form.body) for form in shown.forms}
        if shown
        else {}
    )
    context["bins_of"] = lambda body: rules.distribution(body["totals"], body["full"], body["pass_mark"])
    return page(request, "grading/statistics.html", **context)


@router.get("/forms")
def forms(request: Request, who: Reader, exam_session_id: int) -> Response:
    """The forms beside each other, what a score of one means on another, and groups of candidates."""
    with reading(request.app.state.dbs) as db:
        context, shown = _frame(db, who, exam_session_id, "forms")
        context["groups"] = statistics_view.groups(db, shown) if shown else []
    context |= {"picture": "", "equated": [], "bodies": {}}
    if shown is not None:
        context["bodies"] = {form.form_id: form.body for form in shown.forms}
        context["picture"] = statistics_charts.means_picture("means", [form.body for form in shown.forms])
        context["equated"] = [_equated(form, context["head"]) for form in shown.session.comparison["forms"] if form["equating"]]
    return page(request, "grading/statistics_forms.html", **context)


def _equated(form: dict[str, Any], head: results.Head) -> dict[str, Any]:
    """The rows worth showing: twenty marks to either side of the pass mark."""
    rows = form["equating"]["rows"]
    pass_mark = (head.pass_mark or 0) // 100
    wanted = {*range(pass_mark - 20, pass_mark + 21, 5), pass_mark - 1, pass_mark + 1}
    chosen = [(score, rows[score]) for score in sorted(wanted) if 0 <= score < len(rows)]
    methods = [at for at in range(4) if any("value" in row[at] for _score, row in chosen)]
    few = next((row[0]["too_few"] for _score, row in chosen if "too_few" in row[0]), None)
    return {"label": form["label"], "rows": chosen, "methods": methods, "few": few, "pass_mark": pass_mark}


@router.get("/items")
def item_list(request: Request, who: Reader, exam_session_id: int, form: str = "", flagged: str = "") -> Response:
    """The items of one form."""
    with reading(request.app.state.dbs) as db:
        context, shown = _frame(db, who, exam_session_id, "items")
        chosen = shown.get_form(form) if shown else None
        everything = statistics_view.items(db, chosen) if chosen else []
    context |= {"chosen": chosen, "all_items": everything, "only_flagged": flagged == "1", "interval": statistics_charts.interval}
    context["rows"] = [item for item in everything if item.revise or flagged != "1"]
    return page(request, "grading/statistics_items.html", **context)


@router.get("/items/{form_id:int}/{slot:int}")
def item(request: Request, who: Reader, exam_session_id: int, form_id: int, slot: int) -> Response:
    """Everything about one item; its options only for those who may see the key."""
    state = request.app.state
    with reading(state.dbs) as db:
        context, shown = _frame(db, who, exam_session_id, "items")
        form = next((one for one in shown.forms if one.form_id == form_id), None) if shown else None
        rows = statistics_view.items(db, form) if form else []
        found = next((row for row in rows if row.slot == slot), None)
        if form is None or found is None:
            raise NotFound
        key: tuple[int, ...] = ()
        if who.may("key.correct"):
            key = keys.of_run(db, state.keyring, exam_session_id, form.run_no)[form_id].slots[slot].correct
    context |= {"form": form, "item": found, "body": found.body, "key": key, "interval": statistics_charts.interval}
    context |= {"before": _beside(rows, slot, -1), "after": _beside(rows, slot, 1)}
    context["options"] = _options(found, key) if who.may("key.correct") else []
    context["picture"] = (
        statistics_charts.options_picture("options", context["options"], found.n) if context["options"] and found.n else ""
    )
    return page(request, "grading/statistics_item.html", **context)


def _beside(rows: list[ItemStatistic], slot: int, step: int) -> int | None:
    place = [row.slot for row in rows].index(slot) + step
    return rows[place].slot if 0 <= place < len(rows) else None


def _options(found: ItemStatistic, key: tuple[int, ...]) -> list[statistics_charts.OptionPanel]:
    panels = []
    for one in found.body["options"]:
        groups = one["by_group"].get("groups")
        shares = tuple(chosen / size if size else 0.0 for chosen, size in groups) if groups else ()
        letter = words.letters([one["option"]], found.body["kind"])
        everyone = (one["chosen"] / found.n if found.n else 0.0,)
        panels.append(statistics_charts.OptionPanel(letter, one["option"] in key, one["chosen"], shares or everyone))
    return panels


@router.get("/hints")
def hints(request: Request, who: HintReader, exam_session_id: int) -> Response:
    """Pairs too alike, people too fast and right, items that drift. Opening this page is itself on the record."""
    state = request.app.state
    with reading(state.dbs) as db:
        context, shown = _frame(db, who, exam_session_id, "hints")
        context["forms"] = statistics_view.hints(db, shown, who.centre_ids) if shown else []
        context["drift"] = shown.session.hints["drift"] if shown else []
    if shown is not None:
        with transaction(state.dbs) as db:
            detail = {"run": shown.session.run_no}
            subject = f"exam_session:{exam_session_id}"
            trail.append(db, who.actor, "statistics.hints_read", subject, now=state.clock.now(), detail=detail)
    return page(request, "grading/statistics_hints.html", **context)


What = Literal["items", "options", "answers", "marks"]


@dataclass(frozen=True)
class Wanted:
    """A file somebody asks for."""

    what: What = "items"
    kind: Literal["xlsx", "csv"] = "xlsx"
    reason: str = ""
    problem: str = ""


@router.get("/export")
def export_form(request: Request, who: Exporter, exam_session_id: int) -> Response:
    """What can be taken away, and for what reason."""
    return _export_page(request, who, exam_session_id, Wanted())


def _export_page(request: Request, who: Staff, exam_session_id: int, wanted: Wanted) -> Response:
    with reading(request.app.state.dbs) as db:
        context, _shown = _frame(db, who, exam_session_id, "export")
    return page(request, "grading/statistics_export.html", status=422 if wanted.problem else 200, wanted=wanted, **context)


@router.post("/export")
def export(
    request: Request,
    who: Exporter,
    exam_session_id: int,
    what: Annotated[What, Form()] = "items",
    kind: Annotated[Literal["xlsx", "csv"], Form()] = "xlsx",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """The file; the trail says who took it and why before the bytes leave."""
    state = request.app.state
    said = reason.strip()
    if len(said) < SHORTEST_REASON:
        with reading(state.dbs) as db:
            own(db, who, exam_session_id)
        problem = translate(_("Say what the file is for: the trail keeps it."))
        return _export_page(request, who, exam_session_id, Wanted(what, kind, said, problem))
    with transaction(state.dbs) as db:
        own(db, who, exam_session_id)
        head = results.summary_head(db, exam_session_id)
        shown = statistics_view.of_run(db, exam_session_id, head.run_no)
        if shown is None:
            raise Conflict(NOT_YET)
        content = _file(db, shown, what, kind)
        detail = {"run": shown.session.run_no, "what": what, "kind": kind, "people": shown.candidates, "reason": said}
        trail.append(db, who.actor, "statistics.exported", head.session, now=state.clock.now(), detail=detail)
    return download(f"{what}-{head.title}.{kind}", content, XLSX if kind == "xlsx" else CSV)


def _file(db: Session, shown: Shown, what: What, kind: str) -> bytes:
    if what in {"items", "options"}:
        table = (statistics_exports.item_table if what == "items" else statistics_exports.option_table)(db, shown)
        return statistics_exports.as_csv([table]) if kind == "csv" else statistics_exports.as_xlsx({what: table})
    chosen = {label: answers if what == "answers" else marks for label, answers, marks in statistics_exports.matrix(db, shown)}
    return statistics_exports.as_csv(list(chosen.values())) if kind == "csv" else statistics_exports.as_xlsx(chosen)
