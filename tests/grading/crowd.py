"""An exam of the size that is usual, with things to find: forty on form A, twenty-four on form B, each of five items.

Slot 3 of form A has a wrong key (the strong choose option 2), slot 1 of form A is very easy, and entries 9 and 10 of form A, seat
by seat, gave the very same answers, wrong ones too.
"""

from collections.abc import Mapping, Sequence
from random import Random

Answers = dict[int, tuple[str, Mapping[int, Sequence[int]], str]]
TWINS = (9, 10)


def answers(on_a: int = 40, on_b: int = 24, seed: int = 7) -> Answers:
    """Entry -> form, responses, how it ended."""
    rng = Random(seed)
    found: Answers = {}
    for no in range(1, on_a + on_b + 1):
        found[no] = ("A" if no <= on_a else "B", _sheet(rng, wrong_key=no <= on_a), "submitted")
    if on_a >= max(TWINS):
        found[TWINS[1]] = found[TWINS[0]]
    return found


def _sheet(rng: Random, *, wrong_key: bool) -> dict[int, list[int]]:
    ability = rng.gauss(0.0, 1.2)

    def knows(difficulty: float) -> bool:
        return rng.random() < 1 / (1 + 2.718 ** (difficulty - 1.6 * ability))

    sheet = {
        1: [1] if rng.random() < 0.99 else [2],
        2: [1] if knows(0.0) else [rng.choice([2, 3, 4])],
        3: [2] if knows(-0.3) else [rng.choice([1, 3, 4])],
        4: [1, 3] if knows(0.2) else sorted(rng.sample([1, 2, 3, 4], 2)),
        5: [1] if knows(-0.2) else [2],
    }
    if not wrong_key:
        sheet[3] = [1] if knows(-0.3) else [rng.choice([2, 3, 4])]
    if rng.random() < 0.05:
        del sheet[2]
    return sheet
