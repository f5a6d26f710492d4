"""QTI: the door. In: 2.1, 2.2 and 3.0, as single items (XML) and as content packages (ZIP). Out: 3.0, both ways.

What QTI has no field for is written into the item as ``data-jikao-…`` and into the package's manifest as LOM metadata: leaf code
as classification, difficulty (LOM has five steps, too), source clause as what the item is based on, reference as identifier.
"""

import posixpath
import re
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import unquote

from lxml import etree

from itembank.errors import msg
from itembank.exchange.archives import Archive, inside
from itembank.exchange.drafts import Desk, Finder, Unfit
from itembank.exchange.grid import Refused
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.mistakes import file_error
from itembank.exchange.qti_item import ROOT, read_item
from itembank.exchange.qti_kinds_write import lacks
from itembank.exchange.qti_write import DIFFICULTIES, write_item, write_package
from itembank.exchange.safe_xml import attribute, child, children, name_of, parse, text_of
from itembank.exchange.texts import check_size

__all__ = ["MANIFEST", "lacks", "sort_items", "write_item", "write_package"]

MANIFEST: Final = "imsmanifest.xml"
_DEFAULT: Final = Reading()
_ITEM_ROOT: Final = re.compile(rb"<[\w:]*(?:qti-assessment-item|assessmentItem)\s")


def sort_items(data: bytes, how: Reading = _DEFAULT, figures: Mapping[str, bytes] | None = None) -> SortedItems:
    """Good items and refused ones of a package or a single item; rows count the items, mistakes name the file."""
    desk = Desk(how, figures)
    try:
        if data[:2] == b"PK":
            _read_package(desk, Archive(data, how.limits))
        else:
            check_size(data, how.limits)
            _take(desk, 1, data, lambda _source: None, {})
    except Refused as refused:
        return SortedItems((), {}, (refused.mistake,), ())
    return desk.result()


def _take(desk: Desk, row: int, data: bytes, find: Finder, about: dict[str, str]) -> None:
    """One item file: its item, or why not. Raises `Refused` for what is no item at all."""
    root = parse(data)
    if name_of(root) != ROOT:
        problem = msg("This is no QTI item but <%(name)s>.", name=name_of(root)[:60])
        raise Refused(file_error(problem, msg("Export the items as QTI 2.1, 2.2 or 3.0.")))
    try:
        desk.take(read_item(desk, row, root, find, about))
    except Unfit as unfit:
        desk.refuse(row, unfit)


def _read_package(desk: Desk, archive: Archive) -> None:
    found = _resources(archive)
    if not found:
        raise Refused(file_error(msg("The package lists no items."), msg("Export the items as a QTI content package.")))
    pictures = _Pictures(desk, archive)
    for row, (path, about) in enumerate(found, 1):
        desk.place = path
        picture = partial(pictures.find, posixpath.dirname(path))
        if path not in archive:
            problem = msg("The package names a file that is not in it.")
            desk.wrong(row, "", problem, msg("Export the package again."), path)
            continue
        try:
            _take(desk, row, archive.read(path), picture, about)
        except Refused as refused:
            desk.wrong(row, "", refused.mistake.problem, refused.mistake.mend, path)
    desk.place = ""


class _Pictures:
    """Pictures of a package by path; each is unpacked once."""

    def __init__(self, desk: Desk, archive: Archive) -> None:
        self.desk, self.archive = desk, archive
        self.digests: dict[str, str | None] = {}

    def find(self, folder: str, source: str) -> str | None:
        """The digest of the picture a reference in this folder leads to; None if it is missing, damaged or no picture."""
        name = inside(folder, unquote(source))
        if name in self.archive and name not in self.digests:
            try:
                figure = self.desk.add_figure(self.archive.read(name))
            except Refused:
                figure = None
            self.digests[name] = figure.digest if figure is not None else None
        return self.digests.get(name)


def _resources(archive: Archive) -> list[tuple[str, dict[str, str]]]:
    """(path, what the manifest says of it) of every item. Without a manifest: every XML file that looks like an item."""
    listing = min((name for name in archive.names if posixpath.basename(name) == MANIFEST), key=len, default=None)
    if listing is None:
        names = [name for name in archive.names if name.lower().endswith(".xml")]
        return [(name, {}) for name in names if _ITEM_ROOT.search(archive.read(name)[:4096])]
    folder = posixpath.dirname(listing)
    manifest = parse(archive.read(listing))
    found: dict[str, dict[str, str]] = {}
    for resource in manifest.iter():
        if name_of(resource) == "resource" and "item_xml" in attribute(resource, "type").lower():
            path = inside(folder, attribute(resource, "href"))
            found.setdefault(path or attribute(resource, "href"), _metadata(resource))
    return list(found.items())


def _metadata(resource: etree._Element) -> dict[str, str]:
    """Leaf code, difficulty, source clause and reference from a resource's LOM."""
    metadata = child(resource, "metadata")
    lom = child(metadata, "lom") if metadata is not None else None
    if lom is None:
        return {}
    about = {
        "reference": _first(lom, "general", "identifier", "entry"),
        "difficulty": DIFFICULTIES.get(_first(lom, "educational", "difficulty", "value").lower(), ""),
        "topic": _first(lom, "classification", "taxonpath", "taxon", "id"),
        "source": _first(lom, "relation", "resource", "description", "string"),
    }
    return {name: text for name, text in about.items() if text}


def _first(element: etree._Element, *path: str) -> str:
    """The text of the first element down a path of plain names."""
    level = [element]
    for name in path:
        level = [one for parent in level for one in children(parent, name)]
    return text_of(level[0]) if level else ""
