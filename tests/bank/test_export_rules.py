"""Where an export stands, on both sides of every boundary."""

from datetime import timedelta

import pytest

from server.bank.export_rules import DECIDE_WITHIN, KEPT_FOR, Facts, State, ends_at, state_of
from tests.conftest import START

TICK = timedelta(microseconds=1)
AGREED = Facts(START, 1, START, 2, agreed=True)


@pytest.mark.parametrize(
    ("facts", "after", "state"),
    [
        (Facts(START, 1), timedelta(0), State.ASKED),
        (Facts(START, 1), DECIDE_WITHIN - TICK, State.ASKED),
        (Facts(START, 1), DECIDE_WITHIN, State.LAPSED),
        (Facts(START, 1, START, 2), DECIDE_WITHIN, State.REFUSED),
        (Facts(START, 1, START, 1), timedelta(0), State.TAKEN_BACK),
        (AGREED, timedelta(0), State.MAKING),
        (Facts(START, 1, START, 2, agreed=True, job="queued"), KEPT_FOR - TICK, State.MAKING),
        (Facts(START, 1, START, 2, agreed=True, job="running"), timedelta(0), State.MAKING),
        (Facts(START, 1, START, 2, agreed=True, job="failed"), timedelta(0), State.FAILED),
        (Facts(START, 1, START, 2, agreed=True, job="cancelled"), timedelta(0), State.FAILED),
        (Facts(START, 1, START, 2, agreed=True, job="failed"), KEPT_FOR, State.OVER),
        (Facts(START, 1, START, 2, agreed=True, job="done", made_at=START + timedelta(hours=1)), KEPT_FOR, State.READY),
        (
            Facts(START, 1, START, 2, agreed=True, job="done", made_at=START + timedelta(hours=1)),
            KEPT_FOR + timedelta(hours=1),
            State.OVER,
        ),
    ],
)
def test_states(facts: Facts, after: timedelta, state: State) -> None:
    assert state_of(facts, START + after) == state


def test_the_time_to_take_it_begins_when_the_file_is_made() -> None:
    assert ends_at(START, None) == START + KEPT_FOR
    assert ends_at(START, START + TICK) == START + TICK + KEPT_FOR
