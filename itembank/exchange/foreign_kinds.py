"""What formats of other programs need to know of fill-in, calculation, matching and ordering items, and share.

A blank is ``____`` in the HTML of a stem. Options that have to be plain text there are taken only if they are.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from itembank import markup
from itembank.errors import msg
from itembank.exchange.drafts import Draft, Unfit
from itembank.exchange.outgoing import stem_of
from itembank.exchange.writing import WritableItem
from itembank.items import number_of

BLANK: Final = "____"
_PIECE: Final = re.compile(r"<[^>]*>|_{3,}")


def parts_around_blanks(item: WritableItem) -> list[str] | None:
    """The stem's HTML cut at its blanks: one piece more than there are blanks; None where they cannot be told apart."""
    html, parts, place = stem_of(item), [], 0
    for found in _PIECE.finditer(html):
        if found[0].startswith("_"):
            parts.append(html[place : found.start()])
            place = found.end()
    return [*parts, html[place:]] if len(parts) == item.body.blanks else None


def with_blank(before: str, after: str = "") -> str:
    """A text that asks for one word, its blank where the answers stood, or where the writer has drawn one."""
    if after.strip():
        return f"{before}{BLANK}{after.rstrip()}"
    return before.rstrip() if "___" in before else f"{before.rstrip()} {BLANK}"


def plain_of(html: str) -> str | None:
    """The one line of plain text that gives this HTML; None if there is none."""
    text = markup.shown_text(html)
    return text if "\n" not in text and markup.from_text(text) == html else None


def plain_options(item: WritableItem) -> list[str] | None:
    """The texts of options by id from 1 where all are plain; None where one is not."""
    texts = [plain_of(option.html) for option in item.body.options]
    return [text for text in texts if text is not None] if None not in texts else None


PLAIN_OPTIONS: Final = msg("The item is left out: the options of this kind are plain text there.")
BLANKS: Final = msg("The item is left out: its blanks cannot be told from the rest of the text.")
ONE_BLANK: Final = msg("The item is left out: the format holds one blank an item.")


def set_pairs(draft: Draft, pairs: Sequence[tuple[str, str]]) -> None:
    """Lines and options of a matching item from (HTML of the line or nothing, HTML of its option)."""
    options = list(dict.fromkeys(option for _line, option in pairs))
    draft.kind, draft.options = "matching", options
    draft.prompts = [line for line, _option in pairs if line]
    draft.correct = tuple(options.index(option) + 1 for line, option in pairs if line)


def set_number(draft: Draft, number: str, tolerance: str = "") -> None:
    """A calculation item whose answer is a number, or a range written ``1..5``. Raises `Unfit`."""
    low, dots, high = number.partition("..")
    if dots:
        ends = (number_of(low), number_of(high))
        if None in ends or ends[0] is None or ends[1] is None:
            raise not_a_number(number)
        number, tolerance = plain_number((ends[0] + ends[1]) / 2), plain_number(abs(ends[1] - ends[0]) / 2)
    if number_of(number) is None:
        raise not_a_number(number)
    draft.kind, draft.number, draft.tolerance = "numeric", number.strip(), tolerance.strip()


def not_a_number(text: str) -> Unfit:
    """The mistake of a key that is no number."""
    problem = msg("“%(text)s” is not a number.", text=text.strip()[:40])
    return Unfit("key", problem, msg("Write it in digits, like 12.5 or -3, without a unit."), text)


def plain_number(number: Decimal) -> str:
    """Without exponent and needless zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def bare_number(text: str) -> str:
    """A number of a key as other programs read it: no thousands commas."""
    found = number_of(text)
    return text if found is None or "," not in text else format(found, "f")


def unsupported(kind: str, text: str) -> Unfit:
    """The mistake of a kind that is not taken."""
    problem = msg("Questions of the type “%(type)s” cannot be taken.", type=kind[:120])
    mend = msg("Choice, true/false, fill-in, calculation, matching and ordering can be taken.")
    return Unfit("kind", problem, mend, text)
