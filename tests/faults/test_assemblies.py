"""Assemblies in several processes, some of them killed: a short run of what `make races` does at length."""

from pathlib import Path

from server import migrations
from tests.faults.assemblies import race


def test_no_family_twice_and_nothing_left_reserved(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'races.db'}"
    migrations.upgrade(url)
    outcome = race(url, tmp_path, attempts=6, processes=2, sets=2, seed=2)
    assert outcome.right, outcome
    assert outcome.killed > 0
    assert outcome.made + outcome.refused > 0
