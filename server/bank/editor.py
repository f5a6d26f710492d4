"""The editor's form and what it makes: text in the notation of import cells -> a draft of the library.

A writer types plain text; `<sub>`, `<sup>` and `[图:1a2b3c4d5e6f]` (a figure, by the first digits of its digest) are understood,
and HTML that this cannot say stands behind `[html]`. What was typed and not saved yet: `drafts`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import or_, select
from sqlmodel import Session, col
from starlette.datastructures import FormData

from itembank import cases, discussion, items, keys, lint
from itembank.demands import LONGEST_LEVEL
from itembank.errors import FieldProblem
from itembank.exchange import cells
from itembank.items import ItemBody, ItemKeyData, with_stimulus
from itembank.lifecycle import DEFAULT_DIFFICULTY, Draft
from itembank.markup import media_of
from itembank.pool import find_same
from itembank.sealing import Keyring
from itembank.similarity import content_digest
from itembank.stimulus_tables import Stimulus
from itembank.tables import Bank, Item, ItemVersion, Topic
from server.auth.staff import Staff
from server.bank import editor_kinds
from server.bank.editor_kinds import KindFields
from server.bank.item_view import Preview, preview_of
from server.bank.scope import own_case, say, text
from server.bank.tables import FigureUpload
from server.bank.words import KINDS
from server.pages import _, translate

ROWS = items.MAX_OPTIONS
SHORT = 12
_LONG_MARK = re.compile(r"\[图:([0-9a-f]{64})\]")
_PREFIX = re.compile(r"[0-9a-f]{8,64}")


@dataclass
class EditorForm(KindFields):
    """The fields as typed. `options` has always `ROWS` texts; `correct` are option numbers, for true/false 1 or 2.

    `change`: what a revision changes and why, for its discussion. `case`: number of the set a new question is written for.
    """

    kind: str = "single"
    topic: str = ""
    stem: str = ""
    options: list[str] = field(default_factory=lambda: [""] * ROWS)
    correct: list[int] = field(default_factory=list)
    difficulty: int = DEFAULT_DIFFICULTY
    cognitive: str = ""
    source: str = ""
    fixed_order: bool = False
    rationale: str = ""
    change: str = ""
    case: str = ""

    @property
    def filled(self) -> list[str]:
        """Options up to the last one that is not empty."""
        last = max((n for n, option in enumerate(self.options, 1) if option.strip()), default=0)
        return self.options[:last]

    @property
    def is_blank(self) -> bool:
        """Whether nothing worth keeping was typed."""
        return not any(one.strip() for one in (self.stem, *self.options, *self.typed_by_kind))


def read_form(fields: FormData) -> EditorForm:
    """The form from what a browser sent."""
    kind = text(fields, "kind")
    kind = kind if kind in KINDS else "single"
    chosen = [str(value) for value in fields.getlist("truth" if kind == "true_false" else "correct")]
    difficulty = text(fields, "difficulty")
    return EditorForm(
        kind=kind,
        topic=text(fields, "topic"),
        stem=text(fields, "stem"),
        options=[text(fields, f"option_{n}") for n in range(1, ROWS + 1)],
        correct=sorted({int(value) for value in chosen if value.isdecimal() and 1 <= int(value) <= ROWS}),
        difficulty=int(difficulty) if difficulty in {"1", "2", "3", "4", "5"} else DEFAULT_DIFFICULTY,
        cognitive=" ".join(text(fields, "cognitive").split())[:LONGEST_LEVEL],
        source=text(fields, "source")[:300],
        fixed_order=text(fields, "fixed_order") == "1",
        rationale=text(fields, "rationale"),
        change=text(fields, "change")[: discussion.LONGEST],
        case=text(fields, "case")[:9],
        **editor_kinds.read_fields(fields),
    )


def form_of(db: Session, keyring: Keyring, item: Item, version: ItemVersion) -> EditorForm:
    """The form filled from a stored version."""
    body = ItemBody.model_validate(version.body)
    key = keys.read_key(db, keyring, version.id)
    topic = db.get(Topic, item.topic_id)
    choice = version.kind in items.CHOICE_KINDS
    texts = [typed(option.html) for option in body.options] if choice and version.kind != "true_false" else []
    return EditorForm(
        kind=version.kind,
        topic=topic.code if topic else "",
        stem=typed(body.stem_html),
        options=[*texts, *[""] * (ROWS - len(texts))],
        correct=list(key.correct) if choice else [],
        difficulty=version.difficulty,
        cognitive=version.cognitive,
        source=version.source_clause,
        fixed_order=body.fixed_order,
        rationale=typed(key.rationale_html) if key.rationale_html else "",
        case=str(item.stimulus_id or ""),
        **editor_kinds.fields_of(body, key, typed),
    )


def typed(html: str) -> str:
    """Stored HTML as a writer types it."""
    return _LONG_MARK.sub(lambda found: figure_mark(found[1]), cells.from_html(html))


def figure_mark(digest: str) -> str:
    """How a figure is written in the editor."""
    return f"[图:{digest[:SHORT]}]"


def finder(db: Session, who: Staff, item: Item | None, case: Stimulus | None = None) -> Callable[[str], str | None]:
    """Full digest for what stands in a figure mark: figures of this institution's uploads, of the item itself, of the set."""
    uploads = select(col(FigureUpload.digest)).where(col(FigureUpload.institution_id) == who.institution_id)
    known = set(db.execute(uploads).scalars())
    if item is not None:
        bodies = db.execute(select(col(ItemVersion.body)).where(col(ItemVersion.item_id) == item.id)).scalars()
        known.update(digest for body in bodies for digest in ItemBody.model_validate(body).media)

    if case is not None:
        known.update(media_of(cases.wording(db, case).html))

    def find(name: str) -> str | None:
        word = name.strip().lower()
        if not _PREFIX.fullmatch(word):
            return None
        found = [digest for digest in known if digest.startswith(word)]
        return found[0] if len(found) == 1 else None

    return find


@dataclass(frozen=True)
class Reading:
    """What the form makes: body and key, what forbids storing it, remarks, and an item that asks the same."""

    body: ItemBody
    key: ItemKeyData
    problems: list[FieldProblem]
    remarks: list[lint.Finding]
    missing_figures: list[str]
    same_as: int | None
    preview: Preview


def read(db: Session, who: Staff, bank: Bank, form: EditorForm, item: Item | None = None) -> Reading:
    """Make it, check it, lint it, and look for the same question in the bank."""
    find = finder(db, who, item)
    missing: list[str] = []

    def html(source: str) -> str:
        made, unknown = cells.to_html(source, find)
        missing.extend(unknown)
        return made

    stem = html(form.stem)
    body, key, rows = _written(form, stem, html)
    case = case_of(db, who, bank, form, item)
    if case is not None:
        body = with_stimulus(body, str(case.id), cases.wording(db, case).html)
    problems = [replace(one, field=rows.get(one.field, one.field)) for one in items.check_item(body, key)]
    remarks = lint.lint(body, key, form.source) if form.stem else []
    remarks = [replace(one, where=rows.get(one.where, one.where)) for one in remarks]
    same = None if problems else find_same(db, bank, [content_digest(body).hex()]).get(content_digest(body).hex())
    if same is not None and item is not None and _family(db, same) == item.family_id:
        same = None
    return Reading(body, key, problems, remarks, missing, same, preview_of(body, item.id if item else None))


def given_away(reading: Reading, fields: FormData) -> dict[str, str]:
    """What shows the answer to candidates may not be stored, as at import; by field, in words.

    A lone letter in brackets may be meant: the writer says so with `letters_meant`.
    """
    meant = text(fields, "letters_meant") == "1"
    wrong = [one for one in reading.remarks if one.severity == "error" and not (meant and one.code == "key_in_blank")]
    mend = translate(_("Remove it there; the key belongs into its own field."))
    return {one.where: f"{say(one.message)} {mend}" for one in wrong}


def _written(form: EditorForm, stem: str, html: Callable[[str], str]) -> tuple[ItemBody, ItemKeyData, dict[str, str]]:
    """Body, key, and in which row of the form a field of theirs was typed."""
    rationale = html(form.rationale) if form.rationale else ""
    if form.kind in items.CHOICE_KINDS:
        options = [html(option) for option in form.filled] if form.kind != "true_false" else []
        body = items.write_body(form.kind, stem, options, fixed_order=form.fixed_order)
        return body, items.write_key(form.correct, rationale), {}
    made = editor_kinds.write(form.kind, form, stem, html)
    body = items.write_body(form.kind, stem, made.options, prompts=made.prompts, unit=made.unit)
    return body, items.write_key(rationale=rationale, kind=form.kind, **made.key), made.rows


def case_of(db: Session, who: Staff, bank: Bank, form: EditorForm, item: Item | None) -> Stimulus | None:
    """The set the question belongs to, or is written for; raises `NotFound` for one of another bank."""
    if item is not None:
        return None if item.stimulus_id is None else db.get(Stimulus, item.stimulus_id)
    return own_case(db, who, bank, int(form.case)) if form.case.isdecimal() else None


def _family(db: Session, item_id: int) -> int | None:
    return db.execute(select(col(Item.family_id)).where(col(Item.id) == item_id)).scalar()


def family_members(db: Session, item: Item) -> list[int]:
    """Ids of what an item is not compared with: its family, and the questions on the same text."""
    mine = col(Item.family_id) == item.family_id
    same = mine if item.stimulus_id is None else or_(mine, col(Item.stimulus_id) == item.stimulus_id)
    return sorted(db.execute(select(col(Item.id)).where(same)).scalars())


def find_leaf(db: Session, bank: Bank, code: str) -> Topic | None:
    """The knowledge point with this path code, in the bank's syllabus."""
    statement = select(Topic).where(col(Topic.syllabus_id) == bank.syllabus_id, col(Topic.code) == code, col(Topic.is_leaf))
    return db.execute(statement).scalar()


def draft_of(form: EditorForm, reading: Reading, topic_id: int) -> Draft:
    """What the library stores."""
    return Draft(reading.body, reading.key, topic_id, form.difficulty, form.source, form.cognitive)


def is_same(db: Session, keyring: Keyring, item: Item, version: ItemVersion, draft: Draft) -> bool:
    """Whether saving `draft` would only repeat the stored version."""
    return (
        ItemBody.model_validate(version.body) == draft.body
        and keys.read_key(db, keyring, version.id) == draft.key
        and (item.topic_id, version.difficulty) == (draft.topic_id, draft.difficulty)
        and (version.source_clause, version.cognitive) == (draft.source_clause, draft.cognitive)
    )
