"""Pages of centres, rooms and plans."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from server.audit import trail
from server.auth.staff import Staff, allow
from server.db import Db, ReadDb
from server.errors import Conflict, Invalid, NotFound
from server.pages import XLSX, _, beijing, download, page, redirect, translate
from server.registry import choices
from server.registry.labels import LEVEL_WORDS
from server.registry.sheets import Column, workbook
from server.registry.tables import Centre, Occupation, Plan, Room

router = APIRouter(prefix="/exams")

Reader = Annotated[Staff, Depends(allow("exam.read"))]
Officer = Annotated[Staff, Depends(allow("exam.write"))]
Short = Annotated[str, Form(max_length=20)]
Text = Annotated[str, Form(max_length=100)]


@router.get("/centres")
def list_centres(request: Request, db: ReadDb, who: Reader) -> Response:
    """Centres with their rooms."""
    return page(request, "registry/centres.html", centres=choices.centres(db, who))


@router.get("/centres.xlsx")
def export_centres(request: Request, db: ReadDb, who: Reader) -> Response:
    """The list as a spreadsheet, one line a room."""
    words = [_("Centre"), _("Address"), _("Room"), _("Room name"), _("Seats"), _("Seats in a row"), _("Spare seats")]
    columns = [Column(translate(word), 20) for word in words]
    rows = [
        [centre.name, centre.address, room.number, room.name, room.capacity, room.columns, room.spare]
        for centre, rooms in choices.centres(db, who)
        for room in rooms
    ]
    title = translate(_("Centres and rooms"))
    return download(f"{title}.xlsx", workbook(title, columns, rows), XLSX)


@router.get("/centres/new")
def new_centre(request: Request, who: Officer) -> Response:
    """An empty form."""
    return page(request, "registry/centre_form.html", centre=None)


@router.get("/centres/{centre_id:int}/edit")
def edit_centre(request: Request, db: ReadDb, who: Officer, centre_id: int) -> Response:
    """The form of one centre."""
    return page(request, "registry/centre_form.html", centre=_centre(db, who, centre_id))


@router.post("/centres/new")
def create_centre(request: Request, db: Db, who: Officer, code: Short, name: Text, address: Text = "") -> Response:
    """Add a centre."""
    return _save_centre(request, db, who, Centre(institution_id=who.institution_id, code="", name=""), code, name, address)


@router.post("/centres/{centre_id:int}/edit")
def change_centre(
    request: Request, db: Db, who: Officer, centre_id: int, code: Short, name: Text, address: Text = ""
) -> Response:
    """Change a centre."""
    return _save_centre(request, db, who, _centre(db, who, centre_id), code, name, address)


def _centre(db: Session, who: Staff, centre_id: int) -> Centre:
    centre = db.get(Centre, centre_id)
    if centre is None or centre.institution_id != who.institution_id or not who.sees_centre(centre_id):
        raise NotFound
    return centre


def _save_centre(request: Request, db: Session, who: Staff, centre: Centre, code: str, name: str, address: str) -> Response:
    code, name = code.strip(), name.strip()
    if not code or not name:
        raise Invalid(_("Code and name are needed."))
    same = select(col(Centre.id)).where(Centre.institution_id == who.institution_id, Centre.code == code)
    if db.exec(same.where(col(Centre.id) != (centre.id or 0))).first() is not None:
        raise Conflict(_("Another centre has this code."))
    centre.code, centre.name, centre.address = code, name, address.strip()
    db.add(centre)
    db.flush()
    trail.append(db, who.actor, "centre.saved", f"centre:{centre.id}", now=request.app.state.clock.now())
    return redirect(request, "/exams/centres", _("Saved."))


@router.get("/centres/{centre_id:int}/rooms/new")
def new_room(request: Request, db: ReadDb, who: Officer, centre_id: int) -> Response:
    """An empty form."""
    return page(request, "registry/room_form.html", centre=_centre(db, who, centre_id), room=None)


@router.get("/rooms/{room_id:int}/edit")
def edit_room(request: Request, db: ReadDb, who: Officer, room_id: int) -> Response:
    """The form of one room."""
    room = _room(db, who, room_id)
    return page(request, "registry/room_form.html", centre=_centre(db, who, room.centre_id), room=room)


def _room(db: Session, who: Staff, room_id: int) -> Room:
    room = db.get(Room, room_id)
    if room is None:
        raise NotFound
    _centre(db, who, room.centre_id)
    return room


class RoomForm(BaseModel):
    """The fields of a room."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[str, Field(max_length=20)]
    name: Annotated[str, Field(max_length=100)] = ""
    capacity: Annotated[int, Field(ge=1, le=500)]
    columns: Annotated[int, Field(ge=1, le=50)] = 6
    spare: Annotated[int, Field(ge=0, le=100)] = 0


@router.post("/centres/{centre_id:int}/rooms/new")
def create_room(
    request: Request,
    db: Db,
    who: Officer,
    centre_id: int,
    form: Annotated[RoomForm, Form()],
) -> Response:
    """Add a room."""
    _centre(db, who, centre_id)
    return _save_room(request, db, who, Room(centre_id=centre_id, **form.model_dump()))


@router.post("/rooms/{room_id:int}/edit")
def change_room(
    request: Request,
    db: Db,
    who: Officer,
    room_id: int,
    form: Annotated[RoomForm, Form()],
) -> Response:
    """Change a room."""
    room = _room(db, who, room_id)
    if (form.capacity < room.capacity or form.columns != room.columns) and choices.room_in_use(db, room_id):
        raise Conflict(_("Candidates are seated in this room for an exam to come: its seats cannot shrink or move."))
    for name, value in form:
        setattr(room, name, value)
    return _save_room(request, db, who, room)


def _save_room(request: Request, db: Session, who: Staff, room: Room) -> Response:
    room.number, room.name = room.number.strip(), room.name.strip()
    if not room.number or room.spare >= room.capacity:
        raise Invalid(_("A room needs a number, and fewer spare seats than seats."))
    same = select(col(Room.id)).where(Room.centre_id == room.centre_id, Room.number == room.number)
    if db.exec(same.where(col(Room.id) != (room.id or 0))).first() is not None:
        raise Conflict(_("Another room of this centre has this number."))
    db.add(room)
    db.flush()
    detail = {"capacity": room.capacity, "spare": room.spare}
    trail.append(db, who.actor, "room.saved", f"room:{room.id}", now=request.app.state.clock.now(), detail=detail)
    return redirect(request, "/exams/centres", _("Saved."))


@router.get("/plans")
def list_plans(request: Request, db: ReadDb, who: Reader) -> Response:
    """Announced plans, and a form for another."""
    occupations = choices.occupations(db, who.institution_id)
    rows = choices.plans(db, who.institution_id)
    return page(request, "registry/plans.html", rows=rows, occupations=occupations, levels=LEVEL_WORDS)


@router.get("/plans.xlsx")
def export_plans(request: Request, db: ReadDb, who: Reader) -> Response:
    """The list as a spreadsheet."""
    words = [_("Code"), _("Plan"), _("Occupation"), _("Level"), _("Announced"), _("Exam sessions")]
    rows = [
        [plan.code, plan.name, f"{occupation.code} {occupation.name}", plan.level, beijing(plan.announced_at), number]
        for plan, occupation, number in choices.plans(db, who.institution_id)
    ]
    title = translate(_("Plans"))
    return download(f"{title}.xlsx", workbook(title, [Column(translate(word), 24) for word in words], rows), XLSX)


@router.post("/plans")
def create_plan(
    request: Request,
    db: Db,
    who: Officer,
    code: Short,
    name: Text,
    occupation: Short,
    level: Annotated[str, Form(max_length=10)],
) -> Response:
    """Announce a plan."""
    code, name = code.strip(), name.strip()
    known = dict(choices.occupations(db, who.institution_id))
    if not code or not name or occupation not in known or level not in LEVEL_WORDS:
        raise Invalid(_("Code, name, occupation and level are needed."))
    same = select(col(Plan.id)).where(Plan.institution_id == who.institution_id, Plan.code == code)
    if db.exec(same).first() is not None:
        raise Conflict(_("Another plan has this code."))
    now = request.app.state.clock.now()
    plan = Plan(
        institution_id=who.institution_id,
        code=code,
        name=name,
        occupation_id=_occupation_id(db, occupation, known[occupation]),
        level=level,
        announced_at=now,
    )
    db.add(plan)
    db.flush()
    trail.append(db, who.actor, "plan.announced", f"plan:{plan.id}", now=now)
    return redirect(request, "/exams/plans", _("The plan is announced."))


def _occupation_id(db: Session, code: str, name: str) -> int:
    """The row of an occupation, added when a syllabus brought it in and no plan has named it before."""
    row = db.exec(select(Occupation).where(Occupation.code == code)).first()
    if row is None:
        row = Occupation(code=code, name=name)
        db.add(row)
        db.flush()
    return row.id or 0
