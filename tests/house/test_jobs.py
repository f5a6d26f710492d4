"""Heavy work: claimed once, progress and cancelling, failures told, orphans named; the child starts and ends by itself."""

import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from server import jobs
from server.audit.trail import Actor
from server.clock import FakeClock, SystemClock
from server.db import Databases, connect, reading, transaction
from server.errors import Conflict
from server.job_child import OnlyOne
from server.jobs import Job, JobContext, Jobs, process_name, run_next
from server.keyring import Keyring
from server.settings import Settings

ACTOR = Actor("staff", 7, "周", 1)


def count(context: JobContext, args: dict[str, int]) -> dict[str, int]:
    for step in range(args["steps"]):
        context.progress(step, args["steps"], "counting")
        if args.get("stop_at") == step:
            with transaction(context.dbs) as db:
                db.execute(update(Job).where(col(Job.id) == context.job_id).values(cancel=True))
            time.sleep(0.35)
    if args.get("refuse"):
        raise Conflict("The bank is in use by %(name)s.", name="何")
    if args.get("crash"):
        raise ZeroDivisionError
    return {"counted": args["steps"]}


@pytest.fixture(autouse=True)
def _a_kind_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jobs.KINDS, "test.count", f"{__name__}:count")


def submitted(dbs: Databases, clock: FakeClock, **args: int) -> int:
    with transaction(dbs) as db:
        return Jobs(Settings(), dbs, clock).submit(db, "test.count", args, ACTOR, upload=b"bytes")


def row(dbs: Databases, job_id: int) -> Job:
    with reading(dbs) as db:
        return db.execute(select(Job).where(col(Job.id) == job_id)).scalar_one()


@pytest.mark.parametrize(
    ("args", "state", "problem"),
    [
        ({"steps": 3}, "done", ""),
        ({"steps": 3, "refuse": 1}, "failed", "The bank is in use by %(name)s."),
        ({"steps": 3, "crash": 1}, "failed", "ZeroDivisionError"),
        ({"steps": 5, "stop_at": 1}, "cancelled", ""),
    ],
)
def test_a_job_ends_in_a_state_that_says_why(
    dbs: Databases, keyring: Keyring, clock: FakeClock, args: dict[str, int], state: str, problem: str
) -> None:
    number = submitted(dbs, clock, **args)
    assert run_next(dbs, keyring, clock)
    assert not run_next(dbs, keyring, clock)
    job = row(dbs, number)
    assert (job.state, job.problem) == (state, problem)
    assert job.upload is None
    assert job.ended_at == clock.now()


def test_what_ran_when_the_process_died_is_marked_failed(sqlite_dbs: Databases, clock: FakeClock) -> None:
    number = submitted(sqlite_dbs, clock, steps=1)
    with transaction(sqlite_dbs) as db:
        db.execute(update(Job).values(state="running"))
    Jobs(Settings(), sqlite_dbs, clock).fail_orphans()
    assert (row(sqlite_dbs, number).state, row(sqlite_dbs, number).problem) == ("failed", "interrupted")


def test_only_work_without_a_living_child_is_failed(dbs: Databases, clock: FakeClock) -> None:
    child = subprocess.Popen(["sleep", "60"])
    machine = process_name().rpartition(":")[0]
    running = {
        "alive": (f"{machine}:{child.pid}", clock.now()),
        "silent": (f"{machine}:{child.pid}", clock.now() - timedelta(seconds=31)),
        "elsewhere": (f"other:space:{child.pid}", clock.now() - timedelta(seconds=20)),
        "gone": (f"{machine}:{2**22 + 1}", clock.now()),
    }
    numbers = {name: submitted(dbs, clock, steps=1) for name in running}
    for name, (who, beat_at) in running.items():
        with transaction(dbs) as db:
            db.execute(update(Job).where(col(Job.id) == numbers[name]).values(state="running", child=who, beat_at=beat_at))
    try:
        Jobs(Settings(), dbs, clock).fail_orphans()
    finally:
        child.kill()
        child.wait()
    states = {name: row(dbs, number).state for name, number in numbers.items()}
    assert states == {"alive": "running", "silent": "failed", "elsewhere": "running", "gone": "failed"}


def test_two_children_never_run_the_same_job(dbs: Databases, keyring: Keyring, clock: FakeClock) -> None:
    numbers = [submitted(dbs, clock, steps=1) for _ in range(12)]
    ran: list[int | None] = []

    def work(name: str) -> None:
        while jobs.run_next(dbs, keyring, clock, name):
            pass

    def noting(context: JobContext, _args: dict[str, int]) -> dict[str, int]:
        ran.append(context.job_id)
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "work", lambda _kind: noting)
        threads = [threading.Thread(target=work, args=(f"child-{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(number for number in ran if number) == numbers


def test_one_child_an_installation(dbs: Databases, clock: FakeClock) -> None:
    first, second = OnlyOne(dbs), OnlyOne(dbs)
    serving = Jobs(Settings(), dbs, clock)
    assert not serving._works_elsewhere()
    assert first.holds()
    assert first.holds()
    assert second.holds() is dbs.is_sqlite  # SQLite is served by one process, which keeps to one child
    assert serving._works_elsewhere() is not dbs.is_sqlite
    second.let_go()
    first.let_go()
    assert not serving._works_elsewhere()
    assert second.holds()
    second.let_go()


def test_the_child_takes_work_and_goes_with_its_parent(sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url)
    dbs = connect(settings.url)
    heavy = Jobs(settings, dbs, SystemClock())
    with transaction(dbs) as db:
        number = heavy.submit(db, "grading.mark", {"exam_session_id": 404}, ACTOR)
    heavy.wake_if_waiting()
    try:
        end = time.monotonic() + 60
        while row(dbs, number).state in {"queued", "running"} and time.monotonic() < end:
            time.sleep(0.1)
        assert row(dbs, number).state == "failed"
    finally:
        heavy.stop()
        dbs.dispose()
