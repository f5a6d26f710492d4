"""What all writers share: pictures by file name, a short name for an item, keys as weights, the mark of an export."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from itembank import markup
from itembank.exchange.figures import Figure
from itembank.exchange.writing import WritableItem

_MEDIA: Final = re.compile(r'src="media:([0-9a-f]{64})"')
_EXTENSIONS: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/svg+xml": ".svg",
}
NO_FIGURES: Final[Mapping[str, Figure]] = {}
MARK_LABEL: Final = "导出"
_BLOCK_ENDS: Final = ("</p>", "</div>", "</table>", "</ul>", "</ol>", "</pre>", "</blockquote>")


@dataclass(frozen=True, slots=True)
class Mark:
    """Who had a file made, when and why. ``short`` (one line) is written beside every item, ``lines`` at the head of the file."""

    short: str
    lines: tuple[str, ...]

    @property
    def label(self) -> str:
        """As a tag, which readers of this product pass over."""
        return f"{MARK_LABEL}:{self.short}"


def file_name(digest: str, figures: Mapping[str, Figure]) -> str:
    """The name a picture is delivered under: its digest, with the extension of its type if the picture is at hand."""
    figure = figures.get(digest)
    return digest + (_EXTENSIONS.get(figure.type, "") if figure is not None else "")


def with_sources(html: str, source: Callable[[str], str]) -> str:
    """The HTML with ``media:DIGEST`` replaced by ``source(DIGEST)``."""
    return _MEDIA.sub(lambda found: f'src="{source(found[1])}"', html) if "media:" in html else html


def stem_of(item: WritableItem) -> str:
    """The text of the question; for one of a case set the text the set shares stands before it."""
    shared = item.body.stimulus_html
    if not shared:
        return item.body.stem_html
    return f"{shared}{'' if shared.endswith(_BLOCK_ENDS) else '<br>'}{item.body.stem_html}"


def title_of(item: WritableItem) -> str:
    """The beginning of the text, in one line: what lists show."""
    return " ".join(markup.shown_text(item.body.stem_html).split())[:50].strip() or "—"


def is_correct(item: WritableItem, option_id: int) -> bool:
    """Whether the key names this option; never without a key."""
    return item.key is not None and option_id in item.key.correct


def rationale_of(item: WritableItem) -> str:
    """Why the key is right; empty without a key."""
    return item.key.rationale_html if item.key is not None else ""


def one_line(text: str) -> str:
    """Without line ends."""
    return " ".join(text.split())
