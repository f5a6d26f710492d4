"""One QTI item (2.x or 3.0) -> a draft. Taken are items with one interaction of `qti_answers`, or several blanks to write in.

Names are compared without namespace, prefix and hyphens (`safe_xml.name_of`), so both generations read alike. What candidates
see outside the options is the stem. Feedback, rubrics and everything else that may give the key away never reach it.
"""

import copy
from typing import Final

from lxml import etree

from itembank.errors import msg
from itembank.exchange.drafts import Desk, Draft, Finder, Unfit
from itembank.exchange.foreign_kinds import unsupported
from itembank.exchange.qti_answers import ENTRY, READERS, AtHand
from itembank.exchange.qti_parts import RATIONALE, ROOT, Html, name_of_item, own_data, remove, unwrapped
from itembank.exchange.safe_xml import attribute, child, children, name_of, text_of

__all__ = ["RATIONALE", "ROOT", "read_item"]

# Not shown to candidates while they answer, or not content at all.
# fmt: off
_DROPPED: Final = frozenset({
    "rubricblock", "feedbackinline", "feedbackblock", "modalfeedback", "stylesheet", "cataloginfo", "infocontrol",
    "companionmaterialsinfo",
})
# fmt: on


def read_item(desk: Desk, row: int, item: etree._Element, find: Finder, about: dict[str, str]) -> Draft:
    """The draft of an item. ``find`` gives the digest of a picture; ``about`` what a manifest says. Raises `Unfit`."""
    body = child(item, "itembody")
    if body is None:
        raise Unfit("stem", msg("The item has no body."), msg("Export it again."), name_of_item(item))
    body = copy.deepcopy(body)
    found = _interactions(item, body)
    own = own_data(body)
    _forget_hidden(desk, row, body)
    html = Html(desk, find, exact=bool(own))
    draft = Draft(row, own.get("kind", ""), "", [], ())
    READERS[name_of(found[0])](AtHand(desk, row, item, found, html, own), draft)
    draft.stem = html.inner("stem", unwrapped(body))
    draft.rationale = _rationale(desk, row, item, html)
    for name in ("topic", "difficulty", "source", "reference"):
        setattr(draft, name, own.get(name) or about.get(name, ""))
    draft.reference = draft.reference or ("" if own else attribute(item, "identifier"))
    return draft


def _interactions(item: etree._Element, body: etree._Element) -> list[etree._Element]:
    """What is to be answered: one interaction, or several blanks to write in. Raises `Unfit` for anything else."""
    if any(name_of(one) == "assessmentstimulusref" for one in item):
        problem = msg("The item belongs to a shared text (stimulus); such items cannot be taken yet.")
        raise Unfit("stem", problem, msg("Put the shared text into the item itself."), name_of_item(item))
    if any(name_of(one) == "templatedeclaration" for one in item):
        problem = msg("The item is a template with variables; such items cannot be taken.")
        raise Unfit("stem", problem, msg("Write it out as an ordinary item."), name_of_item(item))
    found = [one for one in body.iter() if name_of(one).endswith("interaction")]
    names = {name_of(one) for one in found}
    others = sorted(names - READERS.keys())
    if others or not found:
        raise unsupported("、".join(others) or "description", name_of_item(item))
    if len(names) > 1 or (len(found) > 1 and names != {ENTRY}):
        problem = msg("The item asks %(n)s questions at once.", n=len(found))
        raise Unfit("stem", problem, msg("Make an item of each."), name_of_item(item))
    return found


def _forget_hidden(desk: Desk, row: int, body: etree._Element) -> None:
    """Take away what candidates do not see while they answer. Raises `Unfit` for what cannot be shown as written."""
    hidden = [one for one in body.iter() if name_of(one) in _DROPPED and "candidate" not in attribute(one, "view").split()]
    for one in hidden:
        remove(one)
    if any(text_of(one) for one in hidden):
        problem = msg("Feedback and rubrics inside the item were not taken.")
        desk.note(row, "rationale", problem, msg("Write what matters into the explanation."))
    for one in body.iter():
        name = name_of(one)
        if name in {"printedvariable", "templateblock", "templateinline", "include", "hottext", "gap"}:
            problem = msg("The text holds something that cannot be taken: %(what)s.", what=name)
            raise Unfit("stem", problem, msg("Write it out as an ordinary item."), text_of(body)[:200])


def _rationale(desk: Desk, row: int, item: etree._Element, html: Html) -> str:
    """The feedback that says why; other feedback is not taken."""
    for one in children(item, "modalfeedback"):
        if attribute(one, "identifier").lower() == RATIONALE:
            content = child(one, "contentbody")
            return html.inner("rationale", copy.deepcopy(one if content is None else content))
        problem = msg("Feedback and rubrics inside the item were not taken.")
        desk.note(row, "rationale", problem, msg("Write what matters into the explanation."))
    return ""
