"""How fast the statistics after an exam are: medians of three; `python -m loadtests.bank_statistics_bench` prints them.

The figures are measured in a process of their own with one thread for matrix products, as heavy work runs in the product: next to
other work a second thread costs more than it brings.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypedDict

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
RUNS = 3
MODULE = "loadtests.bank_statistics_bench"
ROOT = Path(__file__).parents[1]


class Figure(TypedDict):
    value: float
    unit: str
    runs: list[float]


def run() -> dict[str, Figure]:
    """Figures by name; `value` is the median of `runs`, in seconds."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(
        [sys.executable, "-m", MODULE, "--here"], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Figure] = json.loads(done.stdout)
    return figures


def measure() -> dict[str, Figure]:
    """The same, in this process."""
    import numpy as np

    from itembank.statistics import analysis, irt, report
    from itembank.statistics.reliability import reliability
    from itembank.statistics.tally import tally

    rng = np.random.default_rng(4)
    people, items, options = 100_000, 100, 4
    ability = rng.normal(size=people)
    slope, intercept = rng.lognormal(0.0, 0.3, items), rng.normal(0.5, 1.0, items)
    right = np.empty((people, items), dtype=np.uint8)
    answers = np.empty((people, items), dtype=np.uint8)
    for item in range(items):  # option 1 is right; the wrong ones are chosen 3 : 2 : 1, a few leave it blank
        right[:, item] = rng.random(people) < 1 / (1 + np.exp(-(slope[item] * ability + intercept[item])))
        wrong = rng.choice(np.array([2, 4, 8, 0], dtype=np.uint8), people, p=[0.48, 0.32, 0.16, 0.04])
        answers[:, item] = np.where(right[:, item], 1, wrong)
    scores = right.astype(np.int16) * 100
    data = report.FormData(
        answers=answers,
        scores=scores,
        key=np.ones(items, dtype=np.int64),
        full=np.full(items, 100),
        options=np.full(items, options),
        pass_mark=6000,
        focal={"resit": rng.random(people) < 0.2, "women": rng.random(people) < 0.4},
        reference_totals=scores[rng.permutation(people)].sum(axis=1, dtype=np.int64),
    )

    def classical() -> None:
        found = tally(answers, scores)
        analysis.analyse_items(found, 100)
        for item in range(items):
            analysis.analyse_options(found, item, options, 1)
        reliability(scores, 100.0 * items, 6000)

    some = right[:10_000].copy()
    return {
        "classical_100k_s": _timed(classical),
        "irt_2pl_10k_s": _timed(lambda: irt.two_parameter(some)),
        "report_100k_s": _timed(lambda: report.report(data)),
    }


def _timed(work: Callable[[], object]) -> Figure:
    runs = []
    for _ in range(RUNS):
        start = perf_counter()
        work()
        runs.append(round(perf_counter() - start, 4))
    return {"value": median(runs), "unit": "s", "runs": runs}


def main() -> None:
    if "--here" in sys.argv:
        print(json.dumps(measure()))
        return
    for name, figure in run().items():
        print(f"{name}: {figure['value']:.3f} {figure['unit']}  (runs {figure['runs']})")


if __name__ == "__main__":
    main()
