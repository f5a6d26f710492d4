"""Families: what people decide about near-duplicates, merging two families, undoing it.

Merging moves items, never claims: a claim keeps the family it was made under, and the pool counts an item's claims under
whatever family it is in now. The family with the stronger claim takes the other in, so that what was used stays used for both. A
merge that shows more uses than the bank's policy allows is a finding: of two used families, or of a used one and one in an
unopened form (that form is then held in quarantine).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from itembank import quarantine
from itembank.errors import ItemBankError, NotFound, msg
from itembank.family_tables import FamilyMerge, TwinCase, TwinCheck, TwinOpinion, Verdict
from itembank.pool import capacity_of, get_bank, visible
from itembank.tables import Item, ItemState, ItemVersion, LedgerEntry


class NotDecidable(ItemBankError):
    """This person cannot decide this case (any more); `message` says why."""


class NotUndoable(ItemBankError):
    """The merge has to stay; `message` says why."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two versions found alike; the newer item first. `needed`: people who have to agree."""

    item_id: int
    version_id: int
    other_id: int
    other_version_id: int
    score: float
    way: str
    variant: bool
    needed: int


def open_cases(db: Session, bank_id: int, found: Sequence[Likeness], *, now: datetime) -> int:
    """Put likenesses before people; how many were new. A pair that was decided before, in any version, is not asked again
    unless it became more alike than it was."""
    opened = 0
    for one in found:
        two = (one.item_id, one.other_id)
        pair = select(TwinCase).where(col(TwinCase.item_id).in_(two), col(TwinCase.other_id).in_(two))
        before = list(db.execute(pair).scalars())
        if any(case.decided_at is None or case.score >= one.score - 0.05 for case in before):
            continue
        db.add(
            TwinCase(
                bank_id=bank_id,
                item_id=one.item_id,
                version_id=one.version_id,
                other_id=one.other_id,
                other_version_id=one.other_version_id,
                score=round(one.score, 4),
                way=one.way,
                variant=one.variant,
                needed=one.needed,
                found_at=now,
            )
        )
        opened += 1
    db.flush()
    return opened


def note_checked(db: Session, versions: Sequence[int], *, now: datetime) -> None:
    """These versions were compared; a second time changes nothing."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"version_id": number, "at": now} for number in sorted(versions)]
    if rows:
        db.execute(insert(TwinCheck).on_conflict_do_nothing(), rows)


def unchecked(db: Session, *, before: datetime, limit: int) -> dict[int, list[int]]:
    """Bank -> items in review or approved whose newest version, written before then, nobody has compared yet."""
    statement = (
        select(col(Item.bank_id), col(Item.id))
        .join(ItemVersion, (col(ItemVersion.item_id) == col(Item.id)) & (col(ItemVersion.version) == col(Item.current_version)))
        .outerjoin(TwinCheck, col(TwinCheck.version_id) == col(ItemVersion.id))
        .where(
            col(TwinCheck.version_id).is_(None),
            col(Item.state).in_((ItemState.SUBMITTED, ItemState.APPROVED)),
            col(ItemVersion.created_at) < before,
            visible(),
        )
        .order_by(col(Item.id))
        .limit(limit)
    )
    found: dict[int, list[int]] = {}
    for bank, item in db.execute(statement):
        found.setdefault(bank, []).append(item)
    return found


def get_case(db: Session, case_id: int) -> TwinCase:
    """The case, locked where the database can; raises `NotFound`."""
    row: TwinCase | None = db.execute(select(TwinCase).where(col(TwinCase.id) == case_id).with_for_update()).scalar()
    if row is None:
        raise NotFound("near-duplicate", case_id)
    return row


def give_opinion(db: Session, case_id: int, verdict: Verdict, *, by: int, reason: str, now: datetime) -> FamilyMerge | TwinCase:
    """One person says what the two are; the case, decided when enough people agree, or the merge that follows from it.

    Raises `NotDecidable`: it is decided, this person has spoken, or wrote the newer item.
    """
    case = get_case(db, case_id)
    said = list(db.execute(select(TwinOpinion).where(col(TwinOpinion.case_id) == case_id)).scalars())
    item = db.get(Item, case.item_id)
    if case.decided_at is not None:
        raise NotDecidable(msg("This is decided already."))
    if by in {opinion.by for opinion in said}:
        raise NotDecidable(msg("You have said already what you think of it: a second person decides."))
    if item is not None and item.author_id == by and item.import_batch_id is None:
        raise NotDecidable(msg("Nobody decides about their own item."))
    db.add(TwinOpinion(case_id=case_id, by=by, verdict=verdict, reason=reason, at=now))
    db.flush()
    if sum(opinion.verdict == verdict for opinion in said) + 1 < case.needed:
        return case
    case.decided_at, case.verdict = now, verdict
    db.flush()
    if verdict != Verdict.SAME_FAMILY:
        return case
    return merge(db, case.item_id, case.other_id, reason=reason, by=by, now=now, case_id=case_id) or case


def merge(
    db: Session, item_id: int, other_id: int, *, reason: str, by: int, now: datetime, case_id: int | None = None
) -> FamilyMerge | None:
    """Make the families of two items one; None when they are. Raises `NotFound`."""
    families = sorted(set(db.execute(select(col(Item.family_id)).where(col(Item.id).in_([item_id, other_id]))).scalars()))
    items = _lock(db, families)
    families = sorted({item.family_id for item in items if item.id in {item_id, other_id}})
    if len(families) < 2:
        if not items:
            raise NotFound("item", item_id)
        return None
    claims = {family: _live(db, [item.id for item in items if item.family_id == family], family) for family in families}
    into, source = sorted(families, key=lambda family: (-_strength(claims[family]), family))
    moved = [item for item in items if item.family_id == source]
    bank = get_bank(db, moved[0].bank_id)
    doubled = len(claims[into]) + len(claims[source]) > capacity_of(bank) and bool(claims[source])
    for item in moved:
        item.family_id = into
    row = FamilyMerge(
        bank_id=bank.id,
        into_id=into,
        from_id=source,
        items=sorted(item.id for item in moved),
        case_id=case_id,
        finding=_finding(claims[source]) if doubled else "",
        reason=reason,
        at=now,
        by=by,
    )
    db.add(row)
    db.flush()
    if row.finding == "sealed":
        forms = sorted({claim.form_id for claim in claims[source] if claim.burned_at is None})
        quarantine.hold(db, bank.id, forms, cause="merge", reason=reason, by=by, now=now)
    return row


def _finding(weaker: Sequence[LedgerEntry]) -> str:
    """Of two families that are both spoken for: the weaker one decides whether a form can still be stopped."""
    return "sealed" if any(claim.burned_at is None for claim in weaker) else "reuse"


def _strength(claims: Sequence[LedgerEntry]) -> int:
    """Used before reserved before free."""
    return max((2 if claim.burned_at is not None else 1 for claim in claims), default=0)


def _lock(db: Session, families: Sequence[int]) -> list[Item]:
    """All items of these families: neither another merge nor a reservation gets between (`ledger.reserve` locks them too)."""
    statement = select(Item).where(col(Item.family_id).in_(families)).order_by(col(Item.id)).with_for_update()
    return list(db.execute(statement.execution_options(populate_existing=True)).scalars())


def _live(db: Session, items: Sequence[int], family: int) -> list[LedgerEntry]:
    """Live claims made by these items or under this family."""
    mine = col(LedgerEntry.item_id).in_(items) | (col(LedgerEntry.family_id) == family)
    return list(db.execute(select(LedgerEntry).where(mine, col(LedgerEntry.ended_at).is_(None))).scalars())


def undo_merge(db: Session, merge_id: int, *, by: int, reason: str, now: datetime) -> FamilyMerge:
    """Give the items their family back.

    Raises `NotUndoable` when one of them was claimed under the common family since (it would look unused), when a later merge
    moved them on, or when it is undone already.
    """
    row: FamilyMerge | None = db.execute(select(FamilyMerge).where(col(FamilyMerge.id) == merge_id).with_for_update()).scalar()
    if row is None:
        raise NotFound("merge", merge_id)
    if row.undone_at is not None:
        raise NotUndoable(msg("This merge is undone already."))
    items = {item.id: item for item in _lock(db, [row.into_id])}
    if not set(row.items) <= set(items):
        raise NotUndoable(msg("A later merge has moved these items on: undo that one first."))
    since = select(col(LedgerEntry.id)).where(
        col(LedgerEntry.item_id).in_(row.items), col(LedgerEntry.family_id) == row.into_id, col(LedgerEntry.ended_at).is_(None)
    )
    if db.execute(since.limit(1)).first() is not None:
        raise NotUndoable(msg("One of these items was used since as part of the common family: the merge stays."))
    db.execute(update(Item).where(col(Item.id).in_(row.items)).values(family_id=row.from_id))
    row.undone_at, row.undone_by, row.undo_reason = now, by, reason
    db.flush()
    return row
