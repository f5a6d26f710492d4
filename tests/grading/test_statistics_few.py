"""Statistics of five candidates, and before there are any."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.clock import FakeClock
from server.grading import runs, work
from server.keyring import Keyring
from tests import kinds
from tests.grading import crowd, world
from tests.grading.test_kinds import ANSWERS
from tests.grading.test_statistics import FIRST
from tests.grading.test_statistics_pages import BROKEN, PAGES, item_url, url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "empty.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


def test_five_candidates_everywhere(app: FastAPI, client: TestClient, sign_in: Any, clock: FakeClock, keyring: Keyring) -> None:
    """Three on one form, two on the other, one paper blank: every page reads, no warning is raised, nothing is NaN."""
    five = crowd.answers(3, 2)
    five[5] = ("B", {}, "forced")
    made = world.build(app.state.dbs, clock, keyring, answers=five)
    assert work.grade(app.state.dbs, keyring, clock) == [made.exam_session_id]
    sign_in("results_officer", institution_id=made.institution_id)
    client.cookies.set("lang", "en")
    for rest in [*PAGES, *(f"/items/{form}/{slot}" for form in made.forms.values() for slot in range(1, 6))]:
        answer = client.get(url(made, rest))
        assert answer.status_code == 200, (rest, answer.text)
        assert not BROKEN.search(re.sub(r"<[^>]+>", " ", answer.text)), rest
    assert "need 30 candidates on a form" in client.get(url(made)).text
    assert client.post(url(made, "/export"), data={"what": "items", "kind": "csv", "reason": "复核题目"}).status_code == 200


def test_before_they_are_computed(app: FastAPI, client: TestClient, sign_in: Any, clock: FakeClock, keyring: Keyring) -> None:
    made = world.build(app.state.dbs, clock, keyring)
    sign_in("results_officer", institution_id=made.institution_id)
    client.cookies.set("lang", "en")
    assert "after marking" in client.get(url(made)).text
    runs.mark_session(app.state.dbs, keyring, clock, made.exam_session_id, by=FIRST, reason="x")
    for rest in ("", "/forms", "/items", "/hints", "/export"):
        assert "within a minute" in client.get(url(made, rest)).text
    assert client.get(item_url(made, 1)).status_code == 404
    assert client.post(url(made, "/export"), data={"reason": "复核题目"}).status_code == 409


def test_typed_and_ordered_answers(app: FastAPI, client: TestClient, sign_in: Any, clock: FakeClock, keyring: Keyring) -> None:
    """No options to show, but figures like those of any item; in files what was typed, and no formula."""
    answers = {**ANSWERS, 6: ("A", kinds.RIGHT | {5: ["=1+1"]}, "submitted")}
    made = world.build(app.state.dbs, clock, keyring, answers=answers, make_papers=kinds.paper)
    assert work.grade(app.state.dbs, keyring, clock) == [made.exam_session_id]
    sign_in("results_officer", institution_id=made.institution_id)
    client.cookies.set("lang", "en")
    for rest in [
        *(page for page in PAGES if "form=B" not in page),
        *(f"/items/{made.forms['A']}/{slot}" for slot in range(1, 9)),
    ]:
        answer = client.get(url(made, rest))
        assert answer.status_code == 200, (rest, answer.text)
        assert not BROKEN.search(re.sub(r"<[^>]+>", " ", answer.text)), rest
    text = client.get(item_url(made, 5)).text
    assert "part by part" in text
    assert "options-chart" not in text
    assert "6 candidates, 3 with full marks, 1 left it blank" in text
    taken = client.post(url(made, "/export"), data={"what": "answers", "kind": "csv", "reason": "复核作答"}).content.decode()
    assert "220 v" in taken
    assert "'=1+1" in taken
    assert ",=1+1" not in taken
