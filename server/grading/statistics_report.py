"""The stored statistics of one form: every figure with its interval, or why there is none. Loads numpy; for the child process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from itembank.statistics.dif import ItemDif
from itembank.statistics.irt import Fit
from itembank.statistics.itemfit import ItemFit
from itembank.statistics.report import FormData, FormReport, report
from itembank.statistics.values import DEFAULTS, Needed, NoSpread, TooFew, Unsettled
from server.grading import statistics_flags
from server.grading.marking import MarkingRules
from server.grading.statistics_data import Focal, Seat, Sheets, SlotItem, focal_groups, key_mask
from server.grading.statistics_json import Stored, stored

HUNDREDTHS: Final = 100


@dataclass(frozen=True)
class FormResult:
    """What is stored of a form: its `body`, and `items` by slot."""

    body: dict[str, Any]
    items: dict[int, dict[str, Any]]


def form_result(
    sheets: Sheets,
    rules: MarkingRules,
    seats: Mapping[int, Seat],
    signs: Mapping[int, statistics_flags.About],
    needed: Needed = DEFAULTS,
) -> FormResult:
    """Everything about one form. `signs`: slot -> what else is known of the item, for its flags."""
    groups = focal_groups([seats[no] for no in sheets.entries])
    counted = sheets.counted
    chosen = [sheets.slots[column] for column in counted]
    found = report(
        FormData(
            answers=sheets.answers[:, counted],
            scores=sheets.marks[:, counted],
            key=np.array([key_mask(one.key) for one in chosen], dtype=np.int64),
            full=np.array([one.key.marks for one in chosen], dtype=np.int64),
            options=np.array([one.options for one in chosen], dtype=np.int64),
            pass_mark=float(sheets.pass_mark(rules)),
            focal={str(n): group.members for n, group in enumerate(groups)},
        ),
        needed,
    ) if counted else None  # fmt: skip
    items = {one.slot: _cancelled(one, len(sheets.entries)) for one in sheets.slots}
    if found is not None:
        for column, one in enumerate(chosen):
            items[one.slot] = item_body(found, column, one, groups, sheets)
    for one in sheets.slots:
        key = one.key.correct if one.options else ()
        items[one.slot]["flags"] = statistics_flags.flags(items[one.slot], key, signs[one.slot])
    return FormResult(form_body(sheets, rules, found, groups), items)


def form_body(sheets: Sheets, rules: MarkingRules, found: FormReport | None, groups: Sequence[Focal]) -> dict[str, Any]:
    """`{label, n, items, cancelled, full, pass_mark, totals, mean, sd, alpha, sem, split_half, agreement, kappa, model, groups}`.

    Marks in marks, not hundredths, but for `full`, `pass_mark` (of the whole paper) and `totals` (ascending, the results in
    force). Where items are cancelled the figures are of the items left. `model`: rasch, 2pl, or why neither was fitted.
    `groups`: `[{kind, name, focal, others, few}]`, those that items were compared between.
    """
    n = len(sheets.entries)
    body: dict[str, Any] = {
        "label": sheets.label,
        "n": n,
        "items": len(sheets.counted),
        "cancelled": len(sheets.slots) - len(sheets.counted),
        "full": sheets.key.full,
        "pass_mark": rules.pass_mark,
        "totals": sorted(sheets.totals.tolist()),
    }
    few = stored(TooFew(len(sheets.counted), 1))
    if found is None:
        names = ("mean", "sd", "alpha", "sem", "split_half", "agreement", "kappa", "model")
        return body | dict.fromkeys(names, few) | {"groups": []}
    form = found.form
    return body | {
        "mean": stored(form.mean, HUNDREDTHS),
        "sd": stored(form.sd, HUNDREDTHS),
        "alpha": stored(form.alpha),
        "sem": stored(form.sem, HUNDREDTHS),
        "split_half": stored(form.split_half),
        "agreement": stored(form.agreement) if form.agreement is not None else few,
        "kappa": stored(form.kappa) if form.kappa is not None else few,
        "model": _model(found),
        "groups": [_group(found, number, group) for number, group in enumerate(groups)],
    }


def _model(found: FormReport) -> Stored:
    two, one = found.two_parameter, found.rasch
    if isinstance(two, Fit) and two.settled:
        return {"name": "2pl"}
    if isinstance(one, Fit):
        return {"name": "rasch"} if one.settled else stored(Unsettled(one.n))
    return stored(one)


def _group(found: FormReport, number: int, group: Focal) -> dict[str, Any]:
    members = int(group.members.sum())
    first = next(iter(found.dif[str(number)]), None)
    few = [first.n, first.needed] if isinstance(first, TooFew) else None
    return {"kind": group.kind, "name": group.name, "focal": members, "others": len(group.members) - members, "few": few}


def _cancelled(one: SlotItem, n: int) -> dict[str, Any]:
    """An item that takes no part."""
    nothing = stored(TooFew(0, 1))
    figures = ("p", "item_total", "point_biserial", "biserial", "discrimination", "alpha_without", "difficulty", "slope", "fit")
    return {
        "kind": one.kind,
        "full": one.key.marks,
        "cancelled": True,
        "n": n,
        "blank": 0,
        "options": [],
        "rivals": [],
        "dif": [],
        "flags": [],
        **dict.fromkeys(figures, nothing),
    }


def item_body(found: FormReport, column: int, one: SlotItem, groups: Sequence[Focal], sheets: Sheets) -> dict[str, Any]:
    """`{kind, full, cancelled, n, blank, p, item_total, point_biserial, biserial, discrimination, alpha_without, difficulty,
    slope, fit, options, rivals, dif, flags}`.

    `blank`: how many left it blank. `options`: `[{option, chosen, share, by_group, with_rest}]`, without the blank; `by_group`:
    `{groups: [[chose it, people], …]}`, the weakest first. `rivals`: options that the strong prefer where they hardly choose
    the key. `dif`: groups large enough to be compared. `flags`: codes of `statistics_flags`.
    """
    item = found.items[column]
    whole = sheets.slots.index(one)
    return {
        "kind": one.kind,
        "full": one.key.marks,
        "cancelled": False,
        "n": item.n,
        "blank": int((sheets.answers[:, whole] == 0).sum()),
        "p": stored(item.p),
        "item_total": stored(item.item_total),
        "point_biserial": stored(item.point_biserial),
        "biserial": stored(item.biserial),
        "discrimination": stored(item.discrimination),
        "alpha_without": stored(found.alpha_without[column]),
        **_parameters(found, column),
        "fit": _fit(found.item_fit[column]),
        "options": [_option(option) for option in found.options[column] if option.option],
        "rivals": found.miskeyed.get(column, []),
        "dif": [
            {"kind": group.kind, "name": group.name, **_dif(found.dif[str(number)][column])}
            for number, group in enumerate(groups)
            if not isinstance(found.dif[str(number)][column], TooFew)
        ],
        "flags": [],
    }


def _parameters(found: FormReport, column: int) -> dict[str, Stored]:
    """Difficulty and slope on the scale of abilities with mean 0 and standard deviation 1."""
    two, one = found.two_parameter, found.rasch
    model = two if isinstance(two, Fit) and two.settled else one
    if isinstance(model, Fit):
        return {"difficulty": stored(model.items[column].difficulty), "slope": stored(model.items[column].slope)}
    return {"difficulty": stored(model), "slope": stored(model)}


def _fit(found: ItemFit | TooFew | NoSpread | Unsettled) -> Stored:
    if isinstance(found, ItemFit):
        return {"chi_square": round(found.chi_square, 3), "df": found.df, "p_value": round(found.p_value, 6)}
    return stored(found)


def _option(option: Any) -> dict[str, Any]:
    by_group = {"too_few": [option.by_group.n, option.by_group.needed]} if isinstance(option.by_group, TooFew) else {}
    return {
        "option": option.option,
        "chosen": option.chosen,
        "share": stored(option.share),
        "by_group": by_group or {"groups": [list(pair) for pair in option.by_group]},
        "with_rest": stored(option.with_rest),
    }


def _dif(found: ItemDif | TooFew | NoSpread) -> Stored:
    if isinstance(found, ItemDif):
        return {"delta": stored(found.delta), "p_value": round(found.p_value, 6), "klass": found.klass}
    return {"delta": stored(found)}


def right_answers(sheets: Sheets) -> dict[int, int]:
    """Slot -> how many had full marks."""
    full = np.array([one.key.marks for one in sheets.slots], dtype=np.int64)
    hits = (sheets.marks == full).sum(axis=0)
    return {one.slot: int(hit) for one, hit in zip(sheets.slots, hits, strict=True)}
