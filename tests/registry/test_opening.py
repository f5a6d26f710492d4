"""The chief's act from the page: refused with reasons, overridden with an audited reason, then open."""

import pytest
from sqlmodel import select

from server.audit.tables import AuditRow
from server.clock import FakeClock
from server.db import reading
from server.registry.tables import ExamSession
from tests.registry.conftest import Office


@pytest.fixture
def scheduled(office: Office) -> int:
    exam_id = office.new_exam(starts_at="2026-11-21T09:30")
    office.enter(exam_id, 4)
    office.client.post(f"/exams/{exam_id}/paper", data={"paper_set_id": office.paper_set_id})
    office.client.post(f"/exams/{exam_id}/seat")
    assert office.client.post(f"/exams/{exam_id}/schedule").status_code == 303
    office.release(exam_id)
    return exam_id


def state(office: Office, exam_id: int) -> str:
    with reading(office.app.state.dbs) as db:
        return db.exec(select(ExamSession.state).where(ExamSession.id == exam_id)).one()


def test_opening_waits_for_the_supervisor(office: Office, scheduled: int) -> None:
    url = f"/exams/{scheduled}/open"
    refused = office.client.post(url)
    assert refused.status_code == 409
    assert "外部督导尚未到场登记" in refused.text
    assert state(office, scheduled) == "scheduled"
    for room_id in office.room_ids:
        who = {"name": "周督导", "organisation": "区人社局"}
        office.client.post(f"/exams/{scheduled}/rooms/{room_id}/supervisor", data=who)
    assert office.client.post(url).status_code == 303
    assert state(office, scheduled) == "open"


def test_the_override_needs_a_reason_and_leaves_it_in_the_trail(office: Office, scheduled: int) -> None:
    url = f"/exams/{scheduled}/open"
    assert office.client.post(url, data={"without_supervisor": "true", "reason": " ok "}).status_code == 422
    assert state(office, scheduled) == "scheduled"
    reason = "督导途中车辆故障，电话报备区中心"
    assert office.client.post(url, data={"without_supervisor": "true", "reason": reason}).status_code == 303
    with reading(office.app.state.dbs) as db:
        row = db.exec(select(AuditRow).where(AuditRow.verb == "exam_session.opened")).one()
    assert row.detail["reason"] == reason
    assert row.detail["without_supervisor"] is True


def test_a_day_early_is_too_early(office: Office, scheduled: int, clock: FakeClock) -> None:
    clock.advance(-86_400)
    refused = office.client.post(f"/exams/{scheduled}/open", data={"without_supervisor": "true", "reason": "提前开考"})
    assert refused.status_code == 409
    assert "开考前两小时内" in refused.text
