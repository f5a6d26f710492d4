"""Answer keys: the only file that touches `item_key`. Nothing that renders to a candidate imports it.

A key is sealed under 'answer_key' and bound to the exact body it answers and to its own number, so that a row moved to
another question does not open. A correction or a cancellation is a further row that names the one it replaces.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from itembank import sealing
from itembank.errors import InvalidItem, NotFound, SecondPersonNeeded, msg
from itembank.items import ItemBody, ItemKeyData, check_key, with_unit
from itembank.packages import NotSealed, aad_of, get_form, load_slots
from itembank.tables import ItemKey, ItemVersion

# fmt: off
__all__ = [
    "Key", "KeyPackage", "KeySlot", "SecondPersonNeeded", "add_first_key", "cancel_item", "correct_key", "current_keys",
    "key_data", "key_package", "open_key", "read_key", "seal_key", "snapshot",
]
# fmt: on

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Key:
    """The key in force for one item version. `key_version` 1 is the writer's; each correction adds one."""

    data: ItemKeyData
    key_version: int
    cancelled: bool
    row_id: int

    @property
    def correct(self) -> tuple[int, ...]:
        """Option ids, for kinds answered by options."""
        return self.data.correct


def seal_key(keyring: sealing.Keyring, body: Mapping[str, Any], key: ItemKeyData, key_version: int = 1) -> bytes:
    """Ciphertext for `ItemKey.ciphertext`. `body` is the version's stored JSON. Needs no row yet."""
    plaintext = sealing.canonical_json(key.model_dump(mode="json"))
    return keyring.seal(sealing.ANSWER_KEY, plaintext, _aad(body, key_version))


def open_key(keyring: sealing.Keyring, body: Mapping[str, Any], row: ItemKey) -> ItemKeyData:
    """The key with its rationale; the keyring's error if the row is not of this body."""
    return ItemKeyData.model_validate_json(keyring.open(sealing.ANSWER_KEY, row.ciphertext, _aad(body, row.key_version)))


def _aad(body: Mapping[str, Any], key_version: int) -> bytes:
    return f"item_key:{sealing.digest(body)}:{key_version}".encode()


def add_first_key(
    db: Session, keyring: sealing.Keyring, version: ItemVersion, key: ItemKeyData, *, by: int, now: datetime
) -> None:
    """Store the writer's key of a new version."""
    sealed = seal_key(keyring, version.body, key)
    db.add(ItemKey(item_version_id=version.id, ciphertext=sealed, created_at=now, created_by=by))


def read_key(db: Session, keyring: sealing.Keyring, item_version_id: int) -> ItemKeyData:
    """The key in force, with rationale: for writers, reviewers and graders. Raises `NotFound`."""
    version = _version(db, item_version_id)
    return open_key(keyring, version.body, _latest(db, item_version_id))


def current_keys(db: Session, keyring: sealing.Keyring, item_version_ids: Iterable[int]) -> dict[int, Key]:
    """The keys in force, by item version id. Raises `NotFound` when a version has none."""
    wanted = sorted(set(item_version_ids))
    found: dict[int, Key] = {}
    for row, body in _rows(db, wanted):
        opened = open_key(keyring, body, row)
        found[row.item_version_id] = Key(opened, row.key_version, row.cancelled, row.id)
    for version_id in wanted:
        if version_id not in found:
            raise NotFound("item key", version_id)
    return found


def key_data(db: Session, keyring: sealing.Keyring, item_version_ids: Iterable[int]) -> dict[int, ItemKeyData]:
    """The keys in force with their rationale, by item version id; a version without one is not in it. For exports."""
    return {row.item_version_id: open_key(keyring, body, row) for row, body in _rows(db, sorted(set(item_version_ids)))}


def _rows(db: Session, wanted: list[int]) -> Iterator[tuple[ItemKey, Mapping[str, Any]]]:
    """Key rows in ascending key version, each with the body it answers."""
    for start in range(0, len(wanted), _BATCH):
        yield from db.exec(
            select(ItemKey, ItemVersion.body)
            .join(ItemVersion, col(ItemVersion.id) == col(ItemKey.item_version_id))
            .where(col(ItemKey.item_version_id).in_(wanted[start : start + _BATCH]))
            .order_by(col(ItemKey.key_version))
        )


def correct_key(
    db: Session,
    keyring: sealing.Keyring,
    item_version_id: int,
    key: ItemKeyData,
    *,
    by: int,
    reason: str,
    now: datetime,
    second_by: int | None = None,
) -> Key:
    """Put another key in force. Marks are not touched here: grading marks again from the new key package.

    Raises `InvalidItem` for a key the question cannot have, `SecondPersonNeeded` when both people are one.
    """
    version = _version(db, item_version_id)
    body = ItemBody.model_validate(version.body)
    problems = check_key(body, key, allow_one_correct=True)
    if problems:
        raise InvalidItem(tuple(problems))
    return _supersede(db, keyring, version, key, _Act(by, second_by, reason, now, cancels=False))


def cancel_item(
    db: Session,
    keyring: sealing.Keyring,
    item_version_id: int,
    *,
    by: int,
    reason: str,
    now: datetime,
    second_by: int | None = None,
) -> Key:
    """Take a question out of marking: all get its marks or it leaves the total, as the exam's profile says."""
    version = _version(db, item_version_id)
    key = read_key(db, keyring, item_version_id)
    return _supersede(db, keyring, version, key, _Act(by, second_by, reason, now, cancels=True))


class KeySlot(BaseModel):
    """The answer to one slot, as `items.ItemKeyData` has it by kind. `marks` in hundredths.

    `units`: what may be typed after a number; the unit printed beside the field is always among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    correct: tuple[int, ...]
    marks: int
    cancelled: bool
    accepted: tuple[tuple[str, ...], ...] = ()
    number: str = ""
    tolerance: str = ""
    units: tuple[str, ...] = ()


class KeyPackage(BaseModel):
    """All answers of one form. `key_version` is 1 as sealed and grows with every correction or cancellation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form_id: int
    form_digest: str
    key_version: int
    keys: dict[int, KeySlot]


def snapshot(db: Session, keyring: sealing.Keyring, item_version_ids: Iterable[int]) -> dict[str, dict[str, Any]]:
    """The keys in force as a JSON value by item version id: what is sealed beside a form."""
    return {
        str(version_id): _answer(key.data) | {"key_version": key.key_version, "cancelled": key.cancelled}
        for version_id, key in current_keys(db, keyring, item_version_ids).items()
    }


def _answer(key: ItemKeyData) -> dict[str, Any]:
    """What the key says, without why."""
    return key.model_dump(mode="json", exclude={"rationale_html"})


def key_package(db: Session, form_id: int, keyring: sealing.Keyring) -> KeyPackage:
    """The answers of a sealed form with every correction since. Grading calls this, nobody else.

    Raises `NotFound`, `NotSealed`; `sealing.Tampered` when a key changed without being recorded as a correction.
    """
    form = get_form(db, form_id)
    if form.sealed_keys is None or form.digest is None:
        raise NotSealed(form_id)
    opened = sealing.open_envelope(keyring, sealing.ANSWER_KEY, form.sealed_keys, aad_of(form, form.digest))
    sealed: dict[str, dict[str, Any]] = json.loads(opened)
    slots = load_slots(db, form_id)
    now = current_keys(db, keyring, [version.id for _, version in slots])
    found: dict[int, KeySlot] = {}
    corrections = 0
    for slot, version in slots:
        key, then = now[version.id], sealed[str(version.id)]
        added = key.key_version - int(then["key_version"])
        said = {name: value for name, value in then.items() if name not in ("key_version", "cancelled")}
        if added < 0 or (added == 0 and _answer(key.data) != said):
            raise sealing.Tampered(msg("The key of slot %(slot)s is not the one sealed.", slot=slot.slot))
        corrections += added
        found[slot.slot] = _slot(key, version, slot.marks)
    return KeyPackage(form_id=form_id, form_digest=form.digest, key_version=1 + corrections, keys=found)


def _slot(key: Key, version: ItemVersion, marks: int) -> KeySlot:
    answer = _answer(with_unit(key.data, version.body.get("unit", "")))
    return KeySlot(kind=version.kind, marks=marks, cancelled=key.cancelled, **answer)


@dataclass(frozen=True, slots=True)
class _Act:
    by: int
    second_by: int | None
    reason: str
    now: datetime
    cancels: bool


def _supersede(db: Session, keyring: sealing.Keyring, version: ItemVersion, key: ItemKeyData, act: _Act) -> Key:
    if act.second_by == act.by:
        raise SecondPersonNeeded
    old = _latest(db, version.id)
    number = old.key_version + 1
    row = ItemKey(
        item_version_id=version.id,
        key_version=number,
        replaces=old.id,
        ciphertext=seal_key(keyring, version.body, key, number),
        cancelled=act.cancels,
        reason=act.reason,
        created_at=act.now,
        created_by=act.by,
        second_by=act.second_by,
    )
    db.add(row)
    db.flush()
    return Key(key, number, act.cancels, row.id)


def _latest(db: Session, item_version_id: int) -> ItemKey:
    row = db.exec(
        select(ItemKey).where(ItemKey.item_version_id == item_version_id).order_by(col(ItemKey.key_version).desc()).limit(1)
    ).first()
    if row is None:
        raise NotFound("item key", item_version_id)
    return row


def _version(db: Session, item_version_id: int) -> ItemVersion:
    version = db.get(ItemVersion, item_version_id)
    if version is None:
        raise NotFound("item version", item_version_id)
    return version
