import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, func, select

from itembank import intake, keys, lifecycle, papers, tables
from itembank.intake import Source
from itembank.pool import get_bank, load_pool, load_topics
from itembank.tables import BatchState, ImportBatch, Item, ItemVersion
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks

TREE = banks.topics(leaves=3, areas=4)
SOURCE = Source("items.xlsx", "0" * 64, banks.WRITER, banks.NOW)


def stage(dbs: Databases, keyring: Keyring, bank_id: int, wanted: list[banks.PoolItem]) -> int:
    return intake.stage_import(partial(transaction, dbs), keyring, bank_id, banks.imported(wanted), {}, SOURCE)


def seen(dbs: Databases, bank_id: int) -> int:
    with Session(dbs.read) as db:
        return len(load_pool(db, get_bank(db, bank_id)).free)


def test_an_import_becomes_visible_by_one_flag(dbs: Databases, keyring: Keyring) -> None:
    bank_id = banks.empty_bank(dbs, TREE)
    wanted = banks.full_pool(TREE, 4)
    batch_id = stage(dbs, keyring, bank_id, wanted)
    assert seen(dbs, bank_id) == 0
    with transaction(dbs) as db:
        batch = db.get_one(ImportBatch, batch_id)
        sample = batch.sample
        assert (batch.state, batch.item_count, len(sample)) == (BatchState.STAGED, len(wanted), intake.SAMPLE_SIZE)
        with pytest.raises(lifecycle.NotAllowed):
            intake.publish_batch(db, batch_id, by=banks.SECOND, now=banks.NOW)
        with pytest.raises(lifecycle.NotAllowed):
            lifecycle.approve_batch(db, batch_id, by=banks.WRITER, read=sample, now=banks.NOW)
        with pytest.raises(lifecycle.NotAllowed):
            lifecycle.approve_batch(db, batch_id, by=banks.SECOND, read=sample[1:], now=banks.NOW)
        lifecycle.approve_batch(db, batch_id, by=banks.SECOND, read=sample, now=banks.NOW)
    assert seen(dbs, bank_id) == 0
    with transaction(dbs) as db:
        assert intake.publish_batch(db, batch_id, by=banks.SECOND, now=banks.NOW) == len(wanted)
    assert seen(dbs, bank_id) == len(wanted)
    with Session(dbs.read) as db:
        version = db.exec(select(ItemVersion.id).where(ItemVersion.kind == "multiple")).first()
        assert keys.read_key(db, keyring, version or 0).correct == (1, 3)
        pool = load_pool(db, get_bank(db, bank_id)).free
    assert sorted((i.kind, i.topic, i.difficulty) for i in pool) == sorted((i.kind, i.topic, i.difficulty) for i in wanted)


def test_a_rejected_or_broken_import_stays_invisible(sqlite_dbs: Databases, keyring: Keyring) -> None:
    bank_id = banks.empty_bank(sqlite_dbs, TREE)
    wanted = banks.full_pool(TREE, 4)
    batch_id = stage(sqlite_dbs, keyring, bank_id, wanted)
    with transaction(sqlite_dbs) as db:
        lifecycle.reject_batch(db, batch_id, by=banks.SECOND, now=banks.NOW, note="依据过期")

    def give_up(done: int, _total: int) -> None:
        if done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        intake.stage_import(
            partial(transaction, sqlite_dbs), keyring, bank_id, banks.imported(wanted), {}, SOURCE, progress=give_up
        )
    assert seen(sqlite_dbs, bank_id) == 0
    banks.add_items(sqlite_dbs, keyring, bank_id, wanted)
    assert seen(sqlite_dbs, bank_id) == len(wanted)


def test_the_same_question_does_not_come_in_twice(dbs: Databases, keyring: Keyring) -> None:
    bank_id = banks.empty_bank(dbs, TREE)
    wanted = banks.full_pool(TREE, 1)
    first, second = (stage(dbs, keyring, bank_id, wanted) for _ in range(2))
    with transaction(dbs) as db:
        for batch_id in (first, second):
            sample = db.get_one(ImportBatch, batch_id).sample
            lifecycle.approve_batch(db, batch_id, by=banks.SECOND, read=sample, now=banks.NOW)
        intake.publish_batch(db, first, by=banks.SECOND, now=banks.NOW)
        with pytest.raises(intake.AlreadyThere) as refused:
            intake.publish_batch(db, second, by=banks.SECOND, now=banks.NOW)
    assert len(refused.value.rows) == len(wanted)
    with pytest.raises(intake.AlreadyThere):
        stage(dbs, keyring, bank_id, wanted[:1])
    other = banks.empty_bank(dbs, TREE, code="DG5")
    with pytest.raises(intake.AlreadyThere):
        stage(dbs, keyring, other, wanted[:1])
    provincial = banks.empty_bank(dbs, TREE, code="S1", provenance=tables.Provenance.PROVINCE)
    stage(dbs, keyring, provincial, wanted[:1])


def test_unknown_knowledge_points_are_refused_before_anything_is_stored(sqlite_dbs: Databases, keyring: Keyring) -> None:
    bank_id = banks.empty_bank(sqlite_dbs, TREE)
    wanted = [*banks.full_pool(TREE, 1), banks.PoolItem(9999, 1, 1, "single", "X-Y-001", "X", 3)]
    with pytest.raises(intake.UnknownTopics) as refused:
        stage(sqlite_dbs, keyring, bank_id, wanted)
    assert refused.value.codes == ("X-Y-001",)
    with Session(sqlite_dbs.read) as db:
        assert db.exec(select(func.count()).select_from(Item)).one() == 0


def test_no_transaction_of_an_import_holds_the_write_lock_long(sqlite_dbs: Databases, keyring: Keyring) -> None:
    bank_id = banks.empty_bank(sqlite_dbs, TREE)
    held: list[float] = []

    @contextmanager
    def timed() -> Iterator[Session]:
        with transaction(sqlite_dbs) as db:
            db.connection()
            started = time.thread_time()
            yield db
            db.flush()
            held.append(time.thread_time() - started)

    wanted = banks.full_pool(TREE, 28)
    assert len(wanted) > 1000
    intake.stage_import(timed, keyring, bank_id, banks.imported(wanted), {}, SOURCE)
    chunks = held[1:]
    assert sorted(chunks)[len(chunks) * 9 // 10] < 0.05
    assert len(chunks) > 20


def test_a_syllabus_is_stored_as_it_stands_and_again_as_a_new_version(dbs: Databases) -> None:
    with transaction(dbs) as db:
        stored = [intake.store_syllabus(db, 1, banks.tree_of(TREE), level=4, by=1, now=banks.NOW).version for _ in range(2)]
    assert stored == [1, 2]
    bank_id = banks.empty_bank(dbs, TREE)
    with Session(dbs.read) as db:
        found = load_topics(db, get_bank(db, bank_id))
    assert [(t.code, t.weight, t.is_leaf) for t in found] == [(t.code, t.weight, t.is_leaf) for t in TREE]


def test_a_blueprint_that_does_not_fit_is_refused(sqlite_dbs: Databases) -> None:
    bank_id = banks.empty_bank(sqlite_dbs, TREE)
    with transaction(sqlite_dbs) as db, pytest.raises(intake.InvalidBlueprint):
        intake.store_blueprint(db, bank_id, banks.twenty_items(banks.topics(), title="x"), name="x", by=1, now=banks.NOW)


UPDATES = [
    (table, column)
    for table, column in (
        ("item_version", "plain"),
        ("item_key", "reason"),
        ("topic", "name"),
        ("family", "bank_id"),
        ("blueprint", "name"),
        ("paper_set", "seed"),
        ("form_slot", "marks"),
        ("form_step", "note"),
        ("ledger_entry", "slot"),
    )
]


def test_append_only_tables_refuse_changes(dbs: Databases, keyring: Keyring) -> None:
    stored = banks.stored_bank(dbs, keyring, banks.full_pool(TREE, 1), TREE, banks.small_body(TREE))
    begin = partial(transaction, dbs)
    assert isinstance(papers.make_papers(begin, stored.blueprint_id, seed=1, now=banks.NOW, by=1, forms=1), papers.MakeResult)
    for table, column in UPDATES:
        assert table in tables.APPEND_ONLY | tables.SET_ONCE.keys()
        shape = tables.SQLModel.metadata.tables[table]
        other = text(f"{column} || 'x'") if str(shape.c[column].type) == "VARCHAR" else text(f"{column} + 1")
        for statement in (update(shape).values({column: other}), delete(shape)):
            with pytest.raises(DBAPIError, match="append-only"), transaction(dbs) as db:
                db.execute(statement)


def test_every_declared_table_and_column_exists() -> None:
    shapes = tables.SQLModel.metadata.tables
    for table, columns in itertools.chain(((t, ()) for t in tables.APPEND_ONLY), tables.SET_ONCE.items()):
        assert set(columns) <= set(shapes[table].c.keys())
        assert all(shapes[table].c[column].nullable for column in columns)
