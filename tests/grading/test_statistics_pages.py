"""Statistics as people see them: small groups, usual ones, who may see what, and files that cannot bite."""

import csv
import io
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from python_calamine import CalamineWorkbook
from sqlalchemy import update
from sqlmodel import select

from itembank.tables import Item
from server.audit.tables import AuditRow
from server.clock import FakeClock
from server.db import connect, reading, transaction
from server.grading import statistics_exports, work
from server.grading.statistics_tables import ItemStatistic
from server.keyring import Keyring
from tests import factories
from tests.conftest import START
from tests.grading import crowd, world
from tests.grading.world import World

BROKEN = re.compile(r"\b(nan|inf|None(?! of these))\b")
"""What no page may say."""
NOBODY = 99_999
"""Who wrote the items: none of those who sign in."""
PAGES = ["", "/forms", "/items", "/items?form=B", "/items?flagged=1", "/hints", "/export"]


@pytest.fixture(scope="session")
def crowded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> tuple[Path, World]:
    """Sixty-four people, marked, with statistics; built once."""
    path = tmp_path_factory.mktemp("crowd") / "crowd.db"
    shutil.copy(sqlite_template, path)
    dbs, clock = connect(f"sqlite:///{path}"), FakeClock(START)
    try:
        made = world.build(dbs, clock, keyring, answers=crowd.answers())
        assert work.grade(dbs, keyring, clock) == [made.exam_session_id]
        with transaction(dbs) as db:
            db.execute(update(Item).values(author_id=NOBODY))
    finally:
        dbs.dispose()
    return path, made


@pytest.fixture
def sqlite_url(crowded: tuple[Path, World], tmp_path: Path) -> str:
    path = tmp_path / "app.db"
    shutil.copy(crowded[0], path)
    return f"sqlite:///{path}"


@pytest.fixture
def exam(crowded: tuple[Path, World], clock: FakeClock) -> World:
    clock.advance(21 * 60)
    return crowded[1]


def url(exam: World, rest: str = "") -> str:
    return f"/results/{exam.exam_session_id}/statistics{rest}"


def item_url(exam: World, slot: int, form: str = "A") -> str:
    return url(exam, f"/items/{exam.forms[form]}/{slot}")


def test_every_page_shows(client: TestClient, sign_in: Any, exam: World) -> None:
    sign_in("results_officer", institution_id=exam.institution_id)
    for lang in ("zh_CN", "en"):
        client.cookies.set("lang", lang)
        for rest in [*PAGES, *(f"/items/{form}/{slot}" for form in exam.forms.values() for slot in range(1, 6))]:
            answer = client.get(url(exam, rest))
            assert answer.status_code == 200, (rest, answer.text)
            assert "style=" not in answer.text
            assert not BROKEN.search(re.sub(r"<[^>]+>", " ", answer.text)), rest
            if lang == "zh_CN" and rest != "/export":
                assert "统计" in answer.text


def test_what_was_planted_is_found(client: TestClient, sign_in: Any, exam: World) -> None:
    """The wrong key of slot 3 and the very easy slot 1 stand out, with what to do; the copied sheet is hinted at."""
    sign_in("results_officer", institution_id=exam.institution_id)
    client.cookies.set("lang", "en")
    overview = client.get(url(exam)).text
    flagged = overview.partition('class="flagged"')[2].partition("</ul>")[0]
    assert "Form A, item 3" in flagged
    assert "Key may be wrong" in flagged
    assert "Form A, item 2<" not in flagged
    page = client.get(item_url(exam, 3)).text
    assert "answer it without seeing the key" in page
    assert f"/corrections/new?form_id={exam.forms['A']}&amp;slot=3" in page
    assert "Very easy" in client.get(item_url(exam, 1)).text
    assert re.search(r"<strong>0\.\d\d</strong> <span class=\"range\">", overview)


def test_pictures_have_words_and_a_table(client: TestClient, sign_in: Any, exam: World) -> None:
    sign_in("results_officer", institution_id=exam.institution_id)
    for rest in ("", "/forms", f"/items/{exam.forms['A']}/2"):
        text = client.get(url(exam, rest)).text
        for labelled in re.findall(r'<svg class="chart[^>]*aria-labelledby="(\S+) (\S+)"', text):
            for name in labelled:
                assert len(re.findall(f'id="{name}"', text)) == 1
        assert "<table" in text
        assert re.search(r"<desc id=\"[^\"]+\">[^<]{8,}", text)


def test_twenty_four_candidates_read_well(client: TestClient, sign_in: Any, exam: World) -> None:
    """Form B: what cannot be said is said once, not in every row."""
    sign_in("results_officer", institution_id=exam.institution_id)
    client.cookies.set("lang", "en")
    text = client.get(url(exam, "/items?form=B")).text
    assert text.count("needs 30") <= 5
    assert "too few" not in text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.search(r"<strong>\d+%</strong> <span class=\"range\">\d+ – \d+%", text)
    assert "24 of 30" in client.get(item_url(exam, 2, "B")).text


def test_supervisors_see_no_key_and_no_options(client: TestClient, sign_in: Any, exam: World) -> None:
    sign_in("supervisor", institution_id=exam.institution_id)
    client.cookies.set("lang", "en")
    text = client.get(item_url(exam, 3)).text
    assert "would show the key" in text
    assert "options-chart" not in text
    assert 'class="letters"' not in text
    assert "/corrections/new" not in text
    assert client.get(url(exam, "/hints")).status_code == 200
    assert client.get(url(exam, "/export")).status_code == 403
    assert client.post(url(exam, "/export"), data={"reason": "复核"}).status_code == 403
    sign_in("bank_manager", institution_id=exam.institution_id)
    assert "options-chart" in client.get(item_url(exam, 3)).text
    assert client.get(url(exam, "/hints")).status_code == 403
    sign_in("exam_officer", institution_id=exam.institution_id)
    assert client.get(url(exam)).status_code == 403


def test_hints_are_read_on_record_and_in_ones_own_centre(app: FastAPI, client: TestClient, sign_in: Any, exam: World) -> None:
    sign_in("results_officer", institution_id=exam.institution_id)
    client.cookies.set("lang", "en")
    text = client.get(url(exam, "/hints")).text
    assert "Hints, not proofs" in text
    assert "these comparisons need 30" in text.lower()  # form B
    with reading(app.state.dbs) as db:
        rows = db.exec(select(AuditRow).where(AuditRow.verb == "statistics.hints_read")).all()
        assert [row.subject for row in rows] == [f"exam_session:{exam.exam_session_id}"]
    with transaction(app.state.dbs) as db:
        elsewhere = factories.place(db, exam.institution_id).centre_id
    sign_in("supervisor", institution_id=exam.institution_id, centre_id=elsewhere)
    assert client.get(url(exam, "/hints")).status_code == 404


@pytest.mark.parametrize("rest", [*PAGES, "/items/{form}/1"])
def test_another_institution_finds_nothing(client: TestClient, sign_in: Any, exam: World, rest: str) -> None:
    sign_in("results_officer")
    assert client.get(url(exam, rest.format(form=exam.forms["A"]))).status_code == 404
    assert client.post(url(exam, "/export"), data={"reason": "研究用途"}).status_code == 404
    assert client.post(url(exam, "/export"), data={"reason": ""}).status_code == 404


def test_what_is_not_there(client: TestClient, sign_in: Any, exam: World) -> None:
    sign_in("results_officer", institution_id=exam.institution_id)
    assert client.get(url(exam, "/items?form=Z")).status_code == 404
    assert client.get(item_url(exam, 99)).status_code == 404
    assert client.get(url(exam, "/items/98765/1")).status_code == 404


def test_a_file_wants_a_reason(app: FastAPI, client: TestClient, sign_in: Any, exam: World) -> None:
    sign_in("results_officer", institution_id=exam.institution_id)
    refused = client.post(url(exam, "/export"), data={"what": "answers", "kind": "csv", "reason": "  a "})
    assert refused.status_code == 422
    assert 'value="answers" checked' in refused.text
    assert 'value="csv" checked' in refused.text
    with reading(app.state.dbs) as db:
        assert db.exec(select(AuditRow).where(AuditRow.verb == "statistics.exported")).all() == []
    taken = client.post(url(exam, "/export"), data={"what": "answers", "kind": "csv", "reason": "送省中心研究"})
    assert taken.status_code == 200
    with reading(app.state.dbs) as db:
        row = db.exec(select(AuditRow).where(AuditRow.verb == "statistics.exported")).one()
        assert row.detail == {"run": 1, "what": "answers", "kind": "csv", "people": 64, "reason": "送省中心研究"}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("what", ["items", "options", "answers", "marks"])
def test_files(client: TestClient, sign_in: Any, exam: World, what: str, kind: str) -> None:
    sign_in("results_officer", institution_id=exam.institution_id)
    content = client.post(url(exam, "/export"), data={"what": what, "kind": kind, "reason": "送省中心研究"}).content
    if kind == "csv":
        rows: list[list[Any]] = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        rows = [row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python()]
    text = "\n".join(str(cell) for row in rows for cell in row)
    assert not re.search(r"考生\d", text)
    assert not re.search(r"2026\d{8}", text)
    heads = [row for row in rows if row and row[0] == "form"]
    if what in {"answers", "marks"}:
        assert len(heads) == 2
        assert heads[0][:3] == ["form", "row", "q1"]
        assert sum(bool(row) and row[0] in {"A", "B"} for row in rows) == 64
    else:
        assert len(rows) == 1 + (10 if what == "items" else 36)
    if what == "answers" and kind == "csv":
        assert {row[5] for row in rows if row and row[0] == "A"} <= {"AC", "AB", "AD", "BC", "BD", "CD", ""}


def test_rows_of_people_stand_in_no_order_of_theirs(client: TestClient, sign_in: Any, exam: World) -> None:
    sign_in("results_officer", institution_id=exam.institution_id)
    ask = {"what": "marks", "kind": "csv", "reason": "送省中心研究"}
    first, second = (client.post(url(exam, "/export"), data=ask).content for _ in range(2))
    assert first != second


def test_formulas_stay_text() -> None:
    evil = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(1)", "\t=1", "正常", -1, 0.5, None]
    row = next(csv.reader(io.StringIO(statistics_exports.as_csv([[evil]]).decode("utf-8-sig"), newline="")))
    assert row == ['\'=HYPERLINK("http://x")', "'+1", "'-1", "'@SUM(1)", "'\t=1", "正常", "-1", "0.5", ""]
    book = CalamineWorkbook.from_filelike(io.BytesIO(statistics_exports.as_xlsx({"x": [evil]})))
    assert book.get_sheet_by_index(0).to_python()[0][0] == '=HYPERLINK("http://x")'


def test_results_stay_what_they_are(app: FastAPI, client: TestClient, sign_in: Any, exam: World) -> None:
    """Looking at statistics changes nothing but the trail."""
    sign_in("results_officer", institution_id=exam.institution_id)
    before = client.get(f"/results/{exam.exam_session_id}/candidates").text
    for rest in PAGES:
        client.get(url(exam, rest))
    assert client.get(f"/results/{exam.exam_session_id}/candidates").text == before


def bank_item(app: FastAPI, exam: World, slot: int) -> tuple[str, int]:
    with reading(app.state.dbs) as db:
        found = db.exec(select(ItemStatistic).where(ItemStatistic.form_id == exam.forms["A"], ItemStatistic.slot == slot)).one()
        return f"/bank/{found.bank_id}", found.item_id


def test_an_item_shows_how_it_did(app: FastAPI, client: TestClient, sign_in: Any, exam: World) -> None:
    bank, number = bank_item(app, exam, 3)
    sign_in("item_writer", institution_id=exam.institution_id)
    client.cookies.set("lang", "en")
    text = client.get(f"{bank}/items/{number}").text
    assert "How it did in exams" in text
    assert "Key may be wrong" in text
    assert "40 candidates" in text
    assert "Leave it as it is" not in text
    _bank, other = bank_item(app, exam, 2)
    assert "How it did in exams" in client.get(f"{bank}/items/{other}").text
    sign_in("supervisor", institution_id=exam.institution_id)
    assert client.get(f"{bank}/items/{number}").status_code == 403


def rows_of(client: TestClient, bank: str) -> list[int]:
    text = client.get(f"{bank}/items?revise=1").text
    return [int(number) for number in re.findall(rf'href="{bank}/items/(\d+)"', text)]


def test_flags_make_a_list_that_can_be_worked_off(app: FastAPI, client: TestClient, sign_in: Any, exam: World) -> None:
    bank, wrong = bank_item(app, exam, 3)
    _bank, easy = bank_item(app, exam, 1)
    sign_in("reviewer", institution_id=exam.institution_id)
    before = rows_of(client, bank)
    assert {wrong, easy} <= set(before)
    assert "待修订" in client.get(f"{bank}/items").text
    assert f">{len(before)}</span>" in client.get(bank).text
    assert client.post(f"{bank}/items/{easy}/look", data={"reason": " "}).status_code == 422
    assert client.post(f"{bank}/items/{easy}/look", data={"reason": "人人必须掌握"}).status_code == 303
    assert client.post(f"{bank}/items/{easy}/look", data={"reason": "人人必须掌握"}).status_code == 409
    assert set(before) - set(rows_of(client, bank)) == {easy}
    assert "人人必须掌握" in client.get(f"{bank}/items/{easy}").text
    with transaction(app.state.dbs) as db:  # a new version answers the flag as well
        row = db.get_one(Item, wrong)
        row.current_version += 1
        db.add(row)
    assert wrong not in rows_of(client, bank)
    sign_in("item_writer", institution_id=exam.institution_id)
    assert client.post(f"{bank}/items/{wrong}/look", data={"reason": "x"}).status_code == 403
    sign_in("reviewer")
    assert client.post(f"{bank}/items/{easy}/look", data={"reason": "x"}).status_code == 404


def test_the_writer_does_not_decide_about_an_own_item(app: FastAPI, client: TestClient, sign_in: Any, exam: World) -> None:
    bank, number = bank_item(app, exam, 3)
    signed = sign_in("bank_manager", institution_id=exam.institution_id)
    with transaction(app.state.dbs) as db:
        row = db.get_one(Item, number)
        row.author_id = signed.person_id
        db.add(row)
    refused = client.post(f"{bank}/items/{number}/look", data={"reason": "没问题"})
    assert refused.status_code == 409
    assert "须由他人决定" in refused.text
    assert "须由他人决定" in client.get(f"{bank}/items/{number}").text
