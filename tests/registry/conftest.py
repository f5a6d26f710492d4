"""An exam officer with a plan, rooms and a paper set, for the tests of the pages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from itembank.tables import Bank, Blueprint, Form, FormState, PaperSet, Syllabus
from server.clock import FakeClock
from server.db import Databases, transaction
from server.registry.rules import id_check_digit
from server.registry.sheets import Column, workbook
from server.registry.tables import Occupation, Plan
from server.sitting.store import store_for
from server.sitting.writer import Writer
from tests import factories

HEAD = ("姓名", "性别", "身份证号", "考试类型", "工作单位", "准考证号", "加时(分钟)")


@pytest.fixture
def writer(dbs: Databases, clock: FakeClock) -> Iterator[Writer]:
    """A writer of its own, started."""
    made = Writer(store_for(dbs.write), clock)
    made.start()
    yield made
    assert made.stop()


@dataclass(frozen=True)
class Office:
    """What one officer works with."""

    client: TestClient
    app: FastAPI
    institution_id: int
    centre_id: int
    room_ids: tuple[int, int]
    plan_id: int
    blueprint_id: int
    paper_set_id: int

    def form(self, **more: object) -> dict[str, object]:
        """The fields of a new exam session."""
        return {
            "plan_id": self.plan_id,
            "title": "电工四级理论知识考试",
            "starts_at": "2026-11-21T14:00",
            "blueprint_id": self.blueprint_id,
            "admission_pattern": "{date}{session}{seq}",
            "room_ids": list(self.room_ids),
            "bell": "scheduled",
            "latest_entry": "30",
            "earliest_hand_in": "30",
            "outage_credit_max": "45",
            "identity_check": "true",
            "supervisor_required": "true",
            "multiple_choice": "all_or_nothing",
            "cancelled_item": "full_marks",
            "form_use": "spiral",
        } | more

    def new_exam(self, **more: object) -> int:
        answer = self.client.post("/exams/new", data=self.form(**more))
        assert answer.status_code == 303, answer.text
        return int(answer.headers["location"].rsplit("/", 1)[1])

    def enter(self, exam_id: int, count: int, first: int = 1) -> None:
        page = self.client.post(f"/exams/{exam_id}/roster", files={"file": ("r.xlsx", roster_file(count, first))})
        assert page.status_code == 200, page.text
        target = page.text.split(f'action="/exams/{exam_id}/roster/')[1].split('"')[0]
        assert self.client.post(f"/exams/{exam_id}/roster/{target}").status_code == 303

    def release(self, exam_id: int) -> None:
        """Two custodians let the paper out of the safe."""
        with transaction(self.app.state.dbs) as db:
            factories.release(db, self.app.state.keyring, exam_id, self.app.state.clock.now())


def id_number(serial: int) -> str:
    first = f"99999919900101{serial:03d}"
    return first + id_check_digit(first)


def roster_file(count: int, first: int = 1) -> bytes:
    rows = [(f"考生{i}", "", id_number(i), "新考", "示范企业", "", "") for i in range(first, first + count)]
    return workbook("名册", [Column(title) for title in HEAD], rows)


def paper_set(
    db: Session, institution_id: int, clock: FakeClock, state: FormState = FormState.FILED, code: str = "B"
) -> tuple[int, int]:
    """A blueprint and a paper set with forms A, B, C in `state`; ids."""
    now = clock.now()
    owned: dict[str, Any] = {
        "institution_id": institution_id,
        "occupation_code": "6-31-01-03",
        "occupation_name": "电工",
        "level": 4,
    }
    syllabus = Syllabus(title="电工四级", version=1 + (code != "B"), created_at=now, created_by=1, **owned)
    db.add(syllabus)
    db.flush()
    bank = Bank(code=code, name="题库", syllabus_id=syllabus.id, created_at=now, created_by=1, experts_needed=0, **owned)
    db.add(bank)
    db.flush()
    body = {"duration_ms": 20 * 60_000}
    blueprint = Blueprint(bank_id=bank.id, name="电工四级20题", body=body, digest="d", created_at=now, created_by=1)
    db.add(blueprint)
    db.flush()
    papers = PaperSet(
        institution_id=institution_id,
        bank_id=bank.id,
        blueprint_id=blueprint.id,
        title="电工四级 2026-1",
        seed=1,
        bank_digest="b",
        blueprint_digest="d",
        objective=0.0,
        bound=0.0,
        made_at=now,
        made_by=1,
    )
    db.add(papers)
    db.flush()
    for label in "ABC":
        db.add(Form(paper_set_id=papers.id, label=label, state=state, digest=f"{papers.id}{label}"))
    db.flush()
    return blueprint.id, papers.id


@pytest.fixture
def office(app: FastAPI, client: TestClient, clock: FakeClock, sign_in: Callable[..., factories.SignedIn]) -> Office:
    """Two rooms of 12 seats (2 spare), a plan, a filed paper set; the officer is signed in."""
    signed = sign_in("exam_officer")
    with transaction(app.state.dbs) as db:
        centre_id = factories.place(db, signed.institution_id).centre_id
        occupation = Occupation(code="6-31-01-03", name="电工")
        db.add(occupation)
        db.flush()
        plan = Plan(
            institution_id=signed.institution_id,
            code="P1",
            name="电工四级认定计划",
            occupation_id=occupation.id or 0,
            level="4",
            announced_at=clock.now() - timedelta(days=20),
        )
        db.add(plan)
        db.flush()
        plan_id = plan.id or 0
        blueprint_id, paper_set_id = paper_set(db, signed.institution_id, clock)
    rooms = []
    for number in ("2", "3"):
        data = {"number": number, "name": f"第{number}机房", "capacity": 12, "columns": 4, "spare": 2}
        assert client.post(f"/exams/centres/{centre_id}/rooms/new", data=data).status_code == 303
        with app.state.dbs.read.connect() as connection:
            rooms.append(connection.exec_driver_sql("SELECT max(id) FROM room").scalar_one())
    return Office(client, app, signed.institution_id, centre_id, (rooms[0], rooms[1]), plan_id, blueprint_id, paper_set_id)
