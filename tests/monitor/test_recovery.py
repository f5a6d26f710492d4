"""Recovery files at the desk: only the candidate's, only once, only to the quarantine; every other file in words."""

import base64
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi.testclient import TestClient
from sqlmodel import select

from server.audit.tables import AuditRow
from server.db import reading, transaction
from server.keyring import Keyring
from server.monitor import kept_apart
from server.sitting import admission
from server.sitting.commands import Op
from server.sitting.reading import journal
from server.sitting.recovery import FILE_MAX, FORMAT, Recovery
from server.sitting.state import fold_answers
from server.sitting.store import to_ms
from server.sitting.tables import QuarantinedOperation
from server.sitting.tokens import Pass
from tests import factories
from tests.monitor.conftest import Web, open_room, start_work

JSON = dict[str, Any]
OPS: list[JSON] = [{"op": 1, "item": 3, "value": [2], "dt_ms": 90_000}, {"op": 2, "item": 4, "value": [1], "dt_ms": 30_000}]


def content(web: Web, offer: JSON, ops: list[JSON] = OPS, **changes: Any) -> JSON:
    state = {"answered": 2, "flagged": 0, "remaining_ms": 1000, "handing_in": False, "paused": False, "locked": False, "slot": 4}
    made = to_ms(web.desk.clock.now())
    return {
        "of": offer["of"],
        "proof": offer["proof"],
        "page": "p",
        "ack": 0,
        "made_ms": made,
        "state": state,
        "ops": ops,
        **changes,
    }


def sealed(offer: JSON, inner: JSON) -> JSON:
    """As web/static/exam/recovery.js does it."""
    server = base64.b64decode(offer["key"])
    mine = ec.generate_private_key(ec.SECP256R1())
    point = mine.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    shared = mine.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), server))
    key = HKDF(hashes.SHA256(), 32, None, FORMAT.encode() + point + server).derive(shared)
    nonce = os.urandom(12)
    text = AESGCM(key).encrypt(nonce, json.dumps(inner).encode(), FORMAT.encode())
    parts = {"ephemeral": point, "nonce": nonce, "sealed": text}
    return {"format": FORMAT, "key": offer["name"], **{name: base64.b64encode(part).decode() for name, part in parts.items()}}


def offer_to(web: Web, entry_no: int = 1, epoch: int = 1) -> JSON:
    recovery: Recovery = web.app.state.core.recovery
    return recovery.offer(Pass(web.desk.exam, entry_no, f"pc-{entry_no}"), epoch)


def file_of(web: Web, entry_no: int = 1, ops: list[JSON] = OPS) -> bytes:
    offer = offer_to(web, entry_no)
    return json.dumps(sealed(offer, content(web, offer, ops))).encode()


def take(web: Web, desk: TestClient, data: bytes, entry_no: int = 1) -> Any:
    return desk.post(web.url("recovery"), data={"entry": entry_no}, files={"file": ("a.jikao-recovery", data)})


def kept(web: Web) -> list[tuple[int, int, int, str]]:
    with reading(web.desk.dbs) as db:
        rows = db.exec(select(QuarantinedOperation).order_by(QuarantinedOperation.op)).all()
        return [(row.entry_no, row.epoch, row.op, row.reason) for row in rows]


def audited(web: Web) -> list[tuple[str, JSON]]:
    with reading(web.desk.dbs) as db:
        rows = db.exec(select(AuditRow).where(AuditRow.verb.startswith("sitting.carry"))).all()  # type: ignore[attr-defined]
        return [(row.verb, row.detail) for row in rows]


def test_a_file_goes_to_the_quarantine_and_two_people_have_it_counted(web: Web) -> None:
    first, second = web.enter(), web.enter()
    assert web.desk.answer(1, Op(op=1, item=3, value=[2])).ok  # this one had arrived after all
    assert 'name="file"' in first.get(web.url("recovery")).text
    assert take(web, first, file_of(web)).status_code == 303
    assert kept(web) == [(1, 1, 2, "carried")]
    verb, detail = audited(web)[0]
    assert (verb, detail["new"], detail["known"], detail["result"]) == ("sitting.carry", 1, 1, "ok")
    assert "item" not in json.dumps(detail)
    assert "Carried here in a recovery file" in first.get(web.url("kept-apart")).text
    with reading(web.desk.dbs) as db:
        names = [one.name for one in admission.waiting(db, web.desk.exam, 1)]
    form = {"reason": "power failure", "operation": names}
    assert first.post(web.url("kept-apart/1"), data=form).status_code == 303
    assert second.post(web.url("approvals/1"), data={"decision": "confirm"}).status_code == 303
    with reading(web.desk.dbs) as db:
        assert admission.waiting(db, web.desk.exam, 1) == []
        answers = fold_answers(journal(db, web.desk.exam, 1))
        assert answers.values == {3: [2], 4: [1]}


def test_the_same_file_again_brings_nothing(web: Web) -> None:
    desk, data = web.enter(), file_of(web)
    assert take(web, desk, data).status_code == 303
    again = take(web, desk, data)
    assert again.status_code == 422
    assert "Nothing new" in again.text
    assert len(kept(web)) == 2
    assert take(web, desk, file_of(web)).status_code == 422  # another file of the same page with the same content


def test_what_arrives_by_itself_afterwards_is_not_offered_any_more(web: Web) -> None:
    assert take(web, web.enter(), file_of(web)).status_code == 303
    assert web.desk.answer(1, Op(op=1, item=3, value=[2]), Op(op=2, item=4, value=[1]), Op(op=3, item=4, value=[3])).ok
    with reading(web.desk.dbs) as db:
        assert admission.waiting(db, web.desk.exam, 1) == []
        assert kept_apart.listed(db, web.desk.scope(web.desk.staff())) == []


def test_a_file_may_come_after_a_take_over_and_after_the_end(web: Web) -> None:
    assert web.desk.answer(2, Op(op=1, item=1, value=[1])).ok
    web.desk.clock.advance(3600)
    assert take(web, web.enter(), file_of(web, 2, [{"op": 2, "item": 3, "value": [2], "dt_ms": 0}]), 2).status_code == 303
    assert kept(web) == [(2, 1, 2, "carried")]


def _tampered(web: Web, offer: JSON) -> JSON:
    envelope = sealed(offer, content(web, offer))
    text = bytearray(base64.b64decode(envelope["sealed"]))
    text[5] ^= 1
    return {**envelope, "sealed": base64.b64encode(bytes(text)).decode()}


def _bad_point(web: Web, offer: JSON) -> JSON:
    return {**sealed(offer, content(web, offer)), "ephemeral": base64.b64encode(b"\x04" + bytes(64)).decode()}


def _foreign(web: Web, _offer: JSON) -> JSON:
    strange = Recovery(Keyring.ephemeral()).offer(Pass(web.desk.exam, 1, "pc-1"), 1)
    return sealed(strange, content(web, strange))


def _forged(web: Web, offer: JSON) -> JSON:
    """For another candidate, without that candidate's page."""
    return sealed(offer, content(web, {**offer, "of": f"{web.desk.exam}.2.pc-2.1"}))


def _of_a_later_epoch(web: Web, _offer: JSON) -> JSON:
    later = offer_to(web, epoch=7)
    return sealed(later, content(web, later))


def _of(*ops: JSON, **extra: Any) -> Callable[[Web, JSON], JSON]:
    return lambda web, offer: sealed(offer, content(web, offer, list(ops), **extra))


BROKEN: dict[str, Callable[[Web, JSON], JSON]] = {
    "other file": lambda _web, _offer: {"hello": 1},
    "tampered": _tampered,
    "bad point": _bad_point,
    "foreign": _foreign,
    "forged": _forged,
    "score": _of(*OPS, score=100),
    "twice": _of(OPS[0], OPS[0]),
    "no operations": _of(),
    "no such question": _of({"op": 1, "item": 99, "value": [1]}),
    "epoch to come": _of_a_later_epoch,
}


def broken(web: Web, how: str) -> bytes:
    if how == "not json":
        return b"\xff\x00 not a file"
    if how == "too big":
        return file_of(web) + b" " * FILE_MAX
    return json.dumps(BROKEN[how](web, offer_to(web))).encode()


REFUSED = [
    ("not json", "This is not a recovery file", "unreadable"),
    ("other file", "This is not a recovery file", "unreadable"),
    ("too big", "too large", "too_big"),
    ("foreign", "another installation", "foreign"),
    ("tampered", "damaged or was changed", "damaged"),
    ("bad point", "damaged or was changed", "damaged"),
    ("forged", "not made by an exam page", "malformed"),
    ("score", "not made by an exam page", "malformed"),
    ("no operations", "not made by an exam page", "malformed"),
    ("twice", "not made by an exam page", "malformed"),
    ("no such question", "not made by an exam page", "malformed"),
    ("epoch to come", "a page this server does not know", "fork"),
]


def test_bad_files_are_refused_in_words_and_audited(web: Web) -> None:
    desk = web.enter()
    for how, said, code in REFUSED:
        answer = take(web, desk, broken(web, how), 2 if how == "forged" else 1)
        assert (answer.status_code, said in answer.text) == (422, True), how
        assert audited(web)[-1][1]["result"] == code, how
    assert kept(web) == []


def test_a_file_is_good_for_its_candidate_exam_and_room_only(web: Web, keyring: Keyring) -> None:
    desk, data = web.enter(), file_of(web)
    other = take(web, desk, data, 2)
    assert other.status_code == 422
    assert "another candidate" in other.text
    assert take(web, desk, data, 99).status_code == 404
    with transaction(web.desk.dbs) as db:
        place, exam = open_room(db, keyring, web.desk.clock.now(), 1, web.desk.place)
        stranger = factories.place(db, capacity=2)
    start_work(web.desk.writer, exam, 1, place.institution_id, place.room_id, web.desk.clock.now())
    there = desk.post(f"/board/{exam}/recovery", data={"entry": 1}, files={"file": ("a", data)})
    assert (there.status_code, "another exam session" in there.text) == (422, True)
    foreign = web.enter(institution_id=stranger.institution_id)
    assert take(web, foreign, data).status_code == 404
    assert take(web, web.enter("supervisor"), data).status_code == 403
    assert kept(web) == []


def test_nothing_chosen_is_said(web: Web) -> None:
    answer = web.enter().post(web.url("recovery"), data={"entry": 1})
    assert answer.status_code == 422
    assert "Choose the recovery file first" in answer.text


def test_nothing_of_a_file_reaches_the_log(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    desk = web.enter()
    take(web, desk, file_of(web))
    take(web, desk, broken(web, "tampered"))
    take(web, desk, broken(web, "score"))
    said = "".join(capsys.readouterr())
    assert "proof" not in said
    assert '"value"' not in said
