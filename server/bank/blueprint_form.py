"""The blueprint's form: what was typed, what it makes, the sums. Pure but for the words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from pydantic import ValidationError

from itembank.blueprint import (
    BlueprintBody,
    DifficultyBand,
    ImportanceDemand,
    Section,
    TopicDemand,
    TopicFacts,
    check,
    topics_from_weights,
)
from itembank.items import KINDS
from itembank.syllabus import IMPORTANCES
from server.bank.scope import say
from server.pages import _, marks, translate

_IMPORTANCE = "importance "
_LONGEST_NAME = 100


@dataclass
class BlueprintForm:
    """The fields as typed. `counts` and `marks` by kind; `low`, `high` by topic (`code` or `code|kind`) and `importance X`."""

    name: str = ""
    counts: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    low: dict[str, str] = field(default_factory=dict)
    high: dict[str, str] = field(default_factory=dict)
    minutes: str = "90"
    total: str = "100"
    pass_mark: str = "60"  # noqa: S105  # marks, no password
    forms: str = "3"
    easiest: str = "2"
    hardest: str = "4"
    per_leaf: str = ""


@dataclass
class Checked:
    """What the form makes: the body when it can be read, problems by field, and the sums shown while typing."""

    body: BlueprintBody | None
    problems: dict[str, str]
    items: int
    marks: int
    topics_low: int
    topics_high: int


def blank(topics: Sequence[TopicFacts]) -> BlueprintForm:
    """A form to begin with: 12 single, 4 multiple, 4 true/false, topics proposed from the official weights."""
    form = BlueprintForm(
        counts={"single": "12", "multiple": "4", "true_false": "4"},
        marks={"single": "5", "multiple": "6", "true_false": "4"},
        minutes="20",
        per_leaf="2",
    )
    return propose(form, topics, 20)


def level(topics: Sequence[TopicFacts]) -> int:
    """The level whose topics get counts: the second, or the first where there is no second."""
    return 2 if any(topic.depth == 2 and not topic.is_leaf for topic in topics) else 1


def counted_topics(topics: Sequence[TopicFacts]) -> list[TopicFacts]:
    """The topics with a line in the form."""
    depth = level(topics)
    return sorted((t for t in topics if t.depth == depth and not t.is_leaf), key=lambda topic: topic.code.split("-"))


def propose(form: BlueprintForm, topics: Sequence[TopicFacts], total: int) -> BlueprintForm:
    """Counts by topic from the official weights, by largest remainder. Unchanged where the table gives no weights."""
    try:
        demands = topics_from_weights(topics, level(topics), total)
    except ValueError:
        return form
    for demand in demands:
        form.low[demand.code] = form.high[demand.code] = str(demand.low)
    return form


def read_form(values: Mapping[str, str]) -> BlueprintForm:
    """The form from what a browser sent: `count.single`, `marks.single`, `low.B-C`, `high.B-C`, …"""
    form = BlueprintForm()
    for name in _PLAIN:
        setattr(form, name, values.get(name, "").strip())
    for name, value in values.items():
        group, _dot, key = name.partition(".")
        target = {"count": form.counts, "marks": form.marks, "low": form.low, "high": form.high}.get(group)
        if target is not None and key and len(key) <= 80:
            target[key] = value.strip()
    return form


_PLAIN = ("name", "minutes", "total", "pass_mark", "forms", "easiest", "hardest", "per_leaf")


def form_of(name: str, body: BlueprintBody) -> BlueprintForm:
    """The form filled from a stored blueprint."""
    form = BlueprintForm(
        name=name,
        minutes=f"{body.duration_ms / 60_000:g}",
        total=marks(body.total_marks),
        pass_mark=marks(body.pass_mark),
        forms=str(body.forms),
        easiest=f"{body.difficulty.low / 100:g}" if body.difficulty else "",
        hardest=f"{body.difficulty.high / 100:g}" if body.difficulty else "",
        per_leaf=str(body.max_per_leaf or ""),
    )
    for section in body.sections:
        form.counts[section.kind] = str(int(form.counts.get(section.kind, "0")) + section.count)
        form.marks[section.kind] = marks(section.marks_each)
    for demand in body.topics:
        key = demand.code if demand.kind is None else f"{demand.code}|{demand.kind}"
        form.low[key], form.high[key] = str(demand.low), str(demand.high)
    for wish in body.importance:
        key = f"{_IMPORTANCE}{wish.importance}"
        form.low[key], form.high[key] = str(wish.low), str(wish.high)
    return form


def checked(form: BlueprintForm, topics: Sequence[TopicFacts]) -> Checked:
    """Read every field, sum up, and ask the library what is wrong for this syllabus."""
    reader = _Reader()
    sections = reader.sections(form)
    demands, wishes = reader.topics(form), reader.importance(form)
    items = sum(section.count for section in sections)
    found = Checked(
        body=None,
        problems=reader.problems,
        items=items,
        marks=sum(section.count * section.marks_each for section in sections),
        topics_low=sum(demand.low for demand in demands if demand.kind is None),
        topics_high=sum(demand.high for demand in demands if demand.kind is None),
    )
    body = reader.body(form, sections, demands, wishes)
    if body is not None:
        for problem in check(body, topics):
            found.problems.setdefault(_field(problem.field, demands), f"{say(problem.problem)} {say(problem.mend)}")
    if not form.name or len(form.name) > _LONGEST_NAME:
        reader.wrong("name", _("Give the blueprint a name."))
    if not found.problems:
        found.body = body
    return found


def _field(name: str, demands: Sequence[TopicDemand]) -> str:
    """`topics.3` -> the code of that topic; other fields as they are."""
    group, _dot, number = name.partition(".")
    return f"topic.{demands[int(number)].code}" if group == "topics" and number.isdecimal() else group


class _Reader:
    """Reads numbers and notes what is wrong with them, by field."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def wrong(self, name: str, message: str, **params: object) -> None:
        self.problems.setdefault(name, translate(message, **params))

    def whole(self, name: str, text: str, low: int, high: int, default: int = 0) -> int:
        if not text:
            return default
        if not text.isdecimal() or not low <= int(text) <= high:
            self.wrong(name, _("Write a whole number from %(low)s to %(high)s."), low=low, high=high)
            return default
        return int(text)

    def hundredths(self, name: str, text: str, low: int, high: int) -> int:
        try:
            value = Decimal(text) * 100
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value != int(value) or not low <= value <= high:
            self.wrong(name, _("Write a number from %(low)s to %(high)s."), low=marks(low), high=marks(high))
            return 0
        return int(value)

    def sections(self, form: BlueprintForm) -> list[Section]:
        found = []
        for kind in KINDS:
            count = self.whole(f"count.{kind}", form.counts.get(kind, ""), 0, 500)
            if count:
                each = self.hundredths(f"marks.{kind}", form.marks.get(kind, ""), 1, 100_00)
                if each:
                    found.append(Section(kind=kind, count=count, marks_each=each))
        return found

    def topics(self, form: BlueprintForm) -> list[TopicDemand]:
        found = []
        for key in sorted(key for key in form.low.keys() | form.high.keys() if not key.startswith(_IMPORTANCE)):
            code, _bar, kind = key.partition("|")
            low, high = form.low.get(key, ""), form.high.get(key, "")
            if not (low or high):
                continue
            least = self.whole(f"topic.{key}", low, 0, 500)
            found.append(
                TopicDemand(code=code, low=least, high=self.whole(f"topic.{key}", high, 0, 500, least), kind=kind or None)
            )
        return found

    def importance(self, form: BlueprintForm) -> list[ImportanceDemand]:
        found = []
        for key in IMPORTANCES:
            name = f"{_IMPORTANCE}{key}"
            low, high = form.low.get(name, ""), form.high.get(name, "")
            if low or high:
                least = self.whole(name, low, 0, 500)
                found.append(ImportanceDemand(importance=key, low=least, high=self.whole(name, high, 0, 500, 500)))
        return found

    def body(
        self, form: BlueprintForm, sections: list[Section], topics: list[TopicDemand], importance: list[ImportanceDemand]
    ) -> BlueprintBody | None:
        minutes = self.whole("minutes", form.minutes, 1, 720)
        if not minutes:
            self.wrong("minutes", _("Write a whole number from %(low)s to %(high)s."), low=1, high=720)
        forms = self.whole("forms", form.forms, 1, 10)
        if not forms:
            self.wrong("forms", _("Write a whole number from %(low)s to %(high)s."), low=1, high=10)
        total = self.hundredths("total", form.total, 1, 1000_00)
        pass_mark = self.hundredths("pass_mark", form.pass_mark, 1, 1000_00)
        per_leaf = self.whole("per_leaf", form.per_leaf, 1, 500) or None
        band = None
        if form.easiest or form.hardest:
            easiest = self.hundredths("difficulty", form.easiest or "1", 100, 500)
            hardest = self.hundredths("difficulty", form.hardest or "5", 100, 500)
            band = DifficultyBand(low=easiest, high=hardest) if easiest and hardest else None
        if self.problems:
            return None
        try:
            return BlueprintBody(
                title=form.name or "-",
                sections=tuple(sections),
                topics=tuple(topics),
                importance=tuple(importance),
                difficulty=band,
                max_per_leaf=per_leaf,
                total_marks=total,
                pass_mark=pass_mark,
                duration_ms=minutes * 60_000,
                forms=forms,
            )
        except ValidationError:
            self.wrong("name", _("This blueprint cannot be read: check the figures."))
            return None
