r"""How the answers of blanks, numbers, pairs and sequences are written in one cell.

- Fill in: ``额定电压|标称电压；220``: a semicolon or a line end between blanks, ``|`` between texts that count for the same
  blank; ``\；`` and ``\|`` are those characters themselves.
- Calculation: ``220`` or ``220±5``; the unit in its own column, ``V|伏``: the first is shown, the others may be typed too.
- Matching: the letter for each line in the order of the lines, ``B,A,D``, or with their numbers, ``1-B 2-A 3-D``.
- Ordering: all letters in the right order, ``CABD`` or ``C→A→B→D``.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from itembank.exchange.item_columns import MATCHED_LETTERS
from itembank.items import letter

_BETWEEN_BLANKS: Final = ";；\n"
_BETWEEN_TEXTS: Final = "|｜"
_TOKEN: Final = re.compile(r"\\.|.", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL: Final = re.compile(r"([\\;；|｜])")
_PLUS_MINUS: Final = re.compile(r"±|\+/-|\+-")
_JOINTS: Final = re.compile(r"[\s,、;.。/+→>\-–—:=|]+")
_PAIR: Final = re.compile(r"([0-9]{1,2})[\s\-–—:=→>.、)]*([A-Z])[\s,、;。/|]*")


def _parts(text: str, marks: str) -> list[str]:
    """Parted at any of `marks` that no backslash stands before; escapes stay for the next parting."""
    parts = [""]
    for token in _TOKEN.findall(text):
        if token in marks:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts]


def _bare(text: str) -> str:
    return _ESCAPED.sub(r"\1", text).strip()


def parse_accepted(text: str) -> tuple[tuple[str, ...], ...]:
    """For each blank the texts that count; an empty part is a blank without any."""
    blanks = _parts(text.strip().strip("\n"), _BETWEEN_BLANKS)
    if len(blanks) > 1 and not blanks[-1]:
        blanks.pop()  # a semicolon at the end
    return tuple(tuple(filter(None, map(_bare, _parts(blank, _BETWEEN_TEXTS)))) for blank in blanks)


def write_accepted(accepted: Iterable[Iterable[str]]) -> str:
    """The cell `parse_accepted` reads back."""
    return "；".join("|".join(_SPECIAL.sub(r"\\\1", text) for text in texts) for texts in accepted)


def parse_number(text: str) -> tuple[str, str]:
    """Number and tolerance (empty where none is written) of ``220`` or ``220±5``; not checked further."""
    number, *tolerance = _PLUS_MINUS.split(unicodedata.normalize("NFKC", text), maxsplit=1)
    return number.strip(), tolerance[0].strip() if tolerance else ""


def parse_units(text: str) -> tuple[str, tuple[str, ...]]:
    """The unit shown behind the field, and the units that may be typed."""
    shown, *others = map(_bare, _parts(text, _BETWEEN_TEXTS))
    return shown, tuple(filter(None, others))


def write_units(shown: str, others: Sequence[str]) -> str:
    """The cell `parse_units` reads back."""
    return "|".join(_SPECIAL.sub(r"\\\1", unit) for unit in (shown, *others))


def parse_sequence(text: str) -> tuple[int, ...] | None:
    """Options by position in the order named; None for anything but letters, or a letter given twice."""
    letters = _JOINTS.sub("", unicodedata.normalize("NFKC", text).upper().strip("()[]〔〕【】 "))
    places = tuple(MATCHED_LETTERS.find(char) + 1 for char in letters)
    return places if places and 0 not in places and len(set(places)) == len(places) else None


def parse_pairs(text: str) -> tuple[int, ...] | None:
    """For each line the option by position: by order of the letters or by the number before each; None for anything else."""
    form = unicodedata.normalize("NFKC", text).upper().strip()
    found = _PAIR.findall(form)
    if not found:
        return parse_sequence(text)
    lines = {int(number): MATCHED_LETTERS.find(char) + 1 for number, char in found}
    whole = not _PAIR.sub("", form) and len(lines) == len(found) and sorted(lines) == list(range(1, len(lines) + 1))
    return tuple(lines[n] for n in sorted(lines)) if whole and 0 not in lines.values() else None


def write_sequence(correct: Iterable[int]) -> str:
    """Letters in order."""
    return "".join(map(letter, correct))


def write_pairs(correct: Iterable[int]) -> str:
    """``1-B 2-A``."""
    return " ".join(f"{n}-{letter(option)}" for n, option in enumerate(correct, 1))
