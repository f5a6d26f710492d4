"""Speed figures of the item bank: a table on the screen, `var/bench/bank.json` as {"figure": {"value", "unit", "runs"}}.

    python -m loadtests.bench_bank [group ...]

Medians of three. Each assembly is recounted, and recounted again here, by code that shares nothing with the search; a figure
whose answer is wrong is void: it is not written, and the exit code says so. Each group runs in a process of its own with one
thread for matrix products, as heavy work runs in the product.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, Final

from itembank.assembly.audit import audit
from itembank.assembly.find import Assembled, NoForms, assemble
from itembank.assembly.pool_item import PoolItem
from loadtests import bank_statistics_bench, bank_twins_bench
from loadtests.bank_instances import Instance, instance, starved
from loadtests.bank_twins_bench import ROOT, RUNS, THREADS, Figure, keep

MODULE: Final = "loadtests.bench_bank"
DEVIATION: Final = 0.002
GAP: Final = 0.01


class Void(Exception):
    """The answer that was timed is wrong."""


def assembled(given: Instance, seed: int) -> tuple[Assembled, float]:
    """The forms and the seconds they took, the recount included. Raises `Void`."""
    began = time.perf_counter()
    found = assemble(given.pool, given.body, given.forms, seed, enemies=given.enemies)
    if isinstance(found, NoForms):
        raise Void(f"no forms (proved: {found.proved})")
    forms = [[given.pool[position] for position in form] for form in found.forms]
    faults = audit(forms, found.body, enemies=given.enemies)
    seconds = time.perf_counter() - began
    if faults or found.lowered:
        raise Void(f"{faults[:3]} {found.lowered}")
    if len(forms) != given.forms or any(len(form) != given.body.item_count for form in forms):
        raise Void("a form is short")
    return found, seconds


def _tells(form: Sequence[PoolItem], ability: float) -> float:
    """The information of a form, item by item."""
    chances = (
        (q.discrimination / 1000, 1 / (1 + math.exp(q.discrimination / 1000 * (q.location / 1000 - ability)))) for q in form
    )
    return math.fsum(a * a * p * (1 - p) for a, p in chances)


def _on_target(given: Instance, found: Assembled) -> None:
    for demand in given.body.information:
        if demand.low is None or demand.high is None:
            raise Void("no target")
        target = (demand.low + demand.high) / 2000
        for form in found.forms:
            away = abs(_tells([given.pool[position] for position in form], demand.ability / 100) - target) / target
            if away > DEVIATION + 1e-4:  # targets are rounded to a thousandth
                raise Void(f"{away:.4%} off the target")


def on_target(size: int, items: int, forms: int) -> Callable[[], list[float]]:
    """Forms within 0.2 % of an information target and every other row exact; another bank each run."""

    def work() -> list[float]:
        runs = []
        for seed in range(1, RUNS + 1):
            given = instance(size, items, forms, seed=seed)
            found, seconds = assembled(given, seed)
            _on_target(given, found)
            runs.append(seconds)
        return runs

    return work


def within_gap() -> list[float]:
    """The most information in the worst form, proved to within 1 %."""
    runs = []
    for seed in range(1, RUNS + 1):
        given = instance(50_000, 200, 10, seed=seed, goal=True)
        found, seconds = assembled(given, seed)
        worst = min(
            _tells([given.pool[position] for position in form], demand.ability / 100)
            for form in found.forms
            for demand in given.body.information
        )
        if found.objective != "information" or (found.bound - worst) / found.bound > GAP:
            raise Void(f"worst {worst}, bound {found.bound}")
        runs.append(seconds)
    return runs


def explained() -> list[float]:
    """Why there are no forms: demands that can be met one by one, and not together. The mend named has to mend it."""
    from itembank.assembly.explain import explain
    from itembank.assembly.mending import mended

    runs = []
    for seed in range(1, RUNS + 1):
        given = starved(50_000, 200, 10, seed=seed)
        began = time.perf_counter()
        found = assemble(given.pool, given.body, given.forms, seed, enemies=given.enemies)
        if isinstance(found, Assembled) or not found.proved:
            raise Void("this was to be impossible, and proved so")
        told = explain(given.pool, [], given.body, given.topics, given.forms, enemies=given.enemies)
        runs.append(time.perf_counter() - began)
        if not told.checked or not told.mends or not told.bends:
            raise Void("no mend that is sure")
        for pool, body in mended(given.pool, given.body, given.topics, told):
            again = assemble(pool, body, given.forms, seed, enemies=given.enemies)
            if isinstance(again, NoForms):
                raise Void("the mend does not mend it")
    return runs


def marking() -> list[float]:
    """100,000 candidates × 100 items, marked; a thousand of them compared with the marking of record."""
    import numpy as np

    from server.grading.crowd import mark_many
    from server.grading.marking import FormKey, MarkingRules, SlotKey, mark

    rng = np.random.default_rng(4)
    options = {slot: (10 * slot, 10 * slot + 1, 10 * slot + 2, 10 * slot + 3) for slot in range(1, 101)}
    key = FormKey(
        1,
        "x",
        1,
        {
            slot: SlotKey("multiple", ids[:3], 100) if slot % 5 == 0 else SlotKey("single", ids[slot % 4 : slot % 4 + 1], 100)
            for slot, ids in options.items()
        },
    )
    rules = MarkingRules(multiple_choice="part_marks")
    answers = np.asfortranarray(rng.integers(0, 16, (100_000, 100), dtype=np.uint8))
    runs = []
    for _run in range(RUNS):
        began = time.perf_counter()
        marks, totals = mark_many(answers, key, rules, options)
        runs.append(time.perf_counter() - began)
    for person in range(0, 100_000, 100):
        given = {
            slot: [o for bit, o in enumerate(ids) if int(answers[person, slot - 1]) >> bit & 1] for slot, ids in options.items()
        }
        record = mark(given, key, rules)
        if record.total != totals[person] or list(record.marks.values()) != marks[person].tolist():
            raise Void(f"person {person} is marked otherwise")
    return runs


OWN: Final[dict[str, Callable[[], list[float]]]] = {
    "assemble_10x200_50k_s": on_target(50_000, 200, 10),
    "assemble_10x200_50k_gap1_s": within_gap,
    "assemble_3x100_10k_s": on_target(10_000, 100, 3),
    "assemble_depleted_s": on_target(3_000, 200, 10),
    "explain_infeasible_s": explained,
    "mark_100k_s": marking,
}
"""Figures in seconds. `assemble_depleted_s`: of 10,000 items 7,000 are spent, so the pool has 3,000, and 2,000 are needed."""

OTHERS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "statistics": bank_statistics_bench.run,
    "twins": bank_twins_bench.run,
}


def apart(name: str) -> dict[str, Figure]:
    """One of our own figures, in a process of its own. Raises `Void`."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    command = [sys.executable, "-m", MODULE, "--here", name]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Void(done.stderr.strip().splitlines()[-1] if done.stderr else f"exit code {done.returncode}")
    runs: list[float] = json.loads(done.stdout)
    return {name: {"value": round(median(runs), 3), "unit": "s", "runs": [round(one, 3) for one in runs]}}


def main() -> None:
    if "--here" in sys.argv:
        print(json.dumps(OWN[sys.argv[-1]]()))
        return
    void = []
    works: dict[str, Callable[[], dict[str, Any]]] = {name: partial(apart, name) for name in OWN} | OTHERS
    for name in sys.argv[1:] or works:
        try:
            figures = works[name]()
        except (Void, subprocess.CalledProcessError) as fault:
            print(f"{name:28} VOID: {fault}", flush=True)
            void.append(name)
            continue
        keep(figures)
        for one, figure in figures.items():
            print(f"{one:28} {figure['value']:10.3f} {figure['unit']:3} {figure['runs']}", flush=True)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    sys.exit(1 if void else 0)


if __name__ == "__main__":
    main()
