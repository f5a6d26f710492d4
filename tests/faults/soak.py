"""For as long as wished on both databases: the state machine of `machine` with fresh seeds, and the memory of a serving process.

python -m tests.faults.soak --minutes 10    # of each, on each database
"""

import argparse
import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from server.clock import FakeClock
from server.db import connect
from tests.faults import machine, memory, world
from tests.faults.on_database import database

EXAMPLES = 50


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
    parser = argparse.ArgumentParser(description="The state machine and a serving process for long.")
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    figures, leaks = {}, []
    for kind in ("sqlite", "postgresql"):
        examples, commands = soak(kind, given.minutes * 60)
        print(f"{kind:12} {examples:7} runs, {commands:8} commands, the model and the product agree", flush=True)
        figures[f"soak_{kind}_commands"] = (commands, "count")
        found = memory.watch(kind, given.minutes)
        print(
            f"{kind:12} {found['saves']} saves: {found['first_mb']:.0f} MB, at the end {found['last_mb']:.0f} MB; "
            f"{found['kb_per_minute']:.0f} KB a minute, {found['bytes_per_save']:.0f} bytes a save",
            flush=True,
        )
        units = {"saves": "count", "kb_per_minute": "KB/min", "bytes_per_save": "B", "first_mb": "MB", "last_mb": "MB"}
        figures |= {f"soak_{kind}_{name}": (round(found[name], 1), unit) for name, unit in units.items()}
        if found["bytes_per_save"] > memory.MOST_BYTES_PER_SAVE:
            leaks.append(kind)
    out = Path("var/bench/soak.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    shown = {name: {"value": value, "unit": unit, "runs": [value]} for name, (value, unit) in figures.items()}
    out.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
    if leaks:
        raise SystemExit(f"it grows by more than {memory.MOST_BYTES_PER_SAVE} bytes a save: {', '.join(leaks)}")


if __name__ == "__main__":
    main()
