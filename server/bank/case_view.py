"""Case sets for people: the list, and one set with its text, its questions in order, and what may be done with it."""

from collections import Counter
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import and_, func, select
from sqlmodel import Session, col

from itembank import cases, keys
from itembank.items import ItemBody
from itembank.lifecycle import current_version
from itembank.lint import Finding, lint
from itembank.pool import load_pool
from itembank.sealing import Keyring
from itembank.stimulus_tables import Stimulus, StimulusVersion
from itembank.tables import Bank, BatchState, ImportBatch, Item, ItemState, ItemVersion, Review, Topic
from server.auth.staff import Staff
from server.bank import reach
from server.bank.item_view import Preview, VoteLine, key_words, preview_of, shown_html
from server.bank.scope import names


@dataclass(frozen=True)
class CaseLine:
    """One set in the list: its questions (by kind), and how many of them stand in which state."""

    case: Stimulus
    by: str
    questions: int
    kinds: list[tuple[str, int]]
    states: list[tuple[str, int]]


def listed(db: Session, who: Staff, bank: Bank) -> list[CaseLine]:
    """The sets this person may see, newest first, but for those of imports nobody has approved. Three statements."""
    published = select(col(ImportBatch.id)).where(col(ImportBatch.state) == BatchState.PUBLISHED)
    visible = col(Stimulus.import_batch_id).is_(None) | col(Stimulus.import_batch_id).in_(published)
    statement = (
        select(Stimulus)
        .where(col(Stimulus.bank_id) == bank.id, visible, reach.seen_cases(who, bank))
        .order_by(col(Stimulus.id).desc())
    )
    found = list(db.execute(statement).scalars())
    newest = and_(col(ItemVersion.item_id) == col(Item.id), col(ItemVersion.version) == col(Item.current_version))
    counted = (
        select(col(Item.stimulus_id), col(ItemVersion.kind), col(Item.state), func.count())
        .join(ItemVersion, newest)
        .where(col(Item.bank_id) == bank.id, col(Item.stimulus_id).is_not(None), col(Item.state) != ItemState.RETIRED)
        .group_by(col(Item.stimulus_id), col(ItemVersion.kind), col(Item.state))
    )
    kinds: dict[int, Counter[str]] = {}
    states: dict[int, Counter[str]] = {}
    for number, kind, state, count in db.execute(counted):
        kinds.setdefault(number, Counter())[kind] += count
        states.setdefault(number, Counter())[state] += count
    people = names(db, (case.created_by for case in found))
    return [
        CaseLine(
            case,
            people[case.created_by],
            sum(kinds.get(case.id, Counter()).values()),
            sorted(kinds.get(case.id, Counter()).items()),
            sorted(states.get(case.id, Counter()).items()),
        )
        for case in found
    ]


@dataclass(frozen=True)
class Question:
    """One question of a set as reviewers read it."""

    item: Item
    topic: str
    difficulty: int
    preview: Preview
    key: str
    rationale: Markup
    author: str
    remarks: list[Finding]
    votes: list[VoteLine]


@dataclass(frozen=True)
class CaseView:
    """One set. `drawable`: how many questions papers would get now, 0 for none."""

    case: Stimulus
    text: Markup
    wordings: list[tuple[StimulusVersion, str]]
    questions: list[Question]
    drawable: int

    @property
    def state(self) -> str:
        """Where the set stands: the state of what is under way, else that of its questions."""
        states = {question.item.state for question in self.questions}
        order = (ItemState.SUBMITTED, ItemState.RETURNED, ItemState.DRAFT, ItemState.QUARANTINED, ItemState.APPROVED)
        return next((state for state in order if state in states), ItemState.DRAFT)


def case_view(db: Session, keyring: Keyring, bank: Bank, case: Stimulus) -> CaseView:
    """All of one set."""
    wordings = list(
        db.execute(
            select(StimulusVersion)
            .where(col(StimulusVersion.stimulus_id) == case.id)
            .order_by(col(StimulusVersion.version).desc())
        ).scalars()
    )
    people = names(db, (row.created_by for row in wordings))
    return CaseView(
        case,
        shown_html(wordings[0].html, case=str(case.id)),
        [(row, people[row.created_by]) for row in wordings],
        [_question(db, keyring, item) for item in cases.members(db, case.id)],
        load_pool(db, bank).sets.get(case.id, 0),
    )


def _question(db: Session, keyring: Keyring, item: Item) -> Question:
    version = current_version(db, item)
    body, key = ItemBody.model_validate(version.body), keys.read_key(db, keyring, version.id)
    topic = db.get(Topic, item.topic_id)
    reviews = select(Review).where(col(Review.item_version_id) == version.id).order_by(col(Review.id))
    votes = list(db.execute(reviews).scalars())
    people = names(db, [version.created_by, *(vote.reviewer_id for vote in votes)])
    return Question(
        item,
        f"{topic.code} {topic.name}" if topic else "",
        version.difficulty,
        preview_of(body, item.id),
        key_words(version.kind, key, body.unit),
        shown_html(key.rationale_html, item.id),
        people[version.created_by],
        lint(body, key, version.source_clause),
        [VoteLine(people[vote.reviewer_id], vote.vote, vote.note, vote.at) for vote in votes],
    )


def waiting(db: Session, bank: Bank) -> list[Stimulus]:
    """Sets with something in review."""
    numbers = select(col(Item.stimulus_id)).where(col(Item.bank_id) == bank.id, col(Item.state) == ItemState.SUBMITTED)
    return list(db.execute(select(Stimulus).where(col(Stimulus.id).in_(numbers)).order_by(col(Stimulus.id))).scalars())
