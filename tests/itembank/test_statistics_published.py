"""Every figure that others have computed from published data, each with its tolerance."""

import numpy as np
import pytest

from itembank.statistics import analysis, conditional, equating, irt, itemfit
from itembank.statistics.reliability import reliability
from itembank.statistics.smoothing import smooth
from itembank.statistics.tally import tally
from itembank.statistics.values import Estimate, Measured, TooFew
from tests.itembank.published import ACT_X, ACT_Y, lsat6


def values(figures: list[Measured]) -> list[float]:
    assert all(isinstance(figure, Estimate) for figure in figures), figures
    return [figure.value for figure in figures if isinstance(figure, Estimate)]


def errors(figures: list[Measured]) -> list[float]:
    return [figure.se for figure in figures if isinstance(figure, Estimate)]


def test_classical_figures_of_lsat6() -> None:
    """R 4 stats and psych::alpha; to 1e-6, as printed."""
    items = analysis.analyse_items(tally(lsat6()), 1)
    assert values([item.p for item in items]) == pytest.approx([0.924, 0.709, 0.553, 0.763, 0.870])
    assert [item.sd for item in items] == pytest.approx([0.265131, 0.454451, 0.497432, 0.425455, 0.336472], abs=1e-6)
    expected = [0.362010, 0.566772, 0.618440, 0.534418, 0.435366]
    assert values([item.point_biserial for item in items]) == pytest.approx(expected, abs=1e-6)
    expected = [0.112833, 0.153178, 0.172779, 0.144428, 0.121596]
    assert values([item.item_total for item in items]) == pytest.approx(expected, abs=1e-6)
    expected = [0.670894, 0.750873, 0.777605, 0.736080, 0.692123]
    assert values([item.biserial for item in items]) == pytest.approx(expected, abs=1e-6)
    expected = [0.275356, 0.237584, 0.216799, 0.245933, 0.266294]
    assert [item.alpha_without for item in items] == pytest.approx(expected, abs=1e-6)


def test_reliability_of_lsat6() -> None:
    """psych::alpha and the odd-even split by Spearman and Brown; to 1e-6."""
    form = reliability(lsat6(), 5, 3)
    found = values([form.mean, form.sd, form.alpha, form.sem, form.split_half])
    assert found == pytest.approx([3.819, 1.035041, 0.294997, 0.869067, 0.337987], abs=1e-6)


def test_two_parameter_model_of_lsat6() -> None:
    """R ltm 1.2: log-likelihood -2466.653 to 1e-4. Parameters to 1e-3: ltm stops 7e-6 below this maximum."""
    fit = irt.two_parameter(lsat6())
    assert isinstance(fit, irt.Fit)
    assert fit.settled
    assert fit.parameters == 10
    assert fit.loglik == pytest.approx(-2466.653385, abs=1e-4)
    assert fit.slopes.tolist() == pytest.approx([0.825372, 0.722950, 0.890475, 0.688550, 0.657451], abs=1e-3)
    assert fit.intercepts.tolist() == pytest.approx([2.773028, 0.990188, 0.249242, 1.284779, 2.053598], abs=1e-3)


def test_standard_errors_of_lsat6() -> None:
    """As R ltm prints them for its LSAT example, to 5e-4: its Hessian is a numerical one."""
    fit = irt.two_parameter(lsat6())
    assert isinstance(fit, irt.Fit)
    assert errors([item.slope for item in fit.items]) == pytest.approx([0.2581, 0.1867, 0.2326, 0.1852, 0.2099], abs=5e-4)


@pytest.mark.parametrize(
    ("slope", "loglik", "parameters", "common", "intercepts"),
    [
        (None, -2466.937600, 6, 0.755135, [2.730013, 0.998606, 0.239854, 1.306451, 2.099404]),
        (1.0, -2473.053847, 5, 1.0, [2.871971, 1.063029, 0.257611, 1.388059, 2.218778]),
    ],
)
def test_rasch_model_of_lsat6(
    slope: float | None, loglik: float, parameters: int, common: float, intercepts: list[float]
) -> None:
    """R ltm 1.2, to 1e-5."""
    fit = irt.rasch(lsat6(), slope)
    assert isinstance(fit, irt.Fit)
    assert fit.loglik == pytest.approx(loglik, abs=1e-5)
    assert fit.parameters == parameters
    assert fit.slopes.tolist() == pytest.approx([common] * 5, abs=1e-5)
    assert fit.intercepts.tolist() == pytest.approx(intercepts, abs=1e-5)


def test_conditional_likelihood_of_lsat6() -> None:
    """R eRm: easiness and errors to 1e-5, log-likelihood to 1e-6."""
    fit = conditional.rasch_conditional(lsat6())
    assert isinstance(fit, conditional.ConditionalFit)
    assert fit.loglik == pytest.approx(-1091.569690, abs=1e-6)
    assert values(fit.easiness) == pytest.approx([1.256128, -0.474907, -1.235981, -0.168410, 0.623170], abs=1e-5)
    assert errors(fit.easiness) == pytest.approx([0.104406, 0.069917, 0.068778, 0.072619, 0.085917], abs=1e-5)


def test_lsat6_fits() -> None:
    """Bock and Lieberman found nothing against the model."""
    fit = irt.two_parameter(lsat6())
    assert isinstance(fit, irt.Fit)
    for one in itemfit.item_fit(fit, lsat6()):
        assert isinstance(one, itemfit.ItemFit)
        assert one.p_value > 0.05


def test_linear_equating_of_act_mathematics() -> None:
    """R equate 2.0.9, to 1e-9."""
    found = equating.equate(ACT_X, ACT_Y, 6)
    assert values(found.mean) == pytest.approx([score - 0.872622066263684 for score in range(41)], abs=1e-9)
    line = [-2.6319707772218 + 1.0886215027722 * score for score in range(41)]
    assert values(found.linear) == pytest.approx(line, abs=1e-9)


# fmt: off
EQUIPERCENTILE = {
    1: (0.979556, 0.830551), 2: (1.646223, 0.521005), 5: (3.620467, 0.147806), 10: (8.160667, 0.173116),
    15: (13.392891, 0.213848), 20: (19.164721, 0.294727), 25: (25.029159, 0.301331),
    30: (30.130482, 0.289634), 35: (35.101604, 0.304350), 39: (39.080735, 0.201793), 40: (39.900554, 0.278723),
}
SMOOTHED = {
    0: -0.438423, 1: 0.123881, 2: 0.929316, 5: 3.657342, 10: 8.214279, 15: 13.376447, 20: 19.246907, 25: 24.959362, 30: 30.172905,
    35: 35.124997, 40: 40.020232,
}
# fmt: on


def test_equipercentile_equating_of_act_mathematics() -> None:
    """R equate 2.0.9: equivalents and Lord's standard errors to 1e-5. Score 0 is unknown here, -0.5 there: nobody had it."""
    found = equating.equate(ACT_X, ACT_Y, 6).equipercentile
    assert found[0] == TooFew(0, 1)
    chosen = [found[score] for score in EQUIPERCENTILE]
    assert values(chosen) == pytest.approx([value for value, _ in EQUIPERCENTILE.values()], abs=1e-5)
    assert errors(chosen) == pytest.approx([se for _, se in EQUIPERCENTILE.values()], abs=1e-5)


def test_smoothed_equating_of_act_mathematics() -> None:
    """R equate 2.0.9, log-linear with six moments: equivalents to 1e-5, frequencies to 1e-5 people."""
    found = equating.equate(ACT_X, ACT_Y, 6)
    assert (found.degree_x, found.degree_y) == (6, 6)
    assert values([found.smoothed[score] for score in SMOOTHED]) == pytest.approx(list(SMOOTHED.values()), abs=1e-5)
    smoothed = smooth(ACT_X, 6)
    assert smoothed is not None
    expected = {0: 0.0216618985, 10: 158.0664777156, 20: 173.4168105893, 40: 15.0421827795}
    assert {score: float(smoothed.probabilities[score] * 4329) for score in expected} == pytest.approx(expected, abs=1e-5)


def test_smoothing_keeps_the_moments() -> None:
    smoothed = smooth(ACT_X, 4)
    assert smoothed is not None
    scores = np.arange(41)
    for power in range(1, 5):
        assert smoothed.probabilities @ scores**power == pytest.approx(np.array(ACT_X) @ scores**power / 4329, rel=1e-9)
