"""When custodians' words count: both sides of every bound."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.registry import release_rules as rules
from server.registry.release_rules import Approval, Request, Window, live, partner, refusal, window

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
READY = Request(
    state="scheduled",
    paper_set_chosen=True,
    paper_reasons=(),
    released=False,
    clock_suspect=False,
    window=Window(START - 60 * MINUTE, START + 90 * MINUTE),
)


def test_the_window_is_the_profile_s() -> None:
    assert window(START, 90 * 60_000, 60 * 60_000) == READY.window


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (READY.window.opens_at - timedelta(microseconds=1), rules.TOO_EARLY),
        (READY.window.opens_at, None),
        (START, None),
        (READY.window.ends_at - timedelta(microseconds=1), None),
        (READY.window.ends_at, rules.TOO_LATE),
    ],
)
def test_bounds_of_the_window(at: datetime, expected: str | None) -> None:
    assert refusal(READY, at) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (replace(READY, state="draft"), rules.NOT_SCHEDULED),
        (replace(READY, state="open"), rules.NOT_SCHEDULED),
        (replace(READY, released=True), rules.RELEASED_ALREADY),
        (replace(READY, paper_set_chosen=False), rules.PAPER_NOT_READY),
        (replace(READY, paper_reasons=("A form of this paper set has no filing number yet.",)), rules.PAPER_NOT_READY),
        (replace(READY, clock_suspect=True), rules.CLOCK_IN_DOUBT),
    ],
)
def test_each_lack_alone_refuses(asked: Request, expected: str) -> None:
    assert refusal(asked, START) == expected


def test_half_an_hour_counts_and_not_a_moment_more() -> None:
    first = Approval(1, "甲", START)
    assert partner([first], 2, START + rules.TOGETHER) == first
    assert partner([first], 2, START + rules.TOGETHER + timedelta(microseconds=1)) is None


def test_nobody_is_their_own_partner() -> None:
    words = [Approval(1, "甲", START), Approval(1, "甲", START + MINUTE)]
    assert partner(words, 1, START + 2 * MINUTE) is None
    assert partner(words, 2, START + 2 * MINUTE) == words[1]


def test_a_word_from_the_future_does_not_count() -> None:
    assert live([Approval(1, "甲", START)], START - MINUTE) == []


def test_a_renewed_word_counts_from_its_renewal() -> None:
    words = [Approval(1, "甲", START), Approval(2, "乙", START - 40 * MINUTE), Approval(1, "甲", START + 20 * MINUTE)]
    assert live(words, START + 45 * MINUTE) == [words[2]]
