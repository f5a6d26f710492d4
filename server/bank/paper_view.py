"""Paper sets for people: the list, and one set with its forms side by side."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup
from sqlalchemy import func, select
from sqlmodel import Session, col

from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import BlueprintBody, TopicFacts, is_under
from itembank.items import CASE_SET
from itembank.pool import topics_of
from itembank.sealing import Keyring
from itembank.tables import (
    Bank,
    Blueprint,
    Filing,
    Form,
    FormSlot,
    FormStep,
    Item,
    ItemVersion,
    LedgerEntry,
    PaperSet,
    Topic,
)
from server.bank.blueprint_form import counted_topics
from server.bank.blueprints import body_of
from server.bank.charts import curves, grouped_bars, histogram
from server.bank.experts_view import FormReview, reviews
from server.bank.recount import Recount, lowered_words, recounted
from server.bank.scope import names
from server.bank.tables import Withdrawal
from server.bank.words import SECTIONS
from server.pages import BEIJING, _, translate
from server.registry.tables import ExamSession

GRADES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class SetLine:
    """One paper set in the list; `states` of its forms by label."""

    papers: PaperSet
    blueprint: str
    states: list[tuple[str, str]]
    by: str


@dataclass(frozen=True)
class Slot:
    """One place on a form. No text and no key."""

    slot: int
    item_id: int
    kind: str
    topic: str
    importance: str
    difficulty: int
    marks: int
    case: int | None

    @property
    def section(self) -> str:
        """The kind of section it stands in."""
        return self.kind if self.case is None else CASE_SET


@dataclass
class FormView:
    """One form: its slots, figures, passport and filing."""

    form: Form
    slots: list[Slot]
    steps: list[tuple[FormStep, str, str]]
    filing: Filing | None
    kinds: Counter[str] = field(default_factory=Counter)
    grades: Counter[int] = field(default_factory=Counter)
    importances: Counter[str] = field(default_factory=Counter)
    picture: Markup = field(default_factory=Markup)

    @property
    def mean(self) -> float:
        """Mean difficulty, 1 to 5."""
        return sum(slot.difficulty for slot in self.slots) / len(self.slots) if self.slots else 0.0

    @property
    def marks(self) -> int:
        """Hundredths."""
        return sum(slot.marks for slot in self.slots)


@dataclass(frozen=True)
class Coverage:
    """One topic, of all kinds or one, across the forms: wanted by the blueprint, found on each."""

    code: str
    name: str
    kind: str | None
    low: int | None
    high: int | None
    found: list[int]

    @property
    def met(self) -> list[bool]:
        """Form by form, whether it has what was wanted."""
        return [self.low is None or self.low <= n <= (n if self.high is None else self.high) for n in self.found]


@dataclass(frozen=True)
class PaperView:
    """One paper set, for its page."""

    papers: PaperSet
    blueprint: Blueprint
    body: BlueprintBody
    forms: list[FormView]
    coverage: list[Coverage]
    picture: Markup
    curves: Markup | None
    recount: Recount
    lowered: list[str]
    shared: int
    by: str
    withdrawal: Withdrawal | None
    withdrawal_by: str
    exams: list[ExamSession]
    reserved: int
    burned: int
    reviews: dict[int, FormReview]
    """By form id."""


def listed(db: Session, bank: Bank) -> list[SetLine]:
    """Paper sets of a bank, newest first. Three statements."""
    statement = (
        select(PaperSet, col(Blueprint.name))
        .join(Blueprint, col(Blueprint.id) == col(PaperSet.blueprint_id))
        .where(col(PaperSet.bank_id) == bank.id)
        .order_by(col(PaperSet.id).desc())
    )
    found = [(papers, name) for papers, name in db.execute(statement)]
    forms = select(col(Form.paper_set_id), col(Form.label), col(Form.state)).order_by(col(Form.label))
    states: dict[int, list[tuple[str, str]]] = {}
    for set_id, label, state in db.execute(forms.where(col(Form.paper_set_id).in_([papers.id for papers, _name in found]))):
        states.setdefault(set_id, []).append((label, state))
    people = names(db, (papers.made_by for papers, _name in found))
    return [SetLine(papers, name, states.get(papers.id, []), people[papers.made_by]) for papers, name in found]


def paper_view(db: Session, bank: Bank, papers: PaperSet, keyring: Keyring) -> PaperView:
    """All of one set; the recount is made afresh from the stored slots."""
    blueprint = db.execute(select(Blueprint).where(col(Blueprint.id) == papers.blueprint_id)).scalar_one()
    body = body_of(blueprint)
    forms = _forms(db, papers, body)
    pool = {form.form.id: rows for form, rows in zip(forms, _pool_rows(db, forms), strict=True)}
    topics = _topics(db, bank, forms)
    coverage = _coverage(topics, body, forms)
    open_request = select(Withdrawal).where(col(Withdrawal.paper_set_id) == papers.id).order_by(col(Withdrawal.id).desc())
    withdrawal = db.execute(open_request.limit(1)).scalar()
    exams = select(ExamSession).where(col(ExamSession.paper_set_id) == papers.id).order_by(col(ExamSession.starts_at))
    people = names(db, [papers.made_by, withdrawal.asked_by if withdrawal else None])
    live = [col(LedgerEntry.form_id).in_(list(pool)), col(LedgerEntry.ended_at).is_(None)]
    claims = select(func.count(), func.count(col(LedgerEntry.burned_at))).where(*live)
    held, burned = db.execute(claims).one()
    items = [slot.item_id for form in forms for slot in form.slots]
    labels = [form.form.label for form in forms]
    return PaperView(
        papers=papers,
        blueprint=blueprint,
        body=body,
        forms=forms,
        coverage=coverage,
        picture=_coverage_picture(coverage, labels),
        curves=_curves(papers, labels),
        recount=recounted(db, bank, papers, body, list(pool.values()), topics, keyring),
        lowered=lowered_words(papers.report),
        shared=len(items) - len(set(items)),
        by=people[papers.made_by],
        withdrawal=withdrawal,
        withdrawal_by=people[withdrawal.asked_by] if withdrawal else "",
        exams=list(db.execute(exams).scalars()),
        reserved=held - burned,
        burned=burned,
        reviews=reviews(db, [form.form.id for form in forms]),
    )


def _coverage_picture(coverage: list[Coverage], labels: list[str]) -> Markup:
    limits = [None if line.low is None else (line.low, line.low if line.high is None else line.high) for line in coverage]
    bars = [
        (f"{line.code} {translate(SECTIONS[line.kind])}" if line.kind in SECTIONS else line.code, line.found) for line in coverage
    ]
    return grouped_bars(bars, labels, translate(_("Items by topic and form")), limits)


def _curves(papers: PaperSet, labels: list[str]) -> Markup | None:
    """Information over ability, as it was when the forms were made; None where nothing was calibrated."""
    report = papers.report or {}
    if "curves" not in report:
        return None
    return curves(
        report["abilities"], list(zip(labels, report["curves"], strict=False)), translate(_("Information of each form"))
    )


def _topics(db: Session, bank: Bank, forms: list[FormView]) -> tuple[TopicFacts, ...]:
    """Of the table the set was made by: the bank may follow another now."""
    ids = [view.form.id for view in forms]
    made_by = select(col(Topic.syllabus_id)).join(FormSlot, col(FormSlot.topic_id) == col(Topic.id))
    found = db.execute(made_by.where(col(FormSlot.form_id).in_(ids)).limit(1)).scalar()
    return topics_of(db, found or bank.syllabus_id)


def _forms(db: Session, papers: PaperSet, body: BlueprintBody) -> list[FormView]:
    forms = list(db.execute(select(Form).where(col(Form.paper_set_id) == papers.id).order_by(col(Form.label))).scalars())
    ids = [form.id for form in forms]
    steps = list(db.execute(select(FormStep).where(col(FormStep.form_id).in_(ids)).order_by(col(FormStep.id))).scalars())
    filings = {f.form_id: f for f in db.execute(select(Filing).where(col(Filing.form_id).in_(ids))).scalars()}
    people = names(db, [number for step in steps for number in (step.by, step.second_by)])
    slots = _slots(db, ids)
    views = []
    for form in forms:
        passport = [(s, people[s.by], people[s.second_by] if s.second_by else "") for s in steps if s.form_id == form.id]
        view = FormView(form, slots.get(form.id, []), passport, filings.get(form.id))
        view.kinds.update(slot.section for slot in view.slots)
        view.grades.update(slot.difficulty for slot in view.slots)
        view.importances.update(slot.importance for slot in view.slots)
        views.append(view)
    highest = max((count for view in views for count in view.grades.values()), default=1)
    for view in views:
        title = translate(_("Difficulty of form %(label)s"), label=view.form.label)
        view.picture = histogram(
            view.grades, GRADES, title, highest, {g.difficulty: (g.low, min(g.high, len(view.slots))) for g in body.grades}
        )
    return views


def _slots(db: Session, form_ids: list[int]) -> dict[int, list[Slot]]:
    statement = (
        select(
            col(FormSlot.form_id),
            col(FormSlot.slot),
            col(FormSlot.item_id),
            col(ItemVersion.kind),
            col(Topic.code),
            func.coalesce(Topic.importance, ""),
            col(ItemVersion.difficulty),
            col(FormSlot.marks),
            col(Item.stimulus_id),
        )
        .join(ItemVersion, col(ItemVersion.id) == col(FormSlot.item_version_id))
        .join(Item, col(Item.id) == col(FormSlot.item_id))
        .join(Topic, col(Topic.id) == func.coalesce(FormSlot.topic_id, Item.topic_id))
        .where(col(FormSlot.form_id).in_(form_ids))
        .order_by(col(FormSlot.form_id), col(FormSlot.slot))
    )
    found: dict[int, list[Slot]] = {}
    for form_id, *values in db.execute(statement):
        found.setdefault(form_id, []).append(Slot(*values))
    return found


def _pool_rows(db: Session, forms: list[FormView]) -> list[list[PoolItem]]:
    """The same slots as the recount wants them, families read from the ledger's side of the house."""
    statement = select(col(FormSlot.form_id), col(FormSlot.slot), col(FormSlot.item_version_id), col(FormSlot.family_id))
    of_forms = statement.where(col(FormSlot.form_id).in_([view.form.id for view in forms]))
    keyed = {(form, slot): (version, family) for form, slot, version, family in db.execute(of_forms)}
    return [
        [
            PoolItem(
                s.item_id, *keyed[view.form.id, s.slot], s.section, s.topic, s.importance, s.difficulty, stimulus=s.case or 0
            )
            for s in view.slots
        ]
        for view in forms
    ]


def _coverage(topics: tuple[TopicFacts, ...], body: BlueprintBody, forms: list[FormView]) -> list[Coverage]:
    """Every demand on a topic, in the order of the tree; topics of the usual level without one besides."""
    names = {topic.code: topic.name for topic in topics}
    wanted = {(demand.code, demand.kind): demand for demand in body.topics}
    keys = wanted.keys() | {(topic.code, None) for topic in counted_topics(topics)}
    lines = []
    for code, kind in sorted(keys, key=lambda key: (key[0].split("-"), key[1] or "")):
        found = [sum(is_under(slot.topic, code) and kind in {None, slot.kind} for slot in view.slots) for view in forms]
        demand = wanted.get((code, kind))
        low, high = (demand.low, demand.high) if demand else (None, None)
        lines.append(Coverage(code, names.get(code, ""), kind, low, high, found))
    return lines


def open_withdrawal(db: Session, paper_set_id: int) -> Withdrawal | None:
    """The request to withdraw that nobody has decided yet."""
    statement = select(Withdrawal).where(col(Withdrawal.paper_set_id) == paper_set_id, col(Withdrawal.decided_at).is_(None))
    return db.execute(statement.order_by(col(Withdrawal.id).desc()).limit(1)).scalar()


def day(text: str) -> datetime | None:
    """A date as a browser sends it, at midnight in Beijing; None when it is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=BEIJING)
    except ValueError:
        return None
