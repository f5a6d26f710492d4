"""Everything after an exam for one form, in one call, from arrays of whole numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from itembank.statistics import analysis, dif, equating, irt, itemfit
from itembank.statistics.analysis import ItemAnalysis, OptionAnalysis
from itembank.statistics.dif import ItemDif
from itembank.statistics.equating import Equating
from itembank.statistics.irt import Abilities, Fit
from itembank.statistics.itemfit import ItemFit
from itembank.statistics.reliability import Reliability, alphas_without, reliability
from itembank.statistics.tally import Numbers, tally, total_of, whole_numbers
from itembank.statistics.values import DEFAULTS, Ints, Measured, Needed, NoSpread, TooFew, Unsettled


@dataclass(frozen=True, slots=True)
class FormData:
    """What a form's people did. Cancelled items are left out by the caller.

    ``answers``: people × items, bit masks of the options chosen (bit ``id - 1``), 0 for blank; a small dtype (uint8) is fastest.
    An item without options (``options`` 0: an answer that is typed, ordered or matched) has any numbers that tell answers apart.
    ``scores``: people × items, marks earned as whole numbers (hundredths). ``key``: (items,) bit masks of the right options.
    ``full``: (items,) full marks. ``options``: (items,) how many options each has. ``pass_mark``: total that just passes.
    ``focal``: by name, (people,) booleans: the group to look at for DIF against all others. ``reference_totals``: (people of the
    other form,) totals of a randomly equivalent group on the form to equate to, in the same marks; None: nothing to equate.
    ``score_step``: marks per point in equating (100 for whole marks; totals are rounded down to points).
    """

    answers: npt.ArrayLike
    scores: npt.ArrayLike
    key: npt.ArrayLike
    full: npt.ArrayLike
    options: npt.ArrayLike
    pass_mark: float | None = None
    focal: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    reference_totals: npt.ArrayLike | None = None
    score_step: int = 100


@dataclass(frozen=True, slots=True)
class FormReport:
    """``items``, ``options``, ``alpha_without``, ``item_fit`` and each list of ``dif`` are one per item, in order; ``miskeyed``
    names options by item (index from 0). ``model`` is 2PL, or Rasch where there are too few for 2PL; ``abilities`` are of it."""

    n: int
    form: Reliability
    items: list[ItemAnalysis]
    alpha_without: list[Measured]
    options: list[list[OptionAnalysis]]
    miskeyed: dict[int, list[int]]
    two_parameter: Fit | TooFew | NoSpread
    rasch: Fit | TooFew | NoSpread
    abilities: Abilities | TooFew | NoSpread | Unsettled
    item_fit: list[ItemFit | TooFew | NoSpread | Unsettled]
    dif: dict[str, list[ItemDif | TooFew | NoSpread]]
    equating: Equating | None


def report(data: FormData, needed: Needed = DEFAULTS) -> FormReport:
    """All figures of one form. Raises ValueError where the arrays contradict each other."""
    answers, scores = whole_numbers(data.answers, "answers"), whole_numbers(data.scores, "scores")
    k = scores.shape[1]
    key, full, options = (_per_item(values, name, k) for values, name in _columns(data))
    found = tally(answers, scores)
    by_option = [
        analysis.analyse_options(found, item, int(options[item]), int(key[item]), needed) if options[item] else []
        for item in range(k)
    ]
    right = (scores == full).astype(np.uint8)
    two = irt.two_parameter(right, needed)
    one = irt.rasch(right, needed=needed)
    model = two if isinstance(two, Fit) and two.settled else one
    return FormReport(
        n=len(scores),
        form=reliability(scores, float(full.sum()), data.pass_mark, needed),
        items=analysis.analyse_items(found, full, needed),
        alpha_without=alphas_without(scores, needed),
        options=by_option,
        miskeyed={item: rivals for item, one in enumerate(by_option) if (rivals := analysis.miskeyed(one))},
        two_parameter=two,
        rasch=one,
        abilities=irt.abilities(model, right) if isinstance(model, Fit) and model.settled else _why(model),
        item_fit=itemfit.item_fit(model, right) if isinstance(model, Fit) else [model] * k,
        dif={name: dif.mantel_haenszel(right, np.asarray(group), needed) for name, group in data.focal.items()},
        equating=None if data.reference_totals is None else _equate(data, scores, int(full.sum()), needed),
    )


def _why(model: Fit | TooFew | NoSpread) -> TooFew | NoSpread | Unsettled:
    return Unsettled(model.n) if isinstance(model, Fit) else model


def _columns(data: FormData) -> list[tuple[npt.ArrayLike, str]]:
    return [(data.key, "key"), (data.full, "full"), (data.options, "options")]


def _per_item(values: npt.ArrayLike, name: str, k: int) -> Ints:
    array = whole_numbers(values, name, 1).astype(np.int64)
    if len(array) != k:
        raise ValueError(f"{name} must have one entry for each of {k} items, got {len(array)}")
    return array


def _equate(data: FormData, scores: Numbers, full: int, needed: Needed) -> Equating:
    if data.score_step < 1:
        raise ValueError("score_step must be positive")
    highest = full // data.score_step
    reference = whole_numbers(data.reference_totals if data.reference_totals is not None else [], "reference_totals", 1)
    here = equating.frequencies(total_of(scores) // data.score_step, highest)
    return equating.equate(here, equating.frequencies(reference // data.score_step, highest), needed=needed)
