"""The kinds of items: their words, and what each has to have. Pure.

Adding a kind: one entry in `KINDS`. Everything that asks about kinds asks there.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from itembank.errors import UnknownKind

TRUE: Final = 1
FALSE: Final = 2
MAX_OPTIONS: Final = 8
"""Options of a choice or ordering item."""
MAX_MATCHED: Final = 10
"""Options of a matching item: more than there are lines to match, the rest are distractors."""
MAX_PROMPTS: Final = 8
MAX_BLANKS: Final = 8
NONE: Final = range(1)
"""Kinds without options, prompts or blanks have 0 of them."""


class Answer(StrEnum):
    """What a candidate does: choose options, put them in order, give each line one, write texts, write a number."""

    CHOICE = "choice"
    ORDER = "order"
    PAIRS = "pairs"
    TEXTS = "texts"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Kind:
    """One item kind: its words, how it is answered, and how many options, correct options, lines to match and blanks it has."""

    code: str
    name: str  # English msgid
    name_zh: str  # as printed on papers
    options: range
    correct: range = NONE  # choice kinds only
    fixed_options: tuple[str, ...] = ()  # kinds whose options are always the same
    answer: Answer = Answer.CHOICE
    prompts: range = NONE
    blanks: range = NONE

    @property
    def keeps_order(self) -> bool:
        """Whether a key or an answer is a sequence of option ids, so that their order says something."""
        return self.answer in (Answer.ORDER, Answer.PAIRS)


KINDS: Final[dict[str, Kind]] = {
    kind.code: kind
    for kind in (
        Kind("single", "Single choice", "单项选择题", range(2, MAX_OPTIONS + 1), range(1, 2)),
        Kind("multiple", "Multiple choice", "多项选择题", range(2, MAX_OPTIONS + 1), range(2, MAX_OPTIONS + 1)),
        Kind("true_false", "True or false", "判断题", range(2, 3), range(1, 2), ("正确", "错误")),
        Kind("fill_in", "Fill in", "填空题", NONE, answer=Answer.TEXTS, blanks=range(1, MAX_BLANKS + 1)),
        Kind("numeric", "Calculation", "计算填空题", NONE, answer=Answer.NUMBER),
        Kind(
            "matching",
            "Matching",
            "匹配题",
            range(2, MAX_MATCHED + 1),
            answer=Answer.PAIRS,
            prompts=range(2, MAX_PROMPTS + 1),
        ),
        Kind("ordering", "Ordering", "排序题", range(2, MAX_OPTIONS + 1), answer=Answer.ORDER),
    )
}
CHOICE_KINDS: Final = tuple(code for code, kind in KINDS.items() if kind.answer == Answer.CHOICE)
"""Kinds answered by choosing options: those older files and formats know."""
CASE_SET: Final = "case_set"
"""The kind of a section whose questions hang on shared texts and may be of any kind; no item has it."""


def kind_of(code: str) -> Kind:
    """The kind with this code; raises `UnknownKind`."""
    try:
        return KINDS[code]
    except KeyError:
        raise UnknownKind(code, tuple(KINDS)) from None


def section_name_zh(code: str) -> str:
    """How a section of this kind is headed on papers; raises `UnknownKind`."""
    return "案例题" if code == CASE_SET else kind_of(code).name_zh


def letter(option_id: int) -> str:
    """1 -> A, 2 -> B, …: how people name the option with this id."""
    return chr(ord("A") + option_id - 1) if 1 <= option_id <= 26 else str(option_id)
