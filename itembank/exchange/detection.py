"""Which of the formats a file is, by its content; see `formats.detect`."""

import re
import zipfile
from io import BytesIO
from typing import Final

from itembank.exchange.docx import DOCUMENT
from itembank.exchange.item_columns import columns_of
from itembank.exchange.ooxml import DAMAGED
from itembank.exchange.texts import beginning

_LOOKED_AT: Final = 200_000
_HEADER_WITHIN: Final = 5
_ROOT: Final = re.compile(r"\A(?>(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*>)*)<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL)
_ROOTS: Final = {"quiz": "moodle", "assessmentItem": "qti_item", "qti-assessment-item": "qti_item"}
_JSON: Final = re.compile(r"\s*[\[{][\s{]*\"")
_AIKEN: Final = re.compile(r"^[A-Z][.)] [^\n]*\n\s*ANSWER: ?[A-Z]\s*$", re.MULTILINE)
_GIFT: Final = re.compile(r"(?:^|[^\\])\{\s*(?:[=~#]|T\b|TRUE\b|F\b|FALSE\b|\})", re.MULTILINE)
_TEXT_LIST: Final = re.compile(
    r"^[ \t\u3000]{0,20}(?:\d{1,4} ?[.．、)）]|[（(]? ?[AＡ] ?[.．、)）:：])|答案|[（(][ \t]*[A-H√×][ \t]*[)）]", re.MULTILINE
)


WORD_STREAM: Final = "WordDocument".encode("utf-16-le")
"""Names the main part of an old Word file."""


def code_of(data: bytes, name: str) -> str | None:
    """The code of the format of a file; None for what is none of them. ``name`` in lower case."""
    if data[:2] == b"PK":
        return _kind_of_archive(data)
    if data[:4] == b"\xd0\xcf\x11\xe0":
        return None if name.endswith(".doc") or WORD_STREAM in data else "xlsx"
    text = beginning(data, _LOOKED_AT)
    return None if text is None else _kind_of_text(text, name)


def _kind_of_text(text: str, name: str) -> str | None:
    if text.lstrip().startswith("<"):
        root = _ROOT.match(text)
        return _ROOTS.get(root[1]) if root is not None else None
    if name.endswith((".csv", ".tsv")) or _has_headers(text):
        return "xlsx"
    if _JSON.match(text):
        return None
    if name.endswith(".gift") or "\n$CATEGORY:" in f"\n{text}" or (_GIFT.search(text) and "}" in text):
        return "gift"
    if _AIKEN.search(text):
        return "aiken"
    return "textlist" if _TEXT_LIST.search(text) else None


def _has_headers(text: str) -> bool:
    """Whether one of the first lines is the header row of an item sheet."""
    lines = text.split("\n", _HEADER_WITHIN)[:_HEADER_WITHIN]
    rows = [re.split(r"[,;\t]", line[:2_000].replace('"', "")) for line in lines]
    return any("stem" in found and "key" in found for found in (columns_of(row, {}) for row in rows if len(row) > 2))


def _kind_of_archive(data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
    except DAMAGED:
        return None
    if DOCUMENT in names:
        return "textlist"
    if "xl/workbook.xml" in names or "content.xml" in names:
        return "xlsx"
    return "qti_package" if any(name.lower().endswith(".xml") for name in names) else None
