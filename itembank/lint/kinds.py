"""Rules for blanks, numbers, pairs and sequences: what gives the answer away, and what a machine cannot mark fairly."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from itembank.errors import msg
from itembank.items import letter
from itembank.lint.finding import Finding, LintItem
from itembank.similarity import normal_text

MANY_BLANKS: Final = 3
LONG_ANSWER: Final = 20
FEW_STEPS: Final = 2

_STARTS_BLANK: Final = re.compile(r"\s*_{3,}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_ROUNDING: Final = re.compile(r"保留|精确|取整|四舍五入|小数|整数|有效数字|约")
_PLACE_WORD: Final = re.compile(r"首先|其次|再次|然后|接着|随后|最后|最终|第[一二三四五六七八1-8]步")
_NUMBERED: Final = re.compile(r"\s*(?:[（(]?[1-8一二三四五六七八][)）.．、:：]|[①-⑧])")


def answer_not_in_text(item: LintItem) -> Iterator[Finding]:
    """A word to fill in, or the number asked for, that the text itself shows."""
    if item.kind == "fill_in":
        stem = normal_text(item.stem)
        for n, texts in enumerate(item.accepted, 1):
            shown = next((text for text in texts if len(normal_text(text)) > 1 and normal_text(text) in stem), None)
            if shown is not None:
                yield Finding(
                    "answer_in_text", "warning", msg("The answer “%(text)s” stands in the text.", text=shown), f"key.{n}"
                )
    if item.kind == "numeric" and item.number in {found[0] for found in _NUMBER.finditer(item.stem)}:
        yield Finding("answer_in_text", "hint", msg("The answer “%(text)s” stands in the text.", text=item.number), "key")


def blanks_can_be_marked(item: LintItem) -> Iterator[Finding]:
    """Blanks late in the text, few, and with short answers that people type alike."""
    if item.kind != "fill_in":
        return
    if _STARTS_BLANK.match(item.stem):
        yield Finding("blank_first", "hint", msg("The text begins with a blank: ask first, leave the blank for the end."), "stem")
    if len(item.accepted) > MANY_BLANKS:
        yield Finding("many_blanks", "hint", msg("More than %(n)s blanks: the text is hard to follow.", n=MANY_BLANKS), "stem")
    for n, texts in enumerate(item.accepted, 1):
        longest = max(map(len, texts), default=0)
        if longest > LONG_ANSWER:
            message = msg("An answer of %(n)s characters is hardly ever typed exactly so: shorten it.", n=longest)
            yield Finding("long_answer", "warning", message, f"key.{n}")
        elif texts and all(_NUMBER.fullmatch(text.strip()) for text in texts):
            message = msg("The answer is a number: a calculation item takes a tolerance and a unit.")
            yield Finding("number_answer", "hint", message, f"key.{n}")


def number_is_asked_exactly(item: LintItem) -> Iterator[Finding]:
    """Whoever computes must know how to round, and in which unit."""
    number, tolerance = _decimal(item.number), _decimal(item.tolerance or "0")
    if item.kind != "numeric" or number is None or tolerance is None:
        return
    if number != number.to_integral_value() and not tolerance and not _ROUNDING.search(item.stem):
        yield Finding("no_tolerance", "hint", msg("Say in the text how to round, or allow a tolerance."), "tolerance")
    if number and tolerance >= abs(number):
        yield Finding("wide_tolerance", "warning", msg("The tolerance is as large as the answer itself."), "tolerance")
    if not item.unit and not item.units:
        yield Finding("no_unit", "hint", msg("No unit is given: right only for a figure without one."), "unit")


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def pairs_need_knowledge(item: LintItem) -> Iterator[Finding]:
    """With as many options as lines the last pair is free; a line repeated in its option is no question."""
    if item.kind != "matching":
        return
    if len(item.options) == len(item.prompts):
        message = msg("As many options as lines: the last pair needs no knowledge. Add an option that fits none.")
        yield Finding("equal_sides", "hint", message, "options")
    for n, (prompt, wanted) in enumerate(zip(item.prompts, item.correct, strict=False), 1):
        left = normal_text(prompt)
        right = normal_text(item.options[wanted - 1]) if 0 < wanted <= len(item.options) else ""
        if min(len(left), len(right)) > 1 and (left in right or right in left):
            message = msg("Line %(n)s and its option say the same words.", n=n)
            yield Finding("pair_given_away", "warning", message, f"prompts.{n}")


def prompts_are_distinct(item: LintItem) -> Iterator[Finding]:
    """Lines to match that differ only in punctuation or width read as the same."""
    seen: dict[str, int] = {}
    for n, text in enumerate(item.prompts, 1):
        form = normal_text(text)
        if form and form in seen:
            message = msg("Lines %(a)s and %(b)s differ in punctuation only.", a=seen[form], b=n)
            yield Finding("same_prompts", "warning", message, f"prompts.{n}")
        seen.setdefault(form, n)


def steps_do_not_say_their_place(item: LintItem) -> Iterator[Finding]:
    """首先, 最后, 第二步, or a number before a step: whoever reads it needs to know nothing."""
    if item.kind != "ordering":
        return
    if len(item.options) <= FEW_STEPS:
        yield Finding(
            "few_steps", "hint", msg("Two steps are guessed by one candidate in two: ask for three or more."), "options"
        )
    for n, text in enumerate(item.options, 1):
        found = _PLACE_WORD.search(text)
        if found:
            message = msg("“%(word)s” tells where option %(letter)s belongs.", word=found[0], letter=letter(n))
            yield Finding("order_word", "warning", message, f"options.{n}")
        elif _NUMBERED.match(text):
            message = msg("Option %(letter)s begins with a number, which tells where it belongs.", letter=letter(n))
            yield Finding("numbered_step", "warning", message, f"options.{n}")
