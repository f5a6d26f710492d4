"""Answer keys on their way into marking: from the item bank, and sealed copies kept with each run.

The only callers are `runs`, `corrections`, `checks`, `candidates` and `work`, all of this slice.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from itembank import sealing
from itembank.items import ItemKeyData
from itembank.keys import key_package
from itembank.tables import Form
from server.errors import Conflict
from server.grading.marking import ANSWER_FIELDS, FormKey, SlotKey
from server.grading.tables import MarkingKey
from server.pages import _


def forms_of(db: Session, paper_set_id: int | None) -> dict[int, str]:
    """Form id -> label, in order of the labels."""
    if paper_set_id is None:
        raise Conflict(_("This exam session has no papers, so there is nothing to mark."))
    rows = db.exec(select(Form.id, Form.label).where(Form.paper_set_id == paper_set_id).order_by(col(Form.label))).all()
    return dict(rows)


def read(db: Session, keyring: sealing.Keyring, form_id: int) -> FormKey:
    """The keys in force for one form. Errors of the item bank pass through."""
    package = key_package(db, form_id, keyring)
    slots = {int(slot): SlotKey(**key.model_dump()) for slot, key in package.keys.items()}
    return FormKey(package.form_id, package.form_digest, package.key_version, slots)


def seal(keyring: sealing.Keyring, exam_session_id: int, run_no: int, key: FormKey) -> bytes:
    """`key` as this run used it, readable with the answer keys only, bound to its place."""
    plain = {
        "form_digest": key.form_digest,
        "version": key.version,
        "slots": [_row(slot, k) for slot, k in sorted(key.slots.items())],
    }
    return keyring.seal(sealing.ANSWER_KEY, sealing.canonical_json(plain), _aad(exam_session_id, run_no, key.form_id))


def _row(slot: int, key: SlotKey) -> list[Any]:
    """Option ids stand in every row; what other kinds have besides is a sixth element where there is any."""
    row = [slot, key.kind, list(key.correct), key.marks, key.cancelled]
    rest = _plain(key.answer)
    del rest["correct"]
    return [*row, rest] if rest else row


def _plain(key: ItemKeyData) -> dict[str, Any]:
    return key.model_dump(mode="json", exclude={"rationale_html"})


def of_run(db: Session, keyring: sealing.Keyring, exam_session_id: int, run_no: int) -> Mapping[int, FormKey]:
    """Form id -> the keys a run used. Raises the keyring's error when a row was changed or moved."""
    rows = db.exec(select(MarkingKey).where(MarkingKey.exam_session_id == exam_session_id, MarkingKey.run_no == run_no)).all()
    return {row.form_id: _open(keyring, row) for row in rows}


def _open(keyring: sealing.Keyring, row: MarkingKey) -> FormKey:
    aad = _aad(row.exam_session_id, row.run_no, row.form_id)
    plain = msgspec.json.decode(keyring.open(sealing.ANSWER_KEY, row.sealed, aad))
    slots = {slot: _slot(*said) for slot, *said in plain["slots"]}
    return FormKey(row.form_id, plain["form_digest"], plain["version"], slots)


def _slot(kind: str, correct: list[int], marks: int, cancelled: bool, rest: dict[str, Any] | None = None) -> SlotKey:
    key = ItemKeyData(correct=tuple(correct), **(rest or {}))
    return SlotKey(kind, marks=marks, cancelled=cancelled, **{name: getattr(key, name) for name in ANSWER_FIELDS})


def _aad(exam_session_id: int, run_no: int, form_id: int) -> bytes:
    return f"marking_key:{exam_session_id}:{run_no}:{form_id}".encode()


def seal_choice(keyring: sealing.Keyring, exam_session_id: int, no: int, key: ItemKeyData) -> bytes:
    """The key a correction proposes."""
    plain = sealing.canonical_json(_plain(key))
    return keyring.seal(sealing.ANSWER_KEY, plain, f"key_correction:{exam_session_id}:{no}".encode())


def open_choice(keyring: sealing.Keyring, exam_session_id: int, no: int, sealed: bytes) -> ItemKeyData:
    """What `seal_choice` sealed; before there were other kinds, a list of option ids."""
    plain = msgspec.json.decode(keyring.open(sealing.ANSWER_KEY, sealed, f"key_correction:{exam_session_id}:{no}".encode()))
    return ItemKeyData(correct=plain) if isinstance(plain, list) else ItemKeyData.model_validate(plain)
