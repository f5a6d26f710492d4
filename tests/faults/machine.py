"""The state machine: hypothesis drives bursts of commands, staff acts and clock steps through the writer and the model.

Worlds share one writer and one database; each has sittings of its own. `machine_for` makes the machine of one writer, so that
tests, mutants and soaks run the same one.
"""

from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from server.clock import FakeClock
from server.db import Databases
from server.sitting.store import store_for
from server.sitting.writer import Writer
from tests.faults.model import MINUTE
from tests.faults.world import MOMENTS, OTHER_PC, PC, PEOPLE, STEPS, World

DEVICES = st.sampled_from([PC, PC, PC, OTHER_PC])
SECOND = st.sampled_from(["another", "another", "oneself", "nobody"])
CONTENTS = st.one_of(
    st.tuples(st.just("value"), st.integers(1, 3), st.lists(st.integers(1, 3), max_size=3)),
    st.tuples(st.just("value"), st.integers(1, 3), st.lists(st.sampled_from(["", "交流电", "é²"]), max_size=2).filter(any)),
    st.tuples(st.just("value"), st.integers(1, 4), st.just([2])),
    st.tuples(st.just("flag"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("report"), st.integers(1, 3), st.sampled_from(["图不清", "x" * 500])),
)
SUBMIT = ("submit", 0, True)
BOUNDS = ["closing+grace", "closing+grace+1", "closing+1", "hand_in", "hand_in-1"]
OPS = st.one_of(
    st.tuples(st.just("ops"), st.just(1), st.just(0), st.none(), st.lists(CONTENTS, min_size=1, max_size=3)),
    st.tuples(
        st.just("ops"), st.just(1), st.just(0), st.none(), st.lists(CONTENTS, max_size=1).map(lambda some: [*some, SUBMIT])
    ),
    st.tuples(
        st.just("ops"),
        st.integers(-2, 3),
        st.sampled_from([0, 0, 0, 1, -1]),
        st.sampled_from([None, PC, OTHER_PC]),
        st.lists(CONTENTS, min_size=1, max_size=3),
    ),
    st.tuples(st.just("repeat"), st.integers(0, 9), st.integers(1, 3), st.booleans()),
)
CANDIDATE = st.one_of(
    OPS,
    OPS,
    st.tuples(st.just("open"), DEVICES, st.booleans(), st.sampled_from([False, False, True])),
    st.tuples(st.just("arrive"), DEVICES),
)
STAFF = st.one_of(
    st.tuples(st.just("staff"), st.sampled_from(["identity", "identity", "pause", "resume", "void"]), st.none()),
    st.tuples(st.just("staff"), st.just("take_over"), st.sampled_from([None, PC, OTHER_PC])),
    st.tuples(st.just("staff"), st.just("message"), st.sampled_from(["还有五分钟", "  ", "y" * 501])),
    st.tuples(st.just("credit"), st.sampled_from([0, 1, MINUTE, 4 * MINUTE, 5 * MINUTE, 5 * MINUTE + 1, 181 * MINUTE]), SECOND),
    st.tuples(st.just("reopen"), st.sampled_from([0, 10 * MINUTE, -1, 181 * MINUTE]), SECOND),
    st.tuples(st.just("admit_late"), st.integers(0, 4), SECOND),
    st.tuples(st.just("admit"), st.sampled_from([3, 4, 0]), st.sampled_from([0, 5 * MINUTE])),
)
CLOSER = st.sampled_from([("close",), ("close",), ("absent",)])
PERSON = st.sampled_from([*range(PEOPLE), 0])
INTENT = st.tuples(PERSON, st.one_of(CANDIDATE, CANDIDATE, CANDIDATE, STAFF, CLOSER))
READY: list[Any] = [("admit", 3, 0), ("arrive", PC), ("staff", "identity", None)]


class Machine(RuleBasedStateMachine):
    """`parts` (databases, writer, clock) come from `machine_for`."""

    parts: tuple[Databases, Writer, FakeClock]

    @initialize(opened=st.sampled_from([PEOPLE, PEOPLE - 1, 1, 0]))
    def begin(self, opened: int) -> None:
        """Some sit before their paper, some wait, one is not even known."""
        self.world = World(*self.parts)
        self.world.burst([(person, intent) for person in range(min(opened + 1, PEOPLE)) for intent in READY])
        if opened:
            self.world.go_to("bell", 0)
            self.world.burst([(person, ("open", PC, False, False)) for person in range(opened)])

    @rule(intents=st.lists(INTENT, min_size=1, max_size=6))
    def burst(self, intents: list[Any]) -> None:
        self.world.burst(intents)

    @rule(person=PERSON, contents=st.lists(CONTENTS, min_size=1, max_size=3))
    def work(self, person: int, contents: list[Any]) -> None:
        self.world.burst([(person, ("ops", 1, 0, None, contents))])

    @rule(person=PERSON, step=st.sampled_from(sorted(STEPS)), within=st.lists(INTENT, max_size=2), resume=st.booleans())
    def power_fails(self, person: int, step: str, within: list[Any], resume: bool) -> None:
        self.world.burst([(person, ("staff", "pause", None))])
        self.world.pass_time(step)
        if within:
            self.world.burst(within)
        if resume:
            self.world.burst([(person, ("staff", "resume", None))])

    @rule(person=PERSON, moment=st.sampled_from(BOUNDS), contents=st.lists(CONTENTS))
    def time_runs_out(self, person: int, moment: str, contents: list[Any]) -> None:
        self.world.go_to(moment, person)
        self.world.burst([(person, ("ops", 1, 0, None, contents[:3] or [SUBMIT])), (person, ("close",)), (person, ("close",))])

    @rule(person=PERSON, ms=st.sampled_from([1, MINUTE, 2 * MINUTE, 5 * MINUTE]), second=SECOND, reopen=st.booleans())
    def gets_time(self, person: int, ms: int, second: str, reopen: bool) -> None:
        self.world.burst([(person, ("reopen" if reopen else "credit", ms, second))])

    @rule(person=PERSON, ahead=st.integers(-1, 2), older=st.sampled_from([-1, 1, 2]), content=CONTENTS)
    def is_confused(self, person: int, ahead: int, older: int, content: Any) -> None:
        self.world.burst([(person, ("ops", ahead, older, None, [content]))])

    @rule(person=PERSON, how=st.sampled_from(["force", "take_over", "page"]))
    def is_interrupted(self, person: int, how: str) -> None:
        self.world.burst([(person, ("open", PC, False, False) if how == "page" else ("staff", how, None))])

    @rule(step=st.sampled_from(sorted(STEPS)))
    def time_passes(self, step: str) -> None:
        self.world.pass_time(step)

    @rule(moment=st.sampled_from(MOMENTS), person=PERSON, intents=st.lists(INTENT, min_size=1, max_size=4))
    def at_a_moment(self, moment: str, person: int, intents: list[Any]) -> None:
        self.world.go_to(moment, person)
        self.world.burst(intents)


def machine_for(dbs: Databases, writer: Writer, clock: FakeClock) -> type[Machine]:
    """The machine on one writer."""
    return type("BoundMachine", (Machine,), {"parts": (dbs, writer, clock)})


def run(
    dbs: Databases, clock: FakeClock, *, examples: int, steps: int = 25, derandomize: bool = True, shrink: bool = True
) -> None:
    """Drive it; raises what a disagreement raised."""
    writer = Writer(store_for(dbs.write), clock)
    writer.start()
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    given = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=derandomize,
        database=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine_for(dbs, writer, clock), settings=given)
    finally:
        assert writer.stop()
