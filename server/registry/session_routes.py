"""Pages of exam sessions: list, form, hub, paper, seats, people, opening."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response

from server.auth.staff import Staff, allow
from server.db import Db, ReadDb
from server.errors import Conflict, FieldError
from server.pages import XLSX, _, beijing, download, page, redirect, translate
from server.registry import abort, choices, freeze, reading, release, reserve, scheduling
from server.registry.labels import FORM_STATES, LEVEL_WORDS, STATES
from server.registry.readiness import Reason, checklist, editable, may_open, may_schedule
from server.registry.rules import SessionProfile
from server.registry.seating import TooFewSeats, grid_position
from server.registry.session_form import SessionForm, read
from server.registry.sheets import Column, workbook
from server.registry.tables import ExamSession, Occupation, Plan

router = APIRouter(prefix="/exams")

Reader = Annotated[Staff, Depends(allow("exam.read"))]
Officer = Annotated[Staff, Depends(allow("exam.write"))]
RosterReader = Annotated[Staff, Depends(allow("roster.read"))]


@router.get("")
def list_sessions(request: Request, db: ReadDb, who: Reader, state: str = "") -> Response:
    """All exam sessions this person may see, latest first."""
    rows = reading.sessions(db, who, state=state if state in STATES else "")
    return page(request, "registry/sessions.html", rows=rows, state=state, states=STATES, levels=LEVEL_WORDS)


@router.get("/exam-sessions.xlsx")
def export_sessions(request: Request, db: ReadDb, who: Reader, state: str = "") -> Response:
    """The list as a spreadsheet."""
    columns = [
        Column(translate(_("Title")), 34),
        Column(translate(_("Plan")), 34),
        Column(translate(_("Occupation")), 18),
        Column(translate(_("Level")), 8),
        Column(translate(_("Start (Beijing time)")), 18),
        Column(translate(_("Minutes")), 8, text=False),
        Column(translate(_("Rooms")), 8, text=False),
        Column(translate(_("Candidates")), 10, text=False),
        Column(translate(_("State")), 12),
    ]
    rows = [
        [
            row.title,
            row.plan_name,
            row.occupation,
            row.level,
            beijing(row.starts_at),
            row.duration_ms / 60_000,
            row.rooms,
            row.entries,
            translate(STATES[row.state][0]),
        ]
        for row in reading.sessions(db, who, state=state if state in STATES else "")
    ]
    title = translate(_("Exam sessions"))
    return download(f"{title}.xlsx", workbook(title, columns, rows), XLSX)


@router.get("/new")
def new_session(request: Request, db: ReadDb, who: Officer) -> Response:
    """An empty form with the defaults."""
    return _form_page(request, db, who, SessionForm.blank(), None)


@router.post("/new")
def create_session(request: Request, db: Db, who: Officer, form: Annotated[SessionForm, Form()]) -> Response:
    """Create an exam session."""
    return _save(request, db, who, form, None)


@router.get("/{exam_id:int}/edit")
def edit_session(request: Request, db: ReadDb, who: Officer, exam_id: int) -> Response:
    """The form of an exam session that is not open yet."""
    session = reading.get_session(db, who, exam_id)
    if not editable(session.state):
        raise Conflict(_("The exam session is open or over: this can no longer change."))
    rooms = [room.room_id for room in reading.rooms_of(db, who, exam_id)]
    return _form_page(request, db, who, SessionForm.of(session, rooms), session)


@router.post("/{exam_id:int}/edit")
def change_session(request: Request, db: Db, who: Officer, exam_id: int, form: Annotated[SessionForm, Form()]) -> Response:
    """Change it."""
    return _save(request, db, who, form, reading.get_session(db, who, exam_id))


def _save(request: Request, db: Db, who: Staff, form: SessionForm, session: ExamSession | None) -> Response:
    draft = read(form, {key: duration for key, _name, duration in choices.blueprints(db, who.institution_id)})
    if isinstance(draft, list):
        return _form_page(request, db, who, form, session, draft)
    session = scheduling.save(db, who, draft, now=request.app.state.clock.now(), session=session)
    return redirect(request, f"/exams/{session.id}", _("Saved."))


def _form_page(
    request: Request,
    db: ReadDb,
    who: Staff,
    form: SessionForm,
    session: ExamSession | None,
    problems: list[FieldError] | None = None,
) -> Response:
    return page(
        request,
        "registry/session_form.html",
        status=422 if problems else 200,
        form=form,
        session=session,
        problems={problem.field: translate(problem.message, **dict(problem.params)) for problem in problems or []},
        plans=choices.plans(db, who.institution_id),
        centres=choices.centres(db, who),
        blueprints=choices.blueprints(db, who.institution_id),
        levels=LEVEL_WORDS,
    )


@router.get("/{exam_id:int}")
def hub(request: Request, db: ReadDb, who: Reader, exam_id: int) -> Response:
    """Everything about one exam session: what is done, what is missing, where to go."""
    return hub_page(request, db, who, reading.get_session(db, who, exam_id))


def hub_page(request: Request, db: ReadDb, who: Staff, session: ExamSession, refused: list[Reason] | None = None) -> Response:
    """The hub, with what refused an act (409) where one was refused."""
    now = request.app.state.clock.now()
    facts = scheduling.facts(db, who, session)
    rooms = reading.rooms_of(db, who, session.id or 0)
    plan = db.get(Plan, session.plan_id)
    context: dict[str, Any] = {
        "session": session,
        "plan": plan,
        "occupation": db.get(Occupation, plan.occupation_id) if plan else None,
        "profile": SessionProfile.from_json(session.profile).scaled(session.duration_ms),
        "facts": facts,
        "checks": checklist(facts),
        "aborted": abort.agreed(db, session.id or 0) if session.state == "aborted" else None,
        "planned_end": freeze.planned_end(session),
        "may_abort": abort.refusal(db, session) is None,
        "release_from": release.window_of(session).opens_at,
        "rooms": rooms,
        "papers": choices.paper_choices(db, session),
        "editable": editable(session.state),
        "to_schedule": may_schedule(facts, now) if session.state == "draft" else [],
        "to_open": may_open(facts, now) if session.state == "scheduled" else [],
        "without_supervisor": may_open(facts, now, without_supervisor=True) if session.state == "scheduled" else [],
        "refused": refused or [],
        "states": STATES,
        "form_states": FORM_STATES,
        "levels": LEVEL_WORDS,
    }
    return page(request, "registry/session.html", status=409 if refused else 200, **context)


@router.post("/{exam_id:int}/paper")
def choose_paper(request: Request, db: Db, who: Officer, exam_id: int, paper_set_id: Annotated[str, Form()] = "") -> Response:
    """Choose the paper set."""
    session = reading.get_session(db, who, exam_id)
    chosen = int(paper_set_id) if paper_set_id.isdigit() else None
    scheduling.choose_paper(db, who, session, chosen, now=request.app.state.clock.now())
    return redirect(request, f"/exams/{exam_id}#paper", _("The paper set is chosen."))


@router.post("/{exam_id:int}/reserve")
def choose_reserve(request: Request, db: Db, who: Officer, exam_id: int, paper_set_id: Annotated[str, Form()] = "") -> Response:
    """Name the reserve set, or none."""
    session = reading.get_session(db, who, exam_id)
    chosen = int(paper_set_id) if paper_set_id.isdigit() else None
    reserve.choose(db, who, session, chosen, now=request.app.state.clock.now())
    said = _("The reserve set is named.") if chosen else _("No reserve set stands by.")
    return redirect(request, f"/exams/{exam_id}#paper", said)


@router.post("/{exam_id:int}/schedule")
def schedule(request: Request, db: Db, who: Officer, exam_id: int) -> Response:
    """Make it binding, or say what stands in the way."""
    session = reading.get_session(db, who, exam_id)
    reasons = scheduling.schedule(db, request.app.state.keyring, who, session, now=request.app.state.clock.now())
    if reasons:
        return hub_page(request, db, who, session, reasons)
    return redirect(request, f"/exams/{exam_id}", _("The exam session is scheduled."))


@router.post("/{exam_id:int}/unschedule")
def unschedule(request: Request, db: Db, who: Officer, exam_id: int) -> Response:
    """Back to draft."""
    session = reading.get_session(db, who, exam_id)
    scheduling.unschedule(db, who, session, now=request.app.state.clock.now())
    return redirect(request, f"/exams/{exam_id}", _("The exam session is a draft again."))


@router.post("/{exam_id:int}/seat")
def seat(request: Request, db: Db, who: Officer, exam_id: int) -> Response:
    """Seat everyone anew."""
    session = reading.get_session(db, who, exam_id)
    result = scheduling.seat(db, who, session, now=request.app.state.clock.now())
    if isinstance(result, TooFewSeats):
        raise Conflict(
            _("The rooms have %(seats)s seats for %(entries)s candidates."), seats=result.usable, entries=result.needed
        )
    return redirect(request, f"/exams/{exam_id}#rooms", _("%(count)s candidates are seated."), count=result)


@router.get("/{exam_id:int}/rooms/{room_id:int}/seats")
def seat_map(request: Request, db: ReadDb, who: RosterReader, exam_id: int, room_id: int) -> Response:
    """The seats of a room as they stand in it, for the door and the desk."""
    session = reading.get_session(db, who, exam_id)
    room = reading.get_room(db, who, exam_id, room_id)
    entries = {entry.seat_no: entry for entry in reading.entries_of(db, who, exam_id, room_id)}
    columns = max(1, room.columns)
    grid: list[list[Any]] = [[] for _row in range(grid_position(max(1, room.capacity), columns)[0] + 1)]
    for number in range(1, room.capacity + 1):
        grid[grid_position(number, columns)[0]].append((number, entries.get(number)))
    return page(request, "registry/seats.html", session=session, room=room, grid=grid)


@router.post("/{exam_id:int}/rooms/{room_id:int}/people")
def name_people(
    request: Request,
    db: Db,
    who: Officer,
    exam_id: int,
    room_id: int,
    chief_name: Annotated[str, Form(max_length=50)] = "",
    invigilator_names: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Chief invigilator and invigilators of a room."""
    reading.get_room(db, who, exam_id, room_id)
    scheduling.name_people(
        db,
        who,
        exam_id,
        room_id,
        chief=chief_name.strip(),
        invigilators=invigilator_names.strip(),
        now=request.app.state.clock.now(),
    )
    return redirect(request, f"/exams/{exam_id}#room-{room_id}", _("Saved."))


@router.post("/{exam_id:int}/rooms/{room_id:int}/supervisor")
def check_in_supervisor(
    request: Request,
    db: Db,
    who: Annotated[Staff, Depends(allow("supervisor.check_in"))],
    exam_id: int,
    room_id: int,
    name: Annotated[str, Form(max_length=50)] = "",
    organisation: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """The external supervisor is present."""
    session = reading.get_session(db, who, exam_id)
    reading.get_room(db, who, exam_id, room_id)
    now = request.app.state.clock.now()
    scheduling.check_in_supervisor(db, who, session, room_id, name=name, organisation=organisation, now=now)
    return redirect(request, f"/exams/{exam_id}#room-{room_id}", _("The supervisor's check-in is recorded."))
