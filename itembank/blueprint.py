"""The blueprint (组卷方案, 双向细目): what one form must contain. Pure; whole numbers only: its digest is exact.

Every demand is a `Row`: so many items of a kind, under a topic, of an importance. `rows` turns a blueprint into them;
assembly, the explanation of a shortage and the runway all read the same rows. The audit does not: it counts by itself.

Weights of the official table become counts by largest remainder: see `counts_from_weights`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from itembank.demands import (
    CognitiveDemand,
    DifficultyBand,
    Frozen,
    GradeDemand,
    ImportanceDemand,
    InformationDemand,
    LetterDemand,
    Row,
    Section,
    TopicDemand,
    WordBand,
    is_under,
)
from itembank.errors import FieldProblem, msg
from itembank.items import CASE_SET, KINDS
from itembank.syllabus import IMPORTANCES, largest_remainder

# fmt: off
__all__ = [
    "MAX_FORMS", "SECTION_KINDS", "BlueprintBody", "CognitiveDemand", "DifficultyBand", "GradeDemand", "ImportanceDemand",
    "InformationDemand", "LetterDemand", "Row", "Section", "TopicDemand", "TopicFacts", "WordBand", "check",
    "counts_from_weights", "demo_blueprint", "is_under", "kind_counts", "rows", "topics_from_weights",
]
# fmt: on

MAX_FORMS: Final = 10
SECTION_KINDS: Final = (*KINDS, CASE_SET)
"""What a section may hold: items of one kind, or case sets, which are drawn whole or not at all."""


class BlueprintBody(Frozen):
    """The whole of it. `total_marks` and `pass_mark` in hundredths, `duration_ms` in milliseconds."""

    title: str
    sections: tuple[Section, ...]
    topics: tuple[TopicDemand, ...] = ()
    importance: tuple[ImportanceDemand, ...] = ()
    difficulty: DifficultyBand | None = None
    grades: tuple[GradeDemand, ...] = ()
    """The difficulty histogram."""
    cognitive: tuple[CognitiveDemand, ...] = ()
    letters: tuple[LetterDemand, ...] = ()
    """The balance of key letters."""
    words: WordBand | None = None
    information: tuple[InformationDemand, ...] = ()
    """For calibrated banks: what a form tells about a person of given ability."""
    max_per_leaf: Annotated[int, Field(ge=1)] | None = None
    """At most so many items on one knowledge point in one form."""
    total_marks: int = 100_00
    pass_mark: int = 60_00
    duration_ms: Annotated[int, Field(ge=60_000, le=12 * 3_600_000)]
    forms: Annotated[int, Field(ge=1, le=MAX_FORMS)] = 3

    @property
    def item_count(self) -> int:
        """Items in one form."""
        return sum(section.count for section in self.sections)


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What a blueprint needs to know of a syllabus topic. `weight` in hundredths of a percent, None where not given."""

    code: str
    name: str
    depth: int
    is_leaf: bool
    importance: str | None = None
    weight: int | None = None


def rows(body: BlueprintBody, leaves: Iterable[str] = ()) -> tuple[Row, ...]:
    """The counting demands on one form: all but words and information. `leaves` (path codes) matter with `max_per_leaf`."""
    of_kinds = (Row(n, n, kind=kind) for kind, n in kind_counts(body).items())
    of_topics = (Row(t.low, t.high, kind=t.kind, topic=t.code) for t in body.topics)
    of_importance = (Row(i.low, i.high, importance=i.importance) for i in body.importance)
    of_grades = (Row(g.low, g.high, difficulty=g.difficulty) for g in body.grades)
    of_levels = (Row(c.low, c.high, cognitive=c.level) for c in body.cognitive)
    of_letters = (Row(one.low, one.high, kind="single", letter=one.letter) for one in body.letters)
    cap = body.max_per_leaf
    of_leaves = (Row(0, cap, topic=leaf) for leaf in sorted(set(leaves))) if cap is not None else ()
    return (*of_kinds, *of_topics, *of_importance, *of_grades, *of_levels, *of_letters, *of_leaves)


def kind_counts(body: BlueprintBody) -> dict[str, int]:
    """How many items of each kind, over all sections, in order of first appearance."""
    counts: dict[str, int] = {}
    for section in body.sections:
        counts[section.kind] = counts.get(section.kind, 0) + section.count
    return counts


def counts_from_weights(weights: Mapping[str, int], total: int) -> dict[str, int]:
    """Share `total` items among topics in proportion to their weights (whole numbers in any one unit).

    Largest remainder, ties to the earlier code. Raises ValueError when no weight is positive.
    """
    codes = sorted(weights)
    return dict(zip(codes, largest_remainder([weights[code] for code in codes], total), strict=True))


def topics_from_weights(topics: Iterable[TopicFacts], depth: int, total: int) -> tuple[TopicDemand, ...]:
    """Exact demands for every topic at `depth` from the official weights; a topic that comes out at zero wants zero."""
    weights = {t.code: t.weight or 0 for t in topics if t.depth == depth and not t.is_leaf}
    counts = counts_from_weights(weights, total)
    return tuple(TopicDemand(code=code, low=n, high=n) for code, n in sorted(counts.items()))


def demo_blueprint(topics: Sequence[TopicFacts], *, title: str) -> BlueprintBody:
    """30 single, 10 multiple, 10 true/false × 2 marks: 50 items, 100 marks, 60 minutes, pass 60, three forms."""
    return BlueprintBody(
        title=title,
        sections=(
            Section(kind="single", count=30, marks_each=2_00),
            Section(kind="multiple", count=10, marks_each=2_00),
            Section(kind="true_false", count=10, marks_each=2_00),
        ),
        topics=topics_from_weights(topics, 2, 50),
        difficulty=DifficultyBand(low=2_00, high=4_00),
        max_per_leaf=2,
        duration_ms=60 * 60_000,
    )


def check(body: BlueprintBody, topics: Sequence[TopicFacts]) -> list[FieldProblem]:
    """Everything that makes this blueprint wrong for this syllabus, whatever the bank holds; empty when it is right."""
    return [
        *_check_sections(body),
        *_check_topics(body, {topic.code: topic for topic in topics}),
        *_check_importance(body),
        *_check_difficulty(body),
        *_check_mixes(body),
    ]


def _check_sections(body: BlueprintBody) -> list[FieldProblem]:
    found: list[FieldProblem] = []
    if not body.sections:
        found.append(FieldProblem("sections", msg("There are no sections."), msg("Add at least one kind of item with a count.")))
    for n, section in enumerate(body.sections):
        if section.kind not in SECTION_KINDS:
            found.append(
                FieldProblem(
                    f"sections.{n}.kind",
                    msg("The item kind “%(kind)s” is not known.", kind=section.kind),
                    msg("Choose one of: %(known)s.", known=", ".join(SECTION_KINDS)),
                )
            )
    if sum(section.kind == CASE_SET for section in body.sections) > 1:
        found.append(
            FieldProblem(
                "sections",
                msg("There are two sections of case sets."),
                msg("Make them one: a set must not be divided between sections."),
            )
        )
    marks = sum(section.count * section.marks_each for section in body.sections)
    if marks != body.total_marks:
        found.append(
            FieldProblem(
                "total_marks",
                msg(
                    "The sections add up to %(marks)s marks, not %(total)s.",
                    marks=_marks(marks),
                    total=_marks(body.total_marks),
                ),
                msg("Change a count or the marks of an item."),
            )
        )
    if not 0 < body.pass_mark <= body.total_marks:
        found.append(
            FieldProblem(
                "pass_mark",
                msg("The pass mark %(mark)s is not within the total.", mark=_marks(body.pass_mark)),
                msg("Give a pass mark between 0 and %(total)s.", total=_marks(body.total_marks)),
            )
        )
    return found


def _check_topics(body: BlueprintBody, topics: Mapping[str, TopicFacts]) -> list[FieldProblem]:
    found: list[FieldProblem] = []
    kinds = kind_counts(body)
    for n, demand in enumerate(body.topics):
        where = f"topics.{n}"
        room = body.item_count if demand.kind is None else kinds.get(demand.kind, 0)
        if demand.code not in topics:
            found.append(
                FieldProblem(
                    where,
                    msg("The syllabus has no topic %(code)s.", code=demand.code),
                    msg("Choose a topic of the syllabus this bank uses."),
                )
            )
        if demand.low > demand.high or demand.low > room:
            found.append(
                FieldProblem(
                    where,
                    msg(
                        "Topic %(code)s wants %(low)s to %(high)s items, but a form has room for %(room)s.",
                        code=demand.code,
                        low=demand.low,
                        high=demand.high,
                        room=room,
                    ),
                    msg("Lower the count of this topic."),
                )
            )
    return [*found, *_check_partition(body, topics)]


def _check_partition(body: BlueprintBody, topics: Mapping[str, TopicFacts]) -> list[FieldProblem]:
    """Topics of one level that cover the whole syllabus must leave room for exactly the number of items of a form."""
    found: list[FieldProblem] = []
    demands = [demand for demand in body.topics if demand.kind is None and demand.code in topics]
    for depth in sorted({topics[demand.code].depth for demand in demands}):
        level = [demand for demand in demands if topics[demand.code].depth == depth]
        low, high = sum(d.low for d in level), sum(d.high for d in level)
        covered = [d.code for d in level]
        whole = all(any(is_under(t.code, code) for code in covered) for t in topics.values() if t.is_leaf)
        if low > body.item_count or (whole and high < body.item_count):
            found.append(
                FieldProblem(
                    "topics",
                    msg(
                        "The topics of level %(depth)s want %(low)s to %(high)s items, a form has %(count)s.",
                        depth=depth,
                        low=low,
                        high=high,
                        count=body.item_count,
                    ),
                    msg("Make the counts of the topics add up to the number of items."),
                )
            )
    return found


def _check_importance(body: BlueprintBody) -> list[FieldProblem]:
    found: list[FieldProblem] = []
    for n, demand in enumerate(body.importance):
        if demand.importance not in IMPORTANCES or demand.low > demand.high:
            found.append(
                FieldProblem(
                    f"importance.{n}",
                    msg("The demand on importance %(importance)s cannot be met.", importance=demand.importance),
                    msg("Use X, Y or Z, and a lowest count not above the highest."),
                )
            )
    low, high = sum(d.low for d in body.importance), sum(d.high for d in body.importance)
    named = {d.importance for d in body.importance}
    if low > body.item_count or (named == set(IMPORTANCES) and high < body.item_count):
        found.append(
            FieldProblem(
                "importance",
                msg(
                    "Importance wants %(low)s to %(high)s items, a form has %(count)s.",
                    low=low,
                    high=high,
                    count=body.item_count,
                ),
                msg("Make the counts of X, Y and Z leave room for the number of items."),
            )
        )
    return found


def _check_difficulty(body: BlueprintBody) -> list[FieldProblem]:
    if body.difficulty is None or body.difficulty.low <= body.difficulty.high:
        return []
    return [
        FieldProblem(
            "difficulty",
            msg("The lowest mean difficulty is above the highest."),
            msg("Exchange the two figures."),
        )
    ]


def _check_mixes(body: BlueprintBody) -> list[FieldProblem]:
    """Histogram, cognitive levels and key letters: each with its least below its most, and room in the form."""
    found: list[FieldProblem] = []
    singles = kind_counts(body).get("single", 0)
    mixes: tuple[tuple[str, Sequence[GradeDemand | CognitiveDemand | LetterDemand], int], ...] = (
        ("grades", body.grades, body.item_count),
        ("cognitive", body.cognitive, body.item_count),
        ("letters", body.letters, singles),
    )
    for field, demands, room in mixes:
        low = sum(demand.low for demand in demands)
        if low > room or any(demand.low > demand.high for demand in demands):
            found.append(
                FieldProblem(
                    field,
                    msg("These demands want at least %(low)s items, but a form has room for %(room)s.", low=low, room=room),
                    msg("Lower a least count, and let none be above its highest."),
                )
            )
    if body.words is not None and body.words.low > body.words.high:
        found.append(FieldProblem("words", msg("The fewest characters are above the most."), msg("Exchange the two figures.")))
    return found


def _marks(hundredths: int) -> str:
    return f"{hundredths / 100:g}"
