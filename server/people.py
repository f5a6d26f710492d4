"""Setting an installation up from the command line: the first institution, its people, their roles."""

from datetime import datetime

from sqlmodel import Session, select

from server.audit import trail
from server.auth import permissions, staff
from server.auth.tables import Person, RoleGrant
from server.registry.tables import Institution


class SetUpError(Exception):
    """It cannot be set up like this; the message says why."""


def add_institution(db: Session, code: str, name: str, now: datetime) -> int:
    """A new institution; returns its id."""
    if not (code.strip() and name.strip()):
        raise SetUpError("an institution needs a name and a code")
    if db.exec(select(Institution).where(Institution.code == code)).first():
        raise SetUpError(f"an institution with the code {code} exists already")
    row = Institution(code=code, name=name)
    db.add(row)
    db.flush()
    assert row.id is not None
    trail.append(db, trail.SYSTEM, "institution.added", f"institution:{row.id}", now=now)
    return row.id


def find_institution(db: Session, code: str) -> Institution:
    """By code; with an empty code the only one there is."""
    found = list(db.exec(select(Institution) if not code else select(Institution).where(Institution.code == code)).all())
    if len(found) == 1:
        return found[0]
    if not found:
        raise SetUpError(f"there is no institution '{code}'" if code else "there is no institution yet: jikao setup")
    raise SetUpError("there are several institutions: say which by --institution CODE")


def add_person(
    db: Session,
    institution_id: int,
    login: str,
    name: str,
    password: str,
    roles: list[str],
    now: datetime,
    centre_id: int | None = None,
) -> int:
    """A person with roles (for one centre when `centre_id` is given); returns the id."""
    unknown = sorted(set(roles) - set(permissions.ROLES))
    if unknown:
        raise SetUpError(f"no role is called {', '.join(unknown)}; there are {', '.join(permissions.ROLES)}")
    if not name.strip() or not login.strip() or any(letter.isspace() for letter in login.strip()):
        raise SetUpError("a person needs a name, and an account without blanks")
    if len(password) < 8:
        raise SetUpError("a password has at least 8 characters")
    if staff.find_person(db, login):
        raise SetUpError(f"the account {login} exists already")
    row = Person(
        institution_id=institution_id, login=login.strip(), name=name, password_hash=staff.hash_password(password), created_at=now
    )
    db.add(row)
    db.flush()
    assert row.id is not None
    for role in roles:
        db.add(RoleGrant(person_id=row.id, role=role, centre_id=centre_id, granted_at=now))
    trail.append(db, trail.SYSTEM, "person.added", f"person:{row.id}", now=now, detail={"roles": roles})
    return row.id
