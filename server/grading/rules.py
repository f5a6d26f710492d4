"""Pure decisions of grading: who may do what when, what looks wrong about an item, how names are masked.

A refusal is a msgid (None: allowed); the doing files raise it as a conflict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from server.grading.marking import SlotKey

MARKABLE: Final = frozenset({"ended", "marked"})
FLAG_PEOPLE: Final = 20
"""Fewer people than this on a form say nothing about an item; half of them are the better half."""
FLAG_MARGIN: Final = 2
"""How many more must prefer a wrong option before it counts: one person either way is chance."""
ONE_SIDED: Final = 1.64
"""Standard errors below 0 (one is 1 / √n) before a correlation counts as negative: of sound items chance gives it to few."""
BINS: Final = 10


def _(msgid: str) -> str:
    return msgid


PREFERRED: Final = _("Possible wrong key: in the better half, a wrong option was chosen more often than a right one.")
PUBLISHED_ALREADY: Final = _(
    "These results are published and stay as they are. Record the objection with the item and the reason, and let the "
    "institution decide on a notice of correction; a key is no longer changed here."
)
DECIDED_ALREADY: Final = _("This proposal has been decided already.")
SECOND_PERSON: Final = _("This needs a second person: whoever proposed it cannot approve it.")


def marking_refusal(state: str, still_open: int) -> str | None:
    """Why an exam session in `state` with `still_open` unfinished sittings cannot be marked now."""
    if state == "published":
        return PUBLISHED_ALREADY
    if state not in MARKABLE:
        return _("The exam session has not ended, so there is nothing to mark yet.")
    if still_open:
        return _("Some sittings have not ended yet. Marking starts by itself once they have.")
    return None


def correction_refusal(state: str, *, has_run: bool, publication_open: bool) -> str | None:
    """Why a key correction can neither be proposed nor approved."""
    if state == "published":
        return PUBLISHED_ALREADY
    if not has_run:
        return _("Marking has not finished. A key can be corrected once there are results to compare with.")
    if publication_open:
        return _("Publishing these results has been proposed. Decline that proposal first, then correct the key.")
    return None


def decision_refusal(proposed_by: int, decided_by: int, decision: str | None, verdict: str) -> str | None:
    """Why this person cannot decide so: decided already, or the proposer approving, or another withdrawing."""
    if decision is not None:
        return DECIDED_ALREADY
    if verdict == "approved" and proposed_by == decided_by:
        return SECOND_PERSON
    if verdict == "withdrawn" and proposed_by != decided_by:
        return _("Only the person who made the proposal can withdraw it.")
    return None


def publishing_refusal(state: str, *, run_no: int | None, corrections_open: int, unmarked_correction: bool) -> str | None:
    """Why results cannot be proposed for publishing, or published."""
    if state == "published":
        return _("These results are published already.")
    if run_no is None or state != "marked":
        return _("Marking has not finished, so there is nothing to publish.")
    if corrections_open:
        return _("A key correction waits for a decision. Decide it first.")
    if unmarked_correction:
        return _("A key was corrected and everyone is being marked again. Publish when that has finished.")
    return None


@dataclass(frozen=True)
class ItemFacts:
    """What is known of an item on one form.

    `item_total` None: too few people, or no spread. `better`: option -> how many of the better half chose it; empty for kinds
    where options are not chosen.
    """

    n: int
    p: float | None
    item_total: float | None
    better: Mapping[int, int]


def flags(facts: ItemFacts, key: SlotKey) -> list[str]:
    """What a person should look at before publishing, in plain words (msgids). No flag changes a score by itself."""
    if key.cancelled:
        return []
    found = []
    if facts.item_total is not None and facts.item_total < -ONE_SIDED / facts.n**0.5:
        found.append(_("Possible wrong key: people with a better total got this item wrong more often."))
    if facts.n < FLAG_PEOPLE:
        return found
    best_wrong = max((n for option, n in facts.better.items() if option not in key.correct), default=0)
    least_right = min((facts.better.get(option, 0) for option in key.correct), default=0)
    if facts.better and best_wrong >= least_right + max(FLAG_MARGIN, facts.n // 20):
        found.append(PREFERRED)
    if facts.p is not None and facts.p < 0.2:
        found.append(_("Very hard: less than a fifth of the marks were won."))
    if facts.p is not None and facts.p > 0.97:
        found.append(_("Very easy: nearly everyone got it right."))
    return found


def better_half(rest_totals: list[int]) -> list[int]:
    """Positions of those at or above the median of what they won on the rest of the paper: ties stay together."""
    if not rest_totals:
        return []
    median = sorted(rest_totals)[len(rest_totals) // 2]
    return [n for n, total in enumerate(rest_totals) if total >= median]


def working_days_after(day: date, n: int) -> date:
    """The n-th Monday-to-Friday after `day` (public holidays are not known here: it is a suggestion)."""
    while n > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            n -= 1
    return day


def mask_number(number: str) -> str:
    """An admission number with its middle hidden: 202611210007 -> 2026****0007; short ones keep less."""
    edge = 4 if len(number) >= 11 else 2 if len(number) >= 6 else 1
    hidden = len(number) - 2 * edge
    return number[:edge] + "*" * hidden + number[-edge:] if hidden > 0 else "*" * len(number)


@dataclass(frozen=True)
class Bin:
    """One bar: `low <= total < high` in hundredths (the last one includes the full marks)."""

    low: int
    high: int
    count: int
    passing: bool


def distribution(totals: list[int], full: int, pass_mark: int) -> list[Bin]:
    """Ten equal bins from 0 to the full marks."""
    edges = [full * n // BINS for n in range(BINS + 1)]
    counts = [0] * BINS
    for total in totals:
        counts[min(total * BINS // full if full else 0, BINS - 1)] += 1
    return [Bin(edges[n], edges[n + 1], counts[n], edges[n] >= pass_mark) for n in range(BINS)]


@dataclass(frozen=True)
class Summary:
    """A group in numbers; mean and median in hundredths, rounded down. Rates count marked sittings only."""

    expected: int
    marked: int
    absent: int
    voided: int
    passed: int
    mean: int | None
    median: int | None
    low: int | None
    high: int | None

    @property
    def pass_rate(self) -> int | None:
        """Hundredths of a percent, rounded half up; None when nobody was marked."""
        return half_up(self.passed * 100_00, self.marked) if self.marked else None


def half_up(whole: int, parts: int) -> int:
    """The quotient to the nearest integer, halves upwards (四舍五入); both are not negative."""
    return (2 * whole + parts) // (2 * parts)


def summarise(rows: list[tuple[str, int | None, bool]]) -> Summary:
    """From (state, total, passed) per entry."""
    totals = sorted(total for state, total, _passed in rows if state == "marked" and total is not None)
    n = len(totals)
    states = [state for state, _total, _passed in rows]
    return Summary(
        expected=len(rows),
        marked=n,
        absent=states.count("absent"),
        voided=states.count("voided"),
        passed=sum(passed for state, _total, passed in rows if state == "marked"),
        mean=half_up(sum(totals), n) if n else None,
        median=half_up(totals[(n - 1) // 2] + totals[n // 2], 2) if n else None,
        low=totals[0] if n else None,
        high=totals[-1] if n else None,
    )
