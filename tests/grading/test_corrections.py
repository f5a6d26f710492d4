"""Key corrections and publishing: two people, previews by hand, runs that name the old ones, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from itembank.items import write_key
from server.audit.trail import SYSTEM, Actor, about
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.errors import Conflict, Invalid, NotFound
from server.grading import checks, corrections, duty, publishing, results, runs, tables, work
from server.grading.corrections import Wish
from server.keyring import Keyring
from server.registry.tables import ExamSession
from tests import factories
from tests.grading.world import CORRECTED, TOTALS, World

FIRST = Actor("staff", 101, "核分员甲", 1)
SECOND = Actor("staff", 102, "核分员乙", 1)


@pytest.fixture
def exam(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> World:
    assert duty.mark_finished(dbs, keyring, clock) == [sat.exam_session_id]
    return sat


def totals(dbs: Databases, exam: World, run_no: int | None = None) -> dict[int, int | None]:
    with reading(dbs) as db:
        return {row.no: row.total for row in results.summary_rows(db, exam.exam_session_id, run_no=run_no)}


def propose(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World, wish: Wish, by: Actor = FIRST) -> int:
    with transaction(dbs) as db:
        return corrections.propose(db, keyring, exam.exam_session_id, wish, by=by, reason="依据 GB/T 13869", now=clock.now())


def decide(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World, no: int, verdict: str, by: Actor = SECOND) -> None:
    with transaction(dbs) as db:
        corrections.decide(db, keyring, exam.exam_session_id, no, verdict, by=by, note="", now=clock.now())


def wrong_key(exam: World) -> Wish:
    return Wish(exam.forms["A"], 3, write_key((2,)))


def test_preview_by_hand(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    with reading(dbs) as db:
        found = corrections.preview(db, keyring, exam.exam_session_id, wrong_key(exam))
    assert [(one.entry_no, one.before.total, one.after.total, one.flips) for one in found] == [
        (1, 100_00, 80_00, False),
        (2, 60_00, 80_00, False),
        (3, 40_00, 60_00, True),
    ]
    assert totals(dbs, exam) == TOTALS  # nothing is stored by looking


def test_a_correction_marks_everyone_again(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    no = propose(dbs, clock, keyring, exam, wrong_key(exam))
    decide(dbs, clock, keyring, exam, no, "approved")
    assert totals(dbs, exam) == TOTALS  # until the new run is complete
    assert duty.mark_finished(dbs, keyring, clock) == [exam.exam_session_id]
    assert totals(dbs, exam) == CORRECTED
    assert totals(dbs, exam, run_no=1) == TOTALS
    assert duty.mark_finished(dbs, keyring, clock) == []
    with reading(dbs) as db:
        run = runs.latest(db, exam.exam_session_id)
        assert run is not None
        assert (run.no, run.replaces, run.correction_no, duty.reason_of(no)) == (2, 1, no, run.reason)
        assert {form["label"]: form["key_version"] for form in run.forms} == {"A": 2, "B": 1}
        found = results.changes(db, exam.exam_session_id, 1, 2)
        assert [(one.entry_no, one.flips) for one in found] == [(1, False), (2, False), (3, True)]
        assert checks.verify_results(db, keyring, exam.exam_session_id) == []
        verbs = [row.verb for row in about(db, f"exam_session:{exam.exam_session_id}")]
        assert verbs == ["results.marked", "key_correction.proposed", "key_correction.approved", "results.marked"]
        changed, same = (
            {row.entry_no: row.digest for row in db.exec(select(tables.Result).where(tables.Result.run_no == number))}
            for number in (1, 2)
        )
        assert {entry for entry in changed if changed[entry] != same[entry]} == {1, 2, 3, 4}  # all who sat form A


@pytest.mark.parametrize(("policy", "expected"), [("full_marks", 80_00), ("leave_out", 75_00)])
def test_cancelling_an_item(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World, policy: str, expected: int) -> None:
    """Entry 2 has 1, 2, 5 of form A: 60 + 20 given, or 60 of the 80 left = 75."""
    exam = sat
    with transaction(dbs) as db:
        session = db.get_one(ExamSession, exam.exam_session_id)
        session.profile = {**session.profile, "cancelled_item": policy}
        db.add(session)
    duty.mark_finished(dbs, keyring, clock)
    no = propose(dbs, clock, keyring, exam, Wish(exam.forms["A"], 3, None))
    decide(dbs, clock, keyring, exam, no, "approved")
    assert work.grade(dbs, keyring, clock) == [exam.exam_session_id]
    after = totals(dbs, exam)
    assert after[2] == expected
    assert after[4] == (20_00 if policy == "full_marks" else 0)
    assert (after[5], after[6]) == (None, None)
    with reading(dbs) as db:
        assert checks.verify_results(db, keyring, exam.exam_session_id) == []
    with pytest.raises(Conflict):
        propose(dbs, clock, keyring, exam, Wish(exam.forms["A"], 3, None))


def test_two_people(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    no = propose(dbs, clock, keyring, exam, wrong_key(exam))
    with pytest.raises(Conflict, match="second person"):
        decide(dbs, clock, keyring, exam, no, "approved", by=FIRST)
    with pytest.raises(Conflict, match="Only the person"):
        decide(dbs, clock, keyring, exam, no, "withdrawn", by=SECOND)
    decide(dbs, clock, keyring, exam, no, "declined")
    with pytest.raises(Conflict, match="decided already"):
        decide(dbs, clock, keyring, exam, no, "approved")
    assert duty.mark_finished(dbs, keyring, clock) == []
    assert totals(dbs, exam) == TOTALS


def test_what_cannot_be_proposed(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    form = exam.forms["A"]
    for slot, correct in ((3, (1,)), (3, ()), (3, (1, 2)), (3, (9,)), (4, (1,))):
        wish = Wish(form, slot, write_key(correct))
        with pytest.raises(Invalid):
            propose(dbs, clock, keyring, exam, wish)
    for wish in (Wish(form, 99, write_key((1,))), Wish(9999, 1, write_key((1,)))):
        with pytest.raises(NotFound):
            propose(dbs, clock, keyring, exam, wish)
    with pytest.raises(Invalid), transaction(dbs) as db:
        corrections.propose(db, keyring, exam.exam_session_id, wrong_key(exam), by=FIRST, reason="  ", now=clock.now())
    propose(dbs, clock, keyring, exam, wrong_key(exam))
    with pytest.raises(Conflict, match="already waits"):
        propose(dbs, clock, keyring, exam, Wish(form, 3, write_key((3,))), by=SECOND)


def test_the_proposed_key_is_sealed(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    no = propose(dbs, clock, keyring, exam, wrong_key(exam))
    with reading(dbs) as db:
        row = corrections.get(db, exam.exam_session_id, no)
        assert row.sealed_key != b"[2]"
        assert b"[2]" not in row.sealed_key
        assert corrections.wish_of(keyring, row) == wrong_key(exam)


def propose_publication(dbs: Databases, clock: FakeClock, exam: World, by: Actor = FIRST) -> int:
    with transaction(dbs) as db:
        return publishing.propose(
            db,
            exam.exam_session_id,
            by=by,
            objections_until=clock.now().date() + timedelta(days=7),
            contact="0571-00000000",
            now=clock.now(),
        )


def test_publishing_takes_two(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    no = propose_publication(dbs, clock, exam)
    with pytest.raises(Conflict, match="second person"):
        publishing.approve(dbs, keyring, clock, exam.exam_session_id, no, by=FIRST)
    with reading(dbs) as db:
        assert results.publication_in_force(db, exam.exam_session_id) is None
    publishing.approve(dbs, keyring, clock, exam.exam_session_id, no, by=SECOND)
    with reading(dbs) as db:
        publication = results.publication_in_force(db, exam.exam_session_id)
        assert publication is not None
        assert (publication.proposed_by, publication.decided_by) == (101, 102)
        assert db.get_one(ExamSession, exam.exam_session_id).state == "published"
        rows = results.public_rows(db, publication)
        assert rows[0].name == "考*1"
        assert rows[0].admission_no == f"2026****{1:04d}"
        assert [row.total for row in rows] == list(TOTALS.values())
    with pytest.raises(Conflict):
        propose_publication(dbs, clock, exam, by=SECOND)
    with pytest.raises(Conflict, match="published and stay"):
        propose(dbs, clock, keyring, exam, wrong_key(exam))
    with pytest.raises(Conflict, match="published and stay"):
        runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason="again")


def test_publishing_and_correcting_exclude_each_other(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    waiting = propose(dbs, clock, keyring, exam, wrong_key(exam))
    with pytest.raises(Conflict, match="waits for a decision"):
        propose_publication(dbs, clock, exam)
    decide(dbs, clock, keyring, exam, waiting, "approved")
    with pytest.raises(Conflict, match="marked again"):
        propose_publication(dbs, clock, exam)
    duty.mark_finished(dbs, keyring, clock)
    no = propose_publication(dbs, clock, exam)
    with pytest.raises(Conflict, match="Decline that proposal"):
        propose(dbs, clock, keyring, exam, Wish(exam.forms["A"], 1, write_key((2,))))
    runs.mark_session(dbs, keyring, clock, exam.exam_session_id, by=SYSTEM, reason="again")
    with pytest.raises(Conflict, match="after this proposal"):
        publishing.approve(dbs, keyring, clock, exam.exam_session_id, no, by=SECOND)
    with transaction(dbs) as db:
        publishing.turn_down(db, exam.exam_session_id, no, "withdrawn", by=FIRST, note="", now=clock.now())
    again = propose_publication(dbs, clock, exam)
    publishing.approve(dbs, keyring, clock, exam.exam_session_id, again, by=SECOND)


def test_a_difference_stops_publishing(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    """A sitting that changed after marking (its journal goes on) must not be published as marked."""
    no = propose_publication(dbs, clock, exam)
    with dbs.write.begin() as connection:
        connection.exec_driver_sql("UPDATE sitting SET end_kind = 'voided' WHERE entry_no = 1")
    with pytest.raises(Conflict, match="rows differ"):
        publishing.approve(dbs, keyring, clock, exam.exam_session_id, no, by=SECOND)


def test_what_publishing_asks_for(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    today = publishing.day_of(clock.now())
    for day, contact in ((today - timedelta(days=1), "x"), (today + timedelta(days=61), "x"), (today, " ")):
        with pytest.raises(Invalid), transaction(dbs) as db:
            publishing.propose(db, exam.exam_session_id, by=FIRST, objections_until=day, contact=contact, now=clock.now())


def test_only_one_proposal_lives(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    propose_publication(dbs, clock, exam)
    with pytest.raises(Conflict, match="already"):
        propose_publication(dbs, clock, exam, by=SECOND)
    with pytest.raises(IntegrityError), transaction(dbs) as db:  # the index holds it, whatever the code does
        row = db.exec(select(tables.Publication)).one()
        values = row.model_dump() | {"no": 9}
        db.add(tables.Publication(**values))


def test_a_key_waits_while_its_question_is_being_sat(dbs: Databases, clock: FakeClock, keyring: Keyring, exam: World) -> None:
    """The same forms are open elsewhere (a bank whose items may come back): nobody changes a key under those candidates."""
    no = propose(dbs, clock, keyring, exam, wrong_key(exam))
    with transaction(dbs) as db:
        paper_set = db.get_one(ExamSession, exam.exam_session_id).paper_set_id
        again = factories.exam_session(db, exam.place, clock.now(), state="open", paper_set_id=paper_set)
    with pytest.raises(Conflict, match="nothing of its paper changes until it has ended"):
        decide(dbs, clock, keyring, exam, no, "approved")
    with reading(dbs) as db:
        assert corrections.get(db, exam.exam_session_id, no).decision is None, "it still waits"
    with transaction(dbs) as db:
        db.get_one(ExamSession, again).state = "ended"
    decide(dbs, clock, keyring, exam, no, "approved")
