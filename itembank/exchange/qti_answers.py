"""The interactions of QTI that are taken -> kind, options and key of a draft; what remains of them in the body is the stem."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from itembank.errors import msg
from itembank.exchange.drafts import Desk, Draft, Unfit, is_choice, truth_order
from itembank.exchange.foreign_kinds import BLANK, set_number
from itembank.exchange.item_answers import parse_units
from itembank.exchange.qti_parts import Html, declaration_of, name_of_item, reduce_to_prompt, remove, values_of
from itembank.exchange.safe_xml import attribute, child, children, name_of, text_of
from itembank.items import letter

ENTRY: Final = "textentryinteraction"
_MOST: Final = 50
_NUMBERS: Final = frozenset({"float", "integer"})


@dataclass(frozen=True, slots=True)
class AtHand:
    """An item being read: its interactions (at least one), and what it says of itself if this product wrote it."""

    desk: Desk
    row: int
    item: etree._Element
    found: list[etree._Element]
    html: Html
    own: Mapping[str, str]

    def declared(self, interaction: etree._Element, *cardinalities: str) -> etree._Element:
        """Its declaration. Raises `Unfit`."""
        return declaration_of(self.item, interaction, frozenset(cardinalities))

    def texts(self, field: str, elements: list[etree._Element]) -> list[str]:
        """Their HTML; ``field`` is told in mistakes with the letter or number of each."""
        names = [
            f"option_{letter(min(n, 8)).lower()}" if field == "option" else f"{field}_{min(n, 8)}" for n in range(1, _MOST + 1)
        ]
        return [self.html.inner(name, one) for name, one in zip(names, elements, strict=False)]


# --- choosing -----------------------------------------------------------------------------------------------------------


def _choice(at: AtHand, draft: Draft) -> None:
    (interaction,) = at.found
    declaration = at.declared(interaction, "single", "multiple")
    choices = children(interaction, "simplechoice")[:_MOST]
    draft.correct = _chosen(at, declaration, choices)
    draft.options = at.texts("option", choices)
    shuffled = attribute(interaction, "shuffle") == "true"
    draft.fixed_order = not shuffled or any(attribute(one, "fixed") == "true" for one in choices)
    if shuffled and draft.fixed_order:
        problem = msg("Some options have a fixed place: the order of all was fixed.")
        at.desk.note(at.row, "fixed_order", problem, msg("Check whether the options may be shuffled."))
    _settle_kind(draft, declaration, interaction)
    reduce_to_prompt(interaction)


def _chosen(at: AtHand, declaration: etree._Element, choices: list[etree._Element]) -> tuple[int, ...]:
    """Positions of the right choices, as named: the declared response, else what earns marks. Raises `Unfit`."""
    places = {attribute(one, "identifier"): n for n, one in enumerate(choices, 1)}
    named = values_of(declaration) or _earning(at, declaration)
    absent = [name for name in named if name not in places]
    if absent:
        raise _absent(absent)
    return tuple(places[name] for name in named)


def _absent(names: list[str]) -> Unfit:
    problem = msg("The key names option %(letters)s, which does not exist.", letters=", ".join(names)[:60])
    return Unfit("key", problem, msg("Correct the key, or add the option."))


def _earning(at: AtHand, declaration: etree._Element) -> list[str]:
    named = _mapped(declaration)
    if named:
        problem = msg("The key was taken from the marks the options earn.")
        at.desk.note(at.row, "key", problem, msg("Check the key."))
    return named


def _mapped(declaration: etree._Element) -> list[str]:
    """What earns marks."""
    mapping = child(declaration, "mapping")
    entries = children(mapping, "mapentry") if mapping is not None else []
    return [attribute(one, "mapkey") for one in entries if _positive(attribute(one, "mappedvalue"))]


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _settle_kind(draft: Draft, declaration: etree._Element, interaction: etree._Element) -> None:
    """The kind the item names itself; else by cardinality, and two options that say true and false are such an item."""
    truths = truth_order(draft.options)
    if not is_choice(draft.kind):
        one = attribute(declaration, "cardinality") == "single" or attribute(interaction, "maxchoices") == "1"
        draft.kind = "single" if one else "multiple"
        if draft.kind == "single" and truths is not None:
            draft.kind = "true_false"
    if draft.kind == "true_false":
        if truths is None:
            mend = msg("Leave the options empty, or correct the kind.")
            raise Unfit("kind", msg("A true/false item has its own options."), mend)
        draft.options, draft.correct = [], tuple(truths[n - 1] for n in draft.correct)


# --- writing in ---------------------------------------------------------------------------------------------------------


def _entries(at: AtHand, draft: Draft) -> None:
    declared = [at.declared(one, "single") for one in at.found]
    types = {attribute(one, "basetype") for one in declared}
    if len(declared) == 1 and (at.own.get("kind") == "numeric" or types <= _NUMBERS):
        _number(at, draft, declared[0])
        return
    draft.kind = "fill_in"
    draft.accepted = tuple(tuple(dict.fromkeys([*values_of(one), *_mapped(one)]))[:_MOST] for one in declared)
    if types & _NUMBERS:
        problem = msg("A blank that asks for a number is compared as text.")
        at.desk.note(at.row, "key", problem, msg("Check the accepted answers."))
    for one in at.found:
        _replace(one, BLANK)


def _number(at: AtHand, draft: Draft, declaration: etree._Element) -> None:
    values = values_of(declaration)
    if len(values) != 1:
        problem, mend = msg("The question has %(n)s right numbers.", n=len(values)), msg("Leave one number with its tolerance.")
        raise Unfit("key", problem, mend, name_of_item(at.item))
    set_number(draft, values[0], at.own.get("tolerance") or _tolerance(at))
    draft.unit, draft.units = parse_units(at.own.get("unit", ""))
    (interaction,) = at.found
    parent = interaction.getparent()
    _replace(interaction, BLANK if text_of(parent) else "")


def _tolerance(at: AtHand) -> str:
    """How far off the response processing lets the number be."""
    for one in at.item.iter():
        if name_of(one) == "equal" and attribute(one, "tolerancemode") in {"absolute", "relative"}:
            if attribute(one, "tolerancemode") == "absolute":
                return (attribute(one, "tolerance").split() or [""])[0]
            problem = msg("A tolerance in percent was not taken.")
            at.desk.note(at.row, "tolerance", problem, msg("Write how far the answer may be off."))
    return ""


def _replace(element: etree._Element, text: str) -> None:
    """Text in the place of an element."""
    element.tail = text + (element.tail or "")
    remove(element)


# --- ordering and matching ----------------------------------------------------------------------------------------------


def _order(at: AtHand, draft: Draft) -> None:
    (interaction,) = at.found
    choices = children(interaction, "simplechoice")[:_MOST]
    draft.kind, draft.correct = "ordering", _chosen(at, at.declared(interaction, "ordered"), choices)
    draft.options = at.texts("option", choices)
    reduce_to_prompt(interaction)


def _match(at: AtHand, draft: Draft) -> None:
    (interaction,) = at.found
    declaration = at.declared(interaction, "single", "multiple")
    sets = [children(one, "simpleassociablechoice")[:_MOST] for one in children(interaction, "simplematchset")]
    if len(sets) != 2:
        raise Unfit("prompts", msg("The item does not have two lists to match."), msg("Export it again."), name_of_item(at.item))
    lines, options = sets
    draft.kind, draft.correct = "matching", _paired(at, declaration, lines, options)
    draft.prompts, draft.options = at.texts("prompt", lines), at.texts("option", options)
    reduce_to_prompt(interaction)


def _paired(
    at: AtHand, declaration: etree._Element, lines: list[etree._Element], options: list[etree._Element]
) -> tuple[int, ...]:
    """For each line the position of its option. Raises `Unfit`."""
    named = [text.split() for text in values_of(declaration) or _earning(at, declaration)]
    places = {attribute(one, "identifier"): n for n, one in enumerate(options, 1)}
    chosen = {pair[0]: pair[1] for pair in named if len(pair) == 2}
    absent = [option for option in chosen.values() if option not in places]
    if absent:
        raise _absent(absent)
    wanted = [attribute(one, "identifier") for one in lines]
    if len(chosen) != len(named) or set(chosen) != set(wanted):
        problem = msg("The key does not give each line exactly one option.")
        raise Unfit("key", problem, msg("Say for each line which option belongs to it."), name_of_item(at.item))
    return tuple(places[chosen[name]] for name in wanted)


READERS: Final[Mapping[str, Callable[[AtHand, Draft], None]]] = {
    "choiceinteraction": _choice,
    ENTRY: _entries,
    "orderinteraction": _order,
    "matchinteraction": _match,
}
"""Plain name of an interaction -> its reader."""
