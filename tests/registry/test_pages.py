"""The officer's way from an empty exam session to a scheduled one, and who else may look."""

import threading
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import select

from itembank.tables import Form, FormState, Syllabus
from server.audit.tables import AuditRow
from server.clock import FakeClock
from server.db import reading, transaction
from server.registry.enrolment import open_id_number
from server.registry.seating import neighbours
from server.registry.sheets import read_rows
from server.registry.tables import Entry, ExamSession, ExamSessionRoom, Occupation, RosterDraft
from tests import factories
from tests.registry.conftest import HEAD, Office, id_number, paper_set, roster_file

SignIn = Callable[..., factories.SignedIn]


def entries(office: Office, exam_id: int) -> list[Entry]:
    with reading(office.app.state.dbs) as db:
        return list(db.exec(select(Entry).where(Entry.exam_session_id == exam_id).order_by("no")).all())


def exam(office: Office, exam_id: int) -> ExamSession:
    with reading(office.app.state.dbs) as db:
        found = db.get(ExamSession, exam_id)
        assert found is not None
        return found


def test_from_nothing_to_scheduled(office: Office) -> None:
    exam_id = office.new_exam()
    assert exam(office, exam_id).duration_ms == 20 * 60_000
    assert office.client.post(f"/exams/{exam_id}/schedule").status_code == 409
    office.enter(exam_id, 15)
    assert office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id}).status_code == 303
    refused = office.client.post(f"/exams/{exam_id}/schedule")
    assert refused.status_code == 409
    assert "15 名考生尚未编排座次" in refused.text
    assert office.client.post(f"/exams/{exam_id}/seat").status_code == 303
    assert office.client.post(f"/exams/{exam_id}/schedule").status_code == 303
    assert exam(office, exam_id).state == "scheduled"
    placed = {(entry.room_id, entry.seat_no): entry.form_label for entry in entries(office, exam_id)}
    assert len(placed) == 15
    for (room_id, seat), label in placed.items():
        assert all(placed.get((room_id, other)) != label for other in neighbours(seat or 0, 4, 12))
    with reading(office.app.state.dbs) as db:
        verbs = set(db.exec(select(AuditRow.verb).where(AuditRow.subject == f"exam_session:{exam_id}")).all())
    assert {"exam_session.created", "roster.imported", "exam_session.seated", "exam_session.scheduled"} <= verbs


def test_stored_entries_are_sealed_and_findable(office: Office) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 3)
    keyring = office.app.state.keyring
    first = entries(office, exam_id)[0]
    assert first.admission_no == f"20261121{exam_id:04d}0001"
    assert id_number(1).encode() not in first.id_cipher
    assert open_id_number(keyring, first) == id_number(1)
    assert first.id_index == keyring.blind_index(id_number(1))
    assert first.factor_index == keyring.blind_index(id_number(1)[-6:], domain="second_factor")
    assert first.id_tail == id_number(1)[-4:]


def test_preview_stores_nothing_and_masks(office: Office) -> None:
    exam_id = office.new_exam()
    page = office.client.post(f"/exams/{exam_id}/roster", files={"file": ("r.xlsx", roster_file(3))})
    assert page.status_code == 200
    assert entries(office, exam_id) == []
    assert id_number(1) not in page.text
    assert id_number(1)[-4:] in page.text
    with reading(office.app.state.dbs) as db:
        draft = db.exec(select(RosterDraft)).one()
    assert id_number(1).encode() not in draft.sealed


def test_a_wrong_row_refuses_the_whole_file(office: Office) -> None:
    exam_id = office.new_exam()
    text = ",".join(HEAD) + f"\n甲,男,{id_number(1)}\n乙,男,3.3060319900307E+17\n"
    page = office.client.post(f"/exams/{exam_id}/roster", files={"file": ("r.csv", text.encode())})
    assert "单元格是数值" in page.text
    assert f'action="/exams/{exam_id}/roster/' not in page.text
    assert entries(office, exam_id) == []


def test_capacity_and_second_import(office: Office) -> None:
    exam_id = office.new_exam()
    page = office.client.post(f"/exams/{exam_id}/roster", files={"file": ("r.xlsx", roster_file(21))})
    assert "考场剩余机位 20 个" in page.text
    office.enter(exam_id, 10)
    again = office.client.post(f"/exams/{exam_id}/roster", files={"file": ("r.xlsx", roster_file(1))})
    assert "已在本场次中" in again.text
    office.enter(exam_id, 5, first=11)
    numbers = [entry.admission_no for entry in entries(office, exam_id)]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 15


def test_two_drafts_cannot_both_be_taken(office: Office) -> None:
    exam_id = office.new_exam()
    page = office.client.post(f"/exams/{exam_id}/roster", files={"file": ("r.xlsx", roster_file(3))})
    target = page.text.split(f'action="/exams/{exam_id}/roster/')[1].split('"')[0]
    assert office.client.post(f"/exams/{exam_id}/roster/{target}").status_code == 303
    assert office.client.post(f"/exams/{exam_id}/roster/{target}").status_code == 404
    assert len(entries(office, exam_id)) == 3


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xff\xfe\x80"])
def test_an_unreadable_file_is_explained(office: Office, data: bytes) -> None:
    exam_id = office.new_exam()
    page = office.client.post(f"/exams/{exam_id}/roster", files={"file": ("r.xlsx", data)})
    assert page.status_code == 422
    assert 'class="alert bad"' in page.text


@pytest.mark.parametrize(
    ("state", "word"), [(FormState.SEALED, "该试卷有卷面尚无备案号。"), (FormState.COMPOSED, "该试卷有卷面尚未封卷。")]
)
def test_an_unready_paper_cannot_be_scheduled(office: Office, state: FormState, word: str) -> None:
    with transaction(office.app.state.dbs) as db:
        for form in db.exec(select(Form)).all():
            form.state = state
    exam_id = office.new_exam()
    office.enter(exam_id, 2)
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    office.client.post(f"/exams/{exam_id}/seat")
    refused = office.client.post(f"/exams/{exam_id}/schedule")
    assert refused.status_code == 409
    assert word in refused.text
    assert exam(office, exam_id).state == "draft"


def test_a_paper_set_serves_one_exam_session(office: Office) -> None:
    for expected in (303, 409):
        exam_id = office.new_exam()
        office.enter(exam_id, 2)
        office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
        office.client.post(f"/exams/{exam_id}/seat")
        assert office.client.post(f"/exams/{exam_id}/schedule").status_code == expected


def test_another_institution_s_paper_set_is_not_there(office: Office, clock: FakeClock) -> None:
    with transaction(office.app.state.dbs) as db:
        _blueprint, foreign = paper_set(db, factories.institution(db), clock)
    exam_id = office.new_exam()
    assert office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": foreign}).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("starts_at", "soon"),
        ("plan_id", 0),
        ("admission_pattern", "{date}"),
        ("latest_entry", "-1"),
        ("bell", "whenever"),
    ],
)
def test_the_form_names_what_is_wrong_and_keeps_the_rest(office: Office, field: str, value: object) -> None:
    page = office.client.post("/exams/new", data=office.form(**{field: value}))
    assert page.status_code == 422
    assert 'class="problem"' in page.text
    if field != "title":
        assert "电工四级理论知识考试" in page.text


def test_extra_fields_are_refused(office: Office) -> None:
    assert office.client.post("/exams/new", data=office.form(state="open")).status_code == 422


def test_nothing_changes_once_open(office: Office) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 2)
    office.client.post(f"/exams/{exam_id}/seat")
    with transaction(office.app.state.dbs) as db:
        found = db.get(ExamSession, exam_id)
        assert found is not None
        found.state = "open"
    client = office.client
    assert client.get(f"/exams/{exam_id}/edit").status_code == 409
    assert client.post(f"/exams/{exam_id}/edit", data=office.form()).status_code == 409
    assert client.post(f"/exams/{exam_id}/seat").status_code == 409
    assert client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": ""}).status_code == 409
    assert client.post(f"/exams/{exam_id}/unschedule").status_code == 409
    assert client.post(f"/exams/{exam_id}/roster", files={"file": ("r.xlsx", roster_file(1, 50))}).status_code == 409
    correction = {"name": "甲", "sex": "男", "exam_type": "新考"}
    assert client.post(f"/exams/{exam_id}/entries/1", data=correction).status_code == 409
    assert client.post(f"/exams/{exam_id}/entries/1/remove").status_code == 409


def test_dropping_a_room_unseats_its_candidates(office: Office) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 16)
    office.client.post(f"/exams/{exam_id}/seat")
    gone = office.room_ids[1]
    office.client.post(f"/exams/{exam_id}/edit", data=office.form(room_ids=[office.room_ids[0]]))
    rooms = [entry.room_id for entry in entries(office, exam_id)]
    assert gone not in rooms
    assert rooms.count(None) == 8
    assert office.client.post(f"/exams/{exam_id}/seat").status_code == 409


def test_correct_and_remove_an_entry(office: Office) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 2)
    form = {"name": " 王  芳 ", "sex": "女", "exam_type": "补考", "employer": "甲厂", "extra_minutes": "10"}
    assert office.client.post(f"/exams/{exam_id}/entries/1", data=form).status_code == 303
    first = entries(office, exam_id)[0]
    assert (first.name, first.sex, first.exam_type, first.extra_ms) == ("王 芳", "女", "补考", 600_000)
    assert office.client.post(f"/exams/{exam_id}/entries/2/remove").status_code == 303
    assert [entry.no for entry in entries(office, exam_id)] == [1]


def test_supervisor_checks_in(office: Office, clock: FakeClock) -> None:
    exam_id = office.new_exam()
    url = f"/exams/{exam_id}/rooms/{office.room_ids[0]}/supervisor"
    who = {"name": "周督导", "organisation": "区人社局"}
    assert office.client.post(url, data=who).status_code == 409
    with transaction(office.app.state.dbs) as db:
        found = db.get(ExamSession, exam_id)
        assert found is not None
        found.state = "scheduled"
    assert office.client.post(url, data={"name": "周督导", "organisation": " "}).status_code == 422
    assert office.client.post(url, data=who).status_code == 303
    with reading(office.app.state.dbs) as db:
        room = db.get(ExamSessionRoom, (exam_id, office.room_ids[0]))
        assert room is not None
        assert (room.supervisor_name, room.supervisor_at) == ("周督导", clock.now())
        assert db.exec(select(AuditRow).where(AuditRow.verb == "supervisor.checked_in")).one()
    assert "周督导" in office.client.get(f"/exams/{exam_id}").text


def test_exports_mask_and_hold_no_formula(office: Office) -> None:
    exam_id = office.new_exam(title="=1+1")
    office.enter(exam_id, 2)
    book = read_rows(office.client.get(f"/exams/{exam_id}/entries.xlsx").content)
    assert book[1][3] == "*" * 14 + id_number(1)[-4:]
    assert read_rows(office.client.get("/exams/exam-sessions.xlsx").content)[1][0] == "=1+1"
    assert len(read_rows(office.client.get("/exams/centres.xlsx").content)) == 4
    assert len(read_rows(office.client.get("/exams/plans.xlsx").content)) == 2
    template = read_rows(office.client.get("/exams/roster-template.xlsx").content)
    assert tuple(template[0]) == HEAD


PAGES = (
    "/exams/{exam}",
    "/exams/{exam}/edit",
    "/exams/{exam}/entries",
    "/exams/{exam}/entries.xlsx",
    "/exams/{exam}/entries/1",
    "/exams/{exam}/roster",
    "/exams/{exam}/rooms/{room}/seats",
    "/exams/{exam}/records",
    "/records/{exam}/sign-in-sheet.pdf",
    "/records/{exam}/room-record.pdf",
    "/records/{exam}/seat-map.pdf",
    "/exams/centres/{centre}/edit",
    "/exams/rooms/{room}/edit",
)


def urls(office: Office, exam_id: int) -> list[str]:
    return [url.format(exam=exam_id, room=office.room_ids[0], centre=office.centre_id) for url in PAGES]


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_page_answers_and_another_institution_finds_nothing(office: Office, sign_in: SignIn, language: str) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 5)
    office.client.post(f"/exams/{exam_id}/seat")
    office.client.cookies.set("lang", language)
    lists = ["/exams", "/exams?state=draft", "/exams/plans", "/exams/centres", "/exams/new", "/exams/centres/new"]
    for url in [*urls(office, exam_id), *lists]:
        assert office.client.get(url).status_code == 200, url
    sign_in("exam_officer")
    for url in urls(office, exam_id):
        assert office.client.get(url).status_code == 404, url
    for url in ("schedule", "unschedule", "seat", "paper", "roster/1", "entries/1/remove", "open"):
        assert office.client.post(f"/exams/{exam_id}/{url}").status_code == 404, url
    assert "电工四级理论知识考试" not in office.client.get("/exams").text
    foreign = office.client.post("/exams/new", data=office.form(blueprint_id="", minutes="20"))
    assert foreign.status_code == 404


def test_invigilators_see_their_centre_only(office: Office, sign_in: SignIn) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 12)
    office.client.post(f"/exams/{exam_id}/seat")
    with transaction(office.app.state.dbs) as db:
        elsewhere = factories.place(db, office.institution_id)
    sign_in("invigilator", institution_id=office.institution_id, centre_id=elsewhere.centre_id)
    assert office.client.get(f"/exams/{exam_id}").status_code == 404
    assert f"/exams/{exam_id}" not in office.client.get("/exams").text
    sign_in("invigilator", institution_id=office.institution_id, centre_id=office.centre_id)
    assert "考生1" in office.client.get(f"/exams/{exam_id}/entries").text
    with transaction(office.app.state.dbs) as db:
        db.add(ExamSessionRoom(exam_session_id=exam_id, room_id=elsewhere.room_id))
        moved = db.get(Entry, (exam_id, 1))
        assert moved is not None
        moved.room_id, moved.seat_no, moved.name = elsewhere.room_id, 1, "别处考生"
    assert "别处考生" not in office.client.get(f"/exams/{exam_id}/entries").text
    assert office.client.get(f"/exams/{exam_id}/rooms/{elsewhere.room_id}/seats").status_code == 404
    assert office.client.get(f"/records/{exam_id}/sign-in-sheet.pdf?room={elsewhere.room_id}").status_code == 404


def queries(office: Office, url: str) -> int:
    count = 0

    def note(*_args: object) -> None:
        nonlocal count
        count += threading.current_thread().name.startswith("AnyIO")  # the request's thread, not the core's own

    engines = (office.app.state.dbs.read, office.app.state.dbs.write)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    assert office.client.get(url).status_code == 200
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    return count


def test_queries_do_not_grow_with_rows(office: Office) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 2)
    office.client.post(f"/exams/{exam_id}/seat")
    pages = ["/exams", f"/exams/{exam_id}", f"/exams/{exam_id}/entries", "/exams/plans", "/exams/centres"]
    pages += [f"/exams/{exam_id}/rooms/{office.room_ids[0]}/seats", f"/records/{exam_id}/room-record.pdf"]
    before = {url: queries(office, url) for url in pages}
    office.enter(exam_id, 16, first=10)
    office.client.post(f"/exams/{exam_id}/seat")
    for number in range(3):
        office.new_exam(title=f"场次{number}")
    data = {"number": "9", "name": "九", "capacity": 12, "columns": 4, "spare": 2}
    office.client.post(f"/exams/centres/{office.centre_id}/rooms/new", data=data)
    assert {url: queries(office, url) for url in pages} == before


def test_stored_text_is_shown_as_text(office: Office) -> None:
    exam_id = office.new_exam(title="<script>alert(1)</script>")
    page = office.client.get(f"/exams/{exam_id}").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_room_in_use_does_not_shrink(office: Office, client: TestClient) -> None:
    exam_id = office.new_exam()
    office.enter(exam_id, 4)
    office.client.post(f"/exams/{exam_id}/seat")
    data = {"number": "2", "name": "x", "capacity": 4, "columns": 4, "spare": 0}
    assert client.post(f"/exams/rooms/{office.room_ids[0]}/edit", data=data).status_code == 409
    assert client.post(f"/exams/rooms/{office.room_ids[0]}/edit", data=data | {"capacity": 14}).status_code == 303
    assert client.post(f"/exams/rooms/{office.room_ids[0]}/edit", data=data | {"number": "3"}).status_code == 409


def test_announce_a_plan_for_an_occupation_of_a_syllabus(office: Office, clock: FakeClock) -> None:
    with transaction(office.app.state.dbs) as db:
        row = db.exec(select(Syllabus)).one().model_dump(exclude={"id"})
        db.add(Syllabus(**row | {"occupation_code": "6-18-01-01", "occupation_name": "车工"}))
    assert "6-18-01-01 车工" in office.client.get("/exams/plans").text
    form = {"code": "P2", "name": "车工四级认定计划", "occupation": "6-18-01-01", "level": "4"}
    assert office.client.post("/exams/plans", data=form).status_code == 303
    assert office.client.post("/exams/plans", data=form).status_code == 409
    assert office.client.post("/exams/plans", data=form | {"code": "P3"}).status_code == 303
    assert office.client.post("/exams/plans", data=form | {"code": "P4", "occupation": "9"}).status_code == 422
    with reading(office.app.state.dbs) as db:
        assert len(db.exec(select(Occupation).where(Occupation.code == "6-18-01-01")).all()) == 1
