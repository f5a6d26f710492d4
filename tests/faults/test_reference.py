"""I1-I6 by a state machine against the reference model, on both databases; `make soak` runs it for long."""

from server.clock import FakeClock
from server.db import Databases
from tests.faults import machine


def test_writer_and_reference_model_agree(dbs: Databases, clock: FakeClock) -> None:
    machine.run(dbs, clock, examples=8 if dbs.is_sqlite else 4)
