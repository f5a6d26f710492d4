"""Signs that answers were known beforehand: answers too fast and yet right, and items that grow easier from exam to exam.

Like `similarity`, a reason for a person to look, never a verdict, and never a change of a score.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, logit

from itembank.statistics.tally import whole_numbers
from itembank.statistics.values import DEFAULTS, Estimate, Needed, NoSpread, TooFew, around

FAST_PART: Final = 0.10
FAST_LEAST: Final = 5
DRIFT_LEAST: Final = 5


@dataclass(frozen=True, slots=True)
class FastAndRight:
    """A person (``row``) with ``fast`` answers given faster than anyone reads the item, ``right`` of them right where guessing
    brings ``expected``. ``p_value``: chance of as many by guessing, at most; ``corrected`` for the people tested (Bonferroni)."""

    row: int
    fast: int
    right: int
    expected: float
    p_value: float
    corrected: float


@dataclass(frozen=True, slots=True)
class Drift:
    """An item's change of difficulty beyond the change of the group. ``shift``: in logits, positive where it became easier, with
    the error of sampling. ``z``: robust, against the other items; ``drifted``: ``z`` beyond 2.7 and 0 outside the interval."""

    shift: Estimate
    z: float
    drifted: bool


def too_fast_and_right(
    seconds: npt.ArrayLike, right: npt.ArrayLike, guess: npt.ArrayLike, level: float = 0.01, needed: Needed = DEFAULTS
) -> list[FastAndRight] | TooFew:
    """People with too many fast right answers, the least likely first.

    ``seconds``: people × items, time spent on each, 0 for not seen. ``right``: people × items, 0 or 1. ``guess``: (items,)
    chance to be right by guessing. Fast is below a tenth of the item's mean time (the normative threshold NT10 of Wise and
    Ma 2012); an honest fast answer is a guess, so that right ones are binomial. The highest guess rate among a person's fast
    items serves for all of them, which makes the p-value too large rather than too small.
    """
    times = np.asarray(seconds, dtype=np.float64)
    matrix = whole_numbers(right, "right")
    chance = np.asarray(guess, dtype=np.float64)
    if times.shape != matrix.shape or chance.shape != matrix.shape[1:]:
        raise ValueError("seconds and right must be people × items, guess one number per item")
    if not np.isfinite(times).all() or (times < 0).any() or not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("seconds must be finite and not negative, guess within 0 and 1")
    n = len(times)
    if n < max(needed.similarity, 2):
        return TooFew(n, max(needed.similarity, 2))
    seen = times > 0
    mean = times.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    fast = seen & (times < FAST_PART * mean)
    count, hits = fast.sum(axis=1), (fast & (matrix == 1)).sum(axis=1)
    rate = np.where(fast, chance, 0.0).max(axis=1, initial=0.0)
    tested = np.flatnonzero(count >= FAST_LEAST)
    found = []
    for row in tested.tolist():
        trials, successes = int(count[row]), int(hits[row])
        p_value = 1.0 if successes == 0 else float(bdtrc(successes - 1, trials, rate[row]))
        corrected = min(p_value * len(tested), 1.0)
        if corrected <= level:
            found.append(FastAndRight(row, trials, successes, float(fast[row] @ chance), p_value, corrected))
    return sorted(found, key=lambda one: (one.p_value, one.row))


def drift(
    before: npt.ArrayLike, before_n: int, after: npt.ArrayLike, after_n: int, needed: Needed = DEFAULTS
) -> list[Drift | TooFew | NoSpread]:
    """Items used twice: did one become easier than the rest did?

    ``before``, ``after``: (items,) right answers among ``before_n`` and ``after_n`` people. The change in logits less its
    median over the items, which takes the strength of the groups out; against 0.74 interquartile ranges (Huynh and Meyer 2010,
    Practical Assessment, Research & Evaluation 15). Items all or none had right are `NoSpread`.
    """
    old, new = whole_numbers(before, "before", 1), whole_numbers(after, "after", 1)
    if old.shape != new.shape:
        raise ValueError("before and after must name the same items")
    if len(old) and (min(old.min(), new.min()) < 0 or old.max() > before_n or new.max() > after_n):
        raise ValueError("more right answers than people")
    smaller = min(before_n, after_n)
    if smaller < max(needed.difficulty, needed.correlation):
        return [TooFew(smaller, max(needed.difficulty, needed.correlation))] * len(old)
    live = (old > 0) & (old < before_n) & (new > 0) & (new < after_n)
    if live.sum() < DRIFT_LEAST:
        return [TooFew(int(live.sum()), DRIFT_LEAST)] * len(old)
    p, q = old[live] / before_n, new[live] / after_n
    change = logit(q) - logit(p)
    shift = change - np.median(change)
    error = np.sqrt(1 / (before_n * p * (1 - p)) + 1 / (after_n * q * (1 - q)))
    low, high = np.quantile(shift, [0.25, 0.75])
    # With hardly any spread among the items their sampling error is the yardstick.
    yardstick = np.maximum(0.74 * (high - low), error)
    found = iter([_drift(float(s), float(e), float(s / y)) for s, e, y in zip(shift, error, yardstick, strict=True)])
    return [next(found) if one else NoSpread(smaller) for one in live]


def _drift(shift: float, error: float, z: float) -> Drift:
    estimate = around(shift, error)
    return Drift(estimate, z, abs(z) > 2.7 and (estimate.low > 0 or estimate.high < 0))
