"""What stands out about an item, and what to do about it. Pure: reads stored figures, changes nothing.

A flag needs evidence: where a figure has an interval, its whole interval speaks, not its value alone. Twenty people are the
least for a flag of any kind. Each is a code with a word, a reason and an advice (msgids); no flag changes a score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from itembank.items import Answer, kind_of

PEOPLE: Final = 20
HARD: Final = 0.20
EASY: Final = 0.97
WEAK: Final = 0.10
"""A corrected item-total correlation below it hardly tells strong from weak (Ebel 1965)."""
IDLE: Final = 0.05
"""A wrong option chosen by fewer does no work (Haladyna and Downing 1993, Educational and Psychological Measurement 53)."""
SURE: Final = 3.0
"""Standard errors: a form has some two hundred wrong options, of which chance alone lifts a few above two."""
SKIPPED: Final = 0.20
LEVEL: Final = 0.05
"""Chance of a false alarm on a form for misfit, all items together."""


def _(msgid: str) -> str:
    return msgid


def is_choice(kind: str) -> bool:
    """Whether answers of this kind are options; those of the others are only told apart."""
    return kind_of(kind).answer == Answer.CHOICE


@dataclass(frozen=True)
class Flag:
    """`word`: short, for badges; `why`: what was seen; `what`: what to do; `tone`: bad, warn or info."""

    code: str
    word: str
    why: str
    what: str
    tone: str = "warn"


FLAGS: Final[Mapping[str, Flag]] = {
    flag.code: flag
    for flag in (
        Flag(
            "miskey",
            _("Key may be wrong"),
            _(
                "People who did well on the rest of the paper chose another option than the key, or got this item wrong "
                "more often than others."
            ),
            _(
                "Have the item's experts answer it without seeing the key, and check the source clause. If the key is wrong, "
                "propose a key correction before publishing: everyone is marked again."
            ),
            "bad",
        ),
        Flag(
            "cancelled",
            _("Cancelled"),
            _("The item was cancelled in this exam session, so it took no part in the figures."),
            _("Mend what made it be cancelled, or take it out of use."),
            "bad",
        ),
        Flag(
            "corrected",
            _("Key was corrected"),
            _("The key was corrected after this exam session."),
            _("Check that the newest version of the item has the right key and cites its source."),
        ),
        Flag(
            "weak",
            _("Does not tell strong from weak"),
            _(
                "Those who got it right did no better on the rest of the paper: even the upper end of the interval of the "
                "item-total correlation is below 0.10."
            ),
            _("Look for an ambiguous stem, two defensible options, or a detail that makes strong candidates doubt."),
        ),
        Flag(
            "dif",
            _("Differs between groups"),
            _("At the same total, one group of candidates got it right much less often than the others."),
            _(
                "Look for words, equipment or examples that one group knows better. If that is not what the item is meant to "
                "measure, revise it."
            ),
        ),
        Flag(
            "strong_option",
            _("A wrong option attracts the strong"),
            _("A wrong option was chosen more often by those who did well on the rest of the paper."),
            _("Ask whether that option is defensible. If it is, reword it; for this exam, a key correction can accept both."),
        ),
        Flag(
            "misfit",
            _("Does not fit the model"),
            _("The share of right answers does not rise with ability the way it does for the other items."),
            _("Look at the options by group: often one wrong option draws the middle, or strong candidates read more into it."),
        ),
        Flag(
            "hard",
            _("Very hard"),
            _("Less than a fifth of the marks were won."),
            _(
                "Check that it belongs to the syllabus and that its wording does not mislead. If it is meant to be hard, raise "
                "its difficulty estimate."
            ),
        ),
        Flag(
            "skipped",
            _("Often left blank"),
            _("A fifth of the candidates or more left it blank."),
            _("See whether it came late and time ran out, or whether it was unclear what to do."),
            "info",
        ),
        Flag(
            "easy",
            _("Very easy"),
            _("Nearly everyone got it right."),
            _("Fine for what everybody must know. Otherwise sharpen the wrong options and lower the difficulty estimate."),
            "info",
        ),
        Flag(
            "idle_option",
            _("A wrong option does no work"),
            _("A wrong option was chosen by almost nobody."),
            _("Replace it by a mistake that candidates really make."),
            "info",
        ),
    )
}
"""In order of gravity."""


@dataclass(frozen=True)
class About:
    """What is known about an item besides its figures: earlier signs of a wrong key, a corrected key, how many on the form."""

    items: int
    suspect_key: bool = False
    corrected: bool = False


def flags(body: Mapping[str, Any], key: tuple[int, ...], about: About) -> list[str]:
    """Codes for an item's stored figures, the gravest first. `key`: right options, () where it is not a choice."""
    if body["cancelled"]:
        return ["cancelled"]
    found = {"corrected"} if about.corrected else set()
    if about.suspect_key or body["rivals"]:
        found.add("miskey")
    if body["n"] >= PEOPLE:
        found |= _of_figures(body, about)
        found |= _of_options(body, key)
    return [code for code in FLAGS if code in found]


def _of_figures(body: Mapping[str, Any], about: About) -> set[str]:
    found = set()
    p, item_total, fit = body["p"], body["item_total"], body["fit"]
    if "value" in p and p["value"] < HARD:
        found.add("hard")
    if "value" in p and p["value"] > EASY:
        found.add("easy")
    if "high" in item_total and item_total["high"] < WEAK:
        found.add("weak")
    if "p_value" in fit and fit["p_value"] * about.items < LEVEL:
        found.add("misfit")
    if any(one.get("klass") == "C" for one in body["dif"]):
        found.add("dif")
    if body["blank"] >= SKIPPED * body["n"]:
        found.add("skipped")
    return found


def _of_options(body: Mapping[str, Any], key: tuple[int, ...]) -> set[str]:
    """Wrong options: idle ones only where there was room for them to be chosen."""
    wrong = [one for one in body["options"] if one["option"] not in key]
    found = set()
    p = body["p"].get("value", 1.0)
    if body["kind"] == "single" and p <= 0.90 and any("high" in one["share"] and one["share"]["high"] < IDLE for one in wrong):
        found.add("idle_option")
    lifted = [one for one in wrong if one["with_rest"].get("value", 0) > SURE * one["with_rest"].get("se", 1)]
    if body["kind"] == "single" and lifted and not body["rivals"]:
        found.add("strong_option")
    return found
