"""The fields of an item in words: for remarks, comments and differences."""

from itembank.items import letter
from server.pages import _, translate

FIELDS: dict[str, str] = {
    "stem": _("Text"),
    "options": _("Options"),
    "key": _("Answer"),
    "source": _("Source clause"),
    "kind": _("Item kind"),
    "rationale": _("Why this is the answer"),
    "difficulty": _("Difficulty"),
    "topic": _("Knowledge point"),
    "fixed_order": _("Order of options"),
    "change": _("What changed and why"),
}
"""Field of an item -> its word."""


def where(field: str) -> str:
    """The field in words; "" for the item as a whole."""
    name, _dot, number = field.partition(".")
    if name == "options" and number:
        return translate(_("Option %(letter)s"), letter=letter(int(number)))
    return translate(FIELDS[name]) if name in FIELDS else ""
