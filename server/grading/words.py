"""Words of this slice's pages: states, kinds, option letters, and why a run was made."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from itembank.items import KINDS, Answer, ItemKeyData, kind_of, letter
from server.grading.marking import SlotKey
from server.pages import _, translate
from server.registry.labels import LEVEL_WORDS

SESSION_STATES: Final = {
    "open": (_("Exam in progress"), "info"),
    "ended": (_("Waiting to be marked"), "warn"),
    "marked": (_("Marked"), "info"),
    "published": (_("Published"), "ok"),
}
"""State -> (msgid, tone of the badge)."""

OUTCOMES: Final = {
    "passed": (_("Passed"), "ok"),
    "failed": (_("Not passed"), ""),
    "absent": (_("Absent"), "warn"),
    "voided": (_("Voided"), "bad"),
}

DECISIONS: Final = {
    None: (_("Waits for a second person"), "warn"),
    "approved": (_("Approved"), "ok"),
    "declined": (_("Declined"), "bad"),
    "withdrawn": (_("Withdrawn"), ""),
}

VERBS: Final = {
    "results.marked": _("Everyone was marked"),
    "results.candidate_read": _("This page was opened"),
    "results.publication_proposed": _("Publishing was proposed"),
    "results.publication_declined": _("Publishing was declined"),
    "results.publication_withdrawn": _("The proposal to publish was withdrawn"),
    "results.published": _("Results were published"),
    "key_correction.proposed": _("A key correction was proposed"),
    "key_correction.approved": _("A key correction was approved"),
    "key_correction.declined": _("A key correction was declined"),
    "key_correction.withdrawn": _("A key correction was withdrawn"),
}
"""Verbs of the audit trail; others are shown as they are."""

STORED_OUTCOMES: Final = {"marked": _("Marked"), "absent": _("Absent"), "voided": _("Voided")}


def letters(chosen: Iterable[int], kind: str) -> str:
    """How people name options: AC; 正确 / 错误 for true/false; a dash for blank."""
    if kind == "true_false":
        names = {1: translate(_("True")), 2: translate(_("False"))}
        return " ".join(names.get(option, "?") for option in sorted(chosen)) or "–"
    return "".join(chr(ord("A") + option - 1) for option in sorted(chosen)) or "–"


def answer_words(response: Sequence[int | str], kind: str) -> str:
    """An answer as people name it: AC; 正确; CAB in the order given; 1 B, 2 –; texts one after the other."""
    answer = kind_of(kind).answer
    if answer == Answer.CHOICE:
        return letters((one for one in response if isinstance(one, int)), kind)
    if answer == Answer.PAIRS:
        return _listed(f"{line} {letter(int(option)) if option else '–'}" for line, option in enumerate(response, 1)) or "–"
    if answer == Answer.ORDER:
        return "".join(letter(int(option)) for option in response) or "–"
    return _listed(str(text).strip() or "–" for text in response) or "–"


WORDY: Final = frozenset({"fill_in", "numeric", "matching"})
"""Kinds whose answers and keys are words rather than letters: they may be long."""


def key_words(key: ItemKeyData | SlotKey, kind: str) -> str:
    """A key likewise: accepted texts of a blank by / , a number with its tolerance and units."""
    answer = kind_of(kind).answer
    if answer == Answer.TEXTS:
        return _listed(" / ".join(texts) for texts in key.accepted)
    if answer == Answer.NUMBER:
        near = f" ± {key.tolerance}" if key.tolerance not in ("", "0") else ""
        return f"{key.number}{near} {' / '.join(key.units)}".strip()
    return answer_words(key.correct, kind)


def _listed(parts: Iterable[str]) -> str:
    return translate(_("; ")).join(parts)


def kind_name(kind: str) -> str:
    """The item kind in the reader's language."""
    return translate(KINDS[kind].name) if kind in KINDS else kind


def percent(share: float) -> str:
    """0.625 -> 63%."""
    return f"{share * 100:.0f}%"


def figure(found: dict[str, Any] | None, form: str = "{:.2f}") -> str:
    """A stored figure in words: the value, or why there is none."""
    if found is None:
        return "–"
    if "value" in found:
        return form.format(found["value"])
    if "too_few" in found:
        n, needed = found["too_few"]
        return translate(_("too few: %(n)s of %(needed)s"), n=n, needed=needed)
    return translate(_("all the same"))


def context() -> dict[str, Any]:
    """What every template of this slice may use."""
    return {
        "SESSION_STATES": SESSION_STATES,
        "OUTCOMES": OUTCOMES,
        "DECISIONS": DECISIONS,
        "VERBS": VERBS,
        "LEVEL_WORDS": LEVEL_WORDS,
        "letters": letters,
        "answer_words": answer_words,
        "key_words": key_words,
        "WORDY": WORDY,
        "kind_name": kind_name,
        "percent": percent,
        "figure": figure,
    }
