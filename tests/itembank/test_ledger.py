"""The no-reuse rule under races, on both databases, proved by SQL that does not use the index."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, func, select

from itembank import ledger, papers
from itembank.pool import get_bank, load_pool
from itembank.tables import ClaimState, Form, FormSlot, FormState, LedgerEntry, PaperSet, Provenance
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW, PoolItem, StoredBank

TREE = banks.topics(leaves=2, areas=2)
BODY = banks.small_body(TREE)


def pool_for(sets: int) -> list[PoolItem]:
    """Just enough for so many sets of two small forms."""
    kinds = ["single"] * 6 * sets + ["multiple"] * 2 * sets + ["true_false"] * 2 * sets
    return [PoolItem(n, n, n, kind, "A-A-001", "Y", 1 + n % 5) for n, kind in enumerate(kinds, 1)]


def make(dbs: Databases, bank: StoredBank, seed: int = 1) -> papers.MakeResult | papers.Infeasible:
    return papers.make_papers(partial(transaction, dbs), bank.blueprint_id, seed=seed, now=NOW, by=MANAGER)


def made(dbs: Databases, bank: StoredBank, seed: int = 1) -> papers.MakeResult:
    found = make(dbs, bank, seed)
    assert isinstance(found, papers.MakeResult)
    return found


def recount(dbs: Databases) -> None:
    """No family in two live claims, every live claim in a slot of its form and back, nothing of a lost race left behind."""
    with Session(dbs.read) as db:
        rows = db.execute(text("SELECT scope, family_id, slot, form_id, item_id, ended_at FROM ledger_entry")).all()
        live = [row for row in rows if row.ended_at is None]
        assert not [key for key, n in Counter((r.scope, r.family_id, r.slot) for r in live).items() if n > 1]
        slots = db.execute(text("SELECT form_id, item_id FROM form_slot")).all()
        assert sorted((r.form_id, r.item_id) for r in live) == sorted((s.form_id, s.item_id) for s in slots)
        assert ledger.audit(db) == []
        assert ledger.leftovers(db) == []


def test_fifty_assemblies_at_once(dbs: Databases, keyring: Keyring) -> None:
    """Half of them with one seed, so that they want the very same items."""
    sets, racers = 5, 50
    bank = banks.stored_bank(dbs, keyring, pool_for(sets), TREE, BODY)
    ready = threading.Barrier(16)

    def race(n: int) -> papers.MakeResult | papers.Infeasible:
        if n < ready.parties:
            ready.wait()
        return make(dbs, bank, 7 if n % 2 else n)

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(race, range(racers)))
    winners = [one for one in found if isinstance(one, papers.MakeResult)]
    losers = [one for one in found if isinstance(one, papers.Infeasible)]
    assert len(winners) == sets
    assert len(losers) == racers - sets
    assert all(loser.mends for loser in losers)
    recount(dbs)
    with Session(dbs.read) as db:
        assert db.exec(select(func.count()).select_from(LedgerEntry)).one() == sets * 10
        assert db.exec(select(func.count()).select_from(PaperSet)).one() == sets


def test_a_clash_rolls_back_everything_and_the_next_try_goes_around_it(dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(dbs, keyring, pool_for(2), TREE, BODY)
    with transaction(dbs) as db:
        late = papers.load_case(db, bank.blueprint_id)
    choice = papers.choose(late, 2, 1)
    assert isinstance(choice, papers.Choice)
    first = made(dbs, bank)
    with transaction(dbs) as db:
        assert papers.store(db, late, choice, seed=1, now=NOW, by=MANAGER) is None
    with Session(dbs.read) as db:
        assert db.exec(select(func.count()).select_from(Form)).one() == 2
        assert db.exec(select(func.count()).select_from(FormSlot)).one() == 10
    second = made(dbs, bank)
    assert second.bank_digest != first.bank_digest
    recount(dbs)


def test_two_banks_of_an_institution_share_one_scope_others_do_not(sqlite_dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(sqlite_dbs, keyring, pool_for(1), TREE, BODY)
    made(sqlite_dbs, bank)
    provincial = banks.stored_bank(sqlite_dbs, keyring, pool_for(1), TREE, BODY, code="S", provenance=Provenance.PROVINCE)
    made(sqlite_dbs, provincial)
    with Session(sqlite_dbs.read) as db:
        scopes = db.exec(select(LedgerEntry.scope).distinct().order_by(LedgerEntry.scope)).all()
    assert list(scopes) == [f"bank:{provincial.bank_id}", "institution:1"]


def test_a_capped_bank_gives_each_item_so_often(sqlite_dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(sqlite_dbs, keyring, pool_for(1), TREE, BODY, policy="capped", cap=2)
    made(sqlite_dbs, bank)
    made(sqlite_dbs, bank)
    assert isinstance(make(sqlite_dbs, bank), papers.Infeasible)
    with Session(sqlite_dbs.read) as db:
        slots = Counter(db.exec(select(LedgerEntry.slot)).all())
    assert slots == {0: 10, 1: 10}


def test_a_cooling_bank_gives_its_items_back_in_time(dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(dbs, keyring, pool_for(1), TREE, BODY, policy="cooling_off", cooling_months=6)
    first = made(dbs, bank)
    with transaction(dbs) as db:
        ledger.burn(db, first.form_ids, exam_session_id=None, now=NOW)
        assert ledger.cool(db, "institution:1", burned_before=NOW, by=MANAGER, now=NOW) == 0
        assert not load_pool(db, get_bank(db, bank.bank_id)).free
        later = NOW + timedelta(days=200)
        assert ledger.cool(db, "institution:1", burned_before=later, by=MANAGER, now=later) == 10
        assert len(load_pool(db, get_bank(db, bank.bank_id)).free) == 10


def test_burning_is_for_ever_and_happens_once(dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(dbs, keyring, pool_for(1), TREE, BODY)
    result = made(dbs, bank)
    with transaction(dbs) as db:
        assert ledger.burn(db, result.form_ids, exam_session_id=4, now=NOW) == 10
        assert ledger.burn(db, result.form_ids, exam_session_id=5, now=NOW + timedelta(hours=1)) == 0
        assert ledger.release(db, result.form_ids, by=1, second_by=2, reason="x", now=NOW) == 0
        (burned_at,) = set(db.exec(select(LedgerEntry.burned_at)).all())
        assert burned_at == NOW
    for values in ({"ended_at": NOW, "end_kind": "released"}, {"burned_at": None}, {"family_id": 1}, {"exam_session_id": 9}):
        with pytest.raises(DBAPIError), transaction(dbs) as db:
            db.execute(update(LedgerEntry).values(**values))
    with pytest.raises(DBAPIError), transaction(dbs) as db:
        db.execute(delete(LedgerEntry))


def test_the_sweeper_frees_what_was_never_sealed(dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(dbs, keyring, pool_for(2), TREE, BODY)
    forgotten, sealed = made(dbs, bank), made(dbs, bank)
    minutes = partial(timedelta, minutes=1)
    with transaction(dbs) as db:
        papers.seal(db, sealed.paper_set_id, keyring, now=NOW, by=MANAGER)
        soon, late = NOW + minutes() * 29, NOW + minutes() * 31
        assert ledger.sweep_unsealed(db, older_than=timedelta(minutes=30), by=MANAGER, now=soon) == []
        swept = ledger.sweep_unsealed(db, older_than=timedelta(minutes=30), by=MANAGER, now=late)
        assert swept == list(forgotten.form_ids)
        assert ledger.sweep_unsealed(db, older_than=timedelta(minutes=30), by=MANAGER, now=late) == []
        assert len(load_pool(db, get_bank(db, bank.bank_id)).free) == 10
        assert ledger.leftovers(db) == []
    with transaction(dbs) as db, pytest.raises(papers.ClaimsLost):
        papers.seal(db, forgotten.paper_set_id, keyring, now=late, by=MANAGER)
    assert isinstance(make(dbs, bank), papers.MakeResult)


def test_the_story_of_an_item(sqlite_dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(sqlite_dbs, keyring, pool_for(1), TREE, BODY)
    first = made(sqlite_dbs, bank)
    with transaction(sqlite_dbs) as db:
        papers.seal(db, first.paper_set_id, keyring, now=NOW + timedelta(minutes=1), by=MANAGER)
        papers.withdraw(db, first.paper_set_id, by=1, second_by=2, reason="印刷错误", now=NOW + timedelta(minutes=2))
    second = made(sqlite_dbs, bank)
    with transaction(sqlite_dbs) as db:
        ledger.burn(db, second.form_ids, exam_session_id=1, now=NOW + timedelta(minutes=3))
        item_id = db.exec(select(FormSlot.item_id).where(FormSlot.form_id == first.form_ids[0])).first()
        story = ledger.explain(db, item_id or 0)
    assert [chapter.state for chapter in story if chapter.form_id in first.form_ids] == ["reserved", "released"]
    assert [chapter.state for chapter in story if chapter.form_id in second.form_ids] == ["reserved", "burned"]
    assert "印刷错误" in " ".join(str(chapter.text) for chapter in story)
    recounted = {chapter.state for chapter in story}
    assert recounted == {ClaimState.RESERVED, ClaimState.RELEASED, ClaimState.BURNED}


def test_the_audit_sees_what_the_index_would_have_refused(dbs: Databases, keyring: Keyring) -> None:
    bank = banks.stored_bank(dbs, keyring, pool_for(1), TREE, BODY)
    made(dbs, bank)
    with transaction(dbs) as db:
        db.execute(text("DROP INDEX ledger_entry_live"))
        row = db.exec(select(LedgerEntry).order_by(col(LedgerEntry.id))).first()
        assert row is not None
        copy = row.model_dump(exclude={"id"})
        db.add(LedgerEntry(**copy))
        db.flush()
        (violation,) = ledger.audit(db)
        assert (violation.family_id, violation.claims) == (row.family_id, 2)
        db.execute(update(Form).values(state=FormState.VOIDED))
        assert len(ledger.leftovers(db)) == 11
