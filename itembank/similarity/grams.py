"""Texts as vectors: hashed character 2- and 3-grams, a whole batch at once. Pure numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

BITS: Final = 20
FEATURES: Final = 1 << BITS
"""Grams are hashed into so many features: with a million, two grams of one text collide once in some hundred texts."""

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

_MIX: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
_END: Final = 0x1F
"""`bands.SEPARATOR`, and what stands between two texts."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each text has each gram, as rows of a sparse matrix: row r is `start[r]:start[r + 1]`, features ascending."""

    start: npt.NDArray[np.int64]
    feature: Ints
    times: Floats

    def __len__(self) -> int:
        return len(self.start) - 1


def count(texts: Sequence[str]) -> Counts:
    """Grams of every text. A gram never spans two texts, nor stem and option; a text shorter than two characters is one gram."""
    joined = "".join(f"{text or ' '}\x1f\x1f" for text in texts)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    lengths = np.fromiter((len(text or " ") + 2 for text in texts), dtype=np.int64, count=len(texts))
    owner = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    inside = points != _END
    pair = inside[:-2] & inside[1:-1]
    triple = pair & inside[2:]
    alone = inside[:-2] & ~inside[1:-1] & np.concatenate([[True], ~inside[:-3]])
    one, two, three = points[:-2], points[1:-1], points[2:]
    doubles = one * _MIX[0] + two * _MIX[1]
    hashes = (doubles[pair], (doubles + three * _MIX[2] + _MIX[0])[triple], (one * _MIX[2])[alone])
    owners = (owner[:-2][pair], owner[:-2][triple], owner[:-2][alone])
    hashed = np.concatenate(hashes)
    hashed ^= hashed >> np.uint64(29)
    feature = ((hashed * _MIX[0]) >> np.uint64(64 - BITS)).astype(np.int64)
    keys, times = np.unique((np.concatenate(owners) << BITS) | feature, return_counts=True)
    start = np.searchsorted(keys, np.arange(len(texts) + 1, dtype=np.int64) << BITS)
    return Counts(start, (keys & (FEATURES - 1)).astype(np.int32), times.astype(np.float32))


def stack(parts: Sequence[Counts]) -> Counts:
    """Several batches as one, in their order."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(part.start[-1] for part in parts)])
    starts = [part.start[1:] + offset for part, offset in zip(parts, offsets, strict=False)]
    return Counts(
        np.concatenate([np.zeros(1, dtype=np.int64), *starts]),
        np.concatenate([part.feature for part in parts]),
        np.concatenate([part.times for part in parts]),
    )


def pick(counts: Counts, kept: npt.NDArray[np.bool_]) -> Counts:
    """Only the texts that are kept."""
    lengths = np.diff(counts.start)
    inside = np.repeat(kept, lengths)
    start = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths[kept])])
    return Counts(start, counts.feature[inside], counts.times[inside])
