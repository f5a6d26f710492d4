"""What only some blueprints ask: words, key letters, cognitive levels and groups kept apart are read, met and counted."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlmodel import Session, select

from itembank import enemies, intake, lifecycle, papers
from itembank.attributes import Sources, completed, levels_of, words_of
from itembank.blueprint import BlueprintBody, CognitiveDemand, LetterDemand, WordBand
from itembank.exchange import formats, xlsx
from itembank.items import write_body
from itembank.pool import get_bank, load_pool
from itembank.tables import FormSlot, ImportBatch, ItemVersion
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW

TREE = banks.topics(leaves=2, areas=6)
LEVELS = ("识记", "理解", "应用")


def stored(dbs: Databases, keyring: Keyring, **demands: object) -> tuple[int, int]:
    """A bank whose items of each kind have all levels, and a blueprint of five items with these demands; their ids."""
    bank_id = banks.empty_bank(dbs, TREE)
    wanted = [replace(item, cognitive=LEVELS[n % 5 % 3]) for n, item in enumerate(banks.imported(banks.full_pool(TREE, 2)))]
    source = intake.Source("items.xlsx", "0" * 64, banks.WRITER, NOW)
    batch = intake.stage_import(partial(transaction, dbs), keyring, bank_id, wanted, {}, source)
    with transaction(dbs) as db:
        sample = db.exec(select(ImportBatch.sample).where(ImportBatch.id == batch)).one()
        lifecycle.approve_batch(db, batch, by=banks.SECOND, read=sample, now=NOW)
        intake.publish_batch(db, batch, by=banks.SECOND, now=NOW)
        body = BlueprintBody.model_validate(banks.small_body(TREE).model_dump() | demands)
        return bank_id, intake.store_blueprint(db, bank_id, body, name="小卷", by=MANAGER, now=NOW).id


def made(dbs: Databases, keyring: Keyring, blueprint: int) -> papers.MakeResult | papers.Infeasible:
    around = papers.Around(partial(transaction, dbs), lambda _state: None, Sources(keyring))
    return papers.make_papers(partial(transaction, dbs), blueprint, seed=1, now=NOW, by=MANAGER, around=around)


def test_cognitive_levels_are_met(dbs: Databases, keyring: Keyring) -> None:
    demand = CognitiveDemand(level="应用", low=4, high=4).model_dump()
    bank_id, blueprint = stored(dbs, keyring, cognitive=[demand])
    result = made(dbs, keyring, blueprint)
    assert isinstance(result, papers.MakeResult)
    with Session(dbs.read) as db:
        assert levels_of(db, bank_id) == sorted(LEVELS)
        for form in result.form_ids:
            slots = select(ItemVersion.cognitive).join(FormSlot, FormSlot.item_version_id == ItemVersion.id)  # type: ignore[arg-type]
            assert list(db.exec(slots.where(FormSlot.form_id == form))).count("应用") == 4


def test_a_level_the_bank_does_not_know_is_missing(sqlite_dbs: Databases, keyring: Keyring) -> None:
    demand = CognitiveDemand(level="评价", low=1, high=5).model_dump()
    _bank, blueprint = stored(sqlite_dbs, keyring, cognitive=[demand])
    refused = made(sqlite_dbs, keyring, blueprint)
    assert isinstance(refused, papers.Infeasible)
    assert [(one.cognitive, one.short) for one in refused.shortages] == [("评价", 2)]
    assert {mend.cognitive for mend in refused.mends} <= {"评价", ""}


def test_letters_need_the_keys_and_words_the_texts(sqlite_dbs: Databases, keyring: Keyring) -> None:
    letters = LetterDemand(letter="A", low=3, high=3).model_dump()
    bank_id, blueprint = stored(sqlite_dbs, keyring, letters=[letters], words=WordBand(low=50, high=200).model_dump())
    assert isinstance(made(sqlite_dbs, keyring, blueprint), papers.MakeResult)
    with pytest.raises(ValueError, match="keyring"), transaction(sqlite_dbs) as db:
        papers.load_case(db, blueprint)
    with Session(sqlite_dbs.read) as db:
        pool = load_pool(db, get_bank(db, bank_id)).free
        body = papers.load_case(db, blueprint, Sources(keyring)).body
        whole = completed(db, bank_id, pool, body, Sources(keyring))
    assert {item.letter for item in whole if item.kind == "single"} == {"A"}
    assert {item.letter for item in whole if item.kind != "single"} == {""}
    assert all(10 < item.words < 40 for item in whole)


def test_characters_are_counted_as_they_are_read() -> None:
    body = write_body("single", "<p>甲 乙</p> \\(x\\)", ["丙", "丁丁"])
    assert words_of(write_body("single", "甲乙", ["丙", "丁丁"])) == 5
    assert words_of(body) > 5


def test_a_group_is_kept_apart_until_it_is_ended(dbs: Databases, keyring: Keyring) -> None:
    bank_id, blueprint = stored(dbs, keyring)
    with transaction(dbs) as db:
        singles = [item.item_id for item in load_pool(db, get_bank(db, bank_id)).free if item.kind == "single"]
        group = enemies.keep_apart(db, bank_id, singles[:20], reason="同一事故", by=MANAGER, now=NOW)
        with pytest.raises(enemies.NoGroup):
            enemies.keep_apart(db, bank_id, singles[3:5], reason="又一次", by=MANAGER, now=NOW)
        with pytest.raises(enemies.NoGroup):
            enemies.keep_apart(db, bank_id, [singles[0], 999_999], reason="没有", by=MANAGER, now=NOW)
        number = group.id
    result = made(dbs, keyring, blueprint)
    assert isinstance(result, papers.MakeResult)
    with transaction(dbs) as db:
        for form in result.form_ids:
            on_it = set(db.exec(select(FormSlot.item_id).where(FormSlot.form_id == form)))
            assert len(on_it & set(singles[:20])) <= 1
        assert enemies.cliques(db, bank_id, NOW) == (tuple(sorted(singles[:20])),)
        later = datetime(2027, 1, 1, tzinfo=UTC)
        enemies.let_together(db, bank_id, number, reason="改写", by=MANAGER, now=later)
        assert enemies.cliques(db, bank_id) == ()
        assert enemies.cliques(db, bank_id, NOW), "as it was"
        with pytest.raises(enemies.NoGroup):
            enemies.let_together(db, bank_id, number, reason="再来", by=MANAGER, now=later)


def test_levels_go_out_and_come_in_by_spreadsheet_only() -> None:
    items = [replace(item, cognitive=LEVELS[n % 5 % 3]) for n, item in enumerate(banks.imported(banks.full_pool(TREE, 1)[:4]))]
    found = xlsx.read_items(xlsx.write_items(items, now=NOW))
    assert isinstance(found, xlsx.ParsedItems)
    assert [item.cognitive for item in found.items] == [item.cognitive for item in items]
    kept = {name: formats.losses(one, items) for name, one in formats.FORMATS.items()}
    assert kept["xlsx"] == []
    assert all("认知层次" in str(loss.problem) for name, losses in kept.items() if name != "xlsx" for loss in losses[:1])
    too_long = [replace(items[0], cognitive="层" * 41)]
    refused = xlsx.read_items(xlsx.write_items(too_long, now=NOW))
    assert isinstance(refused, list)
    assert refused[0].header == "认知层次"
