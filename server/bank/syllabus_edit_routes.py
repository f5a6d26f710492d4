"""Editing a content table into its next version, and letting a bank go over to another version."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select
from sqlmodel import Session, col
from starlette.datastructures import FormData

from itembank import adoption, intake
from itembank.pool import get_bank
from itembank.syllabus import Syllabus as Tree
from itembank.syllabus import walk_areas
from itembank.syllabus_edit import Edited, Line, edit, lines_of, with_area, with_leaf
from itembank.tables import Syllabus
from server.audit import trail
from server.auth.staff import Staff
from server.bank import runway_view, syllabus_form, syllabus_view
from server.bank.scope import SyllabusImporter, library, own_bank, own_syllabus, say, text
from server.bank.syllabus_form import MOST_LINES
from server.bank.words import IMPORTANCES, LEVELS
from server.db import ReadDb, transaction
from server.errors import Conflict
from server.pages import _, fragment, page, redirect, wants_fragment

router = APIRouter()
_NEWER = _("Version %(n)s has been stored meanwhile: edit that one.")
_LARGE = _("This table has more than %(n)s lines: export it, change it in a spreadsheet and import it again.")


async def _fields(request: Request) -> AsyncIterator[FormData]:
    async with request.form(max_files=0, max_fields=9 * (MOST_LINES + 200)) as fields:
        yield fields


Lines = Annotated[FormData, Depends(_fields)]
"""A form with a handful of fields for every line of a table."""


@dataclass(frozen=True)
class _Stored:
    """The version that is edited."""

    row: Syllabus
    tree: Tree
    topics: dict[str, int]
    held: dict[int, int]


def _stored(db: Session, who: Staff, syllabus_id: int) -> _Stored:
    row = own_syllabus(db, who, syllabus_id)
    newest = _newest(db, row)
    if newest != row.version:
        raise Conflict(_NEWER, n=newest)
    topics = syllabus_form.topics_of(db, row.id)
    if len(topics) > MOST_LINES:
        raise Conflict(_LARGE, n=MOST_LINES)
    return _Stored(row, syllabus_view.tree_of(db, row.id), topics, syllabus_form.held_by_items(db, row.id))


def _newest(db: Session, row: Syllabus) -> int:
    same = (
        col(Syllabus.institution_id) == row.institution_id,
        col(Syllabus.occupation_code) == row.occupation_code,
        col(Syllabus.level) == row.level,
    )
    return int(db.execute(select(func.max(Syllabus.version)).where(*same)).scalar_one())


@router.get("/syllabus/{syllabus_id:int}/edit")
def edit_form(request: Request, db: ReadDb, who: SyllabusImporter, syllabus_id: int) -> Response:
    """Every line with its fields, the sums beside."""
    stored = _stored(db, who, syllabus_id)
    lines = lines_of(stored.tree, stored.topics)
    return _page(request, db, who, stored, lines, edit(stored.tree, lines, stored.held))


def _page(
    request: Request,
    db: Session,
    who: Staff,
    stored: _Stored,
    lines: list[Line],
    edited: Edited,
    *,
    new: int = -1,
    status: int = 200,
) -> Response:
    context = _context(stored, lines, edited) | {"new": new}
    followers = syllabus_form.followers(db, who.institution_id, [stored.row.id]).get(stored.row.id, [])
    return page(request, "bank/syllabus_edit.html", status=status, **context, followers=followers)


def _context(stored: _Stored, lines: list[Line], edited: Edited) -> dict[str, Any]:
    problems: dict[int | None, list[tuple[str, str]]] = {}
    for one in edited.problems:
        problems.setdefault(one.line, []).append((one.field, f"{say(one.problem)} {say(one.mend)}"))
    areas = [(code, area.name) for code, area in walk_areas(edited.tree)]
    return {
        "syllabus": stored.row,
        "level_text": syllabus_view.level_text(stored.row),
        "lines": list(enumerate(lines)),
        "codes": syllabus_view.typed_codes(lines),
        "edited": edited,
        "problems": problems,
        "held": stored.held,
        "areas": areas,
        "changed": syllabus_form.changes(stored.tree, stored.topics, edited),
        "leaves": sum(line.is_leaf and not line.drop for line in lines),
        "importances": IMPORTANCES,
        "levels": LEVELS,
    }


@router.post("/syllabus/{syllabus_id:int}/check")
def check(request: Request, db: ReadDb, who: SyllabusImporter, syllabus_id: int, fields: Lines) -> Response:
    """The sums and what is wrong while it is typed; without a script the whole form, with the line that was asked for."""
    stored = _stored(db, who, syllabus_id)
    lines, edited = _typed(stored, fields)
    if wants_fragment(request):
        return fragment(request, "bank/syllabus_edit.html", "sums", **_context(stored, lines, edited))
    act, _dot, at = text(fields, "then").partition(".")
    number = int(at) if at.isdecimal() and len(at) < 6 and int(at) < len(lines) else None
    new = -1
    if act == "leaf" and number is not None and not lines[number].is_leaf:
        lines, new = with_leaf(lines, number)
    elif act == "area" and (number is None or not lines[number].is_leaf):
        lines, new = with_area(lines, number)
    elif not edited.problems:
        lines = list(edited.lines)
    return _page(request, db, who, stored, lines, edit(stored.tree, lines, stored.held), new=new)


def _typed(stored: _Stored, fields: FormData) -> tuple[list[Line], Edited]:
    values = {name: value for name, value in fields.items() if isinstance(value, str)}
    lines = syllabus_form.read_lines(values, frozenset(stored.topics.values()))
    return lines, edit(stored.tree, lines, stored.held)


@router.post("/syllabus/{syllabus_id:int}/edit")
def save(request: Request, who: SyllabusImporter, syllabus_id: int, fields: Lines) -> Response:
    """Store the next version, or show every mistake."""
    state = request.app.state
    now = state.clock.now()
    with transaction(state.dbs) as db:
        own_syllabus(db, who, syllabus_id)
        db.execute(select(col(Syllabus.id)).where(col(Syllabus.id) == syllabus_id).with_for_update())
        stored = _stored(db, who, syllabus_id)
        lines, edited = _typed(stored, fields)
        changed = syllabus_form.changes(stored.tree, stored.topics, edited)
        if edited.problems:
            return _page(request, db, who, stored, lines, edited, status=422)
        if not changed:
            raise Conflict(_("Nothing was changed: the table stays as it is."))
        level, was = stored.row.level, edited.was
        row = intake.store_syllabus(db, who.institution_id, edited.tree, level=level, by=who.person_id, now=now, was=was)
        detail = {"from": stored.row.version, "version": row.version, **changed}
        trail.append(db, who.actor, "syllabus.edited", f"syllabus:{row.id}", now=now, detail=detail)
        number, version = row.id, row.version
    said = _("Version %(n)s is stored. Banks go over to it one by one, below.")
    return redirect(request, f"/bank/syllabus/{number}", said, n=version)


@router.get("/{bank_id:int}/follow/{syllabus_id:int}")
def preview(request: Request, db: ReadDb, who: SyllabusImporter, bank_id: int, syllabus_id: int) -> Response:
    """What going over to this table would do to items and blueprints."""
    bank = own_bank(db, who, bank_id)
    with library():
        plan = adoption.plan(db, bank, adoption.get_target(db, bank, syllabus_id))
    context: dict[str, Any] = {
        "bank": bank,
        "plan": plan,
        "now": own_syllabus(db, who, bank.syllabus_id),
        "importances": IMPORTANCES,
    }
    return page(request, "bank/syllabus_follow.html", **context, say=say)


@router.post("/{bank_id:int}/follow/{syllabus_id:int}")
def follow(request: Request, who: SyllabusImporter, bank_id: int, syllabus_id: int) -> Response:
    """Go over: items at once, blueprints with them."""
    state = request.app.state
    with transaction(state.dbs) as db:
        own_bank(db, who, bank_id)
        _follow(db, who, bank_id, syllabus_id, state.clock.now())
        runway_view.ask_all(db, state.jobs, who, own_bank(db, who, bank_id))
    state.jobs.wake()
    return redirect(request, f"/bank/{bank_id}/coverage", _("The bank follows the new table."))


def _follow(db: Session, who: Staff, bank_id: int, syllabus_id: int, now: datetime) -> None:
    with library():
        bank = get_bank(db, bank_id, lock=True)
        before = bank.syllabus_id
        plan = adoption.plan(db, bank, adoption.get_target(db, bank, syllabus_id))
        adoption.follow(db, plan, by=who.person_id, now=now)
    detail = {
        "from": before,
        "to": syllabus_id,
        "items": sum(step.items for step in plan.steps),
        "blueprints_renewed": [fate.blueprint.id for fate in plan.fates if fate.body is not None],
        "blueprints_put_away": [fate.blueprint.id for fate in plan.fates if fate.problems],
    }
    trail.append(db, who.actor, "bank.follows", f"bank:{bank_id}", now=now, detail=detail)
