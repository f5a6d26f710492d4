"""Near-duplicates in SQL: an index of a bank's scope kept up to date, and what it says of drafts, of an import, of stored items.

For the child process: loads numpy and scipy. The index lives in memory and is a cache of `item_version`; `Scope.refresh` reads
what is new since the last question. The first question costs a second for some ten thousand items, later ones milliseconds.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import or_
from sqlmodel import Session, col, select

from itembank.errors import TooMuchAlike
from itembank.families import Likeness
from itembank.items import ItemBody
from itembank.pool import banks_in_scope, get_bank, scope_of, visible
from itembank.similarity import bands
from itembank.similarity.bands import Band, Texts, Way, texts_of
from itembank.similarity.twins import Match, Twins
from itembank.tables import Bank, Item, ItemVersion, LedgerEntry

_BATCH: Final = 500
SHOWN: Final = 5
"""So many likenesses of one item are told; whoever has more copies than that has found them."""
MOST_PAIRS: Final = 300_000
"""So many alike among the questions of one import are no import: one phrase repeated ten thousand times gives fifty million."""


@dataclass(frozen=True, slots=True)
class Near:
    """An item of the bank like the one asked about. `live`: never spoken for. `band` says who has to look."""

    item_id: int
    version_id: int
    score: float
    way: Way
    variant: bool
    live: bool
    band: Band


class Scope:
    """The newest and the approved versions of all visible items within which a question must not come twice."""

    def __init__(self) -> None:
        self._twins = Twins()
        self._items: dict[int, int] = {}

    def refresh(self, db: Session, bank: Bank) -> None:
        """Take in what was written, published or revised since, forget what was superseded."""
        wanted = dict(db.exec(_versions(banks_in_scope(db, bank))).all())
        gone = self._items.keys() - wanted.keys()
        new = sorted(wanted.keys() - self._items.keys())
        self._twins.remove(gone)
        for start in range(0, len(new), 5000):
            self._twins.add(_load(db, new[start : start + 5000]))
        self._items = wanted

    def find(self, db: Session, bank: Bank, texts: Sequence[Texts], own: Sequence[frozenset[int]] = ()) -> list[list[Near]]:
        """What people have to look at for each text. `own`: items not to compare it with (itself, its family)."""
        matches = self._twins.find_many(texts)
        spoken = self._spoken_for(db, bank, {self._items[m.number] for found in matches for m in found})
        own = own or [frozenset()] * len(texts)
        return [self._near(found, spoken, mine) for found, mine in zip(matches, own, strict=True)]

    def _near(self, matches: Sequence[Match], spoken: set[int], own: frozenset[int]) -> list[Near]:
        found: dict[int, Near] = {}
        for match in matches:
            item = self._items[match.number]
            band = bands.band(match.score, live=item not in spoken)
            if match.way == Way.SAME_CASE or band == Band.CLEAR or item in own or item in found:
                continue
            found[item] = Near(item, match.number, match.score, match.way, match.variant, item not in spoken, band)
        return list(found.values())[:SHOWN]

    def _spoken_for(self, db: Session, bank: Bank, items: set[int]) -> set[int]:
        """Which of these items have a live claim on their family."""
        found: set[int] = set()
        numbers = sorted(items)
        for start in range(0, len(numbers), _BATCH):
            claimed = select(LedgerEntry.family_id).where(
                LedgerEntry.scope == scope_of(bank), col(LedgerEntry.ended_at).is_(None)
            )
            statement = select(Item.id).where(col(Item.id).in_(numbers[start : start + _BATCH]), col(Item.family_id).in_(claimed))
            found.update(db.exec(statement))
        return found


def _versions(banks: Sequence[int]) -> Any:
    """(version, item) of the newest and the approved version of visible items."""
    current = or_(col(ItemVersion.version) == col(Item.current_version), col(ItemVersion.version) == col(Item.approved_version))
    statement = select(ItemVersion.id, Item.id).join(Item, col(Item.id) == col(ItemVersion.item_id))
    return statement.where(col(Item.bank_id).in_(banks), current, visible())


def _load(db: Session, versions: Sequence[int]) -> dict[int, Texts]:
    found: dict[int, Texts] = {}
    for start in range(0, len(versions), _BATCH):
        statement = select(ItemVersion.id, ItemVersion.body).where(col(ItemVersion.id).in_(versions[start : start + _BATCH]))
        found |= {number: texts_of(ItemBody.model_validate(body)) for number, body in db.exec(statement)}
    return found


def among_themselves(
    texts: Sequence[Texts], sets: Sequence[Hashable] = (), most: int | None = None
) -> list[tuple[int, int, float, bool]]:
    """(earlier, later, score, variant) of texts of one import that are like each other as items never used are.

    `sets`: the case set of each, falsy for none: questions of one set are not compared. Raises `TooMuchAlike` where there are
    more than `most` pairs.
    """
    twins = Twins()
    twins.add(dict(enumerate(texts)))
    found = []
    for n, (a, b, score) in enumerate(twins.pairs()):
        if n == most:
            raise TooMuchAlike(most)
        apart = not bands.shares_case(texts[a], texts[b]) and not (sets and sets[a] and sets[a] == sets[b])
        if score >= bands.WARN_LIVE and apart:
            found.append((min(a, b), max(a, b), score, bands.is_variant(texts[a], texts[b])))
    return sorted(found)


def compare(db: Session, scope: Scope, item_ids: Sequence[int]) -> tuple[list[Likeness], list[int]]:
    """Compare stored items (drafts, or those of a staged import) with the bank and among themselves: seconds of reading.

    What people have to look at, and the versions that were compared. Call `scope.refresh` before; `families.open_cases` and
    `families.note_checked` then store it in a moment.
    """
    found: list[Likeness] = []
    compared: list[int] = []
    for start in range(0, len(item_ids), _BATCH):
        likenesses, versions = _compare_part(db, scope, item_ids[start : start + _BATCH])
        found += likenesses
        compared += versions
    return [*found, *_compare_pairs(db, item_ids)], compared


def _rows(db: Session, item_ids: Sequence[int]) -> list[tuple[Item, int, Texts]]:
    statement = select(Item, ItemVersion.id, ItemVersion.body).join(
        ItemVersion, (col(ItemVersion.item_id) == col(Item.id)) & (col(ItemVersion.version) == col(Item.current_version))
    )
    rows: list[tuple[Item, int, Texts]] = []
    for start in range(0, len(item_ids), _BATCH):
        found = db.exec(statement.where(col(Item.id).in_(item_ids[start : start + _BATCH])).order_by(col(Item.id)))
        rows += [(item, version, texts_of(ItemBody.model_validate(body))) for item, version, body in found]
    return rows


def _compare_part(db: Session, scope: Scope, item_ids: Sequence[int]) -> tuple[list[Likeness], list[int]]:
    rows = _rows(db, item_ids)
    if not rows:
        return [], []
    bank = get_bank(db, rows[0][0].bank_id)
    own = [_family(db, item) for item, _, _ in rows]
    found = scope.find(db, bank, [texts for _, _, texts in rows], own)
    likenesses = [_likeness(item, version, one) for (item, version, _), near in zip(rows, found, strict=True) for one in near]
    return likenesses, [version for _, version, _ in rows]


def _compare_pairs(db: Session, item_ids: Sequence[int]) -> list[Likeness]:
    """Pairs within one import; a single item has none."""
    if len(item_ids) < 2:
        return []
    rows = _rows(db, item_ids)
    likenesses = []
    for a, b, score, variant in among_themselves([texts for _, _, texts in rows], [item.stimulus_id for item, _, _ in rows]):
        (older, older_version, _), (newer, newer_version, _) = rows[a], rows[b]
        if older.family_id != newer.family_id:
            needed = 2 if score >= bands.SECOND else 1
            likenesses.append(Likeness(newer.id, newer_version, older.id, older_version, score, Way.WHOLE.value, variant, needed))
    return likenesses


def _family(db: Session, item: Item) -> frozenset[int]:
    """What an item is not compared with: its family, and the questions on the same text."""
    mine = col(Item.family_id) == item.family_id
    same = mine if item.stimulus_id is None else or_(mine, col(Item.stimulus_id) == item.stimulus_id)
    return frozenset(db.exec(select(Item.id).where(same)))


def _likeness(item: Item, version: int, near: Near) -> Likeness:
    """Whoever was compared, it is the newer text that waits."""
    needed = 2 if near.band == Band.SECOND else 1
    (old_version, old), (new_version, new) = sorted([(version, item.id), (near.version_id, near.item_id)])
    return Likeness(new, new_version, old, old_version, near.score, near.way.value, near.variant, needed)
