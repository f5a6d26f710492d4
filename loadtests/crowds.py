"""Crowds as processes of their own, driven together by the measuring process."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Person = dict[str, Any]
PER_PROCESS = 5_000


@dataclass
class Heard:
    """What the processes of a crowd answered to one command, together."""

    millis: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    last: float = 0.0
    shown: list[tuple[int, int, float]] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds below which `share` of the answers came."""
        ordered = sorted(self.millis)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class LoadError(Exception):
    """A run that does not count; the message says why."""


class Crowds:
    """Every command goes to all processes at once and waits for all of them."""

    def __init__(self, processes: list["subprocess.Popen[str]"], diaries: list[Path]) -> None:
        self.processes, self.diaries = processes, diaries
        self.stopped = False

    def do(self, command: str, *, may_fail: bool = False, **given: Any) -> Heard:
        """Run a command; anything that went wrong for any candidate makes the run void, unless `may_fail`."""
        self.begin(command, **given)
        return self.wait(command, may_fail=may_fail)

    def begin(self, command: str, **given: Any) -> None:
        """Tell all processes; `wait` takes the answers."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps([command, given]) + "\n")
            process.stdin.flush()

    def wait(self, command: str, *, may_fail: bool = False) -> Heard:
        """The answers to what was begun."""
        heard = Heard()
        for process in self.processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise LoadError(f"a client process ended during '{command}' with {process.wait()}")
            one = json.loads(line)
            heard.millis += one["millis"]
            heard.shown += [(entry, answered, at) for entry, answered, at in one["shown"]]
            heard.last = max(heard.last, one["last"])
            for what, count in one["errors"].items():
                heard.errors[what] = heard.errors.get(what, 0) + count
        if heard.errors and not may_fail:
            raise LoadError(f"'{command}': {', '.join(f'{count} x {what}' for what, count in sorted(heard.errors.items()))}")
        return heard

    def stop(self) -> None:
        """Hang up; pulses must have been answered well all along."""
        self.stopped = True
        self.do("stop")


@contextlib.contextmanager
def crowds(port: int, people: list[Person], folder: Path, *, whole: int = 1_000_000, every_s: float = 20.0) -> Iterator[Crowds]:
    """Client processes for `people` (with cookies), at most 5,000 in each. `whole`: so many keep both connections."""
    parts = [people[start : start + PER_PROCESS] for start in range(0, len(people), PER_PROCESS)]
    processes, diaries = [], []
    try:
        for number, part in enumerate(parts):
            diary = folder / f"diary-{people[0]['exam_session_id']}-{number}.jsonl"
            plan = {"host": "127.0.0.1", "port": port, "people": part, "diary": str(diary), "every_s": every_s, "seed": number}
            plan["whole"] = max(0, min(len(part), whole - number * PER_PROCESS))
            process = subprocess.Popen(
                [sys.executable, "-m", "loadtests.crowd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            processes.append(process)
            diaries.append(diary)
            assert process.stdin is not None
            process.stdin.write(json.dumps(plan) + "\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise LoadError("a client process did not start")
        yield Crowds(processes, diaries)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
