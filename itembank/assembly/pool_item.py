"""One question as assembly sees it. Plain Python: serving code reads pools without loading numpy."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from itembank.sealing import digest

Look = tuple[str, str, str, int, str, str]
"""Kind, topic, importance, difficulty, cognitive level, key letter."""


@dataclass(frozen=True, slots=True, order=True)
class PoolItem:
    """One question that may be drawn. `topic` is the path code of its leaf, `difficulty` 1 to 5.

    `kind` is that of the section it stands in: questions of a case set are of the kind `items.CASE_SET`.
    The rest is known in some banks only: `letter` of the key as written, `words` (characters to read), `stimulus` (questions
    with the same number hang on one text and come together or not at all; 0: none) with the `place` in its set, and, where the
    item is calibrated, `discrimination` and `location` of the two-parameter logistic model in thousandths (discrimination 0: not
    calibrated).
    """

    item_id: int
    item_version_id: int
    family_id: int
    kind: str
    topic: str
    importance: str
    difficulty: int
    cognitive: str = ""
    letter: str = ""
    words: int = 0
    stimulus: int = 0
    discrimination: int = 0
    location: int = 0
    place: int = 0

    @property
    def look(self) -> Look:
        """All that counting demands can tell apart."""
        return self.kind, self.topic, self.importance, self.difficulty, self.cognitive, self.letter


def information_at(form: Iterable[PoolItem], ability: float) -> float:
    """What questions together tell about a person of this ability: Σ a² p (1 - p), under the two-parameter logistic model."""
    known = ((item.discrimination / 1000, item.location / 1000) for item in form if item.discrimination)
    return math.fsum((a / (2 * math.cosh(a * (ability - b) / 2))) ** 2 for a, b in known)


def pool_digest(pool: Iterable[PoolItem]) -> str:
    """Names the pool: the same questions with the same attributes, in whatever order, give the same digest."""
    return digest([_named(item) for item in sorted(pool, key=lambda item: (item.item_id, item.item_version_id))])


def _named(p: PoolItem) -> list[int | str]:
    """Attributes few banks have are named where they are known only, so that old digests stay what they were."""
    plain: list[int | str] = [p.item_id, p.item_version_id, p.family_id, p.kind, p.topic, p.importance, p.difficulty]
    more: list[int | str] = [p.cognitive, p.letter, p.words, p.stimulus, p.discrimination, p.location]
    last = [p.place] if p.place else []
    return [*plain, *more, *last] if any(more) else plain
