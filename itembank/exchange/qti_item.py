"""One QTI item (2.x or 3.0) -> a draft. Only items with exactly one choice interaction and nothing else to answer are taken.

Names are compared without namespace, prefix and hyphens (`safe_xml.name_of`), so both generations read alike. What candidates
see outside the options is the stem. Feedback, rubrics and everything else that may give the key away never reach it.
"""

import copy
import re
from typing import Final

from lxml import etree

from itembank.errors import msg
from itembank.exchange.drafts import Desk, Draft, Finder, Unfit, is_kind, truth_order
from itembank.exchange.safe_xml import attribute, child, children, inner_html, name_of, text_of
from itembank.items import letter

ROOT: Final = "assessmentitem"
RATIONALE: Final = "rationale"
_MOST_OPTIONS: Final = 50
# Not shown to candidates while they answer, or not content at all.
# fmt: off
_DROPPED: Final = frozenset({
    "rubricblock", "feedbackinline", "feedbackblock", "modalfeedback", "stylesheet", "cataloginfo", "infocontrol",
    "companionmaterialsinfo",
})
# fmt: on
_BLOCKS: Final = frozenset({"p", "div", "ul", "ol", "table", "blockquote", "pre"})


def read_item(desk: Desk, row: int, item: etree._Element, find: Finder, about: dict[str, str]) -> Draft:
    """The draft of an item. ``find`` gives the digest of a picture; ``about`` what a manifest says. Raises `Unfit`."""
    body = child(item, "itembody")
    if body is None:
        raise Unfit("stem", msg("The item has no body."), msg("Export it again."), _title(item))
    body = copy.deepcopy(body)
    interaction = _interaction(item, body)
    declaration = _declaration(item, interaction)
    own = _own_data(body)
    choices = _choices(interaction)
    draft = Draft(row, "", "", [], _correct(desk, row, declaration, choices))
    _forget_hidden(desk, row, body)
    html = _Html(desk, find, exact=bool(own))
    draft.options = [html.inner(f"option_{letter(min(n, 8)).lower()}", one) for n, one in enumerate(choices, 1)]
    _reduce_to_prompt(interaction)
    draft.stem = html.inner("stem", _unwrapped(body))
    draft.rationale = _rationale(desk, row, item, html)
    draft.fixed_order = attribute(interaction, "shuffle") != "true" or any(attribute(one, "fixed") == "true" for one in choices)
    if attribute(interaction, "shuffle") == "true" and draft.fixed_order:
        problem = msg("Some options have a fixed place: the order of all was fixed.")
        desk.note(row, "fixed_order", problem, msg("Check whether the options may be shuffled."))
    draft.kind = own.get("kind", "")
    _settle_kind(draft, declaration, interaction)
    for name in ("topic", "difficulty", "source", "reference"):
        setattr(draft, name, own.get(name) or about.get(name, ""))
    draft.reference = draft.reference or ("" if own else attribute(item, "identifier"))
    return draft


def _title(item: etree._Element) -> str:
    return attribute(item, "title") or attribute(item, "identifier")


def _interaction(item: etree._Element, body: etree._Element) -> etree._Element:
    """The one choice interaction. Raises `Unfit` for anything else."""
    if any(name_of(one) == "assessmentstimulusref" for one in item):
        problem = msg("The item belongs to a shared text (stimulus); such items cannot be taken yet.")
        raise Unfit("stem", problem, msg("Put the shared text into the item itself."), _title(item))
    if any(name_of(one) == "templatedeclaration" for one in item):
        problem = msg("The item is a template with variables; such items cannot be taken.")
        raise Unfit("stem", problem, msg("Write it out as an ordinary item."), _title(item))
    found = [one for one in body.iter() if name_of(one).endswith("interaction")]
    others = sorted({name_of(one) for one in found} - {"choiceinteraction"})
    if others:
        raise _unsupported("、".join(others), item)
    if not found:
        raise _unsupported("description", item)
    if len(found) > 1:
        problem = msg("The item asks %(n)s questions at once.", n=len(found))
        raise Unfit("stem", problem, msg("Make an item of each."), _title(item))
    return found[0]


def _unsupported(kind: str, item: etree._Element) -> Unfit:
    problem = msg("Questions of the type “%(type)s” cannot be taken.", type=kind[:120])
    return Unfit("kind", problem, msg("Only single choice, multiple choice and true/false can be taken."), _title(item))


def _declaration(item: etree._Element, interaction: etree._Element) -> etree._Element:
    wanted = attribute(interaction, "responseidentifier")
    for one in children(item, "responsedeclaration"):
        if attribute(one, "identifier") == wanted and attribute(one, "cardinality") in {"single", "multiple"}:
            return one
    problem, mend = msg("The item does not say how its answers are recorded."), msg("Export it again.")
    raise Unfit("key", problem, mend, _title(item))


def _choices(interaction: etree._Element) -> list[etree._Element]:
    return children(interaction, "simplechoice")[:_MOST_OPTIONS]


def _correct(desk: Desk, row: int, declaration: etree._Element, choices: list[etree._Element]) -> tuple[int, ...]:
    """Ids of the correct options: the declared response, else the options that earn marks."""
    ids = {attribute(one, "identifier"): n for n, one in enumerate(choices, 1)}
    response = child(declaration, "correctresponse")
    named = [text_of(one) for one in children(response, "value")] if response is not None else []
    mapping = child(declaration, "mapping")
    if not named and mapping is not None:
        named = [attribute(one, "mapkey") for one in children(mapping, "mapentry") if _positive(attribute(one, "mappedvalue"))]
        if named:
            problem = msg("The key was taken from the marks the options earn.")
            desk.note(row, "key", problem, msg("Check the key."))
    absent = [name for name in named if name not in ids]
    if absent:
        problem = msg("The key names option %(letters)s, which does not exist.", letters=", ".join(absent)[:60])
        raise Unfit("key", problem, msg("Correct the key, or add the option."))
    return tuple(ids[name] for name in named)


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _own_data(body: etree._Element) -> dict[str, str]:
    """What an item written by this product says of itself (``data-jikao-…``)."""
    for one in body:
        if attribute(one, "datajikaokind"):
            names = ("kind", "topic", "difficulty", "source", "reference")
            return {name: attribute(one, f"datajikao{name}") for name in names}
    return {}


def _unwrapped(body: etree._Element) -> etree._Element:
    """The body, or the division this product writes around a stem."""
    return next((one for one in body if attribute(one, "datajikaokind")), body)


def _forget_hidden(desk: Desk, row: int, body: etree._Element) -> None:
    """Take away what candidates do not see while they answer. Raises `Unfit` for what cannot be shown as written."""
    hidden = [one for one in body.iter() if name_of(one) in _DROPPED and "candidate" not in attribute(one, "view").split()]
    for one in hidden:
        _remove(one)
    if any(text_of(one) for one in hidden):
        problem = msg("Feedback and rubrics inside the item were not taken.")
        desk.note(row, "rationale", problem, msg("Write what matters into the explanation."))
    for one in body.iter():
        name = name_of(one)
        if name in {"printedvariable", "templateblock", "templateinline", "include", "hottext", "gap"}:
            problem = msg("The text holds something that cannot be taken: %(what)s.", what=name)
            raise Unfit("stem", problem, msg("Write it out as an ordinary item."), text_of(body)[:200])


def _remove(element: etree._Element) -> None:
    """Remove an element, keeping the text after it."""
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    if element.tail and before is not None:
        before.tail = (before.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _reduce_to_prompt(interaction: etree._Element) -> None:
    """What remains of the interaction in the stem: its prompt, as a paragraph of its own."""
    prompt = child(interaction, "prompt")
    for one in list(interaction):
        if one is not prompt:
            interaction.remove(one)
    interaction.text = None
    interaction.tag = "section"  # which the sanitiser takes away again, leaving the content
    if prompt is not None:
        prompt.tag = "section" if any(name_of(one) in _BLOCKS for one in prompt) else "p"


def _settle_kind(draft: Draft, declaration: etree._Element, interaction: etree._Element) -> None:
    """The kind the item names itself; else by cardinality, and two options that say true and false are such an item."""
    truths = truth_order(draft.options)
    if not is_kind(draft.kind):
        one = attribute(declaration, "cardinality") == "single" or attribute(interaction, "maxchoices") == "1"
        draft.kind = "single" if one else "multiple"
        if draft.kind == "single" and truths is not None:
            draft.kind = "true_false"
    if draft.kind == "true_false":
        if truths is None:
            mend = msg("Leave the options empty, or correct the kind.")
            raise Unfit("kind", msg("A true/false item has its own options."), mend)
        draft.options, draft.correct = [], tuple(truths[n - 1] for n in draft.correct)


def _rationale(desk: Desk, row: int, item: etree._Element, html: "_Html") -> str:
    """The feedback that says why; other feedback is not taken."""
    for one in children(item, "modalfeedback"):
        if attribute(one, "identifier").lower() == RATIONALE:
            content = child(one, "contentbody")
            return html.inner("rationale", copy.deepcopy(one if content is None else content))
        problem = msg("Feedback and rubrics inside the item were not taken.")
        desk.note(row, "rationale", problem, msg("Write what matters into the explanation."))
    return ""


class _Html:
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
