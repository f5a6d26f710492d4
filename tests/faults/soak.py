"""The state machine of `machine` for as long as wished, with fresh seeds, on both databases: `make soak`."""

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from server import migrations
from server.clock import FakeClock
from server.db import connect
from tests import postgresql
from tests.faults import machine, world

EXAMPLES = 50


@contextmanager
def database(kind: str) -> Iterator[str]:
    """An empty, migrated database."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            url = f"sqlite:///{folder}/soak.db"
            migrations.upgrade(url)
            yield url
        return
    with postgresql.cluster() as server:
        url = postgresql.create_database(server, "soak")
        try:
            migrations.upgrade(url)
            yield url
        finally:
            postgresql.drop_database(server, "soak")


def soak(kind: str, seconds: float) -> tuple[int, int]:
    """(examples, commands) until the time is over; raises what the machine found."""
    commands = 0
    original = world.World.burst

    def counted(self: world.World, intents: list[tuple[int, world.Intent]]) -> None:
        nonlocal commands
        commands += len(intents)
        original(self, intents)

    world.World.burst = counted  # type: ignore[method-assign]
    examples = 0
    with database(kind) as url:
        dbs = connect(url)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            machine.run(dbs, FakeClock(datetime(2026, 1, 1, tzinfo=UTC)), examples=EXAMPLES, steps=40, derandomize=False)
            examples += EXAMPLES
        dbs.dispose()
    world.World.burst = original  # type: ignore[method-assign]
    return examples, commands


def main() -> None:
    parser = argparse.ArgumentParser(description="The state machine for long.")
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    figures = {}
    for kind in ("sqlite", "postgresql"):
        examples, commands = soak(kind, given.minutes * 60)
        print(f"{kind:12} {examples:7} runs, {commands:8} commands, the model and the product agree")
        figures[f"soak_{kind}_commands"] = {"value": commands, "unit": "count", "runs": [commands]}
    out = Path("var/bench/soak.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
