"""A bank goes over to another version of its content table: what its items and blueprints become, and then doing it.

Topics never change, so going over means pointing items at the topics of the other version. An item follows its place: by the
descent an edit recorded (`Topic.was_id`), else by the same whole code. Forms made before keep the knowledge points their items
stood on (`FormSlot.topic_id`). A blueprint that still fits stays, one whose codes moved gets a successor, any other is put away.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from itembank import intake
from itembank.blueprint import BlueprintBody, TopicFacts, check
from itembank.errors import FieldProblem, ItemBankError, NotFound, msg
from itembank.pool import topic_facts
from itembank.tables import Bank, BatchState, Blueprint, ImportBatch, Item, Syllabus, Topic


class CannotFollow(ItemBankError):
    """The bank cannot go over to this table as things stand; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """A knowledge point with `items` on it, and where they go (None: the other table has no such place)."""

    old: Topic
    new: Topic | None
    items: int

    @property
    def is_silent(self) -> bool:
        """Whether nothing about it changes but the version."""
        new = self.new
        return new is not None and (new.code, new.name, new.importance) == (self.old.code, self.old.name, self.old.importance)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a blueprint in force: it stays, it gets a successor (`body`), or it is put away because of `problems`."""

    blueprint: Blueprint
    body: BlueprintBody | None
    problems: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would happen."""

    bank: Bank
    target: Syllabus
    steps: tuple[Step, ...]
    fates: tuple[Fate, ...]
    storing: int
    """Imports that are being stored right now, by the codes of the old table."""

    @property
    def lost(self) -> list[Step]:
        """Knowledge points whose items would stand on nothing."""
        return [step for step in self.steps if step.new is None]


def plan(db: Session, bank: Bank, target: Syllabus) -> Plan:
    """What following `target` would mean. Raises `CannotFollow` for a table of another occupation or level."""
    if (target.institution_id, target.occupation_code, target.level) != (bank.institution_id, bank.occupation_code, bank.level):
        raise CannotFollow(msg("A bank follows tables of its own occupation and level only."))
    if target.id == bank.syllabus_id:
        raise CannotFollow(msg("The bank follows this table already."))
    old = {topic.id: topic for topic in _topics(db, bank.syllabus_id)}
    goes = successors(db, bank, target)
    count = func.count()
    held = db.exec(select(Item.topic_id, count).where(Item.bank_id == bank.id).group_by(col(Item.topic_id)))
    items = {topic: n for topic, n in held if topic in old}
    steps = tuple(Step(topic, goes.get(topic.id), items[topic.id]) for topic in old.values() if topic.id in items)
    storing = select(count).where(ImportBatch.bank_id == bank.id, ImportBatch.state == BatchState.STAGING)
    return Plan(bank, target, steps, tuple(_fates(db, bank, target, old, goes)), db.exec(storing).one())


def successors(db: Session, bank: Bank, target: Syllabus) -> dict[int, Topic]:
    """Topic of the bank's table -> its place in `target`, which may be a later or an earlier version."""
    own, new = ({topic.id: topic for topic in _topics(db, number)} for number in (bank.syllabus_id, target.id))
    was = _descent(db, bank)
    found: dict[int, Topic] = {}
    for later, earlier in ((new, own), (own, new)):
        for start in later:
            above: int | None = start
            while above is not None and above not in earlier:
                above = was.get(above)
            if above is not None:
                old, now = (above, start) if earlier is own else (start, above)
                found.setdefault(old, new[now])
    taken = {topic.id for topic in found.values()}
    by_code = {(topic.code, topic.is_leaf): topic for topic in new.values() if topic.id not in taken}
    for topic in own.values():
        same = by_code.get((topic.code, topic.is_leaf))
        if topic.id not in found and same is not None:
            found[topic.id] = same
    return found


def follow(db: Session, plan: Plan, *, by: int, now: datetime) -> None:
    """Do it. Raises `CannotFollow` while items would stand on nothing or an import is being stored.

    `plan` has to be of this transaction, made after the bank was locked.
    """
    if plan.lost:
        raise CannotFollow(msg("%(n)s knowledge points with items are not in the new table.", n=len(plan.lost)))
    if plan.storing:
        raise CannotFollow(msg("An import into this bank is being stored: wait until it has ended."))
    for step in plan.steps:
        if step.new is not None:
            here = (col(Item.bank_id) == plan.bank.id, col(Item.topic_id) == step.old.id)
            db.execute(update(Item).where(*here).values(topic_id=step.new.id))
    plan.bank.syllabus_id = plan.target.id
    db.add(plan.bank)
    db.flush()
    for fate in plan.fates:
        if fate.body is not None:
            intake.store_blueprint(db, plan.bank.id, fate.body, name=fate.blueprint.name, by=by, now=now)
        if fate.body is not None or fate.problems:
            unretired = (col(Blueprint.id) == fate.blueprint.id, col(Blueprint.retired_at).is_(None))
            db.execute(update(Blueprint).where(*unretired).values(retired_at=now))


def get_target(db: Session, bank: Bank, syllabus_id: int) -> Syllabus:
    """The table; raises `NotFound` when it is another institution's."""
    row = db.get(Syllabus, syllabus_id)
    if row is None or row.institution_id != bank.institution_id:
        raise NotFound("content table", syllabus_id)
    return row


def _topics(db: Session, syllabus_id: int) -> Sequence[Topic]:
    return db.exec(select(Topic).where(Topic.syllabus_id == syllabus_id).order_by(col(Topic.position))).all()


def _descent(db: Session, bank: Bank) -> dict[int, int]:
    """Topic -> the one it comes from, over all versions of the bank's table."""
    same = (
        Syllabus.institution_id == bank.institution_id,
        Syllabus.occupation_code == bank.occupation_code,
        Syllabus.level == bank.level,
    )
    edited = select(Topic.id, Topic.was_id).join(Syllabus, col(Syllabus.id) == col(Topic.syllabus_id))
    return {now: was for now, was in db.exec(edited.where(*same, col(Topic.was_id).is_not(None))) if was is not None}


def _fates(db: Session, bank: Bank, target: Syllabus, old: Mapping[int, Topic], goes: Mapping[int, Topic]) -> list[Fate]:
    codes = {topic.code: goes[topic.id].code for topic in old.values() if topic.id in goes}
    facts = topic_facts(_topics(db, target.id))
    plans = select(Blueprint).where(Blueprint.bank_id == bank.id, col(Blueprint.retired_at).is_(None))
    return [_fate(row, codes, facts) for row in db.exec(plans.order_by(col(Blueprint.id)))]


def _fate(row: Blueprint, codes: Mapping[str, str], facts: Sequence[TopicFacts]) -> Fate:
    body = BlueprintBody.model_validate(row.body)
    topics = tuple(demand.model_copy(update={"code": codes.get(demand.code, demand.code)}) for demand in body.topics)
    moved = body.model_copy(update={"topics": topics})
    problems = tuple(check(moved, facts))
    doubled = [code for code, n in Counter((demand.code, demand.kind) for demand in topics).items() if n > 1]
    if problems or doubled:
        return Fate(row, None, problems or check_doubled(doubled[0][0]))
    return Fate(row, None if moved == body else moved)


def check_doubled(code: str) -> tuple[FieldProblem, ...]:
    """Two demands came to the same topic."""
    problem = msg("Two demands would stand on the topic %(code)s.", code=code)
    return (FieldProblem("topics", problem, msg("Write the blueprint anew for the new table.")),)
