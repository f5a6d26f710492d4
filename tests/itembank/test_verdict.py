"""The verdict while a blueprint is written agrees with assembly, and says what would mend it, within its time."""

import random

import pytest

from itembank.assembly.find import Assembled, NoForms, assemble
from itembank.assembly.mending import mended
from itembank.assembly.search import State
from itembank.assembly.solve import Program, Standing, minimise
from itembank.assembly.verdict import OutOfTime, Verdict, judge
from itembank.blueprint import (
    BlueprintBody,
    GradeDemand,
    ImportanceDemand,
    InformationDemand,
    LetterDemand,
    TopicDemand,
    WordBand,
)
from tests.itembank import banks

TREE = banks.topics(leaves=3, areas=6)


def body(**changes: object) -> BlueprintBody:
    return banks.small_body(TREE).model_copy(update=changes)


def verdict(pool: list[banks.PoolItem], plan: BlueprintBody, forms: int = 2, **more: object) -> Verdict:
    return judge(pool, [], plan, TREE, forms, **more)  # type: ignore[arg-type]


def test_each_demand_stands_beside_what_is_there() -> None:
    pool = banks.full_pool(TREE, 1)
    plan = body(topics=(TopicDemand(code="A-B", low=2, high=3), TopicDemand(code="A-C", low=1, high=1, kind="single")))
    found = verdict(pool, plan)
    told = {(d.row.topic, d.row.kind): (d.wants, d.has, d.lasts) for d in found.demands}
    assert told["A-B", None] == (4, 9, 2)
    assert told["A-C", "single"] == (2, 3, 1)
    assert told[None, "single"] == (6, 18, 3)
    assert found.answer == "possible"
    assert found.scarcest is not None
    assert found.scarcest.row.topic == "A-C"


def test_a_single_demand_beyond_the_bank_is_counted_and_mended() -> None:
    pool = [item for item in banks.full_pool(TREE, 1) if item.topic.startswith("A-A") or item.kind == "single"]
    found = verdict(pool, body(topics=(TopicDemand(code="A-B", low=1, high=5, kind="multiple"),)), forms=2)
    assert found.answer == "impossible"
    assert found.told is not None
    assert [(s.topic, s.kind, s.short) for s in found.told.shortages] == [("A-B", "multiple", 2)]
    assert sum(mend.add for mend in found.told.mends) == found.told.least == 2


def test_demands_that_only_together_are_too_much() -> None:
    pool = [item for item in banks.full_pool(TREE, 1) if item.importance == "X" or item.kind != "multiple"]
    plan = body(importance=(ImportanceDemand(importance="X", low=0, high=1), ImportanceDemand(importance="Z", low=0, high=0)))
    few = [item for item in pool if item.kind != "single" or item.importance == "X"]
    assert isinstance(assemble(few, plan, 2, 1), NoForms)
    found = verdict(few, plan)
    assert found.answer == "impossible"
    assert found.told is not None
    assert not found.told.shortages
    assert found.told.mends or found.told.bends


def test_a_blueprint_that_contradicts_itself() -> None:
    plan = body(grades=(GradeDemand(difficulty=1, low=4, high=5), GradeDemand(difficulty=2, low=3, high=5)))
    found = verdict(banks.full_pool(TREE, 2), plan)
    assert found.answer == "impossible"
    assert found.told is not None
    assert found.told.contradictions


def test_enemies_words_and_letters_count() -> None:
    from dataclasses import replace

    pool = [replace(item, words=40, letter="ABCD"[item.item_id % 4]) for item in banks.full_pool(TREE, 2)]
    assert verdict(pool, body(words=WordBand(low=100, high=300))).answer == "possible"
    assert verdict(pool, body(words=WordBand(low=100, high=150))).answer == "impossible"
    assert verdict(pool, body(letters=(LetterDemand(letter="E", low=1, high=3),))).answer == "impossible"
    singles = [item.item_id for item in pool if item.kind == "single"]
    assert verdict(pool, body(), enemies=[singles]).answer == "impossible"


def test_a_wish_for_information_is_said_to_be_lowered() -> None:
    from dataclasses import replace

    pool = [replace(item, discrimination=1000, location=0) for item in banks.full_pool(TREE, 2)]
    found = verdict(pool, body(information=(InformationDemand(ability=0, low=2500),)))
    assert found.answer == "possible"
    assert found.share is not None
    assert found.share == pytest.approx(0.5, abs=0.01)  # five items tell 1.25 at most


def test_no_time_is_no_answer_and_whoever_stops_it_stops_it() -> None:
    pool = banks.full_pool(TREE, 2)
    assert verdict(pool, body(), seconds=-1).answer == "open"

    def stop(_state: State) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verdict(pool, body(), tell=stop)
    assert issubclass(OutOfTime, Exception)


@pytest.mark.parametrize("seed", range(12))
def test_it_never_contradicts_assembly(seed: int) -> None:
    chance = random.Random(seed)
    pool = chance.sample(banks.full_pool(TREE, 2), chance.randint(18, 60))
    demands = tuple(
        TopicDemand(code=f"A-{area}", low=(low := chance.randint(0, 2)), high=low + 2) for area in chance.sample("ABCDEF", 2)
    )
    plan = body(topics=demands, importance=(ImportanceDemand(importance="X", low=chance.randint(0, 4), high=5),))
    forms = chance.randint(1, 4)
    made, found = assemble(pool, plan, forms, 1), verdict(pool, plan, forms)
    if isinstance(made, Assembled):
        assert found.answer == "possible"
    elif found.answer == "impossible":
        assert found.told is not None
        if found.told.mends and not found.told.contradictions:
            richer, _same = mended(pool, plan, TREE, found.told)[0]
            assert verdict(list(richer), plan, forms).answer == "possible"


def test_a_search_tells_how_many_forms_are_met_so_far() -> None:
    tree = banks.topics(leaves=4, areas=10)
    pool = banks.pool(4000, tree, seed=4)
    plan = banks.twenty_items(tree, title="x").model_copy(update={"words": WordBand(low=0, high=0)})
    seen: list[State] = []
    assert isinstance(assemble(pool, plan, 6, 1, tell=seen.append), Assembled)
    searching = [state for state in seen if state.stage == "search"]
    assert {state.stage for state in seen} >= {"relaxation", "search"}
    assert {state.forms for state in searching} == {6}
    assert all(0 <= state.met <= 6 for state in searching)


def _hard() -> Program:
    """Ten equal shares of random weights: no solver is done with it in a second."""
    chance = random.Random(5)
    weights = [float(chance.randint(10_000, 99_999)) for _ in range(60)]
    program = Program()
    most = program.variables(1, cost=1.0)[0]
    shares = [program.variables(len(weights), upper=1.0) for _ in range(10)]
    for n in range(len(weights)):
        program.row(1.0, [share[n] for share in shares], [1.0] * 10, 1.0)
    for share in shares:
        program.row(-1e9, [*share, most], [*weights, -1.0], 0.0)
    return program


def test_an_integer_program_tells_how_it_stands_and_can_be_stopped() -> None:
    seen: list[Standing] = []

    class Stopped(Exception):
        pass

    def watch(standing: Standing) -> None:
        seen.append(standing)
        if standing.value is not None:
            raise Stopped

    with pytest.raises(Stopped):
        minimise(_hard(), watch=watch)
    last = seen[-1]
    assert last.value is not None
    assert last.bound is not None
    assert last.bound <= last.value
    assert 0 < last.share < 0.2
