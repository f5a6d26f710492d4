"""The demo's three exam sessions: one finished and sat by simulated candidates, one open, one for next week."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from random import Random
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.demo import answers
from server.demo.answers import AnswerBook
from server.demo.people import House
from server.demo.roster import Simulated, people
from server.grading import work
from server.keyring import Keyring
from server.registry import enrolment, release, scheduling
from server.registry.admission import DEFAULT_PATTERN
from server.registry.rules import MINUTE_MS, SessionProfile
from server.registry.scheduling import Draft
from server.registry.seating import grid_position
from server.registry.tables import Entry, ExamSession, Occupation, Plan
from server.sitting.closer import Closer
from server.sitting.commands import Arrive, Command, MarkIdentity, Op, Open, Operations
from server.sitting.exams import exam_of
from server.sitting.opening import admit_commands, open_exam_session
from server.sitting.package import unseal
from server.sitting.shelf import paper_of
from server.sitting.store import store_for
from server.sitting.writer import Writer

DURATION_MS = 60 * MINUTE_MS
FINISHED, OPEN, NEXT_WEEK = 92, 24, 12
"""The finished one has some thirty candidates on each form, so that its statistics have something to say."""
DOUBTFUL_SLOT = 3
"""On the first form the able answer it otherwise than its key says: something for the statistics to find."""
COPIED = 0.92
"""So much of a neighbour's sheet somebody copied: something for the hints to find."""
ALL_DAY = replace(SessionProfile(), late_entrant_gets_full_time=True, identity_check=False)
"""The open exam session lets visitors of the demo in at any time, with the full hour."""


def plan(db: Session, house: House) -> int:
    """The plan the three exam sessions belong to."""
    occupation = Occupation(code="6-31-01-03", name="电工")
    db.add(occupation)
    db.flush()
    row = Plan(
        institution_id=house.institution_id,
        code="2026-KQ-017",
        name="2026 年第四季度电工中级工认定计划",
        occupation_id=occupation.id or 0,
        level="4",
    )
    db.add(row)
    db.flush()
    return row.id or 0


def schedule(
    dbs: Databases,
    keyring: Keyring,
    house: House,
    draft: Draft,
    candidates: Sequence[Simulated],
    *,
    paper_set_id: int | None,
    now: datetime,
) -> int:
    """Make an exam session with its entries; with a paper set also seats, people and the binding date."""
    officer = house.people["officer"]
    with transaction(dbs) as db:
        session = scheduling.save(db, officer, draft, now=now)
        db.flush()
        enrolment.add_entries(db, keyring, session, [one.candidate for one in candidates])
        for room_id in draft.room_ids:
            scheduling.name_people(db, officer, session.id or 0, room_id, chief="沈国强", invigilators="吴晓、陈静", now=now)
        if paper_set_id is not None:
            scheduling.choose_paper(db, officer, session, paper_set_id, now=now)
            seated = scheduling.seat(db, officer, session, now=now, seed=2026)
            assert isinstance(seated, int), seated
            reasons = scheduling.schedule(db, keyring, officer, session, now=now)
            assert not reasons, reasons
            for room_id in draft.room_ids:
                scheduling.check_in_supervisor(
                    db, officer, session, room_id, name="蒋伟", organisation="区人力资源和社会保障局", now=now
                )
        return session.id or 0


def release_paper(dbs: Databases, keyring: Keyring, house: House, exam_session_id: int, *, now: datetime) -> None:
    """The two custodians let the paper out of the safe."""
    for login in ("custodian", "custodian2"):
        with transaction(dbs) as db:
            session = db.get_one(ExamSession, exam_session_id)
            release.approve(db, keyring, house.people[login], session, clock_suspect=False, now=now)


def draft_of(
    plan_id: int, blueprint_id: int, title: str, starts_at: datetime, rooms: tuple[int, ...], profile: SessionProfile
) -> Draft:
    """The officer's form, filled in."""
    return Draft(plan_id, title, starts_at, DURATION_MS, blueprint_id, DEFAULT_PATTERN, rooms, profile)


Plans = tuple[int, int, list[tuple[int, list[int]]]]
"""(entry number, how many questions, [(slot, response)] in the order seen)."""


class Simulation:
    """Sittings of simulated candidates through the real writer, on a clock that is moved by hand."""

    def __init__(self, dbs: Databases, keyring: Keyring, house: House, exam_session_id: int, clock: FakeClock) -> None:
        self.dbs, self.keyring, self.house = dbs, keyring, house
        self.exam_session_id, self.clock = exam_session_id, clock
        self.writer = Writer(store_for(dbs.write), clock)
        self.rng = Random(exam_session_id)  # noqa: S311 - a simulation
        self.known: AnswerBook = answers.book()

    def sit(self, who: Sequence[Simulated], *, absent: int) -> None:
        """Everybody but the last `absent` sits; most hand in, the others are closed by time. Then it is marked."""
        self.writer.start()
        try:
            release_paper(self.dbs, self.keyring, self.house, self.exam_session_id, now=self.clock.now())
            officer = self.house.people["officer"]
            hindrances = open_exam_session(self.dbs, self.writer, self.exam_session_id, by=officer.actor, now=self.clock.now())
            assert not hindrances, hindrances
            plans = self._open_all(who[: len(who) - absent])
            self._answer_all(plans)
            self.clock.advance(DURATION_MS / 1000)
            closer = Closer(self.dbs, self.writer, self.clock)
            closer.beaten(self.clock.now())
            for _round in range(3):
                closer.tick()
                self.clock.advance(5)
        finally:
            self.writer.stop()
        work.grade(self.dbs, self.keyring, self.clock)

    def _open_all(self, who: Sequence[Simulated]) -> list[Plans]:
        with reading(self.dbs) as db:
            row = db.get(ExamSession, self.exam_session_id)
            assert row is not None
            exam = exam_of(row)
            entries = db.exec(select(Entry).where(Entry.exam_session_id == self.exam_session_id).order_by(col(Entry.no))).all()
        invigilator = self.house.people["invigilator"].actor
        commands: list[Command] = []
        plans: list[Plans] = []
        forms, load = self._form_ids(), unseal(self.dbs, self.keyring)
        bodies = {form_id: load(form_id) for form_id in set(forms.values())}
        papers = {form_id: paper_of(form_id, body) for form_id, body in bodies.items()}
        for entry, one in zip(entries, who, strict=False):
            device, page = secrets.token_hex(8), secrets.token_hex(8)
            paper = papers[forms[entry.no]]
            order = paper.draw(self.rng)
            commands += [
                Arrive(self.exam_session_id, entry.no, device=device),
                MarkIdentity(self.exam_session_id, entry.no, actor=invigilator, reason="人证核验"),
                Open(self.exam_session_id, entry.no, device=device, page=page, terms=exam.terms, order=order),
            ]
            body = bodies[forms[entry.no]]
            plans.append((entry.no, len(order), self._intentions(body, order, one, doubtful=forms[entry.no] == min(bodies))))
        self._copy(entries, plans)
        outcomes = self.writer.do_many(commands)
        assert all(outcome.ok for outcome in outcomes), [outcome.code for outcome in outcomes]
        return plans

    def _form_ids(self) -> dict[int, int]:
        with reading(self.dbs) as db:
            commands = admit_commands(db, self.exam_session_id)
        return {command.entry_no: command.form_id for command in commands if command.form_id is not None}

    def _intentions(self, body: bytes, order: list[list[Any]], one: Simulated, *, doubtful: bool) -> list[tuple[int, list[int]]]:
        items = {item["slot"]: item for item in msgspec.json.decode(body)["items"]}
        found = []
        for slot, _options in order:
            able = doubtful and slot == DOUBTFUL_SLOT and one.ability > 0.3
            answer = answers.otherwise if able else answers.respond
            found.append((slot, answer(items[slot], one.ability, self.known, self.rng)))
        return found

    def _copy(self, entries: Sequence[Entry], plans: list[Plans]) -> None:
        """One of the first two who sit near each other with the same form copies from the other."""
        sheets = {no: (at, dict(plan)) for at, (no, _length, plan) in enumerate(plans)}
        seated = [entry for entry in entries if entry.no in sheets and entry.seat_no is not None]
        for one, other in combinations(seated, 2):
            row, column = grid_position(one.seat_no or 1, 6)
            other_row, other_column = grid_position(other.seat_no or 1, 6)
            near = abs(row - other_row) <= 1 and abs(column - other_column) <= 2
            if near and one.room_id == other.room_id and one.form_label == other.form_label:
                at, own = sheets[other.no]
                given = sheets[one.no][1]
                taken = [(slot, given[slot] if self.rng.random() < COPIED else own[slot]) for slot, _answer in plans[at][2]]
                plans[at] = (other.no, plans[at][1], taken)
                return

    def _answer_all(self, plans: list[Plans]) -> None:
        """One question after another, everybody side by side; four of five hand in."""
        for step in range(max(length for _no, length, _plan in plans)):
            self.clock.advance(self.rng.uniform(20, 60))
            commands = [
                Operations(self.exam_session_id, no, epoch=1, ops=[Op(op=step + 1, item=plan[step][0], value=plan[step][1])])
                for no, length, plan in plans
                if step < length
            ]
            outcomes = self.writer.do_many(commands)
            assert all(outcome.ok for outcome in outcomes), {outcome.code for outcome in outcomes}
        for no, length, _plan in plans:
            if self.rng.random() < 0.8:
                self.clock.advance(self.rng.uniform(2, 9))
                outcome = self.writer.do(Operations(self.exam_session_id, no, epoch=1, ops=[Op(op=length + 1, submit=True)]))
                assert outcome.ok, outcome.code


def finished(dbs: Databases, keyring: Keyring, house: House, draft: Draft, paper_set_id: int) -> int:
    """Yesterday's exam session: sat, ended, marked, waiting to be published."""
    candidates = people(FINISHED, 1)
    clock = FakeClock(draft.starts_at - timedelta(minutes=30))
    number = schedule(dbs, keyring, house, draft, candidates, paper_set_id=paper_set_id, now=clock.now())
    clock.set(draft.starts_at)
    Simulation(dbs, keyring, house, number, clock).sit(candidates, absent=2)
    return number
