"""However few people, and whatever they did: a value or a reason, never a NaN, never a warning (warnings fail the tests)."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from itembank.statistics import analysis, conditional, dif, equating, forensics, irt, similarity
from itembank.statistics.irt import Abilities
from itembank.statistics.report import FormData, report
from itembank.statistics.tally import tally
from itembank.statistics.values import Estimate, Needed, NoSpread, TooFew, Unsettled

EAGER = Needed(
    difficulty=1,
    spread=1,
    correlation=1,
    reliability=1,
    groups=1,
    rasch=1,
    two_pl=1,
    dif=1,
    equating=1,
    equipercentile=1,
    similarity=1,
)


def numbers(value: Any) -> Iterator[float]:
    """Every number in a result, at any depth."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from numbers(getattr(value, field.name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, np.ndarray):
        yield from value.astype(float).ravel().tolist()
    elif isinstance(value, int | float):
        yield float(value)


def sound(value: Any) -> None:
    assert all(np.isfinite(number) for number in numbers(value)), value


def form(answers: np.ndarray, rng: np.random.Generator, marks: int = 100) -> FormData:
    """Option 1 is right everywhere; 3 earns half."""
    n, k = answers.shape
    scores = np.where(answers == 1, marks, np.where(answers == 4, marks // 2, 0))
    return FormData(
        answers=answers,
        scores=scores,
        key=np.ones(k, dtype=int),
        full=np.full(k, marks),
        options=np.full(k, 4),
        pass_mark=0.6 * marks * k,
        focal={"resit": rng.random(n) < 0.5, "nobody": np.zeros(n, dtype=bool)},
        reference_totals=rng.integers(0, k * marks + 1, n),
    )


def measures(value: Any) -> Iterator[Any]:
    """Every `Measured` in a result."""
    if isinstance(value, Estimate | TooFew | NoSpread | Unsettled):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from measures(getattr(value, field.name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from measures(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from measures(one)


@pytest.mark.parametrize("people", [0, 1, 5])
def test_five_candidates(people: int) -> None:
    """What is found is a value or too few people; nothing is unsettled."""
    rng = np.random.default_rng(people)
    found = report(form(rng.choice([0, 1, 2, 4, 8], (people, 20)), rng))
    sound(found)
    assert not [one for one in measures(found) if isinstance(one, NoSpread | Unsettled)]
    assert found.two_parameter == TooFew(people, 500)
    assert found.rasch == TooFew(people, 150)
    assert found.abilities == TooFew(people, 150)
    assert found.form.alpha == TooFew(people, 30)
    assert {type(one) for one in found.dif["resit"]} == {TooFew}
    assert found.equating is not None
    assert found.equating.equipercentile[3] == TooFew(people, 200)
    assert found.miskeyed == {}


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 70), st.integers(1, 7), st.integers(0, 2**32 - 1), st.floats(0, 1), st.sampled_from([Needed(), EAGER]))
@example(people=40, items=3, seed=1, skill=1.0, needed=EAGER)
@example(people=40, items=3, seed=1, skill=0.0, needed=EAGER)
@example(people=38, items=7, seed=0, skill=0.75, needed=EAGER)  # items run off one after another
@example(people=2, items=1, seed=1, skill=0.5, needed=EAGER)
def test_a_report_of_anything(people: int, items: int, seed: int, skill: float, needed: Needed) -> None:
    """Random answers, thresholds as usual and as low as they go, everyone right, everyone blank."""
    rng = np.random.default_rng(seed)
    wrong = rng.choice([0, 2, 4, 8], (people, items))
    answers = np.where(rng.random((people, items)) < skill, 1, wrong)
    found = report(form(answers, rng), needed)
    sound(found)
    for one in measures(found):
        if isinstance(one, Estimate):
            assert one.se >= 0
            assert one.low <= one.value <= one.high
        if isinstance(one, TooFew):
            assert one.n < one.needed


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_rest_of_anything(people: int, items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    right = rng.integers(0, 2, (people, items))
    sound(conditional.rasch_conditional(right, EAGER))
    sound(similarity.similar_pairs(right + 1, right, [range(people)], level=1.0, needed=EAGER))
    sound(forensics.too_fast_and_right(rng.exponential(20, (people, items)), right, np.full(items, 0.25), 1.0, EAGER))
    hits = right.sum(axis=0)
    sound(forensics.drift(hits, people, rng.permutation(hits), people, EAGER))


def test_guttman_patterns_run_off_and_say_so() -> None:
    """Nobody fails an easier item and passes a harder one: slopes have no maximum, and the answer is not a number."""
    right = (np.arange(600)[:, None] % 7 > np.arange(6)).astype(np.uint8)
    fit = irt.two_parameter(right)
    sound(fit)
    assert isinstance(fit, irt.Fit)
    assert any(isinstance(item.slope, Unsettled) for item in fit.items)


def test_items_all_or_none_had_right_take_no_part() -> None:
    rng = np.random.default_rng(1)
    right = (rng.normal(size=(600, 1)) + rng.normal(size=(600, 6)) > 0).astype(np.uint8)
    right[:, 2], right[:, 4] = 1, 0
    fit = irt.two_parameter(right)
    assert isinstance(fit, irt.Fit)
    assert fit.items[2].slope == fit.items[4].difficulty == NoSpread(600)
    assert fit.used.tolist() == [True, True, False, True, False, True]
    assert isinstance(irt.abilities(fit, right), Abilities)
    assert irt.two_parameter(np.ones((600, 4), dtype=int)) == NoSpread(600)


@pytest.mark.parametrize("wrong", [[[2]], [[-1]], [[0.5]], [1, 0]])
def test_answers_must_be_right_or_wrong(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"0 or 1|whole numbers"):
        irt.two_parameter(wrong)


def test_contradictions_are_refused() -> None:
    rng = np.random.default_rng(1)
    data = form(rng.choice([1, 2], (5, 3)), rng)
    with pytest.raises(ValueError, match="one entry for each"):
        report(FormData(data.answers, data.scores, [1], data.full, data.options))
    with pytest.raises(ValueError, match="different marks"):
        report(FormData([[1], [1]], [[100], [0]], [1], [100], [4]))
    with pytest.raises(ValueError, match="does not exist"):
        report(FormData([[16]], [[0]], [1], [100], [4]))
    with pytest.raises(ValueError, match="boolean per person"):
        dif.mantel_haenszel([[1]], [1])
    with pytest.raises(ValueError, match="people with each score"):
        equating.mean([1, -1], [1, 1])
    with pytest.raises(ValueError, match="must be positive"):
        analysis.analyse_items(tally([[1, 0]]), 0)
