"""When to look at everything for garbage in cycles.

A full collection stops the process for about 80 microseconds for each held pulse: 0.8 s with 10,000 candidates, every few
seconds with Python's own thresholds. `serving` turns those off; this duty collects while few candidates are connected, and
with many only now and then.
"""

import gc

from server.clock import Clock

FEW = 1_000
"""Held pulses: up to so many the pause is below 0.1 s."""
AT_MOST_EVERY_S = 60
WITH_MANY_EVERY_S = 1_800


class Collector:
    """`tick(held)` once in a while, from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ns = clock.monotonic_ns()

    def due(self, held: int) -> bool:
        """Whether a full collection may be made now."""
        rested_s = (self._clock.monotonic_ns() - self._last_ns) / 1e9
        return rested_s >= (AT_MOST_EVERY_S if held <= FEW else WITH_MANY_EVERY_S)

    def tick(self, held: int) -> bool:
        """Collect when due; whether it did."""
        if not self.due(held):
            return False
        gc.collect()
        self._last_ns = self._clock.monotonic_ns()
        return True
