"""Classical statistics against published figures and R; and that small groups never give a NaN."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.statistics.classical import (
    Needed,
    NoSpread,
    TooFew,
    form_figures,
    item_figures,
    mask,
    option_figures,
)

# LSAT section 6, 1,000 people, 5 items: Bock and Lieberman (1970), Psychometrika 35, 179-197. Pattern -> people.
# fmt: off
LSAT6 = {
    "00000": 3, "00001": 6, "00010": 2, "00011": 11, "00100": 1, "00101": 1, "00110": 3, "00111": 4,
    "01000": 1, "01001": 8, "01011": 16, "01101": 3, "01110": 2, "01111": 15, "10000": 10, "10001": 29,
    "10010": 14, "10011": 81, "10100": 3, "10101": 28, "10110": 15, "10111": 80, "11000": 16, "11001": 56,
    "11010": 21, "11011": 173, "11100": 11, "11101": 61, "11110": 28, "11111": 298,
}
# fmt: on


def lsat6() -> list[list[int]]:
    return [[int(mark) for mark in pattern] for pattern, people in LSAT6.items() for _ in range(people)]


def test_lsat6_items() -> None:
    """Proportions right as published; the rest by R 4 (stats, psych::alpha)."""
    figures = item_figures(lsat6())
    assert [item.p for item in figures] == pytest.approx([0.924, 0.709, 0.553, 0.763, 0.870])
    assert [item.item_total for item in figures] == pytest.approx([0.112833, 0.153178, 0.172779, 0.144428, 0.121596], abs=1e-6)
    assert [item.alpha_without for item in figures] == pytest.approx([0.275356, 0.237584, 0.216799, 0.245933, 0.266294], abs=1e-6)
    assert [item.sd for item in figures] == pytest.approx([0.265131, 0.454451, 0.497432, 0.425455, 0.336472], abs=1e-6)


def test_lsat6_as_a_form() -> None:
    figures = form_figures(lsat6())
    assert (figures.n, figures.items) == (1000, 5)
    assert [figures.mean, figures.sd, figures.alpha, figures.sem] == pytest.approx(
        [3.819, 1.035041, 0.294997, 0.869067], abs=1e-6
    )


def test_marks_other_than_one() -> None:
    scores = np.array(lsat6()) * np.array([200, 50, 100, 100, 100])
    figures = item_figures(scores, [200, 50, 100, 100, 100])
    assert [item.p for item in figures] == pytest.approx([0.924, 0.709, 0.553, 0.763, 0.870])
    same = form_figures(np.array(lsat6()) * 50)
    assert same.alpha == pytest.approx(0.294997, abs=1e-6)
    assert same.sem == pytest.approx(50 * 0.869067, abs=1e-4)


@pytest.mark.parametrize(("people", "few"), [(29, True), (30, False)])
def test_thirty_people_for_a_correlation(people: int, few: bool) -> None:
    scores = [[n % 2, n % 3 == 0, n % 5 == 0] for n in range(people)]
    item = item_figures(scores)[0]
    assert (item.item_total == TooFew(people, 30)) is few
    assert (item.alpha_without == TooFew(people, 30)) is few
    assert isinstance(item.p, float)
    form = form_figures(scores)
    assert (form.alpha == TooFew(people, 30)) is few
    assert (form.sem == TooFew(people, 30)) is few
    assert isinstance(form.sd, float)


def test_thresholds_are_settings() -> None:
    scores = [[0, 0], [1, 0], [1, 1]]
    assert isinstance(item_figures(scores, needed=Needed(correlation=3))[0].item_total, float)
    assert item_figures(scores, needed=Needed(difficulty=4))[0].p == TooFew(3, 4)


def test_no_spread_is_said_not_divided_by() -> None:
    everyone_right = np.ones((40, 3))
    item = item_figures(everyone_right)[0]
    assert (item.p, item.sd, item.item_total, item.alpha_without) == (1.0, 0.0, NoSpread(40), NoSpread(40))
    form = form_figures(everyone_right)
    assert (form.mean, form.sd, form.alpha, form.sem) == (3.0, 0.0, NoSpread(40), NoSpread(40))
    # Totals equal but for rounding in the last bit.
    tenths = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]] * 20)
    assert form_figures(tenths).alpha == NoSpread(40)


@pytest.mark.parametrize(("people", "sd"), [(0, TooFew(0, 2)), (1, TooFew(1, 2))])
def test_nobody_and_one_person(people: int, sd: TooFew) -> None:
    form = form_figures(np.ones((people, 2)))
    assert form.sd == sd
    assert form.sem == sd
    assert item_figures(np.ones((people, 2)))[0].p == (1.0 if people else TooFew(0, 1))


def test_one_item_has_no_alpha() -> None:
    assert form_figures([[n % 2] for n in range(40)]).alpha == TooFew(1, 2)
    assert item_figures([[n % 2] for n in range(40)])[0].item_total == NoSpread(40)


@pytest.mark.parametrize("scores", [[1, 2, 3], [[1.0, float("nan")]], [[float("inf")]], np.ones((3, 0))])
def test_wrong_shapes_and_gaps_are_refused(scores: object) -> None:
    with pytest.raises(ValueError, match=r"people × items|finite"):
        form_figures(scores)  # type: ignore[arg-type]


@given(st.integers(0, 60), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_never_a_nan(people: int, items: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 2, (people, items))
    form = form_figures(scores, Needed(correlation=2, reliability=2))
    figures = [form.mean, form.sd, form.alpha, form.sem]
    for item in item_figures(scores, needed=Needed(correlation=2, reliability=2)):
        figures += [item.p, item.sd, item.item_total, item.alpha_without]
        assert not isinstance(item.item_total, float) or -1 <= item.item_total <= 1
    assert not any(isinstance(figure, float) and not np.isfinite(figure) for figure in figures)


def test_options_chosen_by_all_low_and_high() -> None:
    totals = list(range(100))
    chosen = [mask([1])] * 50 + [mask([])] * 10 + [mask([1, 3])] * 40
    found = {o.option: (o.chosen, o.low, o.high) for o in option_figures(chosen, totals, 3)}
    assert found == {1: (90, 27, 27), 2: (0, 0, 0), 3: (40, 0, 27), 0: (10, 0, 0)}


def test_options_of_a_small_group_are_counted_but_not_split() -> None:
    found = option_figures([mask([2])] * 10, [1.0] * 10, 2)
    assert [(o.option, o.chosen, o.low) for o in found] == [
        (1, 0, TooFew(10, 30)),
        (2, 10, TooFew(10, 30)),
        (0, 0, TooFew(10, 30)),
    ]


def test_a_mask_of_an_option_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        option_figures([mask([5])], [1.0], 4)
    with pytest.raises(ValueError, match="one mask and one total"):
        option_figures([1, 1], [1.0], 4)
