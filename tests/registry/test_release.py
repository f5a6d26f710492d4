"""Two custodians let a paper out of the safe; it is unsealed then and its items are used. On both databases, and by the pages."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from itembank import ledger
from itembank.passport import paper_set_ready, withdraw
from itembank.tables import Form, FormStep, LedgerEntry, PaperSet
from server.audit import trail
from server.auth.staff import Staff
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.errors import Conflict
from server.keyring import Keyring
from server.registry import lots, release
from server.registry.custody_tables import FormDraw, PaperRelease, ReleaseApproval
from server.registry.rules import SessionProfile
from server.registry.tables import Entry, ExamSession
from server.sitting import package
from tests import factories
from tests.registry.conftest import Office
from tests.sitting.conftest import Exam, make_exam

SignIn = Callable[..., factories.SignedIn]


@pytest.fixture
def exam(dbs: Databases, clock: FakeClock, keyring: Keyring) -> Exam:
    """Sealed and filed, half an hour before its start."""
    return make_exam(dbs, clock, keyring, entries=2, released=False)


def custodian(dbs: Databases, exam: Exam, clock: FakeClock) -> Staff:
    with transaction(dbs) as db:
        number = factories.person(db, exam.place.institution_id, clock.now())
    return Staff(number, f"保管员{number}", f"p{number}", exam.place.institution_id, frozenset({"custodian"}), None)


def approve(
    dbs: Databases, keyring: Keyring, exam: Exam, who: Staff, clock: FakeClock, *, clock_suspect: bool = False
) -> PaperRelease | None:
    with transaction(dbs) as db:
        session = db.get_one(ExamSession, exam.id)
        return release.approve(db, keyring, who, session, clock_suspect=clock_suspect, now=clock.now())


def states(db: Session) -> set[str]:
    return {entry.state for entry in db.exec(select(LedgerEntry))}


def test_the_second_word_releases_unseals_and_burns(dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock) -> None:
    first, second = custodian(dbs, exam, clock), custodian(dbs, exam, clock)
    with reading(dbs) as db:
        assert states(db) == {"reserved"}
    assert approve(dbs, keyring, exam, first, clock) is None
    with reading(dbs) as db:
        assert states(db) == {"reserved"}, "one word unseals nothing"
    clock.advance(30 * 60)
    done = approve(dbs, keyring, exam, second, clock)
    assert done is not None
    assert (done.first_by, done.second_by) == (first.person_id, second.person_id)
    with reading(dbs) as db:
        assert states(db) == {"burned"}
        assert {form.state for form in db.exec(select(Form))} == {"opened"}
        steps = db.exec(select(FormStep).where(FormStep.state == "opened")).all()
        assert {(step.by, step.second_by) for step in steps} == {(first.person_id, second.person_id)}
        papers = db.exec(select(PaperSet)).one()
        assert (papers.exam_session_id, papers.burned_at) == (exam.id, clock.now())
        assert paper_set_ready(db, papers.id, exam.id) == []
        assert paper_set_ready(db, papers.id, exam.id + 1) == ["This paper set has been opened before."]
        assert ledger.audit(db) == []
        verbs = [row.verb for row in trail.about(db, f"exam_session:{exam.id}")]
    assert verbs == ["paper.release_approved", "paper.release_approved", "paper.released"]
    with pytest.raises(Conflict, match="released already"):
        approve(dbs, keyring, exam, first, clock)


def test_the_same_person_twice_is_one_person(dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock) -> None:
    first = custodian(dbs, exam, clock)
    assert approve(dbs, keyring, exam, first, clock) is None
    clock.advance(60)
    assert approve(dbs, keyring, exam, first, clock) is None
    with reading(dbs) as db:
        assert db.exec(select(PaperRelease)).all() == []
        assert len(db.exec(select(ReleaseApproval)).all()) == 2


def test_words_too_far_apart_do_not_add_up(dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock) -> None:
    first, second = custodian(dbs, exam, clock), custodian(dbs, exam, clock)
    approve(dbs, keyring, exam, first, clock)
    clock.advance(30 * 60 + 1)
    assert approve(dbs, keyring, exam, second, clock) is None
    clock.advance(60)
    assert approve(dbs, keyring, exam, first, clock) is not None


def test_a_clock_in_doubt_and_an_early_hour_refuse(dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock) -> None:
    who = custodian(dbs, exam, clock)
    with pytest.raises(Conflict, match="clock is in doubt"):
        approve(dbs, keyring, exam, who, clock, clock_suspect=True)
    clock.set(exam.starts_at - timedelta(minutes=60, seconds=1))
    with pytest.raises(Conflict, match="too early"):
        approve(dbs, keyring, exam, who, clock)
    clock.advance(1)
    assert approve(dbs, keyring, exam, who, clock) is None
    with reading(dbs) as db:
        assert len(db.exec(select(ReleaseApproval)).all()) == 1, "a refusal stores nothing"


def test_approvals_and_releases_stay_as_they_are(dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock) -> None:
    approve(dbs, keyring, exam, custodian(dbs, exam, clock), clock)
    approve(dbs, keyring, exam, custodian(dbs, exam, clock), clock)
    for table in ("release_approval", "paper_release"):
        for statement in (f"UPDATE {table} SET institution_id = 0", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
                connection.execute(text(statement))


def test_the_lot_falls_in_the_act_of_the_release(dbs: Databases, clock: FakeClock, keyring: Keyring) -> None:
    lot = make_exam(dbs, clock, keyring, entries=3, released=False, profile=SessionProfile(form_use="lot"))
    with transaction(dbs) as db:
        db.execute(update(Entry).values(form_label=None))
        session = db.get_one(ExamSession, lot.id)
        committed = lots.commit(db, keyring, session, by=trail.SYSTEM, now=clock.now())
        assert (committed.seed, committed.label) == (None, None)
        assert lots.commit(db, keyring, session, by=trail.SYSTEM, now=clock.now()).commitment == committed.commitment
    first, second = custodian(dbs, lot, clock), custodian(dbs, lot, clock)
    approve(dbs, keyring, lot, first, clock)
    said = clock.now()
    clock.advance(61.5)
    approve(dbs, keyring, lot, second, clock)
    with reading(dbs) as db:
        row = db.exec(select(FormDraw)).one()
        assert row.seed is not None
        assert hashlib.sha256(row.seed.encode()).hexdigest() == row.commitment == committed.commitment
        digests = dict(db.exec(select(Form.label, Form.digest)).all())
        forms = f"A={digests['A']},B={digests['B']}"
        instants = "|".join(str(int(at.timestamp() * 1000)) for at in (said, clock.now()))
        line = f"jikao-lot-1|{lot.id}:{row.paper_set_id}|{row.seed}|{forms}|{instants}"
        assert row.line == line
        assert row.label == "AB"[int(hashlib.sha256(line.encode()).hexdigest(), 16) % 2]
        states = dict(db.exec(select(Form.label, Form.state)).all())
        assert states == {row.label: "opened", "AB".replace(row.label, ""): "filed"}, "the other one stays sealed"
        assert set(db.exec(select(Entry.form_label))) == {row.label}
        burned = {entry.form_id for entry in db.exec(select(LedgerEntry)) if entry.state == "burned"}
        assert burned == {lot.forms[row.label]}
        assert paper_set_ready(db, row.paper_set_id, lot.id) == []
        assert paper_set_ready(db, row.paper_set_id, lot.id + 1) != []
    assert package.prepare_due(dbs, keyring, clock) == 1, "only what was unsealed travels"
    with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
        connection.execute(text("UPDATE form_draw SET label = 'X'"))
    with transaction(dbs) as db:  # what the lot passed over is given back by two people
        papers = db.exec(select(PaperSet.id)).one()
        assert withdraw(db, papers, by=1, second_by=2, reason="未抽中", now=clock.now()) == 5
        assert {entry.state for entry in db.exec(select(LedgerEntry))} == {"burned", "released"}


# -- by the pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def scheduled(office: Office) -> int:
    exam_id = office.new_exam(starts_at="2026-11-21T09:30", supervisor_required="")
    office.enter(exam_id, 4)
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    office.client.post(f"/exams/{exam_id}/seat")
    assert office.client.post(f"/exams/{exam_id}/schedule").status_code == 303
    return exam_id


def test_custodians_release_and_then_it_opens(office: Office, scheduled: int, sign_in: SignIn) -> None:
    officer = office.client.cookies["jikao_s"]
    url = f"/exams/{scheduled}/release"
    refused = office.client.post(f"/exams/{scheduled}/open")
    assert refused.status_code == 409
    assert "尚未由两名保管员批准启用" in refused.text
    assert office.client.post(url).status_code == 403, "officers do not release"
    sign_in("custodian", institution_id=office.institution_id)
    assert office.client.post(url).status_code == 303
    assert "您的批准有效" in office.client.get(url).text
    sign_in("custodian", institution_id=office.institution_id)
    assert office.client.post(url).status_code == 303
    assert "同时拆封" in office.client.get(url).text
    office.client.cookies.set("jikao_s", officer)
    other = office.client.post(f"/exams/{scheduled}/paper", data={"paper_set_id": ""})
    assert other.status_code == 409, "an unsealed paper is not exchanged"
    assert office.client.post(f"/exams/{scheduled}/open").status_code == 303
    with reading(office.app.state.dbs) as db:
        assert db.get_one(ExamSession, scheduled).state == "open"


def test_a_released_paper_does_not_lie_about(office: Office, scheduled: int) -> None:
    office.release(scheduled)
    later = office.client.post(f"/exams/{scheduled}/edit", data=office.form(starts_at="2026-11-21T14:00"))
    assert later.status_code == 409
    assert "10:00" in later.text
    soon = office.client.post(f"/exams/{scheduled}/edit", data=office.form(starts_at="2026-11-21T09:50"))
    assert soon.status_code == 303


def test_a_lot_is_committed_to_when_scheduling(office: Office) -> None:
    exam_id = office.new_exam(starts_at="2026-11-21T09:30", supervisor_required="", form_use="lot")
    office.enter(exam_id, 4)
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    office.client.post(f"/exams/{exam_id}/seat")
    assert office.client.post(f"/exams/{exam_id}/schedule").status_code == 303
    assert "事先无人知道" in office.client.get(f"/exams/{exam_id}/release").text
    office.release(exam_id)
    assert "jikao-lot-1|" in office.client.get(f"/exams/{exam_id}/release").text
    changed = office.client.post(f"/exams/{exam_id}/edit", data=office.form(starts_at="2026-11-21T09:30", form_use="spiral"))
    assert changed.status_code == 409
    back = office.client.post(f"/exams/{exam_id}/unschedule")
    assert back.status_code == 409
    assert "由两人中止" in back.text
    office.client.post(f"/exams/{exam_id}/seat")
    with reading(office.app.state.dbs) as db:
        labels = set(db.exec(select(Entry.form_label)))
        assert labels == {db.exec(select(FormDraw.label)).one()}, "seating again keeps the drawn form"
    assert office.client.post(f"/exams/{exam_id}/open").status_code == 303


def test_spiral_wants_a_form_at_every_seat(office: Office) -> None:
    exam_id = office.new_exam(starts_at="2026-11-21T09:30", form_use="lot")
    office.enter(exam_id, 4)
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    office.client.post(f"/exams/{exam_id}/seat")
    office.client.post(f"/exams/{exam_id}/edit", data=office.form(starts_at="2026-11-21T09:30"))
    refused = office.client.post(f"/exams/{exam_id}/schedule")
    assert refused.status_code == 409
    assert "请重新编排座次" in refused.text
    office.client.post(f"/exams/{exam_id}/seat")
    assert office.client.post(f"/exams/{exam_id}/schedule").status_code == 303


def test_a_stranger_s_exam_session_is_not_there(office: Office, scheduled: int, sign_in: SignIn) -> None:
    sign_in("custodian")
    assert office.client.get(f"/exams/{scheduled}/release").status_code == 404
    assert office.client.post(f"/exams/{scheduled}/release").status_code == 404
    with reading(office.app.state.dbs) as db:
        assert db.exec(select(ReleaseApproval).order_by(col(ReleaseApproval.no))).all() == []
