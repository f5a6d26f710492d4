"""Items: kinds, what a candidate sees (body), the key, and what makes them valid. Pure.

The body and the key are separate models, stored apart; `public_view` takes a body and so cannot reveal a key. HTML is
sanitised when an item is written (`write_body`) and never again, because a stored body is immutable and its digest
must not depend on the version of a sanitiser.

The map: `kinds` (what there is), `models` (what is stored), `writing` (from what authors type), `checks` and `key_checks`
(what is valid), `forms` (how typed answers are compared). Import from here.
"""

from itembank.items.checks import MAX_OPTION, MAX_STEM, check_body, check_html, check_item, require_valid
from itembank.items.forms import MAX_NUMBER, MAX_TEXT, number_of, text_form, unit_form
from itembank.items.key_checks import check_key
from itembank.items.kinds import (
    CASE_SET,
    CHOICE_KINDS,
    FALSE,
    KINDS,
    MAX_BLANKS,
    MAX_MATCHED,
    MAX_OPTIONS,
    MAX_PROMPTS,
    TRUE,
    Answer,
    Kind,
    kind_of,
    letter,
    section_name_zh,
)
from itembank.items.models import ItemBody, ItemKeyData, Lean, Option, OptionId, PublicItem, public_view
from itembank.items.writing import option_ids, with_stimulus, with_unit, write_body, write_key

# fmt: off
__all__ = [
    "CASE_SET", "CHOICE_KINDS", "FALSE", "KINDS", "MAX_BLANKS", "MAX_MATCHED", "MAX_NUMBER", "MAX_OPTION", "MAX_OPTIONS",
    "MAX_PROMPTS", "MAX_STEM", "MAX_TEXT", "TRUE", "Answer", "ItemBody", "ItemKeyData", "Kind", "Lean", "Option", "OptionId",
    "PublicItem", "check_body", "check_html", "check_item", "check_key", "kind_of", "letter", "number_of", "option_ids",
    "public_view", "require_valid", "section_name_zh", "text_form", "unit_form", "with_stimulus", "with_unit",
    "write_body", "write_key",
]
# fmt: on
