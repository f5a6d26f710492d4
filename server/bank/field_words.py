"""The fields of an item in words: for remarks, comments and differences."""

from itembank.items import letter
from server.pages import _, translate

FIELDS: dict[str, str] = {
    "stem": _("Text"),
    "options": _("Options"),
    "prompts": _("Lines to match"),
    "key": _("Answer"),
    "accepted": _("Answer"),
    "number": _("Answer"),
    "tolerance": _("May be off by ±"),
    "unit": _("Unit behind the field"),
    "units": _("Units that may be typed too"),
    "source": _("Source clause"),
    "kind": _("Item kind"),
    "rationale": _("Why this is the answer"),
    "difficulty": _("Difficulty"),
    "cognitive": _("Cognitive level"),
    "topic": _("Knowledge point"),
    "fixed_order": _("Order of options"),
    "change": _("What changed and why"),
    "stimulus": _("Shared text of the set"),
}
"""Field of an item -> its word."""

NUMBERED: dict[str, str] = {
    "prompts": _("Line to match %(n)s"),
    "matches": _("Option that belongs to line %(n)s"),
    "extras": _("Further option %(n)s"),
    "steps": _("Step %(n)s"),
    "key": _("Blank %(n)s"),
    "accepted": _("Blank %(n)s"),
}
"""Field with a number (``prompts.2``) -> its word; options have letters."""


def where(field: str) -> str:
    """The field in words; "" for the item as a whole."""
    name, _dot, number = field.partition(".")
    if name == "options" and number.isdecimal():
        return translate(_("Option %(letter)s"), letter=letter(int(number)))
    if name in NUMBERED and number:
        return translate(NUMBERED[name], n=number)
    return translate(FIELDS[name]) if name in FIELDS else ""
