"""How a simulated candidate answers: from the demo's own spreadsheet, never from the sealed keys."""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from itembank.exchange import xlsx
from server.demo.bank import CONTENT

AnswerBook = Mapping[str, tuple[frozenset[str], float]]
"""Stem HTML -> (HTML of the right options, difficulty on the logit scale)."""

TRUTH = {1: "正确", 2: "错误"}


def book() -> dict[str, tuple[frozenset[str], float]]:
    """What the demo's writers know."""
    figures = {path.name: path.read_bytes() for path in sorted((CONTENT / "figures").iterdir())}
    found = xlsx.sort_items((CONTENT / "items.xlsx").read_bytes(), figures=figures)
    known = {}
    for item in found.items:
        right = frozenset(option.html for option in item.body.options if option.id in item.key.correct)
        known[item.body.stem_html] = (right, ((item.difficulty or 3) - 3) * 0.8)
    return known


def respond(item: Mapping[str, Any], ability: float, known: AnswerBook, rng: Random) -> list[int]:
    """Option ids for one question: right with the probability of a Rasch model, else a plausible slip; seldom blank."""
    ids = [option["id"] for option in item["options"]]
    right_html, difficulty = known[item["stem_html"]]
    right = sorted(option["id"] for option in item["options"] if option["html"] in right_html)
    if rng.random() < 0.02:
        return []
    chance = 1 / (1 + math.exp(difficulty - ability - (0.4 if item["kind"] != "multiple" else -0.3)))
    if rng.random() < chance:
        return right
    if item["kind"] == "multiple":
        slip = set(right) ^ {rng.choice(ids)}
        return sorted(slip) or [rng.choice(ids)]
    return [rng.choice([option for option in ids if option not in right])]


def otherwise(item: Mapping[str, Any], ability: float, known: AnswerBook, rng: Random) -> list[int]:
    """As somebody answers who knows better than the key, or thinks so: the option after the right one, most of the time."""
    if rng.random() < 0.15:
        return respond(item, ability, known, rng)
    ids = [option["id"] for option in item["options"]]
    right_html, _difficulty = known[item["stem_html"]]
    right = next(place for place, option in enumerate(item["options"]) if option["html"] in right_html)
    return [ids[(right + 1) % len(ids)]]
