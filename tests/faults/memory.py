"""Does a serving process grow? `CANDIDATES` hold pulses and save for as long as wished; its memory is read all the while.

The process collects no garbage in cycles during the run, as with thousands of candidates (`server.garbage`): what one save or one
pulse leaves behind in cycles would be seen as growth. The history of the candidates is judged as after every load.
"""

import threading
import time
from typing import Any

from loadtests.crowds import crowds
from loadtests.load import Bench, memory_kb, warm
from loadtests.served import free_port, program
from tests.faults.on_database import database

CANDIDATES = 200
EVERY_S = 2.0
"""Ten times the human rhythm: a hundred saves a second."""
SAMPLE_S = 2.0
WARM_SHARE = 1 / 3
"""Of the run, before growth counts: caches fill, the allocator finds its size."""
MOST_BYTES_PER_SAVE = 200
"""Growth above this is a leak: an operation kept by mistake is larger."""
SERVE = "import server.garbage as garbage; garbage.FEW = -1; from server.cli import app; app(['serve'])"


def watch(kind: str, minutes: float) -> dict[str, Any]:
    """Figures of one run; raises when a history is not whole."""
    samples: list[tuple[float, float]] = []
    with database(kind) as url, Bench(CANDIDATES, url=url) as bench:
        port = free_port()
        given = {"JIKAO_DATA_DIR": str(bench.folder), "JIKAO_DATABASE_URL": url, "JIKAO_PORT": str(port)}
        with program(["-c", SERVE], port, **given) as pid, crowds(port, bench.people, bench.folder, every_s=EVERY_S) as crowd:
            warm(port)
            crowd.do("pulse", over_s=2)
            crowd.do("open", over_s=5, at_bell=True)
            over = threading.Event()
            sampler = threading.Thread(target=_sample, args=(pid, samples, over))
            sampler.start()
            try:
                heard = crowd.do("work", seconds=minutes * 60)
            finally:
                over.set()
                sampler.join()
            crowd.stop()
        saves = len(heard.millis)
        acknowledged = bench.judge(crowd).acknowledged
    counted = samples[int(len(samples) * WARM_SHARE) :]
    per_minute = slope(counted)
    per_save = per_minute * 1024 / (saves / minutes) if saves else 0.0
    return {
        "saves": saves,
        "acknowledged": acknowledged,
        "first_mb": samples[0][1] / 1024,
        "last_mb": samples[-1][1] / 1024,
        "kb_per_minute": per_minute,
        "bytes_per_save": per_save,
    }


def _sample(pid: int, samples: list[tuple[float, float]], over: threading.Event) -> None:
    began = time.monotonic()
    while not over.wait(SAMPLE_S):
        samples.append(((time.monotonic() - began) / 60, memory_kb(pid)))


def slope(points: list[tuple[float, float]]) -> float:
    """Least squares: growth of y per unit of x."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
