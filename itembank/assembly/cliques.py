"""Who must not meet whom, while the search moves units about: families over all forms, enemies within each. Pure numpy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from itembank.assembly.matrix import Groups, Matrix
from itembank.assembly.model import Ints

Flags = NDArray[np.bool_]


class Taken:
    """While dealing: which families are gone, which cliques have somebody in which form."""

    def __init__(self, matrix: Matrix, forms: int) -> None:
        self.families = _of_unit(matrix.families)
        self.enemies = _of_unit(matrix.enemies)
        self.gone: set[int] = set()
        self.inside: list[set[int]] = [set() for _ in range(forms)]

    def may(self, unit: int, f: int) -> bool:
        """Whether it conflicts with nobody."""
        return not (
            any(family in self.gone for family in self.families.get(unit, ()))
            or any(clique in self.inside[f] for clique in self.enemies.get(unit, ()))
        )

    def take(self, unit: int, f: int) -> None:
        """Remember it."""
        self.gone.update(self.families.get(unit, ()))
        self.inside[f].update(self.enemies.get(unit, ()))


def _of_unit(groups: Groups) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for unit in group:
            found.setdefault(unit, []).append(number)
    return found


class Cliques:
    """Counts of clique members by place (a form, or all forms together), and the cliques of each unit, padded."""

    def __init__(self, groups: Groups, size: int, places: Sequence[Ints]) -> None:
        of_unit = _of_unit(groups)
        width = max((len(numbers) for numbers in of_unit.values()), default=0)
        self.nobody = len(groups)
        self.of_unit = np.full((size, width), self.nobody, dtype=np.int64)
        for unit, numbers in of_unit.items():
            self.of_unit[unit, : len(numbers)] = numbers
        self.counts = np.zeros((len(places), len(groups) + 1), dtype=np.int64)
        for place, units in enumerate(places):
            np.add.at(self.counts[place], self.of_unit[units].ravel(), 1)
        self.counts[:, self.nobody] = 0

    def __bool__(self) -> bool:
        return self.nobody > 0

    def clash(self, places: Ints, out: Ints, incoming: Ints) -> Flags:
        """Pair by pair: whether the incoming one would meet an enemy at its place once the outgoing one has left it."""
        cliques = self.of_unit[incoming]
        met = self.counts[places[:, None], cliques]
        leaves = (cliques[:, :, None] == self.of_unit[out][:, None, :]).any(axis=-1) & (cliques != self.nobody)
        return np.asarray((met - leaves > 0).any(axis=-1))

    def move(self, place: int, out: int, new: int) -> None:
        """One leaves, another comes."""
        np.subtract.at(self.counts[place], self.of_unit[out], 1)
        np.add.at(self.counts[place], self.of_unit[new], 1)
        self.counts[place, self.nobody] = 0
