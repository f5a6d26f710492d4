"""Experts' reviews for people: who may be named, how rounds stand, and one form as an expert reads it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup
from sqlalchemy import select
from sqlmodel import Session, col

from itembank import experts, keys, swaps
from itembank.blueprint import BlueprintBody
from itembank.items import ItemBody
from itembank.packages import load_slots
from itembank.passport_tables import ExpertRemark, ExpertRound, ExpertVote, PaperExpert, RoundOutcome, SlotSwap
from itembank.sealing import Keyring
from itembank.tables import Bank, Form, FormState, Item, PaperSet, Topic
from server.auth.staff import Staff
from server.auth.tables import Person, RoleGrant
from server.bank.item_view import Preview, preview_of, shown_html
from server.bank.scope import names, say
from server.grading.words import key_words


@dataclass(frozen=True)
class Candidate:
    """Somebody who could be an expert of a set; `refused` says why not."""

    person_id: int
    name: str
    named: bool
    refused: str


@dataclass(frozen=True)
class Remark:
    """What an expert wrote beside a question."""

    slot: int
    by_id: int
    by: str
    text: str
    at: datetime


@dataclass(frozen=True)
class RoundLine:
    """One round of a form."""

    row: ExpertRound
    asked_by: str
    votes: list[tuple[ExpertVote, str]]
    remarks: list[Remark]

    @property
    def state(self) -> str:
        """open, or how it ended."""
        return "open" if self.row.ended_at is None else str(self.row.outcome)


@dataclass
class FormReview:
    """All rounds of a form, the newest first, and what was exchanged."""

    rounds: list[RoundLine] = field(default_factory=list)
    swaps: list[tuple[SlotSwap, str]] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether experts are reading it now."""
        return bool(self.rounds) and self.rounds[0].row.ended_at is None

    @property
    def sent_back(self) -> bool:
        """Whether it waits to be mended."""
        return bool(self.rounds) and self.rounds[0].row.outcome == RoundOutcome.REJECTED

    @property
    def last(self) -> tuple[bool, str | None] | None:
        """As `experts.may_seal` wants it."""
        return (self.open, self.rounds[0].row.outcome) if self.rounds else None

    @property
    def criticised(self) -> list[int]:
        """Slots with a remark in the round that sent it back."""
        return sorted({one.slot for one in self.rounds[0].remarks}) if self.sent_back else []


def candidates(db: Session, papers: PaperSet) -> list[Candidate]:
    """Every reviewer of the institution, by name, with what stands against naming them."""
    people = db.execute(
        select(col(Person.id), col(Person.name))
        .join(RoleGrant, col(RoleGrant.person_id) == col(Person.id))
        .where(
            col(Person.institution_id) == papers.institution_id,
            col(Person.active),
            col(RoleGrant.role) == "reviewer",
            col(RoleGrant.ended_at).is_(None),
        )
        .distinct()
        .order_by(col(Person.name), col(Person.id))
    ).all()
    named, written = set(experts.experts_of(db, papers.id)), experts.written_by(db, papers.id)
    found = []
    for person_id, name in people:
        refused = experts.may_be_expert(person_id, papers.made_by, written.get(person_id, ()))
        found.append(Candidate(person_id, name, person_id in named, say(refused) if refused else ""))
    return found


def reviews(db: Session, form_ids: Sequence[int]) -> dict[int, FormReview]:
    """The rounds of these forms. Five statements, whatever there is."""
    rows = db.execute(select(ExpertRound).where(col(ExpertRound.form_id).in_(form_ids)).order_by(col(ExpertRound.no).desc()))
    rounds = list(rows.scalars())
    ids = [row.id for row in rounds]
    votes = list(db.execute(select(ExpertVote).where(col(ExpertVote.round_id).in_(ids)).order_by(col(ExpertVote.id))).scalars())
    said = select(ExpertRemark).where(col(ExpertRemark.round_id).in_(ids)).order_by(col(ExpertRemark.slot), col(ExpertRemark.id))
    remarks = list(db.execute(said).scalars())
    exchanged = swaps.swaps_of(db, form_ids)
    people = names(
        db,
        [
            *(row.asked_by for row in rounds),
            *(one.person_id for one in votes),
            *(one.person_id for one in remarks),
            *(one.by for one in exchanged),
        ],
    )
    found = {form_id: FormReview() for form_id in form_ids}
    for row in rounds:
        mine = [(one, people[one.person_id]) for one in votes if one.round_id == row.id]
        beside = [
            Remark(one.slot, one.person_id, people[one.person_id], one.text, one.at) for one in remarks if one.round_id == row.id
        ]
        found[row.form_id].rounds.append(RoundLine(row, people[row.asked_by], mine, beside))
    for one in exchanged:
        found[one.form_id].swaps.append((one, people[one.by]))
    return found


def may_be_sealed(bank: Bank, forms: Iterable[Form], found: Mapping[int, FormReview]) -> bool:
    """Whether the experts stand in the way of none of these forms."""
    return not any(experts.may_seal(form.label, form.state, bank.experts_needed, found[form.id].last) for form in forms)


@dataclass(frozen=True)
class Waiting:
    """A form that asks for this expert's opinion."""

    paper_set_id: int
    form_id: int
    title: str
    label: str
    since: datetime


def waiting_for(db: Session, bank: Bank, who: Staff) -> list[Waiting]:
    """Forms of a bank that are before this expert now, oldest first."""
    voted = select(col(ExpertVote.round_id)).where(col(ExpertVote.person_id) == who.person_id)
    statement = (
        select(col(PaperSet.id), col(Form.id), col(PaperSet.title), col(Form.label), col(ExpertRound.asked_at))
        .join(Form, col(Form.paper_set_id) == col(PaperSet.id))
        .join(ExpertRound, col(ExpertRound.form_id) == col(Form.id))
        .join(PaperExpert, col(PaperExpert.paper_set_id) == col(PaperSet.id))
        .where(
            col(PaperSet.bank_id) == bank.id,
            col(PaperExpert.person_id) == who.person_id,
            col(PaperExpert.removed_at).is_(None),
            col(ExpertRound.ended_at).is_(None),
            col(ExpertRound.id).not_in(voted),
            col(Form.state) == FormState.COMPOSED,
        )
        .order_by(col(ExpertRound.asked_at), col(Form.label))
    )
    return [Waiting(*row) for row in db.execute(statement)]


@dataclass(frozen=True)
class Question:
    """One question as an expert reads it: what the candidate sees, and beside it what only experts see."""

    slot: int
    item_id: int
    preview: Preview
    key: str
    rationale: Markup
    topic: str
    difficulty: int
    source: str
    marks: int


def questions(db: Session, keyring: Keyring, form: Form) -> list[Question]:
    """All of a form in order, with keys. The caller audits that they were read."""
    slots = load_slots(db, form.id)
    topics = dict(
        db.execute(
            select(col(Item.id), col(Topic.code) + " " + col(Topic.name))
            .join(Topic, col(Topic.id) == col(Item.topic_id))
            .where(col(Item.id).in_([slot.item_id for slot, _version in slots]))
        ).all()
    )
    found = []
    for slot, version in slots:
        key = keys.read_key(db, keyring, version.id)
        found.append(
            Question(
                slot=slot.slot,
                item_id=slot.item_id,
                preview=preview_of(ItemBody.model_validate(version.body), slot.item_id),
                key=key_words(key, version.kind),
                rationale=shown_html(key.rationale_html, slot.item_id),
                topic=topics[slot.item_id],
                difficulty=version.difficulty,
                source=version.source_clause,
                marks=slot.marks,
            )
        )
    return found


def section_starts(body: BlueprintBody) -> dict[int, tuple[str, int, int]]:
    """First slot of each section -> kind, how many questions, marks each."""
    starts, first = {}, 1
    for section in body.sections:
        starts[first] = (section.kind, section.count, section.marks_each)
        first += section.count
    return starts
