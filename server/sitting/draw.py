"""The order of questions and options, drawn once by the server at the opening and journaled. Pure.

The generator is given. Sections stay in their order; questions move within a section; those that hang on one text (`stimulus`)
move as one, in their own order. Options move unless the item says `fixed_order`. 正确/错误 never changes places, nor do the
lines to match.
"""

from random import Random
from typing import Any


def order(items: list[dict[str, Any]], section_sizes: list[int], rng: Random) -> list[list[Any]]:
    """[[slot, [option id, ...]], ...] as this candidate sees them.

    `items` as in a public package, in slot order; `section_sizes` add up to their number.
    """
    drawn: list[list[Any]] = []
    start = 0
    for size in section_sizes:
        units = _units(items[start : start + size])
        rng.shuffle(units)
        drawn += [[item["slot"], _options(item, rng)] for unit in units for item in unit]
        start += size
    return drawn


def _units(section: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What moves as one: a case set, or a question by itself."""
    units: list[list[dict[str, Any]]] = []
    sets: dict[str, list[dict[str, Any]]] = {}
    for item in section:
        name = item.get("stimulus", "")
        if name in sets:
            sets[name].append(item)
            continue
        units.append([item])
        if name:
            sets[name] = units[-1]
    return units


def _options(item: dict[str, Any], rng: Random) -> list[int]:
    ids = [option["id"] for option in item["options"]]
    if item["kind"] != "true_false" and not item["fixed_order"]:
        rng.shuffle(ids)
    return ids
