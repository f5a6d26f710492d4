"""Every mutation must be noticed: `make mutants` prints what noticed each, and fails when one lives.

    python -m tests.faults.mutants [--only NAME ...] [--quick]

This process loads the libraries but nothing of the product, then forks a child per mutation; the child loads the product with one
file changed and runs the scripted sequences and the state machine beside the reference model, then the tests of the exam core.
"""

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import alembic.command
import hypothesis.stateful
import psycopg
import pytest
import sqlmodel
import structlog

from tests.faults.mutations import ALL, Mutation

TESTS = [
    "tests/sitting/test_rules.py",
    "tests/sitting/test_rules_outage.py",
    "tests/sitting/test_writer.py",
    "tests/faults/test_races.py",
    "tests/faults/test_power_cut.py",
    "tests/faults/test_postgresql_faults.py",
    "tests/sitting/test_api.py",
    "tests/sitting/test_closer.py",
    "tests/sitting/test_outages.py",
    "tests/faults/test_time.py",
    "tests/sitting/test_quick.py",
    "tests/sitting/test_package.py",
]
TIME_TESTS = ("tests/sitting/test_outages.py", "tests/faults/test_time.py")
PAPER_TESTS = ("tests/sitting/test_package.py",)
APART = {
    "vigil": TIME_TESTS,
    "closer": (*TIME_TESTS, "tests/sitting/test_closer.py"),
    "outages": TIME_TESTS,
    "doubt": TIME_TESTS,
    "quick": ("tests/sitting/test_quick.py",),
    "shelf": PAPER_TESTS,
    "package": PAPER_TESTS,
}
"""Modules the state machine does not use, and the tests to begin with."""
QUICK = (
    "repeats_are_not_compared",
    "fenced_goes_to_the_bin",
    "take_over_does_not_fence",
    "mates_do_not_see_each_other",
    "pauses_are_not_added",
)
PRELOADED = (alembic.command, hypothesis.stateful, psycopg, sqlmodel)
LONGEST_S = 1_200
"""Who has not ended by then has not been noticed: a busy machine is no proof."""
NOTICED = "noticed by:"
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutation: Mutation) -> None:
        super().__init__(fullname, path)
        self.mutation = mutation

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return compile(mutated(self.get_data(path).decode(), self.mutation), path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutation: Mutation) -> None:
        self.mutation = mutation

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if fullname != self.mutation.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None:
            raise ImportError(fullname)
        return importlib.util.spec_from_loader(fullname, _Loader(fullname, spec.origin, self.mutation))


def mutated(source: str, mutation: Mutation) -> str:
    """The changed text; `LookupError` when the mutation fits no more."""
    if source.count(mutation.old) != 1:
        raise LookupError(f"{mutation.name}: its text stands {source.count(mutation.old)} times in {mutation.module}")
    return source.replace(mutation.old, mutation.new)


class _Noticed:
    """A pytest plugin: the first test that failed."""

    first: str | None = None

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and self.first is None:
            self.first = report.nodeid


def _child(mutation: Mutation, template: Path, quick: bool) -> str | None:
    """What noticed the mutation; None: nothing did."""
    sys.meta_path.insert(0, _Finder(mutation))
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="jikao-mutant-"))
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = str(folder)
    try:
        if mutation.database == "sqlite" and _part(mutation) not in APART:
            shutil.copy(template, folder / "machine.db")
            by_model = _beside_the_model(f"sqlite:///{folder}/machine.db", 0 if quick else 60)
            if by_model or quick:
                return by_model
        command = [sys.executable, "-m", "tests.faults.mutants", "--tests-against", mutation.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1) or NOTICED not in done.stdout:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return done.stdout.rpartition(NOTICED)[2].strip() or None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _part(mutation: Mutation) -> str:
    return mutation.module.rpartition(".")[2]


def _tests(mutation: Mutation) -> int:
    """The ordinary tests against a mutation, in this process; prints the first that fails."""
    sys.meta_path.insert(0, _Finder(mutation))
    noticed = _Noticed()
    first = APART.get(_part(mutation), ())
    files = [*first, *(one for one in TESTS if one not in first)]
    choice = ["-k", "not postgresql"] if mutation.database == "sqlite" else ["-k", "postgresql"]
    code = 0
    with contextlib.suppress(ExceptionGroup):  # connections a failing test left open
        code = int(
            pytest.main(
                [
                    "-x",
                    "-q",
                    "-W",
                    "ignore::pytest.PytestAssertRewriteWarning",
                    "-p",
                    "no:cacheprovider",
                    "-m",
                    "not browser",
                    *choice,
                    *files,
                ],
                plugins=[noticed],
            )
        )
    print(NOTICED, noticed.first or "", flush=True)
    return code


def _beside_the_model(url: str, examples: int) -> str | None:
    """The scripted sequences, then the state machine with as many examples; what noticed something."""
    import logging
    from datetime import UTC, datetime

    from server.clock import FakeClock
    from server.db import connect
    from tests.faults import machine, scripts

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    dbs = connect(url)
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    at = "?"
    try:
        for script in scripts.SCRIPTS:
            at = script.__name__
            scripts.run([script], dbs, clock)
        at = "machine"
        if examples:
            machine.run(dbs, clock, examples=examples, shrink=False)
    except BaseException as error:  # whatever it is, it was noticed
        return f"{at}: {type(error).__name__} {str(error).splitlines()[0] if str(error) else ''}"
    finally:
        dbs.dispose()
    return None


def forked(work: Callable[[], Any], answer: Path) -> int:
    """Run `work` in a child; its JSON answer goes to a file. Returns the process id."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(LONGEST_S)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    try:
        answer.write_text(json.dumps({"value": work()}), encoding="utf-8")
    except BaseException:
        answer.write_text(json.dumps({"error": traceback.format_exc()}), encoding="utf-8")
    os._exit(0)


def _make_template(path: Path) -> None:
    from server import migrations

    migrations.upgrade(f"sqlite:///{path}")


def run(mutations: Sequence[Mutation], quick: bool, template: Path | None = None, at_once: int = 2) -> dict[str, str | None]:
    """Mutation name -> what noticed it. Raises when one does not apply. `template`: an empty, migrated SQLite file."""
    for mutation in mutations:
        spec = Path(*mutation.module.split(".")).with_suffix(".py")
        mutated(spec.read_text(encoding="utf-8"), mutation)
    found: dict[str, str | None] = {}
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        if template is None:
            template = folder / "template.db"
            os.waitpid(forked(partial(_make_template, template), folder / "template.json"), 0)
        running: dict[int, Mutation] = {}
        left = list(mutations)
        while left or running:
            while left and len(running) < at_once:
                mutation = left.pop(0)
                work = _work(mutation, template, quick)
                running[forked(work, folder / f"{mutation.name}.json")] = mutation
            pid, status = os.wait()
            mutation = running.pop(pid)
            found[mutation.name] = _answer(folder / f"{mutation.name}.json", status)
            print(f"{mutation.name:34} {found[mutation.name] or 'LIVES'}"[:170], flush=True)
    return found


def _work(mutation: Mutation, template: Path, quick: bool) -> Callable[[], Any]:
    return lambda: _child(mutation, template, quick)


def _answer(path: Path, status: int) -> str | None:
    if not path.exists():
        print(f"it did not end within {LONGEST_S} s (status {status})", flush=True)
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    if "error" in told:
        raise RuntimeError(told["error"])
    value: str | None = told["value"]
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description="Seeded mistakes, each of which must be noticed.")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--quick", action="store_true", help="a handful, by the scripted sequences alone")
    parser.add_argument("--template", type=Path, help="an empty, migrated SQLite file; made when not given")
    parser.add_argument("--tests-against", help="only the ordinary tests, against one mutation")
    given = parser.parse_args()
    if given.tests_against:
        raise SystemExit(_tests(next(one for one in ALL if one.name == given.tests_against)))
    wanted = QUICK if given.quick else given.only
    chosen = [one for one in ALL if not wanted or one.name in wanted]
    began = time.monotonic()
    found = run(chosen, given.quick, given.template)
    living = [name for name, by in found.items() if by is None]
    print(f"{len(found)} mutations, {len(found) - len(living)} noticed, {len(living)} live; {time.monotonic() - began:.0f} s")
    if not wanted:
        out = Path("var/bench/mutants.json")
        out.parent.mkdir(parents=True, exist_ok=True)
        figures = {"mutants_total": len(found), "mutants_killed": len(found) - len(living)}
        shown = {name: {"value": value, "unit": "count", "runs": [value]} for name, value in figures.items()}
        out.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(bool(living))


if __name__ == "__main__":
    main()
