"""One item for staff: what the candidate sees, the key, versions, votes, and what became of it."""

import re
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape
from sqlalchemy import select
from sqlmodel import Session, col

from itembank import keys
from itembank.items import ItemBody, ItemKeyData, PublicItem, letter, public_view
from itembank.sealing import Keyring
from itembank.tables import Item, ItemVersion, Review, Topic
from server.bank.scope import names
from server.errors import NotFound
from server.pages import _, translate

_BARE = re.compile(r"<img(?![^>]*\salt=)")
_MEDIA = re.compile(r'src="media:([0-9a-f]{64})"')


def shown_html(source: str, item_id: int | None = None) -> Markup:
    """Stored HTML (sanitised when it was written) with pictures from the staff media route."""
    query = f"?item={item_id}" if item_id is not None else ""
    described = _BARE.sub(lambda found: f'{found[0]} alt="{escape(translate(_("Figure")))}"', source)
    return Markup(_MEDIA.sub(rf'src="/bank/media/\1{query}"', described))  # noqa: S704


@dataclass(frozen=True)
class ShownOption:
    """One option on a preview."""

    id: int
    letter: str
    html: Markup


@dataclass(frozen=True)
class Preview:
    """A question as the candidate sees it: made from the public view, which has no key."""

    kind: str
    stem: Markup
    options: tuple[ShownOption, ...]
    fixed_order: bool


def preview_of(body: ItemBody, item_id: int | None = None) -> Preview:
    """The preview of a body."""
    public: PublicItem = public_view(body)
    options = tuple(ShownOption(o.id, letter(o.id), shown_html(o.html, item_id)) for o in public.options)
    return Preview(public.kind, shown_html(public.stem_html, item_id), options, public.fixed_order)


def key_words(kind: str, key: ItemKeyData) -> str:
    """The key in words: B, or ABD, or 正确."""
    if kind == "true_false":
        return "、".join({1: "正确", 2: "错误"}.get(number, str(number)) for number in key.correct)
    return "".join(letter(number) for number in key.correct)


@dataclass(frozen=True)
class VoteLine:
    """One review."""

    reviewer: str
    vote: str
    note: str
    at: datetime


@dataclass(frozen=True)
class VersionLine:
    """One version of an item."""

    version: ItemVersion
    by: str
    votes: list[VoteLine]


@dataclass(frozen=True)
class ItemView:
    """All of it, for the page of one item."""

    item: Item
    topic: Topic
    version: ItemVersion
    preview: Preview
    key: ItemKeyData
    key_text: str
    rationale: Markup
    versions: list[VersionLine]
    author: str
    voters: set[int]


def item_view(db: Session, keyring: Keyring, item: Item, number: int | None = None) -> ItemView:
    """The page of an item in one version (None: the newest). Raises `NotFound` for a version there is not."""
    statement = select(ItemVersion).where(col(ItemVersion.item_id) == item.id).order_by(col(ItemVersion.version).desc())
    versions = list(db.execute(statement).scalars())
    chosen = next((v for v in versions if v.version == (number or item.current_version)), None)
    if chosen is None:
        raise NotFound
    reviews = select(Review).where(col(Review.item_version_id).in_([v.id for v in versions])).order_by(col(Review.id))
    votes = list(db.execute(reviews).scalars())
    people = names(db, [item.author_id, *(v.created_by for v in versions), *(r.reviewer_id for r in votes)])
    key = keys.read_key(db, keyring, chosen.id)
    topic = db.get(Topic, item.topic_id)
    if topic is None:
        raise NotFound
    lines = [
        VersionLine(
            v,
            people[v.created_by],
            [VoteLine(people[r.reviewer_id], r.vote, r.note, r.at) for r in votes if r.item_version_id == v.id],
        )
        for v in versions
    ]
    return ItemView(
        item,
        topic,
        chosen,
        preview_of(ItemBody.model_validate(chosen.body), item.id),
        key,
        key_words(chosen.kind, key),
        shown_html(key.rationale_html, item.id),
        lines,
        people[item.author_id],
        {r.reviewer_id for r in votes if r.item_version_id == chosen.id},
    )
