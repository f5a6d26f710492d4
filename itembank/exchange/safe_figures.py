"""Figures that may be shown: plain pictures, and SVG that draws and does nothing else. And the ZIP of figures beside a file."""

import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from itembank.errors import msg
from itembank.exchange.figures import Figure, read_figure, root_of
from itembank.exchange.mistakes import RowError, file_error, shorten

if TYPE_CHECKING:
    from lxml import etree

LARGEST: Final = 2_000_000
_MOST: Final = 2_000
_MOST_BYTES: Final = 100_000_000
_FORBIDDEN: Final = frozenset({"script", "foreignObject", "iframe", "object", "embed", "audio", "video", "handler", "listener"})
HOW_TO_MEND: Final = msg("Use PNG, JPEG or an SVG without scripts and links, at most 2 MB.")


def svg_is_plain(data: bytes) -> bool:
    """Whether an SVG draws and does nothing else: no scripts, no event handlers, nothing fetched from elsewhere."""
    root = root_of(data)
    if root is None:
        return False
    return root.getroottree().docinfo.internalDTD is None and all(_element_is_plain(element) for element in root.iter())


def _element_is_plain(element: "etree._Element") -> bool:
    from lxml import etree

    if not isinstance(element.tag, str):
        return element.tag is etree.Comment
    if etree.QName(element).localname in _FORBIDDEN:
        return False
    for name, value in element.attrib.items():
        local, text = etree.QName(name).localname.lower(), str(value).strip().lower()
        if local.startswith("on") or "javascript:" in text:
            return False
        if local in {"href", "src"} and not text.startswith(("#", "data:image/png", "data:image/jpeg")):
            return False
        if "url(" in text and "url(#" not in text.replace(" ", "").replace("'", "").replace('"', ""):
            return False
    content = (element.text or "").lower()
    return not (etree.QName(element).localname == "style" and ("@import" in content or "url(" in content))


def is_safe(figure: Figure) -> bool:
    """Whether a figure is small enough to be shown and, as an SVG, only draws."""
    return len(figure.data) <= LARGEST and (figure.type != "image/svg+xml" or svg_is_plain(figure.data))


def read_safe_figure(data: bytes) -> Figure | None:
    """The figure, or None where it is no SVG, PNG, JPEG, GIF or WebP, too large, or an SVG that does more than draw."""
    figure = read_figure(data) if len(data) <= LARGEST else None
    return figure if figure is not None and is_safe(figure) else None


def unpack(data: bytes) -> tuple[dict[str, bytes], list[RowError]]:
    """Figures of a ZIP by file name (no bytes: none), and mistakes of those that are not safe or of the archive itself."""
    from itembank.exchange.ooxml import DAMAGED  # loads the XML library

    if not data:
        return {}, []
    files: dict[str, bytes] = {}
    mistakes: list[RowError] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and "__MACOSX" not in entry.filename]
            if len(entries) > _MOST or sum(entry.file_size for entry in entries) > _MOST_BYTES:
                return {}, [file_error(msg("The ZIP holds too much."), msg("Split it: 2,000 figures and 100 MB at most."))]
            for entry in entries:
                name, content = PurePosixPath(_file_name(entry)).name, archive.read(entry)
                if read_safe_figure(content) is None:
                    problem = msg("The figure “%(name)s” cannot be shown safely.", name=shorten(name))
                    mistakes.append(file_error(problem, HOW_TO_MEND, name))
                else:
                    files[name] = content
    except DAMAGED:
        return {}, [file_error(msg("The ZIP of figures is damaged or protected."), msg("Pack it again and upload that."))]
    return files, mistakes


def _file_name(entry: zipfile.ZipInfo) -> str:
    """Chinese Windows packs names in GBK without saying so; Python then reads them as CP437."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gbk")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return entry.filename
