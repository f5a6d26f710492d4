"""Sequences written out: what the state machine may meet too seldom, and what must be noticed without any luck.

Each takes a world in which person 0 has opened (`begin`); each burst is one batch for the writer, compared with the reference
model. `test_scripted.py` runs them on both databases, `make mutants` before everything else.
"""

from collections.abc import Callable, Iterable

from server.clock import FakeClock
from server.db import Databases
from server.sitting.store import store_for
from server.sitting.writer import Writer
from tests.faults.machine import READY, SUBMIT
from tests.faults.model import MINUTE
from tests.faults.world import OTHER_PC, PC, World

OPEN = ("open", PC, False, False)


def run(scripts: Iterable[Callable[[World], None]], dbs: Databases, clock: FakeClock) -> None:
    """Each in a world of its own, with one writer; raises what a disagreement raised."""
    writer = Writer(store_for(dbs.write), clock)
    writer.start()
    try:
        for script in scripts:
            world = World(dbs, writer, clock)
            begin(world)
            script(world)
    finally:
        assert writer.stop()


def begin(world: World) -> None:
    """Person 0 sits before the paper."""
    world.burst([(0, intent) for intent in READY])
    world.go_to("bell", 0)
    world.burst([(0, OPEN)])


def i5_no_act_of_the_staff_makes_a_second_end(world: World) -> None:
    world.go_to("hand_in", 0)
    world.burst([(0, ("ops", 1, 0, None, [SUBMIT]))])
    for kind in ("force", "void", "force", "pause", "resume", "take_over"):
        world.burst([(0, ("staff", kind, None)), (0, ("close",))])
    world.burst([(0, ("reopen", 0, "another")), (0, ("staff", "force", None)), (0, ("staff", "force", None))])


def i6_what_two_people_admitted_stays_admitted_by_the_first_act(world: World) -> None:
    world.go_to("closing+grace+1", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [2]), ("value", 2, [])])), (0, ("close",))])
    world.burst([(0, ("admit_late", 1, "another"))])
    world.burst([(0, ("admit_late", 2, "another")), (0, ("admit_late", 2, "oneself")), (0, ("admit_late", 2, "nobody"))])


def i4_time_that_is_given_after_a_pause_that_met_the_end(world: World) -> None:
    world.burst([(0, ("staff", "pause", None))])
    world.pass_time("quarter")
    world.burst([(0, ("staff", "force", None))])
    world.pass_time("quarter")
    world.burst([(0, ("reopen", 10 * MINUTE, "another")), (0, ("ops", 1, 0, None, [("value", 1, [1])]))])
    world.go_to("closing+grace", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 2, [1])])), (0, ("close",))])
    world.go_to("closing+grace+1", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 2, [2])])), (0, ("close",)), (0, ("close",))])


def i3_repeats_forks_and_gaps_alone_and_in_one_batch(world: World) -> None:
    answers = [("value", 1, [1]), ("value", 2, [2]), ("flag", 1, True)]
    world.burst([(0, ("ops", 1, 0, None, answers))])
    world.burst([(0, ("repeat", 0, 3, False))])
    world.burst([(0, ("repeat", 1, 1, True))])  # the same number, another content
    world.burst([(0, ("ops", 2, 0, None, [("value", 3, [1])]))])  # a number is missing
    world.burst([(0, ("ops", 1, 0, None, [("value", 3, [1])])), (0, ("repeat", 3, 1, False)), (0, ("repeat", 3, 1, True))])
    world.burst([(0, ("ops", 0, 0, None, [("value", 3, [1]), ("value", 3, [])]))])  # one repeated, one new


def i6_an_older_page_is_fenced_and_what_it_sent_is_kept(world: World) -> None:
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [1])]))])
    world.burst([(0, OPEN)])  # another page of the same PC
    world.burst([(0, ("ops", 2, 1, None, [("value", 1, [2]), ("value", 2, [1])])), (0, ("repeat", 0, 1, False))])
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [3])])), (0, ("ops", 1, -1, None, [("value", 2, [3])]))])


def i6_a_take_over_fences_the_pc_before(world: World) -> None:
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [1])])), (0, ("staff", "take_over", OTHER_PC))])
    world.burst([(0, ("ops", 2, 1, PC, [("value", 2, [2])])), (0, OPEN)])
    world.burst([(0, ("open", OTHER_PC, False, False)), (0, ("ops", 1, 0, PC, [("value", 3, [1])]))])
    world.burst([(0, ("ops", 1, 0, OTHER_PC, [("value", 3, [1])]))])


def i4_a_pause_gives_its_time_back_to_the_millisecond(world: World) -> None:
    world.pass_time("minute")
    world.burst([(0, ("staff", "pause", None))])
    world.pass_time("quarter")
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [1])])), (0, ("staff", "resume", None))])
    world.go_to("closing+grace", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [2])])), (0, ("close",))])
    world.go_to("closing+grace+1", 0)
    world.burst([(0, ("ops", 1, 0, None, [("value", 1, [3])])), (0, ("close",))])


SCRIPTS: tuple[Callable[[World], None], ...] = (
    i3_repeats_forks_and_gaps_alone_and_in_one_batch,
    i4_a_pause_gives_its_time_back_to_the_millisecond,
    i4_time_that_is_given_after_a_pause_that_met_the_end,
    i5_no_act_of_the_staff_makes_a_second_end,
    i6_a_take_over_fences_the_pc_before,
    i6_an_older_page_is_fenced_and_what_it_sent_is_kept,
    i6_what_two_people_admitted_stays_admitted_by_the_first_act,
)
