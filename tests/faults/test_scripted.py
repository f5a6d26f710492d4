"""Sequences the state machine meets too seldom, written out; the same comparison with the reference model."""

from collections.abc import Iterator

import pytest

from server.clock import FakeClock
from server.db import Databases
from server.sitting.store import store_for
from server.sitting.writer import Writer
from tests.faults.machine import READY, SUBMIT
from tests.faults.model import MINUTE
from tests.faults.world import PC, World

OPEN = ("open", PC, False, False)


@pytest.fixture
def world(dbs: Databases, clock: FakeClock) -> Iterator[World]:
    writer = Writer(store_for(dbs.write), clock)
    writer.start()
    made = World(dbs, writer, clock)
    made.burst([(0, intent) for intent in READY])
    made.go_to("bell", 0)
    made.burst([(0, OPEN)])
    yield made
    assert writer.stop()


def test_i5_no_act_of_the_staff_makes_a_second_end(world: World) -> None:
    world.go_to("hand_in", 0)
    world.burst([(0, ("ops", 1, 0, None, [SUBMIT]))])
    for kind in ("force", "void", "force", "pause", "resume", "take_over"):
        world.burst([(0, ("staff", kind, None)), (0, ("close",))])
    world.burst([(0, ("reopen", 0, "another")), (0, ("staff", "force", None)), (0, ("staff", "force", None))])


def test_i6_what_two_people_admitted_stays_admitted_by_the_first_act(world: World) -> None:
    world.go_to("closing+grace+1", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [2]), ("value", 2, [])])), (0, ("close",))])
    world.burst([(0, ("admit_late", 1, "another"))])
    world.burst([(0, ("admit_late", 2, "another")), (0, ("admit_late", 2, "oneself")), (0, ("admit_late", 2, "nobody"))])


def test_i4_time_that_is_given_after_a_pause_that_met_the_end(world: World) -> None:
    world.burst([(0, ("staff", "pause", None))])
    world.pass_time("quarter")
    world.burst([(0, ("staff", "force", None))])
    world.pass_time("quarter")
    world.burst([(0, ("reopen", 10 * MINUTE, "another")), (0, ("ops", 1, 0, None, [("value", 1, [1])]))])
    world.go_to("closing+grace", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 2, [1])])), (0, ("close",))])
    world.go_to("closing+grace+1", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 2, [2])])), (0, ("close",)), (0, ("close",))])
