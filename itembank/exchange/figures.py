"""Picture files: their type by content, and their digest."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lxml import etree

LARGEST: Final = 5_000_000
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture: SHA-256 in hex, media type, bytes."""

    digest: str
    type: str
    data: bytes


def read_figure(data: bytes) -> Figure | None:
    """The picture, or None where the bytes are no PNG, JPEG, GIF, WebP or SVG of at most 5 MB.

    An SVG may hold scripts; it is only ever shown by ``<img>``, where they do not run.
    """
    kind = _type_of(data)
    if kind is None or len(data) > LARGEST:
        return None
    return Figure(hashlib.sha256(data).hexdigest(), kind, data)


def _type_of(data: bytes) -> str | None:
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in data[:4096] and _is_svg(data) else None


def _is_svg(data: bytes) -> bool:
    root = root_of(data)
    return root is not None and isinstance(root.tag, str) and root.tag.rpartition("}")[2] == "svg"


def root_of(data: bytes) -> "etree._Element | None":
    """The root element of XML, None where it is none; nothing is expanded or fetched."""
    from lxml import etree  # with the first SVG, not at start-up

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
