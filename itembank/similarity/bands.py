"""What a likeness means: thresholds, who has to look, and whether only figures differ. Pure, without numpy.

The thresholds were chosen on one half of real items and measured on the other; `docs/item-bank.md` has the table.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from itembank import markup
from itembank.items import ItemBody
from itembank.similarity.normal import normal_form, normal_text

REVIEW: Final = 0.50
"""From here on a person decides, where the other item is spoken for."""
WARN_LIVE: Final = 0.60
"""The same where the other item was never used."""
SECOND: Final = 0.80
"""From here on two people have to agree."""
STEM_REVIEW: Final = 0.72
"""The stem alone, options aside: other options to the same question. Short stems are like each other by nature."""
STEM_LENGTH: Final = 12
"""A stem shorter than this (characters of the normal form) says nothing by itself: 下列说法正确的是."""
STATEMENT_REVIEW: Final = 0.70
"""A true/false statement against a stem with one of its options put into it."""
CASE_LENGTH: Final = 60
"""Stems that begin with so many equal characters and then ask different things share a case."""

_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,:/]\d+)*%?")
_UNIT: Final = re.compile(
    r"#(?:[kMGmμnp]?(?:Ω|V|A|W|Hz|m|g|s|Pa|J|N|F|H|L|l|t|K|C|bar|mol|min|h|d)(?:\^\{?[+-]?#?\}?|/\w+)*|[°℃℉]C?|千?克|毫?米|厘米|公里|"
    r"毫?升|小时|分钟?|秒|[年月日天度倍个元吨伏安瓦欧])"
)
_NEGATION: Final = re.compile("没有|[不非未无]|错误|正确|禁止|允许|必须|可以")


class Way(StrEnum):
    """In which way two items are alike."""

    WHOLE = "whole"
    STEM = "stem"
    STATEMENT = "statement"
    SAME_CASE = "same_case"


class Band(StrEnum):
    """Who has to look: nobody; one person; two; it is refused outright."""

    CLEAR = "clear"
    REVIEW = "review"
    SECOND = "second"
    IDENTICAL = "identical"


@dataclass(frozen=True, slots=True)
class Texts:
    """An item as it is compared: normal forms of the stem and, sorted, of the options; none for a true/false statement."""

    stem: str
    options: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """Stem and options; the separator stands in no gram."""
        return SEPARATOR.join((self.stem, *self.options))

    def statements(self) -> tuple[str, ...]:
        """The true/false items a choice item could be rewritten as: one for each option."""
        return tuple(f"{self.stem}{option}" for option in self.options)


SEPARATOR: Final = "\x1f"


def texts_of(body: ItemBody) -> Texts:
    """What is compared of a body, prompts beside options, the unit after the stem.

    A case shared by several items is not in it: items on one case are a set, not copies.
    """
    if body.kind == "true_false":
        options: Sequence[str] = ()
    else:
        options = [option.html for option in body.options]
    stem, *rest = json.loads(normal_form(body.stem_html, options))
    prompts = (normal_text(markup.plain_text(prompt.html)) for prompt in body.prompts)
    return Texts(stem + normal_text(body.unit), tuple(sorted([*rest, *prompts])))


def readable(body: ItemBody) -> str:
    """The item as plain text for a character difference: the stem, then unit, prompts and options, a line each."""
    options = () if body.kind == "true_false" else body.options
    parts = [markup.shown_text(part.html) for part in (*body.prompts, *options)]
    return "\n".join([markup.shown_text(body.stem_html), *([body.unit] if body.unit else []), *parts])


def band(score: float, *, live: bool) -> Band:
    """Who has to look at this likeness. `live`: the other item was never spoken for."""
    if score < (WARN_LIVE if live else REVIEW):
        return Band.CLEAR
    return Band.SECOND if score >= SECOND else Band.REVIEW


def is_variant(one: Texts, other: Texts) -> bool:
    """数值变式: the two differ, and only in numbers, units or a negation; often a legitimate other item."""
    return one != other and _masked(one) == _masked(other)


def _masked(texts: Texts) -> tuple[str, ...]:
    return (_mask(texts.stem), *sorted(map(_mask, texts.options)))


def _mask(text: str) -> str:
    return _NEGATION.sub("", _UNIT.sub("#u", _NUMBER.sub("#", text.replace("并非", "是"))))


def pattern(texts: Texts) -> str:
    """What two variants have in common; "" where too little of the text is left to say anything."""
    parts = _masked(texts)
    return SEPARATOR.join(parts) if len(parts[0].replace("#u", "").replace("#", "")) >= STEM_LENGTH else ""


def shares_case(one: Texts, other: Texts) -> bool:
    """Whether the stems begin with the same long case and then ask something of their own."""
    begin = 0
    for a, b in zip(one.stem, other.stem, strict=False):
        if a != b:
            break
        begin += 1
    asks = (one.stem[begin:], other.stem[begin:])
    return begin >= CASE_LENGTH and min(map(len, asks)) >= 4 and not set(one.options) & set(other.options)
