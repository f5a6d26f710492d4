"""How long heavy work holds SQLite's write lock: import, assembly and sealing of two forms of 100 items.

    python -m tests.faults.held

Every transaction of the write engine is timed from its BEGIN IMMEDIATE to its COMMIT; the longest goes to var/bench/held.json.
The fixture's own enrolment (`loadtests.seed` seats each candidate by a statement) is not the product's and is left out.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event

from loadtests.seed import seed
from server import migrations
from server.db import connect
from server.keyring import Keyring

MOST_MS = 50.0


def measure(folder: Path) -> list[tuple[float, str]]:
    """(ms, the first writing statement) of each transaction, longest first."""
    url = f"sqlite:///{folder}/held.db"
    migrations.upgrade(url)
    dbs = connect(url)
    found: list[tuple[float, str]] = []
    running: dict[int, tuple[float, list[str]]] = {}

    @event.listens_for(dbs.write, "after_cursor_execute")
    def executed(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        key = id(connection.connection.driver_connection)
        if statement == "BEGIN IMMEDIATE":
            running[key] = (time.perf_counter(), [])
        elif key in running and not statement.lstrip().upper().startswith("SELECT"):
            running[key][1].append(statement)

    @event.listens_for(dbs.write, "commit")
    def committed(connection: Any) -> None:
        began, statements = running.pop(id(connection.connection.driver_connection))
        found.append(((time.perf_counter() - began) * 1000, statements[0][:70] if statements else "(reads)"))

    seed(dbs, Keyring.ephemeral(), candidates=10, items=100)
    dbs.dispose()
    return sorted((one for one in found if not one[1].startswith("INSERT INTO exam_session ")), reverse=True)


def main() -> None:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        found = measure(Path(folder))
    for ms, statement in found[:8]:
        print(f"{ms:8.1f} ms  {' '.join(statement.split())}")
    longest = round(found[0][0], 1)
    print(f"{len(found)} transactions; the longest held the lock for {longest} ms (at most {MOST_MS:.0f})")
    out = Path("var/bench/held.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    runs = [round(ms, 2) for ms, _statement in found]
    out.write_text(json.dumps({"write_lock_held_ms": {"value": longest, "unit": "ms", "runs": runs}}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
