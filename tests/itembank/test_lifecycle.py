"""Who may do what next: tables of every state, then the thin acts on a database."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from itembank import keys, lifecycle
from itembank.items import write_body, write_key
from itembank.lifecycle import Draft, NotAllowed, SameQuestionExists
from itembank.pool import get_bank, load_pool
from itembank.tables import BatchState, ItemState, Topic, Vote
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks

S = ItemState
TREE = banks.topics(leaves=2, areas=2)


@pytest.mark.parametrize("state", list(S))
def test_only_the_writer_submits_only_a_draft(state: ItemState) -> None:
    assert (lifecycle.may_submit(state, 1, 1) is None) == (state == S.DRAFT)
    assert lifecycle.may_submit(state, 2, 1) is not None


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize(
    ("by", "voted", "allowed"), [(1, [], False), (2, [], True), (2, [3], True), (2, [2], False), (2, [3, 2], False)]
)
def test_nobody_votes_on_their_own_or_twice(state: ItemState, by: int, voted: list[int], allowed: bool) -> None:
    assert (lifecycle.may_vote(state, by, {1}, voted) is None) == (allowed and state == S.SUBMITTED)


@pytest.mark.parametrize("state", list(S))
def test_who_wrote_an_earlier_version_does_not_vote(state: ItemState) -> None:
    assert lifecycle.may_vote(state, 4, {1, 4}, []) is not None


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize(("by", "votes", "allowed"), [(1, 0, True), (2, 0, False), (1, 1, False)])
def test_a_writer_takes_back_what_nobody_has_reviewed(state: ItemState, by: int, votes: int, allowed: bool) -> None:
    assert (lifecycle.may_recall(state, by, 1, votes) is None) == (allowed and state == S.SUBMITTED)


@pytest.mark.parametrize(
    ("votes", "needed", "expected"),
    [
        ([], 2, S.SUBMITTED),
        (["approve"], 2, S.SUBMITTED),
        (["approve"], 1, S.APPROVED),
        (["approve", "approve"], 2, S.APPROVED),
        (["approve", "return"], 2, S.RETURNED),
        (["return"], 2, S.RETURNED),
        (["approve", "approve", "return"], 2, S.RETURNED),
    ],
)
def test_votes_decide(votes: list[str], needed: int, expected: ItemState) -> None:
    assert lifecycle.state_after(votes, needed) == expected


@pytest.mark.parametrize("state", list(BatchState))
def test_an_import_is_decided_once_by_another_person(state: BatchState) -> None:
    assert (lifecycle.may_decide_batch(state, 2, 1) is None) == (state == BatchState.STAGED)
    assert lifecycle.may_decide_batch(state, 1, 1) is not None


@pytest.mark.parametrize("state", list(S))
def test_what_may_be_revised(state: ItemState) -> None:
    assert (lifecycle.may_revise(state) is None) == (state not in {S.SUBMITTED, S.QUARANTINED})


@pytest.fixture
def draft(dbs: Databases) -> tuple[int, Callable[[str], Draft]]:
    bank_id = banks.empty_bank(dbs, TREE)
    with transaction(dbs) as db:
        leaf = db.exec(select(Topic.id).where(Topic.code == "A-A-001")).one()

    def make(stem: str) -> Draft:
        return Draft(write_body("single", stem, ["甲", "乙", "丙", "丁"]), write_key([2], "因为"), leaf, 4, "GB 1")

    return bank_id, make


def test_an_item_from_draft_to_the_pool_and_its_revision(
    dbs: Databases, keyring: Keyring, draft: tuple[int, Callable[[str], Draft]]
) -> None:
    bank_id, make = draft
    with transaction(dbs) as db:
        item = lifecycle.create_item(db, keyring, bank_id, make("电压的单位是什么？"), by=1, now=banks.NOW)
        lifecycle.submit(db, item.id, by=1)
        with pytest.raises(NotAllowed):
            lifecycle.vote(db, item.id, Vote.APPROVE, by=1, now=banks.NOW)
        assert lifecycle.vote(db, item.id, Vote.APPROVE, by=2, now=banks.NOW) == S.SUBMITTED
        with pytest.raises(NotAllowed):
            lifecycle.vote(db, item.id, Vote.APPROVE, by=2, now=banks.NOW)
        assert load_pool(db, get_bank(db, bank_id)).free == ()
        assert lifecycle.vote(db, item.id, Vote.APPROVE, by=3, now=banks.NOW) == S.APPROVED
        (first,) = load_pool(db, get_bank(db, bank_id)).free
        assert (first.item_id, first.difficulty, first.importance) == (item.id, 4, "X")

        second = lifecycle.revise(db, keyring, item.id, make("电压的国际单位是什么？"), by=5, now=banks.NOW)
        assert second.version == 2
        assert load_pool(db, get_bank(db, bank_id)).free == (first,)
        lifecycle.submit(db, item.id, by=5)
        assert lifecycle.vote(db, item.id, Vote.RETURN, by=6, now=banks.NOW, note="单位不清") == S.RETURNED
        lifecycle.revise(db, keyring, item.id, make("电压的国际单位名称是什么？"), by=5, now=banks.NOW)
        lifecycle.submit(db, item.id, by=5)
        for person in (6, 2):
            lifecycle.vote(db, item.id, Vote.APPROVE, by=person, now=banks.NOW)
        (third,) = load_pool(db, get_bank(db, bank_id)).free
        assert third.family_id == first.family_id
        assert third.item_version_id not in {first.item_version_id, second.id}
        assert keys.read_key(db, keyring, third.item_version_id).rationale_html == "因为"
        lifecycle.quarantine(db, item.id)
        assert load_pool(db, get_bank(db, bank_id)).free == ()


def test_the_same_question_in_other_clothes_is_refused(
    dbs: Databases, keyring: Keyring, draft: tuple[int, Callable[[str], Draft]]
) -> None:
    bank_id, make = draft
    with transaction(dbs) as db:
        item = lifecycle.create_item(db, keyring, bank_id, make("电压的单位是什么？"), by=1, now=banks.NOW)
        with pytest.raises(SameQuestionExists) as refused:
            lifecycle.create_item(db, keyring, bank_id, make("电压的单位，是什么"), by=1, now=banks.NOW)
        assert refused.value.item_id == item.id
        lifecycle.revise(db, keyring, item.id, make("电压的单位是什么"), by=1, now=banks.NOW)
