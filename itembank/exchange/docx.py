"""A Word document (.docx) -> lines of text, as `textlist` reads them.

Numbers and letters that Word counts by itself are written out; raised and lowered characters become ``<sup>`` and ``<sub>``,
pictures ``[图:DIGEST]`` (as in spreadsheet cells), table rows lines with tabs. Deleted text is left out. Formulas beyond powers
and indices cannot be written as text: `FORMULA` stands in their place, and the reader refuses such items.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from itembank.errors import msg
from itembank.exchange.archives import Archive, inside
from itembank.exchange.drafts import Desk
from itembank.exchange.grid import Refused
from itembank.exchange.item_columns import plain_word
from itembank.exchange.mistakes import column_letter, file_error
from itembank.exchange.safe_xml import attribute, child, children, name_of, parse

FORMULA: Final = "\ufffc"
DOCUMENT: Final = "word/document.xml"
_NUMBERING: Final = "word/numbering.xml"
_RELATIONS: Final = "word/_rels/document.xml.rels"
_DIGITS: Final = "零一二三四五六七八九"
_SKIPPED: Final = frozenset({"del", "movefrom", "fallback", "ppr", "rpr", "instrtext", "deltext", "txbxcontent", "tblpr"})
_PLAIN: Final = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "nobreakhyphen": "-"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``number`` counts lines or paragraphs from 1."""

    number: int
    text: str


@dataclass(slots=True)
class _Level:
    """How one level of a list is counted: a Word number format, the text around it (``%1.``), where it begins."""

    style: str
    text: str
    start: int


@dataclass(slots=True)
class _Lists:
    """All lists of a document: (list id, level) -> how it is counted, and where it has got to."""

    levels: dict[tuple[str, str], _Level] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def label(self, number: str, level: str) -> str:
        """The next label of this list, as printed; empty for bullets."""
        how = self.levels.get((number, level))
        if how is None or how.style in {"bullet", "none"}:
            return ""
        place = (number, level)
        self.counts[place] = self.counts.get(place, how.start - 1) + 1
        for deeper in [one for one in self.counts if one[0] == number and one[1] > level]:
            del self.counts[deeper]
        return how.text.replace(f"%{int(level) + 1}", _counted(how.style, self.counts[place])) if "%" in how.text else ""


def read_lines(archive: Archive, desk: Desk) -> list[Line]:
    """Every paragraph and table row that is not empty. Pictures go to the desk. Raises `Refused`."""
    document = parse(archive.read(DOCUMENT))
    body = child(document, "body")
    if body is None:
        raise Refused(file_error(msg("The file is no Word document."), msg("Save it as .docx and upload that.")))
    reader = _Reader(_lists(archive), _pictures(archive, desk))
    try:
        return [Line(n, text) for n, text in enumerate(reader.lines(body), 1) if text.strip()]
    except RecursionError:
        problem = msg("The document is nested too deeply.")
        raise Refused(file_error(problem, msg("Save it again and upload that."))) from None


def _lists(archive: Archive) -> _Lists:
    lists = _Lists()
    if _NUMBERING not in archive:
        return lists
    numbering = parse(archive.read(_NUMBERING))
    abstract = {attribute(one, "abstractnumid"): children(one, "lvl") for one in children(numbering, "abstractnum")}
    for one in children(numbering, "num"):
        for level in abstract.get(_value(one, "abstractnumid"), []):
            start = _value(level, "start")
            how = _Level(_value(level, "numfmt"), _value(level, "lvltext"), int(start) if start.isdecimal() else 1)
            lists.levels[attribute(one, "numid"), attribute(level, "ilvl")] = how
    return lists


def _value(element: etree._Element, name: str) -> str:
    found = child(element, name)
    return attribute(found, "val") if found is not None else ""


def _pictures(archive: Archive, desk: Desk) -> dict[str, str]:
    """Relation id -> digest of the picture, or its file name where the format is not known."""
    if _RELATIONS not in archive:
        return {}
    found: dict[str, str] = {}
    by_path: dict[str, str] = {}
    for relation in parse(archive.read(_RELATIONS)):
        path = inside("word", attribute(relation, "target").removeprefix("/word/"))
        if not attribute(relation, "type").endswith("/image") or path not in archive:
            continue
        if path not in by_path:
            figure = desk.add_figure(archive.read(path))
            by_path[path] = figure.digest if figure is not None else posixpath.basename(path)
        found[attribute(relation, "id")] = by_path[path]
    return found


class _Reader:
    """Walks the body of a document."""

    def __init__(self, lists: _Lists, pictures: Mapping[str, str]) -> None:
        self.lists, self.pictures = lists, pictures

    def lines(self, body: etree._Element) -> Iterator[str]:
        """Text of paragraphs and of table rows, in order."""
        for element in body:
            match name_of(element):
                case "p":
                    yield from self._paragraph(element).split("\n")
                case "tbl":
                    yield from map(self._row, children(element, "tr"))
                case "sdt":
                    content = child(element, "sdtcontent")
                    if content is not None:
                        yield from self.lines(content)

    def _row(self, row: etree._Element) -> str:
        cells = [[self._paragraph(one) for one in cell.iter() if name_of(one) == "p"] for cell in children(row, "tc")]
        return "\t".join(" ".join(" ".join(cell).split()) for cell in cells)

    def _paragraph(self, paragraph: etree._Element) -> str:
        return self._label(paragraph) + "".join(self._pieces(paragraph))

    def _label(self, paragraph: etree._Element) -> str:
        properties = child(paragraph, "ppr")
        numbered = child(properties, "numpr") if properties is not None else None
        if numbered is None:
            return ""
        label = self.lists.label(_value(numbered, "numid"), _value(numbered, "ilvl") or "0")
        return f"{label} " if label else ""

    def _pieces(self, element: etree._Element) -> Iterator[str]:
        for one in element:
            name = name_of(one)
            match name:
                case "t":
                    yield one.text or ""
                case "r":
                    yield self._run(one)
                case "omath" | "omathpara":
                    yield _formula(one)
                case "blip" | "imagedata":
                    yield self._picture(one)
                case "object" if all(name_of(inner) != "imagedata" for inner in one.iter()):
                    yield FORMULA
                case _ if name in _PLAIN:
                    yield _PLAIN[name]
                case _ if name not in _SKIPPED:
                    yield from self._pieces(one)

    def _run(self, run: etree._Element) -> str:
        text = "".join(self._pieces(run))
        properties = child(run, "rpr")
        align = _value(properties, "vertalign") if properties is not None else ""
        tag = {"superscript": "sup", "subscript": "sub"}.get(align)
        return f"<{tag}>{text}</{tag}>" if tag and text.strip() else text

    def _picture(self, blip: etree._Element) -> str:
        target = self.pictures.get(attribute(blip, "embed") or attribute(blip, "id"))
        return f"[图:{target}]" if target else ""


def _formula(element: etree._Element) -> str:
    """Powers, indices and plain runs as text with tags; `FORMULA` for anything else."""
    parts = []
    for one in element:
        match name_of(one):
            case "r":
                parts.append("".join(text.text or "" for text in children(one, "t")))
            case "ssup" | "ssub" as name:
                base, raised = child(one, "e"), child(one, name[1:])
                if base is None or raised is None:
                    return FORMULA
                tag = name[1:]
                parts.append(f"{_formula(base)}<{tag}>{_formula(raised)}</{tag}>")
            case "omath":
                parts.append(_formula(one))
            case name if not name.endswith("pr"):
                return FORMULA
    return "".join(parts)


def _counted(style: str, n: int) -> str:
    """A number in one of Word's formats."""
    match style:
        case "upperLetter":
            return column_letter(n - 1)
        case "lowerLetter":
            return column_letter(n - 1).lower()
        case "decimalEnclosedCircle" | "decimalEnclosedCircleChinese":
            return plain_word(chr(0x245F + n)) if 1 <= n <= 20 else str(n)
    if "hinese" in style or "ideograph" in style.lower() or "japanese" in style.lower():
        tens, ones = divmod(n, 10)
        return (_DIGITS[tens] if 1 < tens < 10 else "") + ("十" if tens else "") + (_DIGITS[ones] if ones or not tens else "")
    return str(n)
