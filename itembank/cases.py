"""Case sets (案例题): a text, and the questions on it. Written, handed in, reviewed and drawn as a whole.

The text stands in the body of every question, so a new wording is a new version of all of them (`reword`), and a sealed paper,
a review or a key always means one wording. A question is made in its set and stays in it; taken out of use it leaves it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from itembank import keys, lifecycle
from itembank.errors import FieldProblem, InvalidItem, Message, NotFound, msg
from itembank.items import MAX_STEM, ItemBody, check_html, with_stimulus
from itembank.lifecycle import Draft, NotAllowed, current_version, may_revise
from itembank.markup import shown_text
from itembank.pool import get_bank
from itembank.sealing import Keyring
from itembank.stimulus_tables import Stimulus, StimulusVersion
from itembank.tables import Item, ItemState, ItemVersion, Review, Vote

LONGEST_TITLE: Final = 80
_FROM_TEXT: Final = 30


def title_of(html: str) -> str:
    """A title for lists from the beginning of the text."""
    text = " ".join(shown_text(html).split())
    return text if len(text) <= _FROM_TEXT else f"{text[: _FROM_TEXT - 1]}…"


def get_set(db: Session, stimulus_id: int) -> Stimulus:
    """The set, locked for the transaction where the database can; raises `NotFound`."""
    row = db.exec(select(Stimulus).where(Stimulus.id == stimulus_id).with_for_update()).first()
    if row is None:
        raise NotFound("case set", stimulus_id)
    return row


def wording(db: Session, stimulus: Stimulus, version: int | None = None) -> StimulusVersion:
    """One wording of its text, the newest by default; raises `NotFound`."""
    number = stimulus.current_version if version is None else version
    statement = select(StimulusVersion).where(StimulusVersion.stimulus_id == stimulus.id, StimulusVersion.version == number)
    found = db.exec(statement).first()
    if found is None:
        raise NotFound("wording", number)
    return found


def members(db: Session, stimulus_id: int, *, retired: bool = False) -> Sequence[Item]:
    """The questions of a set in their order; those out of use only when asked for."""
    statement = select(Item).where(Item.stimulus_id == stimulus_id).order_by(col(Item.set_position), col(Item.id))
    return db.exec(statement if retired else statement.where(Item.state != ItemState.RETIRED)).all()


def create_set(db: Session, bank_id: int, title: str, html: str, *, by: int, now: datetime) -> Stimulus:
    """A text without questions yet. Raises `InvalidItem`, `NotFound`."""
    _require_text(html)
    get_bank(db, bank_id)
    row = Stimulus(bank_id=bank_id, title=(title.strip() or title_of(html))[:LONGEST_TITLE], created_at=now, created_by=by)
    db.add(row)
    db.flush()
    db.add(StimulusVersion(stimulus_id=row.id, html=html, created_at=now, created_by=by))
    db.flush()
    return row


def store_texts(db: Session, bank_id: int, batch_id: int, texts: Mapping[str, str], *, by: int, now: datetime) -> dict[str, int]:
    """The texts of an import's sets (name in the file -> HTML); name -> id. As invisible as the batch."""
    found: dict[str, int] = {}
    for name, html in texts.items():
        title = title_of(html) if name.isdecimal() else name[:LONGEST_TITLE]
        row = Stimulus(bank_id=bank_id, title=title, import_batch_id=batch_id, created_at=now, created_by=by)
        db.add(row)
        db.flush()
        db.add(StimulusVersion(stimulus_id=row.id, html=html, created_at=now, created_by=by))
        found[name] = row.id
    db.flush()
    return found


def reword(
    db: Session, keyring: Keyring, stimulus_id: int, title: str, html: str, *, by: int, now: datetime
) -> StimulusVersion | None:
    """Change title and text; the new wording, or None where the text stays.

    A new wording gives every question a new version, which starts as a draft, its writer still being its writer; approved ones
    stay in force until the set is approved again. Raises `InvalidItem`, `NotAllowed` while a question is in review or quarantine.
    """
    _require_text(html)
    stimulus = get_set(db, stimulus_id)
    get_bank(db, stimulus.bank_id, lock=True)  # nobody adds a question on the old text meanwhile
    stimulus.title = (title.strip() or title_of(html))[:LONGEST_TITLE]
    db.flush()
    if wording(db, stimulus).html == html:
        return None
    questions = members(db, stimulus_id)
    for item in questions:
        lifecycle.require(may_revise(item.state))
    stimulus.current_version += 1
    row = StimulusVersion(stimulus_id=stimulus.id, version=stimulus.current_version, html=html, created_at=now, created_by=by)
    db.add(row)
    db.flush()
    for item in questions:
        _take_over(db, keyring, item, html, now=now)
    return row


def move(db: Session, item_id: int, *, up: bool) -> None:
    """Exchange a question with its neighbour in the set; at the end nothing happens."""
    item = db.get(Item, item_id)
    if item is None or item.stimulus_id is None:
        raise NotFound("case set", 0)
    get_set(db, item.stimulus_id)  # the set before its questions, as everywhere
    questions = list(members(db, item.stimulus_id))
    at = next((n for n, one in enumerate(questions) if one.id == item_id), None)
    other = None if at is None else at + (-1 if up else 1)
    if at is None or other is None or not 0 <= other < len(questions):
        return
    questions[at], questions[other] = questions[other], questions[at]
    for number, one in enumerate(questions, 1):
        one.set_position = number
    db.flush()


def submit(db: Session, keyring: Keyring, stimulus_id: int, *, by: int, now: datetime) -> list[Item]:
    """Hand in all that is new of a set; the questions that are in review now.

    By somebody who wrote some of it. Questions sent back with the others and not changed are taken over into a new version, so
    that reviewers look at all of it again. Raises `NotAllowed`.
    """
    stimulus = get_set(db, stimulus_id)
    questions = members(db, stimulus_id)
    new = [item for item in questions if item.state == ItemState.DRAFT]
    if not questions:
        raise NotAllowed(msg("There is no question on this text yet."))
    if any(item.state == ItemState.SUBMITTED for item in questions):
        raise NotAllowed(msg("This set is in review already."))
    if not new:
        raise NotAllowed(msg("Nothing in this set has changed since it was decided."))
    text = wording(db, stimulus)
    if by not in {text.created_by, *(item.author_id for item in new)}:
        raise NotAllowed(msg("Only a writer of this set can hand it in."))
    for item in questions:
        if item.state == ItemState.RETURNED:
            _take_over(db, keyring, item, text.html, now=now)
            new.append(item)
    for item in new:
        lifecycle.submit(db, item.id, by=by, with_set=True)
    return sorted(new, key=lambda item: (item.set_position, item.id))


def in_review(db: Session, stimulus_id: int) -> list[Item]:
    """The questions of a set that wait for votes."""
    return [item for item in members(db, stimulus_id) if item.state == ItemState.SUBMITTED]


def recall(db: Session, stimulus_id: int, *, by: int) -> list[Item]:
    """Take back what is in review, while nobody has voted: by somebody who wrote some of it. Raises `NotAllowed`."""
    get_set(db, stimulus_id)
    waiting = in_review(db, stimulus_id)
    if not waiting:
        raise NotAllowed(msg("Nothing of this set is in review."))
    if by not in writers_of(db, stimulus_id, waiting):
        raise NotAllowed(msg("Only a writer of this set can take it back."))
    for item in waiting:
        lifecycle.recall(db, item.id, by=by, with_set=True)
    return waiting


def writers_of(db: Session, stimulus_id: int, questions: Iterable[Item]) -> set[int]:
    """Everybody who wrote a wording of the text or a version of these questions."""
    texts = db.exec(select(StimulusVersion.created_by).where(StimulusVersion.stimulus_id == stimulus_id))
    return set(texts).union(*(lifecycle.writers_of(db, item) for item in questions))


def may_vote(db: Session, stimulus: Stimulus, by: int) -> Message | None:
    """Why this person may not vote on what is in review of a set: who wrote any of it, text or question, does not."""
    waiting = in_review(db, stimulus.id)
    if not waiting:
        return msg("Nothing of this set is in review.")
    writers = writers_of(db, stimulus.id, waiting)
    for item in waiting:
        cast = db.exec(select(Review.reviewer_id).where(Review.item_version_id == current_version(db, item).id)).all()
        refusal = lifecycle.may_vote(item.state, by, writers, cast)
        if refusal is not None:
            return refusal
    return None


def vote(
    db: Session,
    stimulus_id: int,
    choice: Vote,
    *,
    by: int,
    now: datetime,
    note: str = "",
    read: Mapping[int, int] | None = None,
) -> ItemState:
    """One vote on all that is in review of a set; the state it is in afterwards.

    `read`: the versions the reviewer has read, by item. Raises `NotAllowed`.
    """
    lifecycle.require(may_vote(db, get_set(db, stimulus_id), by))
    waiting = in_review(db, stimulus_id)
    if read is not None and dict(read) != {item.id: item.current_version for item in waiting}:
        raise NotAllowed(msg("The set was changed meanwhile: read it again."))
    state = ItemState.SUBMITTED
    for item in waiting:
        state = lifecycle.vote(db, item.id, choice, by=by, now=now, note=note, with_set=True)
    return state


def _take_over(db: Session, keyring: Keyring, item: Item, html: str, *, now: datetime) -> ItemVersion:
    """The newest version once more, on this text, as a draft of whoever wrote it: who must not review it later."""
    old = current_version(db, item)
    body = with_stimulus(ItemBody.model_validate(old.body), str(item.stimulus_id), html)
    key = keys.read_key(db, keyring, old.id)
    draft = Draft(body, key, item.topic_id, old.difficulty, old.source_clause, old.cognitive)
    return lifecycle.revise(db, keyring, item.id, draft, by=old.created_by, now=now)


def _require_text(html: str) -> None:
    problems: list[FieldProblem] = check_html("stimulus", html, MAX_STEM)
    if problems:
        raise InvalidItem(tuple(problems))
