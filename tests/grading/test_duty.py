"""The duty of the serving process: queue what waits, once; try again after a failure."""

import threading
from pathlib import Path

import pytest
from sqlmodel import select

from server import jobs
from server.clock import FakeClock
from server.db import Databases, reading, transaction
from server.grading import duty, results, runs
from server.keyring import Keyring
from server.settings import Settings
from tests.grading.world import TOTALS, World


class Woken(jobs.Jobs):
    """Counts the wake-ups, starts no child."""

    wakes = 0

    def wake(self) -> None:
        """Count."""
        self.wakes += 1


@pytest.fixture
def queue(dbs: Databases, clock: FakeClock, tmp_path: Path) -> Woken:
    return Woken(Settings(data_dir=tmp_path), dbs, clock)


def test_queued_once_and_marked_by_the_child(
    dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World, queue: Woken
) -> None:
    assert duty.queue_due(dbs, clock, queue) == [sat.exam_session_id]
    assert duty.queue_due(dbs, clock, queue) == []
    assert queue.wakes == 2  # the second time for the job that is still waiting
    with reading(dbs) as db:
        job = duty.job_of(db, sat.exam_session_id)
        assert job is not None
        assert job.state == "queued"
    assert jobs.run_next(dbs, keyring, clock)
    with reading(dbs) as db:
        assert duty.job_of(db, sat.exam_session_id) is None
        assert {row.no: row.total for row in results.summary_rows(db, sat.exam_session_id)} == TOTALS
        assert results.figures(db, sat.exam_session_id, 1) is not None
    assert duty.queue_due(dbs, clock, queue) == []


def test_two_processes_queue_it_once(dbs: Databases, clock: FakeClock, sat: World, queue: Woken) -> None:
    together = threading.Barrier(4)

    def look() -> None:
        together.wait()
        duty.queue_due(dbs, clock, queue)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(dbs) as db:
        assert len(db.exec(select(jobs.Job).where(jobs.Job.kind == "grading.mark")).all()) == 1


def test_a_failure_is_tried_again_after_a_minute(dbs: Databases, clock: FakeClock, sat: World, queue: Woken) -> None:
    """Another installation's keys: nothing opens, nothing is stored, the page can say so."""
    duty.queue_due(dbs, clock, queue)
    assert jobs.run_next(dbs, Keyring.ephemeral(), clock)
    with reading(dbs) as db:
        job = duty.job_of(db, sat.exam_session_id)
        assert job is not None
        assert job.state == "failed"
        assert duty.problem_text(job)
        assert runs.latest(db, sat.exam_session_id) is None
    assert duty.queue_due(dbs, clock, queue) == []
    clock.advance(61)
    assert duty.queue_due(dbs, clock, queue) == [sat.exam_session_id]


def test_by_hand(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World, queue: Woken) -> None:
    from server.audit.trail import Actor

    by = Actor("staff", 5, "核分员", sat.institution_id)
    for _ in range(2):
        duty.queue(dbs, queue, sat.exam_session_id, by, "补收了迟到的作答 100%")
    assert jobs.run_next(dbs, keyring, clock)
    assert jobs.run_next(dbs, keyring, clock)  # its statistics
    assert not jobs.run_next(dbs, keyring, clock)
    with reading(dbs) as db:
        run = runs.latest(db, sat.exam_session_id)
        assert run is not None
        assert (run.by_id, run.by_name, duty.reason_text(run)) == (5, "核分员", "补收了迟到的作答 100%")


def test_other_exam_sessions_are_not_held_up(dbs: Databases, clock: FakeClock, keyring: Keyring, sat: World) -> None:
    """One without papers is left for later; the next one is marked all the same."""
    from tests import factories

    with transaction(dbs) as db:
        factories.exam_session(db, factories.place(db), clock.now(), state="ended")
    assert duty.mark_finished(dbs, keyring, clock) == [sat.exam_session_id]
