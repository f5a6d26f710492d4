"""The official content table (鉴定要素细目表) of one occupation and level. Pure.

A tree of areas (鉴定范围, up to three levels) whose leaves are knowledge points (鉴定点) of importance X (核心), Y (一般) or
Z (辅助). An area's ratio is how many leaves of each importance lie under it; its weight is its share of 100 marks. A leaf
is named by the codes on the way to it: ``B-C-A-014``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from itembank.errors import Message, msg

IMPORTANCES: Final = ("X", "Y", "Z")
DEPTH: Final = 3
TOTAL_WEIGHT: Final = Decimal(100)
_CODE: Final = re.compile(r"[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Numbers of leaves of importance X, Y and Z; printed ``(05:02:00)``."""

    x: int = 0
    y: int = 0
    z: int = 0

    def __add__(self, other: "Ratio") -> "Ratio":
        return Ratio(self.x + other.x, self.y + other.y, self.z + other.z)

    def __str__(self) -> str:
        return f"({self.x:02}:{self.y:02}:{self.z:02})"

    @property
    def total(self) -> int:
        """How many leaves."""
        return self.x + self.y + self.z


@dataclass(frozen=True, slots=True)
class Leaf:
    """One knowledge point. ``code`` is its own part only, usually three digits."""

    code: str
    name: str
    importance: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """One 鉴定范围 with either areas or leaves under it (both are accepted). Ratio or weight None: not stated."""

    code: str
    name: str
    ratio: Ratio | None
    weight: Decimal | None
    areas: tuple["Area", ...] = ()
    leaves: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True)
class Syllabus:
    """The whole table. ``leaf_count`` is the stated number of leaves, where it is stated."""

    occupation: str
    occupation_code: str
    level: str
    method: str
    leaf_count: int | None
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not add up: at the full code of a place (empty: the whole table), in one of its fields."""

    code: str
    field: str  # code, name, importance, ratio, weight, leaf_count or leaves
    problem: Message
    mend: Message


def walk_areas(tree: Syllabus) -> Iterator[tuple[str, Area]]:
    """Every area with its full code (``B-C-A``), parents before children."""

    def below(prefix: str, areas: Sequence[Area]) -> Iterator[tuple[str, Area]]:
        for area in areas:
            code = f"{prefix}-{area.code}" if prefix else area.code
            yield code, area
            yield from below(code, area.areas)

    return below("", tree.areas)


def walk_leaves(tree: Syllabus) -> Iterator[tuple[str, Leaf]]:
    """Every leaf with its full code (``B-C-A-014``), in the order of the table."""
    for code, area in walk_areas(tree):
        for leaf in area.leaves:
            yield f"{code}-{leaf.code}", leaf


def leaf_ratio(area: Area) -> Ratio:
    """Leaves really found under the area, by importance (unknown importances are not counted)."""
    found = Ratio()
    for leaf in area.leaves:
        found += Ratio(*(int(leaf.importance == importance) for importance in IMPORTANCES))
    for below in area.areas:
        found += leaf_ratio(below)
    return found


def check(tree: Syllabus) -> list[Problem]:
    """Everything that does not add up: ratios and weights at every level, codes, importances, leaves counted."""
    problems = [*_check_codes(tree), *_check_total(tree)]
    for code, area in walk_areas(tree):
        problems += _check_area(code, area)
    return problems


def _check_codes(tree: Syllabus) -> Iterator[Problem]:
    seen: set[str] = set()
    places = [(code, area.code, area.name) for code, area in walk_areas(tree)]
    places += [(code, leaf.code, leaf.name) for code, leaf in walk_leaves(tree)]
    for full, own, name in places:
        if not _CODE.fullmatch(own):
            yield Problem(full, "code", msg("The code “%(code)s” is not usable.", code=own), msg("Use 1 to 8 letters or digits."))
        if full in seen:
            yield Problem(
                full, "code", msg("The code %(code)s occurs twice.", code=full), msg("Give each area and leaf its own code.")
            )
        if not name:
            yield Problem(full, "name", msg("There is no name."), msg("Write the name of the area or leaf."))
        seen.add(full)
    for full, leaf in walk_leaves(tree):
        if leaf.importance not in IMPORTANCES:
            yield Problem(
                full,
                "importance",
                msg("The importance “%(value)s” is not X, Y or Z.", value=leaf.importance),
                msg("Write X (核心), Y (一般) or Z (辅助)."),
            )


def _check_total(tree: Syllabus) -> Iterator[Problem]:
    total = sum((area.weight or Decimal(0) for area in tree.areas), Decimal(0))
    if total != TOTAL_WEIGHT:
        yield Problem(
            "",
            "weight",
            msg("The weights of the first level add up to %(total)s, not 100.", total=str(total)),
            msg("Correct the weights of the first level."),
        )
    found = sum(1 for _ in walk_leaves(tree))
    if not found:
        yield Problem("", "leaves", msg("The table has no knowledge point."), msg("Add the 鉴定点 rows."))
    elif tree.leaf_count is not None and tree.leaf_count != found:
        yield Problem(
            "",
            "leaf_count",
            msg("The table says it has %(stated)s leaves, but there are %(found)s.", stated=tree.leaf_count, found=found),
            msg("Correct the number, or look for missing or doubled rows."),
        )


def _check_area(code: str, area: Area) -> Iterator[Problem]:
    if not area.areas and not area.leaves:
        yield Problem(code, "leaves", msg("The area has nothing under it."), msg("Add its leaves, or remove the area."))
    yield from _check_ratio(code, area)
    yield from _check_weight(code, area)


def _check_ratio(code: str, area: Area) -> Iterator[Problem]:
    """Against what stands right below, so that one slip is reported in one place and not on every level above it."""
    if area.ratio is None:
        yield Problem(code, "ratio", msg("The ratio is missing."), msg("Write it as (05:02:00)."))
        return
    found = leaf_ratio(Area(area.code, area.name, None, None, leaves=area.leaves))
    for below in area.areas:
        found += below.ratio or leaf_ratio(below)
    if found != area.ratio:
        yield Problem(
            code,
            "ratio",
            msg("The ratio is %(stated)s, but what is below makes %(found)s.", stated=str(area.ratio), found=str(found)),
            msg("Correct this ratio, or the ratios or importances below it."),
        )


def _check_weight(code: str, area: Area) -> Iterator[Problem]:
    if area.weight is None:
        yield Problem(code, "weight", msg("The weight is missing."), msg("Write the share of 100 marks."))
        return
    if not 0 <= area.weight <= TOTAL_WEIGHT:
        yield Problem(code, "weight", msg("The weight is not between 0 and 100."), msg("Write the share of 100 marks."))
    weights = [below.weight for below in area.areas if below.weight is not None]
    found = sum(weights, Decimal(0))
    if weights and len(weights) == len(area.areas) and not area.leaves and found != area.weight:
        yield Problem(
            code,
            "weight",
            msg("The weights below add up to %(found)s, not %(stated)s.", found=str(found), stated=str(area.weight)),
            msg("Correct this weight or one of those below it."),
        )


def largest_remainder(weights: Sequence[int | Decimal | Fraction], total: int) -> list[int]:
    """Whole numbers that add up to ``total`` in proportion to the weights (Hamilton's method).

    Each gets the whole part of its share; what is left goes one by one to the largest remainders, ties to the earlier.
    Exact arithmetic. Raises ValueError for a negative weight or total, or when there is nothing to share among.
    """
    exact = [Fraction(weight) for weight in weights]
    if total < 0 or any(weight < 0 for weight in exact):
        raise ValueError("weights and total must not be negative")
    whole = sum(exact)
    if whole == 0:
        if total:
            raise ValueError("nothing to share among: all weights are zero")
        return [0] * len(exact)
    shares = [weight * total / whole for weight in exact]
    given = [int(share) for share in shares]
    by_remainder = sorted(range(len(exact)), key=lambda n: (given[n] - shares[n], n))
    for n in by_remainder[: total - sum(given)]:
        given[n] += 1
    return given
