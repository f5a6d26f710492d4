"""What clients saw acknowledged against what SQL holds: lost must be 0, and so must unexplained.

    python -m loadtests.verify --url sqlite:///load/jikao.db --diary diary.jsonl

- *lost*: acknowledged to a client (ok), not in the journal with the same content.
- *unexplained*: in the journal, but no client sent it; or refused to a client and stored all the same; or a journal whose
  chain does not recompute, or a sitting that is not the fold of its journal.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.db import connect
from server.sitting.events import BrokenChainError, Event, check_chain
from server.sitting.operations import content_of
from server.sitting.state import fold
from server.sitting.store import store_for

Place = tuple[int, int, int, int]
"""(exam session, entry, epoch, op)."""


@dataclass
class Report:
    """What was found."""

    acknowledged: int = 0
    refused: int = 0
    unknown_then_stored: int = 0
    events: int = 0
    lost: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing unexplained."""
        return not self.lost and not self.unexplained


@dataclass
class Told:
    """What one client knows of one operation."""

    content: dict[str, Any]
    outcomes: list[str]


def read_diary(lines: Iterable[str]) -> dict[Place, Told]:
    """The last line may be cut short by a kill; everything else must parse."""
    told: dict[Place, Told] = {}
    pending = ""
    for line in lines:
        if pending:
            raise ValueError("a line in the middle of the diary is broken")
        try:
            entry = json.loads(line)
        except ValueError:
            pending = line
            continue
        place = (entry["exam"], entry["entry"], entry["epoch"], entry["op"])
        found = told.setdefault(place, Told(entry["content"], []))
        found.outcomes.append(entry["outcome"])
    return told


def compare(told: dict[Place, Told], journals: dict[tuple[int, int], list[Event]]) -> Report:
    """The comparison itself. Pure."""
    report = Report()
    stored = {
        (*key, event.epoch, event.op): content_of(event)
        for key, events in journals.items()
        for event in events
        if event.op is not None
    }
    report.events = sum(len(events) for events in journals.values())
    for place, one in told.items():
        known = stored.get(place)
        if "ok" in one.outcomes:
            report.acknowledged += 1
            if known != one.content:
                report.lost.append(f"{place}: acknowledged {one.content}, stored {known}")
        elif "refused" in one.outcomes:
            report.refused += 1
            if known is not None and "unknown" not in one.outcomes:
                report.unexplained.append(f"{place}: refused, but stored {known}")
        elif known is not None:
            report.unknown_then_stored += 1
            if known != one.content:
                report.unexplained.append(f"{place}: sent {one.content}, stored {known}")
    report.unexplained += [f"{place}: stored, never sent by anybody" for place in stored if place not in told]
    return report


def check_journals(url: str) -> tuple[dict[tuple[int, int], list[Event]], list[str]]:
    """Every journal of the database, and the sittings that are not the fold of theirs."""
    dbs = connect(url)
    store = store_for(dbs.read)
    journals: dict[tuple[int, int], list[Event]] = defaultdict(list)
    problems = []
    with dbs.read.connect() as connection:
        keys = [(row[0], row[1]) for row in connection.exec_driver_sql("SELECT exam_session_id, entry_no FROM sitting")]
    with closing(store.connect()) as raw:
        for start in range(0, len(keys), 200):
            rows = {sitting.key: sitting for sitting in store.peek(raw, keys[start : start + 200])}
            for key, row in rows.items():
                events = store.read_events(raw, key)
                journals[key] = events
                try:
                    check_chain(*key, events)
                except BrokenChainError as error:
                    problems.append(f"{key}: {error}")
                    continue
                if fold(*key, events) != row:
                    problems.append(f"{key}: the sitting is not the fold of its journal")
    dbs.dispose()
    return journals, problems


def verify(url: str, diary: Path) -> Report:
    """The whole check."""
    told = read_diary(diary.read_text(encoding="utf-8").splitlines())
    journals, problems = check_journals(url)
    report = compare(told, journals)
    report.unexplained += problems
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a load diary with SQL.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--diary", type=Path, required=True)
    given = parser.parse_args()
    report = verify(given.url, given.diary)
    print(
        f"acknowledged {report.acknowledged}, refused {report.refused}, unknown but stored {report.unknown_then_stored}, "
        f"events {report.events}; lost {len(report.lost)}, unexplained {len(report.unexplained)}"
    )
    for line in [*report.lost[:20], *report.unexplained[:20]]:
        print("  " + line)
    sys.exit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
