"""What the editor's form holds for the kinds that are not choices: blanks, a number, pairs, steps.

Lists grow, shrink and change places on the server, so that it works without JavaScript. A writer puts pairs and steps down as
they belong together; the stored options are numbered by lot (`items.option_ids`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.datastructures import FormData

from itembank import items
from itembank.exchange import item_answers
from itembank.items import Answer, ItemBody, ItemKeyData, kind_of, option_ids
from itembank.markup import blanks_in
from server.bank.scope import text

FEWEST: Final = {"prompts": 3, "matches": 3, "extras": 1, "steps": 3}
"""Rows shown at least."""
MOST: Final = {
    "prompts": items.MAX_PROMPTS,
    "matches": items.MAX_PROMPTS,
    "extras": items.MAX_MATCHED - 2,
    "steps": items.MAX_OPTIONS,
}
_TOGETHER: Final = {"pairs": ("prompts", "matches"), "steps": ("steps",), "extras": ("extras",)}
"""What a row's buttons act on -> the lists that have the row."""


@dataclass
class KindFields:
    """Fields as typed. `answers`: for each blank the accepted texts, a line each; `units` parted by ``|``.

    `prompts[n]` and `matches[n]` belong together, `extras` fit no line; `steps` stand in the right order.
    """

    answers: list[str] = field(default_factory=lambda: [""] * items.MAX_BLANKS)
    number: str = ""
    tolerance: str = ""
    unit: str = ""
    units: str = ""
    prompts: list[str] = field(default_factory=lambda: [""] * FEWEST["prompts"])
    matches: list[str] = field(default_factory=lambda: [""] * FEWEST["matches"])
    extras: list[str] = field(default_factory=lambda: [""] * FEWEST["extras"])
    steps: list[str] = field(default_factory=lambda: [""] * FEWEST["steps"])

    @property
    def typed_by_kind(self) -> list[str]:
        """All that was typed here."""
        return [*self.answers, self.number, *self.prompts, *self.matches, *self.extras, *self.steps]


def read_fields(fields: FormData) -> dict[str, Any]:
    """The values of `KindFields` from what a browser sent, after the button of a row was pressed."""
    lists = {name: _list(fields, name) for name in FEWEST}
    _press(lists, text(fields, "row"))
    return {
        **{name: rows + [""] * (FEWEST[name] - len(rows)) for name, rows in lists.items()},
        "answers": [text(fields, f"answer_{n}") for n in range(1, items.MAX_BLANKS + 1)],
        **{name: text(fields, name)[:200] for name in ("number", "tolerance", "unit", "units")},
    }


def _list(fields: FormData, name: str) -> list[str]:
    return [text(fields, f"{name}_{n}") for n in range(1, MOST[name] + 1) if f"{name}_{n}" in fields]


def _press(lists: dict[str, list[str]], button: str) -> None:
    """`steps.add`, `steps.2.up`, `pairs.3.remove` …; anything else does nothing."""
    group, _dot, rest = button.partition(".")
    number, _dot, act = rest.rpartition(".")
    for name in _TOGETHER.get(group, ()):
        rows, at = lists[name], int(number) - 1 if number.isdecimal() else -1
        if act == "add" and len(rows) < MOST[name]:
            rows.append("")
        elif not 0 <= at < len(rows):
            continue
        elif act == "remove":
            del rows[at]
        elif act == "up" and at:
            rows[at - 1], rows[at] = rows[at], rows[at - 1]
        elif act == "down" and at + 1 < len(rows):
            rows[at + 1], rows[at] = rows[at], rows[at + 1]


def fields_of(body: ItemBody, key: ItemKeyData, typed: Callable[[str], str]) -> dict[str, Any]:
    """The values of `KindFields` of a stored item; `typed` turns its HTML into what is typed."""
    texts = {option.id: typed(option.html) for option in body.options}
    correct = [texts.pop(number, "") for number in key.correct]
    match kind_of(body.kind).answer:
        case Answer.TEXTS:
            lines = ["\n".join(accepted) for accepted in key.accepted]
            return {"answers": lines + [""] * (items.MAX_BLANKS - len(lines))}
        case Answer.NUMBER:
            units = item_answers.write_units("", key.units).removeprefix("|")
            tolerance = "" if key.tolerance == "0" else key.tolerance
            return {"number": key.number, "tolerance": tolerance, "unit": body.unit, "units": units}
        case Answer.PAIRS:
            prompts = [typed(prompt.html) for prompt in body.prompts]
            return {"prompts": prompts, "matches": correct, "extras": list(texts.values()) or [""]}
        case Answer.ORDER:
            return {"steps": correct}
    return {}


@dataclass(frozen=True)
class Written:
    """HTML of what is shown besides the text, and the key; options by position in `options`.

    `rows`: field of the item (``options.3``, ``prompts.1``) -> row of the form it was typed in (``steps.2``).
    """

    options: Sequence[str] = ()
    prompts: Sequence[str] = ()
    unit: str = ""
    key: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)


def write(kind: str, form: KindFields, stem: str, html: Callable[[str], str]) -> Written:
    """From what was typed for a kind that is no choice; `stem` is the HTML of the text, `html` makes it of what is typed."""
    match kind_of(kind).answer:
        case Answer.TEXTS:
            filled = max((n for n, one in enumerate(form.answers, 1) if one.strip()), default=0)
            wanted = max(filled, min(blanks_in(stem), items.MAX_BLANKS))
            return Written(key={"accepted": [answer.splitlines() for answer in form.answers[:wanted]]})
        case Answer.NUMBER:
            units = item_answers.parse_units(f"|{form.units}")[1]
            return Written(unit=form.unit, key={"number": form.number, "tolerance": form.tolerance, "units": units})
        case Answer.PAIRS:
            return _write_pairs(kind, form, stem, html)
        case Answer.ORDER:
            at = [n for n, step in enumerate(form.steps, 1) if step.strip()]
            steps = [html(form.steps[n - 1]) for n in at]
            ids = option_ids(kind, stem, steps)
            rows = {f"options.{number}": f"steps.{n}" for number, n in zip(ids, at, strict=True)}
            return Written(steps, key={"correct": ids}, rows=rows)
    return Written()


def _write_pairs(kind: str, form: KindFields, stem: str, html: Callable[[str], str]) -> Written:
    at = [n for n, pair in enumerate(zip(form.prompts, form.matches, strict=False), 1) if any(one.strip() for one in pair)]
    others = [n for n, extra in enumerate(form.extras, 1) if extra.strip()]
    options = [html(form.matches[n - 1]) for n in at] + [html(form.extras[n - 1]) for n in others]
    ids = option_ids(kind, stem, options)
    names = [*(f"matches.{n}" for n in at), *(f"extras.{n}" for n in others)]
    rows = {f"options.{number}": name for number, name in zip(ids, names, strict=True)}
    rows |= {f"prompts.{line}": f"prompts.{n}" for line, n in enumerate(at, 1)}
    prompts = [html(form.prompts[n - 1]) for n in at]
    return Written(options, prompts, key={"correct": ids[: len(at)]}, rows=rows)
