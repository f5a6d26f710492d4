"""One line of the report, and what it may say."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "look", "bad"]


class RehearsalError(Exception):
    """It cannot be done now; the message says why."""


@dataclass(frozen=True)
class Finding:
    """One line of the report: what, in both languages, what was found, and what that means."""

    zh: str
    en: str
    value: str
    verdict: Verdict


def bad_if(wrong: bool) -> Verdict:
    """Not fit when it is so."""
    return "bad" if wrong else "good"


def look_if(odd: bool) -> Verdict:
    """Somebody should look when it is so."""
    return "look" if odd else "good"
