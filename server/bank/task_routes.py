"""Writing tasks: the list, new ones, one with its items, another number or day, putting one away."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from server.auth.staff import Staff, allow
from server.bank import item_list, task_form, tasks
from server.bank.paper_view import day
from server.bank.scope import Fields, Writer, own_bank, text
from server.bank.task_form import TaskForm, TaskQuery
from server.bank.words import KINDS, STATES
from server.db import Db, ReadDb
from server.errors import AppError, FieldError, Invalid
from server.pages import _, page, redirect, translate

router = APIRouter()
Assigner = Annotated[Staff, Depends(allow("task.assign"))]


@router.get("/{bank_id:int}/tasks")
def list_tasks(request: Request, db: ReadDb, who: Writer, bank_id: int, closed: str = "") -> Response:
    """Open tasks, the most urgent first: a writer's own, a bank manager's all; or those put away."""
    bank = own_bank(db, who, bank_id)
    to = None if who.may("task.assign") else who.person_id
    now = request.app.state.clock.now()
    lines = tasks.listed(db, bank, now=now, to=to, closed=closed == "1")
    return page(request, "bank/tasks.html", bank=bank, lines=lines, closed=closed == "1", kinds=KINDS)


@router.get("/{bank_id:int}/tasks/new")
def new_task(request: Request, db: ReadDb, who: Assigner, bank_id: int, asked: Annotated[TaskQuery, Query()]) -> Response:
    """The form, filled from the link of a shortage or of an item to revise."""
    return _form_page(request, db, who, bank_id, task_form.proposed(asked, request.app.state.clock.now()), None)


@router.post("/{bank_id:int}/tasks")
def make_tasks(request: Request, db: Db, who: Assigner, bank_id: int, fields: Fields) -> Response:
    """One task for each writer chosen."""
    bank = own_bank(db, who, bank_id)
    form = task_form.read(fields)
    try:
        made = task_form.make(db, who, bank, form, now=request.app.state.clock.now())
    except Invalid as refusal:
        return _form_page(request, db, who, bank_id, form, refusal)
    return redirect(
        request,
        f"/bank/{bank_id}/tasks",
        _("Tasks made: %(count)s. The writers see them first on the bank's page."),
        count=len(made),
    )


def _form_page(request: Request, db: ReadDb, who: Staff, bank_id: int, form: TaskForm, refusal: AppError | None) -> Response:
    bank = own_bank(db, who, bank_id)
    problems = refusal.fields if isinstance(refusal, Invalid) else []
    return page(
        request,
        "bank/task_form.html",
        status=refusal.status if refusal else 200,
        bank=bank,
        form=form,
        problems={one.field: translate(one.message, **dict(one.params)) for one in problems},
        writers=tasks.writers(db, who.institution_id),
        topics=item_list.topic_choices(db, bank),
        kinds=KINDS,
        most=tasks.MOST,
    )


@router.get("/{bank_id:int}/tasks/{number:int}")
def show_task(request: Request, db: ReadDb, who: Writer, bank_id: int, number: int) -> Response:
    """One task: how far it is, what was made under it."""
    return _task_page(request, db, who, bank_id, number, {})


def _task_page(
    request: Request,
    db: ReadDb,
    who: Staff,
    bank_id: int,
    number: int,
    problems: dict[str, str],
    typed: dict[str, str] | None = None,
) -> Response:
    bank = own_bank(db, who, bank_id)
    task = tasks.own_task(db, who, bank, number)
    more: dict[str, Any] = {"status": 422} if problems else {}
    return page(
        request,
        "bank/task.html",
        bank=bank,
        line=tasks.lines(db, bank, [task], now=request.app.state.clock.now())[0],
        made=tasks.items_of(db, task),
        problems=problems,
        typed=typed or {},
        kinds=KINDS,
        states=STATES,
        most=tasks.MOST,
        **more,
    )


@router.post("/{bank_id:int}/tasks/{number:int}/change")
def change_task(request: Request, db: Db, who: Assigner, bank_id: int, number: int, fields: Fields) -> Response:
    """Another number of items, another day."""
    task = tasks.own_task(db, who, own_bank(db, who, bank_id), number)
    now, n, due_on = request.app.state.clock.now(), text(fields, "n") or str(task.wanted), text(fields, "due_on")
    found: list[FieldError | None] = [task_form.problem_of_number(n), task_form.problem_of_day(due_on, now)]
    problems = {one.field: translate(one.message, **dict(one.params)) for one in found if one is not None}
    by_day = day(due_on)
    if problems or by_day is None:
        return _task_page(request, db, who, bank_id, number, problems, {"n": n, "due_on": due_on})
    tasks.change(db, who, task, wanted=int(n) if task.item_id is None else 1, due_on=by_day, now=now)
    return redirect(request, f"/bank/{bank_id}/tasks/{number}", _("The task is changed."))


@router.post("/{bank_id:int}/tasks/{number:int}/close")
def close_task(
    request: Request, db: Db, who: Assigner, bank_id: int, number: int, reason: Annotated[str, Form(max_length=300)] = ""
) -> Response:
    """Put a task away; what was written under it stays."""
    task = tasks.own_task(db, who, own_bank(db, who, bank_id), number)
    tasks.close(db, who, task, reason.strip(), now=request.app.state.clock.now())
    return redirect(request, f"/bank/{bank_id}/tasks", _("The task is put away."))
