"""While an exam session is open nothing of it changes, refusals say until when, and writers go on working. On both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from itembank import keys, lifecycle, papers
from itembank.items import write_body, write_key
from itembank.lifecycle import Draft
from itembank.tables import Bank, Blueprint, Form, FormSlot, Item, PaperSet, Vote
from server.auth.staff import Staff
from server.bank import blueprints, withdrawals
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.errors import Conflict
from server.keyring import Keyring
from server.registry import freeze, override
from server.registry.custody_tables import FreezeOverride
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession
from server.sitting.opening import close_exam_session, open_exam_session
from server.sitting.writer import Writer
from tests import factories
from tests.registry.conftest import Office
from tests.sitting.conftest import Exam, make_exam
from tests.sitting.given import ANNA

SignIn = Callable[..., factories.SignedIn]
UNTIL = "2026-11-21 09:50"
"""Half past nine in Beijing plus twenty minutes."""


@pytest.fixture
def exam(dbs: Databases, clock: FakeClock, keyring: Keyring, writer: Writer) -> Exam:
    """Open since its start."""
    made = make_exam(dbs, clock, keyring)
    clock.set(made.starts_at)
    assert open_exam_session(dbs, writer, made.id, by=ANNA, now=clock.now()) == []
    return made


def officer(dbs: Databases, exam: Exam, clock: FakeClock) -> Staff:
    with transaction(dbs) as db:
        number = factories.person(db, exam.place.institution_id, clock.now())
    return Staff(number, f"考务{number}", f"o{number}", exam.place.institution_id, frozenset({"exam_officer"}), None)


def test_what_belongs_to_an_open_exam_is_frozen_until_it_has_ended(dbs: Databases, exam: Exam, clock: FakeClock) -> None:
    who = officer(dbs, exam, clock)
    with transaction(dbs) as db:
        papers_row = db.exec(select(PaperSet)).one()
        blueprint = db.get_one(Blueprint, papers_row.blueprint_id)
        version = db.exec(select(FormSlot.item_version_id).where(FormSlot.form_id == exam.forms["A"])).first()
        assert version is not None
        for frozen in (
            freeze.of_paper_set(db, papers_row.id),
            freeze.of_blueprint(db, blueprint.id),
            freeze.of_item_version(db, version),
        ):
            assert frozen is not None
            assert (frozen.exam_session_id, frozen.until) == (exam.id, exam.starts_at + timedelta(minutes=20))
        assert freeze.of_item_version(db, version + 1_000) is None
        with pytest.raises(Conflict) as refused:
            blueprints.retire(db, blueprint, now=clock.now())
        assert refused.value.params["until"] == UNTIL
        with pytest.raises(Conflict) as refused:
            withdrawals.ask(db, who, papers_row, "计划取消", leaked=False, now=clock.now())
        assert refused.value.params["until"] == UNTIL
    with transaction(dbs) as db:
        assert close_exam_session(db, exam.id, clock.now())
        assert freeze.of_paper_set(db, papers_row.id) is None
        blueprints.retire(db, blueprint, now=clock.now())


def test_sealed_content_never_changes(dbs: Databases, exam: Exam) -> None:
    """The triggers stand behind the code, open or not."""
    for statement in (
        "UPDATE form SET sealed = sealed_keys",
        "UPDATE form SET sealed_keys = NULL",
        "UPDATE form SET digest = 'x' || digest",
        "UPDATE form SET label = 'Z' WHERE label = 'A'",
        "DELETE FROM form",
        "UPDATE form_slot SET item_version_id = item_version_id + 1",
    ):
        with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
            connection.execute(text(statement))


def test_writers_go_on_working(dbs: Databases, keyring: Keyring, exam: Exam, clock: FakeClock) -> None:
    """A question that is being sat is revised, reviewed and approved; the paper and its keys are what they were."""
    now = clock.now()
    with transaction(dbs) as db:
        before = papers.public_package(db, exam.forms["A"], keyring)
        answers = papers.key_package(db, exam.forms["A"], keyring)
        item_id = db.exec(select(FormSlot.item_id).where(FormSlot.form_id == exam.forms["A"], FormSlot.slot == 1)).one()
        item = db.get_one(Item, item_id)
        body = write_body("single", "改过的题干：下列说法正确的是。", ["子", "丑", "寅", "卯"])
        draft = Draft(body, write_key([4]), item.topic_id)
        lifecycle.revise(db, keyring, item_id, draft, by=31, now=now)
        lifecycle.submit(db, item_id, by=31)
        lifecycle.vote(db, item_id, Vote.APPROVE, by=32, now=now)
        lifecycle.vote(db, item_id, Vote.APPROVE, by=33, now=now)
        assert db.get_one(Item, item_id).approved_version == 2
        other = write_body("single", "全新的题干：下列说法正确的是。", ["子", "丑", "寅", "卯"])
        new = lifecycle.create_item(db, keyring, item.bank_id, Draft(other, write_key([2]), item.topic_id), by=31, now=now)
        lifecycle.submit(db, new.id, by=31)
        assert db.get_one(Bank, item.bank_id) is not None
    with reading(dbs) as db:
        assert papers.public_package(db, exam.forms["A"], keyring) == before
        assert papers.key_package(db, exam.forms["A"], keyring) == answers
        version = db.exec(select(FormSlot.item_version_id).where(FormSlot.form_id == exam.forms["A"], FormSlot.slot == 1)).one()
        assert keys.read_key(db, keyring, version).correct == (1,)
        assert {form.state for form in db.exec(select(Form))} == {"opened"}


def test_two_people_change_what_the_room_needs(dbs: Databases, exam: Exam, clock: FakeClock) -> None:
    first, second = officer(dbs, exam, clock), officer(dbs, exam, clock)
    wanted = {"identity_check": True, "latest_entry_ms": 60_000, "multiple_choice": "part_marks", "form_use": "lot"}
    with transaction(dbs) as db:
        before = db.get_one(ExamSession, exam.id)
        version, old = before.version, dict(before.profile)
        row = override.ask(db, first, before, wanted, reason="停电后换用备用机", now=clock.now())
    assert row.changes == {"identity_check": True, "latest_entry_ms": 60_000}, "how marks are given is not the room's"
    with pytest.raises(Exception, match="another person"), transaction(dbs) as db:
        override.decide(db, first, db.get_one(ExamSession, exam.id), agree=True, now=clock.now())
    with transaction(dbs) as db:
        override.decide(db, second, db.get_one(ExamSession, exam.id), agree=True, now=clock.now())
    with reading(dbs) as db:
        after = db.get_one(ExamSession, exam.id)
        assert after.profile == old | row.changes
        assert after.version > version, "every serving process hears of it"
        assert SessionProfile.from_json(after.profile).form_use == "spiral"


def test_an_override_is_for_open_exams_and_half_an_hour(dbs: Databases, exam: Exam, clock: FakeClock) -> None:
    first, second = officer(dbs, exam, clock), officer(dbs, exam, clock)
    with transaction(dbs) as db:
        override.ask(db, first, db.get_one(ExamSession, exam.id), {"seat_binding": True}, reason="加强核验", now=clock.now())
    clock.advance(30 * 60 + 1)
    with pytest.raises(Exception, match="older than 30 minutes"), transaction(dbs) as db:
        override.decide(db, second, db.get_one(ExamSession, exam.id), agree=True, now=clock.now())
    with transaction(dbs) as db:
        close_exam_session(db, exam.id, clock.now())
    with pytest.raises(Conflict, match="no freeze"), transaction(dbs) as db:
        override.ask(db, first, db.get_one(ExamSession, exam.id), {"seat_binding": True}, reason="加强核验", now=clock.now())


# -- by the pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(office: Office) -> int:
    exam_id = office.new_exam(starts_at="2026-11-21T09:30", supervisor_required="")
    office.enter(exam_id, 4)
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    office.client.post(f"/exams/{exam_id}/seat")
    office.client.post(f"/exams/{exam_id}/schedule")
    office.release(exam_id)
    assert office.client.post(f"/exams/{exam_id}/open").status_code == 303
    return exam_id


def test_every_change_is_refused_and_says_until_when(office: Office, opened: int) -> None:
    acts: dict[str, dict[str, object]] = {
        "edit": office.form(starts_at="2026-11-21T09:30"),
        "paper": {"paper_set_id": ""},
        "reserve": {"paper_set_id": ""},
        "seat": {},
        "unschedule": {},
        "schedule": {},
    }
    for act, data in acts.items():
        answer = office.client.post(f"/exams/{opened}/{act}", data=data)
        assert answer.status_code == 409, act
        assert UNTIL in answer.text, act


def test_overriding_by_the_pages(office: Office, opened: int, sign_in: SignIn) -> None:
    url = f"/exams/{opened}/override"
    values = {"identity_check": "true", "seat_binding": "true", "latest_entry": "30", "earliest_hand_in": "30"}
    values |= {"outage_credit_max": "45", "reason": "监考要求"}
    assert office.client.post(url, data=values | {"latest_entry": "x"}).status_code == 422
    same = {name: value for name, value in values.items() if name != "seat_binding"}
    assert office.client.post(url, data=same).status_code == 422, "nothing would change"
    assert office.client.post(url, data=values).status_code == 303
    assert office.client.post(f"{url}/decide", data={"decision": "agree"}).status_code == 403
    sign_in("exam_officer", institution_id=office.institution_id)
    assert "申请修改" in office.client.get(url).text
    assert office.client.post(f"{url}/decide", data={"decision": "agree"}).status_code == 303
    with reading(office.app.state.dbs) as db:
        assert SessionProfile.from_json(db.get_one(ExamSession, opened).profile).seat_binding
        assert db.exec(select(FreezeOverride)).one().agreed
    sign_in("exam_officer")
    assert office.client.get(url).status_code == 404
    assert office.client.post(url, data=values).status_code == 404
