"""The distribution of totals as bars: positions only; the template draws them, and a table beside says the same. Pure."""

from dataclasses import dataclass
from typing import Final

from server.grading.rules import Bin

WIDTH: Final = 640
HEIGHT: Final = 240
LEFT: Final = 36
RIGHT: Final = 12
TOP: Final = 28
BOTTOM: Final = 36
GAP: Final = 6


@dataclass(frozen=True)
class Bar:
    """One bar in SVG user units."""

    x: int
    y: int
    width: int
    height: int
    bin: Bin


@dataclass(frozen=True)
class Picture:
    """All there is to draw. `pass_x` is where the pass mark lies, `ticks` are (y, count)."""

    width: int
    height: int
    left: int
    right: int
    base: int
    top: int
    bars: list[Bar]
    ticks: list[tuple[int, int]]
    pass_x: int
    pass_mark: int


def draw(bins: list[Bin], pass_mark: int) -> Picture:
    """Lay out the bars of `bins` (from 0 to full marks)."""
    full = bins[-1].high
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    step = _step(max(bin_.count for bin_ in bins))
    highest = max(step * -(-max(bin_.count for bin_ in bins) // step), step)
    slot = (right - LEFT) / len(bins)
    bars = []
    for n, bin_ in enumerate(bins):
        height = round(bin_.count * (base - TOP) / highest)
        bars.append(Bar(round(LEFT + n * slot) + GAP // 2, base - height, round(slot) - GAP, height, bin_))
    ticks = [(base - round(n * (base - TOP) / highest), n) for n in range(0, highest + 1, step)]
    pass_x = round(LEFT + (right - LEFT) * pass_mark / full) if full else LEFT
    return Picture(WIDTH, HEIGHT, LEFT, right, base, TOP, bars, ticks, pass_x, pass_mark)


def _step(largest: int) -> int:
    """Distance of grid lines: 1, 2 or 5 times a power of ten, so that there are at most five."""
    step, factors = 1, (2, 5, 10)
    scale = 1
    while largest > 5 * step:
        for factor in factors:
            step = scale * factor
            if largest <= 5 * step:
                return step
        scale *= 10
    return step
