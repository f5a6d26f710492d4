"""How stored figures read on a page: value and interval, or in words why there is none. Plain sentences about a form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from server.grading.statistics_flags import FLAGS
from server.pages import _, translate

Style = Literal["share", "coefficient", "marks", "logit"]

GROUP_KINDS: Final = {
    "sex": _("Sex"),
    "exam_type": _("Exam type"),
    "centre": _("Test centre"),
    "place": _("Room"),
}
KLASSES: Final = {"A": _("negligible"), "B": _("moderate"), "C": _("large")}
MODELS: Final = {"rasch": _("Rasch model"), "2pl": _("Two-parameter model")}
COLUMNS: Final[tuple[tuple[str, str, Style], ...]] = (
    ("p", _("Difficulty p"), "share"),
    ("item_total", _("Item-total"), "coefficient"),
    ("point_biserial", _("Point-biserial"), "coefficient"),
    ("discrimination", _("Discrimination"), "coefficient"),
    ("alpha_without", _("Alpha without it"), "coefficient"),
    ("difficulty", _("Difficulty on the ability scale"), "logit"),
    ("slope", _("Slope"), "logit"),
)
"""Figures of an item: key in its body, heading, style."""


LISTED: Final = ("p", "item_total", "discrimination", "difficulty")
"""Those in lists of items."""


@dataclass(frozen=True)
class Said:
    """A figure in words. Either `value` (with `range`, its 95 % interval, and `se`), or `why` there is none."""

    value: str = ""
    range: str = ""
    se: str = ""
    why: str = ""


def say(found: Mapping[str, Any], style: Style = "coefficient") -> Said:
    """One figure for the page."""
    if "value" not in found:
        return Said(why=why_none(found))
    value, low, high, se = (number(found[name], style) for name in ("value", "low", "high", "se"))
    unit = "%" if style == "share" else ""
    return Said(f"{value}{unit}", f"{low} – {high}{unit}", f"{se}{unit}")


def number(value: float, style: Style) -> str:
    """0.625 as 63 (a share, in hundredths), 0.63 (a coefficient), 0.6 (marks). No minus before a zero."""
    text = f"{value * 100:.0f}" if style == "share" else f"{value:.1f}" if style == "marks" else f"{value:.2f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def why_none(found: Mapping[str, Any]) -> str:
    """The reason why a figure is missing."""
    if "too_few" in found:
        n, needed = found["too_few"]
        return translate(_("too few: %(n)s of %(needed)s"), n=n, needed=needed)
    if "no_spread" in found:
        return translate(_("all the same"))
    return translate(_("not settled"))


def chance(p_value: float) -> str:
    """A small probability without a long row of figures."""
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def has_any(items: Iterable[Any], name: str) -> bool:
    """Whether any item has a value for a column; a column without one is left out of tables."""
    return any("value" in item.body[name] for item in items if not item.body["cancelled"])


def missing(items: Iterable[Any]) -> str:
    """Columns of the list that no item has for want of people, each with how many it needs; empty when there is none."""
    rows = [item for item in items if not item.body["cancelled"]]
    found = []
    for name, heading, _style in COLUMNS:
        few = [item.body[name]["too_few"] for item in rows if "too_few" in item.body[name]]
        if name in LISTED and rows and len(few) == len(rows):
            found.append(translate(_("%(figure)s (needs %(needed)s)"), figure=translate(heading), needed=few[0][1]))
    return translate(_(", ")).join(found)


def quality(alpha: Mapping[str, Any]) -> tuple[str, str]:
    """What a reliability means for decisions about single people: (msgid, tone). Limits after Nunnally, *Psychometric Theory*."""
    if "value" not in alpha:
        return _("Too few candidates to say how reliable this form is."), ""
    value = alpha["value"]
    if value >= 0.8:
        return _("Good: a second paper of this kind would rank the candidates much the same."), "ok"
    if value >= 0.6:
        return _("Fair: sound for the group; near the pass mark another paper could have decided otherwise."), "warn"
    return _("Low: much of the differences between candidates is chance. Look at the items below before the next paper."), "bad"


def near_pass(body: Mapping[str, Any]) -> int | None:
    """How many candidates are within one standard error of measurement of the pass mark; None where that is not known."""
    if "value" not in body["sem"]:
        return None
    reach = body["sem"]["value"] * 100
    return len([total for total in body["totals"] if abs(total - body["pass_mark"]) <= reach])


def context() -> dict[str, Any]:
    """What the templates of statistics may use."""
    return {
        "say": say,
        "chance": chance,
        "has_any": has_any,
        "missing": missing,
        "quality": quality,
        "near_pass": near_pass,
        "FLAGS": FLAGS,
        "COLUMNS": COLUMNS,
        "LISTED": LISTED,
        "GROUP_KINDS": GROUP_KINDS,
        "KLASSES": KLASSES,
        "MODELS": MODELS,
    }
