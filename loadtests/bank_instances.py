"""Banks and blueprints by seed, as large as the bench of the item bank needs them: 200 leaves, some 120 rows a form."""

import random
from collections import defaultdict
from dataclasses import dataclass, replace

from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import (
    BlueprintBody,
    CognitiveDemand,
    DifficultyBand,
    GradeDemand,
    ImportanceDemand,
    InformationDemand,
    LetterDemand,
    Section,
    TopicDemand,
    TopicFacts,
    WordBand,
    is_under,
)

AREAS, PARTS, LEAVES = 10, 4, 5
SHARES = {"single": 0.6, "multiple": 0.2, "true_false": 0.2}
ABILITIES = (-100, 0, 100)
LEVELS = ("know", "understand", "apply")


@dataclass(frozen=True)
class Instance:
    """What an assembly is asked."""

    pool: list[PoolItem]
    body: BlueprintBody
    topics: list[TopicFacts]
    enemies: list[tuple[int, ...]]
    forms: int


def tree() -> list[TopicFacts]:
    """One root, `AREAS` areas of `PARTS` parts of `LEAVES` leaves."""
    found = [TopicFacts("A", "all", 1, is_leaf=False)]
    for a in range(AREAS):
        area = f"A-{chr(65 + a)}"
        found.append(TopicFacts(area, area, 2, is_leaf=False))
        for p in range(PARTS):
            part = f"{area}-{chr(65 + p)}"
            found.append(TopicFacts(part, part, 3, is_leaf=False))
            found += [
                TopicFacts(f"{part}-{n:03}", part, 4, is_leaf=True, importance="XXXYZ"[n - 1]) for n in range(1, LEAVES + 1)
            ]
    return found


def pool_of(size: int, topics: list[TopicFacts], seed: int) -> list[PoolItem]:
    """`size` items; every fiftieth is a near-duplicate of the one before it (same family)."""
    chance = random.Random(seed)
    leaves = [topic for topic in topics if topic.is_leaf]
    pool: list[PoolItem] = []
    for n in range(1, size + 1):
        leaf = chance.choice(leaves)
        kind = chance.choices(list(SHARES), list(SHARES.values()))[0]
        location = chance.gauss(0, 1)
        grade = min(5, max(1, round(3 + location + chance.gauss(0, 0.5))))
        pool.append(
            PoolItem(
                n,
                n,
                n - 1 if n % 50 == 0 else n,
                kind,
                leaf.code,
                leaf.importance or "",
                grade,
                chance.choices(LEVELS, (5, 3, 2))[0],
                chance.choice("ABCD") if kind == "single" else "",
                int(chance.lognormvariate(3.7, 0.4)),
                0,
                round(1000 * chance.lognormvariate(-0.1, 0.3)),
                round(1000 * location),
            )
        )
    return pool


def cliques_of(pool: list[PoolItem], many: int, seed: int) -> list[tuple[int, ...]]:
    """Enemies: two to five items of one leaf."""
    chance = random.Random(seed)
    by_leaf: dict[str, list[int]] = defaultdict(list)
    for item in pool:
        by_leaf[item.topic].append(item.item_id)
    leaves = sorted(by_leaf)
    found = []
    for _ in range(many):
        members = by_leaf[chance.choice(leaves)]
        found.append(tuple(sorted(chance.sample(members, min(len(members), chance.randint(2, 5))))))
    return found


def body_for(
    pool: list[PoolItem], topics: list[TopicFacts], items: int, forms: int, *, share: float = 1.0, goal: bool = False
) -> BlueprintBody:
    """A blueprint whose demands lie around what this pool has on average.

    Information: bounds 0.2 % around `share` of an average form's, or (`goal`) as much as there is.
    """
    count = {kind: round(items * part) for kind, part in SHARES.items()}
    per = items / len(pool)

    def near(found: int, slack: int) -> dict[str, int]:
        return {"low": max(0, round(found * per) - slack), "high": round(found * per) + slack}

    def having(code: str, kind: str | None = None) -> int:
        return sum(is_under(item.topic, code) and kind in {None, item.kind} for item in pool)

    areas = [topic.code for topic in topics if topic.depth == 2]
    parts = [topic.code for topic in topics if topic.depth == 3]
    demands = [TopicDemand(code=code, **near(having(code), 1)) for code in areas]
    demands += [TopicDemand(code=code, **near(having(code), 2)) for code in parts]
    demands += [TopicDemand(code=code, kind=kind, **near(having(code, kind), 2)) for code in areas for kind in count]
    demands += [TopicDemand(code=code, kind="single", **near(having(code, "single"), 2)) for code in parts[:20]]
    return BlueprintBody(
        title="bench",
        sections=tuple(Section(kind=kind, count=n, marks_each=100_00 // items) for kind, n in count.items()),
        topics=tuple(demands),
        importance=tuple(ImportanceDemand(importance=i, **near(sum(p.importance == i for p in pool), 3)) for i in "XYZ"),
        grades=tuple(GradeDemand(difficulty=g, **near(sum(p.difficulty == g for p in pool), 3)) for g in range(1, 6)),
        cognitive=tuple(CognitiveDemand(level=one, **near(sum(p.cognitive == one for p in pool), 3)) for one in LEVELS),
        letters=tuple(LetterDemand(letter=one, **near(sum(p.letter == one for p in pool), 2)) for one in "ABCD"),
        difficulty=DifficultyBand(low=295, high=305),
        words=WordBand(low=round(sum(p.words for p in pool) * per * 0.98), high=round(sum(p.words for p in pool) * per * 1.02)),
        information=tuple(_information(pool, per, ability, share, goal) for ability in ABILITIES),
        duration_ms=120 * 60_000,
        forms=forms,
    )


def _information(pool: list[PoolItem], per: float, ability: int, share: float, goal: bool) -> InformationDemand:
    if goal:
        return InformationDemand(ability=ability)
    from itembank.assembly.matrix import information

    target = float(information(pool, ability / 100).sum()) * per * share * 1000
    return InformationDemand(ability=ability, low=round(target * 0.998), high=round(target * 1.002))


def instance(size: int, items: int, forms: int, *, seed: int, share: float = 1.0, goal: bool = False) -> Instance:
    """A pool of `size` and a blueprint of `forms` forms of `items` items on it."""
    topics = tree()
    pool = pool_of(size, topics, seed)
    body = body_for(pool, topics, items, min(forms, 10), share=share, goal=goal)
    return Instance(pool, body, topics, cliques_of(pool, size // 100, seed), forms)


def starved(size: int, items: int, forms: int, *, seed: int) -> Instance:
    """Demands that can be met one by one and not together.

    The bank has enough questions of importance X, but all of them in two areas, of which a form takes a tenth each.
    """
    topics = tree()
    fat = ("A-A", "A-B")
    pool = [
        item if item.importance != "X" or item.topic.startswith(fat) else replace(item, importance="Y")
        for item in pool_of(size, topics, seed)
    ]
    body = body_for(pool, topics, items, min(forms, 10))
    wanted = round(items * 0.3)
    importance = (
        ImportanceDemand(importance="X", low=wanted, high=items),
        ImportanceDemand(importance="Y", low=0, high=items),
        ImportanceDemand(importance="Z", low=0, high=items),
    )
    body = body.model_copy(update={"importance": importance, "information": ()})
    return Instance(pool, body, topics, cliques_of(pool, size // 100, seed), forms)
