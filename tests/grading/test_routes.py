"""Pages of results: who may see what, two people in the browser, absent and voided told apart, nothing before publishing."""

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from python_calamine import CalamineWorkbook

from server import commands, jobs
from server.auth import staff
from server.auth.tables import Person
from server.clock import FakeClock
from server.db import reading, transaction
from server.grading import work
from server.keyring import Keyring
from server.registry.tables import Entry
from tests.grading.world import World


class StillJobs(jobs.Jobs):
    """Queues for real, starts no child process."""

    def wake(self) -> None:
        """Nothing: the test runs the queue itself."""


@pytest.fixture
def exam(sqlite_sat: tuple[Any, World], clock: FakeClock) -> World:
    clock.advance(21 * 60)
    return sqlite_sat[1]


@pytest.fixture
def marked(app: FastAPI, clock: FakeClock, keyring: Keyring, exam: World) -> World:
    app.state.jobs = StillJobs(app.state.settings, app.state.dbs, clock)
    assert work.grade(app.state.dbs, keyring, clock) == [exam.exam_session_id]
    return exam


def url(exam: World, rest: str = "") -> str:
    return f"/results/{exam.exam_session_id}{rest}"


PAGES = ["", "/candidates", "/candidates/3", "/items", "/corrections", "/corrections/new", "/publish", "/runs", "/check"]


def test_every_page_shows(client: TestClient, sign_in: Any, marked: World) -> None:
    sign_in("results_officer", institution_id=marked.institution_id)
    for lang in ("zh_CN", "en"):
        client.cookies.set("lang", lang)
        assert client.get("/results").status_code == 200
        for rest in PAGES:
            answer = client.get(url(marked, rest))
            assert answer.status_code == 200, (rest, answer.text)
            assert "style=" not in answer.text
            assert not re.search(r"\son\w+=", answer.text)


@pytest.mark.parametrize("rest", [*PAGES, "/summary.xlsx", "/progress", "/corrections/1", "/runs"])
def test_another_institution_finds_nothing(client: TestClient, sign_in: Any, marked: World, rest: str) -> None:
    sign_in("results_officer")
    assert client.get(url(marked, rest)).status_code == 404
    assert client.post(url(marked, "/mark")).status_code == 404
    assert client.post(url(marked, "/publish"), data={"contact": "x", "objections_until": "2026-11-25"}).status_code == 404
    wish = {"form_id": marked.forms["A"], "slot": 3, "kind": "new_key", "correct": 2, "reason": "x"}
    assert client.post(url(marked, "/corrections"), data=wish).status_code == 404
    assert client.post(url(marked, "/corrections/preview"), data=wish).status_code == 404
    for act in ("/corrections/1/decide", "/publish/1/decide"):
        assert client.post(url(marked, act), data={"verdict": "approved"}).status_code == 404


def test_another_centre_finds_nothing(app: FastAPI, client: TestClient, sign_in: Any, marked: World) -> None:
    from tests import factories

    with transaction(app.state.dbs) as db:
        elsewhere = factories.place(db, marked.institution_id).centre_id
    sign_in("exam_officer", institution_id=marked.institution_id, centre_id=elsewhere)
    assert client.get(url(marked)).status_code == 404
    assert client.get(url(marked, "/summary.xlsx")).status_code == 404
    assert "电工四级" not in client.get("/results").text
    sign_in("exam_officer", institution_id=marked.institution_id, centre_id=marked.place.centre_id)
    assert client.get(url(marked)).status_code == 200


def test_keys_show_to_those_who_correct_them_only(client: TestClient, sign_in: Any, marked: World) -> None:
    sign_in("exam_officer", institution_id=marked.institution_id)
    assert client.get(url(marked)).status_code == 200
    for rest in ("/items", "/candidates/3", "/corrections", "/publish", "/check"):
        assert client.get(url(marked, rest)).status_code == 403
    sign_in("invigilator", institution_id=marked.institution_id)
    assert client.get(url(marked)).status_code == 403


def test_candidates_are_filtered(client: TestClient, sign_in: Any, marked: World) -> None:
    sign_in("results_officer", institution_id=marked.institution_id)
    text = client.get(url(marked, "/candidates?outcome=absent")).text
    assert "考生5" in text
    assert "考生1<" not in text
    part = client.get(url(marked, "/candidates?q=考生7"), headers={"HX-Request": "true"}).text
    assert "考生7" in part
    assert "<html" not in part


def test_one_candidate(app: FastAPI, client: TestClient, sign_in: Any, marked: World) -> None:
    sign_in("results_officer", institution_id=marked.institution_id)
    client.cookies.set("lang", "en")
    text = client.get(url(marked, "/candidates/3")).text
    letters = re.findall(r'<span class="letters">([^<]+)</span>', text)
    assert letters == ["A", "A", "A", "A", "B", "A", "AB", "AC", "False", "True"]  # response, key; item by item
    assert "第3号题目" not in text
    assert "not a 0" in client.get(url(marked, "/candidates/5")).text
    assert "not a 0" in client.get(url(marked, "/candidates/6")).text
    assert "This page was opened" in client.get(url(marked, "/candidates/3")).text


def test_the_command_s_workbook_is_the_page_s(
    app: FastAPI, client: TestClient, sign_in: Any, marked: World, clock: FakeClock, keyring: Keyring
) -> None:
    signed = sign_in("results_officer", institution_id=marked.institution_id)
    with reading(app.state.dbs) as db:
        who = staff.staff_of(db, db.get_one(Person, signed.person_id))
    here: Any = SimpleNamespace(dbs=app.state.dbs, keyring=keyring, now=clock.now)
    page, command = client.get(url(marked, "/summary.xlsx")).content, commands.results_xlsx(here, marked.exam_session_id, who)
    cells = [CalamineWorkbook.from_filelike(io.BytesIO(one)).get_sheet_by_index(0).to_python() for one in (page, command)]
    assert cells[0] == cells[1]


def test_the_workbook(app: FastAPI, client: TestClient, sign_in: Any, marked: World) -> None:
    with transaction(app.state.dbs) as db:
        row = db.get_one(Entry, (marked.exam_session_id, 1))
        row.name = '=HYPERLINK("http://x","y")'
        db.add(row)
    sign_in("results_officer", institution_id=marked.institution_id)
    answer = client.get(url(marked, "/summary.xlsx"))
    assert answer.status_code == 200
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert rows[4][:10] == [
        "序号", "姓名", "性别", "申报职业（工种）", "评价等级", "理论情况", "理论成绩", "技能情况", "技能成绩", "业绩评审成绩"
    ]  # fmt: skip
    body = rows[5:13]
    assert body[0][1] == '=HYPERLINK("http://x","y")'
    assert [line[5] for line in body] == [
        "合格", "合格", "不合格", "不合格", "缺考", "违纪作废", "合格", "合格"
    ]  # fmt: skip
    assert [line[6] for line in body] == [100, 60, 40, 0, "", "", 100, 60]
    assert all(isinstance(line[10], str) for line in body)
    assert "复核人：尚未公布，仅供复核" in rows[-2][0]


def test_correcting_and_publishing_by_hand(
    app: FastAPI, client: TestClient, sign_in: Any, clock: FakeClock, keyring: Keyring, marked: World
) -> None:
    """The whole way: preview, propose, a second person, everyone marked again, publish, the public list."""
    sign_in("results_officer", institution_id=marked.institution_id)
    client.cookies.set("lang", "en")
    assert client.get(f"/public/results/{marked.exam_session_id}").status_code == 404
    wish = {"form_id": marked.forms["A"], "slot": 3, "kind": "new_key", "correct": 2, "reason": "clause 4.2"}
    seen = client.post(url(marked, "/corrections/preview"), data=wish)
    assert "3 candidates' totals change" in seen.text.replace("&#39;", "'")
    assert seen.text.count('class="flips"') == 1
    refused = client.post(url(marked, "/corrections"), data={**wish, "correct": 1})
    assert refused.status_code == 422
    assert "already in force" in refused.text
    made = client.post(url(marked, "/corrections"), data=wish)
    assert made.status_code == 303
    assert client.post(f"{made.headers['location']}/decide", data={"verdict": "approved"}).status_code == 409
    assert "A second person decides" in client.get(made.headers["location"]).text

    sign_in("results_officer", institution_id=marked.institution_id)
    assert "Approve and mark everyone again" in client.get(made.headers["location"]).text
    assert client.post(f"{made.headers['location']}/decide", data={"verdict": "approved"}).status_code == 303
    assert "Everyone is being marked" in client.get(url(marked)).text
    assert "HX-Refresh" not in client.get(url(marked, "/progress")).headers
    assert jobs.run_next(app.state.dbs, keyring, clock)
    assert client.get(url(marked, "/progress")).headers["HX-Refresh"] == "true"
    after = client.get(made.headers["location"]).text
    assert after.count('class="flips"') == 1
    assert "考生3" in after
    assert "All 8 results are the same" in client.get(url(marked, "/check")).text

    bad = client.post(url(marked, "/publish"), data={"contact": "", "objections_until": "soon"})
    assert bad.status_code == 422
    assert bad.text.count('class="problem"') == 2
    proposal = {"contact": "0571-00000000 <b>", "objections_until": "2026-11-27"}
    assert client.post(url(marked, "/publish"), data=proposal).status_code == 303
    assert client.post(url(marked, "/publish/1/decide"), data={"verdict": "approved"}).status_code == 409
    assert client.get(f"/public/results/{marked.exam_session_id}").status_code == 404

    sign_in("results_officer", institution_id=marked.institution_id)
    assert client.post(url(marked, "/publish/1/decide"), data={"verdict": "approved"}).status_code == 303
    client.cookies.delete("jikao_s")
    public = client.get(f"/public/results/{marked.exam_session_id}")
    assert public.status_code == 200
    assert "考*3" in public.text
    assert "考生3" not in public.text
    assert "0571-00000000 &lt;b&gt;" in public.text
    assert not re.search(r"2026\d{8}", public.text)
    assert client.get("/public/results").status_code == 200

    sign_in("results_officer", institution_id=marked.institution_id)
    late = client.post(url(marked, "/corrections"), data={**wish, "slot": 1})
    assert late.status_code == 409
    assert "notice of correction" in late.text


def test_marking_by_hand_waits_for_the_end(app: FastAPI, client: TestClient, sign_in: Any, exam: World) -> None:
    from tests.grading import world

    world.set_state(app.state.dbs, exam.exam_session_id, "open")
    sign_in("results_officer", institution_id=exam.institution_id)
    assert client.get(url(exam)).status_code == 200
    assert client.post(url(exam, "/mark")).status_code == 409
    world.set_state(app.state.dbs, exam.exam_session_id, "scheduled")
    assert client.get(url(exam)).status_code == 404
