"""People who speak at the same moment, and quarantine against assembly: whoever is first, the books agree. On both databases."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlmodel import Session, col, select

from itembank import families, ledger, lifecycle, papers, quarantine
from itembank.errors import ItemBankError
from itembank.families import Likeness
from itembank.family_tables import FamilyMerge, FormHold, Quarantine, TwinCase, TwinOpinion, Verdict
from itembank.items import write_body, write_key
from itembank.lifecycle import Draft
from itembank.tables import FormSlot, Item, ItemState, Review, Topic, Vote
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW, SECOND, PoolItem, StoredBank

ROUNDS = 8
TREE = banks.topics(leaves=2, areas=2)
BODY = banks.small_body(TREE)


@pytest.fixture
def bank(dbs: Databases, keyring: Keyring) -> StoredBank:
    kinds = ["single"] * 24 + ["multiple"] * 8 + ["true_false"] * 8
    wanted = [PoolItem(n, n, n, kind, "A-A-001", "Y", 1 + n % 5) for n, kind in enumerate(kinds, 1)]
    return banks.stored_bank(dbs, keyring, wanted, TREE, BODY)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each gave, or the refusal it met."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return act()
        except ItemBankError as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def cases(dbs: Databases, bank: StoredBank, needed: int) -> list[int]:
    """Numbers of fresh cases, each of two items of its own."""
    with transaction(dbs) as db:
        rows = db.exec(select(Item.id, Item.current_version).where(Item.bank_id == bank.bank_id).order_by(col(Item.id))).all()
        items = [number for number, _version in rows]
        pairs = list(zip(items[1::2], items[::2], strict=True))[:ROUNDS]
        found = [Likeness(new, new, old, old, 0.9, "whole", False, needed) for new, old in pairs]
        families.open_cases(db, bank.bank_id, found, now=NOW)
        return list(db.exec(select(TwinCase.id).order_by(col(TwinCase.id))))


def speak(dbs: Databases, case: int, verdict: Verdict, by: int) -> None:
    with transaction(dbs) as db:
        families.give_opinion(db, case, verdict, by=by, reason="同时", now=NOW)


def test_two_people_who_agree_at_once_decide_a_case_once(dbs: Databases, bank: StoredBank) -> None:
    for case in cases(dbs, bank, needed=2):
        found = at_once(*(partial(speak, dbs, case, Verdict.SAME_FAMILY, by) for by in (11, 12)))
        assert found == [None, None]
    with Session(dbs.read) as db:
        decided = db.exec(select(TwinCase)).all()
        assert all(case.decided_at is not None and case.verdict == Verdict.SAME_FAMILY for case in decided)
        assert len(db.exec(select(TwinOpinion)).all()) == 2 * len(decided)
        merges = db.exec(select(FamilyMerge.case_id)).all()
        assert sorted(number or 0 for number in merges) == [case.id for case in decided]


def test_one_person_twice_at_once_is_one_opinion(dbs: Databases, bank: StoredBank) -> None:
    for case in cases(dbs, bank, needed=2):
        found = at_once(*(partial(speak, dbs, case, Verdict.DIFFERENT, 11) for _ in range(3)))
        assert sum(one is None for one in found) == 1
        assert sum(isinstance(one, families.NotDecidable) for one in found) == 2
    with Session(dbs.read) as db:
        assert [case for case in db.exec(select(TwinCase)) if case.decided_at is not None] == []


def test_opposite_opinions_at_once_decide_once(dbs: Databases, bank: StoredBank) -> None:
    for case in cases(dbs, bank, needed=1):
        verdicts = (Verdict.SAME_FAMILY, Verdict.DIFFERENT)
        found = at_once(*(partial(speak, dbs, case, verdict, by) for by, verdict in enumerate(verdicts, 11)))
        assert sum(one is None for one in found) == 1, "the other comes too late"
    with Session(dbs.read) as db:
        merged = {row.case_id for row in db.exec(select(FamilyMerge))}
        for case in db.exec(select(TwinCase)):
            assert (case.verdict == Verdict.SAME_FAMILY) == (case.id in merged)


def test_an_item_in_quarantine_is_on_no_form_that_may_be_opened(dbs: Databases, bank: StoredBank) -> None:
    """Assembly and suspicion at once: either the form does not have the item, or the form is held."""
    with Session(dbs.read) as db:
        items = list(db.exec(select(Item.id).where(Item.bank_id == bank.bank_id).order_by(col(Item.id))))

    def assemble(seed: int) -> object:
        return papers.make_papers(partial(transaction, dbs), bank.blueprint_id, seed=seed, now=NOW, by=MANAGER)

    def suspect(numbers: list[int]) -> None:
        for number in numbers:
            with transaction(dbs) as db:
                quarantine.suspect_items(db, bank.bank_id, [number], reason="照片", by=SECOND, now=NOW)

    found = at_once(*(partial(assemble, seed) for seed in (1, 2)), *(partial(suspect, items[n:12:3]) for n in range(3)))
    assert not [one for one in found if isinstance(one, ItemBankError)], found
    with Session(dbs.read) as db:
        suspected = {int(number) for row in db.exec(select(Quarantine)) for number, _state in row.items}
        assert suspected == set(items[:12])
        assert set(db.exec(select(Item.state).where(col(Item.id).in_(suspected)))) == {ItemState.QUARANTINED}
        slots = db.exec(select(FormSlot.form_id, FormSlot.item_id)).all()
        touched = {form for form, item in slots if item in suspected}
        held = set(db.exec(select(FormHold.form_id)))
        assert touched <= held
        assert ledger.audit(db) == []


def test_two_reviewers_at_once_are_two_votes(dbs: Databases, keyring: Keyring, bank: StoredBank) -> None:
    with transaction(dbs) as db:
        leaf = db.exec(select(Topic.id).where(Topic.code == "A-A-001")).one()
        made = []
        for n in range(ROUNDS):
            body = write_body("single", f"同时审的第 {n} 题？", ["甲", "乙", "丙", "丁"])
            draft = Draft(body, write_key([2]), leaf)
            made.append(lifecycle.create_item(db, keyring, bank.bank_id, draft, by=1, now=NOW).id)
            lifecycle.submit(db, made[-1], by=1)

    def vote(item: int, by: int) -> None:
        with transaction(dbs) as db:
            db.get(Item, item)  # what a page has read before is not what counts
            lifecycle.vote(db, item, Vote.APPROVE, by=by, now=NOW)

    for item in made:
        found = at_once(*(partial(vote, item, by) for by in (11, 11, 12)))
        assert sum(one is None for one in found) == 2, found
    with Session(dbs.read) as db:
        assert set(db.exec(select(Item.state).where(col(Item.id).in_(made)))) == {ItemState.APPROVED}
        assert len(db.exec(select(Review)).all()) == 2 * ROUNDS
