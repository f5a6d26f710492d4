"""What stands in the way of scheduling and opening."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.registry.readiness import Facts, RoomFacts, checklist, may_open, may_schedule

STARTS = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
READY = Facts(
    state="draft",
    starts_at=STARTS,
    duration_ms=1_200_000,
    entries=20,
    unseated=0,
    seats=28,
    rooms=(RoomFacts("第1考场", 20, True, True), RoomFacts("第2考场", 0, False, False)),
    paper_set_chosen=True,
    paper_reasons=(),
)
SCHEDULED = replace(READY, state="scheduled", released=True)


def test_ready() -> None:
    assert may_schedule(READY, STARTS - timedelta(days=1)) == []
    assert may_open(SCHEDULED, STARTS) == []


@pytest.mark.parametrize(
    "facts",
    [
        replace(READY, state="open"),
        replace(READY, paper_set_chosen=False),
        replace(READY, paper_reasons=("Form A is not filed.",)),
        replace(READY, rooms=()),
        replace(READY, seats=19),
        replace(READY, entries=0),
        replace(READY, unseated=1),
        replace(READY, labels_match=False),
    ],
)
def test_each_lack_alone_refuses(facts: Facts) -> None:
    assert len(may_schedule(facts, STARTS - timedelta(days=1))) == 1
    if facts.state == "draft":
        assert len(may_open(replace(facts, state="scheduled", released=True), STARTS)) == 1


def test_an_exam_in_the_past_is_not_scheduled() -> None:
    end = STARTS + timedelta(milliseconds=READY.duration_ms)
    assert may_schedule(READY, end - timedelta(seconds=1)) == []
    assert len(may_schedule(READY, end)) == 1


def test_supervisor_is_needed_where_candidates_sit() -> None:
    absent = replace(SCHEDULED, rooms=(RoomFacts("第1考场", 20, True, False),))
    assert [reason.params for reason in may_open(absent, STARTS)] == [{"room": "第1考场"}]
    assert may_open(absent, STARTS, without_supervisor=True) == []
    assert may_open(replace(absent, supervisor_required=False), STARTS) == []


def test_no_override_opens_what_is_not_released() -> None:
    sealed = replace(SCHEDULED, released=False)
    assert [reason.message for reason in may_open(sealed, STARTS)] == ["Two custodians have not released the paper yet."]
    assert len(may_open(sealed, STARTS, without_supervisor=True)) == 1
    assert {line.code: line.state for line in checklist(sealed)}["release"] == "missing"
    assert may_schedule(replace(READY, released=False), STARTS) == []


def test_opening_window() -> None:
    early = STARTS - timedelta(hours=2)
    assert may_open(SCHEDULED, early) == []
    assert len(may_open(SCHEDULED, early - timedelta(seconds=1))) == 1


def test_a_draft_is_not_opened() -> None:
    assert len(may_open(READY, STARTS)) == 1


def test_checklist_follows_the_state() -> None:
    empty = replace(READY, entries=0, rooms=(), seats=0, paper_set_chosen=False)
    assert {line.code: line.state for line in checklist(empty)} == {
        "rooms": "missing",
        "roster": "missing",
        "seats": "missing",
        "paper": "missing",
        "scheduled": "missing",
        "staff": "later",
        "release": "later",
        "supervisor": "later",
        "opened": "later",
    }
    assert all(line.state == "done" for line in checklist(replace(SCHEDULED, state="open")))
