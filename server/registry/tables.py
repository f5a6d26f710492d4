"""Who holds exams, where, which, and for whom.

Hot tables carry `exam_session_id` first in every primary and unique key, so that a cluster can split them by it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {"seat_binding": ("ended_at",)}
"""Table -> the columns that may change after insert; rows are never deleted."""


class Institution(SQLModel, table=True):
    """评价机构: who evaluates and certifies."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True)
    name: str


class Centre(SQLModel, table=True):
    """考点."""

    __table_args__ = (UniqueConstraint("institution_id", "code"),)

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int = Field(foreign_key="institution.id")
    code: str
    name: str
    address: str = ""


class Room(SQLModel, table=True):
    """考场: a room of a centre with seats 1..capacity; `spare` of them stay free for take-overs."""

    __table_args__ = (UniqueConstraint("centre_id", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    centre_id: int = Field(foreign_key="centre.id", index=True)
    number: str
    name: str
    capacity: int
    columns: int = 6
    spare: int = 0


class Device(SQLModel, table=True):
    """One PC's browser, known by a random token in its cookie; `code` is what its screen shows to the invigilator."""

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(unique=True)
    code: str = Field(index=True)
    address: str
    first_seen_at: datetime = Field(sa_type=UTCDateTime)
    last_seen_at: datetime = Field(sa_type=UTCDateTime)


class PcCheck(SQLModel, table=True):
    """One check of a PC before an exam: what was measured and what it means. Of each PC the latest few are kept."""

    __tablename__ = "pc_check"
    __table_args__ = (Index("ix_pc_check_device", "device_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id")
    at: datetime = Field(sa_type=UTCDateTime)
    source: str
    """check (the page for it) or waiting (the waiting room)."""
    state: str
    """The worst of the findings: ok, warn, bad."""
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    findings: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))


class SeatBinding(SQLModel, table=True):
    """This device stands at that seat, from `bound_at` until `ended_at`."""

    __tablename__ = "seat_binding"
    __table_args__ = (
        Index(
            "uq_seat_binding_live",
            "room_id",
            "seat_no",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "uq_seat_binding_device",
            "device_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    room_id: int = Field(foreign_key="room.id")
    seat_no: int
    device_id: int = Field(foreign_key="device.id")
    bound_at: datetime = Field(sa_type=UTCDateTime)
    bound_by: int | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class Occupation(SQLModel, table=True):
    """职业(工种), by its code in the national classification (6-31-01-03 电工)."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True)
    name: str


class Plan(SQLModel, table=True):
    """认定计划: one announced evaluation of an institution."""

    __table_args__ = (UniqueConstraint("institution_id", "code"),)

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int = Field(foreign_key="institution.id")
    code: str
    name: str
    occupation_id: int = Field(foreign_key="occupation.id")
    level: str
    announced_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class ExamSession(SQLModel, table=True):
    """场次: one scheduled exam. `paper_set_id` names the item bank's paper set; `profile` is a `SessionProfile`."""

    __tablename__ = "exam_session"
    __table_args__ = (Index("ix_exam_session_institution", "institution_id", "starts_at"),)

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int = Field(foreign_key="institution.id")
    plan_id: int = Field(foreign_key="plan.id")
    title: str
    starts_at: datetime = Field(sa_type=UTCDateTime)
    duration_ms: int = Field(sa_type=BigInteger)
    profile: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    blueprint_id: int | None = None
    paper_set_id: int | None = None
    reserve_paper_set_id: int | None = None
    """备用卷: stands by; an abort unseals it for the exam session that takes this one's place."""
    replaces_id: int | None = None
    """The aborted exam session whose candidates sit here again."""
    admission_pattern: str = "{date}{session}{seq}"
    """How admission numbers are made, see `admission.py`."""
    state: str = "draft"
    opened_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    opened_by: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    version: int = 1


class ExamSessionRoom(SQLModel, table=True):
    """A room taking part in an exam session, its people, and the external supervisor's check-in."""

    __tablename__ = "exam_session_room"

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    room_id: int = Field(foreign_key="room.id", primary_key=True)
    chief_name: str = ""
    invigilator_names: str = ""
    supervisor_name: str | None = None
    supervisor_organisation: str | None = None
    supervisor_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    supervisor_recorded_by: str | None = None
    notes: str = ""


class Entry(SQLModel, table=True):
    """报名记录: a candidate's place in an exam session. `id_cipher` is the sealed ID number, `id_tail` its last four."""

    __table_args__ = (
        UniqueConstraint("exam_session_id", "admission_no"),
        UniqueConstraint("exam_session_id", "id_index"),
        Index("ix_entry_admission", "admission_no"),
        Index("ix_entry_room", "exam_session_id", "room_id"),
    )

    exam_session_id: int = Field(foreign_key="exam_session.id", primary_key=True)
    no: int = Field(primary_key=True)
    institution_id: int = Field(foreign_key="institution.id")
    admission_no: str
    name: str
    sex: str
    id_cipher: bytes = Field(sa_type=LargeBinary)
    id_index: str
    id_tail: str
    factor_index: str
    """Blind index of the second factor (the last six of the ID number)."""
    exam_type: str = "新考"
    employer: str = ""
    extra_ms: int = Field(default=0, sa_type=BigInteger)
    """Accommodation: minutes granted before the exam, in ms."""
    room_id: int | None = Field(default=None, foreign_key="room.id")
    seat_no: int | None = None
    form_label: str | None = None
    identity_checked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    identity_checked_by: str | None = None
    signed_in_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class RosterDraft(SQLModel, table=True):
    """A roster that was read without a mistake and waits for the officer's word. `sealed`: its rows, under 'id_number'."""

    __tablename__ = "roster_draft"

    id: int | None = Field(default=None, primary_key=True)
    exam_session_id: int = Field(foreign_key="exam_session.id", index=True)
    file_name: str
    sealed: bytes = Field(sa_type=LargeBinary)
    count: int
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int | None = None
