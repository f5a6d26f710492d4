"""From a bank to opened forms; keys apart."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, update
from sqlmodel import Session, col, func, select

from itembank import keys, papers, sealing
from itembank.items import write_key
from itembank.passport import NEXT, WrongState, may_become
from itembank.pool import get_bank, load_pool
from itembank.runway import runway
from itembank.tables import Filing, Form, FormSlot, FormState, FormStep, Item, ItemKey, ItemVersion, LedgerEntry, PaperSet
from server.db import Databases, connect, transaction
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW, SECOND, StoredBank

TREE = banks.topics()
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def bank(dbs: Databases, keyring: Keyring) -> StoredBank:
    return banks.stored_bank(dbs, keyring, banks.pool(250, TREE, seed=3), TREE)


@pytest.fixture(scope="module")
def prepared(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> tuple[Path, StoredBank]:
    """An SQLite file with the bank in it, to copy: for tests where the kind of database does not matter."""
    path = tmp_path_factory.mktemp("bank") / "bank.db"
    shutil.copy(sqlite_template, path)
    databases = connect(f"sqlite:///{path}")
    bank = banks.stored_bank(databases, keyring, banks.pool(250, TREE, seed=3), TREE)
    databases.dispose()
    return path, bank


@pytest.fixture
def lite(prepared: tuple[Path, StoredBank], tmp_path: Path) -> Iterator[tuple[Databases, StoredBank]]:
    path, bank = prepared
    shutil.copy(path, tmp_path / "bank.db")
    databases = connect(f"sqlite:///{tmp_path / 'bank.db'}")
    yield databases, bank
    databases.dispose()


def make(dbs: Databases, bank: StoredBank, seed: int = 1, forms: int | None = None) -> papers.MakeResult:
    found = papers.make_papers(partial(transaction, dbs), bank.blueprint_id, seed=seed, now=NOW, by=MANAGER, forms=forms)
    assert isinstance(found, papers.MakeResult)
    return found


def sealed(dbs: Databases, keyring: Keyring, bank: StoredBank) -> papers.MakeResult:
    result = make(dbs, bank)
    with transaction(dbs) as db:
        papers.seal(db, result.paper_set_id, keyring, now=NOW, by=MANAGER)
    return result


def filed(dbs: Databases, keyring: Keyring, bank: StoredBank) -> papers.MakeResult:
    result = sealed(dbs, keyring, bank)
    with transaction(dbs) as db:
        for n, form_id in enumerate(result.form_ids):
            papers.file_form(db, form_id, f"浙备2026-{n}", by=MANAGER, now=NOW)
    return result


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement.lower())

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_the_recipe_from_bank_to_opening(dbs: Databases, keyring: Keyring, bank: StoredBank) -> None:
    result = make(dbs, bank)
    assert len(result.form_ids) == 3
    with transaction(dbs) as db:
        assert papers.paper_set_ready(db, result.paper_set_id) == ["A form of this paper set is not sealed."]
        digests = papers.seal(db, result.paper_set_id, keyring, now=NOW, by=MANAGER)
        assert len(set(digests)) == 3
        assert papers.paper_set_ready(db, result.paper_set_id) == ["A form of this paper set has no filing number yet."]
        for form_id in result.form_ids:
            papers.file_form(db, form_id, f"浙备2026-{form_id}", by=MANAGER, now=NOW)
        assert papers.paper_set_ready(db, result.paper_set_id) == []
        package = papers.public_package(db, result.form_ids[0], keyring)
    assert [item.slot for item in package.items] == list(range(1, 21))
    assert [item.kind for item in package.items] == ["single"] * 12 + ["multiple"] * 4 + ["true_false"] * 4
    assert sum(item.marks for item in package.items) == package.total_marks == 100_00
    assert (package.label, package.duration_ms, package.digest) == ("A", 20 * 60_000, digests[0])
    assert package.items[-1].options[0].html == "正确"

    with transaction(dbs) as db:
        assert papers.burn(db, result.paper_set_id, LATER, 7) == 60
        assert papers.burn(db, result.paper_set_id, LATER + timedelta(days=1), 8) == 0
        row = db.get_one(PaperSet, result.paper_set_id)
        assert (row.burned_at, row.exam_session_id) == (LATER, 7)
        assert papers.paper_set_ready(db, result.paper_set_id) == ["This paper set has been opened before."]
        steps = db.exec(select(FormStep.state).where(FormStep.form_id == result.form_ids[0]).order_by(col(FormStep.id)))
        assert list(steps) == ["composed", "sealed", "filed", "opened"]
        with pytest.raises(WrongState):
            papers.withdraw(db, result.paper_set_id, by=1, second_by=2, reason="x", now=LATER)


def test_the_same_seed_on_the_same_bank_gives_the_same_forms(keyring: Keyring, lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    with Session(dbs.read) as db:
        case = papers.load_case(db, bank.blueprint_id)
    first, again, other = (papers.choose(case, 3, seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    result = make(dbs, bank, seed=5)
    assert isinstance(first, papers.Choice)
    assert result.bank_digest == first.bank_digest
    with Session(dbs.read) as db:
        for form_id, form in zip(result.form_ids, first.forms, strict=True):
            slots = db.exec(select(FormSlot.item_id).where(FormSlot.form_id == form_id).order_by(col(FormSlot.slot))).all()
            assert list(slots) == [item.item_id for item in form]


def test_a_bank_lasts_as_long_as_its_runway_says_and_is_then_refused_with_the_reason(
    keyring: Keyring, lite: tuple[Databases, StoredBank]
) -> None:
    dbs, bank = lite
    with Session(dbs.read) as db:
        ahead = runway(db, bank.blueprint_id)
    assert ahead.sets >= 2
    assert ahead.next_missing.missing > 0
    for _ in range(ahead.sets):
        make(dbs, bank)
    refused = papers.make_papers(partial(transaction, dbs), bank.blueprint_id, seed=1, now=NOW, by=MANAGER)
    assert isinstance(refused, papers.Infeasible)
    assert all(shortage.has + shortage.spent <= 250 and shortage.short > 0 for shortage in refused.shortages)
    needed = [
        banks.PoolItem(1000 + n, 0, 0, mend.kind, mend.leaves[0], "", mend.difficulty)
        for n, mend in enumerate(mend for mend in refused.mends for _ in range(mend.add))
    ]
    assert needed
    banks.add_items(dbs, keyring, bank.bank_id, needed)
    make(dbs, bank)
    with Session(dbs.read) as db:
        after = runway(db, bank.blueprint_id)
    assert (after.sets, after.free_items, after.spent_items) == (
        0,
        250 + len(needed) - 60 * (ahead.sets + 1),
        60 * (ahead.sets + 1),
    )


def test_nothing_about_keys_is_touched_or_told_by_a_public_package(keyring: Keyring, lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    result = sealed(dbs, keyring, bank)

    class NoAnswers:
        def seal(self, purpose: str, plaintext: bytes, aad: bytes) -> bytes:
            raise AssertionError

        def open(self, purpose: str, blob: bytes, aad: bytes) -> bytes:
            assert purpose == sealing.PAPER
            return keyring.open(purpose, blob, aad)

    with statements(dbs.read) as seen, Session(dbs.read) as db:
        package = papers.public_package(db, result.form_ids[0], NoAnswers())
        text = package.model_dump_json()
    assert seen
    assert not [statement for statement in seen if "item_key" in statement]
    names: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            names.update(value)
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(json.loads(text))
    allowed = {"form_id", "label", "title", "duration_ms", "total_marks", "sections", "items", "media", "digest"}
    allowed |= {"kind", "title_zh", "count", "marks_each", "slot", "stem_html", "options", "fixed_order", "marks", "id", "html"}
    assert names <= allowed


def test_the_public_package_does_not_depend_on_the_keys(keyring: Keyring, lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    result = sealed(dbs, keyring, bank)
    with transaction(dbs) as db:
        before = papers.public_package(db, result.form_ids[0], keyring)
        version = db.exec(select(FormSlot.item_version_id).where(FormSlot.form_id == result.form_ids[0])).first()
        papers.correct_key(db, keyring, version or 0, write_key([4]), by=1, second_by=2, reason="错", now=NOW)
        assert papers.public_package(db, result.form_ids[0], keyring) == before


def test_loading_papers_and_packages_loads_no_solver() -> None:
    """Serving code imports these; the public side does not even import the file that reads keys."""
    code = (
        "import sys; import itembank.packages; assert 'itembank.keys' not in sys.modules;"
        "import itembank.papers, itembank.intake, itembank.lifecycle; assert 'highspy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_corrections_and_cancellations_are_new_key_versions(dbs: Databases, keyring: Keyring, bank: StoredBank) -> None:
    result = sealed(dbs, keyring, bank)
    form_id = result.form_ids[0]
    with transaction(dbs) as db:
        package = papers.key_package(db, form_id, keyring)
        assert package.key_version == 1
        assert package.form_digest == papers.public_package(db, form_id, keyring).digest
        assert {key.correct for key in package.keys.values()} == {(1,), (1, 3)}
        versions = dict(db.exec(select(FormSlot.slot, FormSlot.item_version_id).where(FormSlot.form_id == form_id)).all())
        with pytest.raises(keys.SecondPersonNeeded):
            papers.correct_key(db, keyring, versions[1], write_key([2]), by=1, second_by=1, reason="x", now=NOW)
        with pytest.raises(keys.InvalidItem):
            papers.correct_key(db, keyring, versions[1], write_key([9]), by=1, second_by=2, reason="x", now=NOW)
        papers.correct_key(db, keyring, versions[1], write_key([2]), by=1, second_by=2, reason="答案有误", now=LATER)
        papers.cancel_item(db, keyring, versions[2], by=1, second_by=2, reason="题干有误", now=LATER)
        corrected = papers.key_package(db, form_id, keyring)
        assert corrected.key_version == 3
        assert corrected.keys[1].correct == (2,)
        assert (corrected.keys[2].cancelled, corrected.keys[2].correct) == (True, package.keys[2].correct)
        assert {n: key for n, key in corrected.keys.items() if n > 2} == {n: key for n, key in package.keys.items() if n > 2}
        rows = db.exec(select(ItemKey).where(ItemKey.item_version_id == versions[1]).order_by(col(ItemKey.key_version))).all()
        assert [row.key_version for row in rows] == [1, 2]
        assert (rows[1].replaces, rows[1].created_by, rows[1].second_by) == (rows[0].id, 1, 2)
        assert papers.key_package(db, result.form_ids[1], keyring).key_version == 1


def test_a_key_that_changed_without_a_correction_is_noticed(sqlite_dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(sqlite_dbs, keyring, banks.full_pool(TREE, 1), TREE)
    result = sealed(sqlite_dbs, keyring, bank)
    with transaction(sqlite_dbs) as db:
        slot = db.exec(select(FormSlot).where(FormSlot.form_id == result.form_ids[0], FormSlot.slot == 1)).one()
        version = db.get_one(ItemVersion, slot.item_version_id)
        forged = keys.seal_key(keyring, version.body, write_key([3]))
        db.connection().exec_driver_sql("DROP TRIGGER item_key_no_update")
        db.execute(update(ItemKey).where(col(ItemKey.item_version_id) == version.id).values(ciphertext=forged))
        with pytest.raises(sealing.Tampered):
            papers.key_package(db, result.form_ids[0], keyring)


def test_a_sealed_blob_opens_in_its_own_row_only(keyring: Keyring, lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    result = sealed(dbs, keyring, bank)
    with transaction(dbs) as db:
        a, b, _ = (db.get_one(Form, form_id) for form_id in result.form_ids)
        assert a.sealed is not None
        assert "下列".encode() not in a.sealed
        db.connection().exec_driver_sql("DROP TRIGGER form_no_update")
        a.sealed = b.sealed
        db.flush()
        with pytest.raises(sealing.Tampered):
            papers.public_package(db, a.id, keyring)


def test_an_unsealed_form_has_no_package(keyring: Keyring, lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    result = make(dbs, bank)
    with transaction(dbs) as db:
        for read in (papers.public_package, papers.key_package):
            with pytest.raises(papers.ItemBankError):
                read(db, result.form_ids[0], keyring)
        with pytest.raises(papers.NotFound):
            papers.public_package(db, 999_999, keyring)
        with pytest.raises(WrongState):
            papers.file_form(db, result.form_ids[0], "1", by=1, now=NOW)
        with pytest.raises(WrongState):
            papers.burn(db, result.paper_set_id, NOW)
        assert db.exec(select(func.count()).select_from(Filing)).one() == 0


def test_sealing_twice_is_refused(dbs: Databases, keyring: Keyring, bank: StoredBank) -> None:
    result = sealed(dbs, keyring, bank)
    with pytest.raises((WrongState, papers.SameFormExists)), transaction(dbs) as db:
        papers.seal(db, result.paper_set_id, keyring, now=NOW, by=MANAGER)


def test_withdrawing_takes_two_and_gives_items_back(dbs: Databases, keyring: Keyring, bank: StoredBank) -> None:
    result = filed(dbs, keyring, bank)
    with transaction(dbs) as db:
        with pytest.raises(keys.SecondPersonNeeded):
            papers.withdraw(db, result.paper_set_id, by=1, second_by=1, reason="x", now=LATER)
        assert papers.withdraw(db, result.paper_set_id, by=1, second_by=SECOND, reason="停考", now=LATER) == 60
        assert len(load_pool(db, get_bank(db, bank.bank_id)).free) == 250
        assert papers.paper_set_ready(db, result.paper_set_id) == ["A form of this paper set was withdrawn."]
        with pytest.raises(WrongState):
            papers.burn(db, result.paper_set_id, LATER)


def test_a_leaked_set_takes_its_items_with_it(keyring: Keyring, lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    result = filed(dbs, keyring, bank)
    with transaction(dbs) as db:
        papers.withdraw(db, result.paper_set_id, by=1, second_by=2, reason="泄题", now=LATER, leaked=True)
        assert len(load_pool(db, get_bank(db, bank.bank_id)).free) == 190
        assert db.exec(select(func.count()).select_from(Item).where(Item.state == "quarantined")).one() == 60
        assert {entry.state for entry in db.exec(select(LedgerEntry))} == {"voided"}


def test_a_refused_form_keeps_its_items_until_withdrawn(keyring: Keyring, lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    result = sealed(dbs, keyring, bank)
    with transaction(dbs) as db:
        papers.refuse_form(db, result.form_ids[0], by=1, now=NOW, note="偏题")
        assert "A form of this paper set was refused by the authority." in papers.paper_set_ready(db, result.paper_set_id)
        assert len(load_pool(db, get_bank(db, bank.bank_id)).free) == 190


@pytest.mark.parametrize("state", list(FormState))
def test_the_passport(state: FormState) -> None:
    allowed = {wanted for wanted in FormState if may_become(state, wanted)}
    assert allowed == NEXT[state]
    assert FormState.COMPOSED not in allowed
    if state in {FormState.OPENED, FormState.ARCHIVED}:
        assert FormState.VOIDED not in allowed
    assert (FormState.OPENED in allowed) == (state == FormState.FILED)


def test_make_papers_within_one_transaction(lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    with transaction(dbs) as db:
        result = papers.make_papers(papers.within(db), bank.blueprint_id, seed=1, now=NOW, by=MANAGER, title="第一场")
        assert isinstance(result, papers.MakeResult)
        assert db.get_one(PaperSet, result.paper_set_id).title == "第一场"


def test_an_unknown_blueprint(lite: tuple[Databases, StoredBank]) -> None:
    dbs, _ = lite
    with pytest.raises(papers.NotFound):
        papers.make_papers(partial(transaction, dbs), 999, seed=1, now=NOW, by=MANAGER)


def test_the_body_is_what_is_stored(lite: tuple[Databases, StoredBank]) -> None:
    dbs, bank = lite
    with Session(dbs.read) as db:
        case = papers.load_case(db, bank.blueprint_id)
    assert case.body == banks.twenty_items(case.topics, title="电工四级理论")
