"""Mending a form that experts sent back: one question goes, another admissible one comes, drawn by a seed.

Admissible: free, of the same kind, of no family on any form of the set, never taken out of this set before, not written by one of
its experts, and such that the recount (`assembly.audit`, the very one that lets a new set in) finds no fault. Among the nearest
in difficulty and topic the lot decides. What went is given back to the bank by two people: the expert who rejected the form and
the manager who swaps.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from sqlalchemy import func as sql
from sqlalchemy import update
from sqlmodel import Session, col, select

from itembank import experts, ledger
from itembank.assembly.audit import audit
from itembank.assembly.pool_item import PoolItem
from itembank.attributes import Sources, complete, completed
from itembank.blueprint import BlueprintBody
from itembank.enemies import cliques
from itembank.errors import ItemBankError, NotFound, msg
from itembank.passport import get_forms
from itembank.passport_tables import ExpertVote, Opinion, RoundOutcome, SlotSwap
from itembank.pool import Pool, get_bank, load_pool, scope_of
from itembank.tables import Blueprint, Form, FormSlot, FormState, Item, ItemVersion, PaperSet, ReusePolicy, Topic

_NEAREST = 20
"""Among at most so many the lot decides: whoever asks cannot choose the question."""


class NotSwappable(ItemBankError):
    """This question cannot be exchanged now; `message` says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """What choosing has to know: all forms of the set by id, in slot order, and what may come."""

    forms: dict[int, tuple[PoolItem, ...]]
    body: BlueprintBody
    """Without information: that was counted when the forms were made, with the estimates of then."""
    asked: BlueprintBody
    """What the mended form has to meet: with information, where it does so now by today's estimates."""
    pool: Pool
    barred: frozenset[int]
    """Items that went before, or that an expert of the set wrote."""
    enemies: tuple[tuple[int, ...], ...] = ()
    """As the set was made with."""
    enemies_now: tuple[tuple[int, ...], ...] = ()
    """Groups declared since bar who comes, not who is there."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which question is to go, why, and who wants it; `seed` of the draw."""

    form_id: int
    slot: int
    seed: int
    reason: str
    by: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """The question that comes, drawn among so many equally near ones."""

    item: PoolItem
    among: int


def nearest(case: Case, form_id: int, slot: int) -> list[PoolItem]:
    """The admissible questions that come nearest, all equally near: difficulty first, then topic. Pure.

    Questions that are counted alike are recounted once.
    """
    form = case.forms[form_id]
    out = form[slot - 1]
    families = {item.family_id for one in case.forms.values() for item in one}
    others = {item.item_id for item in form} - {out.item_id}
    barred = case.barred | _enemies_of(others, (*case.enemies, *case.enemies_now))
    fitting = [
        item
        for item in case.pool.free
        if item.kind == out.kind and item.family_id not in families and item.item_id not in barred and not item.stimulus
    ]
    known: dict[PoolItem, bool] = {}
    found: list[PoolItem] = []
    for item in sorted(fitting, key=lambda item: (_distance(item, out), item.item_id)):
        if found and (len(found) == _NEAREST or _distance(item, out) != _distance(found[0], out)):
            break
        look = replace(item, item_id=0, item_version_id=0, family_id=0)
        if look not in known:
            known[look] = not audit([(*form[: slot - 1], item, *form[slot:])], case.asked)
        if known[look]:
            found.append(item)
    return found


def _enemies_of(items: Collection[int], groups: Sequence[Sequence[int]]) -> set[int]:
    return {enemy for group in groups if set(group) & set(items) for enemy in group}


def _distance(item: PoolItem, out: PoolItem) -> tuple[int, bool]:
    return abs(item.difficulty - out.difficulty), item.topic != out.topic


def choose(case: Case, wish: Wish) -> Chosen | None:
    """The question that comes; None when none would do. The same seed on the same bank gives the same. Pure."""
    found = nearest(case, wish.form_id, wish.slot)
    if not found:
        return None
    drawn = Random(wish.seed).choice(found)  # noqa: S311 - a draw that anyone can repeat, not a secret
    changed = dict(case.forms)
    old = changed[wish.form_id]
    changed[wish.form_id] = (*old[: wish.slot - 1], drawn, *old[wish.slot :])
    faults = audit(list(changed.values()), case.body, enemies=case.enemies)
    if faults:
        raise NotSwappable(msg("The recount of the forms failed: %(faults)s", faults="; ".join(faults)))
    return Chosen(drawn, len(found))


def load_case(db: Session, form_id: int, slot: int, sources: Sources) -> Case:
    """Read all of it, for a form that was sent back. Raises `NotFound`, `NotSwappable`."""
    form = db.get(Form, form_id)
    if form is None:
        raise NotFound("form", form_id)
    _rejected_by(db, form)
    papers = db.get_one(PaperSet, form.paper_set_id)
    bank = get_bank(db, papers.bank_id)
    if _table_of(db, form_id) != bank.syllabus_id:
        raise NotSwappable(msg("The bank has come to follow another content table: withdraw the set and make a new one."))
    body = BlueprintBody.model_validate(db.get_one(Blueprint, papers.blueprint_id).body)
    plain = body.model_copy(update={"information": ()})
    pool = complete(db, bank.id, load_pool(db, bank), body, sources)
    ids = [one.id for one in get_forms(db, papers.id) if one.state != FormState.VOIDED]
    forms = {one: completed(db, bank.id, _items_of(db, one), body, sources) for one in ids}
    if not 1 <= slot <= len(forms[form_id]):
        raise NotFound("question", slot)
    if forms[form_id][slot - 1].stimulus:
        raise NotSwappable(
            msg("Question %(slot)s belongs to a case with several questions: withdraw the set instead.", slot=slot)
        )
    then, now = cliques(db, bank.id, papers.made_at), cliques(db, bank.id)
    asked = plain if audit([forms[form_id]], body) else body
    return Case(forms, plain, asked, pool, _barred(db, papers.id, ids), then, now)


def _table_of(db: Session, form_id: int) -> int:
    """The content table a form was made by."""
    statement = (
        select(Topic.syllabus_id)
        .join(FormSlot, col(Topic.id) == col(FormSlot.topic_id))
        .where(FormSlot.form_id == form_id)
        .limit(1)
    )
    return db.exec(statement).one()


def _barred(db: Session, paper_set_id: int, form_ids: Collection[int]) -> frozenset[int]:
    gone = set(db.exec(select(SlotSwap.out_item_id).where(col(SlotSwap.form_id).in_(form_ids))))
    readers = experts.experts_of(db, paper_set_id)
    written = db.exec(select(ItemVersion.item_id).where(col(ItemVersion.created_by).in_(readers)))
    return frozenset(gone | set(written))


def _items_of(db: Session, form_id: int) -> tuple[PoolItem, ...]:
    """The questions of a form in slot order."""
    statement = (
        select(
            col(FormSlot.item_id),
            col(FormSlot.item_version_id),
            col(FormSlot.family_id),
            col(ItemVersion.kind),
            col(Topic.code),
            sql.coalesce(Topic.importance, ""),
            col(ItemVersion.difficulty),
        )  # type: ignore[call-overload]  # sqlmodel's select is typed up to four columns
        .join(ItemVersion, col(ItemVersion.id) == col(FormSlot.item_version_id))
        .join(Topic, col(Topic.id) == col(FormSlot.topic_id))
        .where(FormSlot.form_id == form_id)
        .order_by(col(FormSlot.slot))
    )
    return tuple(PoolItem(*row) for row in db.exec(statement))


def _rejected_by(db: Session, form: Form) -> int:
    """The expert who sent the form back; raises `NotSwappable` for a form that was not sent back."""
    last = experts.latest_round(db, form.id)
    if form.state != FormState.COMPOSED or last is None or last.outcome != RoundOutcome.REJECTED:
        raise NotSwappable(msg("A question is exchanged only on a form that the experts sent back."))
    rejecting = select(ExpertVote.person_id).where(ExpertVote.round_id == last.id, ExpertVote.opinion == Opinion.REJECT)
    return db.exec(rejecting.order_by(col(ExpertVote.id)).limit(1)).one()


def store(db: Session, case: Case, wish: Wish, chosen: Chosen, *, now: datetime) -> SlotSwap | None:
    """Exchange it: the old claim ends, the new one is made, the slot says what it asks now.

    None when somebody took the new question meanwhile, or the form is not as it was read: then nothing has changed, and the
    caller reads again. Raises `NotSwappable`.
    """
    out, new = case.forms[wish.form_id][wish.slot - 1], chosen.item
    with db.begin_nested() as savepoint:
        form = db.get_one(Form, wish.form_id)
        _papers, bank = experts.lock_set(db, form.paper_set_id)
        db.refresh(form)
        expert = _rejected_by(db, form)
        ledger.release(db, [form.id], by=wish.by, second_by=expert, reason=wish.reason, now=now, item_id=out.item_id)
        claim = ledger.Claim(new.family_id, case.pool.slots.get(new.family_id, 0), new.item_id, form.id)
        reusable = bank.policy == ReusePolicy.COOLING_OFF
        taken = ledger.reserve(db, scope_of(bank), [claim], reusable=reusable, by=wish.by, now=now)
        if taken or not _replace(db, wish, out, new):
            savepoint.rollback()
            return None
        row = SlotSwap(
            form_id=form.id,
            slot=wish.slot,
            out_item_id=out.item_id,
            out_version_id=out.item_version_id,
            in_item_id=new.item_id,
            in_version_id=new.item_version_id,
            seed=wish.seed,
            among=chosen.among,
            reason=wish.reason,
            at=now,
            by=wish.by,
            asked_by=expert,
        )
        db.add(row)
        db.flush()
    return row


def _replace(db: Session, wish: Wish, out: PoolItem, new: PoolItem) -> bool:
    """By compare-and-set on what stands there."""
    here = (col(FormSlot.form_id) == wish.form_id, col(FormSlot.slot) == wish.slot)
    topic = db.exec(select(Item.topic_id).where(Item.id == new.item_id)).one()
    values = {"item_version_id": new.item_version_id, "item_id": new.item_id, "family_id": new.family_id, "topic_id": topic}
    changed = db.execute(update(FormSlot).where(*here, col(FormSlot.item_version_id) == out.item_version_id).values(**values))
    return bool(changed.rowcount == 1)  # type: ignore[attr-defined]  # an UPDATE gives a cursor result


def swaps_of(db: Session, form_ids: Sequence[int]) -> Sequence[SlotSwap]:
    """What was exchanged on these forms, oldest first."""
    return db.exec(select(SlotSwap).where(col(SlotSwap.form_id).in_(form_ids)).order_by(col(SlotSwap.id))).all()
