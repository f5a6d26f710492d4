r"""Cell text <-> the HTML of an item.

A cell is plain text. Recognised in it: ``<sub>…</sub>``, ``<sup>…</sup>``, a whole ``<table>…</table>``, and ``[图:name]`` for
a picture, ``\(…\)`` for a formula in LaTeX; every other ``<`` is just a character. HTML that this cannot express (emphasis) is
written as ``[html]`` followed by the HTML, so that what is exported comes back as it was.
"""

import html
import re
from collections.abc import Callable
from typing import Final

from itembank import formulas, markup

HTML_MARK: Final = "[html]"
_RAISED: Final = re.compile(r"&lt;(sub|sup)&gt;((?:(?!&lt;/?su[bp]&gt;).)*)&lt;/\1&gt;", re.DOTALL)
_TABLE: Final = re.compile(r"&lt;table&gt;.*?&lt;/table&gt;", re.DOTALL)
_PICTURE: Final = re.compile(r"\[图[:：]\s*([^\[\]\n<>]{1,200}?)\s*\]")
_IMG: Final = re.compile(r'<img src="media:([0-9a-f]{64})">')
_DIGEST: Final = re.compile(r"([0-9a-f]{64})(?:\.[A-Za-z]{1,5})?")

Finder = Callable[[str], str | None]


def digest_in_name(name: str) -> str | None:
    """The digest a picture's name consists of, as exports write it; None for any other name."""
    found = _DIGEST.fullmatch(name.strip())
    return found[1] if found else None


def picture(digest: str) -> str:
    """The HTML of one picture."""
    return f'<img src="media:{digest}">'


def to_html(text: str, find: Finder = digest_in_name) -> tuple[str, list[str]]:
    """Sanitised HTML of a cell, and the names of pictures ``find`` did not know (name -> digest or None)."""
    missing: list[str] = []

    def placed(found: re.Match[str]) -> str:
        digest = find(html.unescape(found[1]))
        if digest is None:
            missing.append(html.unescape(found[1]))
            return found[0]
        return picture(digest)

    if text.startswith(HTML_MARK):
        return markup.sanitise(text.removeprefix(HTML_MARK)), missing
    made = _RAISED.sub(r"<\1>\2</\1>", markup.from_text(text))
    if _TABLE.search(made):
        made = markup.sanitise(_TABLE.sub(_table, made))
    return _PICTURE.sub(placed, made), missing


def _table(found: re.Match[str]) -> str:
    """A table that stands in a cell as text; line ends within it are the typist's."""
    return html.unescape(found[0].replace("<br>", ""))


def from_html(source: str) -> str:
    """The cell text for sanitised HTML: plain where `to_html` gives the same HTML back, else marked ``[html]``."""
    flat = _IMG.sub(r"[图:\1]", formulas.typed(source)).replace("<br>", "\n")
    text = html.unescape(flat)
    return text if to_html(text) == (source, []) else f"{HTML_MARK}{source}"
