"""The no-reuse ledger. The partial unique index `ledger_entry_live` decides; this file asks it and explains its answer.

A claim is reserved (预留) when forms are stored, burned (已用) at the first opening, or ended: released (释放) when an
unopened form is withdrawn, voided (作废) when it leaked, cooled where the bank's policy lets items come back. Rows are never
deleted. Nothing here first looks and then writes: `reserve` inserts and counts what went in.
"""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, Select, Update, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from itembank.errors import Message, msg
from itembank.family_tables import FamilyMerge, Quarantine
from itembank.passport_tables import ExpertRound
from itembank.pool import scope_of
from itembank.tables import Bank, ClaimState, Form, FormState, FormStep, Item, ItemState, LedgerEntry, PaperSet, ReusePolicy

_ROWS_PER_INSERT: Final = 500


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """What a form asks for. `slot` is below the bank's cap; 0 where items are used once."""

    family_id: int
    slot: int
    item_id: int
    form_id: int


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened to an item's family: for `explain`."""

    at: datetime
    state: str
    """A `ClaimState`, or merged, parted, quarantined, lifted."""
    form_id: int | None
    text: Message


@dataclass(frozen=True, slots=True)
class Violation:
    """A family with more live claims than allowed: never, unless the index was lost."""

    scope: str
    family_id: int
    slot: int
    claims: int


def reserve(db: Session, scope: str, claims: Iterable[Claim], *, reusable: bool, by: int, now: datetime) -> frozenset[int]:
    """Claim all of these; the families somebody else holds come back, and then the caller has to roll back.

    Rows go in by family in ascending order whoever asks, so that two assemblies wait for each other but never in a circle. An
    item that was moved to another family, or taken out of use, since the caller read it counts as held: items are locked first,
    as `families.merge` and `quarantine` lock them.
    """
    wanted = sorted(claims)
    stale = _moved_since(db, wanted)
    if stale:
        return stale
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [
        {
            "scope": scope,
            "family_id": claim.family_id,
            "slot": claim.slot,
            "item_id": claim.item_id,
            "form_id": claim.form_id,
            "reusable": reusable,
            "claimed_at": now,
            "claimed_by": by,
        }
        for claim in wanted
    ]
    if not rows:
        return frozenset()
    # Rows as parameters, not as VALUES: the statement is compiled once for all time, not within every transaction.
    statement = insert(LedgerEntry).on_conflict_do_nothing().returning(col(LedgerEntry.family_id), col(LedgerEntry.form_id))
    won = {(row[0], row[1]) for row in db.execute(statement, rows)}
    return frozenset(claim.family_id for claim in wanted if (claim.family_id, claim.form_id) not in won)


def _moved_since(db: Session, wanted: Sequence[Claim]) -> frozenset[int]:
    """Families whose item is not in them any more, or may not be drawn any more."""
    asked = {claim.item_id: claim.family_id for claim in wanted}
    numbers = sorted(asked)
    stale: set[int] = set()
    for start in range(0, len(numbers), _ROWS_PER_INSERT):
        part = numbers[start : start + _ROWS_PER_INSERT]
        statement = select(col(Item.id), col(Item.family_id), col(Item.state)).where(col(Item.id).in_(part))
        for item, family, state in db.execute(statement.order_by(col(Item.id)).with_for_update(read=True)):
            if family != asked[item] or state in {ItemState.RETIRED, ItemState.QUARANTINED}:
                stale.add(asked[item])
    return frozenset(stale)


def burn(db: Session, form_ids: Sequence[int], *, exam_session_id: int | None, now: datetime) -> int:
    """Mark the live claims of these forms as used; how many were newly burned. A second call changes nothing."""
    statement = (
        update(LedgerEntry)
        .where(
            col(LedgerEntry.form_id).in_(form_ids),
            col(LedgerEntry.ended_at).is_(None),
            col(LedgerEntry.burned_at).is_(None),
        )
        .values(burned_at=now, exam_session_id=exam_session_id)
    )
    return _rowcount(db, statement)


def release(
    db: Session,
    form_ids: Sequence[int],
    *,
    by: int,
    second_by: int | None,
    reason: str,
    now: datetime,
    leaked: bool = False,
    item_id: int | None = None,
) -> int:
    """End the unburned claims of withdrawn forms, or of one item that leaves a form; how many.

    `leaked` ends them as voided (the items are then quarantined).
    """
    statement = (
        update(LedgerEntry)
        .where(
            col(LedgerEntry.form_id).in_(form_ids),
            col(LedgerEntry.ended_at).is_(None),
            col(LedgerEntry.burned_at).is_(None),
        )
        .values(
            ended_at=now,
            end_kind="voided" if leaked else "released",
            ended_by=by,
            second_by=second_by,
            reason=reason,
        )
    )
    return _rowcount(db, statement if item_id is None else statement.where(col(LedgerEntry.item_id) == item_id))


def sweep_unsealed(db: Session, *, older_than: timedelta, by: int, now: datetime) -> list[int]:
    """Void forms that were reserved but never sealed, and release their claims; the ids of those forms.

    A crash or a forgotten set would otherwise hold its items for ever. Sealing such a form later is refused. Experts who were
    asked lately are given time.
    """
    stale = list(
        db.exec(
            select_rows(Form.id)
            .join(PaperSet, col(PaperSet.id) == col(Form.paper_set_id))
            .where(col(Form.state).in_((FormState.COMPOSED, FormState.REVIEWED)), col(PaperSet.made_at) < now - older_than)
            .where(col(Form.id).not_in(select(col(ExpertRound.form_id)).where(col(ExpertRound.asked_at) > now - older_than)))
            .order_by(col(Form.id))
        )
    )
    swept = []
    for form_id in stale:
        took = update(Form).where(col(Form.id) == form_id, col(Form.state).in_((FormState.COMPOSED, FormState.REVIEWED)))
        if _rowcount(db, took.values(state=FormState.VOIDED)):
            db.add(FormStep(form_id=form_id, state=FormState.VOIDED, at=now, by=by, note="never sealed"))
            release(db, [form_id], by=by, second_by=None, reason="never sealed", now=now)
            swept.append(form_id)
    return swept


def cool(db: Session, scope: str, *, burned_before: datetime, by: int, now: datetime) -> int:
    """End burned claims of a cooling-off bank whose time has passed; how many."""
    return _rowcount(db, _cooling(scope, burned_before, by, now))


def _cooling(scope: str, burned_before: datetime, by: int, now: datetime, bank_id: int | None = None) -> Update:
    """`bank_id`: of the items of one bank only, where several with different months share a scope."""
    statement = update(LedgerEntry).where(
        col(LedgerEntry.scope) == scope,
        col(LedgerEntry.reusable),
        col(LedgerEntry.ended_at).is_(None),
        col(LedgerEntry.burned_at) < burned_before,
    )
    if bank_id is not None:
        statement = statement.where(col(LedgerEntry.item_id).in_(select(col(Item.id)).where(col(Item.bank_id) == bank_id)))
    return statement.values(ended_at=now, end_kind="cooled", ended_by=by, reason="cooling-off period over")


def cool_due(db: Session, *, by: int, now: datetime) -> int:
    """End every claim whose bank lets items come back and whose months have passed; how many. What the sweeper calls."""
    ended = 0
    for bank in db.exec(select_rows(Bank).where(Bank.policy == ReusePolicy.COOLING_OFF, Bank.cooling_months > 0)):
        ended += _rowcount(db, _cooling(scope_of(bank), months_before(now, bank.cooling_months), by, now, bank.id))
    return ended


def months_before(day: datetime, months: int) -> datetime:
    """The same day so many calendar months earlier, or the last day of a month that has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))


def explain(db: Session, item_id: int) -> list[Chapter]:
    """The story of an item's family, oldest first: every claim and what became of it, merges, quarantines.

    Claims are those made under the family and those its items made under another one before they came into it.
    """
    family = select_rows(Item.family_id).where(Item.id == item_id)
    members = list(db.exec(select_rows(Item.id).where(col(Item.family_id).in_(family))))
    entries = db.exec(
        select_rows(LedgerEntry, Form.label, PaperSet.title)
        .join(Form, col(Form.id) == col(LedgerEntry.form_id))
        .join(PaperSet, col(PaperSet.id) == col(Form.paper_set_id))
        .where(or_(col(LedgerEntry.family_id).in_(family), col(LedgerEntry.item_id).in_(members)))
        .order_by(col(LedgerEntry.claimed_at), col(LedgerEntry.id))
    )
    chapters = [c for entry, label, title in entries for c in _chapters(entry, label, title)]
    return sorted([*chapters, *_merges(db, members), *_quarantines(db, item_id)], key=lambda c: c.at)


def _merges(db: Session, members: Sequence[int]) -> Iterable[Chapter]:
    for row in db.exec(select_rows(FamilyMerge).where(col(FamilyMerge.bank_id).in_(_banks_of(members)))):
        if not set(row.items) & set(members):
            continue
        items = ", ".join(map(str, row.items))
        joined = msg(
            "Items %(items)s joined its family, by person %(by)s: %(reason)s.", items=items, by=row.by, reason=row.reason
        )
        yield Chapter(row.at, "merged", None, joined)
        if row.undone_at is not None:
            why, who = row.undo_reason or "", row.undone_by or 0
            parted = msg("Items %(items)s left its family, by person %(by)s: %(reason)s.", items=items, by=who, reason=why)
            yield Chapter(row.undone_at, "parted", None, parted)


def _quarantines(db: Session, item_id: int) -> Iterable[Chapter]:
    for row in db.exec(select_rows(Quarantine).where(col(Quarantine.bank_id).in_(_banks_of([item_id])))):
        if item_id not in {number for number, _state in row.items}:
            continue
        yield Chapter(
            row.at, "quarantined", None, msg("In quarantine, by person %(by)s: %(reason)s.", by=row.by, reason=row.reason)
        )
        if row.lifted_at is not None:
            yield Chapter(
                row.lifted_at, "lifted", None, msg("The quarantine was lifted by person %(by)s.", by=row.lifted_by or 0)
            )


def _banks_of(items: Sequence[int]) -> Select[int]:
    return select(col(Item.bank_id)).where(col(Item.id).in_(items))


def _chapters(entry: LedgerEntry, label: str, title: str) -> Iterable[Chapter]:
    form = {"title": title, "label": label}
    reserved = msg("Reserved for form %(label)s of “%(title)s” by person %(by)s.", by=entry.claimed_by, **form)
    yield Chapter(entry.claimed_at, ClaimState.RESERVED, entry.form_id, reserved)
    if entry.burned_at is not None:
        used = msg("Used: form %(label)s of “%(title)s” was opened.", **form)
        yield Chapter(entry.burned_at, ClaimState.BURNED, entry.form_id, used)
    if entry.ended_at is not None:
        ended = msg("Given back from form %(label)s of “%(title)s”: %(reason)s.", reason=entry.reason or "", **form)
        yield Chapter(entry.ended_at, entry.state, entry.form_id, ended)


def audit(db: Session) -> list[Violation]:
    """Recount live claims without the index: every (scope, family, slot) that is claimed twice. Empty when the rule holds.

    The `+ 0` keeps the planner away from the index whose work is checked.
    """
    count = func.count()
    scope, family, slot = col(LedgerEntry.scope), col(LedgerEntry.family_id) + 0, col(LedgerEntry.slot) + 0
    statement = (
        select(scope, family, slot, count)
        .where(func.coalesce(LedgerEntry.end_kind, "live") == "live")
        .group_by(scope, family, slot)
        .having(count > 1)
    )
    return [Violation(*row) for row in db.execute(statement)]


def leftovers(db: Session) -> list[int]:
    """Ids of live, unburned claims whose form cannot be used any more.

    Nothing should hold them. Empty when all is well.
    """
    statement = (
        select_rows(LedgerEntry.id)
        .join(Form, col(Form.id) == col(LedgerEntry.form_id))
        .where(
            col(LedgerEntry.ended_at).is_(None),
            col(LedgerEntry.burned_at).is_(None),
            Form.state == FormState.VOIDED,
        )
    )
    return list(db.exec(statement))


def _rowcount(db: Session, statement: Update) -> int:
    result: CursorResult[Any] = db.execute(statement)  # type: ignore[assignment]  # an UPDATE gives a cursor result
    return result.rowcount
