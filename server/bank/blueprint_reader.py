"""Reads the blueprint's form: numbers out of text, every mistake by its field, the sums shown while it is typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from pydantic import ValidationError

from itembank.blueprint import SECTION_KINDS as KINDS
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
    check,
)
from itembank.syllabus import IMPORTANCES
from server.bank.blueprint_form import (
    GRADE,
    GRADES,
    IMPORTANCE,
    LETTER,
    LETTERS,
    PREFIXES,
    BlueprintForm,
    Line,
    level_of,
)
from server.bank.scope import say
from server.pages import _, translate

_LONGEST_NAME = 100
_MOST = 500
_MOST_WORDS = 1_000_000


@dataclass
class Checked:
    """What the form makes: the body when all is right, `draft` when it can at least be read, problems by field, the sums.

    `level_low`, `level_high`: the demands on the topics of the chosen level, of all kinds, added up.
    """

    body: BlueprintBody | None
    draft: BlueprintBody | None
    problems: dict[str, str]
    items: int
    marks: int
    sections: dict[str, tuple[int, int]]
    """Kind -> its items and their marks in all."""
    level: int
    level_low: int
    level_high: int
    pace: str = ""
    """Seconds a candidate has for an item."""


def checked(form: BlueprintForm, topics: Sequence[TopicFacts]) -> Checked:
    """Read every field, sum up, and ask the library what is wrong for this syllabus."""
    reader = _Reader()
    sections = reader.sections(form)
    demands = reader.topics(form)
    level = level_of(form, topics)
    at_level = {topic.code for topic in topics if topic.depth == level and not topic.is_leaf}
    counted = [demand for demand in demands if demand.kind is None and demand.code in at_level]
    of_kinds = {section.kind: (section.count, section.count * section.marks_each) for section in sections}
    found = Checked(
        body=None,
        draft=None,
        problems=reader.problems,
        items=sum(section.count for section in sections),
        marks=sum(marks for _count, marks in of_kinds.values()),
        sections=of_kinds,
        level=level,
        level_low=sum(demand.low for demand in counted),
        level_high=sum(demand.high for demand in counted),
    )
    body = reader.body(form, sections, demands)
    if body is not None and found.items:
        found.pace = f"{body.duration_ms / 1000 / found.items:.0f}"
    if body is not None:
        for problem in check(body, topics):
            found.problems.setdefault(_field(problem.field, body), f"{say(problem.problem)} {say(problem.mend)}")
    if not form.name or len(form.name) > _LONGEST_NAME:
        reader.wrong("name", _("Give the blueprint a name."))
    known = {topic.code for topic in topics}
    if body is not None and body.sections and all(demand.code in known for demand in body.topics):
        found.draft = body
    found.body = None if found.problems else body
    return found


def _field(name: str, body: BlueprintBody) -> str:
    """`topics.3` -> the code of that topic; other fields as they are."""
    group, _dot, number = name.partition(".")
    if group == "topics" and number.isdecimal():
        demand = body.topics[int(number)]
        return f"topic.{demand.code}|{demand.kind}" if demand.kind else f"topic.{demand.code}"
    if group == "importance" and number.isdecimal():
        return f"{IMPORTANCE}{body.importance[int(number)].importance}"
    return group


class _Reader:
    """Reads numbers and notes what is wrong with them, by field."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def wrong(self, name: str, message: str, **params: object) -> None:
        self.problems.setdefault(name, translate(message, **params))

    def whole(self, name: str, text: str, low: int, high: int, default: int = 0) -> int:
        if not text:
            return default
        if not text.isdecimal() or len(text) > 9 or not low <= int(text) <= high:
            self.wrong(name, _("Write a whole number from %(low)s to %(high)s."), low=low, high=high)
            return default
        return int(text)

    def parts(self, name: str, text: str, low: int, high: int, unit: int = 100) -> int:
        """A number with decimals, in hundredths or thousandths; the bounds in the same unit."""
        try:
            value = Decimal(text) * unit
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value != int(value) or not low <= value <= high:
            least, most = f"{Decimal(low) / unit:f}", f"{Decimal(high) / unit:f}"
            self.wrong(name, _("Write a number from %(low)s to %(high)s."), low=least, high=most)
            return low
        return int(value)

    def sections(self, form: BlueprintForm) -> list[Section]:
        places = list(KINDS)
        found = []
        for kind in KINDS:
            count = self.whole(f"count.{kind}", form.counts.get(kind, ""), 0, _MOST)
            place = self.whole(f"place.{kind}", form.places.get(kind, ""), 1, 99, 50)
            if count:
                each = self.parts(f"marks.{kind}", form.marks.get(kind, ""), 1, 100_00)
                found.append((place, Section(kind=kind, count=count, marks_each=each)))
        return [section for _place, section in sorted(found, key=lambda one: (one[0], places.index(one[1].kind)))]

    def band(self, form: BlueprintForm, key: str, most: int | None, name: str = "") -> tuple[int, int] | None:
        """Least and most of a demand; None where both are empty. `most` None: a least alone is the most too."""
        low, high = form.low.get(key, ""), form.high.get(key, "")
        if not (low or high):
            return None
        least = self.whole(name or key, low, 0, _MOST)
        return least, self.whole(name or key, high, 0, _MOST, least if most is None else most)

    def topics(self, form: BlueprintForm) -> list[TopicDemand]:
        found = []
        for key in sorted(key for key in form.low.keys() | form.high.keys() if not key.startswith(PREFIXES)):
            code, _bar, kind = key.partition("|")
            band = self.band(form, key, None, f"topic.{key}")
            if band is not None and (not kind or kind in KINDS):
                found.append(TopicDemand(code=code, low=band[0], high=band[1], kind=kind or None))
        return found

    def bands(self, form: BlueprintForm, prefix: str, values: Sequence[str]) -> list[tuple[str, int, int]]:
        found = [(value, self.band(form, f"{prefix}{value}", _MOST)) for value in values]
        return [(value, *band) for value, band in found if band is not None]

    def cognitive(self, lines: Sequence[Line]) -> list[CognitiveDemand]:
        found = []
        for line in lines:
            if not line.what:
                self.wrong("cognitive", _("Name the cognitive level of every line."))
                continue
            low = self.whole("cognitive", line.low, 0, _MOST)
            found.append(CognitiveDemand(level=line.what, low=low, high=self.whole("cognitive", line.high, 0, _MOST, _MOST)))
        if len({demand.level for demand in found}) < len(found):
            self.wrong("cognitive", _("A cognitive level stands there twice."))
        return found

    def information(self, lines: Sequence[Line]) -> list[InformationDemand]:
        found = []
        for line in lines:
            if not line.what:
                self.wrong("information", _("Say the ability of every line, from −6 to 6."))
                continue
            ability = self.parts("information", line.what.replace("−", "-"), -600, 600)
            low, high = (self.parts("information", text, 0, 1_000_000, 1000) if text else None for text in (line.low, line.high))
            if low is not None and high is not None and low > high:
                self.wrong("information", _("The least information is above the most: exchange the two figures."))
            found.append(InformationDemand(ability=ability, low=low, high=high))
        return found

    def words(self, form: BlueprintForm) -> WordBand | None:
        if not (form.fewest or form.longest):
            return None
        fewest = self.whole("words", form.fewest, 0, _MOST_WORDS)
        return WordBand(low=fewest, high=self.whole("words", form.longest, 0, _MOST_WORDS, _MOST_WORDS))

    def difficulty(self, form: BlueprintForm) -> DifficultyBand | None:
        if not (form.easiest or form.hardest):
            return None
        easiest = self.parts("difficulty", form.easiest or "1", 100, 500)
        return DifficultyBand(low=easiest, high=self.parts("difficulty", form.hardest or "5", 100, 500))

    def body(self, form: BlueprintForm, sections: list[Section], topics: list[TopicDemand]) -> BlueprintBody | None:
        """The whole; None when a field could not be read."""
        minutes, forms = self.whole("minutes", form.minutes, 1, 720), self.whole("forms", form.forms, 1, 10)
        for name, value, most in (("minutes", minutes, 720), ("forms", forms, 10)):
            if not value:
                self.wrong(name, _("Write a whole number from %(low)s to %(high)s."), low=1, high=most)
        total, pass_mark = (self.parts(n, t, 1, 1000_00) for n, t in (("total", form.total), ("pass_mark", form.pass_mark)))
        importance = [ImportanceDemand(importance=v, low=a, high=b) for v, a, b in self.bands(form, IMPORTANCE, IMPORTANCES)]
        grades = [
            GradeDemand(difficulty=int(v), low=a, high=b) for v, a, b in self.bands(form, GRADE, [str(grade) for grade in GRADES])
        ]
        letters = [LetterDemand(letter=v, low=a, high=b) for v, a, b in self.bands(form, LETTER, LETTERS)]
        cognitive, information = self.cognitive(form.cognitive), self.information(form.information)
        words, difficulty = self.words(form), self.difficulty(form)
        per_leaf = self.whole("per_leaf", form.per_leaf, 1, _MOST) or None
        if self.problems:
            return None
        try:
            return BlueprintBody(
                title=form.name or "-",
                sections=tuple(sections),
                topics=tuple(topics),
                importance=tuple(importance),
                difficulty=difficulty,
                grades=tuple(grades),
                cognitive=tuple(cognitive),
                letters=tuple(letters),
                words=words,
                information=tuple(information),
                max_per_leaf=per_leaf,
                total_marks=total,
                pass_mark=pass_mark,
                duration_ms=minutes * 60_000,
                forms=forms,
            )
        except ValidationError:
            self.wrong("name", _("This blueprint cannot be read: check the figures."))
            return None


def key_of_row(row: dict[str, object]) -> str:
    """The form's key of a counting demand (as in a job's result): what its place on the page is named by."""
    if row.get("importance"):
        return f"{IMPORTANCE}{row['importance']}"
    if row.get("difficulty"):
        return f"{GRADE}{row['difficulty']}"
    if row.get("letter"):
        return f"{LETTER}{row['letter']}"
    if row.get("cognitive"):
        return f"cognitive {row['cognitive']}"
    if row.get("topic"):
        return f"{row['topic']}|{row['kind']}" if row.get("kind") else str(row["topic"])
    return f"kind {row.get('kind')}"
