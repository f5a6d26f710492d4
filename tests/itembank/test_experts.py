"""Experts review forms: separation of duties, rounds, what a rejection lets be mended. Pure rules, then on both databases."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from itembank import enemies, experts, ledger, papers, passport, seals, swaps
from itembank.assembly.audit import audit
from itembank.attributes import Sources
from itembank.experts import NotExpert, Written, may_be_expert, may_seal, may_vote, outcome
from itembank.papers import Choice
from itembank.passport_tables import ExpertRound, Opinion, RoundOutcome, SlotSwap
from itembank.seals import NotReviewed
from itembank.swaps import NotSwappable, Wish
from itembank.tables import Form, FormSlot, FormStep, Item, ItemVersion, LedgerEntry
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW

ANNA, BO, CHEN = 21, 22, 23
LATER = NOW + timedelta(days=1)
APPROVE, REJECT = Opinion.APPROVE, Opinion.REJECT


# -- rules -------------------------------------------------------------------------------------------------------------


def test_authors_and_the_maker_are_no_experts() -> None:
    assert may_be_expert(ANNA, MANAGER, ()) is None
    assert "made the set" in str(may_be_expert(MANAGER, MANAGER, ()))
    refused = str(may_be_expert(ANNA, MANAGER, [Written("B", 3, 77), Written("A", 12, 5)]))
    assert "A12 (#5), B3 (#77)" in refused


@pytest.mark.parametrize(
    ("opinions", "needed", "expected"),
    [
        ([], 2, None),
        ([APPROVE], 2, None),
        ([APPROVE, APPROVE], 2, RoundOutcome.APPROVED),
        ([APPROVE], 1, RoundOutcome.APPROVED),
        ([REJECT], 2, RoundOutcome.REJECTED),
        ([APPROVE, REJECT], 2, RoundOutcome.REJECTED),
    ],
)
def test_what_votes_come_to(opinions: list[str], needed: int, expected: RoundOutcome | None) -> None:
    assert outcome(opinions, needed) == expected


def test_who_may_speak_when() -> None:
    assert may_vote("composed", open_round=True, named=True, voted=False) is None
    assert may_vote("composed", open_round=True, named=False, voted=False) is not None
    assert may_vote("composed", open_round=False, named=True, voted=False) is not None
    assert may_vote("reviewed", open_round=True, named=True, voted=False) is not None
    assert may_vote("composed", open_round=True, named=True, voted=True) is not None


@pytest.mark.parametrize(
    ("state", "needed", "last", "sealable"),
    [
        ("composed", 2, None, False),
        ("composed", 0, None, True),
        ("composed", 0, (True, None), False),
        ("composed", 0, (False, "rejected"), False),
        ("reviewed", 2, (False, "approved"), True),
    ],
)
def test_what_may_be_sealed(state: str, needed: int, last: tuple[bool, str | None] | None, sealable: bool) -> None:
    assert (may_seal("A", state, needed, last) is None) == sealable


# -- on both databases -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    paper_set_id: int
    forms: tuple[int, ...]
    bank_id: int


@pytest.fixture
def made(dbs: Databases, keyring: Keyring) -> Made:
    """Two forms of five questions from a bank that asks for two experts; ten more questions of each kind are left."""
    tree = banks.topics(2, 2)
    bank = banks.stored_bank(
        dbs, keyring, banks.full_pool(tree, each=5), tree, banks.small_body(tree), institution_id=1, experts_needed=2
    )
    with transaction(dbs) as db:
        case = papers.load_case(db, bank.blueprint_id)
        free = list(case.pool.free)
        forms = []
        for _form in range(2):
            form = []
            for kind, count in (("single", 3), ("multiple", 1), ("true_false", 1)):
                mine = [item for item in free if item.kind == kind][:count]
                free = [item for item in free if item not in mine]
                form += mine
            forms.append(tuple(form))
        stored = papers.store(db, case, Choice(tuple(forms), 0, 0.0, "0" * 64), seed=1, now=NOW, by=MANAGER)
        assert stored is not None
        return Made(stored[0].paper_set_id, tuple(form.id for form in stored), bank.bank_id)


def ask(dbs: Databases, made: Made, *people: int) -> None:
    with transaction(dbs) as db:
        experts.name_experts(db, made.paper_set_id, people or (ANNA, BO), by=MANAGER, now=NOW)
        for form_id in made.forms:
            experts.ask_experts(db, form_id, by=MANAGER, now=NOW)


def vote(dbs: Databases, form_id: int, who: int, opinion: Opinion, note: str = "") -> RoundOutcome | None:
    with transaction(dbs) as db:
        return experts.vote(db, form_id, opinion, by=who, now=LATER, note=note)


def write(db: Session, item_id: int, by: int) -> None:
    """Somebody revises a question: a version of theirs that is in no form."""
    old = db.exec(select(ItemVersion).where(ItemVersion.item_id == item_id)).first()
    assert old is not None
    values = old.model_dump(exclude={"id"}) | {"version": 2, "created_by": by}
    db.add(ItemVersion(**values))
    db.flush()


def test_two_approvals_review_a_form_and_let_it_be_sealed(dbs: Databases, keyring: Keyring, made: Made) -> None:
    with pytest.raises(NotReviewed, match="approval of 2 experts"), transaction(dbs) as db:
        papers.seal(db, made.paper_set_id, keyring, now=NOW, by=MANAGER)
    ask(dbs, made)
    with pytest.raises(NotReviewed, match="still reading"), transaction(dbs) as db:
        papers.seal(db, made.paper_set_id, keyring, now=NOW, by=MANAGER)
    for form_id in made.forms:
        assert vote(dbs, form_id, ANNA, APPROVE) is None
        assert vote(dbs, form_id, BO, APPROVE) == RoundOutcome.APPROVED
    with transaction(dbs) as db:
        step = db.exec(select(FormStep).where(FormStep.form_id == made.forms[0], FormStep.state == "reviewed")).one()
        assert (step.by, step.second_by) == (ANNA, BO)
        papers.seal(db, made.paper_set_id, keyring, now=LATER, by=MANAGER)
        assert {form.state for form in passport.get_forms(db, made.paper_set_id)} == {"sealed"}


def test_the_refusal_names_the_question(dbs: Databases, made: Made) -> None:
    with transaction(dbs) as db:
        item = db.exec(select(FormSlot.item_id).where(FormSlot.form_id == made.forms[1], FormSlot.slot == 2)).one()
        write(db, item, ANNA)
    with pytest.raises(NotExpert, match=rf"B2 \(#{item}\)"):
        ask(dbs, made)
    with pytest.raises(NotExpert, match="made the set"):
        ask(dbs, made, MANAGER, BO)
    with pytest.raises(NotExpert, match="2 experts"):
        ask(dbs, made, BO)
    with transaction(dbs) as db:
        assert experts.experts_of(db, made.paper_set_id) == []


def test_only_named_people_speak_and_once_a_round(dbs: Databases, made: Made) -> None:
    ask(dbs, made)
    form = made.forms[0]
    with pytest.raises(NotExpert, match="not named"):
        vote(dbs, form, CHEN, APPROVE)
    vote(dbs, form, ANNA, APPROVE)
    with pytest.raises(NotExpert, match="already voted"):
        vote(dbs, form, ANNA, APPROVE)
    with pytest.raises(NotExpert, match="stays an expert"), transaction(dbs) as db:
        experts.name_experts(db, made.paper_set_id, (BO, CHEN), by=MANAGER, now=LATER)
    with pytest.raises(NotExpert, match="Say what is wrong"):
        vote(dbs, form, BO, REJECT)
    with transaction(dbs) as db:
        experts.remark(db, form, {2: "题干有歧义"}, by=BO, now=LATER)
    assert vote(dbs, form, BO, REJECT) == RoundOutcome.REJECTED
    with transaction(dbs) as db:
        assert db.get_one(Form, form).state == "composed"


def swap(dbs: Databases, keyring: Keyring, form_id: int, slot: int, seed: int = 3) -> SlotSwap | None:
    wish = Wish(form_id, slot, seed, "题干有歧义", MANAGER)
    with transaction(dbs) as db:
        case = swaps.load_case(db, form_id, slot, Sources(keyring))
        chosen = swaps.choose(case, wish)
        assert chosen is not None
        return swaps.store(db, case, wish, chosen, now=LATER)


def test_a_rejected_form_is_mended_and_read_again(dbs: Databases, keyring: Keyring, made: Made) -> None:
    form = made.forms[0]
    with pytest.raises(NotSwappable):
        swap(dbs, keyring, form, 2)
    ask(dbs, made)
    with pytest.raises(NotSwappable):  # they are reading it
        swap(dbs, keyring, form, 2)
    vote(dbs, form, ANNA, REJECT, "第二题答案有争议")
    with pytest.raises(NotReviewed, match="sent form A back"), transaction(dbs) as db:
        papers.seal(db, made.paper_set_id, keyring, now=NOW, by=MANAGER)
    row = swap(dbs, keyring, form, 2)
    assert row is not None
    assert row.asked_by == ANNA
    with transaction(dbs) as db:
        slot = db.get_one(FormSlot, (form, 2))
        assert (slot.item_id, slot.item_version_id) == (row.in_item_id, row.in_version_id)
        claims = db.exec(select(LedgerEntry).where(LedgerEntry.form_id == form, col(LedgerEntry.ended_at).is_(None))).all()
        on_form = db.exec(select(FormSlot.item_id).where(FormSlot.form_id == form)).all()
        assert sorted(claim.item_id for claim in claims) == sorted(on_form)
        ended = db.exec(select(LedgerEntry).where(LedgerEntry.item_id == row.out_item_id)).one()
        assert (ended.end_kind, ended.ended_by, ended.second_by) == ("released", MANAGER, ANNA)
        assert ledger.audit(db) == []
        assert ledger.leftovers(db) == []
        case = swaps.load_case(db, form, 2, Sources(keyring))
        assert audit(list(case.forms.values()), case.body) == []
        assert row.out_item_id in case.barred
        experts.ask_experts(db, form, by=MANAGER, now=LATER, note="换题")
        rounds = db.exec(select(ExpertRound).where(ExpertRound.form_id == form).order_by(col(ExpertRound.no))).all()
        assert [one.outcome for one in rounds] == ["rejected", None]
        assert rounds[0].digest != rounds[1].digest
    for who in (ANNA, BO):
        vote(dbs, form, who, APPROVE)
        vote(dbs, made.forms[1], who, APPROVE)
    with transaction(dbs) as db:
        papers.seal(db, made.paper_set_id, keyring, now=LATER, by=MANAGER)
        package = papers.public_package(db, form, keyring)
        body = db.get_one(ItemVersion, row.in_version_id).body
        assert package.items[1].stem_html == body["stem_html"]
        assert papers.key_package(db, form, keyring).keys[2].correct == (1,)


def test_what_was_exchanged_meanwhile_is_not_sealed(dbs: Databases, keyring: Keyring, made: Made) -> None:
    """Encrypted before the exchange, stored after it: the envelopes hold the old question."""
    with transaction(dbs) as db:
        prepared = seals.prepare(db, made.paper_set_id, keyring)
    ask(dbs, made)
    form = made.forms[0]
    vote(dbs, form, ANNA, REJECT, "不妥")
    assert swap(dbs, keyring, form, 2) is not None
    with transaction(dbs) as db:
        experts.ask_experts(db, form, by=MANAGER, now=LATER, note="换题")
    for who in (ANNA, BO):
        vote(dbs, form, who, APPROVE)
        vote(dbs, made.forms[1], who, APPROVE)
    with pytest.raises(NotReviewed, match="just now"), transaction(dbs) as db:
        seals.store(db, made.paper_set_id, prepared, now=LATER, by=MANAGER)
    with transaction(dbs) as db:
        papers.seal(db, made.paper_set_id, keyring, now=LATER, by=MANAGER)


def test_the_draw_is_repeatable_and_bars_what_an_expert_wrote(dbs: Databases, keyring: Keyring, made: Made) -> None:
    ask(dbs, made)
    form = made.forms[0]
    vote(dbs, form, ANNA, REJECT, "不妥")
    with transaction(dbs) as db:
        case = swaps.load_case(db, form, 1, Sources(keyring))
        first = swaps.choose(case, Wish(form, 1, 5, "x", MANAGER))
        assert first == swaps.choose(case, Wish(form, 1, 5, "x", MANAGER))
        assert first is not None
        seen = {swaps.choose(case, Wish(form, 1, seed, "x", MANAGER)) for seed in range(40)}
        assert 1 < len(seen) <= first.among
        enemies.keep_apart(db, made.bank_id, [case.forms[form][1].item_id, first.item.item_id], reason="提示", by=1, now=NOW)
        assert first.item not in swaps.nearest(swaps.load_case(db, form, 1, Sources(keyring)), form, 1), "an enemy of question 2"
        write(db, first.item.item_id, BO)
        barred = swaps.load_case(db, form, 1, Sources(keyring))
        assert first.item not in swaps.nearest(barred, form, 1)


def test_a_taken_question_is_not_swapped_in(dbs: Databases, keyring: Keyring, made: Made) -> None:
    ask(dbs, made)
    form = made.forms[0]
    vote(dbs, form, ANNA, REJECT, "不妥")
    wish = Wish(form, 1, 3, "x", MANAGER)
    with transaction(dbs) as db:
        case = swaps.load_case(db, form, 1, Sources(keyring))
        chosen = swaps.choose(case, wish)
        assert chosen is not None
        claim = ledger.Claim(chosen.item.family_id, 0, chosen.item.item_id, made.forms[1])
        ledger.reserve(db, "institution:1", [claim], reusable=False, by=MANAGER, now=NOW)
        before = db.get_one(FormSlot, (form, 1)).item_id
        assert swaps.store(db, case, wish, chosen, now=LATER) is None
    with transaction(dbs) as db:
        assert db.get_one(FormSlot, (form, 1)).item_id == before
        live = select(LedgerEntry).where(LedgerEntry.item_id == before, col(LedgerEntry.ended_at).is_(None))
        assert len(db.exec(live).all()) == 1, "the old claim stays"


def test_nothing_admissible_is_an_answer(dbs: Databases, keyring: Keyring, made: Made) -> None:
    ask(dbs, made)
    form = made.forms[0]
    vote(dbs, form, ANNA, REJECT, "不妥")
    with transaction(dbs) as db:
        for item in db.exec(select(Item).where(Item.bank_id == made.bank_id)):
            item.state = "retired"
        db.flush()
        assert swaps.choose(swaps.load_case(db, form, 4, Sources(keyring)), Wish(form, 4, 1, "x", MANAGER)) is None


def test_slots_change_on_composed_forms_only(dbs: Databases, made: Made) -> None:
    """The trigger stands behind the code."""
    form = made.forms[0]
    with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
        connection.execute(text(f"UPDATE form_slot SET marks = 1 WHERE form_id = {form}"))
    with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
        connection.execute(text(f"DELETE FROM form_slot WHERE form_id = {form}"))
    other = f"(SELECT item_version_id FROM form_slot WHERE form_id = {made.forms[1]} AND slot = 1)"
    change = text(f"UPDATE form_slot SET item_version_id = {other} WHERE form_id = {form} AND slot = 1")
    with dbs.write.begin() as connection:
        connection.execute(change)
    with dbs.write.begin() as connection:
        connection.execute(text(f"UPDATE form SET state = 'reviewed' WHERE id = {form}"))
    change = text(f"UPDATE form_slot SET item_version_id = item_version_id + 1 WHERE form_id = {form} AND slot = 1")
    with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
        connection.execute(change)


def test_withdrawing_ends_the_round_and_asked_lately_is_not_swept(dbs: Databases, made: Made) -> None:
    ask(dbs, made)
    sweep = partial(ledger.sweep_unsealed, older_than=timedelta(days=30), by=0)
    with transaction(dbs) as db:
        assert sweep(db, now=NOW + timedelta(days=29)) == []
        papers.withdraw(db, made.paper_set_id, by=MANAGER, second_by=CHEN, reason="取消", now=LATER)
        assert {one.outcome for one in db.exec(select(ExpertRound))} == {"withdrawn"}
    with pytest.raises(NotExpert, match="not before the experts"):
        vote(dbs, made.forms[0], ANNA, APPROVE)
