"""A reference model of a sitting: plain, slow, obvious. It shares no code with the product's rules, state or events.

It keeps nothing but the list of what happened and answers every question (state, closing time, next operation …) by reading
that list from its start. Commands are the product's (they are only data); what they must come to is written down here a second
time, from the design, so that a mistake would have to be made twice.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from server.sitting import commands as c

MINUTE = 60_000
SOLO = 5 * MINUTE
LONGEST = 180 * MINUTE
QUIET = ("answered", "flagged", "reported")
ENDS = ("submitted", "timed_out", "forced", "voided")
SYSTEM = ["system", None, "jikao"]


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(content)).hexdigest()[:32]


def content_of(op: c.Op) -> dict[str, Any]:
    if op.value is not UNSET:
        return {"item": op.item, "value": op.value}
    if op.flag is not UNSET:
        return {"item": op.item, "flag": op.flag}
    if op.report is not UNSET:
        return {"item": op.item, "report": op.report}
    return {"submit": True}


@dataclass
class Happened:
    kind: str
    epoch: int
    op: int | None
    at: int
    who: list[Any] | None
    reason: str | None
    data: dict[str, Any]
    sent: dict[str, Any] | None = None
    """The content of the candidate's operation it came from."""


@dataclass
class Model:
    """One sitting."""

    exam: int
    entry: int
    log: list[Happened] = field(default_factory=list)
    kept: dict[tuple[int, int, str], tuple[str, dict[str, Any], int | None]] = field(default_factory=dict)
    audited: list[tuple[str, str]] = field(default_factory=list)

    # -- questions, each answered from the start of the list --

    def last(self, *kinds: str) -> Happened | None:
        for one in reversed(self.log):
            if one.kind in kinds:
                return one
        return None

    def count(self, *kinds: str) -> int:
        return sum(one.kind in kinds for one in self.log)

    @property
    def opened(self) -> bool:
        return self.last("opened") is not None

    @property
    def state(self) -> str:
        state = "admitted"
        for place, one in enumerate(self.log):
            if one.kind == "arrived":
                state = "waiting"
            elif one.kind in ("opened", "resumed"):
                state = "open"
            elif one.kind == "paused":
                state = "paused"
            elif one.kind in ENDS:
                state = "ended"
            elif one.kind == "absent":
                state = "absent"
            elif one.kind == "reopened":
                before = Model(self.exam, self.entry, self.log[:place])
                state = "open" if before.opened else "waiting" if before.device else "admitted"
        return state

    @property
    def over(self) -> bool:
        return self.state in ("ended", "absent")

    @property
    def end_kind(self) -> str | None:
        if self.state != "ended":
            return None
        end = self.last(*ENDS)
        return end.kind if end else None

    @property
    def epoch(self) -> int:
        return self.count("opened", "page_opened") + sum(
            one.kind == "taken_over" and Model(0, 0, self.log[:place]).opened for place, one in enumerate(self.log)
        )

    @property
    def ack(self) -> int:
        """How many operations this epoch has."""
        return sum(one.sent is not None and one.epoch == self.epoch for one in self.log)

    @property
    def device(self) -> str | None:
        one = self.last("arrived", "opened", "page_opened", "taken_over")
        return one.data["device"] if one else None

    @property
    def barred(self) -> str | None:
        for place in range(len(self.log) - 1, -1, -1):
            if self.log[place].kind == "arrived":
                return None
            if self.log[place].kind == "taken_over":
                return Model(0, 0, self.log[:place]).device
        return None

    def may_use(self, device: str) -> bool:
        return device == self.device if self.device is not None else device != self.barred

    @property
    def page(self) -> str | None:
        one = self.last("opened", "page_opened", "taken_over")
        return one.data.get("page") if one else None

    @property
    def total(self) -> int:
        one = self.last("opened")
        return len(one.data["order"]) if one else 0

    @property
    def credit(self) -> int:
        return sum(one.data["ms"] for one in self.log if one.kind == "credited")

    @property
    def solo(self) -> int:
        return sum(one.data["ms"] for one in self.log if one.kind == "credited" and one.data["second"] is None)

    @property
    def admit_late(self) -> bool:
        return any(one.kind == "reopened" and not Model(0, 0, self.log[:place]).opened for place, one in enumerate(self.log))

    def clock(self) -> tuple[int | None, int | None]:
        """(closing time, since when its clock stands): what is granted, plus credits, plus every while it stood still."""
        until: int | None = None
        credit, stood_since = 0, None
        for one in self.log:
            if one.kind == "credited":
                credit += one.data["ms"]
            if one.kind == "opened":
                until = one.data["until"]
            if until is None:
                continue
            if one.kind == "paused":
                stood_since = one.at
            elif one.kind in ENDS and stood_since is None:
                stood_since = min(one.at, until + credit)
            elif one.kind in ("resumed", "reopened") and stood_since is not None:
                until += one.at - stood_since
                stood_since = None
        return (None if until is None else until + credit), stood_since

    def stored(self, epoch: int, op: int) -> dict[str, Any] | None:
        for one in self.log:
            if one.sent is not None and (one.epoch, one.op) == (epoch, op):
                return one.sent
        return None

    @property
    def answers(self) -> dict[int, list[int]]:
        """What stands last for each question."""
        found: dict[int, list[int]] = {}
        for one in self.log:
            for content in [one.data] if one.kind == "answered" else one.data.get("operations", []):
                if "value" in content:
                    found[content["item"]] = content["value"]
        return found

    @property
    def flags(self) -> set[int]:
        found = {one.data["item"]: one.data["flag"] for one in self.log if one.kind == "flagged"}
        return {item for item, on in found.items() if on}

    # -- the chain, computed a second time --

    def chain(self) -> tuple[list[bytes], list[bytes]]:
        """(bodies, heads)."""
        head = hashlib.sha256(f"jikao journal 1 {self.exam}/{self.entry}".encode()).digest()
        bodies, heads = [], []
        for n, one in enumerate(self.log, 1):
            body = canonical([n, one.kind, one.epoch, one.op, one.at, one.who, one.reason, one.data])
            head = hashlib.sha256(head + body).digest()
            bodies.append(body)
            heads.append(head)
        return bodies, heads

    @property
    def receipt(self) -> dict[str, Any] | None:
        if self.state != "ended" or self.end_kind == "voided" or not self.opened:
            return None
        place = max(place for place, one in enumerate(self.log) if one.kind in ENDS)
        then = Model(self.exam, self.entry, self.log[: place + 1])
        return {
            "code": base64.b32encode(then.chain()[1][place][:10]).decode(),
            "answered": sum(bool(value) for value in then.answers.values()),
            "total": self.total,
            "n": place + 1,
            "at_ms": self.log[place].at,
            "end": self.log[place].kind,
        }

    # -- commands --

    def do(self, command: c.Command, now: int) -> str:
        """What the command must come to: the code; what happened is in `log` and `kept` afterwards."""
        self.now = max(now, self.log[-1].at if self.log else 0)
        if not self.log and not isinstance(command, c.Admit):
            code = "unknown"
        else:
            code = getattr(self, f"_{type(command).__name__.lower()}")(command)
        if isinstance(command, c.StaffCommand):
            self.audited.append((type(command).__name__, code))
        return code

    def _add(self, kind: str, by: Any, data: dict[str, Any], *, epoch: int | None = None, op: c.Op | None = None) -> None:
        who = reason = None
        if isinstance(by, c.StaffCommand):
            who, reason = [by.actor.kind, by.actor.id, by.actor.name], by.reason
        elif by is SYSTEM:
            who = SYSTEM
        at_epoch = self.epoch if epoch is None else epoch
        sent = content_of(op) if op else None
        self.log.append(Happened(kind, at_epoch, op.op if op else None, self.now, who, reason, data, sent))

    def _admit(self, command: c.Admit) -> str:
        facts = {
            "institution": command.institution_id,
            "room": command.room_id,
            "form": command.form_id,
            "extra_ms": command.extra_ms,
        }
        before = self.last("admitted")
        if before is None or (before.data != facts and self.state in ("admitted", "waiting")):
            self._add("admitted", SYSTEM, facts)
        return "ok"

    def _arrive(self, command: c.Arrive) -> str:
        if self.state == "absent":
            return "absent"
        if self.state == "admitted" or (self.state == "waiting" and self.device != command.device):
            self._add("arrived", None, {"device": command.device})
        return "ok"

    def _open(self, command: c.Open) -> str:  # noqa: PLR0911 - one line a reason
        if self.over:
            return {"ended": "closed", "absent": "absent"}[self.state]
        if self.state in ("open", "paused"):
            if not self.may_use(command.device):
                return "other_device"
            if self.page != command.page:
                self._add("page_opened", None, {"page": command.page, "device": command.device}, epoch=self.epoch + 1)
            return "ok"
        terms = command.terms
        if terms.bell_at is None or self.now < terms.bell_at:
            return "not_yet"
        if terms.identity_check and not self.last("identity_checked"):
            return "identity"
        if not self.may_use(command.device):
            return "other_device"
        if self.now > terms.bell_at + terms.latest_entry_ms and not self.admit_late:
            return "too_late"
        facts = self.last("admitted")
        assert facts is not None
        if not command.order or facts.data["form"] is None:
            return "nothing"
        start = self.now if terms.full_time_for_late or self.admit_late else terms.bell_at
        data = {
            "page": command.page,
            "device": command.device,
            "order": command.order,
            "paper": command.paper_digest,
            "until": start + terms.duration_ms + facts.data["extra_ms"],
            "hand_in_at": terms.bell_at + terms.earliest_hand_in_ms,
            "grace_ms": terms.grace_ms,
        }
        self._add("opened", None, data, epoch=self.epoch + 1)
        return "ok"

    def _operations(self, command: c.Operations) -> str:
        if self.epoch == 0:
            return "not_open"
        if command.epoch > self.epoch:
            return "fork"
        wrong_pc = command.device is not None and self.device is not None and command.device != self.device
        if command.epoch < self.epoch or wrong_pc:
            self._keep(command.epoch, command.ops, "fenced")
            return "fenced"
        for place, op in enumerate(command.ops):
            code = self._one(op)
            if code in ("late", "closed", "fork"):
                self._keep(command.epoch, command.ops[place:], code)
            if code != "ok":
                return code
        return "ok"

    def _one(self, op: c.Op) -> str:  # noqa: PLR0911 - one line a reason
        if op.op <= self.ack:
            return "ok" if self.stored(self.epoch, op.op) == content_of(op) else "fork"
        if self.state == "ended":
            return "closed"
        if op.op > self.ack + 1:
            return "gap"
        opened = self.last("opened")
        closing, _stood = self.clock()
        assert opened is not None
        assert closing is not None
        over = self.now - closing if self.state == "open" else 0
        if over > opened.data["grace_ms"]:
            return "late"
        if op.submit is UNSET and op.item > self.total:
            return "malformed"
        if op.submit is not UNSET and self.now < opened.data["hand_in_at"]:
            return "too_early"
        data = {} if op.submit is not UNSET else content_of(op)
        if op.dt_ms:
            data["dt_ms"] = op.dt_ms
        if over > 0:
            data["over_ms"] = over
        names = {"value": "answered", "flag": "flagged", "report": "reported", "submit": "submitted"}
        kind = next(kind for name, kind in names.items() if name in content_of(op))
        self._add(kind, None, data, op=op)
        return "ok"

    def _keep(self, epoch: int, ops: list[c.Op], reason: str) -> None:
        for op in ops:
            content = content_of(op)
            if self.stored(epoch, op.op) != content:
                self.kept.setdefault((epoch, op.op, digest(content)), (reason, content, None))

    def _close(self, command: c.Close) -> str:
        if self.state == "ended":
            return "ok"
        opened = self.last("opened")
        closing, _stood = self.clock()
        if self.state != "open" or opened is None or closing is None or self.now <= closing + opened.data["grace_ms"]:
            return "not_due"
        self._add("timed_out", SYSTEM, {})
        return "ok"

    def _absent(self, command: c.Absent) -> str:
        if self.state == "absent":
            return "ok"
        bell = command.terms.bell_at
        past = bell is not None and self.now > bell + command.terms.latest_entry_ms
        if self.opened or self.over or self.admit_late or not past:
            return "not_due"
        self._add("absent", SYSTEM, {})
        return "ok"

    # -- the staff --

    def _markidentity(self, command: c.MarkIdentity) -> str:
        if self.over:
            return "closed"
        if not self.last("identity_checked"):
            self._add("identity_checked", command, {})
        return "ok"

    def _pause(self, command: c.Pause) -> str:
        if self.over:
            return "closed"
        if self.state != "open":
            return "ok" if self.state == "paused" else "not_open"
        closing, _stood = self.clock()
        if closing is not None and self.now > closing:
            return "late"
        self._add("paused", command, {})
        return "ok"

    def _resume(self, command: c.Resume) -> str:
        if self.over:
            return "closed"
        if self.state == "paused":
            self._add("resumed", command, {})
        return "ok" if self.state == "open" else "not_open"

    def _two(self, command: Any) -> list[Any] | None:
        second, first = command.second, command.actor
        if second is None or second.id is None or (second.kind, second.id) == (first.kind, first.id):
            return None
        return [second.kind, second.id, second.name]

    def _credit(self, command: c.Credit) -> str:
        if command.ms <= 0 or command.ms > LONGEST:
            return "bad_amount"
        second = self._two(command)
        if second is None and (self.over or self.solo + command.ms > SOLO):
            return "needs_second"
        if self.over:
            self._add("reopened", command, {"second": second})
        self._add("credited", command, {"ms": command.ms, "second": second, "evidence": command.evidence})
        return "ok"

    def _takeover(self, command: c.TakeOver) -> str:
        if self.over:
            return "closed"
        self._add("taken_over", command, {"device": command.device}, epoch=self.epoch + 1 if self.opened else 0)
        return "ok"

    def _void(self, command: c.Void) -> str:
        if self.over:
            return "ok" if self.end_kind == "voided" else "closed"
        self._add("voided", command, {})
        return "ok"

    def _force(self, command: c.Force) -> str:
        if self.state == "ended":
            return "ok" if self.end_kind == "forced" else "closed"
        if self.state not in ("open", "paused"):
            return "not_open"
        self._add("forced", command, {})
        return "ok"

    def _message(self, command: c.Message) -> str:
        text = command.text.strip()
        if not text or len(text) > 500 or "\x00" in text:
            return "malformed"
        if self.over:
            return "closed"
        self._add("messaged", command, {"text": text})
        return "ok"

    def _reopenafterend(self, command: c.ReopenAfterEnd) -> str:
        if not self.over:
            return "not_due"
        second = self._two(command)
        if second is None:
            return "needs_second"
        if not 0 <= command.ms <= LONGEST:
            return "bad_amount"
        self._add("reopened", command, {"second": second})
        if command.ms:
            self._add("credited", command, {"ms": command.ms, "second": second, "evidence": ""})
        return "ok"

    def _admitlate(self, command: c.AdmitLate) -> str:
        second = self._two(command)
        if second is None:
            return "needs_second"
        if not self.opened:
            return "not_open"
        if not command.operations:
            return "nothing"
        if any("item" in one.content and not 1 <= one.content["item"] <= self.total for one in command.operations):
            return "malformed"
        told = [{"epoch": one.epoch, "op": one.op, "digest": one.digest, **one.content} for one in command.operations]
        self._add("late_admitted", command, {"second": second, "operations": told})
        for one in command.operations:
            place = (one.epoch, one.op, one.digest)
            reason, content, admitted = self.kept[place]
            self.kept[place] = (reason, content, len(self.log) if admitted is None else admitted)
        return "ok"

    # -- the row --

    def row(self) -> dict[str, Any]:
        """Every column of the sitting, as it must stand in SQL."""
        closing, stood = self.clock()
        opened, facts = self.last("opened"), self.last("admitted")
        loud = [one for one in self.log if one.kind not in QUIET]
        identity, end = self.last("identity_checked"), self.last(*ENDS, "absent")
        assert facts is not None
        return {
            "exam_session_id": self.exam,
            "entry_no": self.entry,
            "institution_id": facts.data["institution"],
            "room_id": facts.data["room"],
            "form_id": facts.data["form"],
            "extra_ms": facts.data["extra_ms"],
            "state": self.state,
            "end_kind": self.end_kind,
            "epoch": self.epoch,
            "ack": self.ack,
            "n": len(self.log),
            "head": self.chain()[1][-1],
            "version": len(loud),
            "changed_at": loud[-1].at,
            "last_at": self.log[-1].at,
            "total": self.total,
            "credit_ms": self.credit,
            "solo_ms": self.solo,
            "grace_ms": opened.data["grace_ms"] if opened else 0,
            "opened_at": opened.at if opened else None,
            "hand_in_at": opened.data["hand_in_at"] if opened else None,
            "closes_at": closing,
            "stopped_at": stood,
            "ended_at": end.at if end and self.over else None,
            "identity_at": identity.at if identity else None,
            "device": self.device,
            "barred": self.barred,
            "page": self.page,
            "admit_late": self.admit_late,
            "message_n": max((n for n, one in enumerate(self.log, 1) if one.kind == "messaged"), default=None),
            "reports": self.count("reported"),
            "answered": sum(1 << (item - 1) for item, value in self.answers.items() if value),
            "flagged": sum(1 << (item - 1) for item in self.flags),
            "receipt": self.receipt,
        }
