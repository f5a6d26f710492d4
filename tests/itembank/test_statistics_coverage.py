"""95 % intervals hold the truth in 92 to 98 of 100 simulated exams: 200 replications for every figure that has an interval.

Figures of one kind are pooled over the items or scores of a form. The truth is that of the generating model or, where it has no
closed form, of a million simulated people. Figures that a form has only once are taken from several exams a replication: of 200
draws alone the share would vary by 1.5 points by itself. The seeds are fixed.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from itembank.statistics import analysis, conditional, dif, equating, forensics, irt
from itembank.statistics.reliability import Reliability, alphas_without, reliability
from itembank.statistics.smoothing import smooth
from itembank.statistics.tally import tally
from itembank.statistics.values import Estimate
from tests.itembank.published import ACT_X, ACT_Y, parameters, simulated

REPLICATIONS = 200
ITEMS = 12
WEIGHTS = np.array([2] * 8 + [5] * 4)
Hit = tuple[str, bool]
Bools = npt.NDArray[np.bool_]

ITEM_FIGURES = ("p", "point_biserial", "item_total", "biserial", "discrimination")


def holds(name: str, figure: object, truth: float) -> Hit:
    assert isinstance(figure, Estimate), (name, figure)
    return name, figure.low <= truth <= figure.high


def marks(right: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Of items with different marks; the first with part marks, half of them half the time it is wrong."""
    earned: npt.NDArray[np.int64] = right * WEIGHTS
    earned[:, 0] += np.where((right[:, 0] == 0) & (right[:, 1] == 1), 1, 0)
    return earned


@cache
def population() -> tuple[list[analysis.ItemAnalysis], Reliability]:
    scores = marks(simulated(1_000_000, ITEMS, 999))
    return analysis.analyse_items(tally(scores), WEIGHTS), reliability(scores, float(WEIGHTS.sum()), 24)


def items(seed: int) -> Iterable[Hit]:
    truth, _ = population()
    for found, true in zip(analysis.analyse_items(tally(marks(simulated(250, ITEMS, seed))), WEIGHTS), truth, strict=True):
        for name in ITEM_FIGURES:
            expected = getattr(true, name)
            assert isinstance(expected, Estimate)
            yield holds(name, getattr(found, name), expected.value)


def form(seed: int) -> Iterable[Hit]:
    _, truth = population()
    found = reliability(marks(simulated(250, ITEMS, seed)), float(WEIGHTS.sum()), 24)
    for field in fields(found):
        expected = getattr(truth, field.name)
        if isinstance(expected, Estimate):
            yield holds(field.name, getattr(found, field.name), expected.value)


@cache
def without() -> list[float]:
    found = alphas_without(marks(simulated(1_000_000, ITEMS, 999)))
    return [one.value for one in found if isinstance(one, Estimate)]


def form_without(seed: int) -> Iterable[Hit]:
    for found, truth in zip(alphas_without(marks(simulated(250, ITEMS, seed))), without(), strict=True):
        yield holds("alpha without", found, truth)


def small_groups(seed: int) -> Iterable[Hit]:
    """Seven and eight candidates, the second form two marks harder: a room of a small centre."""
    rng = np.random.default_rng(seed)
    easy, hard = (np.rint(rng.normal(mean, sd, n)).astype(np.int64) for mean, sd, n in ((62, 11, 7), (60, 15, 8)))
    yield holds("difference of forms", equating.difference(easy, hard), 2.0)


def two_parameter(seed: int) -> Iterable[Hit]:
    fit = irt.two_parameter(simulated(600, ITEMS, seed))
    assert isinstance(fit, irt.Fit)
    for item, slope, intercept in zip(fit.items, *parameters(ITEMS), strict=True):
        yield holds("slope", item.slope, slope)
        yield holds("intercept", item.intercept, intercept)
        yield holds("difficulty", item.difficulty, -intercept / slope)


def rasch(seed: int) -> Iterable[Hit]:
    fit = irt.rasch(simulated(300, ITEMS, seed, rasch=True))
    assert isinstance(fit, irt.Fit)
    slopes, intercepts = parameters(ITEMS, rasch=True)
    yield holds("common slope", fit.items[0].slope, slopes[0])
    for item, intercept in zip(fit.items, intercepts, strict=True):
        yield holds("rasch intercept", item.intercept, intercept)


def given_score(seed: int) -> Iterable[Hit]:
    fit = conditional.rasch_conditional(simulated(300, ITEMS, seed, rasch=True))
    assert isinstance(fit, conditional.ConditionalFit)
    _, intercepts = parameters(ITEMS, rasch=True)
    for easiness, intercept in zip(fit.easiness, intercepts, strict=True):
        yield holds("easiness", easiness, intercept - intercepts.mean())


def ability(seed: int) -> Iterable[Hit]:
    rng = np.random.default_rng(seed)
    slopes, intercepts = parameters(30)
    theta = rng.normal(size=500)
    right = (rng.random((500, 30)) < 1 / (1 + np.exp(-(theta[:, None] * slopes + intercepts)))).astype(np.uint8)
    fit = irt.two_parameter(right)
    assert isinstance(fit, irt.Fit)
    found = irt.abilities(fit, right)
    for true, value, se in zip(theta[:50], found.theta, found.se, strict=False):
        yield "ability", bool(abs(true - value) <= 1.96 * se)


def differential(seed: int) -> Iterable[Hit]:
    """Matching on the total is exact under the Rasch model; the last item is 0.6 logits harder for the focal group."""
    rng = np.random.default_rng(seed)
    _, intercepts = parameters(ITEMS, rasch=True)
    focal = rng.random(900) < 0.4
    z = rng.normal(-0.3 * focal, 1.0)[:, None] + intercepts
    z[:, -1] -= 0.6 * focal
    right = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(np.uint8)
    # Under the Rasch model the odds ratio at each total that includes the item is exp(-0.6) still.
    for item, found in enumerate(dif.mantel_haenszel(right, focal)):
        assert isinstance(found, dif.ItemDif)
        if item == ITEMS - 1:
            yield holds("dif", found.delta, -2.35 * 0.6)


@cache
def forms() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], equating.Equating]:
    x, y = smooth(ACT_X, 4), smooth(ACT_Y, 4)
    assert x is not None
    assert y is not None
    many_x, many_y = (np.rint(one.probabilities * 1e12).astype(np.int64) for one in (x, y))
    return x.probabilities, y.probabilities, equating.equate(many_x, many_y, 4)


def equated(seed: int) -> Iterable[Hit]:
    rng = np.random.default_rng(seed)
    x, y, truth = forms()
    found = equating.equate(rng.multinomial(1500, x), rng.multinomial(1500, y), degree=4)
    for name in ("mean", "linear", "equipercentile", "smoothed"):
        for score in range(8, 37):
            true, one = getattr(truth, name)[score], getattr(found, name)[score]
            assert isinstance(true, Estimate)
            yield holds(f"equating: {name}", one, true.value)


def drifting(seed: int) -> Iterable[Hit]:
    rng = np.random.default_rng(seed)
    z = np.linspace(-1.5, 1.5, 41)
    shift = np.zeros(41)
    shift[20] = 1.0
    before, after = (rng.binomial(400, 1 / (1 + np.exp(-(z + change)))) for change in (0.0, 0.3 + shift))
    for true, found in zip(shift, forensics.drift(before, 400, after, 400), strict=True):
        assert isinstance(found, forensics.Drift)
        yield holds("drift", found.shift, float(true))


@pytest.mark.parametrize(
    ("replicate", "exams"),
    [
        (items, 1),
        pytest.param(form, 4, marks=pytest.mark.slow),
        (form_without, 1),
        (small_groups, 5),
        pytest.param(two_parameter, 1, marks=pytest.mark.slow),
        pytest.param(rasch, 4, marks=pytest.mark.slow),
        (given_score, 1),
        pytest.param(ability, 1, marks=pytest.mark.slow),
        (differential, 4),
        (equated, 2),
        (drifting, 1),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_intervals_cover(replicate: Callable[[int], Iterable[Hit]], exams: int) -> None:
    coverage = covered(replicate, REPLICATIONS * exams)
    assert all(0.92 <= each <= 0.98 for each in coverage.values()), coverage


def covered(replicate: Callable[[int], Iterable[Hit]], exams: int) -> dict[str, float]:
    """In what share of the intervals the truth was, by figure."""
    hits: dict[str, list[bool]] = {}
    for seed in range(exams):
        for name, hit in replicate(seed):
            hits.setdefault(name, []).append(hit)
    return {name: round(sum(each) / len(each), 3) for name, each in hits.items()}


@pytest.mark.parametrize(("replicate", "exams"), [(form, 60), (two_parameter, 6), (rasch, 12), (ability, 6)])
def test_a_few_of_the_long_ones(replicate: Callable[[int], Iterable[Hit]], exams: int) -> None:
    """What `make coverage` does at length; so few draws may be off by three of their own standard errors."""
    for name, share in covered(replicate, exams).items():
        assert share >= 0.95 - 3 * (0.95 * 0.05 / exams) ** 0.5, (name, share)
