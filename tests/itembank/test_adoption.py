"""A bank goes over to another version of its content table: items follow their places, forms keep theirs."""

from dataclasses import replace
from functools import partial

import pytest
from sqlmodel import Session, col, select

from itembank import adoption, intake, papers
from itembank.blueprint import BlueprintBody
from itembank.pool import get_bank, load_pool
from itembank.sealing import Keyring
from itembank.syllabus_edit import edit, lines_of
from itembank.tables import Blueprint, FormSlot, Syllabus, Topic
from server.db import Databases, transaction
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW, StoredBank

TREE = banks.topics(leaves=2, areas=10)


@pytest.fixture
def bank(dbs: Databases, keyring: Keyring) -> StoredBank:
    return banks.stored_bank(dbs, keyring, banks.full_pool(TREE, 3), TREE)


def topic_ids(db: Session, syllabus_id: int) -> dict[str, int]:
    return dict(db.exec(select(Topic.code, Topic.id).where(Topic.syllabus_id == syllabus_id)).all())


def next_version(db: Session, bank: StoredBank, **changes: dict[str, object]) -> Syllabus:
    """The bank's table with lines changed (by the code with low lines: `A_A_001`), stored as the next version."""
    row = db.get_one(Syllabus, get_bank(db, bank.bank_id).syllabus_id)
    topics = topic_ids(db, row.id)
    tree = banks.tree_of(TREE)
    wanted = {topics[code.replace("_", "-")]: change for code, change in changes.items()}
    lines = [replace(line, **wanted.get(line.was or 0, {})) for line in lines_of(tree, topics)]  # type: ignore[arg-type]
    found = edit(tree, lines, {})
    assert found.problems == ()
    return intake.store_syllabus(db, row.institution_id, found.tree, level=4, by=MANAGER, now=NOW, was=found.was)


def follow(db: Session, bank: StoredBank, target: Syllabus) -> adoption.Plan:
    plan = adoption.plan(db, get_bank(db, bank.bank_id, lock=True), target)
    adoption.follow(db, plan, by=MANAGER, now=NOW)
    return plan


def test_items_follow_a_moved_and_a_renamed_leaf(dbs: Databases, bank: StoredBank) -> None:
    with transaction(dbs) as db:
        before = {item.item_id: item.topic for item in load_pool(db, get_bank(db, bank.bank_id)).free}
        target = next_version(db, bank, A_A_002={"move": "A-B", "code": "003"}, A_C_001={"name": "另名", "importance": "Z"})
        plan = follow(db, bank, target)
    assert {step.old.code for step in plan.steps if not step.is_silent} == {"A-A-002", "A-C-001"}
    with Session(dbs.read) as db:
        after = load_pool(db, get_bank(db, bank.bank_id)).free
        assert len(after) == len(before)
        assert {(before[item.item_id], item.topic) for item in after if item.topic != before[item.item_id]} == {
            ("A-A-002", "A-B-003")
        }
        assert {item.importance for item in after if item.topic == "A-C-001"} == {"Z"}


def test_blueprints_stay_are_renewed_or_put_away(dbs: Databases, bank: StoredBank) -> None:
    with transaction(dbs) as db:
        stays = db.get_one(Blueprint, bank.blueprint_id)
        body = BlueprintBody.model_validate(stays.body)
        leaf = body.topics[0].model_copy(update={"code": "A-A-002", "low": 1, "high": 1})
        narrow = intake.store_blueprint(
            db, bank.bank_id, body.model_copy(update={"topics": (leaf,)}), name="细", by=MANAGER, now=NOW
        )
        target = next_version(db, bank, A_A_002={"move": "A-B", "code": "003"})
        fates = {fate.blueprint.id: fate for fate in follow(db, bank, target).fates}
        assert fates[stays.id].body is None
        assert not fates[stays.id].problems
        renewed = fates[narrow.id].body
        assert renewed is not None
        assert [demand.code for demand in renewed.topics] == ["A-B-003"]


def test_a_blueprint_of_an_area_that_is_gone_is_put_away(sqlite_dbs: Databases, keyring: Keyring) -> None:
    pool = [item for item in banks.full_pool(TREE, 1) if not item.topic.startswith("A-J")]
    bank = banks.stored_bank(sqlite_dbs, keyring, pool, TREE)
    gone: dict[str, dict[str, object]] = {name: {"drop": True} for name in ("A_J", "A_J_001", "A_J_002")}
    with transaction(sqlite_dbs) as db:
        fates = follow(db, bank, next_version(db, bank, **gone, A_A={"weight": "21"})).fates
        assert str(fates[0].problems[0].problem) == "The syllabus has no topic A-J."
        assert db.get_one(Blueprint, bank.blueprint_id).retired_at is not None


def test_items_that_would_stand_on_nothing_are_named(dbs: Databases, bank: StoredBank) -> None:
    with transaction(dbs) as db:
        target = next_version(db, bank, A_A_001={"drop": True})
        plan = adoption.plan(db, get_bank(db, bank.bank_id), target)
        assert [(step.old.code, step.items) for step in plan.lost] == [("A-A-001", 9)]
        with pytest.raises(adoption.CannotFollow):
            adoption.follow(db, plan, by=MANAGER, now=NOW)


def test_an_imported_version_matches_by_code_and_one_goes_back_again(dbs: Databases, bank: StoredBank) -> None:
    with transaction(dbs) as db:
        first = db.get_one(Syllabus, get_bank(db, bank.bank_id).syllabus_id)
        imported = intake.store_syllabus(db, 1, banks.tree_of(TREE), level=4, by=MANAGER, now=NOW)
        plan = follow(db, bank, imported)
        assert all(step.is_silent for step in plan.steps)
        back = follow(db, bank, first)
        assert sum(step.items for step in back.steps) == 180
        moved = next_version(db, bank, A_A_002={"move": "A-B", "code": "003"})
        follow(db, bank, moved)
        again = follow(db, bank, first)
        assert [(s.old.code, s.new.code) for s in again.steps if s.new and not s.is_silent] == [("A-B-003", "A-A-002")]
        with pytest.raises(adoption.CannotFollow):
            adoption.plan(db, get_bank(db, bank.bank_id), first)


def test_forms_made_before_keep_their_knowledge_points(dbs: Databases, bank: StoredBank) -> None:
    made = papers.make_papers(partial(transaction, dbs), bank.blueprint_id, seed=1, now=NOW, by=MANAGER)
    assert isinstance(made, papers.MakeResult)
    slots = (
        select(FormSlot.form_id, FormSlot.slot, Topic.code)
        .join(Topic, col(Topic.id) == col(FormSlot.topic_id))
        .order_by(FormSlot.form_id, FormSlot.slot)  # type: ignore[arg-type]
    )
    with transaction(dbs) as db:
        before = db.exec(slots).all()
        assert len(before) == 60
        follow(db, bank, next_version(db, bank, A_A_002={"move": "A-B", "code": "003"}))
    with Session(dbs.read) as db:
        assert db.exec(slots).all() == before


def test_papers_are_not_stored_for_a_table_the_bank_has_left(dbs: Databases, bank: StoredBank) -> None:
    with transaction(dbs) as db:
        case = papers.load_case(db, bank.blueprint_id)
        choice = papers.choose(case, 2, 1)
        assert isinstance(choice, papers.Choice)
        follow(db, bank, next_version(db, bank, A_C_001={"name": "另名"}))
        assert papers.store(db, case, choice, seed=1, now=NOW, by=MANAGER) is None
