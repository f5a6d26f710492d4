"""One item for staff: what the candidate sees, the key, versions, votes, and what became of it."""

import re
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape
from sqlalchemy import select
from sqlmodel import Session, col

from itembank import keys
from itembank.items import Answer, ItemBody, ItemKeyData, Option, PublicItem, kind_of, letter, public_view
from itembank.sealing import Keyring
from itembank.tables import Item, ItemVersion, Review, Topic
from server.bank.scope import names
from server.errors import NotFound
from server.pages import _, translate

_BARE = re.compile(r"<img(?![^>]*\salt=)")
_TAG = re.compile(r"(<[^>]*>)")
_BLANK = re.compile(r"_{3,}")
_MEDIA = re.compile(r'src="media:([0-9a-f]{64})"')


def shown_html(source: str, item_id: int | None = None, case: str = "") -> Markup:
    """Stored HTML (sanitised when it was written) with pictures from the staff media route.

    The item that shows a picture, or before there is one the set `case`, lets people see it.
    """
    query = f"?item={item_id}" if item_id is not None else f"?case={case}" if case else ""
    described = _BARE.sub(lambda found: f'{found[0]} alt="{escape(translate(_("Figure")))}"', source)
    return Markup(_MEDIA.sub(rf'src="/bank/media/\1{query}"', described))  # noqa: S704


@dataclass(frozen=True)
class ShownOption:
    """One option on a preview."""

    id: int
    letter: str
    html: Markup


def with_fields(stem: Markup) -> Markup:
    """The text of a fill-in item with a field in the place of each blank, as the exam page has it."""
    parts, n = _TAG.split(stem), 0

    def field(_found: re.Match[str]) -> str:
        nonlocal n
        n += 1
        label = escape(translate(_("Blank %(n)s"), n=n))
        return f'<span class="blank"><input type="text" class="typed" size="10" autocomplete="off" aria-label="{label}"></span>'

    return Markup("".join(part if part.startswith("<") else _BLANK.sub(field, part) for part in parts))  # noqa: S704


@dataclass(frozen=True)
class Preview:
    """A question as the candidate sees it: made from the public view, which has no key."""

    kind: str
    stem: Markup
    options: tuple[ShownOption, ...]
    fixed_order: bool
    prompts: tuple[ShownOption, ...]
    blanks: int
    unit: str
    stimulus: Markup


def preview_of(body: ItemBody, item_id: int | None = None) -> Preview:
    """The preview of a body."""
    public: PublicItem = public_view(body)

    def shown(listed: tuple[Option, ...]) -> tuple[ShownOption, ...]:
        return tuple(ShownOption(one.id, letter(one.id), shown_html(one.html, item_id, public.stimulus)) for one in listed)

    stem = shown_html(public.stem_html, item_id, public.stimulus)
    return Preview(
        public.kind,
        with_fields(stem) if public.blanks else stem,
        shown(public.options),
        public.fixed_order,
        shown(public.prompts),
        public.blanks,
        public.unit,
        shown_html(public.stimulus_html, item_id, public.stimulus),
    )


def key_words(kind: str, key: ItemKeyData, unit: str = "") -> str:
    """The key in words, letters as the preview has them: B, ABD, 正确, 220 ± 5 V, 1-B 2-A, C → A → B, the texts of each blank."""
    match kind_of(kind).answer:
        case Answer.TEXTS:
            return "；".join(" / ".join(texts) for texts in key.accepted)
        case Answer.NUMBER:
            around = "" if key.tolerance in {"", "0"} else f" ± {key.tolerance}"
            return f"{key.number}{around} {unit}".rstrip()
        case Answer.PAIRS:
            return "  ".join(f"{line}-{letter(number)}" for line, number in enumerate(key.correct, 1))
        case Answer.ORDER:
            return " → ".join(map(letter, key.correct))
    if kind == "true_false":
        return "、".join({1: "正确", 2: "错误"}.get(number, str(number)) for number in key.correct)
    return "".join(map(letter, key.correct))


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
    key, body = keys.read_key(db, keyring, chosen.id), ItemBody.model_validate(chosen.body)
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
        preview_of(body, item.id),
        key,
        key_words(chosen.kind, key, body.unit),
        shown_html(key.rationale_html, item.id),
        lines,
        people[item.author_id],
        {r.reviewer_id for r in votes if r.item_version_id == chosen.id},
    )
