"""When everything is looked at for garbage: often with few candidates, seldom with many."""

from datetime import UTC, datetime

import pytest

from server.clock import FakeClock
from server.garbage import Collector


@pytest.mark.parametrize(
    ("held", "seconds", "due"), [(0, 59, False), (0, 60, True), (1_000, 60, True), (1_001, 60, False), (10_000, 1_800, True)]
)
def test_a_full_collection_waits_for_a_quiet_moment(held: int, seconds: int, due: bool) -> None:
    clock = FakeClock(datetime(2026, 11, 20, tzinfo=UTC))
    collector = Collector(clock)
    clock.advance(seconds)
    assert collector.tick(held) is due
    clock.advance(59)
    assert not collector.tick(1_001)
