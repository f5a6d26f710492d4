"""Case sets: written, handed in and reviewed as a whole; drawn whole, together, in their order, or not at all."""

from functools import partial

import pytest
from sqlmodel import Session, col, select

from itembank import cases, intake, keys, lifecycle, papers
from itembank.assembly.audit import audit
from itembank.assembly.find import Assembled, NoForms, assemble
from itembank.assembly.laid_out import in_slot_order
from itembank.assembly.pool_item import PoolItem, pool_digest
from itembank.blueprint import BlueprintBody, Section, check
from itembank.errors import InvalidItem, NotFound
from itembank.exchange.item_row import ImportedItem
from itembank.items import CASE_SET, ItemBody, with_stimulus, write_body, write_key
from itembank.lifecycle import Draft, NotAllowed
from itembank.packages import public_package
from itembank.pool import get_bank, load_pool
from itembank.sealing import digest
from itembank.similarity import content_digest
from itembank.stimulus_tables import Stimulus
from itembank.tables import ImportBatch, Item, ItemState, Topic, Vote
from server.db import Databases, transaction
from server.keyring import Keyring
from tests.itembank import banks
from tests.itembank.banks import MANAGER, NOW, SECOND, WRITER

TREE = banks.topics(leaves=2, areas=2)
TEXT = "某班组检修配电柜，未验电即开始工作。"
OTHER = "某班组检修配电柜，未验电、未挂牌即开始工作。"


def plan(sets: int, loose: int = 2, forms: int = 2) -> BlueprintBody:
    """`loose` single-choice questions and `sets` questions of case sets."""
    count = sets + loose
    sections = (Section(kind="single", count=loose, marks_each=1_00), Section(kind=CASE_SET, count=sets, marks_each=1_00))
    return BlueprintBody(
        title="案例", sections=sections, total_marks=count * 1_00, pass_mark=60, duration_ms=600_000, forms=forms
    )


def a_pool(*sizes: int, loose: int = 6) -> list[PoolItem]:
    """Loose single-choice questions, then a set of each size."""
    found = [PoolItem(n, n, n, "single", "A-A-001", "X", 3) for n in range(1, loose + 1)]
    number = loose
    for stimulus, size in enumerate(sizes, 1):
        for place in range(size, 0, -1):  # not in the order of the numbers
            number += 1
            leaf = f"A-B-00{1 + place % 2}"
            found.append(PoolItem(number, number, number, CASE_SET, leaf, "X", 3, stimulus=stimulus, place=place))
    return found


# Drawn whole: pure ------------------------------------------------------------------------------------------------------


def test_sets_are_drawn_whole_together_and_in_their_order() -> None:
    pool = a_pool(3, 3, 2, 2, 4)
    found = assemble(pool, plan(5), 2, seed=1)
    assert isinstance(found, Assembled)
    for positions in found.forms:
        form = in_slot_order([pool[position] for position in positions], found.body)
        assert [item.kind for item in form] == ["single"] * 2 + [CASE_SET] * 5
        drawn = [(item.stimulus, item.place) for item in form[2:]]
        assert sorted(drawn, key=lambda one: [n for n, _ in drawn].index(one[0])) == drawn, "neighbours"
        for stimulus in {number for number, _ in drawn}:
            places = [place for number, place in drawn if number == stimulus]
            assert places == list(range(1, 1 + sum(item.stimulus == stimulus for item in pool)))


@pytest.mark.parametrize(("sizes", "wanted", "possible"), [((3, 3), 4, False), ((3, 3), 3, True), ((2, 2), 3, False)])
def test_no_set_is_cut_to_make_a_number_fit(sizes: tuple[int, ...], wanted: int, possible: bool) -> None:
    found = assemble(a_pool(*sizes), plan(wanted), 1, seed=1)
    assert isinstance(found, Assembled) == possible
    if isinstance(found, NoForms):
        assert found.proved


def test_the_recount_notices_a_cut_set() -> None:
    pool = a_pool(3)
    form = [*pool[:2], *(item for item in pool if item.stimulus)]
    body = plan(3, forms=1)
    assert audit([form], body, stimuli={1: 3}) == []
    cut = [*form[:-1], PoolItem(99, 99, 99, CASE_SET, "A-B-001", "X", 3, stimulus=2, place=1)]
    assert audit([cut], body, stimuli={1: 3, 2: 2}) == [
        "form 1: 2 of the 3 questions on stimulus 1",
        "form 1: 1 of the 2 questions on stimulus 2",
    ]


def test_loose_questions_fill_no_case_section_and_sets_no_other() -> None:
    assert isinstance(assemble(a_pool(2, loose=9), plan(3), 1, seed=1), NoForms)
    assert isinstance(assemble(a_pool(3, 3, loose=1), plan(3), 1, seed=1), NoForms)


def test_a_blueprint_has_one_section_of_sets_at_most() -> None:
    good = plan(3)
    assert not [fault for fault in check(good, TREE) if fault.field == "sections"]
    twice = good.model_copy(update={"sections": (*good.sections, good.sections[1])})
    assert "sections" in {fault.field for fault in check(twice, TREE)}


def test_old_pools_keep_their_digest() -> None:
    assert pool_digest([PoolItem(1, 2, 3, "single", "A", "X", 3)]) == digest([[1, 2, 3, "single", "A", "X", 3]])


# In SQL -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bank(dbs: Databases) -> int:
    return banks.empty_bank(dbs, TREE)


def leaf(db: Session) -> int:
    return db.exec(select(Topic.id).where(Topic.is_leaf).order_by(col(Topic.position))).first() or 0


def question(db: Session, keyring: Keyring, bank: int, stimulus: Stimulus, stem: str, by: int = WRITER) -> Item:
    body = with_stimulus(write_body("fill_in", stem), str(stimulus.id), cases.wording(db, stimulus).html)
    draft = Draft(body, write_key(kind="fill_in", accepted=[["验电"]]), leaf(db))
    return lifecycle.create_item(db, keyring, bank, draft, by=by, now=NOW)


def a_set(db: Session, keyring: Keyring, bank: int, stems: int = 2) -> Stimulus:
    stimulus = cases.create_set(db, bank, "", TEXT, by=WRITER, now=NOW)
    for n in range(stems):
        question(db, keyring, bank, stimulus, f"第{n + 1}步应当____。")
    return stimulus


def approve(db: Session, keyring: Keyring, stimulus_id: int) -> None:
    cases.submit(db, keyring, stimulus_id, by=WRITER, now=NOW)
    cases.vote(db, stimulus_id, Vote.APPROVE, by=SECOND, now=NOW)
    assert cases.vote(db, stimulus_id, Vote.APPROVE, by=MANAGER, now=NOW) == ItemState.APPROVED


def drawable(db: Session, bank: int) -> dict[int, int]:
    return load_pool(db, get_bank(db, bank)).sets


def test_a_set_is_reviewed_together(dbs: Databases, keyring: Keyring, bank: int) -> None:
    with transaction(dbs) as db:
        stimulus = a_set(db, keyring, bank)
        assert stimulus.title.startswith("某班组")
        first, second = cases.members(db, stimulus.id)
        for act in (
            lambda: lifecycle.submit(db, first.id, by=WRITER),
            lambda: cases.submit(db, keyring, stimulus.id, by=MANAGER, now=NOW),
            lambda: cases.vote(db, stimulus.id, Vote.APPROVE, by=SECOND, now=NOW),
        ):
            with pytest.raises(NotAllowed):
                act()
        cases.submit(db, keyring, stimulus.id, by=WRITER, now=NOW)
        assert {first.state, second.state} == {ItemState.SUBMITTED}
        with pytest.raises(NotAllowed):
            lifecycle.vote(db, first.id, Vote.APPROVE, by=SECOND, now=NOW)
        with pytest.raises(NotAllowed):
            cases.vote(db, stimulus.id, Vote.APPROVE, by=WRITER, now=NOW)
        cases.vote(db, stimulus.id, Vote.RETURN, by=SECOND, now=NOW, note="不严谨")
        assert {first.state, second.state} == {ItemState.RETURNED}
        with pytest.raises(NotAllowed, match="Nothing in this set has changed"):
            cases.submit(db, keyring, stimulus.id, by=WRITER, now=NOW)
        body = ItemBody.model_validate(lifecycle.current_version(db, first).body)
        better = Draft(body, write_key(kind="fill_in", accepted=[["验电", "先验电"]]), first.topic_id)
        lifecycle.revise(db, keyring, first.id, better, by=WRITER, now=NOW)
        approve(db, keyring, stimulus.id)
        assert (first.approved_version, second.approved_version) == (2, 2), "all of it was looked at again"
        assert drawable(db, bank) == {stimulus.id: 2}


def test_who_wrote_a_question_or_the_text_does_not_review_the_set(dbs: Databases, keyring: Keyring, bank: int) -> None:
    with transaction(dbs) as db:
        stimulus = a_set(db, keyring, bank, 1)
        question(db, keyring, bank, stimulus, "另一步应当____。", by=SECOND)
        cases.reword(db, keyring, stimulus.id, "", OTHER, by=MANAGER, now=NOW)
        cases.submit(db, keyring, stimulus.id, by=MANAGER, now=NOW)
        for person in (WRITER, SECOND, MANAGER):
            with pytest.raises(NotAllowed):
                cases.vote(db, stimulus.id, Vote.APPROVE, by=person, now=NOW)
        assert cases.vote(db, stimulus.id, Vote.APPROVE, by=8, now=NOW) == ItemState.SUBMITTED


def test_a_new_wording_is_a_new_version_of_every_question(dbs: Databases, keyring: Keyring, bank: int) -> None:
    with transaction(dbs) as db:
        stimulus = a_set(db, keyring, bank)
        approve(db, keyring, stimulus.id)
        assert cases.reword(db, keyring, stimulus.id, "检修", TEXT, by=WRITER, now=NOW) is None, "only the title"
        cases.reword(db, keyring, stimulus.id, "检修", OTHER, by=WRITER, now=NOW)
        questions = cases.members(db, stimulus.id)
        assert [(item.current_version, item.approved_version, item.state) for item in questions] == [(2, 1, "draft")] * 2
        assert drawable(db, bank) == {stimulus.id: 2}, "the approved wording stays in force"
        newest = lifecycle.current_version(db, questions[0])
        assert newest.body["stimulus_html"] == OTHER
        assert keys.read_key(db, keyring, newest.id).accepted == (("验电",),)
        assert cases.wording(db, stimulus, 1).html == TEXT
        stale = Draft(
            with_stimulus(write_body("fill_in", "旧文____。"), str(stimulus.id), TEXT), write_key(kind="fill_in"), leaf(db)
        )
        with pytest.raises(InvalidItem):
            lifecycle.create_item(db, keyring, bank, stale, by=WRITER, now=NOW)
        with pytest.raises(InvalidItem):
            cases.reword(db, keyring, stimulus.id, "", "", by=WRITER, now=NOW)
        with pytest.raises(NotFound):
            cases.wording(db, stimulus, 9)


def test_a_question_stays_in_its_set_and_on_its_newest_text(dbs: Databases, keyring: Keyring, bank: int) -> None:
    with transaction(dbs) as db:
        stimulus = a_set(db, keyring, bank, 1)
        (item,) = cases.members(db, stimulus.id)
        key = write_key(kind="fill_in", accepted=[["验电"]])
        loose = Draft(write_body("fill_in", "应当____。"), key, item.topic_id)
        with pytest.raises(NotAllowed, match="stays in its case set"):
            lifecycle.revise(db, keyring, item.id, loose, by=WRITER, now=NOW)
        stale = Draft(with_stimulus(loose.body, str(stimulus.id), OTHER), key, item.topic_id)
        with pytest.raises(NotAllowed, match="changed meanwhile"):
            lifecycle.revise(db, keyring, item.id, stale, by=WRITER, now=NOW)
        elsewhere = Draft(with_stimulus(loose.body, "999", TEXT), key, item.topic_id)
        with pytest.raises(NotFound):
            lifecycle.create_item(db, keyring, bank, elsewhere, by=WRITER, now=NOW)


def test_questions_change_places(dbs: Databases, keyring: Keyring, bank: int) -> None:
    with transaction(dbs) as db:
        stimulus = a_set(db, keyring, bank, 3)
        a, b, c = (item.id for item in cases.members(db, stimulus.id))
        cases.move(db, c, up=True)
        cases.move(db, a, up=True)
        assert [item.id for item in cases.members(db, stimulus.id)] == [a, c, b]
        cases.move(db, a, up=False)
        assert [item.id for item in cases.members(db, stimulus.id)] == [c, a, b]


def test_what_keeps_a_set_from_being_drawn(dbs: Databases, keyring: Keyring, bank: int) -> None:
    with transaction(dbs) as db:
        stimulus = a_set(db, keyring, bank)
        first, second = cases.members(db, stimulus.id)
        assert drawable(db, bank) == {}
        approve(db, keyring, stimulus.id)
        draft = question(db, keyring, bank, stimulus, "尚未审的一步____。")
        assert drawable(db, bank) == {stimulus.id: 2}, "as it was approved"
        lifecycle.quarantine(db, second.id)
        assert drawable(db, bank) == {}
        second.state = ItemState.APPROVED
        lifecycle.retire(db, second.id)
        assert drawable(db, bank) == {stimulus.id: 1}
        lifecycle.retire(db, first.id)
        assert drawable(db, bank) == {}
        assert [item.id for item in cases.members(db, stimulus.id)] == [draft.id]


# From a sheet to a sealed paper -----------------------------------------------------------------------------------------


def imported(names: str, each: int) -> list[ImportedItem]:
    """A set of `each` questions of different kinds for every letter, and loose questions."""
    made = []
    for name in names:
        bodies = [
            (write_body("fill_in", f"{name}案第一步____。"), write_key(kind="fill_in", accepted=[["验电"]])),
            (write_body("numeric", f"{name}案电流？", unit="A"), write_key(kind="numeric", number="22")),
            (write_body("single", f"{name}案原因（ ）。", ["甲", "乙"]), write_key([1])),
        ][:each]
        made += [(with_stimulus(body, name, f"案例{name}：{TEXT}"), key) for body, key in bodies]
    made += [(write_body("single", f"散题{n}（ ）。", ["甲", "乙", "丙"]), write_key([2])) for n in range(8)]
    return [ImportedItem(row, body, key, "A-A-001", 3, "", "", content_digest(body)) for row, (body, key) in enumerate(made, 2)]


def test_imported_sets_end_on_sealed_papers(dbs: Databases, keyring: Keyring, bank: int) -> None:
    source = intake.Source("items.xlsx", "0" * 64, WRITER, NOW)
    batch_id = intake.stage_import(partial(transaction, dbs), keyring, bank, imported("甲乙丙", 3), {}, source)
    with transaction(dbs) as db:
        assert drawable(db, bank) == {}, "nothing of it exists yet"
        sample = db.exec(select(ImportBatch.sample).where(ImportBatch.id == batch_id)).one()
        lifecycle.approve_batch(db, batch_id, by=SECOND, read=sample, now=NOW)
        intake.publish_batch(db, batch_id, by=SECOND, now=NOW)
        blueprint = intake.store_blueprint(db, bank, plan(3, forms=3), name="案例", by=MANAGER, now=NOW)
        blueprint_id = blueprint.id
    made = papers.make_papers(partial(transaction, dbs), blueprint_id, seed=5, now=NOW, by=MANAGER)
    assert isinstance(made, papers.MakeResult)
    with transaction(dbs) as db:
        papers.seal(db, made.paper_set_id, keyring, now=NOW, by=MANAGER)
    told = set()
    with transaction(dbs) as db:
        assert not [item for item in load_pool(db, get_bank(db, bank)).free if item.stimulus]
        for form_id in made.form_ids:
            package = public_package(db, form_id, keyring)
            assert [section.kind for section in package.sections] == ["single", CASE_SET]
            drawn = package.items[2:]
            assert [slot.kind for slot in drawn] == ["fill_in", "numeric", "single"], "in the order of the sheet"
            (text,) = {slot.stimulus_html for slot in drawn}
            assert db.get_one(Stimulus, int(drawn[0].stimulus)).import_batch_id == batch_id
            told.add(text)
    assert len(told) == 3, "each form has a set of its own"
