"""What an explanation says, as values. Plain Python: pages and jobs read it without the solver."""

from dataclasses import dataclass
from typing import Literal

from itembank.blueprint import Row

Measure = Literal["count", "difficulty", "words"]


@dataclass(frozen=True, slots=True)
class Shortage:
    """One demand that counting alone refuses.

    `wants` = per_form × forms, `has` unspent, `spent` before, `short` missing.
    """

    kind: str | None
    topic: str | None
    importance: str | None
    per_form: int
    forms: int
    wants: int
    has: int
    spent: int
    difficulty: int | None = None
    cognitive: str | None = None
    letter: str | None = None

    @property
    def short(self) -> int:
        """How many questions are missing."""
        return self.wants - self.has


@dataclass(frozen=True, slots=True)
class Demand:
    """One counting demand against the bank: `wants` for all forms at least, `has` unspent families, `spent` gone ones."""

    row: Row
    wants: int
    has: int
    spent: int

    @property
    def lasts(self) -> int | None:
        """For how many such sets what is there would do, were this the only demand; None where nothing is wanted."""
        return self.has // self.wants if self.wants else None


@dataclass(frozen=True, slots=True)
class Mend:
    """`add` new questions of this kind on any of these leaves (path codes), of about this difficulty.

    `topic` is the deepest topic above all the leaves ('' for the whole syllabus). `cognitive` and `letter` are given where the
    blueprint asks for them.
    """

    kind: str
    topic: str
    leaves: tuple[str, ...]
    importance: str
    difficulty: int
    add: int
    cognitive: str = ""
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Bend:
    """A demand to change: lower its least (now `low`) by `lower_by`, or raise its most (now `high`) by `raise_by`, per form.

    `row` says which questions are counted; None: the mean difficulty (hundredths of a grade) or the characters to read.
    """

    row: Row | None
    lower_by: int
    raise_by: int
    measure: Measure = "count"
    low: int = 0
    high: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """`shortages` are each necessary.

    `mends` together are enough, `least` is proved to be needed. `bends` together do as well instead. `contradictions`: demands
    of the blueprint that no bank can meet beside the others. `proved`: that there are no forms; else they were not found.
    `checked`: forms were found with the mends, and with the bends, where they are named.
    """

    shortages: tuple[Shortage, ...]
    mends: tuple[Mend, ...]
    contradictions: tuple[Bend, ...] = ()
    bends: tuple[Bend, ...] = ()
    least: int = 0
    proved: bool = True
    checked: bool = True

    @property
    def missing(self) -> int:
        """How many questions the bank has to gain."""
        return sum(mend.add for mend in self.mends)


def common_topic(codes: tuple[str, ...] | list[str]) -> str:
    """The deepest path code above all of these: 'B-C' for 'B-C-A-001' and 'B-C-B-007'; '' when there is none."""
    shared: list[str] = []
    for parts in zip(*(code.split("-") for code in codes), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "-".join(shared)
