"""Forms: right, disjoint, reproducible; and a refusal that tells the truth."""

import random
import time
from typing import Any

import pytest

from itembank.assembly.audit import audit
from itembank.assembly.exact import find_forms
from itembank.assembly.explain import explain
from itembank.assembly.explanation import Explanation, common_topic
from itembank.assembly.model import build
from itembank.assembly.pool_item import PoolItem, pool_digest
from itembank.blueprint import BlueprintBody
from tests.itembank import banks

TREE = banks.topics()
DEMO = banks.twenty_items(TREE, title="示范")
Forms = list[list[PoolItem]]


def changed(**values: Any) -> BlueprintBody:
    return BlueprintBody.model_validate(DEMO.model_dump() | values)


def forms_of(pool: list[PoolItem], body: BlueprintBody, k: int, seed: int) -> Forms | None:
    found = find_forms(build(pool, body), pool, k, seed)
    return None if found is None else [[pool[position] for position in form] for form in found.forms]


def must(pool: list[PoolItem], body: BlueprintBody, k: int, seed: int) -> Forms:
    found = forms_of(pool, body, k, seed)
    assert found is not None
    assert audit(found, body) == []
    return found


def families(forms: Forms) -> list[int]:
    return [item.family_id for form in forms for item in form]


def test_three_disjoint_forms_meet_everything() -> None:
    pool = banks.full_pool(TREE, 2)
    started = time.monotonic()
    found = must(pool, DEMO, 3, seed=1)
    assert time.monotonic() - started < 10
    assert len(found) == 3
    assert len(set(families(found))) == 60


def test_the_seed_decides() -> None:
    pool = banks.pool(400, TREE)
    first = must(pool, DEMO, 3, seed=7)
    assert must(list(reversed(pool)), DEMO, 3, seed=7) == first
    assert pool_digest(pool) == pool_digest(reversed(pool))
    others = [set(families(must(pool, DEMO, 3, seed=seed))) for seed in (8, 9)]
    assert all(len(other ^ set(families(first))) > 20 for other in others)
    assert pool_digest(pool) != pool_digest(pool[1:])


def test_parallel_forms_are_equally_hard() -> None:
    pool = banks.pool(400, TREE)
    found = find_forms(build(pool, DEMO), pool, 3, 1)
    assert found is not None
    sums = [sum(pool[position].difficulty for position in form) for form in found.forms]
    assert found.spread == max(sums) - min(sums) == 0
    assert found.bound <= found.spread


def test_a_spread_that_cannot_be_avoided_is_least_and_proved() -> None:
    body = banks.small_body(TREE)
    kinds = ["single"] * 6 + ["multiple"] * 2 + ["true_false"] * 2
    pool = [PoolItem(n, n, n, kind, "A-A-001", "X", 1 + (n == 1)) for n, kind in enumerate(kinds, 1)]
    found = find_forms(build(pool, body), pool, 2, 1)
    assert found is not None
    assert (found.spread, round(found.bound)) == (1, 1)


def test_a_family_stands_once_though_its_members_differ() -> None:
    body = banks.small_body(TREE)
    kinds = ["single"] * 6 + ["multiple"] * 2 + ["true_false"] * 2
    pool = [PoolItem(n, n, n, kind, "A-A-001", "X", 3) for n, kind in enumerate(kinds, 1)]
    assert forms_of(pool, body, 2, 1)
    # The last true/false question is the first single question in other words: one of the two forms now lacks something.
    torn = [*pool[:-1], PoolItem(10, 10, 1, "true_false", "A-A-002", "X", 4)]
    assert forms_of(torn, body, 2, 1) is None
    spare = [*torn, PoolItem(11, 11, 11, "single", "A-A-003", "X", 3)]
    assert len(set(families(must(spare, body, 2, 1)))) == 10


def test_members_of_one_family_in_one_cell_are_one_unit() -> None:
    body = banks.small_body(TREE)
    kinds = ["single"] * 6 + ["multiple"] * 2 + ["true_false"] * 2
    pool = [PoolItem(n, n, 1 if n <= 2 else n, kind, "A-A-001", "X", 3) for n, kind in enumerate(kinds, 1)]
    assert forms_of(pool, body, 2, 1) is None
    assert forms_of(pool, body, 1, 1)


def test_every_kind_of_demand_is_kept() -> None:
    body = changed(
        importance=[{"importance": "X", "low": 14, "high": 20}],
        difficulty={"low": 290, "high": 310},
        max_per_leaf=1,
        topics=[*DEMO.model_dump()["topics"], {"code": "A-A", "kind": "multiple", "low": 1, "high": 1}],
    )
    must(banks.full_pool(TREE, 4), body, 4, seed=3)


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_mend_is_enough_and_not_too_much(seed: int) -> None:
    """On random depleted banks: adding exactly the named questions gives the forms; one fewer does not."""
    pool, spent = depleted(seed)
    told = explain(pool, spent, DEMO, TREE, 3)
    assert told.missing > 0
    mended = pool + named(told)
    must(mended, DEMO, 3, seed=1)
    for left_out in range(told.missing):
        fewer = mended[: len(pool) + left_out] + mended[len(pool) + left_out + 1 :]
        assert forms_of(fewer, DEMO, 3, 1) is None


def depleted(seed: int) -> tuple[list[PoolItem], list[PoolItem]]:
    pool, spent = banks.pool(250, TREE, seed=seed), list[PoolItem]()
    while True:
        found = forms_of(pool, DEMO, 3, seed)
        if found is None:
            return pool, spent
        gone = set(families(found))
        spent += [item for item in pool if item.family_id in gone]
        pool = [item for item in pool if item.family_id not in gone]


def named(told: Explanation) -> list[PoolItem]:
    importance = {topic.code: topic.importance or "" for topic in TREE}
    chance, number, found = random.Random(0), 10_000, list[PoolItem]()
    for mend in told.mends:
        for _ in range(mend.add):
            number += 1
            leaf = chance.choice(mend.leaves)
            found.append(PoolItem(number, number, number, mend.kind, leaf, importance[leaf], mend.difficulty))
    return found


def test_counting_says_what_a_cell_wants_has_and_spent() -> None:
    pool = banks.full_pool(TREE, 3)
    few = [item for item in pool if item.kind != "multiple"] + [item for item in pool if item.kind == "multiple"][:10]
    told = explain(few, [item for item in pool if item not in few], DEMO, TREE, 3)
    (shortage,) = [s for s in told.shortages if s.topic is None]
    assert (shortage.kind, shortage.per_form, shortage.forms, shortage.wants) == ("multiple", 4, 3, 12)
    assert (shortage.has, shortage.spent, shortage.short) == (10, 140, 2)
    assert sum(mend.add for mend in told.mends if mend.kind == "multiple") >= 2


def test_a_joint_fault_that_counting_cannot_see() -> None:
    """Enough of every topic and of every kind, but the true/false questions all stand where two items are wanted."""
    body = changed(max_per_leaf=None)
    pool = banks.full_pool(TREE, 6)
    pool = [item for item in pool if item.kind != "true_false" or item.topic.startswith("A-J")]
    assert forms_of(pool, body, 3, 1) is None
    told = explain(pool, [], body, TREE, 3)
    assert told.shortages == ()
    assert {mend.kind for mend in told.mends} == {"true_false"}
    assert told.missing == 9
    must(pool + named(told), body, 3, 1)


def test_a_blueprint_that_contradicts_itself_is_said_to() -> None:
    body = changed(
        importance=[{"importance": "Z", "low": 20, "high": 20}],
        max_per_leaf=1,
    )
    pool = banks.full_pool(TREE, 3)
    told = explain(pool, [], body, TREE, 1)
    assert told.mends == ()
    assert told.contradictions


def test_nothing_to_explain_where_there_is_no_fault() -> None:
    assert explain(banks.full_pool(TREE, 3), [], DEMO, TREE, 3) == Explanation((), ())


def test_the_audit_finds_each_fault() -> None:
    body = changed(max_per_leaf=1, importance=[{"importance": "X", "low": 1, "high": 20}])
    (good,) = must(banks.full_pool(TREE, 4), body, 1, seed=1)
    one = good[0]

    def with_first(**values: Any) -> list[PoolItem]:
        fields = {name: getattr(one, name) for name in PoolItem.__slots__}
        return [PoolItem(**fields | values), *good[1:]]

    assert audit([good], body) == []
    assert "kinds" in audit([with_first(kind="essay")], body)[0]
    assert "topic A-J" in " ".join(audit([with_first(topic="A-J-009")], body))
    assert "leaf" in " ".join(audit([with_first(topic=good[1].topic)], body))
    assert "stands 2 times" in " ".join(audit([with_first(family_id=good[1].family_id)], body))
    hard = [PoolItem(i.item_id, i.item_version_id, i.family_id, i.kind, i.topic, "Y", 5) for i in good]
    assert "difficulty" in " ".join(audit([hard], body))
    assert "importance X" in " ".join(audit([hard], body))
    assert "kinds" in audit([good[:-1]], body)[0]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [(["B-C-A-001", "B-C-B-007"], "B-C"), (["B-C-001"], "B-C-001"), (["A-1", "B-1"], ""), ([], "")],
)
def test_common_topic(codes: list[str], expected: str) -> None:
    assert common_topic(codes) == expected
