"""The rules of the board as tables of boundaries."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from server.monitor import rules
from server.monitor.rules import Alert, Facts, Refusal, SeatState, Timing

BELL = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
TIMING = Timing(BELL, timedelta(minutes=5))
WORKING = Facts(
    "open",
    answered=3,
    total=20,
    opened_at=BELL,
    changed_at=BELL + timedelta(minutes=4),
    closes_at=BELL + timedelta(minutes=20),
    pulse_age_s=1.0,
    watched_s=600.0,
)


def at(minutes: float) -> datetime:
    return BELL + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("facts", "minute", "expected"),
    [
        (Facts(None), -10, SeatState.NOT_ARRIVED),
        (Facts("admitted"), 4.99, SeatState.NOT_ARRIVED),
        (Facts("admitted"), 5, SeatState.ABSENT),
        (Facts("admitted", arrived=True), -1, SeatState.WAITING),
        (Facts("waiting"), 4.99, SeatState.WAITING),
        (Facts("waiting"), 5, SeatState.ABSENT),
        (Facts("absent"), 1, SeatState.ABSENT),
        (Facts("paused", pulse_age_s=100), 6, SeatState.PAUSED),
        (Facts("ended", "submitted"), 6, SeatState.HANDED_IN),
        (Facts("ended", "timed_out"), 6, SeatState.HANDED_IN),
        (Facts("ended", "forced"), 6, SeatState.HANDED_IN),
        (Facts("ended", "voided"), 6, SeatState.VOIDED),
        (WORKING, 8.99, SeatState.OPEN),
        (WORKING, 9, SeatState.QUIET),
        (replace(WORKING, answered=20), 15, SeatState.OPEN),
        (replace(WORKING, changed_at=None), 4.99, SeatState.OPEN),
        (replace(WORKING, changed_at=None), 5, SeatState.QUIET),
        (replace(WORKING, pulse_age_s=20.0), 5, SeatState.OPEN),
        (replace(WORKING, pulse_age_s=20.1), 5, SeatState.OFFLINE),
        (replace(WORKING, pulse_age_s=None, watched_s=20.0), 5, SeatState.OPEN),
        (replace(WORKING, pulse_age_s=None, watched_s=20.1), 5, SeatState.OFFLINE),
    ],
)
def test_seat_state(facts: Facts, minute: float, expected: SeatState) -> None:
    assert rules.seat_state(facts, TIMING, at(minute)) is expected


def test_before_the_bell_nobody_is_absent() -> None:
    assert rules.seat_state(Facts("admitted"), Timing(None, timedelta(0)), at(500)) is SeatState.NOT_ARRIVED


@pytest.mark.parametrize(
    ("facts", "minute", "expected"),
    [
        (Facts("waiting"), 0.99, ()),
        (Facts("waiting"), 1, (Alert.STUCK,)),
        (Facts("waiting", bound=False), -1, ()),
        (replace(WORKING, answered=0), 2.99, ()),
        (replace(WORKING, answered=0), 3, (Alert.STUCK,)),
        (replace(WORKING, pulse_age_s=30), 5, (Alert.OFFLINE,)),
        (WORKING, 9, (Alert.QUIET,)),
        (replace(WORKING, changed_at=at(14)), 14.99, ()),
        (replace(WORKING, changed_at=at(14)), 15, (Alert.ENDING,)),
        (replace(WORKING, changed_at=at(14), answered=20), 15, ()),
        (replace(WORKING, open_reports=1), 5, (Alert.REPORTED,)),
        (replace(WORKING, open_reports=2, pulse_age_s=30, changed_at=at(14)), 16, (Alert.OFFLINE, Alert.REPORTED, Alert.ENDING)),
        (Facts("ended", "submitted", answered=1, total=20), 16, ()),
    ],
)
def test_alerts(facts: Facts, minute: float, expected: tuple[Alert, ...]) -> None:
    state = rules.seat_state(facts, TIMING, at(minute))
    assert rules.alerts(facts, state, TIMING, at(minute)) == expected


@pytest.mark.parametrize("needed", [True, False])
def test_an_unbound_pc_is_an_alert_only_where_binding_is_needed(needed: bool) -> None:
    timing = dataclasses.replace(TIMING, binding_needed=needed)
    facts = replace(WORKING, bound=False)
    assert (Alert.NOT_BOUND in rules.alerts(facts, SeatState.OPEN, timing, at(5))) is needed
    assert Alert.NOT_BOUND not in rules.alerts(facts, SeatState.HANDED_IN, timing, at(5))


def test_counts_leave_free_seats_out() -> None:
    states = [SeatState.EMPTY, SeatState.NOT_ARRIVED, SeatState.ABSENT, SeatState.OPEN, SeatState.OFFLINE]
    states += [SeatState.PAUSED, SeatState.QUIET, SeatState.WAITING, SeatState.HANDED_IN, SeatState.VOIDED]
    assert rules.count(states) == rules.Counts(expected=9, arrived=7, absent=1, handed_in=1, working=4, voided=1)


@pytest.mark.parametrize(("ms", "needed"), [(300_000, False), (300_001, True)])
def test_a_credit_above_five_minutes_needs_a_second_person(ms: int, needed: bool) -> None:
    assert rules.needs_second_person(ms) is needed


@pytest.mark.parametrize(
    ("decided", "person", "minute", "expected"),
    [
        (None, 2, 29.99, None),
        (None, 2, 30, Refusal.EXPIRED),
        (None, 1, 1, Refusal.SAME_PERSON),
        (at(1), 2, 2, Refusal.DECIDED),
    ],
)
def test_who_may_decide(decided: datetime | None, person: int, minute: float, expected: Refusal | None) -> None:
    assert rules.may_decide(1, BELL, decided, person, at(minute)) is expected


def test_breaches_are_incident_categories() -> None:
    assert set(rules.BREACHES) <= set(rules.INCIDENT_CATEGORIES)
