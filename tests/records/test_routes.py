"""The score summary over HTTP, and what is audited of printing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.audit.tables import AuditRow
from server.clock import FakeClock
from server.db import reading, transaction
from server.grading.tables import MarkingRun, Publication, Result
from server.keyring import Keyring
from tests import factories
from tests.records.test_sheets import text_of


@pytest.fixture
def marked(app: FastAPI, clock: FakeClock, keyring: Keyring) -> tuple[factories.Place, int]:
    """A marked exam session: one passed, one failed with 0, one absent, one voided."""
    with transaction(app.state.dbs) as db:
        where = factories.place(db)
        exam_id = factories.exam_session(db, where, clock.now(), state="marked")
        own = {"exam_session_id": exam_id, "institution_id": where.institution_id}
        run = {"no": 1, "rules": {"pass_mark": 6000}, "forms": [], "by_name": "jikao", "reason": "end"}
        db.add(MarkingRun.model_validate(own | run | {"started_at": clock.now(), "completed_at": clock.now()}))
        db.flush()
        outcomes = (("marked", 8650, True), ("marked", 0, False), ("absent", None, False), ("voided", None, False))
        for no, (state, total, passed) in enumerate(outcomes, start=1):
            factories.entry(db, where, exam_id, no, keyring)
            db.add(
                Result(
                    exam_session_id=exam_id,
                    run_no=1,
                    entry_no=no,
                    state=state,
                    total=total,
                    passed=passed,
                    digest=str(no),
                )
            )
    return where, exam_id


def test_score_summary_is_printed_and_audited(
    app: FastAPI,
    client: TestClient,
    clock: FakeClock,
    sign_in: Callable[..., factories.SignedIn],
    marked: tuple[factories.Place, int],
    tmp_path: Path,
) -> None:
    where, exam_id = marked
    signed = sign_in("results_officer", institution_id=where.institution_id)
    answer = client.get(f"/records/{exam_id}/score-summary.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    (page,) = text_of(answer.content, tmp_path)
    for words in ("合格86.5", "不合格0", "缺考", "违纪作废", "系统阅卷复核：人员", "尚未公布，仅供复核"):
        assert words in page, words
    with transaction(app.state.dbs) as db:
        about = {"exam_session_id": exam_id, "no": 1, "institution_id": where.institution_id, "run_no": 1}
        people = {"proposed_by": signed.person_id, "proposed_name": "赵敏", "decided_by": 9, "decided_name": "钱程"}
        times = {"proposed_at": clock.now(), "decided_at": clock.now(), "objections_until": clock.now().date()}
        db.add(Publication(**about, **people, **times, contact="0575", decision="approved"))  # type: ignore[arg-type]
    (page,) = text_of(client.get(f"/records/{exam_id}/score-summary.pdf").content, tmp_path)
    assert "复核：赵敏、钱程" in page
    assert "尚未公布" not in page
    with reading(app.state.dbs) as db:
        rows = db.exec(select(AuditRow).where(AuditRow.verb == "record.printed")).all()
    assert [row.detail["form"] for row in rows] == ["score-summary", "score-summary"]


def test_no_summary_before_marking_and_none_for_others(
    app: FastAPI, client: TestClient, clock: FakeClock, sign_in: Callable[..., factories.SignedIn]
) -> None:
    with transaction(app.state.dbs) as db:
        where = factories.place(db)
        exam_id = factories.exam_session(db, where, clock.now(), state="ended")
    sign_in("results_officer", institution_id=where.institution_id)
    assert client.get(f"/records/{exam_id}/score-summary.pdf").status_code == 409
    sign_in("results_officer")
    assert client.get(f"/records/{exam_id}/score-summary.pdf").status_code == 404
