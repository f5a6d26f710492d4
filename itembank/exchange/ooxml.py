"""What only the XML inside an XLSX file tells: raised and lowered characters, embedded pictures, formulas, error values.

python-calamine reads values fast but drops these, and without them 10² becomes 102 and a figure is lost unseen. Read with
entities and network off; only parts named by the workbook's own relations are opened.
"""

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

Place = tuple[int, int]

# Any namespace: the transitional and the strict flavour of the format differ in nothing else that matters here.
_ANY: Final = "{*}"
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_LARGEST_PICTURE: Final = 10_000_000


# What zipfile and lxml raise on archives that are broken, encrypted, or made to break a reader.
DAMAGED: Final = (
    ArithmeticError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    etree.LxmlError,
)


class BadWorkbook(Exception):
    """The parts of the archive do not make a workbook."""


@dataclass(slots=True)
class Extra:
    """By (row, column) from 0. ``rich_texts`` holds only cells with raised or lowered parts, as ``m<sup>2</sup>``.

    ``rows`` and ``columns`` say how far the cells reach: calamine makes room for the whole rectangle before anybody can ask.
    """

    rich_texts: dict[Place, str] = field(default_factory=dict)
    formulas: set[Place] = field(default_factory=set)
    errors: set[Place] = field(default_factory=set)
    pictures: dict[Place, list[bytes]] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0


def is_xlsx(data: bytes) -> bool:
    """Whether the archive holds a workbook part where XLSX has it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except DAMAGED:
        return False


def read_extra(data: bytes, sheet_name: str) -> Extra:
    """What calamine does not tell of one sheet; empty for a file that is no XLSX. Raises `BadWorkbook`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                return Extra()
            path = _sheet_path(archive, sheet_name)
            extra = Extra()
            if path is not None:
                _read_cells(archive, path, extra)
                _read_pictures(archive, path, extra)
            return extra
    except DAMAGED as error:
        raise BadWorkbook(str(error)) from error


def _tree(archive: zipfile.ZipFile, path: str) -> etree._Element:
    return etree.fromstring(archive.read(path), etree.XMLParser(resolve_entities=False, no_network=True))


def _relations(archive: zipfile.ZipFile, path: str) -> dict[str, str]:
    """Relation id -> path inside the archive, of one part."""
    folder, name = posixpath.split(path)
    listing = f"{folder}/_rels/{name}.rels"
    if listing not in archive.namelist():
        return {}
    found = {}
    for relation in _tree(archive, listing):
        target = relation.get("Target", "")
        if relation.get("TargetMode") != "External":
            found[relation.get("Id", "")] = posixpath.normpath(posixpath.join(f"/{folder}", target)).lstrip("/")
    return found


def _linked(element: etree._Element, name: str) -> str:
    """The relation id in ``r:id`` or ``r:embed``."""
    for attribute, value in element.attrib.items():
        if attribute.endswith(f"relationships}}{name}"):
            return str(value)
    return ""


def _sheet_path(archive: zipfile.ZipFile, sheet_name: str) -> str | None:
    relations = _relations(archive, "xl/workbook.xml")
    for sheet in _tree(archive, "xl/workbook.xml").iter(f"{_ANY}sheet"):
        if sheet.get("name") == sheet_name:
            return relations.get(_linked(sheet, "id"))
    return None


def _read_cells(archive: zipfile.ZipFile, path: str, extra: Extra) -> None:
    rich = _rich_strings(archive)
    for place, cell in _cells(archive, path):
        extra.rows, extra.columns = max(extra.rows, place[0] + 1), max(extra.columns, place[1] + 1)
        if cell.find(f"{_ANY}f") is not None:
            extra.formulas.add(place)
        kind = cell.get("t")
        if kind == "e":
            extra.errors.add(place)
        elif kind == "s" and rich:
            index = cell.findtext(f"{_ANY}v", "")
            if index in rich:
                extra.rich_texts[place] = rich[index]
        elif kind == "inlineStr" and (inline := cell.find(f"{_ANY}is")) is not None:
            text = _rich_text(inline)
            if text is not None:
                extra.rich_texts[place] = text


def _cells(archive: zipfile.ZipFile, path: str) -> Iterator[tuple[Place, etree._Element]]:
    """Every cell of a sheet; rows are forgotten after use: a sheet may be large."""
    with archive.open(path) as stream:
        parser = etree.iterparse(stream, tag=(f"{_ANY}c", f"{_ANY}row"), resolve_entities=False, no_network=True)
        for _, element in parser:
            if etree.QName(element).localname == "row":
                _forget(element)
                continue
            place = _place(element.get("r", ""))
            if place is not None:
                yield place, element


def _forget(row: etree._Element) -> None:
    """Free a row and those before it."""
    row.clear()
    parent = row.getparent()
    while parent is not None and row.getprevious() is not None:
        del parent[0]


def _place(reference: str) -> Place | None:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return None
    column = 0
    for char in found[1]:
        column = column * 26 + ord(char) - ord("A") + 1
    return int(found[2]) - 1, column - 1


def _rich_strings(archive: zipfile.ZipFile) -> dict[str, str]:
    """Index (as text) -> text with tags, of the shared strings that have raised or lowered parts."""
    targets = _relations(archive, "xl/workbook.xml").values()
    path = next((path for path in targets if path.lower().endswith("/sharedstrings.xml")), "")
    if path not in archive.namelist():
        return {}
    found = {}
    for index, string in enumerate(_tree(archive, path).iter(f"{_ANY}si")):
        text = _rich_text(string)
        if text is not None:
            found[str(index)] = text
    return found


def _rich_text(string: etree._Element) -> str | None:
    """The runs of one string with ``<sup>`` / ``<sub>`` written out; None where nothing is raised or lowered."""
    parts, special = [], False
    for run in string.iter(f"{_ANY}r"):
        text = run.findtext(f"{_ANY}t", "")
        align = run.find(f"{_ANY}rPr/{_ANY}vertAlign")
        tag = {"superscript": "sup", "subscript": "sub"}.get(align.get("val", "") if align is not None else "")
        special = special or tag is not None
        parts.append(f"<{tag}>{text}</{tag}>" if tag else text)
    return "".join(parts) if special else None


def _read_pictures(archive: zipfile.ZipFile, path: str, extra: Extra) -> None:
    for drawing in _relations(archive, path).values():
        if not drawing.startswith("xl/drawings/") or not drawing.endswith(".xml"):
            continue
        if drawing not in archive.namelist():
            continue
        images = _relations(archive, drawing)
        for anchor in _tree(archive, drawing):
            start = anchor.find(f"{_ANY}from")
            blip = next(anchor.iter(f"{_ANY}blip"), None)
            if start is None or blip is None:
                continue
            image = images.get(_linked(blip, "embed"), "")
            if image not in archive.namelist() or archive.getinfo(image).file_size > _LARGEST_PICTURE:
                continue
            place = (int(start.findtext(f"{_ANY}row", "0")), int(start.findtext(f"{_ANY}col", "0")))
            extra.pictures.setdefault(place, []).append(archive.read(image))
