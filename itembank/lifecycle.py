"""The life of an item: draft -> submitted -> approved (or returned) -> retired | quarantined; a revision goes round again.

Deciding is pure (`may_*` give a `Message` why not, or None); applying is thin. Whoever wrote any version of an item never votes
on it, and how many have to approve is the bank's rule.
An import is decided as a batch by a second person, who has to have read the sample drawn for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, func, select

from itembank import keys
from itembank.errors import ItemBankError, Message, NotFound, msg
from itembank.items import ItemBody, ItemKeyData, require_valid
from itembank.markup import shown_text
from itembank.pool import find_same, get_bank
from itembank.sealing import Keyring
from itembank.similarity import content_digest
from itembank.stimulus_tables import Stimulus, StimulusVersion
from itembank.tables import Bank, BatchState, Family, ImportBatch, Item, ItemState, ItemVersion, Media, Review, Topic, Vote

VOTES_NEEDED: Final = 2
_PLAIN_LENGTH: Final = 400
DEFAULT_DIFFICULTY: Final = 3


class NotAllowed(ItemBankError):
    """The life of the item (or batch) does not allow this; `message` says why."""


class SameQuestionExists(ItemBankError):
    """Another family already asks this. `item_id` is the one there is."""

    def __init__(self, item_id: int) -> None:
        super().__init__(msg("The bank already has this question: item %(item_id)s.", item_id=item_id))
        self.item_id = item_id


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer hands in. `difficulty` 1 to 5."""

    body: ItemBody
    key: ItemKeyData
    topic_id: int
    difficulty: int = DEFAULT_DIFFICULTY
    source_clause: str = ""
    cognitive: str = ""


# Decisions -----------------------------------------------------------------------------------------------------------


def may_submit(state: str, by: int, author: int) -> Message | None:
    """Why this person may not hand the item in for review."""
    if by != author:
        return msg("Only the writer of this version can submit it.")
    if state == ItemState.RETURNED:
        return msg("A returned item needs a new version first.")
    if state != ItemState.DRAFT:
        return msg("Only a draft can be submitted.")
    return None


def may_recall(state: str, by: int, author: int, votes: int) -> Message | None:
    """Why this person may not take the item back from review."""
    if by != author:
        return msg("Only the writer of this version can take it back.")
    if state != ItemState.SUBMITTED:
        return msg("Only a submitted item can be taken back.")
    if votes:
        return msg("Somebody has reviewed it already: it stays in review.")
    return None


def may_vote(state: str, by: int, writers: Iterable[int], voted: Iterable[int]) -> Message | None:
    """Why this person may not vote on the version. `writers`: everybody who wrote or brought in any version of the item."""
    if by in set(writers):
        return msg("Nobody reviews their own item.")
    if state != ItemState.SUBMITTED:
        return msg("Only a submitted item can be reviewed.")
    if by in set(voted):
        return msg("You have already voted on this version.")
    return None


def state_after(votes: Iterable[str], needed: int = VOTES_NEEDED) -> ItemState:
    """One vote to return sends the item back; `needed` votes to approve approve it."""
    cast = list(votes)
    if Vote.RETURN in cast:
        return ItemState.RETURNED
    return ItemState.APPROVED if cast.count(Vote.APPROVE) >= needed else ItemState.SUBMITTED


def may_revise(state: str) -> Message | None:
    """Why there may be no new version: it would pull the text from under reviewers, or wake a withdrawn item."""
    if state in {ItemState.SUBMITTED, ItemState.QUARANTINED}:
        return msg("An item under review or in quarantine cannot be changed.")
    return None


def alone(item: Item, *, with_set: bool = False) -> Message | None:
    """Why this item is not handed in or reviewed by itself."""
    if item.stimulus_id is None or with_set:
        return None
    return msg("This question belongs to a case set, which is handed in and reviewed as a whole.")


def may_decide_batch(state: str, by: int, importer: int) -> Message | None:
    """Why this person may not approve or reject the import."""
    if by == importer:
        return msg("An import is decided by a second person.")
    if state != BatchState.STAGED:
        return msg("This import is not waiting for a decision.")
    return None


# Acts ----------------------------------------------------------------------------------------------------------------


def create_item(db: Session, keyring: Keyring, bank_id: int, draft: Draft, *, by: int, now: datetime) -> Item:
    """A new item, first version, own family, as a draft; the last of its set where its body names one.

    Raises `InvalidItem`, `SameQuestionExists`, `NotFound`, `NotAllowed`.
    """
    require_valid(draft.body, draft.key)
    digest = content_digest(draft.body).hex()
    bank = get_bank(db, bank_id, lock=True)
    stimulus_id = _require_current_text(db, bank_id, draft.body)
    _require_leaf(db, bank, draft.topic_id)
    existing = find_same(db, bank, [digest])
    if existing:
        raise SameQuestionExists(existing[digest])
    family = Family(bank_id=bank_id, created_at=now)
    db.add(family)
    db.flush()
    item = Item(bank_id=bank_id, family_id=family.id, topic_id=draft.topic_id, author_id=by, created_at=now)
    if stimulus_id is not None:
        last = select(func.max(Item.set_position)).where(Item.stimulus_id == stimulus_id)
        item.stimulus_id, item.set_position = stimulus_id, (db.exec(last).one() or 0) + 1
    db.add(item)
    db.flush()
    _add_version(db, keyring, item, draft, digest, by=by, now=now)
    return item


def revise(
    db: Session, keyring: Keyring, item_id: int, draft: Draft, *, by: int, now: datetime, base: int | None = None
) -> ItemVersion:
    """A further version, in the same family, which starts as a draft; the approved one stays in force until then.

    `base` is the version the writer began with: refused when another came since.
    """
    bank_id = db.exec(select(Item.bank_id).where(Item.id == item_id)).first()
    if bank_id is None:
        raise NotFound("item", item_id)
    bank = get_bank(db, bank_id, lock=True)  # before the item, as whoever moves the bank to another table does
    item = get_item(db, item_id)
    require(may_revise(item.state))
    if base is not None and base != item.current_version:
        raise NotAllowed(msg("Somebody else has saved version %(n)s meanwhile.", n=item.current_version))
    require_valid(draft.body, draft.key)
    if _require_current_text(db, item.bank_id, draft.body) != item.stimulus_id:
        raise NotAllowed(msg("A question stays in its case set, or out of any."))
    digest = content_digest(draft.body).hex()
    _require_leaf(db, bank, draft.topic_id)
    existing = find_same(db, bank, [digest])
    if existing and get_item(db, existing[digest]).family_id != item.family_id:
        raise SameQuestionExists(existing[digest])
    item.current_version += 1
    item.topic_id = draft.topic_id
    item.author_id = by
    item.state = ItemState.DRAFT
    return _add_version(db, keyring, item, draft, digest, by=by, now=now)


def submit(db: Session, item_id: int, *, by: int, with_set: bool = False) -> None:
    """Hand the current version in for review. A question of a case set goes `with_set` only: see `cases`."""
    item = get_item(db, item_id)
    require(alone(item, with_set=with_set) or may_submit(item.state, by, by if with_set else item.author_id))
    item.state = ItemState.SUBMITTED
    db.flush()


def recall(db: Session, item_id: int, *, by: int, with_set: bool = False) -> None:
    """Take the current version back from review, while nobody has voted on it. A question of a case set: `with_set` only."""
    item = get_item(db, item_id)
    votes = len(_votes(db, current_version(db, item)))
    require(alone(item, with_set=with_set) or may_recall(item.state, by, by if with_set else item.author_id, votes))
    item.state = ItemState.DRAFT
    db.flush()


def vote(
    db: Session,
    item_id: int,
    choice: Vote,
    *,
    by: int,
    now: datetime,
    note: str = "",
    version: int | None = None,
    with_set: bool = False,
) -> ItemState:
    """Review the current version; the state the item is in afterwards. `version` is the one the reviewer has read.

    A question of a case set: `with_set` only.
    """
    item = get_item(db, item_id)
    require(alone(item, with_set=with_set))
    newest = current_version(db, item)
    if version is not None and version != newest.version:
        raise NotAllowed(msg("The writer has handed in version %(n)s meanwhile: review that one.", n=newest.version))
    cast = _votes(db, newest)
    require(may_vote(item.state, by, writers_of(db, item), [review.reviewer_id for review in cast]))
    db.add(Review(item_version_id=newest.id, reviewer_id=by, vote=choice, note=note, at=now))
    state = state_after([*(review.vote for review in cast), choice], get_bank(db, item.bank_id).votes_needed)
    item.state = state
    if state == ItemState.APPROVED:
        item.approved_version = item.current_version
    db.flush()
    return state


def retire(db: Session, item_id: int) -> None:
    """Take an item out of use for good; forms already sealed with it are not touched."""
    _leave(db, item_id, ItemState.RETIRED)


def quarantine(db: Session, item_id: int) -> None:
    """Take an item out of use because it may have leaked."""
    _leave(db, item_id, ItemState.QUARANTINED)


def approve_batch(db: Session, batch_id: int, *, by: int, read: Iterable[int], now: datetime, note: str = "") -> None:
    """A second person approves an import, having read (item ids) the whole sample."""
    batch = get_batch(db, batch_id)
    require(may_decide_batch(batch.state, by, batch.created_by))
    unread = set(batch.sample) - set(read)
    if unread:
        raise NotAllowed(msg("%(n)s items of the sample have not been read.", n=len(unread)))
    batch.state, batch.decided_by, batch.decided_at, batch.note = BatchState.APPROVED, by, now, note
    db.flush()


def reject_batch(db: Session, batch_id: int, *, by: int, now: datetime, note: str) -> None:
    """A second person refuses an import; its items never become visible."""
    batch = get_batch(db, batch_id)
    require(may_decide_batch(batch.state, by, batch.created_by))
    batch.state, batch.decided_by, batch.decided_at, batch.note = BatchState.REJECTED, by, now, note
    db.flush()


# Reading -------------------------------------------------------------------------------------------------------------


def get_item(db: Session, item_id: int) -> Item:
    """The item, locked for the transaction where the database can; raises `NotFound`."""
    wanted = select(Item).where(Item.id == item_id).with_for_update()
    item = db.exec(wanted, execution_options={"populate_existing": True}).first()
    if item is None:
        raise NotFound("item", item_id)
    return item


def get_batch(db: Session, batch_id: int) -> ImportBatch:
    """The import, locked likewise; raises `NotFound`."""
    batch = db.exec(select(ImportBatch).where(ImportBatch.id == batch_id).with_for_update()).first()
    if batch is None:
        raise NotFound("import", batch_id)
    return batch


def current_version(db: Session, item: Item) -> ItemVersion:
    """The newest version of an item."""
    statement = select(ItemVersion).where(ItemVersion.item_id == item.id, ItemVersion.version == item.current_version)
    return db.exec(statement).one()


def writers_of(db: Session, item: Item) -> set[int]:
    """Everybody who wrote or brought in a version of the item."""
    return {item.author_id, *db.exec(select(ItemVersion.created_by).where(ItemVersion.item_id == item.id))}


def _votes(db: Session, version: ItemVersion) -> list[Review]:
    return list(db.exec(select(Review).where(Review.item_version_id == version.id)))


def add_media(db: Session, digest: str, type: str, data: bytes, *, now: datetime) -> None:
    """Store a figure under its digest (SHA-256 hex of `data`, computed by the caller), unless it is there."""
    if db.get(Media, digest) is None:
        db.add(Media(digest=digest, type=type, data=data, created_at=now))
        db.flush()


def plain_stem(body: ItemBody) -> str:
    """`ItemVersion.plain`: the stem as text, cut to what lists show and search looks through."""
    return shown_text(body.stem_html)[:_PLAIN_LENGTH]


def _add_version(db: Session, keyring: Keyring, item: Item, draft: Draft, digest: str, *, by: int, now: datetime) -> ItemVersion:
    version = ItemVersion(
        item_id=item.id,
        version=item.current_version,
        kind=draft.body.kind,
        body=draft.body.model_dump(mode="json"),
        plain=plain_stem(draft.body),
        normal_digest=digest,
        difficulty=draft.difficulty,
        cognitive=draft.cognitive,
        source_clause=draft.source_clause,
        created_at=now,
        created_by=by,
    )
    db.add(version)
    db.flush()
    keys.add_first_key(db, keyring, version, draft.key, by=by, now=now)
    db.flush()
    return version


def _leave(db: Session, item_id: int, state: ItemState) -> None:
    get_item(db, item_id).state = state
    db.flush()


def _require_current_text(db: Session, bank_id: int, body: ItemBody) -> int | None:
    """The set the body names, whose newest text it must have; None for a body of none."""
    if not body.stimulus:
        return None
    stimulus = db.get(Stimulus, int(body.stimulus)) if body.stimulus.isdecimal() else None
    if stimulus is None or stimulus.bank_id != bank_id:
        raise NotFound("case set", body.stimulus)
    newest = select(StimulusVersion.html).where(
        StimulusVersion.stimulus_id == stimulus.id, StimulusVersion.version == stimulus.current_version
    )
    if db.exec(newest).one() != body.stimulus_html:
        raise NotAllowed(msg("The shared text was changed meanwhile. Open the question again."))
    return stimulus.id


def _require_leaf(db: Session, bank: Bank, topic_id: int) -> None:
    """Of the table the bank follows now: it may have gone over to another since the page was loaded."""
    topic = db.get(Topic, topic_id)
    if topic is None or not topic.is_leaf or topic.syllabus_id != bank.syllabus_id:
        raise NotFound("knowledge point", topic_id)


def require(refusal: Message | None) -> None:
    """Raise `NotAllowed` where there is a reason."""
    if refusal is not None:
        raise NotAllowed(refusal)
