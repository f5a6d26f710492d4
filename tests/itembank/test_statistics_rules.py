"""What the statistics find when there is something to find, and how rarely when there is nothing."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from itembank.statistics import analysis, dif, equating, forensics, irt, itemfit, similarity
from itembank.statistics.classical import form_figures, item_figures, option_figures
from itembank.statistics.reliability import alphas_without, reliability
from itembank.statistics.report import FormData, report
from itembank.statistics.tally import ability_groups, end_weights, tally
from itembank.statistics.values import Estimate, Measured, NoSpread, TooFew, Unsettled
from tests.itembank.published import parameters, simulated


def answered(right: npt.NDArray[np.uint8], seed: int = 0) -> npt.NDArray[np.uint8]:
    """Bit masks: option 1 is right, the wrong ones 2 to 4."""
    wrong = np.random.default_rng(seed).choice(np.array([2, 4, 8], dtype=np.uint8), right.shape)
    return np.where(right == 1, np.uint8(1), wrong)


def value(figure: Measured) -> float:
    assert isinstance(figure, Estimate)
    return figure.value


@given(st.integers(30, 120), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_both_roads_to_a_classical_figure_agree(people: int, items: int, seed: int) -> None:
    """`classical` from moments of scores, `analysis` from counts by total."""
    scores = np.random.default_rng(seed).integers(0, 4, (people, items)) * 50
    slow, fast = item_figures(scores, 150), analysis.analyse_items(tally(scores), 150)
    for one, other in zip(slow, fast, strict=True):
        assert one.p == pytest.approx(value(other.p))
        assert one.sd == pytest.approx(other.sd)
        assert one.item_total == pytest.approx(value(other.item_total))
        assert one.alpha_without == pytest.approx(other.alpha_without, abs=1e-9)
    for one, other in zip(fast, alphas_without(scores), strict=True):
        if isinstance(other, Estimate):
            assert other.value == pytest.approx(one.alpha_without, abs=1e-9)
        else:
            assert not isinstance(one.alpha_without, float) or isinstance(other, Unsettled)
    form, whole = form_figures(scores), reliability(scores, 150 * items)
    assert form.alpha == pytest.approx(value(whole.alpha), abs=1e-9)
    assert form.sem == pytest.approx(value(whole.sem))


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_options_are_counted_alike(people: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks, scores = rng.integers(0, 8, (people, 1)), np.zeros((people, 1), dtype=int)
    slow = option_figures(masks[:, 0], np.zeros(people), 3)
    fast = analysis.analyse_options(tally(masks, scores), 0, 3)
    assert [(one.option, one.chosen) for one in slow] == [(one.option, one.chosen) for one in fast]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 6))
def test_groups_keep_ties_together_and_ends_are_exact(people: list[int], groups: int) -> None:
    counts = np.array(people)
    low, high = end_weights(counts, 0.27)
    assert low @ counts == pytest.approx(0.27 * counts.sum())
    assert high @ counts == pytest.approx(0.27 * counts.sum())
    placed = ability_groups(counts, groups)
    assert (np.diff(placed) >= 0).all()
    assert 0 <= placed.min() <= placed.max() < groups


def test_the_order_of_people_and_the_unit_of_marks_decide_nothing() -> None:
    right = simulated(300, 12, 5)
    there, back = (analysis.analyse_items(tally(rows), 1) for rows in (right, right[::-1]))
    assert there == back
    marks = analysis.analyse_items(tally(right.astype(np.int64) * 250), 250)
    assert value(marks[3].discrimination) == pytest.approx(value(there[3].discrimination))
    assert value(marks[3].biserial) == pytest.approx(value(there[3].biserial))


def test_a_wrong_key_is_found_and_right_ones_are_not() -> None:
    right = simulated(300, 25, 8)
    answers = answered(right)
    scores = right.copy()
    scores[:, 4] = answers[:, 4] == 2  # the key says 2, the strong choose 1
    found = tally(answers, scores)
    rivals = [analysis.miskeyed(analysis.analyse_options(found, item, 4, 2 if item == 4 else 1)) for item in range(25)]
    assert rivals[4] == [1]
    assert not any(rivals[:4] + rivals[5:])


def test_a_mis_key_needs_people_and_one_key() -> None:
    few = tally([[2]] * 20, [[0]] * 20)
    assert analysis.miskeyed(analysis.analyse_options(few, 0, 4, 1)) == []
    right = simulated(300, 5, 8)
    both = tally(answered(right), right)
    assert analysis.miskeyed(analysis.analyse_options(both, 0, 4, 3)) == []


def test_decisions_are_surer_away_from_the_pass_mark_and_on_longer_forms() -> None:
    short, long = simulated(2000, 15, 3), simulated(2000, 60, 3)
    at_mean, far, longer = reliability(short, 15, 8), reliability(short, 15, 14), reliability(long, 60, 32)
    assert at_mean.agreement is not None
    assert far.agreement is not None
    assert longer.kappa is not None
    assert at_mean.kappa is not None
    assert value(far.agreement) > value(at_mean.agreement)
    assert value(longer.kappa) > value(at_mean.kappa)
    assert reliability(short, 15).agreement is None


def test_agreement_of_two_real_forms() -> None:
    """Two halves made alike by the same model: the share decided alike is what one of them foretells, within 3 %."""
    rng = np.random.default_rng(11)
    slopes, intercepts = parameters(30)
    chance = 1 / (1 + np.exp(-(rng.normal(size=20_000)[:, None] * slopes + intercepts)))
    first, second = ((rng.random(chance.shape) < chance).astype(np.uint8) for _ in range(2))
    alike = ((first.sum(axis=1) >= 17) == (second.sum(axis=1) >= 17)).mean()
    found = reliability(first, 30, 17).agreement
    assert found is not None
    assert value(found) == pytest.approx(alike, abs=0.03)


def test_parameters_and_abilities_are_recovered() -> None:
    rng = np.random.default_rng(2)
    slopes, intercepts = parameters(40)
    theta = rng.normal(size=4000)
    right = (rng.random((4000, 40)) < 1 / (1 + np.exp(-(theta[:, None] * slopes + intercepts)))).astype(np.uint8)
    fit = irt.two_parameter(right)
    assert isinstance(fit, irt.Fit)
    assert np.abs(fit.slopes - slopes).max() < 0.25
    assert np.abs(fit.intercepts - intercepts).max() < 0.25
    found = irt.abilities(fit, right)
    assert np.corrcoef(found.theta, theta)[0, 1] ** 2 == pytest.approx(found.reliability, abs=0.02)
    assert np.mean([one.p_value < 0.05 for one in itemfit.item_fit(fit, right) if isinstance(one, itemfit.ItemFit)]) < 0.15


def test_single_and_double_precision_agree() -> None:
    """Large matrices are fitted in single precision with people of like scores grouped; errors stay the same to 1 %."""
    right = simulated(9000, 60, 4)
    fit = irt.two_parameter(right)
    part = irt.two_parameter(right[:4500])
    assert isinstance(fit, irt.Fit)
    assert isinstance(part, irt.Fit)
    for whole, half in zip(fit.items, part.items, strict=True):
        assert isinstance(whole.slope, Estimate)
        assert isinstance(half.slope, Estimate)
        assert half.slope.se / whole.slope.se == pytest.approx(np.sqrt(2), rel=0.1)


def test_an_item_that_runs_off_leaves_the_others_in_peace() -> None:
    right = simulated(600, 20, 1)
    split = (right.sum(axis=1) >= 12).astype(np.uint8)
    fit, alone = irt.two_parameter(np.column_stack([right, split])), irt.two_parameter(right)
    assert isinstance(fit, irt.Fit)
    assert isinstance(alone, irt.Fit)
    assert isinstance(fit.items[-1].slope, Unsettled)
    assert fit.slopes[:-1].tolist() == pytest.approx(alone.slopes.tolist(), abs=1e-3)
    assert isinstance(itemfit.item_fit(fit, np.column_stack([right, split]))[-1], Unsettled)


def test_a_guessing_item_does_not_fit() -> None:
    rng = np.random.default_rng(6)
    right = simulated(4000, 20, 6)
    right[:, 0] = rng.random(4000) < np.where(right[:, 1:].sum(axis=1) > 14, 0.95, 0.35)
    fit = irt.two_parameter(right)
    assert isinstance(fit, irt.Fit)
    first = itemfit.item_fit(fit, right)[0]
    assert isinstance(first, itemfit.ItemFit)
    assert first.p_value < 0.01


def test_dif_classes() -> None:
    """0, 0.55 and 1.1 logits harder for the focal group are A, B and C; a weaker focal group alone is no DIF."""
    rng = np.random.default_rng(9)
    _, intercepts = parameters(30, rasch=True)
    focal = rng.random(6000) < 0.5
    z = rng.normal(-0.5 * focal, 1.0)[:, None] + intercepts
    z[:, 0] -= 0.55 * focal
    z[:, 1] -= 1.1 * focal
    right = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(np.uint8)
    found = [one for one in dif.mantel_haenszel(right, focal) if isinstance(one, dif.ItemDif)]
    assert [one.klass for one in found[:3]] == ["B", "C", "A"]
    assert found[1].delta.value < -1.5
    assert {one.klass for one in found[2:]} == {"A"}
    mirrored = [one for one in dif.mantel_haenszel(right, ~focal) if isinstance(one, dif.ItemDif)]
    assert mirrored[1].delta.value == pytest.approx(-found[1].delta.value)


def test_dif_against_a_table_worked_by_hand() -> None:
    """One total with people in both groups: reference 2 right 1 wrong, focal 1 right 2 wrong; the odds ratio is 4."""
    table = np.array([[[1.0, 2.0], [2.0, 1.0]]])
    found = dif._item(table)
    assert isinstance(found, dif.ItemDif)
    assert found.delta.value == pytest.approx(-2.35 * np.log(4))
    assert found.delta.se == pytest.approx(2.35 * np.sqrt(1 / 1 + 1 / 2 + 1 / 2 + 1 / 1))
    assert found.chi_square == 0.0
    assert dif._item(np.array([[[1.0, 2.0], [0.0, 3.0]]])) == NoSpread(6)


@given(st.lists(st.integers(0, 30), min_size=3, max_size=20), st.integers(0, 2**32 - 1))
def test_equating_to_itself_changes_nothing(counts: list[int], seed: int) -> None:
    for score, found in enumerate(equating.equipercentile(counts, counts)):
        if isinstance(found, Estimate) and counts[score]:
            assert found.value == pytest.approx(score)
        else:
            assert counts[score] == 0 or found == TooFew(0, 1)


@given(st.integers(5, 30), st.integers(5, 30), st.integers(0, 2**32 - 1))
def test_the_difference_of_two_forms_is_welch_s(a: int, b: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 101, a), rng.integers(20, 81, b)
    found, theirs = equating.difference(x, y), stats.ttest_ind(x, y, equal_var=False)
    assert isinstance(found, Estimate)
    ends = theirs.confidence_interval()
    assert (found.value, found.low, found.high) == pytest.approx((x.mean() - y.mean(), ends.low, ends.high))


def test_two_forms_of_too_few_or_of_one_score() -> None:
    assert equating.difference([1, 2, 3, 4], [1, 2, 3, 4, 5]) == TooFew(4, 5)
    assert equating.difference([3] * 6, [5] * 7) == NoSpread(6)


def test_answers_without_options_are_only_told_apart() -> None:
    """Typed answers beside a choice: coded by any numbers; the report has no options for them, and the rest all the same."""
    rng = np.random.default_rng(5)
    right = rng.random((60, 6)) < 0.6
    answers = np.where(right, 1, rng.integers(2, 5, right.shape))
    answers[:, 0] = np.where(right[:, 0], 70_001, rng.integers(1, 40, 60))
    one = np.ones(6, dtype=np.int64)
    found = report(FormData(answers, right * 100, one * [0, 1, 1, 1, 1, 1], one * 100, np.array([0, 3, 3, 3, 3, 3])))
    assert found.options[0] == []
    assert [len(options) for options in found.options[1:]] == [4] * 5
    assert isinstance(found.items[0].item_total, Estimate)
    assert 0 not in found.miskeyed


def test_a_conversion_table_has_no_gaps_and_never_falls() -> None:
    x, y = [0, 0, 5, 50, 80, 70, 20, 0], [0, 9, 30, 70, 60, 40, 9, 7]
    found = equating.equipercentile(x, y)
    assert found[0] == found[1] == found[7] == TooFew(0, 1)
    table = equating.conversion(found, 7)
    assert all(0 <= score <= 7 for score in table)
    assert table == sorted(table)
    assert table[2] == pytest.approx(value(found[2]))
    with pytest.raises(ValueError, match="no score"):
        equating.conversion([TooFew(0, 1)], 7)


def test_copied_answers_are_found_in_their_room_only() -> None:
    right = simulated(400, 60, 21)
    answers = answered(right, 3)
    answers[1, 6:] = answers[0, 6:]  # 54 of 60 copied
    scores = (answers == 1).astype(np.uint8)
    rooms = [range(start, start + 20) for start in range(0, 400, 20)]
    found = similarity.similar_pairs(answers, scores, rooms)
    assert isinstance(found, list)
    assert [(one.a, one.b) for one in found] == [(0, 1)]
    assert found[0].shared >= 54
    assert found[0].expected < 45
    assert similarity.similar_pairs(answers, scores, [range(1, 20)]) == []
    assert similarity.similar_pairs(answers, scores, []) == []
    with pytest.raises(ValueError, match="does not exist"):
        similarity.similar_pairs(answers, scores, [[0, 400]])


def test_honest_rooms_are_left_alone() -> None:
    """Some 3,800 honest pairs an exam, 20 exams: at level 5 % about one exam names somebody; at most 4 may."""
    rooms = [range(start, start + 20) for start in range(0, 400, 20)]
    named = 0
    for seed in range(20):
        right = simulated(400, 60, 100 + seed)
        found = similarity.similar_pairs(answered(right, seed), right, rooms)
        named += bool(found)
    assert named <= 4


def test_too_fast_and_right() -> None:
    rng = np.random.default_rng(4)
    seconds = rng.lognormal(3.3, 0.4, (200, 50))
    right = (rng.random((200, 50)) < 0.6).astype(np.uint8)
    seconds[7, :30], right[7, :30] = 0.8, 1  # knew the answers
    seconds[8, :30], right[8, :30] = 0.8, rng.random(30) < 0.25  # guessed
    seconds[9, :30] = 0.0  # never saw them
    found = forensics.too_fast_and_right(seconds, right, np.full(50, 0.25))
    assert isinstance(found, list)
    assert [(one.row, one.fast, one.right) for one in found] == [(7, 30, 30)]
    assert found[0].corrected < 1e-9
    assert forensics.too_fast_and_right(seconds[:5], right[:5], np.full(50, 0.25)) == TooFew(5, 30)


def test_drift_is_beyond_the_change_of_the_group() -> None:
    rng = np.random.default_rng(5)
    p = rng.uniform(0.3, 0.8, 30)
    odds = p / (1 - p) * 1.5  # a stronger group
    odds[12] *= 3
    before, after = rng.binomial(500, p), rng.binomial(500, odds / (1 + odds))
    before[20] = 500
    found = forensics.drift(before, 500, after, 500)
    assert [at for at, one in enumerate(found) if isinstance(one, forensics.Drift) and one.drifted] == [12]
    assert found[20] == NoSpread(500)
    assert forensics.drift([1], 5, [2], 5) == [TooFew(5, 30)]


def test_a_report_of_two_forms() -> None:
    """The whole, once: 2PL with 600 people, form B equated to form A, every list one per item."""
    right, other = simulated(600, 30, 31), simulated(600, 30, 32)
    found = report(
        FormData(
            answers=answered(right),
            scores=right.astype(np.int64) * 100,
            key=np.ones(30, dtype=int),
            full=np.full(30, 100),
            options=np.full(30, 4),
            pass_mark=1800,
            focal={"resit": np.arange(600) % 2 == 0},
            reference_totals=other.sum(axis=1, dtype=np.int64) * 100,
        )
    )
    assert isinstance(found.two_parameter, irt.Fit)
    assert isinstance(found.abilities, irt.Abilities)
    assert len(found.items) == len(found.options) == len(found.item_fit) == len(found.dif["resit"]) == 30
    assert found.miskeyed == {}
    assert found.equating is not None
    for score in range(8, 28):  # one distribution, so that equating moves no score beyond its error
        one = found.equating.smoothed[score]
        assert isinstance(one, Estimate)
        assert abs(one.value - score) < 4 * one.se
