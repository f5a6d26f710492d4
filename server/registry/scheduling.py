"""Acts on an exam session: create, edit, choose rooms and paper, schedule, seat, record the supervisor.

Each act checks, changes and leaves its audit row in the caller's transaction.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlmodel import Session, col

from itembank import papers
from itembank.tables import Blueprint, PaperSet
from server.audit import trail
from server.auth.staff import Staff
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.keyring import Keyring
from server.pages import beijing
from server.registry import choices, lots, reading, release, release_rules, reserve
from server.registry.enrolment import claim
from server.registry.readiness import Facts, Reason, may_schedule
from server.registry.rules import SessionProfile
from server.registry.seating import Lot, RoomPlan, TooFewSeats, seat_everyone
from server.registry.tables import Centre, Entry, ExamSession, ExamSessionRoom, Plan, Room


@dataclass(frozen=True)
class Draft:
    """What the form of an exam session says, already checked field by field."""

    plan_id: int
    title: str
    starts_at: datetime
    duration_ms: int
    blueprint_id: int | None
    admission_pattern: str
    room_ids: tuple[int, ...]
    profile: SessionProfile


def save(db: Session, who: Staff, draft: Draft, *, now: datetime, session: ExamSession | None = None) -> ExamSession:
    """Create an exam session, or change one that is not open yet."""
    _check_owned(db, who, draft)
    values: dict[str, Any] = {
        "plan_id": draft.plan_id,
        "title": draft.title,
        "starts_at": draft.starts_at,
        "duration_ms": draft.duration_ms,
        "blueprint_id": draft.blueprint_id,
        "admission_pattern": draft.admission_pattern,
        "profile": draft.profile.to_json(),
    }
    if session is None:
        session = ExamSession(institution_id=who.institution_id, **values)
        db.add(session)
        verb = "exam_session.created"
    else:
        claim(db, session)
        _check_released(db, session, draft, now)
        for name, value in values.items():
            setattr(session, name, value)
        verb = "exam_session.changed"
    db.flush()
    _set_rooms(db, session, draft.room_ids)
    detail = {"starts_at": draft.starts_at.isoformat(), "duration_ms": draft.duration_ms, "rooms": list(draft.room_ids)}
    trail.append(db, who.actor, verb, f"exam_session:{session.id}", now=now, detail=detail)
    return session


def _check_owned(db: Session, who: Staff, draft: Draft) -> None:
    plan = db.get(Plan, draft.plan_id)
    if plan is None or plan.institution_id != who.institution_id:
        raise NotFound
    if draft.blueprint_id is not None and draft.blueprint_id not in {
        key for key, _name, _ms in choices.blueprints(db, who.institution_id)
    }:
        raise NotFound
    mine = select(col(Room.id)).join(Centre, col(Centre.id) == col(Room.centre_id))
    mine = mine.where(col(Centre.institution_id) == who.institution_id, col(Room.id).in_(draft.room_ids))
    if len(db.execute(mine).all()) != len(set(draft.room_ids)):
        raise NotFound


def _check_released(db: Session, session: ExamSession, draft: Draft, now: datetime) -> None:
    """A paper that is out of the safe must not lie about: the start moves within the time for which it may be out."""
    if release.find(db, session) is None:
        return
    if draft.profile.form_use != SessionProfile.from_json(session.profile).form_use:
        raise Conflict("The paper is released: who gets which form is settled.")
    opens_at = release_rules.window(draft.starts_at, draft.duration_ms, draft.profile.release_before_ms).opens_at
    if now < opens_at:
        raise Conflict(
            "The paper is released: the exam may start at %(latest)s at the latest. Later only with another paper set.",
            latest=beijing(now + (draft.starts_at - opens_at)),
        )


def _set_rooms(db: Session, session: ExamSession, room_ids: tuple[int, ...]) -> None:
    """Add the new rooms, drop the others; whoever sat in a dropped room has no seat any more."""
    here = col(ExamSessionRoom.exam_session_id) == session.id
    before = set(db.execute(select(col(ExamSessionRoom.room_id)).where(here)).scalars())
    gone = before - set(room_ids)
    if gone:
        db.execute(
            update(Entry)
            .where(col(Entry.exam_session_id) == session.id, col(Entry.room_id).in_(gone))
            .values(room_id=None, seat_no=None, form_label=None)
        )
        db.execute(delete(ExamSessionRoom).where(here, col(ExamSessionRoom.room_id).in_(gone)))
    new = [
        {"exam_session_id": session.id, "room_id": key, "chief_name": "", "invigilator_names": "", "notes": ""}
        for key in room_ids
        if key not in before
    ]
    if new:
        db.execute(insert(ExamSessionRoom), new)


def choose_paper(db: Session, who: Staff, session: ExamSession, paper_set_id: int | None, *, now: datetime) -> None:
    """Name the paper set; a scheduled exam session goes back to draft, for its readiness has to be looked at again."""
    claim(db, session)
    if release.find(db, session) is not None:
        raise Conflict(
            "The paper is released and unsealed: it is not exchanged any more. Abort the exam session if it must not be used."
        )
    if paper_set_id is not None:
        fitting = {choice.id: choice for choice in choices.paper_choices(db, session)}
        if paper_set_id not in fitting:
            raise NotFound
        if fitting[paper_set_id].burned:
            raise Conflict("This paper set was already used in an exam.")
        session.blueprint_id = db.execute(select(col(PaperSet.blueprint_id)).where(col(PaperSet.id) == paper_set_id)).scalar_one()
        blueprint = db.get(Blueprint, session.blueprint_id)
        if blueprint is not None:
            session.duration_ms = int(blueprint.body["duration_ms"])
    session.paper_set_id = paper_set_id
    if session.reserve_paper_set_id == paper_set_id:
        session.reserve_paper_set_id = None
    session.state = "draft"
    trail.append(
        db,
        who.actor,
        "exam_session.paper_chosen",
        f"exam_session:{session.id}",
        now=now,
        detail={"paper_set": paper_set_id},
    )


def facts(db: Session, who: Staff, session: ExamSession) -> Facts:
    """What the rules of readiness look at, the item bank's reasons included."""
    reasons: tuple[str, ...] = ()
    if session.paper_set_id is not None and session.state in {"draft", "scheduled"}:
        reasons = tuple(papers.paper_set_ready(db, session.paper_set_id, session.id)) + _taken(db, session)
    return reading.facts_of(db, session, reading.rooms_of(db, who, session.id or 0), reasons)


def _taken(db: Session, session: ExamSession) -> tuple[str, ...]:
    assert session.paper_set_id is not None
    if not reserve.taken(db, session.paper_set_id, session.id):
        return ()
    return ("Another exam session is scheduled with this paper set.",)


def schedule(db: Session, keyring: Keyring, who: Staff, session: ExamSession, *, now: datetime) -> list[Reason]:
    """Make a draft binding; returns what stands in the way (nothing changed then). A lot is committed to from here on."""
    claim(db, session)
    reasons = may_schedule(facts(db, who, session), now)
    if reasons:
        return reasons
    session.state = "scheduled"
    if lots.uses_lot(session):
        lots.commit(db, keyring, session, by=who.actor, now=now)
    trail.append(db, who.actor, "exam_session.scheduled", f"exam_session:{session.id}", now=now)
    return []


def unschedule(db: Session, who: Staff, session: ExamSession, *, now: datetime) -> None:
    """Back to draft, while the paper is in the safe."""
    claim(db, session)
    if release.find(db, session) is not None:
        raise Conflict("The paper is released and unsealed: open the exam session, or abort it by two people.")
    session.state = "draft"
    trail.append(db, who.actor, "exam_session.unscheduled", f"exam_session:{session.id}", now=now)


def seat(db: Session, who: Staff, session: ExamSession, *, now: datetime, seed: int | None = None) -> TooFewSeats | int:
    """Give everybody a seat and a form anew; returns how many, or that the rooms are too small."""
    claim(db, session)
    seed = secrets.randbelow(2**31) if seed is None else seed
    entry_nos = list(
        db.execute(
            select(col(Entry.no)).where(col(Entry.exam_session_id) == session.id).order_by(col(Entry.admission_no))
        ).scalars()
    )
    rooms = [
        RoomPlan(room.room_id, room.capacity, max(1, room.columns), room.spare)
        for room in reading.rooms_of(db, who, session.id or 0)
    ]
    lot = Lot(lots.drawn(db, session)) if lots.uses_lot(session) else None
    labels = choices.labels_of(db, session.paper_set_id)
    places = seat_everyone(entry_nos, rooms, labels, seed, lot=lot)
    if isinstance(places, TooFewSeats):
        return places
    if places:
        statement = (
            update(Entry.__table__)  # type: ignore[attr-defined]
            .where(col(Entry.exam_session_id) == session.id, col(Entry.no) == bindparam("entry_no"))
            .values(room_id=bindparam("at_room"), seat_no=bindparam("at_seat"), form_label=bindparam("with_form"))
        )
        db.connection().execute(
            statement,
            [{"entry_no": p.entry_no, "at_room": p.room_id, "at_seat": p.seat_no, "with_form": p.form_label} for p in places],
        )
    trail.append(
        db,
        who.actor,
        "exam_session.seated",
        f"exam_session:{session.id}",
        now=now,
        detail={"seed": seed, "entries": len(places), "forms": list(labels)},
    )
    return len(places)


def name_people(
    db: Session, who: Staff, exam_session_id: int, room_id: int, *, chief: str, invigilators: str, now: datetime
) -> None:
    """The chief invigilator and invigilators of a room, as printed on its record."""
    row = _room_row(db, exam_session_id, room_id)
    row.chief_name, row.invigilator_names = chief, invigilators
    trail.append(db, who.actor, "exam_room.people_named", f"exam_session:{exam_session_id}", now=now, detail={"room": room_id})


def check_in_supervisor(
    db: Session, who: Staff, session: ExamSession, room_id: int, *, name: str, organisation: str, now: datetime
) -> None:
    """Record that the external supervisor is present in a room. A wrong entry is recorded again; the audit keeps both."""
    if not name.strip() or not organisation.strip():
        raise Invalid(
            "The supervisor's name and organisation are needed.",
            [
                FieldError(field, "Please fill this in.")
                for field, value in (("name", name), ("organisation", organisation))
                if not value.strip()
            ],
        )
    if session.state not in {"scheduled", "open"}:
        raise Conflict("A supervisor checks in once the exam session is scheduled, and before it ends.")
    row = _room_row(db, session.id or 0, room_id)
    row.supervisor_name, row.supervisor_organisation = name.strip()[:50], organisation.strip()[:100]
    row.supervisor_at, row.supervisor_recorded_by = now, who.name
    detail = {"room": room_id, "name": row.supervisor_name, "organisation": row.supervisor_organisation}
    trail.append(db, who.actor, "supervisor.checked_in", f"exam_session:{session.id}", now=now, detail=detail)


def _room_row(db: Session, exam_session_id: int, room_id: int) -> ExamSessionRoom:
    row = db.get(ExamSessionRoom, (exam_session_id, room_id))
    if row is None:
        raise NotFound
    return row
