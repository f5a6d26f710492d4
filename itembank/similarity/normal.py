"""When two items are the same item: a normal form and its digest. Pure.

What does not make another item is taken away: width and compatibility forms, spaces, ordinary punctuation, the blank to
fill in, letters before options, the order of options, spacing and sizes within formulas. What does make another item
stays: digits, signs, decimal points, the case of units, ``/``, ``%``, exponents and indices, pictures (by digest).
So 1.5 V is not 15 V, 5 MΩ is not 5 mΩ, 1/2 is not 12, -5 is not 5, 10² is not 102. When in doubt two texts stay
different: an identical item is refused outright, while a similar one can still be noticed by a person.
"""

import functools
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from itembank import formulas, markup
from itembank.items import ItemBody, letter

_DROPPED: Final = re.compile("[\\s，。、；：？！“”‘’\"'`,.;:?!《》〈〉【】「」『』〔〕…·•_—]+")
_MINUS: Final = dict.fromkeys(map(ord, "−－‐‑‒–﹣"), "-")
# An unfilled blank: empty brackets, or a run of underscores.
_BLANK: Final = re.compile(r"\(\s*_*\s*\)|_{2,}")
_PICTURE: Final = re.compile(r"\[media:[0-9a-f]{64}\]")
_PLAIN_POWER: Final = re.compile(r"\^([+-]?[0-9]+)(?![0-9}])")
_RUN: Final = re.compile(r"[\^_]\{[^{}]*\}(?:(?<=\})[\^_]\{[^{}]*\})+")
_OPTION_LETTER: Final = re.compile(r"\s*(?:[（(〔\[]\s*([A-Ha-h])\s*[）)〕\]]|([A-Ha-h])\s*[.．、:：)）])\s*")


def _plain(char: str) -> str:
    """One character in compatibility form, keeping what NFKC loses: ``²`` -> ``^{2}``, ``₂`` -> ``_{2}``, ``½`` -> ``(1/2)``."""
    form = unicodedata.decomposition(char)
    if not form.startswith("<"):
        return char
    tag, *codes = form.split()
    inner = "".join(_plain(chr(int(code, 16))) for code in codes).replace("\u2044", "/").translate(_MINUS)
    match tag:
        case "<super>":
            return f"^{{{inner}}}"
        case "<sub>":
            return f"_{{{inner}}}"
        case "<fraction>" | "<circle>":
            return f"({inner})"
    return inner


class _PlainTable(dict[int, str]):
    """`_plain` for ``str.translate``, worked out once per character met."""

    def __missing__(self, code: int) -> str:
        self[code] = _plain(chr(code))
        return self[code]


_PLAIN: Final = _PlainTable()


def _join_runs(text: str) -> str:
    """``^{1}^{2}`` -> ``^{12}``: raised characters written one by one are one exponent."""

    def joined(found: re.Match[str]) -> str:
        parts = re.findall(r"([\^_])\{([^{}]*)\}", found[0])
        out = ""
        for n, (sign, inner) in enumerate(parts):
            same = n > 0 and parts[n - 1][0] == sign
            out = f"{out[:-1]}{inner}}}" if same else f"{out}{sign}{{{inner}}}"
        return out

    return _RUN.sub(joined, text)


def _keeps(before: str, char: str, after: str) -> bool:
    """Whether this punctuation carries meaning here: a decimal point, a ratio, a factorial, a derivative."""
    digit_after = after.isdecimal()
    if char == ".":
        return digit_after
    if char in ":_":
        return _is_formula(before) and _is_formula(after)
    return char in "!'" and _is_formula(before) and before.isascii()


def _is_formula(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "{}()^")


def _thin(found: re.Match[str]) -> str:
    """What is left of a run of spaces and punctuation: the marks that carry meaning, or a comma between two numbers."""
    text, start, end = found.string, found.start(), found.end()
    kept = [text[n] for n in range(start, end) if _keeps(text[n - 1 : n], text[n], text[n + 1 : n + 2])]
    if kept:
        return "".join(kept)
    # "1, 2" and "1 2" are two numbers, not 12.
    return "," if start and text[start - 1].isdecimal() and text[end : end + 1].isdecimal() else ""


@functools.lru_cache(maxsize=8192)
def normal_text(text: str) -> str:
    """The normal form of one plain text as `markup.plain_text` gives it.

    Kept for a while: an import asks for each of its texts when it is read, compared with the bank and compared with itself.
    """
    pictures = iter(_PICTURE.findall(text))
    bare = formulas.replaced(text, lambda tex: f" {formulas.comparable(tex)} ")
    mapped = _PICTURE.sub("\x00", bare).translate(_PLAIN)
    form = unicodedata.normalize("NFKC", mapped).translate(_MINUS)
    if "^" in form or "_" in form:
        form = _PLAIN_POWER.sub(r"^{\1}", _join_runs(form))
    form = _DROPPED.sub(_thin, _BLANK.sub(" ", form))
    # A mark that stood alone after a space may now stand on a letter.
    return re.sub("\x00", lambda _: next(pictures, ""), unicodedata.normalize("NFC", form))


def strip_option_letters(texts: Sequence[str]) -> list[str]:
    """Plain option texts without ``（A）``, ``A.``, ``A、`` before them; only if every option carries its own letter."""
    found = [_OPTION_LETTER.match(text) for text in texts]
    letters = [(match[1] or match[2]).upper() if match else "" for match in found]
    if not texts or letters != [letter(n) for n in range(1, len(texts) + 1)]:
        return list(texts)
    return [text[match.end() :] for text, match in zip(texts, found, strict=True) if match]


def normal_form(stem_html: str, options_html: Iterable[str]) -> str:
    """The normal form of an item's content as canonical JSON: ``[stem, option, …]``, options sorted."""
    options = strip_option_letters([markup.plain_text(option) for option in options_html])
    return json.dumps(
        [normal_text(markup.plain_text(stem_html)), *sorted(map(normal_text, options))],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def content_digest(body: ItemBody) -> bytes:
    """SHA-256 (32 bytes) of the normal form. Two items with the same digest are the same item, whatever their keys.

    An item asked once as single and once as multiple choice is still the same item; so the kind is not in it. What few items
    have (prompts, a unit, the text of a case: two cases may ask the same words) is in it where they have it.
    """
    form = normal_form(body.stem_html, (option.html for option in body.options))
    more = more_of(body)
    if more:
        form += json.dumps(more, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(form.encode()).digest()


def more_of(body: ItemBody) -> dict[str, str | list[str]]:
    """The normal form of what only some items show: prompts (sorted), unit, the text of the case; empty for all others."""
    more: dict[str, str | list[str]] = {
        "prompts": sorted(normal_text(markup.plain_text(prompt.html)) for prompt in body.prompts),
        "unit": normal_text(body.unit),
        "stimulus": normal_text(markup.plain_text(body.stimulus_html)),
    }
    return {name: value for name, value in more.items() if value}
