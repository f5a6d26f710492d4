"""People, role grants, sign-ins and the throttle of attempts."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from server.db import UTCDateTime

APPEND_ONLY: dict[str, tuple[str, ...]] = {"role_grant": ("ended_at", "ended_by")}


class Person(SQLModel, table=True):
    """Somebody of the staff. A person belongs to one institution."""

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int = Field(foreign_key="institution.id", index=True)
    login: str = Field(unique=True)
    name: str
    password_hash: str
    active: bool = True
    created_at: datetime = Field(sa_type=UTCDateTime)


class RoleGrant(SQLModel, table=True):
    """A role of a person; with `centre_id` it holds for that centre only."""

    __tablename__ = "role_grant"

    id: int | None = Field(default=None, primary_key=True)
    person_id: int = Field(foreign_key="person.id", index=True)
    role: str
    centre_id: int | None = Field(default=None, foreign_key="centre.id")
    granted_at: datetime = Field(sa_type=UTCDateTime)
    granted_by: int | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_by: int | None = None


class StaffSession(SQLModel, table=True):
    """A staff sign-in; the cookie holds the token, this row its digest."""

    __tablename__ = "staff_session"

    token_hash: str = Field(primary_key=True)
    person_id: int = Field(foreign_key="person.id", index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    address: str = ""


class SignInAttempt(SQLModel, table=True):
    """One failed attempt, by account and by address, for the throttle (`kind` staff or candidate)."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_attempt_account", "kind", "account", "at"),
        Index("ix_attempt_address", "kind", "address", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    account: str
    address: str
    at: datetime = Field(sa_type=UTCDateTime)
