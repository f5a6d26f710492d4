"""What can be said of a blueprint while somebody writes it, within seconds: counting, the relaxation, the smallest mend.

No forms are looked for. *Possible* means that nothing speaks against them: every demand can be met by itself, and all together on
average of the forms. *Impossible* is proved, by the same counting and the same relaxation as in `find` and `explain`. What is not
decided when the time is up is *open*.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from itembank.assembly.explain import count_demands, count_shortages
from itembank.assembly.explanation import Demand, Explanation
from itembank.assembly.find import share_of_wishes
from itembank.assembly.matrix import build_matrix
from itembank.assembly.mending import Shop, bend, buy
from itembank.assembly.pool_item import PoolItem
from itembank.assembly.relax import relax
from itembank.assembly.search import State, Tell
from itembank.assembly.solve import SolverGaveUp
from itembank.blueprint import BlueprintBody, TopicFacts

SECONDS: Final = 5.0

Answer = Literal["possible", "impossible", "open"]


class OutOfTime(Exception):
    """The time allowed is over."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`demands`: each counting demand against the bank. `told`: why not, and what would mend it.

    `share`: of every wish for information the bank can give so much (1: all of it); None where nothing is wished or it is open.
    """

    answer: Answer
    demands: tuple[Demand, ...]
    told: Explanation | None
    share: float | None = None

    @property
    def scarcest(self) -> Demand | None:
        """The demand that fails first if papers go on being made."""
        wanting = [demand for demand in self.demands if demand.wants]
        return min(wanting, key=lambda demand: demand.has / demand.wants, default=None)


def judge(
    pool: Sequence[PoolItem],
    spent: Sequence[PoolItem],
    body: BlueprintBody,
    topics: Sequence[TopicFacts],
    forms: int,
    *,
    enemies: Iterable[Iterable[int]] = (),
    seconds: float = SECONDS,
    tell: Tell = lambda _state: None,
) -> Verdict:
    """The verdict on `forms` forms of `body` from `pool`. What `tell` raises ends it."""
    demands = count_demands(pool, spent, body, forms)
    shortages = count_shortages(pool, spent, body, forms)
    cliques = [tuple(clique) for clique in enemies]
    until = _until(seconds, tell)
    plain = body.model_copy(update={"information": ()})
    impossible, share = bool(shortages), None
    try:
        if not impossible:
            until(State(0.0, "relaxation"))
            impossible = relax(build_matrix(pool, plain, cliques), forms, tell=until).impossible
        if not impossible:
            wished = any(demand.low for demand in body.information)
            share = share_of_wishes(build_matrix(pool, body, cliques), forms, body, until) if wished else None
            return Verdict("possible", demands, None, share)
    except (OutOfTime, SolverGaveUp):
        return Verdict("impossible" if impossible else "open", demands, None, share)
    return Verdict("impossible", demands, _mended(pool, plain, topics, forms, cliques, Explanation(shortages, ()), until))


def _mended(
    pool: Sequence[PoolItem],
    body: BlueprintBody,
    topics: Sequence[TopicFacts],
    forms: int,
    enemies: Sequence[Sequence[int]],
    told: Explanation,
    until: Tell,
) -> Explanation:
    """The mends of the sum of the forms; without them where the time is up."""
    try:
        until(State(0.5, "relaxation"))
        shop = Shop(pool, body, topics, enemies)
        bought = buy(shop, forms, tell=until)
        if bought.missed:
            return Explanation(told.shortages, (), bought.missed)
        told = Explanation(told.shortages, bought.mends, least=bought.least, checked=False)
        until(State(0.8, "relaxation"))
        other = bend(shop, forms, tell=until)
    except (OutOfTime, SolverGaveUp):
        return told
    return Explanation(told.shortages, told.mends, bends=other[0] if other else (), least=told.least, checked=False)


def _until(seconds: float, tell: Tell) -> Tell:
    end = time.monotonic() + seconds

    def look(state: State) -> None:
        tell(state)
        if time.monotonic() > end:
            raise OutOfTime

    return look
