"""What the rules look at, and what they say. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from itembank import markup
from itembank.errors import Message
from itembank.items import ItemBody, ItemKeyData

Severity = Literal["error", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. ``where``: a field name (``stem``, ``options.2``, ``prompts.1``, ``key.2``, ``unit`` …) or ``batch``."""

    code: str
    severity: Severity
    message: Message
    where: str


@dataclass(frozen=True, slots=True)
class LintItem:
    """What the rules look at: texts already plain, option 1 first. What a kind does not have is empty."""

    kind: str
    stem: str
    options: tuple[str, ...]
    correct: tuple[int, ...]
    source: str
    prompts: tuple[str, ...] = ()
    accepted: tuple[tuple[str, ...], ...] = ()
    number: str = ""
    tolerance: str = ""
    unit: str = ""
    units: tuple[str, ...] = ()


Rule = Callable[[LintItem], Iterator[Finding]]
BatchRule = Callable[[Sequence[LintItem]], Iterator[Finding]]


def lint_item(body: ItemBody, key: ItemKeyData, source: str = "") -> LintItem:
    """The view of an item that the rules work on. ``source`` is the clause the item rests on (依据)."""
    return LintItem(
        body.kind,
        markup.shown_text(body.stem_html),
        tuple(markup.shown_text(option.html) for option in body.options),
        key.correct,
        source.strip(),
        tuple(markup.shown_text(prompt.html) for prompt in body.prompts),
        key.accepted,
        key.number,
        key.tolerance,
        body.unit,
        key.units,
    )
