"""Which of tens of thousands of texts are like this one: TF-IDF cosine over hashed grams, exact above a threshold.

Texts are kept in segments: one large, made when the index is built, and small ones for what came later; the weights of grams
(idf) are a snapshot of the time of building, so that a later text changes no earlier score. When what came later outgrows half of
what was there, everything is put into one segment with a new snapshot.

Speed comes from leaving common grams (的是, 下列) out of the search: for each text the length `rest` of its common part is kept,
and by Cauchy-Schwarz cos(q, x) <= rare(q, x) + rest(q) * rest(x). What passes that bound is computed in full, so nothing above
the threshold is lost.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from itembank.similarity.grams import FEATURES, Counts, Floats, count, pick, stack

_COMMON: Final = 250
"""A gram is common when at least one text in so many has it."""
_COMMON_LEAST: Final = 40
_BLOCK: Final = 512

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Unit vectors as rows; the same by rare gram (`by_gram`, texts as rows of the transpose); the length of the common part."""

    first: int
    rows: Any
    rare: Any
    by_gram: Any
    rest: Floats

    def __len__(self) -> int:
        return len(self.rest)


class Index(Generic[Name]):
    """Named texts. `add` and `remove` cost no rebuilding."""

    def __init__(self) -> None:
        self.names: list[Name] = []
        self._gone = np.zeros(0, dtype=bool)
        self._place: dict[Name, int] = {}
        self._segments: list[_Segment] = []
        self._idf = np.ones(FEATURES, dtype=np.float32)
        self._common = np.zeros(FEATURES, dtype=bool)
        self._counts: list[Counts] = []
        self._snapshot = 0

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, name: Name) -> bool:
        return name in self._place

    def add(self, names: Sequence[Name], texts: Sequence[str]) -> None:
        """Add texts; a name that is there already is replaced."""
        if not names:
            return
        for name in names:
            self.remove(name)
        counts = count(texts)
        first = len(self.names)
        self.names.extend(names)
        self._place.update({name: first + n for n, name in enumerate(names)})
        self._gone = np.concatenate([self._gone, np.zeros(len(names), dtype=bool)])
        self._counts.append(counts)
        if len(self.names) > 1.5 * self._snapshot:
            self._rebuild()
        else:
            self._segments.append(self._segment(first, counts))
            if len(self._segments) > 2 and len(self._segments[-2]) < 2 * len(self._segments[-1]):
                self._join_last()

    def remove(self, name: Name) -> None:
        """Forget a text; a name that is not there is ignored."""
        place = self._place.pop(name, None)
        if place is not None:
            self._gone[place] = True

    def _rebuild(self) -> None:
        """One segment without what is gone, and weights from it."""
        kept = ~self._gone
        counts = pick(stack(self._counts), kept)
        self.names = [self.names[n] for n in np.flatnonzero(kept)]
        self._place = {name: n for n, name in enumerate(self.names)}
        self._gone = np.zeros(len(counts), dtype=bool)
        self._counts = [counts]
        self._snapshot = len(counts)
        having = np.bincount(counts.feature, minlength=FEATURES)
        self._idf = (np.log((1 + len(counts)) / (1 + having)) + 1).astype(np.float32)
        self._common = having > max(_COMMON_LEAST, len(counts) // _COMMON)
        self._segments = [self._segment(0, counts)]

    def _join_last(self) -> None:
        """Small segments grow together, so that there are never more than a few."""
        one, other = self._segments[-2:]
        self._counts[-2:] = [stack(self._counts[-2:])]
        self._segments[-2:] = [self._segment(one.first, self._counts[-1])]
        assert len(self._segments[-1]) == len(one) + len(other)

    def _segment(self, first: int, counts: Counts) -> _Segment:
        rows, rare, rest = self._vectors(counts)
        return _Segment(first, rows, rare, rare.T.tocsr(), rest)

    def _vectors(self, counts: Counts) -> tuple[Any, Any, Floats]:
        """Unit vectors, the same without common grams, and the length of what was left out."""
        weights = (1 + np.log(counts.times)) * self._idf[counts.feature]
        owner = np.repeat(np.arange(len(counts)), np.diff(counts.start))
        length = np.sqrt(np.bincount(owner, weights * weights, minlength=len(counts)))
        weights = (weights / np.maximum(length, 1e-9)[owner]).astype(np.float32)
        shape = (len(counts), FEATURES)
        rows = sparse.csr_matrix((weights, counts.feature, counts.start), shape=shape)
        common = self._common[counts.feature]
        rest = np.sqrt(np.bincount(owner[common], weights[common] ** 2, minlength=len(counts))).astype(np.float32)
        start = np.concatenate([[0], np.cumsum(np.bincount(owner[~common], minlength=len(counts)))])
        rare = sparse.csr_matrix((weights[~common], counts.feature[~common], start), shape=shape)
        return rows, rare, rest

    def find(self, text: str, least: float) -> list[tuple[Name, float]]:
        """Names and cosines of all texts at least so alike, the most alike first."""
        return self.find_many([text], least)[0]

    def find_many(self, texts: Sequence[str], least: float) -> list[list[tuple[Name, float]]]:
        """The same for each of many texts, a block of them at a time."""
        found: list[list[tuple[Name, float]]] = [[] for _ in texts]
        for begin in range(0, len(texts), _BLOCK):
            rows, rare, rest = self._vectors(count(texts[begin : begin + _BLOCK]))
            for segment in self._segments:
                for one, n, score in _search_block(segment, rows, rare, rest, least):
                    if not self._gone[segment.first + n]:
                        found[begin + one].append((self.names[segment.first + n], score))
        return [sorted(hits, key=lambda hit: -hit[1]) for hits in found]

    def cosines(self, text: str, others: Sequence[str]) -> list[float]:
        """Cosines of one text with some that need not be in the index."""
        rows, _, _ = self._vectors(count([text, *others]))
        return [float(score) for score in (rows[1:] @ rows[0].T).toarray().ravel()]

    def pairs(self, least: float) -> Iterator[tuple[Name, Name, float]]:
        """All pairs of texts at least so alike, each once. Puts the index into one segment first."""
        if len(self._segments) > 1 or self._gone.any():
            self._rebuild()
        for segment in self._segments:
            for begin in range(0, len(segment), _BLOCK):
                end = min(begin + _BLOCK, len(segment))
                block = (segment.rows[begin:end], segment.rare[begin:end], segment.rest[begin:end])
                for one, n, score in _search_block(segment, *block, least, after=begin):
                    yield self.names[begin + one], self.names[n], score


def _search_block(
    segment: _Segment, rows: Any, rare: Any, rest: Floats, least: float, after: int | None = None
) -> Iterator[tuple[int, int, float]]:
    """(row of the block, position in the segment, cosine). `after`: the block begins there in the segment; later ones only."""
    partial = (rare @ segment.by_gram).tocoo()
    asked, there, value = partial.row, partial.col, partial.data
    likely = value + rest[asked] * segment.rest[there] >= least - 1e-6
    if after is not None:
        likely &= there > asked + after
    pairs = [np.stack([asked[likely], there[likely]])]
    pairs += _all_common(segment, rest, least, after, partial)
    one, n = np.concatenate(pairs, axis=1)
    for begin in range(0, len(one), 1 << 16):
        a, b = one[begin : begin + (1 << 16)], n[begin : begin + (1 << 16)]
        scores = np.asarray(rows[a].multiply(segment.rows[b]).sum(axis=1)).ravel()
        for k in np.flatnonzero(scores >= least):
            yield int(a[k]), int(b[k]), float(scores[k])


def _all_common(segment: _Segment, rest: Floats, least: float, after: int | None, partial: Any) -> list[npt.NDArray[np.int32]]:
    """Pairs that share no rare gram and could still be alike, because both consist of common ones."""
    found = []
    for row in np.flatnonzero(rest * segment.rest.max(initial=0.0) >= least - 1e-6):
        others = np.flatnonzero(rest[row] * segment.rest >= least - 1e-6)
        seen = partial.col[partial.row == row]
        others = others[~np.isin(others, seen)]
        if after is not None:
            others = others[others > row + after]
        found.append(np.stack([np.full(len(others), row), others]).astype(np.int32))
    return found
