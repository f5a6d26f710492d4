"""What an officer may choose from: plans, occupations, centres, blueprints and paper sets of their institution."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import false, func, select
from sqlmodel import Session, col

from itembank.tables import Bank, Blueprint, Form, PaperSet, Syllabus
from server.auth.staff import Staff
from server.registry.tables import Centre, Entry, ExamSession, Occupation, Plan, Room


@dataclass(frozen=True)
class PaperChoice:
    """A paper set of the institution that fits the plan's occupation and level."""

    id: int
    title: str
    labels: tuple[str, ...]
    states: tuple[str, ...]
    burned: bool


def labels_of(db: Session, paper_set_id: int | None) -> tuple[str, ...]:
    """Labels of a paper set's forms; A, B, C while none is chosen."""
    if paper_set_id is None:
        return ("A", "B", "C")
    found = db.execute(select(col(Form.label)).where(col(Form.paper_set_id) == paper_set_id)).scalars()
    return tuple(sorted(found)) or ("A", "B", "C")


def paper_choices(db: Session, session: ExamSession) -> list[PaperChoice]:
    """Paper sets of the institution for the plan's occupation and level, newest first."""
    plan, code = db.execute(
        select(Plan, col(Occupation.code))
        .join(Occupation, col(Occupation.id) == col(Plan.occupation_id))
        .where(col(Plan.id) == session.plan_id)
    ).one()
    if not plan.level.isdigit():
        return []
    rows = db.execute(
        select(col(PaperSet.id), col(PaperSet.title), col(PaperSet.burned_at), col(Form.label), col(Form.state))
        .join(Bank, col(Bank.id) == col(PaperSet.bank_id))
        .join(Form, col(Form.paper_set_id) == col(PaperSet.id))
        .where(
            col(PaperSet.institution_id) == session.institution_id,
            col(Bank.occupation_code) == code,
            col(Bank.level) == int(plan.level),
        )
        .order_by(col(PaperSet.id).desc(), col(Form.label))
    ).all()
    sets: dict[int, list[Any]] = {}
    for row in rows:
        sets.setdefault(row[0], []).append(row)
    return [
        PaperChoice(key, forms[0][1], tuple(f[3] for f in forms), tuple(f[4] for f in forms), forms[0][2] is not None)
        for key, forms in sets.items()
    ]


def blueprints(db: Session, institution_id: int) -> list[tuple[int, str, int]]:
    """(id, name, duration in ms) of the institution's blueprints in force."""
    rows = db.execute(
        select(col(Blueprint.id), col(Blueprint.name), col(Blueprint.body))
        .join(Bank, col(Bank.id) == col(Blueprint.bank_id))
        .where(col(Bank.institution_id) == institution_id, col(Blueprint.retired_at).is_(None))
        .order_by(col(Blueprint.name))
    )
    return [(key, name, int(body["duration_ms"])) for key, name, body in rows]


def plans(db: Session, institution_id: int) -> list[tuple[Plan, Occupation, int]]:
    """Plans with their occupation and how many exam sessions they have."""
    count = select(func.count()).select_from(ExamSession).where(col(ExamSession.plan_id) == col(Plan.id)).scalar_subquery()
    rows = db.execute(
        select(Plan, Occupation, count)
        .join(Occupation, col(Occupation.id) == col(Plan.occupation_id))
        .where(col(Plan.institution_id) == institution_id)
        .order_by(col(Plan.code).desc())
    )
    return [(plan, occupation, number) for plan, occupation, number in rows]


def centres(db: Session, who: Staff) -> list[tuple[Centre, list[Room]]]:
    """Centres this person may see, each with its rooms: two queries."""
    mine = [] if who.centre_ids is None else [col(Centre.id).in_(who.centre_ids)]
    found = db.execute(
        select(Centre).where(col(Centre.institution_id) == who.institution_id, *mine).order_by(col(Centre.code))
    ).scalars()
    result: dict[int, tuple[Centre, list[Room]]] = {centre.id or 0: (centre, []) for centre in found}
    rooms = select(Room).where(col(Room.centre_id).in_(result) if result else false()).order_by(col(Room.number))
    for room in db.execute(rooms).scalars():
        result[room.centre_id][1].append(room)
    return list(result.values())


def room_in_use(db: Session, room_id: int) -> bool:
    """Whether somebody is seated in the room for an exam that is not over."""
    query = (
        select(col(Entry.no))
        .join(ExamSession, col(ExamSession.id) == col(Entry.exam_session_id))
        .where(col(Entry.room_id) == room_id, col(ExamSession.state).in_(["draft", "scheduled", "open"]))
        .limit(1)
    )
    return db.execute(query).first() is not None


def occupations(db: Session, institution_id: int) -> list[tuple[str, str]]:
    """(code, name) of the occupations a plan may have: those known, and those of the institution's syllabi."""
    known = dict(db.execute(select(col(Occupation.code), col(Occupation.name))).all())
    mine = select(col(Syllabus.occupation_code), col(Syllabus.occupation_name)).where(
        col(Syllabus.institution_id) == institution_id
    )
    taught = dict(db.execute(mine).all())
    return sorted((taught | known).items())
