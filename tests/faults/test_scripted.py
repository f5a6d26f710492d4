"""The scripted sequences beside the reference model, on both databases."""

from server.clock import FakeClock
from server.db import Databases
from tests.faults.scripts import SCRIPTS, run


def test_writer_and_reference_model_agree_on_what_is_written_out(dbs: Databases, clock: FakeClock) -> None:
    run(SCRIPTS, dbs, clock)
