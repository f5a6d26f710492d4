"""Generated pools and stored banks for tests. Everything stored goes through the product's own import."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from sqlmodel import select

from itembank import intake, lifecycle, syllabus
from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import BlueprintBody, DifficultyBand, Section, TopicFacts, topics_from_weights
from itembank.exchange.item_row import ImportedItem
from itembank.items import write_body, write_key
from itembank.pool import load_topics
from itembank.sealing import Keyring
from itembank.similarity import content_digest
from itembank.tables import Bank, ImportBatch
from server.db import Databases, transaction

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
WRITER, SECOND, MANAGER = 1, 2, 3
WEIGHTS = (14, 12, 11, 10, 10, 10, 9, 9, 8, 7)
KINDS = ("single", "single", "single", "multiple", "true_false")


def topics(leaves: int = 5, areas: int = 10) -> list[TopicFacts]:
    """One level-1 area A, level-2 areas A-A.. with the official weights, leaves below them."""
    found = [TopicFacts("A", "全部", 1, is_leaf=False, weight=100_00)]
    for n, weight in enumerate(WEIGHTS[:areas]):
        area = f"A-{chr(ord('A') + n)}"
        found.append(TopicFacts(area, area, 2, is_leaf=False, weight=weight * 100))
        found += [
            TopicFacts(f"{area}-{leaf:03}", area, 3, is_leaf=True, importance="XXXYZ"[leaf % 5]) for leaf in range(1, leaves + 1)
        ]
    return found


def pool(n: int, tree: Sequence[TopicFacts], seed: int = 0, first: int = 1) -> list[PoolItem]:
    """`n` questions, spread over the leaves by area weight; every item its own family."""
    chance = random.Random(seed)
    leaves = [topic for topic in tree if topic.is_leaf]
    weights = {topic.code: topic.weight or 0 for topic in tree}
    shares = [weights[leaf.code.rpartition("-")[0]] for leaf in leaves]
    found = []
    for number in range(first, first + n):
        leaf = chance.choices(leaves, shares)[0]
        kind, difficulty = chance.choice(KINDS), chance.choices(range(1, 6), (1, 2, 4, 2, 1))[0]
        found.append(PoolItem(number, number, number, kind, leaf.code, leaf.importance or "", difficulty))
    return found


def full_pool(tree: Sequence[TopicFacts], each: int) -> list[PoolItem]:
    """`each` questions for every leaf × kind, difficulty 3: nothing is scarce."""
    leaves = [topic for topic in tree if topic.is_leaf]
    cells = [(leaf, kind) for leaf in leaves for kind in ("single", "multiple", "true_false") for _ in range(each)]
    return [PoolItem(n, n, n, kind, leaf.code, leaf.importance or "", 3) for n, (leaf, kind) in enumerate(cells, 1)]


def imported(wanted: Sequence[PoolItem]) -> list[ImportedItem]:
    """The questions of a pool as an import would bring them, each with a text of its own."""
    found = []
    for row, item in enumerate(wanted, 2):
        body = write_body(item.kind, f"第{item.item_id}号题目：下列说法正确的是。", [f"甲{item.item_id}", "乙", "丙", "丁"])
        key = write_key([1, 3] if item.kind == "multiple" else [1])
        digest = content_digest(body)
        found.append(ImportedItem(row, body, key, item.topic, item.difficulty, "GB/T 1", "", digest))
    return found


def tree_of(facts: Sequence[TopicFacts]) -> syllabus.Syllabus:
    """The content table behind `topics`."""
    areas = []
    for area in (topic for topic in facts if topic.depth == 2):
        below = [t for t in facts if t.is_leaf and t.code.startswith(area.code + "-")]
        leaves = tuple(syllabus.Leaf(t.code.rpartition("-")[2], t.name, t.importance or "X") for t in below)
        ratio = syllabus.leaf_ratio(syllabus.Area(area.code, area.name, None, None, leaves=leaves))
        weight = Decimal(area.weight or 0) / 100
        areas.append(syllabus.Area(area.code.rpartition("-")[2], area.name, ratio, weight, leaves=leaves))
    whole = syllabus.Ratio()
    for area in areas:
        whole += area.ratio or syllabus.Ratio()
    top = syllabus.Area("A", "全部", whole, Decimal(100), areas=tuple(areas))
    return syllabus.Syllabus("电工", "6-31-01-03", "四级", "理论", None, (top,))


@dataclass(frozen=True)
class StoredBank:
    bank_id: int
    blueprint_id: int
    batch_id: int
    topics: tuple[TopicFacts, ...]


def empty_bank(dbs: Databases, facts: Sequence[TopicFacts], **columns: object) -> int:
    with transaction(dbs) as db:
        row = intake.store_syllabus(db, 1, tree_of(facts), level=4, by=WRITER, now=NOW)
        values = {"code": "DG4", "institution_id": 1, "experts_needed": 0} | columns
        bank = Bank(
            name="电工四级",
            syllabus_id=row.id,
            occupation_code="6-31-01-03",
            occupation_name="电工",
            level=4,
            created_at=NOW,
            created_by=MANAGER,
            **values,
        )
        db.add(bank)
        db.flush()
        return bank.id


def add_items(dbs: Databases, keyring: Keyring, bank_id: int, wanted: Sequence[PoolItem]) -> int:
    """Import, approve and publish; the batch id."""
    source = intake.Source("items.xlsx", "0" * 64, WRITER, NOW)
    batch_id = intake.stage_import(partial(transaction, dbs), keyring, bank_id, imported(wanted), {}, source)
    with transaction(dbs) as db:
        sample = db.exec(select(ImportBatch.sample).where(ImportBatch.id == batch_id)).one()
        lifecycle.approve_batch(db, batch_id, by=SECOND, read=sample, now=NOW)
        intake.publish_batch(db, batch_id, by=SECOND, now=NOW)
    return batch_id


def twenty_items(facts: Sequence[TopicFacts], *, title: str) -> BlueprintBody:
    """12 single × 5, 4 multiple × 6, 4 true/false × 4 marks: 20 items, 100 marks, 20 minutes, pass 60, three forms."""
    return BlueprintBody(
        title=title,
        sections=(
            Section(kind="single", count=12, marks_each=5_00),
            Section(kind="multiple", count=4, marks_each=6_00),
            Section(kind="true_false", count=4, marks_each=4_00),
        ),
        topics=topics_from_weights(facts, 2, 20),
        difficulty=DifficultyBand(low=2_00, high=4_00),
        max_per_leaf=2,
        duration_ms=20 * 60_000,
    )


def stored_bank(
    dbs: Databases,
    keyring: Keyring,
    wanted: Sequence[PoolItem],
    facts: Sequence[TopicFacts],
    body: BlueprintBody | None = None,
    **columns: object,
) -> StoredBank:
    """A bank with these questions and a blueprint of twenty items (or `body`)."""
    bank_id = empty_bank(dbs, facts, **columns)
    batch_id = add_items(dbs, keyring, bank_id, wanted)
    with transaction(dbs) as db:
        bank = db.get_one(Bank, bank_id)
        tree = load_topics(db, bank)
        plan = body or twenty_items(tree, title="电工四级理论")
        row = intake.store_blueprint(db, bank_id, plan, name="示范方案", by=MANAGER, now=NOW)
        return StoredBank(bank_id, row.id, batch_id, tree)


def small_body(facts: Sequence[TopicFacts], *, forms: int = 2) -> BlueprintBody:
    """Five items: 3 single × 20, 1 multiple × 20, 1 true/false × 20; no topic demands."""
    plan = twenty_items(facts, title="小卷").model_dump()
    plan["sections"] = [
        {"kind": "single", "count": 3, "marks_each": 20_00},
        {"kind": "multiple", "count": 1, "marks_each": 20_00},
        {"kind": "true_false", "count": 1, "marks_each": 20_00},
    ]
    return BlueprintBody.model_validate(plan | {"topics": [], "max_per_leaf": None, "difficulty": None, "forms": forms})
