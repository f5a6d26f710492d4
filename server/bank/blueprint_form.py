"""The blueprint's form: what was typed, a first proposal, proposals by weight and ratio. Pure but for the words.

Demands stand under keys: a topic's code (`B-C`), a topic and a kind (`B-C|single`), `importance X`, `grade 3`, `letter A`; each
has a `low.KEY` and a `high.KEY` in the form. Cognitive levels and abilities are lists: `cognitive.0`, `ability.0` and so on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

from itembank.blueprint import SECTION_KINDS, BlueprintBody, TopicFacts
from itembank.syllabus import IMPORTANCES, largest_remainder
from server.pages import marks

IMPORTANCE: Final = "importance "
GRADE: Final = "grade "
LETTER: Final = "letter "
PREFIXES: Final = (IMPORTANCE, GRADE, LETTER)
GRADES: Final = (1, 2, 3, 4, 5)
LETTERS: Final = "ABCDEFGH"
MOST_LINES: Final = 12
"""Lines of cognitive levels and of abilities."""
_PLAIN: Final = (
    "name", "minutes", "total", "pass_mark", "forms", "easiest", "hardest", "per_leaf", "fewest", "longest", "level",
)  # fmt: skip


@dataclass
class Line:
    """A line of a list that people lengthen: what is demanded (a level, an ability), how little and how much."""

    what: str = ""
    low: str = ""
    high: str = ""


@dataclass
class BlueprintForm:
    """The fields as typed. `counts`, `marks` and `places` by kind; `low`, `high` by key; `weights` by code of a topic."""

    name: str = ""
    counts: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    low: dict[str, str] = field(default_factory=dict)
    high: dict[str, str] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    minutes: str = "90"
    total: str = "100"
    pass_mark: str = "60"  # noqa: S105  # marks, no password
    forms: str = "3"
    easiest: str = "2"
    hardest: str = "4"
    per_leaf: str = ""
    fewest: str = ""
    longest: str = ""
    level: str = "2"
    cognitive: list[Line] = field(default_factory=list)
    information: list[Line] = field(default_factory=list)


def blank(topics: Sequence[TopicFacts]) -> BlueprintForm:
    """A form to begin with: 12 single, 4 multiple, 4 true/false, topics proposed from the official weights."""
    form = BlueprintForm(
        counts={"single": "12", "multiple": "4", "true_false": "4"},
        marks={"single": "5", "multiple": "6", "true_false": "4"},
        minutes="20",
        per_leaf="2",
        level=str(usual_level(topics)),
    )
    return propose_counts(form, topics, 20)


def usual_level(topics: Sequence[TopicFacts]) -> int:
    """The level whose topics mostly get counts: the second, or the first where there is no second."""
    return 2 if any(topic.depth == 2 and not topic.is_leaf for topic in topics) else 1


def levels(topics: Sequence[TopicFacts]) -> list[int]:
    """The levels of areas there are."""
    return sorted({topic.depth for topic in topics if not topic.is_leaf})


def level_of(form: BlueprintForm, topics: Sequence[TopicFacts]) -> int:
    """The level chosen in the form."""
    return int(form.level) if form.level.isdecimal() and int(form.level) in levels(topics) else usual_level(topics)


def areas(topics: Sequence[TopicFacts]) -> list[TopicFacts]:
    """The topics with a line in the form, in the order of the tree."""
    return sorted((t for t in topics if not t.is_leaf), key=lambda topic: topic.code.split("-"))


def counted_topics(topics: Sequence[TopicFacts]) -> list[TopicFacts]:
    """The topics of the usual level: what a set's page compares."""
    return [topic for topic in areas(topics) if topic.depth == usual_level(topics)]


@dataclass(frozen=True, slots=True)
class Share:
    """What a topic's weight comes to: the exact share of the items, and the whole number by largest remainder."""

    exact: Fraction
    count: int

    @property
    def is_raised(self) -> bool:
        """Whether one of the remainders went to it."""
        return self.count > self.exact


def weight_of(form: BlueprintForm, topic: TopicFacts) -> Fraction:
    """The weight typed for a topic, else the official one, in percent."""
    typed = form.weights.get(topic.code, "")
    try:
        value = Decimal(typed) if typed else Decimal(topic.weight or 0) / 100
    except InvalidOperation:
        return Fraction(0)
    return Fraction(value) if value.is_finite() and 0 <= value <= 1000 else Fraction(0)


def shares(form: BlueprintForm, topics: Sequence[TopicFacts], total: int) -> dict[str, Share]:
    """For every topic of the chosen level; empty where there are no weights."""
    chosen = [topic for topic in areas(topics) if topic.depth == level_of(form, topics)]
    weights = [weight_of(form, topic) for topic in chosen]
    whole = sum(weights)
    if not whole:
        return {}
    counts = largest_remainder(weights, total)
    return {t.code: Share(w * total / whole, n) for t, w, n in zip(chosen, weights, counts, strict=True)}


def propose_counts(form: BlueprintForm, topics: Sequence[TopicFacts], total: int) -> BlueprintForm:
    """Counts of the chosen level from the weights, by largest remainder; other levels' counts go. Unchanged without weights."""
    found = shares(form, topics, total)
    if found:
        for topic in areas(topics):
            form.low.pop(topic.code, None)
            form.high.pop(topic.code, None)
        for code, share in found.items():
            form.low[code] = form.high[code] = str(share.count)
    return form


def propose_importance(form: BlueprintForm, topics: Sequence[TopicFacts], total: int) -> BlueprintForm:
    """Counts of X, Y and Z in the ratio of the table's knowledge points, one less or more allowed."""
    leaves = [sum(topic.importance == code for topic in topics if topic.is_leaf) for code in IMPORTANCES]
    if any(leaves):
        for code, count in zip(IMPORTANCES, largest_remainder(leaves, total), strict=True):
            _around(form, f"{IMPORTANCE}{code}", count, 1)
    return form


def propose_letters(form: BlueprintForm, singles: int) -> BlueprintForm:
    """Key letters A to D about equally often, one less or more allowed."""
    for code, count in zip("ABCD", largest_remainder([1, 1, 1, 1], singles), strict=True):
        _around(form, f"{LETTER}{code}", count, 1)
    return form


def _around(form: BlueprintForm, key: str, count: int, by: int) -> None:
    form.low[key], form.high[key] = str(max(0, count - by)), str(count + by)


def read_form(values: Mapping[str, str]) -> BlueprintForm:
    """The form from what a browser sent: `count.single`, `marks.single`, `low.B-C`, `high.B-C`, …"""
    form = BlueprintForm()
    for name in _PLAIN:
        setattr(form, name, values.get(name, "").strip())
    groups = {"count": form.counts, "marks": form.marks, "place": form.places, "weight": form.weights}
    groups |= {"low": form.low, "high": form.high}
    for name, value in values.items():
        group, _dot, key = name.partition(".")
        target = groups.get(group)
        if target is not None and key and len(key) <= 80:
            target[key] = value.strip()
    form.cognitive, form.information = _lines(values, "cognitive"), _lines(values, "ability")
    return form


def _lines(values: Mapping[str, str], name: str) -> list[Line]:
    found = [
        Line(*(values.get(f"{group}.{n}", "").strip()[:40] for group in (name, f"{name}_low", f"{name}_high")))
        for n in range(MOST_LINES)
    ]
    return [line for line in found if line.what or line.low or line.high]


def form_of(name: str, body: BlueprintBody, topics: Sequence[TopicFacts]) -> BlueprintForm:
    """The form filled from a stored blueprint."""
    form = BlueprintForm(
        name=name,
        minutes=f"{body.duration_ms / 60_000:g}",
        total=marks(body.total_marks),
        pass_mark=marks(body.pass_mark),
        forms=str(body.forms),
        easiest=marks(body.difficulty.low) if body.difficulty else "",
        hardest=marks(body.difficulty.high) if body.difficulty else "",
        per_leaf=str(body.max_per_leaf or ""),
        fewest=str(body.words.low) if body.words else "",
        longest=str(body.words.high) if body.words else "",
    )
    order = list(dict.fromkeys(section.kind for section in body.sections))
    for section in body.sections:
        form.counts[section.kind] = str(int(form.counts.get(section.kind, "0")) + section.count)
        form.marks[section.kind] = marks(section.marks_each)
    if order != [kind for kind in SECTION_KINDS if kind in order]:
        form.places = {kind: str(n) for n, kind in enumerate(order, 1)}
    keyed = [(f"{t.code}|{t.kind}" if t.kind else t.code, t.low, t.high) for t in body.topics]
    keyed += [(f"{IMPORTANCE}{i.importance}", i.low, i.high) for i in body.importance]
    keyed += [(f"{GRADE}{g.difficulty}", g.low, g.high) for g in body.grades]
    keyed += [(f"{LETTER}{one.letter}", one.low, one.high) for one in body.letters]
    for key, low, high in keyed:
        form.low[key], form.high[key] = str(low), str(high)
    form.cognitive = [Line(c.level, str(c.low), str(c.high)) for c in body.cognitive]
    form.information = [Line(_number(i.ability, 100), _number(i.low, 1000), _number(i.high, 1000)) for i in body.information]
    depths = {topic.code: topic.depth for topic in topics if not topic.is_leaf}
    used = [depths[t.code] for t in body.topics if t.kind is None and t.code in depths]
    form.level = str(max(used, key=used.count, default=usual_level(topics)))
    return form


def _number(value: int | None, unit: int) -> str:
    return "" if value is None else f"{value / unit:g}"
