"""The comparison with the model can fail: some seeded mistakes are noticed by the scripts, and all others fit the sources.

`make mutants` runs all of them against all the tests.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutants import QUICK, mutated
from tests.faults.mutations import ALL


def test_a_handful_is_noticed(sqlite_template: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.mutants", "--quick", "--template", str(sqlite_template)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUICK)} mutations, {len(QUICK)} noticed, 0 live" in done.stdout


def test_there_are_enough_and_their_names_are_their_own() -> None:
    assert len(ALL) >= 30
    assert len({one.name for one in ALL}) == len(ALL)
    assert set(QUICK) <= {one.name for one in ALL}


@pytest.mark.parametrize("mutation", ALL, ids=lambda one: one.name)
def test_every_mutation_fits_its_source(mutation: object) -> None:
    chosen = next(one for one in ALL if one is mutation)
    source = Path(*chosen.module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    assert mutated(source, chosen) != source
