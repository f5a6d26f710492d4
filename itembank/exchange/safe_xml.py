"""XML from strangers: no entities, no network, no huge nodes; and names without their namespaces."""

from functools import lru_cache
from html import escape
from typing import Final

from lxml import etree

from itembank.errors import Message, msg
from itembank.exchange.grid import Refused
from itembank.exchange.mistakes import file_error

_ENTITY: Final = "<!ENTITY"
_ENTITY_MARKS: Final = (_ENTITY.encode(), _ENTITY.encode("utf-16-le"), _ENTITY.encode("utf-16-be"))


def parse(data: bytes) -> etree._Element:
    """The root element. Raises `Refused` for what is no XML, declares entities, or is made to break a reader."""
    if any(mark in data for mark in _ENTITY_MARKS):
        raise _refused(msg("The file defines entities of its own, which is not allowed."))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError, LookupError) as error:
        where = getattr(error, "position", (0, 0))[0] or 0
        raise _refused(msg("The file is no well-formed XML (line %(line)s).", line=where)) from None


def _refused(problem: Message) -> Refused:
    return Refused(file_error(problem, msg("Export it again and upload that.")))


def name_of(element: etree._Element) -> str:
    """The plain name: no namespace, no ``qti-``, no hyphens, lower case. So all generations of QTI read alike."""
    return _plain(element.tag) if isinstance(element.tag, str) else ""


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its plain name (``maxchoices`` for ``max-choices`` and ``maxChoices``); empty if it is not there."""
    for key, value in element.attrib.items():
        if _plain(key) == name:
            return str(value)
    return ""


@lru_cache(maxsize=2_000)
def _plain(tag: str) -> str:
    return tag.rpartition("}")[2].lower().removeprefix("qti-").replace("-", "")


def child(element: etree._Element, name: str) -> etree._Element | None:
    """The first child with this plain name."""
    return next((one for one in element if name_of(one) == name), None)


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """All children with this plain name."""
    return [one for one in element if name_of(one) == name]


def text_of(element: etree._Element | None) -> str:
    """All text inside, trimmed."""
    return "" if element is None else "".join(element.itertext()).strip()


def inner_html(element: etree._Element) -> str:
    """The content as HTML. Not libxml2's own HTML: that leaves out end tags which later readers need."""
    for one in element.iter():
        if isinstance(one.tag, str) and len(one) == 0 and not one.text and name_of(one) not in {"br", "img", "hr"}:
            one.text = ""  # so that it is written with an end tag
    inside = (str(etree.tostring(one, encoding="unicode")) for one in element)
    return escape(element.text or "", quote=False) + "".join(inside)


def as_comment(text: str) -> str:
    """A text as it may stand in a comment: one line without double hyphens."""
    return " ".join(text.split()).replace("--", "- -").rstrip("-")
