"""A fixture exam session with N candidates, by the product's own functions: bank, forms, entries, seats.

    python -m loadtests.seed --url sqlite:///load/jikao.db --keys load/keys --candidates 100 --out load/people.jsonl

The exam session starts at once on schedule (the closer opens it), lets everybody in at any time, and lasts four hours.
"""

import argparse
import functools
import json
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, select

from itembank import intake, lifecycle, papers, seals, syllabus
from itembank.blueprint import BlueprintBody, Section
from itembank.exchange.item_row import ImportedItem
from itembank.items import write_body, write_key
from itembank.similarity import content_digest
from itembank.tables import Bank, ImportBatch
from server import migrations
from server.auth import tables as auth_tables
from server.clock import SystemClock
from server.db import Databases, connect, reading, transaction
from server.keyring import Keyring
from server.registry import enrolment, release
from server.registry.devices import token_digest
from server.registry.release_rules import Approval
from server.registry.roster import Candidate
from server.registry.rules import SessionProfile, id_check_digit, sex_from_id
from server.registry.tables import Centre, Device, Entry, ExamSession, ExamSessionRoom, Institution, Occupation, Plan, Room
from server.sitting.commands import Arrive
from server.sitting.opening import admit_commands
from server.sitting.store import store_for
from server.sitting.tokens import Pass, Tokens
from server.sitting.writer import Writer

MANAGER, SECOND = 1, 2
HOURS = 3_600_000
SECTIONS = {20: (12, 4, 4), 100: (60, 20, 20)}
ROOM_SEATS = 100
PROFILE = replace(
    SessionProfile(),
    late_entrant_gets_full_time=True,
    identity_check=False,
    supervisor_required=False,
    latest_entry_ms=4 * HOURS,
    earliest_hand_in_ms=0,
)


@dataclass(frozen=True)
class Person:
    """Who signs in."""

    entry_no: int
    admission_no: str
    secret: str


def seed(
    dbs: Databases,
    keyring: Keyring,
    *,
    candidates: int,
    items: int = 100,
    now: datetime | None = None,
    starts_at: datetime | None = None,
    duration_ms: int = 4 * HOURS,
    profile: SessionProfile = PROFILE,
) -> tuple[int, list[Person]]:
    """The exam session's id and its candidates."""
    now = now or datetime.now(UTC)
    with transaction(dbs) as db:
        institution, room_ids, plan = _place(db, candidates, now)
        custodians = [_custodian(db, institution, n, now) for n in (1, 2)]
    blueprint = _bank(dbs, keyring, institution, items, duration_ms, now)
    paper_set = _papers(dbs, keyring, blueprint, now)
    with transaction(dbs) as db:
        session = ExamSession(
            institution_id=institution,
            plan_id=plan,
            title="负荷测试场次",
            starts_at=starts_at or now,
            duration_ms=duration_ms,
            profile=profile.to_json(),
            blueprint_id=blueprint,
            paper_set_id=paper_set,
            state="draft",
        )
        db.add(session)
        db.flush()
        assert session.id is not None
        db.add_all([ExamSessionRoom(exam_session_id=session.id, room_id=room, chief_name="总监考") for room in room_ids])
        people = _entries(db, keyring, session, candidates, room_ids)
        session.state = "scheduled"
        db.flush()
        release.give(db, keyring, session, *custodians)
        return session.id, people


def _place(db: Session, candidates: int, now: datetime) -> tuple[int, list[int], int]:
    stamp = f"{now:%H%M%S%f}"
    institution = Institution(code=f"L{stamp}", name="负荷测试机构")
    occupation = Occupation(code=f"9-{stamp}", name="电工")
    db.add_all([institution, occupation])
    db.flush()
    assert institution.id is not None
    assert occupation.id is not None
    centre = Centre(institution_id=institution.id, code="L1", name="负荷测试考点")
    plan = Plan(institution_id=institution.id, code="L1", name="负荷测试计划", occupation_id=occupation.id, level="4")
    db.add_all([centre, plan])
    db.flush()
    assert centre.id is not None
    rooms = [
        Room(centre_id=centre.id, number=str(number + 1), name=f"第{number + 1}机房", capacity=ROOM_SEATS, columns=10)
        for number in range(-(-candidates // ROOM_SEATS))
    ]
    db.add_all(rooms)
    db.flush()
    assert institution.id is not None
    assert plan.id is not None
    return institution.id, [room.id or 0 for room in rooms], plan.id


def _custodian(db: Session, institution: int, number: int, now: datetime) -> Approval:
    """Somebody who cannot sign in."""
    name, login = f"保管员{number}", f"custodian-{institution}-{number}"
    row = auth_tables.Person(institution_id=institution, login=login, name=name, password_hash="-", created_at=now)
    db.add(row)
    db.flush()
    return Approval(row.id or 0, name, now)


def _bank(dbs: Databases, keyring: Keyring, institution: int, items: int, duration_ms: int, now: datetime) -> int:
    leaves = tuple(syllabus.Leaf(f"{n:03}", f"鉴定点{n}", "X") for n in range(1, 21))
    ratio = syllabus.leaf_ratio(syllabus.Area("A", "全部", None, None, leaves=leaves))
    area = syllabus.Area("A", "全部", ratio, Decimal(100), leaves=leaves)
    tree = syllabus.Syllabus(
        "电工", "6-31-01-03", "四级", "理论", None, (syllabus.Area("A", "全部", ratio, Decimal(100), areas=(area,)),)
    )
    with transaction(dbs) as db:
        stored = intake.store_syllabus(db, institution, tree, level=4, by=MANAGER, now=now)
        bank = Bank(
            institution_id=institution,
            code="LOAD",
            name="负荷测试题库",
            syllabus_id=stored.id,
            occupation_code="6-31-01-03",
            occupation_name="电工",
            level=4,
            created_at=now,
            created_by=MANAGER,
            experts_needed=0,
        )
        db.add(bank)
        db.flush()
        bank_id = bank.id
    begin = functools.partial(transaction, dbs)
    counts = SECTIONS[items]
    batch = intake.stage_import(begin, keyring, bank_id, _items(counts), {}, intake.Source("load.xlsx", "0" * 64, MANAGER, now))
    with transaction(dbs) as db:
        sample = db.exec(select(ImportBatch.sample).where(ImportBatch.id == batch)).one()
        lifecycle.approve_batch(db, batch, by=SECOND, read=sample, now=now)
        intake.publish_batch(db, batch, by=SECOND, now=now)
        kinds = ("single", "multiple", "true_false")
        each = 100_00 // items
        body = BlueprintBody(
            title="负荷测试卷",
            sections=tuple(Section(kind=kind, count=count, marks_each=each) for kind, count in zip(kinds, counts, strict=True)),
            duration_ms=duration_ms,
            forms=2,
        )
        return intake.store_blueprint(db, bank_id, body, name="负荷测试方案", by=MANAGER, now=now).id


def _items(counts: tuple[int, int, int]) -> list[ImportedItem]:
    """Twice as many as a form needs, each with a text of its own."""
    found: list[ImportedItem] = []
    for kind, count in zip(("single", "multiple", "true_false"), counts, strict=True):
        for _ in range(2 * count):
            n = len(found) + 1
            body = write_body(
                kind, f"第{n}题：关于第{n * 7919 % 10007}号设备，下列说法正确的是。", [f"甲{n}", f"乙{n}", "丙", "丁"]
            )
            key = write_key([1, 3] if kind == "multiple" else [1])
            found.append(ImportedItem(n + 1, body, key, f"A-A-{n % 20 + 1:03}", 3, "GB/T 1", "", content_digest(body)))
    return found


def _papers(dbs: Databases, keyring: Keyring, blueprint: int, now: datetime) -> int:
    around = papers.Around(functools.partial(reading, dbs), lambda _share: None)
    made = papers.make_papers(functools.partial(transaction, dbs), blueprint, seed=1, now=now, by=MANAGER, around=around)
    if isinstance(made, papers.Infeasible):
        raise RuntimeError(f"the fixture bank does not give the forms: {made.shortages}")
    with reading(dbs) as db:
        prepared = seals.prepare(db, made.paper_set_id, keyring)
    with transaction(dbs) as db:
        seals.store(db, made.paper_set_id, prepared, now=now, by=MANAGER)
        for form_id in made.form_ids:
            papers.file_form(db, form_id, f"LOAD-{form_id}", by=MANAGER, now=now)
    return made.paper_set_id


def _entries(db: Session, keyring: Keyring, session: ExamSession, count: int, room_ids: list[int]) -> list[Person]:
    numbers = [_id_number(n) for n in range(1, count + 1)]
    candidates = [
        Candidate(row=n, name=f"考生{n}", sex=sex_from_id(number), id_number=number) for n, number in enumerate(numbers, 1)
    ]
    enrolment.add_entries(db, keyring, session, candidates)
    rows = db.execute(
        select(col(Entry.no), col(Entry.admission_no)).where(Entry.exam_session_id == session.id).order_by(col(Entry.no))
    ).all()
    places = [
        {"at": no, "label": "AB"[no % 2], "room": room_ids[(no - 1) // ROOM_SEATS], "seat": (no - 1) % ROOM_SEATS + 1}
        for no, _admission_no in rows
    ]
    entry = Entry.__table__  # type: ignore[attr-defined]
    seating = (
        update(entry)
        .where(entry.c.exam_session_id == session.id, entry.c.no == bindparam("at"))
        .values(form_label=bindparam("label"), room_id=bindparam("room"), seat_no=bindparam("seat"))
    )
    db.connection().execute(seating, places)
    return [Person(no, admission_no, number[-6:]) for (no, admission_no), number in zip(rows, numbers, strict=True)]


def sign_in_all(dbs: Databases, keyring: Keyring, exam_session_id: int, now: datetime) -> dict[int, str]:
    """What signing in leaves behind, for every entry at once: a PC, an arrived sitting, a cookie. Entry number -> cookie.

    The sittings go through a writer of this process, as every change does; a server may be at work on the database.
    """
    writer = Writer(store_for(dbs.write), SystemClock())
    writer.start()
    try:
        with reading(dbs) as db:
            admits = admit_commands(db, exam_session_id)
        hashes = [token_digest(secrets.token_urlsafe(32)) for _ in admits]
        with transaction(dbs) as db:
            pcs = [
                {"token_hash": one, "code": "LOAD0", "address": "127.0.0.1", "first_seen_at": now, "last_seen_at": now}
                for one in hashes
            ]
            db.execute(insert(Device), pcs)
            db.execute(update(Entry).where(col(Entry.exam_session_id) == exam_session_id).values(signed_in_at=now))
        with reading(dbs) as db:
            first = db.execute(select(col(Device.id)).where(col(Device.token_hash) == hashes[0])).scalar_one()
            ids = list(db.execute(select(col(Device.id)).where(col(Device.id) >= first).order_by(col(Device.id))).scalars())
        arrivals = [Arrive(*admit.key, device=str(pc)) for admit, pc in zip(admits, ids, strict=False)]
        if not all(outcome.ok for outcome in writer.do_many([*admits, *arrivals])):
            raise RuntimeError("the fixture's candidates could not arrive")
    finally:
        writer.stop()
    tokens = Tokens(keyring.key("token"), SystemClock(), secure=False)
    return {one.entry_no: f"{tokens.cookie_name}={tokens.sign(Pass(*one.key, one.device))}" for one in arrivals}


def _id_number(n: int) -> str:
    """A valid number of nobody: area code 999999 is not assigned."""
    first = f"999999{1960 + n // 10_000 % 50}{n // 1_000 % 10 + 1:02d}{n // 100 % 10 + 11:02d}{n % 1_000:03d}"
    return first + id_check_digit(first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", required=True, help="SQLAlchemy URL; an empty database is migrated")
    parser.add_argument("--keys", type=Path, required=True, help="folder of the key files")
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--items", type=int, choices=sorted(SECTIONS), default=100)
    parser.add_argument("--out", type=Path, required=True, help="JSONL of entry_no, admission_no, secret")
    parser.add_argument("--signed-in", action="store_true", help="everybody has arrived; adds cookie to --out")
    parser.add_argument("--starts-in", type=float, default=0.0, help="seconds from when seeding is over")
    parser.add_argument("--duration", type=float, default=4 * 3600.0, help="seconds")
    parser.add_argument("--ends-together", action="store_true", help="who opens late ends with the room")
    given = parser.parse_args()
    migrations.upgrade(given.url)
    dbs, keyring = connect(given.url), Keyring.open_folder(given.keys)
    profile = replace(PROFILE, late_entrant_gets_full_time=not given.ends_together)
    far = datetime.now(UTC) + timedelta(hours=1)
    exam_session_id, people = seed(
        dbs,
        keyring,
        candidates=given.candidates,
        items=given.items,
        duration_ms=round(given.duration * 1000),
        profile=profile,
        starts_at=far if given.signed_in else None,
    )
    lines = [{"exam_session_id": exam_session_id, **vars(person)} for person in people]
    if given.signed_in:
        cookies = sign_in_all(dbs, keyring, exam_session_id, datetime.now(UTC))
        lines = [{**line, "cookie": cookies[line["entry_no"]]} for line in lines]
        bell = datetime.now(UTC) + timedelta(seconds=given.starts_in)
        with transaction(dbs) as db:
            db.execute(update(ExamSession).where(col(ExamSession.id) == exam_session_id).values(starts_at=bell))
    dbs.dispose()
    given.out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    given.out.chmod(0o600)
    print(f"exam session {exam_session_id}: {len(people)} candidates")


if __name__ == "__main__":
    main()
