"""Pieces of a QTI item that the readers of all its interactions need: declarations, what is shown, pictures in their places."""

import re
from typing import Final

from lxml import etree

from itembank.errors import msg
from itembank.exchange.drafts import Desk, Finder, Unfit
from itembank.exchange.safe_xml import attribute, child, children, inner_html, name_of, text_of

ROOT: Final = "assessmentitem"
RATIONALE: Final = "rationale"
BLOCKS: Final = frozenset({"p", "div", "ul", "ol", "table", "blockquote", "pre"})
OWN: Final = ("kind", "topic", "difficulty", "source", "reference", "unit", "tolerance")


def name_of_item(item: etree._Element) -> str:
    """Enough to find the item by."""
    return attribute(item, "title") or attribute(item, "identifier")


def declaration_of(item: etree._Element, interaction: etree._Element, cardinalities: frozenset[str]) -> etree._Element:
    """Where the answers to an interaction are declared. Raises `Unfit`."""
    wanted = attribute(interaction, "responseidentifier")
    for one in children(item, "responsedeclaration"):
        if attribute(one, "identifier") == wanted and attribute(one, "cardinality") in cardinalities:
            return one
    problem, mend = msg("The item does not say how its answers are recorded."), msg("Export it again.")
    raise Unfit("key", problem, mend, name_of_item(item))


def own_data(body: etree._Element) -> dict[str, str]:
    """What an item written by this product says of itself (``data-jikao-…``)."""
    for one in body:
        if attribute(one, "datajikaokind"):
            return {name: attribute(one, f"datajikao{name}") for name in OWN}
    return {}


def unwrapped(body: etree._Element) -> etree._Element:
    """The body, or the division this product writes around a stem."""
    return next((one for one in body if attribute(one, "datajikaokind")), body)


def remove(element: etree._Element) -> None:
    """Remove an element, keeping the text after it."""
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    if element.tail and before is not None:
        before.tail = (before.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def reduce_to_prompt(interaction: etree._Element) -> None:
    """What remains of the interaction in the stem: its prompt, as a paragraph of its own."""
    prompt = child(interaction, "prompt")
    for one in list(interaction):
        if one is not prompt:
            interaction.remove(one)
    interaction.text = None
    interaction.tag = "section"  # which the sanitiser takes away again, leaving the content
    if prompt is not None:
        prompt.tag = "section" if any(name_of(one) in BLOCKS for one in prompt) else "p"


class Html:
    """Elements of an item as clean HTML, with pictures from the package; ``exact`` for items written by this product."""

    def __init__(self, desk: Desk, find: Finder, *, exact: bool) -> None:
        self.desk, self.find, self.exact = desk, find, exact

    def inner(self, field: str, element: etree._Element) -> str:
        """The content of an element. Raises `Unfit`."""
        for one in list(element.iter()):
            if name_of(one) == "object" and attribute(one, "type").startswith("image/"):
                source = attribute(one, "data")
                tail = one.tail
                one.clear()
                one.tag, one.tail = "img", tail
                one.set("src", source)
            elif isinstance(one.tag, str):
                one.tag = etree.QName(one).localname
        html = self.desk.clean(field, inner_html(element), self.find)
        return html if self.exact else _tidied(html)


def _tidied(html: str) -> str:
    """Without the indentation of a file laid out for reading, and what an interaction without a prompt leaves behind."""
    if "<pre" in html:
        return html
    return re.sub(r"[ \t]*\n\s*", "\n", html.replace("<div></div>", "").replace("<p></p>", "")).strip()


def values_of(declaration: etree._Element) -> list[str]:
    """The declared right answers."""
    response = child(declaration, "correctresponse")
    return [text_of(one) for one in children(response, "value")] if response is not None else []
