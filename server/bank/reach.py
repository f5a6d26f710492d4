"""Which items a person may see in a bank: all of them, or, where the bank says so, an item writer only own and assigned ones."""

from sqlalchemy import ColumnElement, exists, or_, select, true
from sqlmodel import Session, col

from itembank.stimulus_tables import Stimulus, StimulusVersion
from itembank.tables import Bank, Item, ItemVersion
from server.auth.staff import Staff
from server.bank.tables import WritingTask


def sees_all(who: Staff, bank: Bank) -> bool:
    """Whether every item of the bank is open to this person. Whoever may review sees what there is to review."""
    return not bank.own_items_only or who.may("item.review")


def seen(who: Staff, bank: Bank) -> ColumnElement[bool]:
    """Condition on `Item`: this person may see it."""
    if sees_all(who, bank):
        return true()
    wrote = exists().where(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.created_by) == who.person_id)
    asked = exists().where(
        col(WritingTask.item_id) == col(Item.id), col(WritingTask.to_id) == who.person_id, col(WritingTask.closed_at).is_(None)
    )
    return or_(col(Item.author_id) == who.person_id, wrote, asked)


def sees(db: Session, who: Staff, bank: Bank, item_id: int) -> bool:
    """The same of one item."""
    if sees_all(who, bank):
        return True
    return db.execute(select(col(Item.id)).where(col(Item.id) == item_id, seen(who, bank))).first() is not None


def seen_cases(who: Staff, bank: Bank) -> ColumnElement[bool]:
    """Condition on `Stimulus`: a set is open to whoever wrote its text or may see one of its questions."""
    if sees_all(who, bank):
        return true()
    wrote = exists().where(col(StimulusVersion.stimulus_id) == col(Stimulus.id), col(StimulusVersion.created_by) == who.person_id)
    question = exists().where(col(Item.stimulus_id) == col(Stimulus.id), seen(who, bank))
    return or_(wrote, question)


def sees_case(db: Session, who: Staff, bank: Bank, stimulus_id: int) -> bool:
    """The same of one set."""
    if sees_all(who, bank):
        return True
    return db.execute(select(col(Stimulus.id)).where(col(Stimulus.id) == stimulus_id, seen_cases(who, bank))).first() is not None
