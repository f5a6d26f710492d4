"""An exam that cannot go on: two people abort it, the reserve takes over, the same candidates sit again. On both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from itembank import ledger, passport
from itembank.tables import Form, LedgerEntry
from server.audit import trail
from server.auth.staff import Staff
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.keyring import Keyring
from server.registry import abort
from server.registry.custody_tables import ExamAbort, PaperRelease
from server.registry.enrolment import open_id_number
from server.registry.rules import abort_refusal
from server.registry.tables import Entry, ExamSession, ExamSessionRoom
from server.sitting import aborting
from server.sitting.closer import Closer
from server.sitting.commands import Arrive, Open
from server.sitting.exams import exam_of
from server.sitting.opening import open_exam_session
from server.sitting.tables import SittingRow
from server.sitting.writer import Writer
from tests import factories
from tests.grading.world import another_set
from tests.registry.conftest import Office, paper_set
from tests.sitting.conftest import Exam, make_exam
from tests.sitting.given import ANNA, ORDER

SignIn = Callable[..., factories.SignedIn]


@pytest.mark.parametrize(
    ("state", "released", "possible"),
    [
        ("draft", False, False),
        ("scheduled", False, False),
        ("scheduled", True, True),
        ("open", True, True),
        ("ended", True, False),
        ("aborted", True, False),
        ("published", True, False),
    ],
)
def test_what_can_be_aborted(state: str, released: bool, possible: bool) -> None:
    assert (abort_refusal(state, released=released) is None) == possible


@pytest.fixture
def exam(dbs: Databases, clock: FakeClock, keyring: Keyring, writer: Writer) -> Exam:
    """Open, four candidates, entry 1 is at work; a reserve set stands by."""
    made = make_exam(dbs, clock, keyring)
    with reading(dbs) as db:
        first = db.get_one(ExamSession, made.id).paper_set_id
    assert first is not None
    reserve, forms = another_set(dbs, keyring, clock, first)
    with transaction(dbs) as db:
        for form_id in forms.values():
            passport.file_form(db, form_id, f"备案{form_id}", by=1, now=clock.now())
        db.get_one(ExamSession, made.id).reserve_paper_set_id = reserve
    clock.set(made.starts_at)
    assert open_exam_session(dbs, writer, made.id, by=ANNA, now=clock.now()) == []
    with reading(dbs) as db:
        terms = exam_of(db.get_one(ExamSession, made.id)).terms
    opening = Open(made.id, 1, device="pc", page="page-0001", terms=terms, order=ORDER)
    assert all(one.ok for one in writer.do_many([Arrive(made.id, 1, device="pc"), opening]))
    return made


def officer(dbs: Databases, exam: Exam, clock: FakeClock) -> Staff:
    with transaction(dbs) as db:
        number = factories.person(db, exam.place.institution_id, clock.now())
    return Staff(number, f"考务{number}", f"o{number}", exam.place.institution_id, frozenset({"exam_officer"}), None)


def ask(dbs: Databases, exam: Exam, who: Staff, clock: FakeClock, *, use_reserve: bool = True, minutes: int = 20) -> ExamAbort:
    starts_at = clock.now() + timedelta(minutes=minutes)
    with transaction(dbs) as db:
        session = db.get_one(ExamSession, exam.id)
        return abort.ask(db, who, session, reason="试题泄露", use_reserve=use_reserve, starts_at=starts_at, now=clock.now())


def decide(
    dbs: Databases, keyring: Keyring, exam: Exam, who: Staff, clock: FakeClock, *, agree: bool = True, suspect: bool = False
) -> ExamAbort:
    with transaction(dbs) as db:
        session = db.get_one(ExamSession, exam.id)
        now = clock.now()
        return abort.decide(db, keyring, who, session, agree=agree, note="", clock_suspect=suspect, now=now)


def claims(db: Session) -> dict[str, list[int | None]]:
    """State of the ledger -> the exam sessions its burned claims were used for."""
    found: dict[str, list[int | None]] = {}
    for row in db.exec(select(LedgerEntry).order_by(col(LedgerEntry.id))):
        found.setdefault(row.state, []).append(row.exam_session_id)
    return found


def test_two_people_abort_and_the_reserve_takes_over(
    dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock, writer: Writer
) -> None:
    first, second = officer(dbs, exam, clock), officer(dbs, exam, clock)
    with reading(dbs) as db:
        assert {state: len(found) for state, found in claims(db).items()} == {"burned": 10, "reserved": 10}
        before = {entry.no: entry for entry in db.exec(select(Entry).where(Entry.exam_session_id == exam.id))}
    ask(dbs, exam, first, clock)
    with pytest.raises(Forbidden):
        decide(dbs, keyring, exam, first, clock)
    clock.advance(30 * 60)
    done = decide(dbs, keyring, exam, second, clock)
    assert done.successor_id is not None
    with reading(dbs) as db:
        old, new = db.get_one(ExamSession, exam.id), db.get_one(ExamSession, done.successor_id)
        assert (old.state, new.state, new.replaces_id) == ("aborted", "scheduled", exam.id)
        assert new.paper_set_id == old.reserve_paper_set_id
        assert new.profile == old.profile
        assert claims(db) == {"burned": [exam.id] * 10 + [new.id] * 10}, "the ledger shows both"
        assert ledger.audit(db) == []
        release = db.get_one(PaperRelease, (new.id, new.paper_set_id))
        assert {release.first_by, release.second_by} == {first.person_id, second.person_id}
        assert {form.state for form in db.exec(select(Form))} == {"opened"}
        room = db.get_one(ExamSessionRoom, (new.id, exam.place.room_id))
        assert (room.chief_name, room.supervisor_at) == ("总监考", None), "people are copied, presence is not"
        copies = db.exec(select(Entry).where(Entry.exam_session_id == new.id)).all()
        assert len(copies) == len(before) == 4
        for copy in copies:
            original = before[copy.no]
            for name in ("admission_no", "name", "id_index", "factor_index", "room_id", "seat_no", "form_label", "extra_ms"):
                assert getattr(copy, name) == getattr(original, name), name
            assert open_id_number(keyring, copy) == open_id_number(keyring, original)
            assert copy.signed_in_at is None
        verbs = [row.verb for row in trail.about(db, f"exam_session:{exam.id}")]
    assert verbs[-2:] == ["exam_session.abort_asked", "exam_session.aborted"]
    assert aborting.end_sittings(dbs, writer, exam.id, actor=second.actor, reason="试题泄露") == 1
    with reading(dbs) as db:
        sitting = db.get_one(SittingRow, (exam.id, 1))
        assert (sitting.state, sitting.end_kind) == ("ended", "forced")
        room = db.get_one(ExamSessionRoom, (new.id, exam.place.room_id))
    reasons = open_exam_session(dbs, writer, done.successor_id, by=ANNA, now=clock.now())
    assert [reason.message for reason in reasons] == ["%(room)s: the external supervisor has not checked in."]
    again = open_exam_session(
        dbs, writer, done.successor_id, by=ANNA, now=clock.now(), without_supervisor=True, reason="电话报备"
    )
    assert again == []


def test_a_process_that_died_in_between_is_made_good(
    dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock, writer: Writer
) -> None:
    ask(dbs, exam, officer(dbs, exam, clock), clock, use_reserve=False)
    done = decide(dbs, keyring, exam, officer(dbs, exam, clock), clock)
    assert done.successor_id is None
    closer = Closer(dbs, writer, clock)
    closer.beaten(clock.now())
    closer.tick()
    with reading(dbs) as db:
        assert db.get_one(SittingRow, (exam.id, 1)).end_kind == "forced"
        assert db.get_one(ExamSession, exam.id).state == "aborted"
        assert claims(db).keys() == {"burned", "reserved"}, "without the reserve it stays in the safe"


def test_a_word_too_late_counts_no_more(dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock) -> None:
    first, second = officer(dbs, exam, clock), officer(dbs, exam, clock)
    ask(dbs, exam, first, clock)
    with pytest.raises(Conflict, match="already"):
        ask(dbs, exam, second, clock)
    clock.advance(30 * 60 + 1)
    with pytest.raises(NotFound):
        decide(dbs, keyring, exam, second, clock)
    assert ask(dbs, exam, second, clock).no == 2
    decide(dbs, keyring, exam, first, clock, agree=False)
    with reading(dbs) as db:
        assert db.get_one(ExamSession, exam.id).state == "open"
        assert [row.agreed for row in db.exec(select(ExamAbort).order_by(col(ExamAbort.no)))] == [False, False]


def test_a_reserve_is_not_unsealed_by_a_doubtful_clock_or_for_tomorrow(
    dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock
) -> None:
    first, second = officer(dbs, exam, clock), officer(dbs, exam, clock)
    with pytest.raises(Invalid):
        ask(dbs, exam, first, clock, minutes=61)
    with pytest.raises(Invalid):
        ask(dbs, exam, first, clock, minutes=-1)
    ask(dbs, exam, first, clock, minutes=60)
    with pytest.raises(Conflict, match="clock"):
        decide(dbs, keyring, exam, second, clock, suspect=True)
    with reading(dbs) as db:
        assert db.get_one(ExamSession, exam.id).state == "open"
        assert "reserved" in claims(db)


# -- by the pages ------------------------------------------------------------------------------------------------------


def test_naming_a_reserve(office: Office, clock: FakeClock) -> None:
    exam_id = office.new_exam()
    with transaction(office.app.state.dbs) as db:
        _blueprint, reserve = paper_set(db, office.institution_id, clock, code="R")
        _blueprint, foreign = paper_set(db, factories.institution(db), clock)
    url = f"/exams/{exam_id}/reserve"
    assert office.client.post(url, data={"paper_set_id": reserve}).status_code == 409, "the paper set comes first"
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    assert office.client.post(url, data={"paper_set_id": office.paper_set_id}).status_code == 409
    assert office.client.post(url, data={"paper_set_id": foreign}).status_code == 404
    assert office.client.post(url, data={"paper_set_id": reserve}).status_code == 303
    office.enter(exam_id, 2)
    office.client.post(f"/exams/{exam_id}/seat")
    with transaction(office.app.state.dbs) as db:
        for form in db.exec(select(Form).where(Form.paper_set_id == reserve)):
            form.state = "sealed"
    refused = office.client.post(f"/exams/{exam_id}/schedule")
    assert refused.status_code == 409
    assert "备用卷尚不可用" in refused.text
    with transaction(office.app.state.dbs) as db:
        for form in db.exec(select(Form).where(Form.paper_set_id == reserve)):
            form.state = "filed"
    assert office.client.post(f"/exams/{exam_id}/schedule").status_code == 303
    other = office.new_exam()
    office.enter(other, 2)
    office.client.post(f"/exams/{other}/paper", data={"paper_set_id": reserve})
    office.client.post(f"/exams/{other}/seat")
    assert office.client.post(f"/exams/{other}/schedule").status_code == 409, "it is spoken for"


def test_aborting_by_the_pages(office: Office, clock: FakeClock, sign_in: SignIn) -> None:
    exam_id = office.new_exam(starts_at="2026-11-21T09:30", supervisor_required="")
    office.enter(exam_id, 2)
    with transaction(office.app.state.dbs) as db:
        _blueprint, reserve = paper_set(db, office.institution_id, clock, code="R")
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    office.client.post(f"/exams/{exam_id}/reserve", data={"paper_set_id": reserve})
    office.client.post(f"/exams/{exam_id}/seat")
    office.client.post(f"/exams/{exam_id}/schedule")
    url = f"/exams/{exam_id}/abort"
    early = office.client.post(url, data={"reason": "试题泄露"})
    assert early.status_code == 409
    assert "试卷仍在封存中" in early.text
    office.release(exam_id)
    assert office.client.post(f"/exams/{exam_id}/open").status_code == 303
    asked = {"reason": "试题泄露", "use_reserve": "true", "starts_at": "2026-11-21T09:20"}
    assert office.client.post(url, data=asked | {"reason": " "}).status_code == 422
    assert office.client.post(url, data=asked).status_code == 303
    assert office.client.post(f"{url}/decide", data={"decision": "agree"}).status_code == 403
    sign_in("exam_officer", institution_id=office.institution_id)
    assert "申请中止本场次" in office.client.get(url).text
    done = office.client.post(f"{url}/decide", data={"decision": "agree"})
    assert done.status_code == 303
    page = office.client.get(done.headers["location"]).text
    assert "接替已中止的场次" in page
    assert "在此场次用备用卷重新考试" in office.client.get(f"/exams/{exam_id}").text
    sign_in("exam_officer")
    assert office.client.get(url).status_code == 404
    assert office.client.post(url, data=asked).status_code == 404
