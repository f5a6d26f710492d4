"""The order of questions and options, drawn once by the server at the opening and journaled. Pure; the generator is
given.

Sections stay in their order; questions move within a section; options move unless the item says `fixed_order`.
正确/错误 never changes places.
"""

from random import Random
from typing import Any


def order(items: list[dict[str, Any]], rng: Random) -> list[list[Any]]:
    """[[slot, [option id, ...]], ...] as this candidate sees them. Items of one kind in a row are one section."""
    drawn: list[list[Any]] = []
    for section in _sections(items):
        shuffled = section[:]
        rng.shuffle(shuffled)
        drawn += [[item["slot"], _options(item, rng)] for item in shuffled]
    return drawn


def _sections(items: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    sections: list[list[dict[str, Any]]] = []
    for item in items:
        place = (item["kind"], item.get("section"))
        if not sections or place != (sections[-1][-1]["kind"], sections[-1][-1].get("section")):
            sections.append([])
        sections[-1].append(item)
    return sections


def _options(item: dict[str, Any], rng: Random) -> list[int]:
    ids = [option["id"] for option in item["options"]]
    if item["kind"] != "true_false" and not item["fixed_order"]:
        rng.shuffle(ids)
    return ids
