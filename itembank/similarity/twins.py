"""Near-duplicates of items: whole against whole, stem against stem, a choice item against a true/false statement. Pure.

For the child process: loads numpy and scipy. Items are known by a number, whatever the caller takes it from.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from itembank.similarity import bands
from itembank.similarity.bands import SEPARATOR, Texts, Way
from itembank.similarity.index import Index

_STATEMENT_STEM: Final = 0.40
"""A statement made of a stem and an option is at least so like the stem alone, unless the option is most of it."""
_STEM_CAP: Final = bands.SECOND - 0.01
"""Other options to the same stem go to one person, however equal the stems are: often it is another item."""

_STATEMENTS: Final = 40
"""So many of the likest stems are tried, so that a bank of one phrase does not cost minutes."""


@dataclass(frozen=True, slots=True)
class Match:
    """An item like the one asked for. `score` 0 to 1; `variant`: only numbers, units or a negation differ."""

    number: int
    score: float
    way: Way
    variant: bool


class Twins:
    """The items of a bank (or of all banks of a scope) to compare with."""

    def __init__(self) -> None:
        self._whole: Index[int] = Index()
        self._stem: Index[int] = Index()
        self._texts: dict[int, Texts] = {}
        self._patterns: dict[str, set[int]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, items: Mapping[int, Texts]) -> None:
        """Add items; a number that is there is replaced."""
        self.remove(number for number in items if number in self._texts)
        self._texts.update(items)
        for number, texts in items.items():
            self._patterns[bands.pattern(texts)].add(number)
        self._whole.add(list(items), [texts.whole for texts in items.values()])
        self._stem.add(list(items), [texts.stem for texts in items.values()])

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget items."""
        for number in list(numbers):
            texts = self._texts.pop(number, None)
            if texts is not None:
                self._patterns[bands.pattern(texts)].discard(number)
            self._whole.remove(number)
            self._stem.remove(number)

    def find(self, item: Texts) -> list[Match]:
        """What is like this item, the most alike first; nothing below `bands.REVIEW`."""
        return self.find_many([item])[0]

    def find_many(self, items: Sequence[Texts]) -> list[list[Match]]:
        """The same for each of these items."""
        wholes = self._whole.find_many([item.whole for item in items], bands.REVIEW)
        stems = self._stem.find_many([item.stem for item in items], _STATEMENT_STEM)
        return [self._matches(*one) for one in zip(items, wholes, stems, strict=True)]

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        """Every pair of items whose whole texts are at least `bands.REVIEW` alike, each once."""
        return self._whole.pairs(bands.REVIEW)

    def _matches(self, item: Texts, wholes: list[tuple[int, float]], stems: list[tuple[int, float]]) -> list[Match]:
        found = {number: (score, Way.WHOLE) for number, score in wholes}
        for number in sorted(self._patterns.get(bands.pattern(item) or SEPARATOR, ()))[:_STATEMENTS]:
            found[number] = max(found.get(number, (0.0, Way.WHOLE)), (bands.WARN_LIVE, Way.WHOLE))
        for number, score, way in (*self._other_options(item, stems), *self._statements(item, stems)):
            if score > found.get(number, (0.0, way))[0]:
                found[number] = (score, way)
        matches = [self._match(item, number, *how) for number, how in found.items()]
        return sorted(matches, key=lambda match: (-match.score, match.number))

    def _match(self, item: Texts, number: int, score: float, way: Way) -> Match:
        other = self._texts[number]
        if bands.shares_case(item, other):
            way = Way.SAME_CASE
        return Match(number, min(score, 1.0), way, bands.is_variant(item, other))

    def _other_options(self, item: Texts, stems: list[tuple[int, float]]) -> Iterator[tuple[int, float, Way]]:
        """Other options to the same question."""
        if len(item.stem) >= bands.STEM_LENGTH:
            for number, score in stems:
                if score >= bands.STEM_REVIEW and len(self._texts[number].stem) >= bands.STEM_LENGTH:
                    yield number, min(score, _STEM_CAP), Way.STEM

    def _statements(self, item: Texts, stems: list[tuple[int, float]]) -> Iterator[tuple[int, float, Way]]:
        """A choice item rewritten as a true/false statement, in either direction."""
        mixed = [number for number, _ in stems if bool(self._texts[number].options) != bool(item.options)][:_STATEMENTS]
        if not mixed:
            return
        if item.options:
            statements = item.statements()
            for number in mixed:
                yield from _likely(number, self._whole.cosines(self._texts[number].stem, statements))
            return
        made = [(number, text) for number in mixed for text in self._texts[number].statements()]
        scores = self._whole.cosines(item.stem, [text for _, text in made])
        for (number, _), score in zip(made, scores, strict=True):
            yield from _likely(number, [score])


def _likely(number: int, scores: list[float]) -> Iterator[tuple[int, float, Way]]:
    best = max(scores)
    if best >= bands.STATEMENT_REVIEW:
        yield number, best, Way.STATEMENT
