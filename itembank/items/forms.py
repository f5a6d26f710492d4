"""The normal forms of what people type as an answer: texts of a blank, numbers with a unit. Pure.

Marking compares these forms; checking a key uses them to see that it can be met at all. A change here changes marks: it
needs another rule version (`server/grading/marking.py`).
"""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

MAX_TEXT: Final = 200
"""Characters of one text of an answer, or of an accepted one."""
MAX_NUMBER: Final = 40

# What NFKC leaves apart although a keyboard in Chinese mode gives the one for the other.
_PUNCTUATION: Final = str.maketrans("。、“”‘’《》〈〉【】「」『』〔〕—–−‐‑", '.,""\'\'<><>[]""""[]-----')
# A space says something between two words or two numbers only: 220 V is 220V, but 1 2 is not 12.
_SPACE: Final = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])|(?<=\d) (?=\d)|( )")
_IDEOGRAPH: Final = re.compile(r"(?<=[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]) | (?=[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d{1,2})?")


def text_form(text: str) -> str:
    """A text as it is compared: NFKC, case folded, Chinese punctuation as ASCII, spaces only where they part words.

    ``text_form("２２０ Ｖ，交流 电")`` is ``220v,交流电``.
    """
    form = unicodedata.normalize("NFKC", text).translate(_PUNCTUATION).casefold()
    collapsed = _IDEOGRAPH.sub("", " ".join(form.split()))
    return unicodedata.normalize("NFC", _SPACE.sub(lambda found: "" if found[1] else " ", collapsed))


def unit_form(unit: str) -> str:
    """A unit as it is compared: NFKC without spaces; the case stays, because mW is not MW."""
    return "".join(unicodedata.normalize("NFKC", unit).split())


def number_of(text: str, units: Iterable[str] = ()) -> Decimal | None:
    """The number somebody typed, with or without one of `units` behind it; None when it is none.

    Full-width digits, thousands commas, spaces and 。for the point are taken as meant. Never an error, whatever the text.
    """
    form = unit_form(text).translate(_PUNCTUATION)
    for unit in sorted(map(unit_form, units), key=len, reverse=True):
        bare = unit.translate(_PUNCTUATION)
        if bare and form.endswith(bare):
            form = form.removesuffix(bare)
            break
    return _decimal(form)


def _decimal(form: str) -> Decimal | None:
    plain = len(form) <= MAX_NUMBER and form.isascii() and _NUMBER.fullmatch(form) is not None
    if not plain or not any(char.isdigit() for char in re.split("[eE]", form)[0]):
        return None
    return Decimal(form.replace(",", ""))
