"""Recovery files at the desk: read, held against the candidate chosen there, handed to the quarantine.

What is new in a file is counted before the writer is asked, so that a file that comes twice is told from one that brings
something; the rule looks again under the sitting's lock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from server.audit import trail
from server.audit.trail import Actor
from server.monitor import acts
from server.monitor.scope import Scope
from server.pages import _
from server.sitting import admission
from server.sitting.commands import Carry
from server.sitting.operations import content
from server.sitting.recovery import Carried, Recovery, RecoveryRefused
from server.sitting.sql import digest_of
from server.sitting.store import to_datetime
from server.sitting.tables import QuarantinedOperation

REASON = "recovery file"

PROBLEMS: dict[str, str] = {
    "none": _("Choose the recovery file first."),
    "too_big": _("This file is too large to be a recovery file. Choose the file whose name ends in .jikao-recovery."),
    "unreadable": _("This is not a recovery file. Choose the file whose name ends in .jikao-recovery."),
    "foreign": _("This recovery file was made for another installation and cannot be read here."),
    "damaged": _("The file is damaged or was changed. Save it on the PC once more and copy it again."),
    "malformed": _("The file was not made by an exam page of this installation. It cannot be taken in."),
    "other_exam": _("This file belongs to another exam session. Open the board of that exam session."),
    "other_candidate": _("This file belongs to another candidate than the one you chose. Check the seat it comes from."),
    "fork": _("The file comes from a page this server does not know. Keep it and tell the exam officer."),
    "duplicate": _("Nothing new: everything in this file is here already, saved or kept apart."),
    "busy": _("It could not be stored just now. Try again in a moment; nothing was changed."),
}
"""Code -> msgid. None of them says whose a foreign file is."""

_BUSY = frozenset({"busy", "storage", "shutdown", "failed"})


@dataclass(frozen=True)
class Taken:
    """A file that was taken in: how many operations are kept apart now, how many were here already, when they were made."""

    count: int
    known: int
    first_at: datetime
    last_at: datetime


def read(recovery: Recovery, data: bytes, scope: Scope, entry_no: int) -> Carried:
    """The file, if it is this candidate's; raises `RecoveryRefused` with a code of `PROBLEMS`."""
    if not data:
        raise RecoveryRefused("none")
    carried = recovery.read(data)
    if carried.exam_session_id != scope.exam.id:
        raise RecoveryRefused("other_exam")
    if carried.entry_no != entry_no:
        raise RecoveryRefused("other_candidate")
    return carried


def command(db: Session, carried: Carried, who: Actor) -> tuple[Carry, Taken]:
    """What to ask of the writer, and what to say when it is done; raises `RecoveryRefused` when nothing is new."""
    key = (carried.exam_session_id, carried.entry_no)
    known = {(epoch, op, digest) for _entry, epoch, op, digest in admission.journaled(db, key[0], [key[1]])}
    kept = select(QuarantinedOperation.epoch, QuarantinedOperation.op, QuarantinedOperation.digest).where(
        QuarantinedOperation.exam_session_id == key[0], QuarantinedOperation.entry_no == key[1]
    )
    known |= {(epoch, op, digest) for epoch, op, digest in db.exec(kept)}
    ops = carried.content.ops
    fresh = [op for op in ops if (carried.epoch, op.op, digest_of(content(op))) not in known]
    if not fresh:
        raise RecoveryRefused("duplicate")
    made = to_datetime(carried.content.made_ms)
    ages = [timedelta(milliseconds=op.dt_ms) for op in fresh]
    taken = Taken(len(fresh), len(ops) - len(fresh), made - max(ages), made - min(ages))
    return Carry(*key, actor=who, reason=REASON, epoch=carried.epoch, ops=fresh, facts=_facts(carried, taken)), taken


def _facts(carried: Carried, taken: Taken) -> dict[str, Any]:
    """For the audit row: numbers and times, nothing that was answered."""
    state = carried.content.state
    return {
        "file": carried.digest,
        "epoch": carried.epoch,
        "device": carried.device,
        "ack": carried.content.ack,
        "new": taken.count,
        "known": taken.known,
        "made": [taken.first_at.isoformat(), taken.last_at.isoformat()],
        "written": to_datetime(carried.content.made_ms).isoformat(),
        "page": {"answered": state.answered, "remaining_ms": state.remaining_ms, "handing_in": state.handing_in},
    }


def problem_of(code: str) -> str:
    """Code of `PROBLEMS` for the writer's answer."""
    if code in _BUSY:
        return "busy"
    return {"nothing": "duplicate", "unknown": "other_candidate", "not_open": "fork"}.get(code, code)


def note_refusal(db: Session, who: Actor, scope: Scope, entry_no: int, code: str, now: datetime) -> None:
    """Every refusal is audited, with its code and nothing of the file."""
    detail = {"result": code}
    trail.append(db, who, "sitting.carry_refused", f"sitting:{scope.exam.id}-{entry_no}", now=now, detail=detail)


def choices(db: Session, scope: Scope) -> list[acts.Target]:
    """The candidates a file can be for, by seat."""
    return acts.targets(db, scope, None)
