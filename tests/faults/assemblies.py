"""Many assemblies at once on a small bank, in processes that are killed at random: no family twice, nothing left reserved.

    python -m tests.faults.assemblies [--attempts 200] [--processes 8] [--seed 1]

On SQLite and on PostgreSQL. A process assembles sets of two forms and seals half of them; the parent kills one by its number
every now and then, starts another in its place, and sweeps what was never sealed meanwhile. The proof at the end reads plain
rows: it does not use the index whose work it checks.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from itembank import ledger, papers, seals
from itembank.assembly.pool_item import PoolItem
from server import migrations
from server.db import connect, reading, transaction
from server.keyring import Keyring
from tests import postgresql
from tests.itembank import banks

TREE = banks.topics(leaves=2, areas=2)
SECONDS = 600.0


@dataclass
class Outcome:
    """What happened. `unexplained` refusals and `faults` must be empty."""

    made: int = 0
    refused: int = 0
    killed: int = 0
    swept: int = 0
    unexplained: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether all of it was as it must be."""
        return not self.unexplained and not self.faults


def stock(url: str, keys: Path, sets: int) -> int:
    """A bank of just enough items for so many sets of two forms; the blueprint's id."""
    kinds = ["single"] * 6 * sets + ["multiple"] * 2 * sets + ["true_false"] * 2 * sets
    pool = [PoolItem(n, n, n, kind, "A-A-001", "Y", 1 + n % 5) for n, kind in enumerate(kinds, 1)]
    dbs = connect(url)
    try:
        return banks.stored_bank(dbs, Keyring.open_folder(keys), pool, TREE, banks.small_body(TREE)).blueprint_id
    finally:
        dbs.dispose()


def race(url: str, folder: Path, *, attempts: int, processes: int, sets: int, seed: int) -> Outcome:
    """All of it on one (migrated, empty) database."""
    chance, outcome, keys = random.Random(seed), Outcome(), folder / "keys"
    blueprint = stock(url, keys, sets)
    dbs = connect(url)
    crew, left, lines = list[tuple[subprocess.Popen[str], Path, int]](), attempts, list[str]()
    number, end, kill_at = 0, time.monotonic() + SECONDS, 0.0
    try:
        while left > 0 or crew:
            if time.monotonic() > end:
                outcome.faults.append("out of time")
                break
            while left > 0 and len(crew) < processes:
                number += 1
                share = min(left, max(1, attempts // processes))
                left -= share
                crew.append(_start(url, keys, blueprint, share, chance.randrange(10**6), folder / f"{number}.out"))
            time.sleep(0.05)
            at_work = [one for one in crew if one[1].stat().st_size > 0 and one[0].poll() is None]
            if at_work and time.monotonic() > kill_at and outcome.killed < attempts // 4:
                chance.choice(at_work)[0].kill()
                outcome.killed += 1
                kill_at = time.monotonic() + chance.uniform(0.1, 1.0)
            for one in [one for one in crew if one[0].poll() is not None]:
                crew.remove(one)
                said = one[1].read_text().split("\n")[1:-1]  # the first says it is there; a killed one may have begun a last
                lines += said
                if one[0].returncode not in {0, -9}:
                    outcome.faults.append(f"a process ended with {one[0].returncode}")
                if one[0].returncode == -9:
                    left += max(0, one[2] - len(said) - 1)  # the one it was at is gone
            with transaction(dbs) as db:
                now = datetime.now(UTC)
                outcome.swept += len(ledger.sweep_unsealed(db, older_than=timedelta(seconds=2), by=banks.MANAGER, now=now))
        _count(lines, outcome)
        later = datetime.now(UTC) + timedelta(hours=1)
        with transaction(dbs) as db:
            outcome.swept += len(ledger.sweep_unsealed(db, older_than=timedelta(0), by=banks.MANAGER, now=later))
        with reading(dbs) as db:
            outcome.faults += proof(db)
    finally:
        for process, _out, _share in crew:
            process.kill()
            process.wait()
        dbs.dispose()
    return outcome


def _start(url: str, keys: Path, blueprint: int, share: int, seed: int, out: Path) -> tuple[subprocess.Popen[str], Path, int]:
    command = [sys.executable, "-m", "tests.faults.assemblies", "--work", url, str(keys), str(blueprint), str(share), str(seed)]
    with out.open("w") as sink:
        return subprocess.Popen(command, stdout=sink, text=True), out, share


def _count(lines: Sequence[str], outcome: Outcome) -> None:
    for line in lines:
        told = json.loads(line)
        if told["what"] == "made":
            outcome.made += 1
        else:
            outcome.refused += 1
            if not told["why"]:
                outcome.unexplained.append(line)


def proof(db: Session) -> list[str]:
    """What is wrong, by plain rows: after the sweeper only sealed forms hold claims, each family one, each slot its own."""
    rows = db.execute(text("SELECT scope, family_id, slot, form_id, item_id, ended_at FROM ledger_entry")).all()
    live = [row for row in rows if row.ended_at is None]
    twice = Counter((row.scope, row.family_id, row.slot) for row in live)
    faults = [f"claimed {n} times: {key}" for key, n in twice.items() if n > 1]
    states = {row.id: row.state for row in db.execute(text("SELECT id, state FROM form"))}
    faults += [
        f"form {row.form_id} is {states.get(row.form_id)} and holds item {row.item_id}"
        for row in live
        if states.get(row.form_id) != "sealed"
    ]
    slots = db.execute(text("SELECT form_id, item_id FROM form_slot")).all()
    wanted = sorted((s.form_id, s.item_id) for s in slots if states[s.form_id] == "sealed")
    if sorted((row.form_id, row.item_id) for row in live) != wanted:
        faults.append("the claims are not the slots of the sealed forms")
    return faults


def work(url: str, keys: Path, blueprint: int, share: int, seed: int) -> None:
    """In a process of its own: so many assemblies, one line of what came of each."""
    chance, dbs, keyring = random.Random(seed), connect(url), Keyring.open_folder(keys)
    around = papers.Around(partial(reading, dbs), lambda _share: None)
    print("here", flush=True)
    for _turn in range(share):
        number = chance.randrange(10)
        now = datetime.now(UTC)
        told: dict[str, object] = {"what": "made"}
        try:
            made = papers.make_papers(partial(transaction, dbs), blueprint, seed=number, now=now, by=1, around=around)
            if isinstance(made, papers.Infeasible):
                told = {"what": "refused", "why": [f"{m.add} {m.kind} {m.topic}" for m in made.mends]}
            elif chance.random() < 0.5:
                with reading(dbs) as db:
                    prepared = seals.prepare(db, made.paper_set_id, keyring)
                with transaction(dbs) as db:
                    seals.store(db, made.paper_set_id, prepared, now=now, by=1)
        except papers.TooContested as refusal:
            told = {"what": "refused", "why": [str(refusal)]}
        except papers.ClaimsLost:
            told = {"what": "made"}  # swept while it was waiting to be sealed
        print(json.dumps(told), flush=True)
    dbs.dispose()


def main() -> None:
    if "--work" in sys.argv:
        url, keys, blueprint, share, seed = sys.argv[sys.argv.index("--work") + 1 :]
        work(url, Path(keys), int(blueprint), int(share), int(seed))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--attempts", type=int, default=200)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    well = True
    for kind in ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory(prefix="jikao-races-") as name, postgresql.cluster() as server:
            url = f"sqlite:///{name}/jikao.db" if kind == "sqlite" else postgresql.create_database(server, "races")
            migrations.upgrade(url)
            outcome = race(url, Path(name), attempts=given.attempts, processes=given.processes, sets=12, seed=given.seed)
        print(f"{kind}: {outcome}", flush=True)
        well &= outcome.right and outcome.made > 0 and outcome.killed > 0
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
