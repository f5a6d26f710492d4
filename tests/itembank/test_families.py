"""Merged families and the ledger: claims stay where they were made, nothing comes back, whoever is first."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlmodel import Session, col, select

from itembank import families, ledger, papers, passport
from itembank.errors import SecondPersonNeeded
from itembank.family_tables import FamilyMerge, FormHold, Quarantine
from itembank.pool import get_bank, load_pool
from itembank.quarantine import ask_lift, lift, suspect_form
from itembank.tables import FormSlot, Item, LedgerEntry
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW, SECOND, PoolItem, StoredBank

TREE = banks.topics(leaves=2, areas=2)
BODY = banks.small_body(TREE)


@pytest.fixture
def bank(dbs: Databases, keyring: Keyring) -> StoredBank:
    kinds = ["single"] * 24 + ["multiple"] * 8 + ["true_false"] * 8
    wanted = [PoolItem(n, n, n, kind, "A-A-001", "Y", 1 + n % 5) for n, kind in enumerate(kinds, 1)]
    return banks.stored_bank(dbs, keyring, wanted, TREE, BODY)


def made(dbs: Databases, bank: StoredBank, seed: int = 1) -> papers.MakeResult:
    found = papers.make_papers(partial(transaction, dbs), bank.blueprint_id, seed=seed, now=NOW, by=MANAGER)
    assert isinstance(found, papers.MakeResult)
    return found


def items_of(db: Session, form_id: int) -> list[int]:
    return list(db.exec(select(FormSlot.item_id).where(FormSlot.form_id == form_id).order_by(col(FormSlot.slot))))


def free(db: Session, bank: StoredBank) -> set[int]:
    return {item.item_id for item in load_pool(db, get_bank(db, bank.bank_id)).free}


def merged(db: Session, one: int, other: int) -> FamilyMerge:
    row = families.merge(db, one, other, reason="同一道题", by=MANAGER, now=NOW)
    assert row is not None
    return row


def test_a_copy_of_a_used_item_is_used_too_until_the_merge_is_undone(dbs: Databases, bank: StoredBank) -> None:
    result = made(dbs, bank)
    with transaction(dbs) as db:
        used = items_of(db, result.form_ids[0])[0]
        copy = min(free(db, bank))
        claims = db.exec(select(LedgerEntry.id, LedgerEntry.family_id)).all()
        row = merged(db, copy, used)
        assert (row.items, row.finding) == ([copy], "")
        assert copy not in free(db, bank)
        assert db.exec(select(LedgerEntry.id, LedgerEntry.family_id)).all() == claims
        assert families.merge(db, copy, used, reason="再来", by=MANAGER, now=NOW) is None
        assert [chapter.state for chapter in ledger.explain(db, copy)] == ["reserved", "merged"]
        families.undo_merge(db, row.id, by=MANAGER, reason="看错", now=NOW)
        assert copy in free(db, bank)
        with pytest.raises(families.NotUndoable):
            families.undo_merge(db, row.id, by=MANAGER, reason="再撤", now=NOW)


def test_a_merge_under_which_an_item_was_used_stays(dbs: Databases, bank: StoredBank) -> None:
    with transaction(dbs) as db:
        one, other = sorted(free(db, bank))[:2]
        row = merged(db, one, other)
        moved = row.items[0]
    result = made(dbs, bank)
    with transaction(dbs) as db:
        moved_used = moved in {*items_of(db, result.form_ids[0]), *items_of(db, result.form_ids[1])}
        if not moved_used:
            form = result.form_ids[0]
            ledger.reserve(db, "institution:1", [ledger.Claim(row.into_id, 0, moved, form)], reusable=False, by=1, now=NOW)
        claimed = db.exec(select(LedgerEntry.item_id).where(LedgerEntry.family_id == row.into_id)).all()
        if moved in claimed:
            with pytest.raises(families.NotUndoable):
                families.undo_merge(db, row.id, by=MANAGER, reason="看错", now=NOW)
        else:
            families.undo_merge(db, row.id, by=MANAGER, reason="看错", now=NOW)
            assert moved in free(db, bank)


def test_two_used_families_are_a_finding(dbs: Databases, bank: StoredBank) -> None:
    result = made(dbs, bank)
    with transaction(dbs) as db:
        ledger.burn(db, result.form_ids, exam_session_id=1, now=NOW)
        one, other = items_of(db, result.form_ids[0])[0], items_of(db, result.form_ids[1])[0]
        assert merged(db, one, other).finding == "reuse"
        assert not {one, other} & free(db, bank)
        assert db.exec(select(FormHold)).all() == []


def test_a_used_and_a_sealed_one_hold_the_form(dbs: Databases, bank: StoredBank) -> None:
    first, second = made(dbs, bank), made(dbs, bank, 2)
    with transaction(dbs) as db:
        ledger.burn(db, first.form_ids, exam_session_id=1, now=NOW)
        used, sealed = items_of(db, first.form_ids[0])[0], items_of(db, second.form_ids[0])[0]
        assert merged(db, sealed, used).finding == "sealed"
        assert db.exec(select(FormHold.form_id)).all() == [second.form_ids[0]]
        assert "A form of this paper set is in quarantine." in passport.paper_set_ready(db, second.paper_set_id)
        with pytest.raises(passport.FormHeld):
            passport.burn(db, second.paper_set_id, NOW)


def test_a_leaked_form_takes_its_items_out_and_two_people_let_them_back(dbs: Databases, bank: StoredBank) -> None:
    result = made(dbs, bank)
    with transaction(dbs) as db:
        row = suspect_form(db, bank.bank_id, result.form_ids[0], reason="照片", by=MANAGER, now=NOW)
        inner = suspect_form(db, bank.bank_id, result.form_ids[0], reason="又一张", by=MANAGER, now=NOW)
        states = select(Item.state).where(col(Item.id).in_(items_of(db, result.form_ids[0])))
        assert set(db.exec(states)) == {"quarantined"}
        for held in (row, inner):
            ask_lift(db, held.id, by=MANAGER, reason="误报", now=NOW)
            with pytest.raises(SecondPersonNeeded):
                lift(db, held.id, by=MANAGER, now=NOW)
        assert lift(db, row.id, by=SECOND, now=NOW) == 0
        assert lift(db, inner.id, by=SECOND, now=NOW) == 5
        assert set(db.exec(states)) == {"approved"}
        assert all(one.lifted_by == SECOND for one in db.exec(select(Quarantine)))


def test_merges_and_assemblies_at_once_use_no_family_twice(dbs: Databases, bank: StoredBank) -> None:
    """Whoever comes first: an item of a merged family is used once, or the merge says that it found it used twice."""
    start = threading.Barrier(6)
    with Session(dbs.read) as db:
        numbers = sorted(free(db, bank))
    pairs = [(numbers[n], numbers[n + 4]) for n in (0, 1, 2, 3, 8, 9, 10, 11)]

    def assemble(n: int) -> None:
        start.wait()
        papers.make_papers(partial(transaction, dbs), bank.blueprint_id, seed=n, now=NOW, by=MANAGER)

    def join(n: int) -> None:
        start.wait()
        for one, other in pairs[n::3]:
            with transaction(dbs) as db:
                families.merge(db, one, other, reason="同题", by=MANAGER, now=NOW)

    with ThreadPoolExecutor(6) as threads:
        jobs = [threads.submit(assemble, n) for n in range(3)] + [threads.submit(join, n) for n in range(3)]
        for job in jobs:
            job.result()
    with Session(dbs.read) as db:
        assert ledger.audit(db) == []
        live = select(Item.family_id).join(LedgerEntry, col(LedgerEntry.item_id) == col(Item.id))
        twice = {f for f, n in Counter(db.exec(live.where(col(LedgerEntry.ended_at).is_(None)))).items() if n > 1}
        found = {row.into_id for row in db.exec(select(FamilyMerge)) if row.finding}
        assert twice <= found
