"""What the longer commands do on behalf of a person, and how their answers read in a terminal. Items come in by `imports`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlmodel import select

from itembank import intake
from itembank.exchange import xlsx
from itembank.exchange.mistakes import RowError
from itembank.items import KINDS
from itembank.tables import Bank
from server.audit import trail
from server.auth import permissions, staff
from server.auth.staff import Staff
from server.db import Databases, lacks_connections, make_engine, reading, transaction
from server.grading import results
from server.grading.summary_xlsx import workbook
from server.keyring import Keyring
from server.settings import Settings

if TYPE_CHECKING:
    from itembank.assembly.explanation import Shortage


class CommandError(Exception):
    """A command cannot do what was asked; the message is the sentence to show."""


class Here(Protocol):
    """The installation a command works on."""

    dbs: Databases
    keyring: Keyring

    def now(self) -> datetime:
        """The time."""


def check_many(settings: Settings, say: Callable[[str], None]) -> None:
    """Before several processes serve: says what they lack and do without."""
    engine = make_engine(settings.url, read_only=True)
    try:
        lacking = lacks_connections(engine, settings.workers)
    finally:
        engine.dispose()
    if lacking:
        say(lacking)
    if not settings.redis_url:
        say(
            "No Redis (JIKAO_REDIS_URL): boards and held pulses learn by SQL, within a second or two, of what another process "
            "has heard; a board does not see who is connected to another process. Answering is the same."
        )


def person(here: Here, login: str, action: str) -> Staff:
    """The person a command acts for, when the permission table lets them."""
    with reading(here.dbs) as db:
        row = staff.find_person(db, login)
        who = staff.staff_of(db, row) if row and row.active else None
    if who is None:
        raise CommandError(f"there is no account '{login}'")
    if not who.may(action):
        allowed = ", ".join(sorted(permissions.ACTIONS[action]))
        raise CommandError(f"{login} may not do this: it takes one of the roles {allowed}")
    return who


def find_bank(here: Here, who: Staff, code: str) -> Bank:
    """A bank of the person's institution by code."""
    with reading(here.dbs) as db:
        bank = db.exec(select(Bank).where(Bank.institution_id == who.institution_id, Bank.code == code)).first()
        known = db.exec(select(Bank.code).where(Bank.institution_id == who.institution_id)).all()
    if bank is None:
        raise CommandError(f"there is no bank '{code}'; there are: {', '.join(known) or 'none yet (import a syllabus first)'}")
    return bank


def import_syllabus(here: Here, file: Path, code: str, level: int, who: Staff) -> str:
    """Store a content table and make the bank for it; says what was made, raises with every mistake."""
    if not code.strip():
        raise CommandError("a bank needs a code: --bank CODE")
    found = xlsx.read_syllabus(file.read_bytes())
    if isinstance(found, list):
        raise CommandError("\n".join(["Nothing was stored.", *map(mistake_line, found)]))
    now = here.now()
    with transaction(here.dbs) as db:
        if db.exec(select(Bank.id).where(Bank.institution_id == who.institution_id, Bank.code == code)).first():
            raise CommandError(f"the bank '{code}' exists already; a new version of its syllabus is imported in the browser")
        row = intake.store_syllabus(db, who.institution_id, found.syllabus, level=level, by=who.person_id, now=now)
        bank = Bank(
            institution_id=who.institution_id,
            code=code,
            name=f"{row.occupation_name} {level}",
            syllabus_id=row.id,
            occupation_code=row.occupation_code,
            occupation_name=row.occupation_name,
            level=level,
            created_at=now,
            created_by=who.person_id,
        )
        db.add(bank)
        db.flush()
        trail.append(db, who.actor, "syllabus.imported", f"bank:{bank.id}", now=now)
        return f"Bank {code} (number {bank.id}) for {row.occupation_name} level {level}."


def mistake_line(mistake: RowError) -> str:
    """One mistake as a line: where, what, how to mend it."""
    where = f"row {mistake.row}, column {mistake.column} {mistake.header}".rstrip(" ,") if mistake.row else "the file"
    return f"{where}: {mistake.problem} {mistake.mend} [{mistake.value}]"


def shortage_line(shortage: "Shortage") -> str:
    """One demand the bank does not meet."""
    kind = KINDS[shortage.kind].name_zh if shortage.kind else "any kind"
    return (
        f"{kind}, {shortage.topic or 'all topics'}: {shortage.per_form} a form x {shortage.forms} = {shortage.wants} wanted, "
        f"{shortage.has} unspent ({shortage.spent} spent): {shortage.short} short"
    )


def results_xlsx(here: Here, exam_session_id: int, who: Staff) -> bytes:
    """The 成绩汇总表 of one exam session of the person's institution; audited before the bytes leave."""
    with transaction(here.dbs) as db:
        head = results.summary_head(db, exam_session_id)
        who.must_own(head.institution_id)
        rows = results.summary_rows(db, exam_session_id, centres=who.centre_ids)
        if not rows:
            raise CommandError("this exam session is not marked yet: jikao grade")
        trail.append(db, who.actor, "results.exported", head.session, now=here.now(), detail={"rows": len(rows)})
        publication = results.publication_in_force(db, exam_session_id)
    return workbook(head, rows, checkers=results.checkers(publication))
