"""The HTML of items: an allow-list, references to media, and its plain text. Pure.

Authors' HTML is cut down to text, simple emphasis, lists, tables, ``sub``/``sup``, formulas (module `formulas`) and
pictures. A picture is always ``<img src="media:DIGEST">`` where DIGEST is the lower-case SHA-256 of its bytes: nothing
is ever fetched from elsewhere, and SVG can only be shown as a picture, where scripts in it do not run.
"""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Final

import nh3

from itembank import formulas

# fmt: off
_TAGS: Final = frozenset({
    "p", "br", "b", "strong", "i", "em", "u", "s", "sub", "sup", "ul", "ol", "li", "table", "caption",
    "thead", "tbody", "tr", "th", "td", "img", "code", "pre", "blockquote", "div", "span",
})
# fmt: on
_WITHOUT_CONTENT: Final = frozenset({"script", "style", "svg", "math", "iframe", "object", "template"})
_ATTRIBUTES: Final = {
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
    "span": {"class"},
}
# fmt: off
_BLOCKS: Final = frozenset({
    "p", "br", "li", "tr", "table", "caption", "div", "pre", "blockquote", "ul", "ol", "td", "th",
})
# fmt: on
_MEDIA_SRC: Final = re.compile(r"media:([0-9a-f]{64})")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_BLANK: Final = re.compile(r"_{3,}")
# Characters XML 1.0 and PostgreSQL cannot hold; lone surrogates cannot be encoded at all.
_UNSTORABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if _MEDIA_SRC.fullmatch(value) else None
    if name == "alt":
        return value
    if name == "class":
        return value if value == "math" else None
    return value if _NUMBER.fullmatch(value) else None


_CLEANER: Final = nh3.Cleaner(
    tags=set(_TAGS),
    clean_content_tags=set(_WITHOUT_CONTENT),
    attributes=_ATTRIBUTES,
    attribute_filter=_keep_attribute,
    url_schemes={"media"},
    link_rel=None,
    strip_comments=True,
)


def storable(text: str) -> str:
    """The text without control characters that no store can hold; ``\\r\\n`` becomes ``\\n``."""
    return _UNSTORABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def sanitise(source: str) -> str:
    """Authors' HTML cut down to the allow-list. Idempotent; pictures that are not ``media:`` lose their source."""
    return formulas.mark(_CLEANER.clean(storable(source)).strip())


def place_pictures(source: str, find: Callable[[str], str | None]) -> str:
    """`sanitise`, with each picture's source replaced by the digest ``find`` gives for it; None leaves a bare picture."""

    def placed(tag: str, name: str, value: str) -> str | None:
        if (tag, name) != ("img", "src"):
            return _keep_attribute(tag, name, value)
        digest = find(value)
        return None if digest is None else f"media:{digest}"

    if "<img" not in source.lower():
        return sanitise(source)
    cleaner = nh3.Cleaner(
        tags=set(_TAGS),
        clean_content_tags=set(_WITHOUT_CONTENT),
        attributes=_ATTRIBUTES,
        attribute_filter=placed,
        url_schemes={"media", "data", "http", "https", "file"},
        link_rel=None,
        strip_comments=True,
    )
    return sanitise(cleaner.clean(storable(source)))


def from_text(text: str) -> str:
    """Plain text as HTML: everything escaped, line ends as ``<br>``. Already in the form `sanitise` gives."""
    escaped = html.escape(storable(text).strip(), quote=False)
    return formulas.mark(escaped.replace("\u00a0", "&nbsp;").replace("\n", "<br>"))


class _Reader(HTMLParser):
    r"""Collects text; ``^{…}`` / ``_{…}`` for raised and lowered parts, ``\(…\)`` for formulas, ``[media:…]`` for pictures."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.media: list[str] = []
        self.bare_pictures = 0
        self.blanks = 0
        self.spans: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"sup", "sub"}:
            self.parts.append("^{" if tag == "sup" else "_{")
        elif tag == "img":
            self._picture(dict(attrs).get("src") or "")
        elif tag == "span":
            self.spans.append("\\)" if ("class", "math") in attrs else "")
            self.parts.append("\\(" if self.spans[-1] else "")
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def _picture(self, src: str) -> None:
        found = _MEDIA_SRC.fullmatch(src)
        if found is None:
            self.bare_pictures += 1
            return
        self.media.append(found[1])
        self.parts.append(f"[media:{found[1]}]")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"sup", "sub"}:
            self.parts.append("}")
        elif tag == "span" and self.spans:
            self.parts.append(self.spans.pop())
        elif tag in _BLOCKS and tag != "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
        if not any(self.spans):
            self.blanks += len(_BLANK.findall(data))


def _read(source: str) -> _Reader:
    reader = _Reader()
    reader.feed(source)
    reader.close()
    return reader


def plain_text(source: str) -> str:
    r"""The text of sanitised HTML. ``m<sup>2</sup>`` gives ``m^{2}``; a picture ``[media:DIGEST]``; a formula ``\(…\)``."""
    if "<" not in source and "&" not in source:
        return source.strip()
    return re.sub(r"\s*\n\s*", "\n", "".join(_read(source).parts)).strip()


def shown_text(source: str) -> str:
    """`plain_text` without picture marks and braces of raised parts, formulas as `formulas.readable`: for lengths, previews."""
    text = re.sub(r"\[media:[0-9a-f]{64}\]", "", formulas.replaced(plain_text(source), formulas.readable))
    return re.sub(r"[\^_]\{([^{}]*)\}", r"\1", text).strip()


def media_of(source: str) -> frozenset[str]:
    """Digests of the pictures in the HTML."""
    return frozenset(_MEDIA_SRC.findall(source)) if "<img" in source else frozenset()


def blanks_in(source: str) -> int:
    """How many blanks to write in there are: runs of three or more low lines, within one piece of text, outside formulas."""
    return _read(source).blanks if "___" in source else 0


def has_bare_picture(source: str) -> bool:
    """Whether a picture has no usable ``media:`` source (it pointed elsewhere, or its file was never uploaded)."""
    return "<img" in source and _read(source).bare_pictures > 0
