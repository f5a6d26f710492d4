"""The order of questions and options, drawn once by the server at the opening and journaled. Pure.

The generator is given. Sections stay in their order; questions move within a section; options move unless the item says
`fixed_order`. 正确/错误 never changes places.
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
        section = items[start : start + size]
        rng.shuffle(section)
        drawn += [[item["slot"], _options(item, rng)] for item in section]
        start += size
    return drawn


def _options(item: dict[str, Any], rng: Random) -> list[int]:
    ids = [option["id"] for option in item["options"]]
    if item["kind"] != "true_false" and not item["fixed_order"]:
        rng.shuffle(ids)
    return ids
