"""The product's writer on a real database beside the reference model: the same commands to both, everything compared.

A burst is a list of intents (plain tuples) that arrive at one instant and are written as one batch. An intent is made a command
by looking at the model: "answer the next operation", "repeat an old one with other content", "at the closing time exactly".
"""

import itertools
import json
from contextlib import closing
from typing import Any

from sqlalchemy import text

from server.clock import FakeClock
from server.db import Databases
from server.sitting import commands as c
from server.sitting.state import fold, fold_answers
from server.sitting.store import to_datetime
from server.sitting.times import closes_at, ledger
from server.sitting.writer import Writer
from tests.faults.model import MINUTE, Model, canonical
from tests.sitting.given import ANNA, BELL, BORIS, GRACE, ORDER, OTHER_PC, PC, TERMS

_entries = itertools.count(1)
PEOPLE = 3
Intent = tuple[Any, ...]
STEPS: dict[str, int] = {"one": 1, "second": 1_000, "grace": GRACE, "minute": MINUTE, "quarter": 15 * MINUTE}
MOMENTS = (
    "bell",
    "hand_in",
    "latest_entry",
    "latest_entry+1",
    "closing",
    "closing+1",
    "closing+grace",
    "closing+grace+1",
    "back",
)


class World:
    """Some fresh sittings of exam session 7; many worlds may share one database, each has its own entries."""

    def __init__(self, dbs: Databases, writer: Writer, clock: FakeClock) -> None:
        self.dbs, self.writer, self.clock = dbs, writer, clock
        self.models = [Model(7, next(_entries)) for _ in range(PEOPLE)]
        self.now = BELL - 20 * MINUTE
        self.pages = 0
        self._set(self.now)

    # -- time --

    def pass_time(self, step: str) -> None:
        self._set(self.now + STEPS[step])

    def go_to(self, moment: str, person: int) -> None:
        """To a moment that matters, or back in time: whatever the clock says, a journal never runs backwards."""
        closing_at, _stood = self.models[person].clock()
        base = closing_at or BELL
        moments = {
            "bell": BELL,
            "hand_in-1": BELL + TERMS.earliest_hand_in_ms - 1,
            "hand_in": BELL + TERMS.earliest_hand_in_ms,
            "latest_entry": BELL + TERMS.latest_entry_ms,
            "latest_entry+1": BELL + TERMS.latest_entry_ms + 1,
            "closing": base,
            "closing+1": base + 1,
            "closing+grace": base + GRACE,
            "closing+grace+1": base + GRACE + 1,
            "back": self.now - MINUTE,
        }
        self._set(moments[moment])

    def _set(self, now: int) -> None:
        self.now = now
        self.clock.set(to_datetime(now))

    # -- commands --

    def burst(self, intents: list[tuple[int, Intent]]) -> None:
        """What each comes to by the model; then all at once to the writer; then the comparison."""
        commands, expected = [], []
        for person, intent in intents:
            model = self.models[person]
            command = self._command(model, intent)
            commands.append(command)
            expected.append((model.do(command, self.now), len(model.log)))
        with self.writer._wake:  # one batch
            futures = [self.writer.submit(command) for command in commands]
        for command, (code, n), future in zip(commands, expected, futures, strict=True):
            outcome = future.result(30)
            assert outcome.code == code, f"{command}: {outcome.code}, the model says {code}"
            assert code == "unknown" or outcome.sitting is None or outcome.sitting.n == n
        self.compare({person for person, _intent in intents})

    def _command(self, model: Model, intent: Intent) -> c.Command:
        made: c.Command = getattr(self, f"_{intent[0]}")(model, (model.exam, model.entry), *intent[1:])
        return made

    def _admit(self, model: Model, key: c.Key, room: int, extra: int) -> c.Command:
        return c.Admit(*key, institution_id=1, room_id=room, form_id=5 if room else None, extra_ms=extra)

    def _arrive(self, model: Model, key: c.Key, device: str) -> c.Command:
        return c.Arrive(*key, device=device)

    def _open(self, model: Model, key: c.Key, device: str, again: bool, full_time: bool) -> c.Command:
        self.pages += 1
        page = model.page if again and model.page else f"page-{self.pages}"
        terms = c.Terms(**{name: getattr(TERMS, name) for name in TERMS.__struct_fields__} | {"full_time_for_late": full_time})
        return c.Open(*key, device=device, page=page, terms=terms, order=ORDER, paper_digest="ab")

    def _absent(self, model: Model, key: c.Key) -> c.Command:
        return c.Absent(*key, terms=TERMS)

    def _close(self, model: Model, key: c.Key) -> c.Command:
        return c.Close(*key)

    def _ops(self, model: Model, key: c.Key, ahead: int, older: int, device: str | None, contents: list[Any]) -> c.Command:
        """Operations from number ack + `ahead` on (0 and less: repeats or forks), of the epoch `older` ones back."""
        first = max(1, model.ack + ahead)
        ops = [_op(first + place, content) for place, content in enumerate(contents)]
        return c.Operations(*key, epoch=max(0, model.epoch - older), ops=ops, device=device)

    def _repeat(self, model: Model, key: c.Key, which: int, count: int, changed: bool) -> c.Command:
        """Journaled operations once more; the last of them with other content if `changed`."""
        sent = [one for one in model.log if one.sent is not None]
        if not sent:
            return self._ops(model, key, 1, 0, None, [("value", 1, [1])])
        start = which % len(sent)
        chosen = [one for one in sent[start : start + count] if one.epoch == sent[start].epoch]
        ops = [c.Op(one.op or 0, **(one.sent or {}), dt_ms=7) for one in chosen]
        if changed:
            ops[-1] = _op(ops[-1].op, ("value", 3, [1, 2, 3]))
        return c.Operations(*key, epoch=chosen[0].epoch, ops=ops)

    def _staff(self, model: Model, key: c.Key, kind: str, detail: Any) -> c.Command:
        who = {"actor": ANNA, "reason": "断电"}
        made: dict[str, Any] = {
            "identity": lambda: c.MarkIdentity(*key, **who),
            "pause": lambda: c.Pause(*key, **who),
            "resume": lambda: c.Resume(*key, **who),
            "take_over": lambda: c.TakeOver(*key, **who, device=detail),
            "void": lambda: c.Void(*key, **who),
            "force": lambda: c.Force(*key, **who),
            "message": lambda: c.Message(*key, **who, text=detail),
        }
        command: c.Command = made[kind]()
        return command

    def _credit(self, model: Model, key: c.Key, ms: int, second: str) -> c.Command:
        return c.Credit(*key, actor=ANNA, reason="停电", ms=ms, second=_second(second), evidence="记录")

    def _reopen(self, model: Model, key: c.Key, ms: int, second: str) -> c.Command:
        return c.ReopenAfterEnd(*key, actor=ANNA, reason="x", ms=ms, second=_second(second))

    def _admit_late(self, model: Model, key: c.Key, count: int, second: str) -> c.Command:
        chosen = list(model.kept.items())[:count]  # what was admitted before may be named again: it stays admitted then
        operations = [c.KeptApart(*place, content) for place, (_reason, content, _n) in chosen]
        return c.AdmitLate(*key, actor=ANNA, reason="x", second=_second(second), operations=operations)

    # -- the comparison --

    def compare(self, people: set[int]) -> None:
        for person in people:
            model = self.models[person]
            if not model.log:
                continue
            key = (model.exam, model.entry)
            store = self.writer.store
            with closing(store.connect()) as connection:
                row = store.peek(connection, [key])[0]
                events = store.read_events(connection, key)
            bodies, heads = model.chain()
            assert [event.body for event in events] == bodies  # I1: byte for byte
            assert [event.head for event in events] == heads  # I2
            found = {name: getattr(row, name) for name in row.__struct_fields__}
            expected = model.row()
            assert {name: found[name] for name in expected} == expected
            assert fold(*key, events) == row  # I2
            assert closes_at(ledger(events)) == row.closes_at  # I4
            assert fold_answers(events).values == model.answers
            assert one_end(model)  # I5
            self._compare_tables(model)

    def _compare_tables(self, model: Model) -> None:
        here = {"exam": model.exam, "entry": model.entry}
        with self.dbs.read.connect() as connection:
            kept = connection.execute(
                text(
                    "SELECT epoch, op, digest, reason, content, admitted_n FROM quarantined_operation "
                    "WHERE exam_session_id = :exam AND entry_no = :entry"
                ),
                here,
            ).all()
            columns = connection.execute(
                text("SELECT kind, epoch, op FROM journal_event WHERE exam_session_id = :exam AND entry_no = :entry ORDER BY n"),
                here,
            ).all()
            audited = connection.execute(
                text("SELECT verb, detail FROM audit_row WHERE subject = :subject ORDER BY id"),
                {"subject": f"sitting:{model.exam}-{model.entry}"},
            ).all()
        plain = {tuple(row[:3]): (row[3], json.loads(row[4]) if isinstance(row[4], str) else row[4], row[5]) for row in kept}
        assert plain == model.kept  # I6: to quarantine, not to the bin
        assert [tuple(row) for row in columns] == [(one.kind, one.epoch, one.op) for one in model.log]
        assert len(audited) == len(model.audited)


def _second(name: str) -> Any:
    return {"nobody": None, "oneself": ANNA, "another": BORIS}[name]


def _op(number: int, content: Any) -> c.Op:
    kind, item, given = content
    if kind == "submit":
        return c.Op(number, submit=True)
    return c.Op(number, item=item, dt_ms=number % 3, **{kind: given})


def one_end(model: Model) -> bool:
    """I5: after an end only a reopening or late admission, and never two ends of one opening."""
    ended = False
    for one in model.log:
        if ended and one.kind not in ("reopened", "late_admitted"):
            return False
        if one.kind in ("submitted", "timed_out", "forced", "voided", "absent"):
            ended = True
        elif one.kind == "reopened":
            ended = False
    return True


__all__ = ["MOMENTS", "OTHER_PC", "PC", "PEOPLE", "STEPS", "Intent", "World", "canonical", "one_end"]
