"""One transaction of the writer: read and lock, decide in order of arrival, store everything of a kind by one statement."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from server.sitting.commands import AdmitLate, Carry, Command, Hold, Key, Operations, Outcome, Quarantined, StaffCommand
from server.sitting.decisions import Decision
from server.sitting.events import Event
from server.sitting.operations import content_of
from server.sitting.rules import decide
from server.sitting.sql import NONE_KEPT, REST, SAVED, Connection, Store
from server.sitting.state import Sitting, blank

log = structlog.get_logger()


class Queued(Protocol):
    """A command and when it was received."""

    command: Command
    at: int


class Batch:
    """The sittings of one transaction, as they change from command to command."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        hold: Callable[[int], Hold | None] = lambda _exam: None,
        kept: Mapping[Key, Sitting] = NONE_KEPT,
    ) -> None:
        self.hold = hold
        self.kept_sittings = kept
        self.store = store
        self.connection = connection
        self.before: dict[Key, Sitting] = {}
        self.now: dict[Key, Sitting] = {}
        self.mates = True
        """Whether several commands are about the same sitting."""
        self.seen: dict[Key, dict[tuple[int, int], dict[str, Any]]] = {}
        self.events: list[tuple[Key, Event]] = []
        self.kept: list[tuple[Key, Quarantined]] = []
        self.admitted: list[tuple[Any, ...]] = []
        self.acts: list[tuple[StaffCommand, Decision]] = []

    def read(self, jobs: Sequence[Queued]) -> None:
        """Lock and read what the commands are about, and the stored operations they may repeat."""
        of_jobs = [job.command.key for job in jobs]
        keys = sorted(set(of_jobs))
        self.mates = len(keys) < len(jobs)
        self.before = self.store.load(self.connection, keys, self.kept_sittings)
        self.now = dict(self.before)
        wanted = []
        for job, key in zip(jobs, of_jobs, strict=True):
            command = job.command
            if isinstance(command, Operations):
                sitting = self.before.get(key)
                if sitting is not None and (command.epoch < sitting.epoch or command.ops[0].op <= sitting.ack):
                    wanted.append((*key, command.epoch, command.ops[0].op, command.ops[-1].op))
            elif isinstance(command, Carry):
                wanted.append((*key, command.epoch, command.ops[0].op, command.ops[-1].op))
        if wanted:
            self.seen = self.store.seen(self.connection, wanted)

    def decide(self, job: Queued) -> Outcome:
        """One command; a rule that fails harms only itself."""
        command = job.command
        key = command.key
        sitting = self.now.get(key) or blank(*key)
        try:
            decision = decide(sitting, command, job.at, self.seen.get(key, {}), self.hold(key[0]))
        except Exception as error:  # batch mates must not pay for it
            log.error("command_failed", command=type(command).__name__, error=type(error).__name__)
            return Outcome("failed")
        self._take_in(key, command, decision)
        return decision.outcome

    def _take_in(self, key: Key, command: Command, decision: Decision) -> None:
        if decision.events:
            self.now[key] = decision.sitting
            for event in decision.events:
                self.events.append((key, event))
                if self.mates and event.op is not None:  # a batch mate may repeat it
                    self.seen.setdefault(key, {})[event.epoch, event.op] = content_of(event)
        if decision.quarantine:
            self.kept += [(key, kept) for kept in decision.quarantine]
        if isinstance(command, StaffCommand):
            self.acts.append((command, decision))
            if isinstance(command, AdmitLate) and decision.outcome.ok:
                n = decision.sitting.n
                self.admitted += [(n, *key, kept.epoch, kept.op, kept.digest) for kept in command.operations]

    def store_all(self, now_ms: int) -> None:
        """Everything that was decided, each kind by one statement."""
        store, connection = self.store, self.connection
        if self.events:
            store.add_events(connection, self.events)
            self._store_sittings()
        if self.kept:
            store.keep_apart(connection, self.kept)
        if self.admitted:
            store.admitted(connection, self.admitted)
        if self.acts:
            store.audit(connection, [_audit_row(command, decision, now_ms) for command, decision in self.acts])

    def _store_sittings(self) -> None:
        new, saved, rest = [], [], []
        for key in sorted({key for key, _event in self.events}):
            sitting, before = self.now[key], self.before.get(key)
            if before is None:
                new.append(sitting)
            elif before.version == sitting.version:
                saved.append(sitting)
            else:
                rest.append(sitting)
        if new:
            self.store.add_sittings(self.connection, new)
        if saved:
            self.store.save(self.connection, saved, columns=SAVED)
        if rest:
            self.store.save(self.connection, rest, columns=REST)

    def changed(self) -> list[Sitting]:
        """The sittings whose page must hear of it."""
        touched = {key for key, _event in self.events}
        before = self.before
        return [self.now[key] for key in touched if key not in before or before[key].version != self.now[key].version]


def _audit_row(command: StaffCommand, decision: Decision, now_ms: int) -> dict[str, Any]:
    verb = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(command).__name__).lower()
    detail: dict[str, Any] = {"reason": command.reason, "result": decision.outcome.code, "n": decision.sitting.n}
    second = getattr(command, "second", None)
    if second is not None:
        detail["second"] = [second.kind, second.id, second.name]
    if isinstance(command, Carry):
        detail |= command.facts
    if hasattr(command, "ms"):
        detail["ms"] = command.ms
    return {
        "at": now_ms,
        "institution_id": decision.sitting.institution_id or None,
        "actor_kind": command.actor.kind,
        "actor_id": command.actor.id,
        "actor_name": command.actor.name,
        "verb": f"sitting.{verb}",
        "subject": f"sitting:{command.exam_session_id}-{command.entry_no}",
        "detail": detail,
    }
