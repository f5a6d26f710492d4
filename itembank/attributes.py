"""What only some blueprints ask of a question: characters to read, the letter of its key, its cognitive level, its calibration.

Read for a whole pool only where the blueprint at hand asks, since bodies and keys are most of a bank. Letters need the keys
opened: that is done in the child process that assembles, and for the recount of a set.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlmodel import Session, col, select

from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import BlueprintBody
from itembank.items import ItemBody, letter
from itembank.keys import current_keys
from itembank.markup import shown_text
from itembank.pool import Pool
from itembank.sealing import Keyring
from itembank.tables import Item, ItemVersion

_BATCH: Final = 500


Calibrated = Callable[[Session, int], Mapping[int, tuple[int, int]]]
"""Bank -> item version -> discrimination and location in thousandths, where they are known: statistics are kept elsewhere."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the attributes come from that are not beside the item: keys, and estimates from exams."""

    keyring: Keyring | None = None
    calibrated: Calibrated | None = None


NO_SOURCES: Final = Sources()


def complete(db: Session, bank_id: int, pool: Pool, body: BlueprintBody, sources: Sources = NO_SOURCES) -> Pool:
    """The pool with what the blueprint asks for. Raises ValueError when it asks for letters and there is no keyring."""
    free, spent = (completed(db, bank_id, items, body, sources) for items in (pool.free, pool.spent))
    return Pool(free, spent, pool.slots, pool.sets)


def completed(
    db: Session, bank_id: int, items: Sequence[PoolItem], body: BlueprintBody, sources: Sources = NO_SOURCES
) -> tuple[PoolItem, ...]:
    """These questions with what the blueprint asks for."""
    if body.words is not None:
        words = _words(db, (item.item_version_id for item in items))
        first: dict[int, int] = {}  # the text of a set is read once: it counts with its first question
        for item in sorted(items, key=lambda item: (item.place, item.item_id)):
            first.setdefault(item.stimulus, item.item_id)
        items = [replace(item, words=_of(words[item.item_version_id], first, item)) for item in items]
    if body.cognitive:
        levels = _levels(db, (item.item_version_id for item in items))
        items = [replace(item, cognitive=levels[item.item_version_id]) for item in items]
    if body.letters:
        if sources.keyring is None:
            raise ValueError("a blueprint that balances key letters needs the keyring")
        letters = _letters(db, sources.keyring, (item.item_version_id for item in items if item.kind == "single"))
        items = [replace(item, letter=letters.get(item.item_version_id, "")) for item in items]
    if body.information and sources.calibrated is not None:
        known = sources.calibrated(db, bank_id)
        items = [_calibrated(item, known.get(item.item_version_id)) for item in items]
    return tuple(items)


def _calibrated(item: PoolItem, known: tuple[int, int] | None) -> PoolItem:
    return item if known is None else replace(item, discrimination=known[0], location=known[1])


def words_of(body: ItemBody) -> int:
    """Characters a candidate reads, spaces aside: stem, lines to match and options together, without the text of a set."""
    return _length(body.stem_html, *(part.html for part in (*body.prompts, *body.options)))


def _length(*texts: str) -> int:
    return sum(len("".join(shown_text(text).split())) for text in texts)


def _of(words: tuple[int, int], first: dict[int, int], item: PoolItem) -> int:
    own, shared = words
    return own + (shared if item.stimulus and first[item.stimulus] == item.item_id else 0)


def _words(db: Session, versions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Characters of each version, and of the text it shares."""
    wanted = sorted(set(versions))
    found: dict[int, tuple[int, int]] = {}
    for start in range(0, len(wanted), _BATCH):
        some = select(ItemVersion.id, ItemVersion.body).where(col(ItemVersion.id).in_(wanted[start : start + _BATCH]))
        for number, stored in db.exec(some):
            body = ItemBody.model_validate(stored)
            found[number] = words_of(body), _length(body.stimulus_html) if body.stimulus_html else 0
    return found


def levels_of(db: Session, bank_id: int) -> list[str]:
    """The cognitive levels that occur in a bank."""
    of_bank = select(ItemVersion.cognitive).join(Item, col(Item.id) == col(ItemVersion.item_id)).where(Item.bank_id == bank_id)
    return sorted(db.exec(of_bank.where(ItemVersion.cognitive != "").distinct()))


def _levels(db: Session, versions: Iterable[int]) -> dict[int, str]:
    wanted = sorted(set(versions))
    found: dict[int, str] = {}
    for start in range(0, len(wanted), _BATCH):
        some = select(ItemVersion.id, ItemVersion.cognitive).where(col(ItemVersion.id).in_(wanted[start : start + _BATCH]))
        found.update(db.exec(some).all())
    return found


def _letters(db: Session, keyring: Keyring, versions: Iterable[int]) -> dict[int, str]:
    """Letters as written; options may be shown in another order later."""
    return {version: letter(key.correct[0]) for version, key in current_keys(db, keyring, versions).items() if key.correct}
