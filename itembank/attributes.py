"""What only some blueprints ask of a question: characters to read, the letter of its key, its cognitive level, its calibration.

Read for a whole pool only where the blueprint at hand asks, since bodies and keys are most of a bank. Letters need the keys
opened: that is done in the child process that assembles, and for the recount of a set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from sqlmodel import Session, col, select

from itembank.assembly.pool_item import PoolItem
from itembank.blueprint import BlueprintBody
from itembank.items import ItemBody, letter
from itembank.keys import current_keys
from itembank.markup import shown_text
from itembank.pool import Pool
from itembank.sealing import Keyring
from itembank.tables import ItemVersion

_BATCH: Final = 500


def complete(db: Session, pool: Pool, body: BlueprintBody, keyring: Keyring | None) -> Pool:
    """The pool with what the blueprint asks for. Raises ValueError when it asks for letters and there is no keyring."""
    return Pool(completed(db, pool.free, body, keyring), completed(db, pool.spent, body, keyring), pool.slots)


def completed(db: Session, items: Sequence[PoolItem], body: BlueprintBody, keyring: Keyring | None) -> tuple[PoolItem, ...]:
    """These questions with what the blueprint asks for."""
    if body.words is not None:
        words = _words(db, (item.item_version_id for item in items))
        items = [replace(item, words=words[item.item_version_id]) for item in items]
    if body.letters:
        if keyring is None:
            raise ValueError("a blueprint that balances key letters needs the keyring")
        letters = _letters(db, keyring, (item.item_version_id for item in items if item.kind == "single"))
        items = [replace(item, letter=letters.get(item.item_version_id, "")) for item in items]
    return tuple(items)


def words_of(body: ItemBody) -> int:
    """Characters a candidate reads, spaces aside: stem and options together."""
    texts = (body.stem_html, *(option.html for option in body.options))
    return sum(len("".join(shown_text(text).split())) for text in texts)


def _words(db: Session, versions: Iterable[int]) -> dict[int, int]:
    wanted = sorted(set(versions))
    found: dict[int, int] = {}
    for start in range(0, len(wanted), _BATCH):
        some = select(ItemVersion.id, ItemVersion.body).where(col(ItemVersion.id).in_(wanted[start : start + _BATCH]))
        found.update((number, words_of(ItemBody.model_validate(body))) for number, body in db.exec(some))
    return found


def _letters(db: Session, keyring: Keyring, versions: Iterable[int]) -> dict[int, str]:
    """Letters as written; options may be shown in another order later."""
    return {version: letter(key.correct[0]) for version, key in current_keys(db, keyring, versions).items() if key.correct}
