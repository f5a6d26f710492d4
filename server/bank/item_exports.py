"""Taking items out of the bank needs two people: one asks with a reason, another agrees, the first may take the file for a day.

What a form not opened yet holds never leaves this way. The file is made by `export_jobs`; `export_rules` says where it stands.
"""

import hashlib
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlmodel import Session, col

from itembank.sealing import Keyring
from itembank.tables import Bank
from server.audit import trail
from server.auth.staff import Staff
from server.bank import item_list
from server.bank.export_rules import KEPT_FOR, State
from server.bank.export_tables import ItemExport, ItemExportFile
from server.bank.export_view import Line, Wish
from server.db import Databases, reading, transaction
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.jobs import Jobs
from server.pages import _

PURPOSE: Final = "item_body"
MAKE: Final = "bank.make_export"
MOST_ITEMS: Final = 50_000


def ask(db: Session, who: Staff, bank: Bank, wish: Wish, reason: str, *, now: datetime) -> ItemExport:
    """Ask for it. Raises `Invalid` without a reason, `Conflict` where there is nothing to take out, or too much."""
    if not reason:
        raise Invalid(fields=[FieldError("reason", _("Say why."))])
    chosen = item_list.chosen(db, bank, wish.narrowed, who.person_id)
    versions = [one.version_id for one in chosen if one.kind in wish.kinds_held and not one.held]
    if not versions:
        raise Conflict(_("No item is left that could be in the file."))
    if len(versions) > MOST_ITEMS:
        raise Conflict(_("These are more than %(n)s items: narrow the choice."), n=MOST_ITEMS)
    row = ItemExport(
        bank_id=bank.id,
        format=wish.format,
        with_keys=wish.with_keys,
        narrowed={name: value for name, value in vars(wish.narrowed).items() if value},
        item_count=len(versions),
        versions=versions,
        reason=reason,
        asked_at=now,
        asked_by=who.person_id,
    )
    db.add(row)
    db.flush()
    detail = {"bank": bank.id, "format": row.format, "keys": row.with_keys, "items": len(versions), "reason": reason}
    trail.append(db, who.actor, "items.export_asked", _subject(row), now=now, detail=detail)
    return row


def _subject(row: ItemExport) -> str:
    return f"item_export:{row.id}"


def decide(db: Session, jobs: Jobs, who: Staff, line: Line, *, agree: bool, note: str, now: datetime) -> None:
    """The second person's decision; agreeing queues the making. Call `jobs.wake` after the commit."""
    row = _require(line, State.ASKED)
    if row.asked_by == who.person_id:
        raise Conflict(_("You asked for this export yourself: a second person decides."))
    _close(db, who, row, agree=agree, note=note, now=now)
    verb = "items.export_agreed" if agree else "items.export_refused"
    detail = {"asked_by": row.asked_by, "items": row.item_count, "note": note}
    trail.append(db, who.actor, verb, _subject(row), now=now, detail=detail)
    if agree:
        job = jobs.submit(db, MAKE, {"export_id": row.id}, who.actor)
        db.add(ItemExportFile(export_id=int(row.id or 0), job_id=job))
        db.flush()


def take_back(db: Session, who: Staff, line: Line, *, now: datetime) -> None:
    """Whoever asked does not want it any more."""
    row = _own(who, _require(line, State.ASKED))
    _close(db, who, row, agree=False, note="", now=now)
    trail.append(db, who.actor, "items.export_taken_back", _subject(row), now=now)


def _close(db: Session, who: Staff, row: ItemExport, *, agree: bool, note: str, now: datetime) -> None:
    claim = update(ItemExport).where(col(ItemExport.id) == row.id, col(ItemExport.decided_at).is_(None))
    decision = {"decided_at": now, "decided_by": who.person_id, "agreed": agree, "decision_note": note}
    if db.execute(claim.values(**decision)).rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody else has decided just now."))


def again(db: Session, jobs: Jobs, who: Staff, line: Line) -> None:
    """Make the file once more after a failure; the agreement holds. Call `jobs.wake` after the commit."""
    row = _own(who, _require(line, State.FAILED))
    job = jobs.submit(db, MAKE, {"export_id": row.id}, who.actor)
    db.execute(update(ItemExportFile).where(col(ItemExportFile.export_id) == row.id).values(job_id=job))


def take(db: Session, keyring: Keyring, who: Staff, line: Line, *, now: datetime) -> tuple[ItemExportFile, bytes]:
    """The file, for whoever asked, while it may be taken; the trail says so before the bytes leave."""
    _own(who, line.row)
    row = _require(line, State.READY)
    file = db.get(ItemExportFile, row.id)
    if file is None or file.ciphertext is None:
        raise NotFound
    data = keyring.open(PURPOSE, file.ciphertext, aad(int(row.id or 0)))
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Conflict(_("The file is damaged: ask for the export again."))
    detail = {"sha256": file.sha256, "bytes": file.size}
    trail.append(db, who.actor, "items.export_taken", _subject(row), now=now, detail=detail)
    return file, data


def aad(export_id: int) -> bytes:
    """What the sealed file is bound to."""
    return f"item_export:{export_id}".encode()


def _own(who: Staff, row: ItemExport) -> ItemExport:
    if row.asked_by != who.person_id:
        raise Forbidden(_("Only the person who asked for this export may do that."))
    return row


_STANDS: Final[dict[State, str]] = {
    State.ASKED: _("Nobody has agreed to this export yet."),
    State.LAPSED: _("Nobody decided about this export in time: ask again."),
    State.TAKEN_BACK: _("This export was taken back."),
    State.REFUSED: _("This export was refused."),
    State.MAKING: _("The file is being made."),
    State.FAILED: _("The file could not be made."),
    State.READY: _("This export was agreed to already."),
    State.OVER: _("The time to take this file is over: ask again."),
}


def _require(line: Line, wanted: State) -> ItemExport:
    if line.state != wanted:
        raise Conflict(_STANDS[line.state])
    return line.row


def forget_over(dbs: Databases, now: datetime) -> None:
    """Empty files whose time is over; who asked, who agreed and the file's digest stay."""
    over = (col(ItemExportFile.ciphertext).is_not(None), col(ItemExportFile.made_at) <= now - KEPT_FOR)
    with reading(dbs) as db:
        found = db.execute(select(col(ItemExportFile.export_id), col(ItemExportFile.sha256)).where(*over)).all()
    for number, digest in found:
        with transaction(dbs) as db:
            db.execute(update(ItemExportFile).where(col(ItemExportFile.export_id) == number).values(ciphertext=None))
            subject = f"item_export:{number}"
            trail.append(db, trail.SYSTEM, "items.export_forgotten", subject, now=now, detail={"sha256": digest})
