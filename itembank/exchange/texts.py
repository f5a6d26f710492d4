"""Bytes of a text file -> text, and the small text formats within (plain, HTML, Moodle's automatic one)."""

import codecs
import html
import re
from typing import Final

from itembank.errors import msg
from itembank.exchange.grid import Limits, Refused
from itembank.exchange.mistakes import file_error
from itembank.markup import from_text, storable

_ANY_TAG: Final = re.compile(r"<[a-zA-Z/!]")
_ENCODINGS: Final = ("utf-8-sig", "gb18030")


def check_size(data: bytes, limits: Limits) -> None:
    """Raise `Refused` for a file larger than allowed."""
    if len(data) > limits.file_bytes:
        problem = msg("The file is too large: %(n)s MB.", n=len(data) // 1_000_000)
        raise Refused(file_error(problem, msg("Split it; one file may have %(n)s MB.", n=limits.file_bytes // 1_000_000)))


def decode(data: bytes, limits: Limits) -> str:
    """UTF-8, UTF-16 with its mark, or GB18030; line ends become ``\\n``. Raises `Refused`."""
    check_size(data, limits)
    marked = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    for encoding in ("utf-16",) if marked else _ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return storable(text)
    raise Refused(file_error(msg("The file is no text in UTF-8 or GB18030."), msg("Save it as text in UTF-8 and upload that.")))


def beginning(data: bytes, length: int) -> str | None:
    """The first ``length`` bytes as text, as `decode` would read them; None where it would refuse."""
    marked = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    for encoding in ("utf-16",) if marked else _ENCODINGS:
        reader = codecs.getincrementaldecoder(encoding)()
        try:
            text = reader.decode(data[:length], final=len(data) <= length)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return storable(text)
    return None


def automatic_html(text: str) -> str:
    """Moodle's automatic format: HTML as it is, with line ends as breaks; without a tag the characters are just characters."""
    if not _ANY_TAG.search(text):
        return from_text(html.unescape(text))
    return text.strip().replace("\n", "<br>")
