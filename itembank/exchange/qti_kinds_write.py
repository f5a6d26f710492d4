"""What differs between kinds in a QTI 3.0 item: how answers are declared, asked for and marked."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from lxml import etree

from itembank.errors import Message
from itembank.exchange.foreign_kinds import BLANKS, bare_number, parts_around_blanks
from itembank.exchange.outgoing import is_correct, stem_of, with_sources
from itembank.exchange.writing import WritableItem
from itembank.items import KINDS, Answer, letter

QTI: Final = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
_MATCH: Final = "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/match_correct.xml"
_VOID: Final = re.compile(r"<(br|img)((?: [a-z]+=\"[^\"]*\")*)>")

Source = Callable[[str], str]
"""Digest of a picture -> what names it in the file."""


def sub(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    """A child in the parent's namespace; low lines in attributes are hyphens."""
    plain = {attribute.replace("_", "-"): text for attribute, text in attributes.items()}
    return etree.SubElement(parent, f"{{{etree.QName(parent).namespace}}}{name}", **plain)


def filled(parent: etree._Element, name: str, html: str) -> etree._Element:
    """A child with this sanitised HTML as content, every element in QTI's namespace."""
    closed = _VOID.sub(r"<\1\2/>", html.replace("&nbsp;", "\u00a0"))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    element = etree.fromstring(f'<{name} xmlns="{QTI}">{closed}</{name}>', parser)
    parent.append(element)
    return element


def lacks(item: WritableItem) -> Message | None:
    """Why this item, of a kind the format has, cannot be in a file."""
    return BLANKS if item.body.kind == "fill_in" and parts_around_blanks(item) is None else None


def answer_of(item: WritableItem) -> Answer:
    """How the item is answered."""
    return KINDS[item.body.kind].answer


def _names(item: WritableItem) -> list[str]:
    """Of its responses: one, or one a blank."""
    return [f"RESPONSE{n}" for n in range(1, item.body.blanks + 1)] if answer_of(item) == Answer.TEXTS else ["RESPONSE"]


# --- declaring ----------------------------------------------------------------------------------------------------------


def declare(root: etree._Element, item: WritableItem) -> None:
    """The responses with what is right, where the key is to be in the file."""
    several = item.body.kind == "multiple"
    match answer_of(item):
        case Answer.CHOICE:
            right = [letter(option.id) for option in item.body.options if is_correct(item, option.id)]
            _declared(root, "RESPONSE", "multiple" if several else "single", "identifier", right)
        case Answer.ORDER:
            _declared(root, "RESPONSE", "ordered", "identifier", map(letter, item.key.correct if item.key else ()))
        case Answer.PAIRS:
            pairs = enumerate(item.key.correct if item.key else (), 1)
            _declared(root, "RESPONSE", "multiple", "directedPair", (f"P{n} {letter(option)}" for n, option in pairs))
        case Answer.NUMBER:
            _declared(root, "RESPONSE", "single", "float", [bare_number(item.key.number)] if item.key else [])
        case Answer.TEXTS:
            accepted = item.key.accepted if item.key is not None else ((),) * item.body.blanks
            for name, texts in zip(_names(item), accepted, strict=True):
                _map(_declared(root, name, "single", "string", texts[:1]), texts)


def _declared(root: etree._Element, name: str, cardinality: str, base: str, right: Iterable[str]) -> etree._Element:
    response = sub(root, "qti-response-declaration", identifier=name, cardinality=cardinality, base_type=base)
    values = list(right)
    correct = sub(response, "qti-correct-response") if values else None
    for value in values if correct is not None else ():
        sub(correct, "qti-value").text = value
    return response


def _map(response: etree._Element, texts: Iterable[str]) -> None:
    entries = list(texts)
    mapping = sub(response, "qti-mapping", default_value="0") if entries else None
    for text in entries if mapping is not None else ():
        sub(mapping, "qti-map-entry", map_key=text, mapped_value="1", case_sensitive="false")


# --- asking -------------------------------------------------------------------------------------------------------------


def stem_html(item: WritableItem, source: Source) -> str:
    """The text; blanks are fields in it."""
    parts = parts_around_blanks(item) if answer_of(item) == Answer.TEXTS else None
    if parts is None:
        return with_sources(stem_of(item), source)
    fields = [f'<qti-text-entry-interaction response-identifier="{name}"/>' for name in _names(item)]
    return "".join(with_sources(part, source) + field for part, field in zip(parts, [*fields, ""], strict=True))


def ask(body: etree._Element, item: WritableItem, source: Source) -> None:
    """What comes after the text."""
    match answer_of(item):
        case Answer.CHOICE:
            fixed = item.body.fixed_order or bool(KINDS[item.body.kind].fixed_options)
            interaction = _interaction(body, "choice", "false" if fixed else "true")
            interaction.set("max-choices", "0" if item.body.kind == "multiple" else "1")
            _choices(interaction, "qti-simple-choice", item, source)
        case Answer.ORDER:
            _choices(_interaction(body, "order", "true"), "qti-simple-choice", item, source)
        case Answer.PAIRS:
            interaction = _interaction(body, "match", "false")
            interaction.set("max-associations", str(len(item.body.prompts)))
            lines = sub(interaction, "qti-simple-match-set")
            for prompt in item.body.prompts:
                line = filled(lines, "qti-simple-associable-choice", with_sources(prompt.html, source))
                line.set("identifier", f"P{prompt.id}")
                line.set("match-max", "1")
            _choices(sub(interaction, "qti-simple-match-set"), "qti-simple-associable-choice", item, source, match_max="1")
        case Answer.NUMBER:
            field = sub(body, "p")
            sub(field, "qti-text-entry-interaction", response_identifier="RESPONSE").tail = f" {item.body.unit}".rstrip()


def _interaction(body: etree._Element, kind: str, shuffle: str) -> etree._Element:
    return sub(body, f"qti-{kind}-interaction", response_identifier="RESPONSE", shuffle=shuffle)


def _choices(parent: etree._Element, name: str, item: WritableItem, source: Source, **more: str) -> None:
    for option in item.body.options:
        choice = filled(parent, name, with_sources(option.html, source))
        choice.set("identifier", letter(option.id))
        for attribute, text in more.items():
            choice.set(attribute.replace("_", "-"), text)


# --- marking ------------------------------------------------------------------------------------------------------------


def process(root: etree._Element, item: WritableItem) -> None:
    """Full marks or none."""
    answer = answer_of(item)
    if answer not in {Answer.NUMBER, Answer.TEXTS}:
        sub(root, "qti-response-processing", template=_MATCH)
        return
    condition = sub(sub(sub(root, "qti-response-processing"), "qti-response-condition"), "qti-response-if")
    if answer == Answer.NUMBER:
        tolerance = bare_number(item.key.tolerance) if item.key is not None else "0"
        equal = sub(condition, "qti-equal", tolerance_mode="absolute", tolerance=f"{tolerance} {tolerance}")
        sub(equal, "qti-variable", identifier="RESPONSE")
        sub(equal, "qti-correct", identifier="RESPONSE")
    else:
        every = sub(condition, "qti-and")
        for name in _names(item):
            more = sub(every, "qti-gt")
            sub(more, "qti-map-response", identifier=name)
            sub(more, "qti-base-value", base_type="float").text = "0"
    sub(sub(condition, "qti-set-outcome-value", identifier="SCORE"), "qti-base-value", base_type="float").text = "1"
