"""What clients saw acknowledged against what SQL holds: lost must be 0, and so must unexplained.

    python -m loadtests.verify --url sqlite:///load/jikao.db --diary diary.jsonl

- *lost*: acknowledged to a client (ok), not in the journal with the same content.
- *unexplained*: in the journal, but no client sent it; or refused to a client and stored all the same; or acknowledged twice
  with different contents; or stored in another order than the client numbered it; or an answer that named a chain head, an
  acknowledged number or a receipt that the journal does not bear out; or a journal whose chain does not recompute, or a
  sitting that is not the fold of its journal.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from server.db import connect
from server.sitting.commands import Key
from server.sitting.events import BrokenChainError, Event, check_chain, receipt_code
from server.sitting.operations import content_of
from server.sitting.state import fold
from server.sitting.store import store_for

Place = tuple[int, int, int, int]
"""(exam session, entry, epoch, op)."""
Journals = dict[Key, list[Event]]


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
    """What one client knows of one operation: outcomes of its content, and of `others` sent under the same number."""

    content: dict[str, Any]
    outcomes: list[str]
    others: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def hear(self, outcome: str, content: dict[str, Any]) -> None:
        """One more answer."""
        if content == self.content:
            self.outcomes.append(outcome)
        else:
            self.others.append((outcome, content))

    def of(self, outcome: str) -> list[dict[str, Any]]:
        """The contents that had this outcome."""
        return [content for heard, content in self.heard() if heard == outcome]

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """(outcome, content), all of them."""
        return [*((outcome, self.content) for outcome in self.outcomes), *self.others]


class Claim(NamedTuple):
    """What a reply said of a journal: its last event, the head there (first digits), the highest stored operation."""

    n: int
    head: str
    epoch: int
    ack: int


class History(NamedTuple):
    """What all clients were told."""

    operations: dict[Place, Told]
    claims: dict[Key, list[Claim]]
    receipts: dict[Key, list[dict[str, Any]]]


def read_history(lines: Iterable[str | bytes]) -> History:
    """The last line may be cut short by a kill; everything else must parse."""
    history = History({}, defaultdict(list), defaultdict(list))
    pending = False
    for line in lines:
        if pending:
            raise ValueError("a line in the middle of the diary is broken")
        try:
            entry = msgspec.json.decode(line)
        except ValueError:
            pending = True
            continue
        key = (entry["exam"], entry["entry"])
        if "receipt" in entry:
            history.receipts[key].append(entry["receipt"])
            continue
        place = (*key, entry["epoch"], entry["op"])
        history.operations.setdefault(place, Told(entry["content"], [])).hear(entry["outcome"], entry["content"])
        if "head" in entry:
            history.claims[key].append(Claim(entry["n"], entry["head"], entry["epoch"], entry["ack"]))
    return history


def read_diary(lines: Iterable[str | bytes]) -> dict[Place, Told]:
    """Only the operations of a history."""
    return read_history(lines).operations


def compare(told: dict[Place, Told], journals: Journals) -> Report:
    """Operations as clients heard of them against the journals. Pure."""
    report = Report()
    stored = {
        (*key, event.epoch, event.op): content_of(event)
        for key, events in journals.items()
        for event in events
        if event.op is not None
    }
    report.events = sum(len(events) for events in journals.values())
    for place, one in told.items():
        _judge(report, place, one, stored.get(place))
    report.unexplained += [f"{place}: stored, never sent by anybody" for place in stored if place not in told]
    for key, events in journals.items():
        report.unexplained += out_of_order(key, events)
    return report


def _judge(report: Report, place: Place, one: Told, known: dict[str, Any] | None) -> None:
    acknowledged, refused, unknown = one.of("ok"), one.of("refused"), one.of("unknown")
    if acknowledged:
        report.acknowledged += 1
        if any(content != acknowledged[0] for content in acknowledged):
            report.unexplained.append(f"{place}: acknowledged twice differently: {acknowledged}")
        if known not in acknowledged:
            report.lost.append(f"{place}: acknowledged {acknowledged[0]}, stored {known}")
    elif refused:
        report.refused += 1
        if known is not None and known not in unknown:
            report.unexplained.append(f"{place}: refused, but stored {known}")
    elif known is not None:
        report.unknown_then_stored += 1
        sent = [content for _outcome, content in one.heard()]
        if known not in sent:
            report.unexplained.append(f"{place}: sent {sent}, stored {known}")


def out_of_order(key: Key, events: list[Event]) -> list[str]:
    """Operations must stand in the journal as they were numbered: 1, 2, 3 ... in each epoch, epochs never falling.

    Operations that two people admitted late stand inside their own event and are not looked at here.
    """
    problems, epoch, last = [], 0, 0
    for event in events:
        if event.epoch < epoch:
            problems.append(f"{key}: event {event.n} is of epoch {event.epoch}, after epoch {epoch}")
        elif event.epoch > epoch:
            epoch, last = event.epoch, 0
        if event.op is not None:
            if event.op != last + 1:
                problems.append(f"{key}: event {event.n} is operation {event.op} of epoch {event.epoch}, after {last}")
            last = event.op
    return problems


def check_claims(history: History, journals: Journals) -> list[str]:
    """What answers said of the journal: heads, acknowledged numbers, receipts. Pure."""
    problems = []
    for key, claims in history.claims.items():
        events = journals.get(key, [])
        before = 0
        for claim in claims:
            problems += [f"{key}: {what}" for what in _claim_problems(claim, events, before)]
            before = max(before, claim.n)
    for key, receipts in history.receipts.items():
        events = journals.get(key, [])
        reopened = any(event.kind == "reopened" for event in events)
        if not reopened and any(receipt != receipts[0] for receipt in receipts):
            problems.append(f"{key}: two different receipts for one end")
        for receipt in receipts:
            n = receipt["n"]
            if not 1 <= n <= len(events) or receipt["code"] != receipt_code(events[n - 1].head):
                problems.append(f"{key}: receipt {receipt['code']} at event {n} is not of this journal")
    return problems


def _claim_problems(claim: Claim, events: list[Event], before: int) -> list[str]:
    if claim.n < before:
        return [f"an answer named event {claim.n} as the last after event {before} had been named"]
    if not 1 <= claim.n <= len(events):
        return [f"an answer named event {claim.n}, the journal has {len(events)}"]
    if not events[claim.n - 1].head.hex().startswith(claim.head):
        return [f"an answer named another head at event {claim.n}"]
    stored = max((event.op or 0 for event in events[: claim.n] if event.epoch == claim.epoch), default=0)
    if claim.ack != stored:
        return [f"an answer acknowledged up to {claim.ack} at event {claim.n}, stored were {stored}"]
    return []


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


def verify(url: str, *diaries: Path) -> Report:
    """The whole check, over the diaries of all client processes."""
    history = read_history(line for diary in diaries for line in diary.read_bytes().splitlines())
    journals, problems = check_journals(url)
    report = compare(history.operations, journals)
    report.unexplained += check_claims(history, journals) + problems
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a load diary with SQL.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--diary", type=Path, required=True, nargs="+")
    given = parser.parse_args()
    report = verify(given.url, *given.diary)
    print(
        f"acknowledged {report.acknowledged}, refused {report.refused}, unknown but stored {report.unknown_then_stored}, "
        f"events {report.events}; lost {len(report.lost)}, unexplained {len(report.unexplained)}"
    )
    for line in [*report.lost[:20], *report.unexplained[:20]]:
        print("  " + line)
    sys.exit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
