"""Entering and seating on both databases: all or nothing, one import at a time, bound to the exam session's lock."""

import threading

import pytest
from sqlmodel import Session, select

from server.audit.trail import Actor
from server.auth.staff import Staff
from server.clock import FakeClock
from server.db import Databases, transaction
from server.db import reading as read_only
from server.errors import Conflict, NotFound
from server.keyring import Keyring
from server.registry import enrolment, reading, scheduling
from server.registry.admission import render
from server.registry.roster import Candidate, Roster
from server.registry.rules import SessionProfile
from server.registry.seating import TooFewSeats
from server.registry.tables import Entry, ExamSession
from tests import factories
from tests.registry.conftest import id_number

BY = Actor("staff", 1, "考务")


def candidates(count: int, first: int = 1) -> list[Candidate]:
    return [Candidate(i, f"考生{i}", "男", id_number(i)) for i in range(first, first + count)]


def officer(institution_id: int) -> Staff:
    return Staff(1, "考务", "officer", institution_id, frozenset({"exam_officer"}), None)


def make(dbs: Databases, clock: FakeClock, **more: object) -> tuple[int, int]:
    """(institution, exam session) with one room of 30."""
    with transaction(dbs) as db:
        where = factories.place(db)
        return where.institution_id, factories.exam_session(db, where, clock.now(), **more)  # type: ignore[arg-type]


def get(db: Session, exam_id: int) -> ExamSession:
    found = db.get(ExamSession, exam_id)
    assert found is not None
    return found


def test_numbers_go_on_and_avoid_given_ones(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    _home, exam_id = make(dbs, clock)
    with transaction(dbs) as db:
        exam = get(db, exam_id)
        taken = render(exam.admission_pattern, exam.starts_at, exam_id, 2)
        own = Candidate(9, "自带号", "男", id_number(9), admission_no=taken)
        assert enrolment.add_entries(db, keyring, exam, [*candidates(2), own]) == 3
    with transaction(dbs) as db:
        enrolment.add_entries(db, keyring, get(db, exam_id), candidates(2, first=20))
    with read_only(dbs) as db:
        rows = db.exec(select(Entry.no, Entry.admission_no).where(Entry.exam_session_id == exam_id)).all()
    assert [no for no, _number in sorted(rows)] == [1, 2, 3, 4, 5]
    assert len({number for _no, number in rows}) == 5
    assert (3, taken) in rows


def test_one_bad_row_stores_nothing(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    _home, exam_id = make(dbs, clock)
    with transaction(dbs) as db:
        enrolment.add_entries(db, keyring, get(db, exam_id), candidates(1))
    with pytest.raises(Conflict), transaction(dbs) as db:
        enrolment.add_entries(db, keyring, get(db, exam_id), [*candidates(3, first=5), *candidates(1)])
    with read_only(dbs) as db:
        assert len(db.exec(select(Entry.no)).all()) == 1


def test_a_draft_is_of_its_exam_session_and_taken_once(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    _home, exam_id = make(dbs, clock)
    _other_home, other_id = make(dbs, clock)
    with transaction(dbs) as db:
        roster = Roster(candidates(4), [])
        draft = enrolment.stage(db, keyring, get(db, exam_id), roster, file_name="x.xlsx", by=BY, now=clock.now())
    with pytest.raises(NotFound), transaction(dbs) as db:
        enrolment.take(db, keyring, get(db, other_id), draft, by=BY, now=clock.now())
    with transaction(dbs) as db:
        assert enrolment.take(db, keyring, get(db, exam_id), draft, by=BY, now=clock.now()) == 4
    with pytest.raises(NotFound), transaction(dbs) as db:
        enrolment.take(db, keyring, get(db, exam_id), draft, by=BY, now=clock.now())


def test_racing_imports_of_the_same_people_enter_them_once(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    _home, exam_id = make(dbs, clock)
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def attempt() -> None:
        start.wait()
        try:
            with transaction(dbs) as db:
                enrolment.add_entries(db, keyring, get(db, exam_id), candidates(10))
            outcomes.append("stored")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "stored"]
    with read_only(dbs) as db:
        assert len(db.exec(select(Entry.no)).all()) == 10


def test_seating_is_by_its_seed_and_refuses_too_few_seats(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    home, exam_id = make(dbs, clock)
    with transaction(dbs) as db:
        enrolment.add_entries(db, keyring, get(db, exam_id), candidates(30))
    seats = []
    for _again in range(2):
        with transaction(dbs) as db:
            assert scheduling.seat(db, officer(home), get(db, exam_id), now=clock.now(), seed=7) == 30
        with read_only(dbs) as db:
            seats.append([(row.seat_no, row.form_label) for row in reading.entries_of(db, officer(home), exam_id)])
    assert seats[0] == seats[1]
    assert sorted(number for number, _label in seats[0] if number) == list(range(1, 31))
    with transaction(dbs) as db:
        enrolment.add_entries(db, keyring, get(db, exam_id), candidates(1, first=31))
        assert scheduling.seat(db, officer(home), get(db, exam_id), now=clock.now()) == TooFewSeats(31, 30)


def test_before_the_lot_falls_nobody_has_a_form(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    home, exam_id = make(dbs, clock, profile=SessionProfile(form_use="lot"))
    with transaction(dbs) as db:
        enrolment.add_entries(db, keyring, get(db, exam_id), candidates(9))
        scheduling.seat(db, officer(home), get(db, exam_id), now=clock.now(), seed=3)
    with read_only(dbs) as db:
        rows = reading.entries_of(db, officer(home), exam_id)
    assert {row.form_label for row in rows} == {None}
    assert sorted(row.seat_no or 0 for row in rows) == list(range(1, 10))


@pytest.mark.parametrize("state", ["open", "ended", "marked", "published", "aborted"])
def test_no_entry_after_the_opening(dbs: Databases, clock: FakeClock, keyring: Keyring, state: str) -> None:
    _home, exam_id = make(dbs, clock, state=state)
    with pytest.raises(Conflict), transaction(dbs) as db:
        enrolment.add_entries(db, keyring, get(db, exam_id), candidates(1))
