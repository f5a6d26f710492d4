"""The shape of the item bank in SQL.

Three things to know before reading:

- **Keys apart.** `ItemVersion` holds what a candidate may see; the answer is an `ItemKey` row, sealed under another
  purpose of the keyring. Nothing that renders to a candidate reads `item_key`.
- **Append.** `APPEND_ONLY` and `SET_ONCE` below name the tables whose rows never change, or change once; the migration
  makes triggers from them for both databases.
- **The ledger is an index.** `ledger_entry_live` is the no-reuse rule; everything else about reuse only explains it.

Person, institution and exam session ids are plain integers: this package does not know the server's tables.
Marks are hundredths, durations milliseconds, weights hundredths of a percent (3.5 % = 350).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from itembank import stimulus_tables
from itembank.columns import UTCDateTime


class Provenance(StrEnum):
    """Who built the bank: 自建, 省, 国家."""

    SELF_BUILT = "self_built"
    PROVINCE = "province"
    NATIONAL = "national"


class ReusePolicy(StrEnum):
    """How often a family may come back: never, `cap` times, or after `cooling_months`."""

    ONCE = "once"
    CAPPED = "capped"
    COOLING_OFF = "cooling_off"


class ItemState(StrEnum):
    """Where an item stands in its life. Reserved and burned are not here: the ledger alone says so."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    RETIRED = "retired"
    QUARANTINED = "quarantined"


class Vote(StrEnum):
    """What a reviewer says of a version."""

    APPROVE = "approve"
    RETURN = "return"


class BatchState(StrEnum):
    """`STAGING` is being written, chunk by chunk; only `PUBLISHED` makes its items exist for anybody else."""

    STAGING = "staging"
    STAGED = "staged"
    APPROVED = "approved"
    PUBLISHED = "published"
    REJECTED = "rejected"


class FormState(StrEnum):
    """The passport of a form: 命题 -> 专家评审 -> 封卷 -> 备案 (or refused) -> 拆封 -> 归档, or 作废."""

    COMPOSED = "composed"
    REVIEWED = "reviewed"
    SEALED = "sealed"
    FILED = "filed"
    REFUSED = "refused"
    OPENED = "opened"
    ARCHIVED = "archived"
    VOIDED = "voided"


class ClaimState(StrEnum):
    """预留, 已用, 释放, 作废; computed from the set-once columns of a `LedgerEntry`, never stored."""

    RESERVED = "reserved"
    BURNED = "burned"
    RELEASED = "released"
    VOIDED = "voided"


APPEND_ONLY: Final[frozenset[str]] = frozenset(
    {
        "topic",
        "family",
        "item_version",
        "item_key",
        "review",
        "media",
        "form_slot",
        "form_step",
        "filing",
    }
).union(stimulus_tables.APPEND_ONLY)
"""Tables that refuse UPDATE and DELETE; but the question in a slot may be exchanged while its form is composed (`swaps`)."""

SET_ONCE: Final[dict[str, frozenset[str]]] = {
    "ledger_entry": frozenset(
        {
            "burned_at",
            "exam_session_id",
            "ended_at",
            "end_kind",
            "ended_by",
            "second_by",
            "reason",
        }
    ),
    "blueprint": frozenset({"retired_at"}),
    "paper_set": frozenset({"sealed_at", "burned_at", "exam_session_id"}),
}
"""Tables that refuse DELETE, and UPDATE of any column but these, each from NULL to a value and never again."""


class Syllabus(SQLModel, table=True):
    """One version of the 鉴定要素细目表 of an occupation at a level. A corrected table is a new version."""

    __tablename__ = "syllabus"
    __table_args__ = (UniqueConstraint("institution_id", "occupation_code", "level", "version"),)

    id: int = Field(default=None, primary_key=True)
    institution_id: int
    occupation_code: str
    occupation_name: str
    level: int
    version: int = 1
    title: str
    method: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """鉴定方式, as printed above the table."""
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int


class Topic(SQLModel, table=True):
    """A node of the tree: 鉴定范围, or at the leaves 鉴定点. `code` is the path, 'B-C-A-014'; `depth` starts at 1."""

    __tablename__ = "topic"
    __table_args__ = (UniqueConstraint("syllabus_id", "code"),)

    id: int = Field(default=None, primary_key=True)
    syllabus_id: int = Field(foreign_key="syllabus.id")
    parent_id: int | None = Field(default=None, foreign_key="topic.id", index=True)
    code: str
    name: str
    depth: int
    position: int
    is_leaf: bool
    importance: str | None = None
    """X 核心, Y 一般, Z 辅助; leaves only."""
    weight: int | None = None
    """Hundredths of a percent of the whole table; None where the table gives none (leaves)."""
    ratio: str | None = None
    """Leaf counts X:Y:Z beneath, as printed: '05:02:00'."""
    page: str | None = None
    was_id: int | None = Field(default=None, foreign_key="topic.id")
    """The same place in the version this one was edited from; None: new, or the version was imported."""


class Bank(SQLModel, table=True):
    """Items under one reuse policy, one provenance and one syllabus."""

    __tablename__ = "bank"
    __table_args__ = (UniqueConstraint("institution_id", "code"),)

    id: int = Field(default=None, primary_key=True)
    institution_id: int
    code: str
    name: str
    provenance: str = Provenance.SELF_BUILT
    policy: str = ReusePolicy.ONCE
    cap: int = 1
    """`capped`: how many live claims a family may carry."""
    cooling_months: int = 0
    """`cooling_off`: months after which a burned claim ends."""
    experts_needed: int = 2
    """Experts who have to approve a form before it is sealed (专家评审); 0 where none is asked for."""
    syllabus_id: int = Field(foreign_key="syllabus.id")
    occupation_code: str
    occupation_name: str
    level: int
    votes_needed: int = Field(default=2, sa_column_kwargs={"server_default": "2"})
    """So many reviewers have to approve a version."""
    own_items_only: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Item writers see only items they wrote or are asked to revise."""
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int


class ImportBatch(SQLModel, table=True):
    """One import. Its items are invisible until `state` is published: that is the one flag."""

    __tablename__ = "import_batch"

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    source_name: str
    source_digest: str
    state: str = BatchState.STAGING
    item_count: int = 0
    sample: list[int] = Field(default_factory=list, sa_type=JSON)
    """Item ids the approver has to read, drawn when staging ends."""
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    decided_by: int | None = None
    note: str = ""
    published_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    published_by: int | None = None


class Family(SQLModel, table=True):
    """An item, its revisions and its near-duplicates. No-reuse counts by family."""

    __tablename__ = "family"

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)


class Item(SQLModel, table=True):
    """The life of a question.

    `current_version` is the newest, `approved_version` the one papers may draw (None: none yet).
    """

    __tablename__ = "item"
    __table_args__ = (
        Index("item_by_bank", "bank_id", "state", "topic_id"),
        Index("item_newest", "bank_id", "id", "import_batch_id", "current_version"),
    )

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id")
    family_id: int = Field(foreign_key="family.id", index=True)
    topic_id: int = Field(foreign_key="topic.id")
    """Always a leaf."""
    state: str = ItemState.DRAFT
    author_id: int
    current_version: int = 1
    approved_version: int | None = None
    import_batch_id: int | None = Field(default=None, foreign_key="import_batch.id", index=True)
    import_row: int | None = None
    created_at: datetime = Field(sa_type=UTCDateTime)
    stimulus_id: int | None = Field(default=None, foreign_key="stimulus.id", index=True)
    """The set the item belongs to; its text is in the body of each version."""
    set_position: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Where it stands in its set; equal ones by item id."""


class ItemVersion(SQLModel, table=True):
    """What a candidate may see, immutable. `body` is `items.ItemBody` as JSON; the key is not in it."""

    __tablename__ = "item_version"
    __table_args__ = (
        UniqueConstraint("item_id", "version"),
        # lists and search read this instead of rows with whole bodies in them
        Index("item_version_listed", "item_id", "version", "kind", "difficulty", "plain"),
    )

    id: int = Field(default=None, primary_key=True)
    item_id: int = Field(foreign_key="item.id")
    version: int = 1
    kind: str
    body: dict[str, Any] = Field(sa_type=JSON)
    plain: str
    """The stem as plain text, for lists and search."""
    normal_digest: str = Field(index=True)
    """SHA-256 hex of the normal form: equal digests are the same question in different clothes."""
    difficulty: int
    """The writer's estimate, 1 easy to 5 hard."""
    cognitive: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Cognitive level in the bank's own words, such as 应用; "" where none is given."""
    source_clause: str = ""
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int


class ItemKey(SQLModel, table=True):
    """The answer, sealed under 'answer_key'. A correction or a cancellation is a new row naming the one it replaces."""

    __tablename__ = "item_key"
    __table_args__ = (UniqueConstraint("item_version_id", "key_version"),)

    id: int = Field(default=None, primary_key=True)
    item_version_id: int = Field(foreign_key="item_version.id")
    key_version: int = 1
    replaces: int | None = Field(default=None, foreign_key="item_key.id")
    ciphertext: bytes = Field(sa_type=LargeBinary)
    cancelled: bool = False
    reason: str = ""
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int
    second_by: int | None = None


class Review(SQLModel, table=True):
    """One person's vote on one version."""

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("item_version_id", "reviewer_id"),)

    id: int = Field(default=None, primary_key=True)
    item_version_id: int = Field(foreign_key="item_version.id")
    reviewer_id: int
    vote: str
    note: str = ""
    at: datetime = Field(sa_type=UTCDateTime)


class Media(SQLModel, table=True):
    """A figure, addressed by the SHA-256 hex of its bytes."""

    __tablename__ = "media"

    digest: str = Field(primary_key=True)
    type: str
    data: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UTCDateTime)


class Blueprint(SQLModel, table=True):
    """组卷方案. `body` is `blueprint.BlueprintBody` as JSON; a changed one is a new row."""

    __tablename__ = "blueprint"

    id: int = Field(default=None, primary_key=True)
    bank_id: int = Field(foreign_key="bank.id", index=True)
    name: str
    body: dict[str, Any] = Field(sa_type=JSON)
    digest: str
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: int
    retired_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class PaperSet(SQLModel, table=True):
    """Parallel, disjoint forms of one blueprint, and how they were found."""

    __tablename__ = "paper_set"

    id: int = Field(default=None, primary_key=True)
    institution_id: int
    bank_id: int = Field(foreign_key="bank.id", index=True)
    blueprint_id: int = Field(foreign_key="blueprint.id")
    title: str
    seed: int
    bank_digest: str
    blueprint_digest: str
    objective: float
    bound: float
    made_at: datetime = Field(sa_type=UTCDateTime)
    made_by: int
    sealed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    burned_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    exam_session_id: int | None = None
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """How the forms were found: method, objective, gap, what was lowered. Sets of earlier releases have none."""


class Form(SQLModel, table=True):
    """One sealed list of item versions.

    `sealed` opens to the public paper, `sealed_keys` to the keys as they were then.
    """

    __tablename__ = "form"
    __table_args__ = (UniqueConstraint("paper_set_id", "label"),)

    id: int = Field(default=None, primary_key=True)
    paper_set_id: int = Field(foreign_key="paper_set.id")
    label: str
    state: str = FormState.COMPOSED
    digest: str | None = Field(default=None, unique=True)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    sealed_keys: bytes | None = Field(default=None, sa_type=LargeBinary)


class FormSlot(SQLModel, table=True):
    """Slot 1.. of a form: the canonical small number a candidate's operations use. `marks` in hundredths."""

    __tablename__ = "form_slot"

    form_id: int = Field(foreign_key="form.id", primary_key=True)
    slot: int = Field(primary_key=True)
    item_version_id: int = Field(foreign_key="item_version.id", index=True)
    item_id: int = Field(foreign_key="item.id", index=True)
    family_id: int = Field(foreign_key="family.id")
    section: int
    marks: int
    topic_id: int | None = Field(default=None, foreign_key="topic.id")
    """The knowledge point the item stood on when the form was made: a bank may follow another content table later."""


class FormStep(SQLModel, table=True):
    """One entry in a form's passport.

    The state it came to, when, by whom, and by which second person where two are needed.
    """

    __tablename__ = "form_step"

    id: int = Field(default=None, primary_key=True)
    form_id: int = Field(foreign_key="form.id", index=True)
    state: str
    at: datetime = Field(sa_type=UTCDateTime)
    by: int | None = None
    second_by: int | None = None
    note: str = ""


class Filing(SQLModel, table=True):
    """What the authority answered about a form: a filing number, or a refusal with its reason."""

    __tablename__ = "filing"

    id: int = Field(default=None, primary_key=True)
    form_id: int = Field(foreign_key="form.id", unique=True)
    accepted: bool
    number: str | None = Field(default=None, index=True)
    authority: str = ""
    filed_on: datetime = Field(sa_type=UTCDateTime)
    by: int
    note: str = ""


class LedgerEntry(SQLModel, table=True):
    """A claim of a form on a family, live while `ended_at` is NULL.

    A burned claim ends only where the policy lets items cool.
    `scope` is 'institution:ID' for self-built banks (the rule is theirs), 'bank:ID' for others; `slot` runs from 0 to
    the policy's cap. The partial unique index is the no-reuse rule.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        Index(
            "ledger_entry_live",
            "scope",
            "family_id",
            "slot",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint(
            "ended_at IS NULL OR burned_at IS NULL OR reusable",
            name="ledger_entry_burned_for_ever",
        ),
        CheckConstraint("(ended_at IS NULL) = (end_kind IS NULL)", name="ledger_entry_end_said"),
    )

    id: int = Field(default=None, primary_key=True)
    scope: str
    family_id: int = Field(foreign_key="family.id", index=True)
    slot: int = 0
    item_id: int = Field(foreign_key="item.id", index=True)
    form_id: int = Field(foreign_key="form.id", index=True)
    reusable: bool = False
    """True where the policy is cooling_off: only then may a burned claim end."""
    claimed_at: datetime = Field(sa_type=UTCDateTime)
    claimed_by: int
    burned_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    exam_session_id: int | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    end_kind: str | None = None
    """released | voided | cooled."""
    ended_by: int | None = None
    second_by: int | None = None
    reason: str | None = None

    @property
    def state(self) -> ClaimState:
        """Where the claim stands."""
        if self.end_kind == "voided":
            return ClaimState.VOIDED
        if self.ended_at is not None:
            return ClaimState.RELEASED
        return ClaimState.BURNED if self.burned_at is not None else ClaimState.RESERVED
