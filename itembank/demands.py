"""What a blueprint can ask for, one class a kind of demand; and `Row`, how assembly reads the counting ones. Pure."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

_TOPIC: Final = 1

LONGEST_LEVEL: Final = 40
"""Characters of a cognitive level."""

Count = Annotated[int, Field(ge=0, le=1000)]


class Frozen(BaseModel):
    """Immutable, and without fields nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Section(Frozen):
    """A part of the paper: `count` items of one kind, `marks_each` in hundredths (500 = 5 marks)."""

    kind: str
    count: Annotated[int, Field(ge=1, le=500)]
    marks_each: Annotated[int, Field(ge=1, le=100_00)]


class TopicDemand(Frozen):
    """Between `low` and `high` items under the topic with this path code, at any level; of one kind, or of all."""

    code: str
    low: Count
    high: Count
    kind: str | None = None


class ImportanceDemand(Frozen):
    """Between `low` and `high` items on knowledge points of this importance (X, Y or Z)."""

    importance: str
    low: Count
    high: Count


class GradeDemand(Frozen):
    """Between `low` and `high` items of this difficulty grade: one bar of the histogram."""

    difficulty: Annotated[int, Field(ge=1, le=5)]
    low: Count
    high: Count


class CognitiveDemand(Frozen):
    """Between `low` and `high` items of this cognitive level, in whatever words the bank has for levels."""

    level: Annotated[str, Field(min_length=1, max_length=LONGEST_LEVEL)]
    low: Count
    high: Count


class LetterDemand(Frozen):
    """Between `low` and `high` single choice items whose key is this letter as written."""

    letter: Annotated[str, Field(min_length=1, max_length=1)]
    low: Count
    high: Count


class WordBand(Frozen):
    """Bounds of the characters a candidate reads on one form, stems and options together."""

    low: Annotated[int, Field(ge=0)]
    high: Annotated[int, Field(ge=0)]


class InformationDemand(Frozen):
    """Fisher information of a form at an ability, under the two-parameter logistic model.

    `ability` in hundredths, `low` and `high` in thousandths. `high` None: as much as there is. `low` None: no bound but the
    goal: the worst form's information there, and at all other such abilities, is to be as high as the bank gives.
    """

    ability: Annotated[int, Field(ge=-600, le=600)]
    low: Annotated[int, Field(ge=0)] | None = None
    high: Annotated[int, Field(ge=0)] | None = None


class DifficultyBand(Frozen):
    """Bounds of the mean difficulty of a form, in hundredths of a grade: 250..350 is 2.5 to 3.5."""

    low: Annotated[int, Field(ge=100, le=500)]
    high: Annotated[int, Field(ge=100, le=500)]


@dataclass(frozen=True, slots=True)
class Row:
    """`low <= how many items match <= high` in each form. A None criterion matches everything."""

    low: int
    high: int
    kind: str | None = None
    topic: str | None = None
    importance: str | None = None
    difficulty: int | None = None
    cognitive: str | None = None
    letter: str | None = None

    @property
    def wanted(self) -> tuple[str | int | None, ...]:
        """The criteria, in the order of an item's `look`: kind, topic, importance, difficulty, cognitive level, key letter."""
        return self.kind, self.topic, self.importance, self.difficulty, self.cognitive, self.letter

    def matches(self, kind: str, topic: str, importance: str, difficulty: int = 0, cognitive: str = "", letter: str = "") -> bool:
        """Whether a question with these attributes counts here."""
        return (  # spelt out: asked a million times for a large bank
            (self.kind is None or self.kind == kind)
            and (self.topic is None or is_under(topic, self.topic))
            and (self.importance is None or self.importance == importance)
            and (self.difficulty is None or self.difficulty == difficulty)
            and (self.cognitive is None or self.cognitive == cognitive)
            and (self.letter is None or self.letter == letter)
        )


def meets(wanted: str | int | None, value: str | int, number: int) -> bool:
    """Whether an attribute meets a criterion; attribute 1 is the topic, which may lie beneath the one wanted."""
    return wanted is None or value == wanted or (number == _TOPIC and is_under(str(value), str(wanted)))


def is_under(code: str, ancestor: str) -> bool:
    """Whether path code 'B-C-A-014' is the topic 'B-C' or lies beneath it."""
    return code == ancestor or code.startswith(ancestor + "-")
