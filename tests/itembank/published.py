"""Published data that statistics must reproduce."""

import numpy as np
import numpy.typing as npt

# LSAT section 6, 1,000 people, 5 items: Bock and Lieberman (1970), Psychometrika 35, 179-197. Pattern -> people.
# fmt: off
LSAT6 = {
    "00000": 3, "00001": 6, "00010": 2, "00011": 11, "00100": 1, "00101": 1, "00110": 3, "00111": 4,
    "01000": 1, "01001": 8, "01011": 16, "01101": 3, "01110": 2, "01111": 15, "10000": 10, "10001": 29,
    "10010": 14, "10011": 81, "10100": 3, "10101": 28, "10110": 15, "10111": 80, "11000": 16, "11001": 56,
    "11010": 21, "11011": 173, "11100": 11, "11101": 61, "11110": 28, "11111": 298,
}

# Two forms of the ACT mathematics test, 40 items, random groups: people with each score 0 to 40. Kolen and Brennan (2014), *Test
# Equating, Scaling, and Linking*, chapter 2.
ACT_X = [
    0, 1, 1, 3, 9, 18, 59, 67, 91, 144, 149, 192, 192, 192, 201, 204, 217, 181, 184, 170, 201, 147, 163, 147, 140, 147, 126, 113,
    100, 106, 107, 91, 83, 73, 72, 75, 50, 37, 38, 23, 15,
]
ACT_Y = [
    0, 1, 3, 13, 42, 59, 95, 131, 158, 161, 194, 164, 166, 197, 177, 158, 169, 132, 158, 151, 134, 137, 122, 110, 116, 132, 104,
    104, 114, 97, 107, 88, 80, 79, 70, 61, 48, 47, 29, 32, 12,
]
# fmt: on


def lsat6() -> npt.NDArray[np.uint8]:
    """(1000, 5) right or wrong."""
    rows = [[int(mark) for mark in pattern] for pattern, people in LSAT6.items() for _ in range(people)]
    return np.array(rows, dtype=np.uint8)


def simulated(people: int, items: int, seed: int, *, rasch: bool = False) -> npt.NDArray[np.uint8]:
    """(people, items) right or wrong under a two-parameter or Rasch model; the items are the same for every seed."""
    fixed, rng = np.random.default_rng(77), np.random.default_rng(seed)
    slopes, intercepts = parameters(items, fixed, rasch=rasch)
    z = rng.normal(size=people)[:, None] * slopes + intercepts
    return (rng.random((people, items)) < 1 / (1 + np.exp(-z))).astype(np.uint8)


def parameters(
    items: int, rng: np.random.Generator | None = None, *, rasch: bool = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Slopes and intercepts of `simulated`."""
    rng = rng or np.random.default_rng(77)
    slopes = np.ones(items) if rasch else rng.uniform(0.7, 1.8, items)
    return slopes, rng.normal(0.3, 0.9, items)
