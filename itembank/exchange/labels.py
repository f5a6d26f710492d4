"""What foreign formats have no field for, written as labelled text: ``难度:3``, ``依据:GB 50148``. Moodle shows these as tags."""

import re
from collections.abc import Iterable
from typing import Final

from itembank.exchange.item_answers import write_units
from itembank.exchange.item_columns import HEADERS, YES_NO, plain_word
from itembank.exchange.writing import WritableItem
from itembank.items import KINDS

LABELLED: Final = ("topic", "difficulty", "source", "fixed_order", "unit")
_NAMES: Final = {plain_word(word): name for name in LABELLED for word in HEADERS[name]}
_LABEL: Final = re.compile(r"\s*([^:：=\s]{1,20})\s*[:：=]\s*(.*)", re.DOTALL)


def labels_of(item: WritableItem, names: Iterable[str] = LABELLED) -> list[str]:
    """The labels that say what an item holds of these fields; nothing for empty ones."""
    fixed = item.body.fixed_order and not KINDS[item.body.kind].fixed_options
    texts = {
        "topic": item.topic_code,
        "difficulty": str(item.difficulty or ""),
        "source": item.source,
        "fixed_order": "是" if fixed else "",
        "unit": write_units(item.body.unit, item.key.units if item.key is not None else ()),
    }
    return [f"{HEADERS[name][0]}:{texts[name]}" for name in names if texts[name]]


def read_labels(labels: Iterable[str]) -> dict[str, str]:
    """Field -> text of the labels that are ours; the first of each counts."""
    found: dict[str, str] = {}
    for label in labels:
        match = _LABEL.fullmatch(label)
        name = _NAMES.get(plain_word(match[1])) if match else None
        if match and name is not None:
            found.setdefault(name, match[2].strip())
    return found


def says_yes(text: str) -> bool:
    """Whether a label's text means yes."""
    return YES_NO.get(plain_word(text), False)
