"""Larger banks: the search, the bound, and explanations that are true: whoever does what they say gets the forms."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itembank.assembly.audit import audit
from itembank.assembly.explain import explain
from itembank.assembly.find import Assembled, NoForms, assemble
from itembank.assembly.matrix import build_matrix
from itembank.assembly.mending import mended
from itembank.assembly.pool_item import PoolItem
from itembank.assembly.relax import relax
from itembank.assembly.whole import solve_whole
from itembank.blueprint import (
    BlueprintBody,
    DifficultyBand,
    GradeDemand,
    ImportanceDemand,
    InformationDemand,
    LetterDemand,
    Section,
    TopicDemand,
    TopicFacts,
    WordBand,
)
from loadtests.bank_instances import Instance, instance, starved

LEAVES = [TopicFacts(f"A-{a}-{n:03}", a, 3, is_leaf=True, importance="XYZ"[n % 3]) for a in "ABC" for n in (1, 2, 3)]
TREE = [TopicFacts("A", "all", 1, is_leaf=False), *(TopicFacts(f"A-{a}", a, 2, is_leaf=False) for a in "ABC"), *LEAVES]


def recount(asked: Instance, found: Assembled) -> list[str]:
    forms = [[asked.pool[position] for position in form] for form in found.forms]
    assert len(forms) == asked.forms
    return audit(forms, found.body, enemies=asked.enemies)


def test_forms_of_a_large_bank_are_right_and_the_seed_decides() -> None:
    asked = instance(2500, 40, 4, seed=5)
    found = assemble(asked.pool, asked.body, 4, 1, enemies=asked.enemies)
    assert isinstance(found, Assembled)
    assert recount(asked, found) == []
    assert assemble(asked.pool, asked.body, 4, 1, enemies=asked.enemies) == found
    other = assemble(asked.pool, asked.body, 4, 2, enemies=asked.enemies)
    assert isinstance(other, Assembled)
    assert set(other.forms) != set(found.forms)


def test_the_most_information_is_proved_to_one_percent() -> None:
    asked = instance(4000, 60, 4, seed=6, goal=True)
    found = assemble(asked.pool, asked.body, 4, 1, enemies=asked.enemies)
    assert isinstance(found, Assembled)
    assert recount(asked, found) == []
    assert found.objective == "information"
    assert found.value <= found.bound
    assert found.gap <= 0.01


def test_a_search_can_be_stopped() -> None:
    asked = instance(2000, 60, 4, seed=7)

    class Stopped(Exception):
        pass

    def stop(_share: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        assemble(asked.pool, asked.body, 4, 1, enemies=asked.enemies, tell=stop)


def test_a_joint_fault_of_a_large_bank_has_two_true_mends() -> None:
    asked = starved(4000, 60, 4, seed=3)
    assert assemble(asked.pool, asked.body, 4, 1, enemies=asked.enemies) == NoForms(proved=True)
    told = explain(asked.pool, [], asked.body, asked.topics, 4, enemies=asked.enemies)
    assert told.shortages == ()
    assert told.checked
    assert told.least <= told.missing <= told.least + len(told.mends)
    assert all(change.row is not None and max(change.lower_by, change.raise_by) > 0 for change in told.bends)
    ways = mended(asked.pool, asked.body, asked.topics, told)
    assert len(ways) == 2
    for pool, body in ways:
        found = assemble(pool, body, 4, 1, enemies=asked.enemies)
        assert isinstance(found, Assembled)
        assert audit([[pool[p] for p in form] for form in found.forms], body, enemies=asked.enemies) == []


def small_case(seed: int) -> Instance:
    """A bank of some dozens with everything a blueprint can ask for, drawn so that about half of the cases are impossible."""
    chance = random.Random(seed)
    pool = []
    for n in range(1, chance.randint(14, 36) + 1):
        leaf = chance.choice(LEAVES)
        kind = chance.choice(("single", "single", "true_false"))
        letter = chance.choice("AB") if kind == "single" else ""
        family = chance.randint(1, n) if chance.random() < 0.1 else n
        words, grade = chance.randint(20, 60), chance.randint(1, 5)
        pool.append(PoolItem(n, n, family, kind, leaf.code, leaf.importance or "", grade, "", letter, words))
    single, other, forms = chance.randint(2, 5), chance.randint(1, 2), chance.randint(1, 3)
    per = single + other

    def band(most: int) -> dict[str, int]:
        low = chance.randint(0, max(0, most))
        return {"low": low, "high": chance.randint(low, per)}

    body = BlueprintBody(
        title="x",
        sections=(Section(kind="single", count=single, marks_each=100), Section(kind="true_false", count=other, marks_each=100)),
        topics=tuple(TopicDemand(code=f"A-{a}", **band(per // 3)) for a in "ABC" if chance.random() < 0.7),
        importance=tuple(ImportanceDemand(importance=i, **band(per // 3)) for i in "XYZ" if chance.random() < 0.5),
        grades=tuple(GradeDemand(difficulty=g, **band(1)) for g in (2, 4) if chance.random() < 0.5),
        letters=tuple(LetterDemand(letter=one, **band(single // 2)) for one in "AB") if chance.random() < 0.4 else (),
        difficulty=DifficultyBand(low=chance.randint(220, 300), high=chance.randint(300, 380)),
        words=WordBand(low=25 * per, high=chance.randint(38, 60) * per) if chance.random() < 0.5 else None,
        duration_ms=60_000,
        forms=forms,
    )
    cliques = [tuple(chance.sample(range(1, len(pool) + 1), 3)) for _ in range(chance.randint(0, 3))]
    return Instance(pool, body, TREE, cliques, forms)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000))
def test_feasible_and_right_or_truthfully_explained(seed: int) -> None:
    asked = small_case(seed)
    found = assemble(asked.pool, asked.body, asked.forms, seed, enemies=asked.enemies)
    exact = solve_whole(build_matrix(asked.pool, asked.body, asked.enemies), asked.forms, first=True)
    if isinstance(found, Assembled):
        assert recount(asked, found) == []
        assert exact is not None
        return
    assert exact is None
    assert found.proved
    told = explain(asked.pool, [], asked.body, asked.topics, asked.forms, enemies=asked.enemies)
    assert told.mends or told.contradictions or not told.checked
    if not told.checked:
        return
    assert told.least <= told.missing
    for pool, body in mended(asked.pool, asked.body, asked.topics, told):
        again = assemble(pool, body, asked.forms, seed, enemies=asked.enemies)
        assert isinstance(again, Assembled)
        assert audit([[pool[p] for p in form] for form in again.forms], body, enemies=asked.enemies) == []


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000))
def test_the_bound_is_never_below_what_there_is(seed: int) -> None:
    asked = small_case(seed)
    chance = random.Random(seed)
    pool = [replace(i, discrimination=chance.randint(500, 1500), location=chance.randint(-1500, 1500)) for i in asked.pool]
    body = asked.body.model_copy(update={"information": (InformationDemand(ability=0), InformationDemand(ability=100))})
    matrix = build_matrix(pool, body, asked.enemies)
    exact = solve_whole(matrix, asked.forms)
    relaxed = relax(matrix, asked.forms)
    if exact is None:
        return
    assert not relaxed.impossible
    assert relaxed.bound is not None
    assert relaxed.bound >= exact.value - 1e-6
    assert exact.bound >= exact.value - 1e-6
