"""Enemies: items of which a form may have one at most, because one gives another's answer away, or asks nearly the same.

People say so with a reason; a group holds until somebody ends it. Assembly keeps them apart, the recount looks again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, or_, select

from itembank.errors import ItemBankError, NotFound, msg
from itembank.family_tables import EnemyGroup
from itembank.tables import Item

MOST: Final = 30


class NoGroup(ItemBankError):
    """These items make no group; the message says why."""


def keep_apart(db: Session, bank_id: int, items: Iterable[int], *, reason: str, by: int, now: datetime) -> EnemyGroup:
    """A new group of items of this bank. Raises `NoGroup`."""
    wanted = sorted(set(items))
    if not 2 <= len(wanted) <= MOST:
        raise NoGroup(msg("A group has 2 to %(most)s different items.", most=MOST))
    there = set(db.exec(select(Item.id).where(col(Item.id).in_(wanted), Item.bank_id == bank_id)))
    unknown = [number for number in wanted if number not in there]
    if unknown:
        raise NoGroup(msg("This bank has no item %(numbers)s.", numbers=", ".join(map(str, unknown))))
    if any(set(wanted) <= set(group.items) for group in in_force(db, bank_id)):
        raise NoGroup(msg("These items are kept apart already."))
    row = EnemyGroup(bank_id=bank_id, items=wanted, reason=reason, at=now, by=by)
    db.add(row)
    db.flush()
    return row


def let_together(db: Session, bank_id: int, group_id: int, *, reason: str, by: int, now: datetime) -> EnemyGroup:
    """End a group. Raises `NotFound`, `NoGroup`."""
    row = db.exec(select(EnemyGroup).where(EnemyGroup.id == group_id, EnemyGroup.bank_id == bank_id).with_for_update()).first()
    if row is None:
        raise NotFound("group", group_id)
    if row.ended_at is not None:
        raise NoGroup(msg("This group was ended already."))
    row.ended_at, row.ended_by, row.end_reason = now, by, reason
    db.flush()
    return row


def in_force(db: Session, bank_id: int, at: datetime | None = None) -> Sequence[EnemyGroup]:
    """The groups of a bank, by number: now, or as they were at a time."""
    groups = select(EnemyGroup).where(EnemyGroup.bank_id == bank_id).order_by(col(EnemyGroup.id))
    if at is None:
        return db.exec(groups.where(col(EnemyGroup.ended_at).is_(None))).all()
    then = or_(col(EnemyGroup.ended_at).is_(None), col(EnemyGroup.ended_at) > at)
    return db.exec(groups.where(col(EnemyGroup.at) <= at, then)).all()


def cliques(db: Session, bank_id: int, at: datetime | None = None) -> tuple[tuple[int, ...], ...]:
    """The same as item ids, for assembly and recount."""
    return tuple(tuple(group.items) for group in in_force(db, bank_id, at))
