"""The public package of a form as ciphertext, which may travel before the bell: made once, the same bytes for everybody.

Layout of a package: `JKP1`, nonce (12 bytes), AES-256-GCM ciphertext with `JKP1` as associated data; inside one byte (0 plain,
1 gzip) and the JSON of the public package, figures included. Its key is drawn for this exam session and form alone; the key a
form is sealed under never leaves the server. What the bell needs (the key, and what drawing an order takes) is kept beside the
ciphertext as one *release*, sealed under the installation's paper key and bound to the package's digest.

A package is made only of a paper that two custodians have released (`registry.release`): its items are burned by then. No key
leaves before the bell (`shelf`).
"""

import gzip
import hashlib
import os
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from itembank import passport, sealing
from itembank.errors import ItemBankError
from itembank.packages import public_package
from itembank.tables import Form, FormState
from server.audit import trail
from server.clock import Clock
from server.db import Databases, reading, transaction
from server.keyring import Keyring
from server.registry import release
from server.registry.tables import ExamSession
from server.sitting.entering import BEFORE
from server.sitting.exams import Exam, exam_of
from server.sitting.store import to_ms
from server.sitting.tables import PaperPackage

log = structlog.get_logger()

MAGIC: Final = b"JKP1"
NONCE_BYTES: Final = 12
PLAIN, GZIP = b"\x00", b"\x01"
TRAVEL_STATES = frozenset({"scheduled", "open"})
BEFORE_MS: Final = int(BEFORE.total_seconds() * 1000)


class Release(Struct, frozen=True):
    """What stays sealed until the bell: the package key, the paper's digest, slots and option ids to draw an order from."""

    key: bytes
    paper_digest: str
    items: list[dict[str, Any]]
    section_sizes: list[int]

    def __repr__(self) -> str:
        """Without the key: this may end in a log."""
        return f"Release({self.paper_digest})"


class Package(Struct, frozen=True):
    """The name of a package (SHA-256 of its bytes, hex) and its length."""

    digest: str
    size: int


class _Section(Struct):
    count: int


class _Shape(Struct):
    digest: str
    items: list[dict[str, Any]]
    sections: list[_Section]


_TO_DRAW: Final = ("slot", "kind", "fixed_order", "stimulus")


def release_of(body: bytes, key: bytes = b"") -> Release:
    """The release of a paper, from the JSON of its public package. Pure."""
    shape = msgspec.json.decode(body, type=_Shape)
    items = [{name: item[name] for name in _TO_DRAW if name in item} | _ids(item) for item in shape.items]
    return Release(key, shape.digest, items, [section.count for section in shape.sections])


def _ids(item: dict[str, Any]) -> dict[str, Any]:
    return {"options": [{"id": option["id"]} for option in item["options"]]}


def lock(body: bytes, key: bytes) -> bytes:
    """A package: packed where that makes it smaller, then encrypted."""
    packed = gzip.compress(body, mtime=0)
    inside = GZIP + packed if len(packed) < len(body) else PLAIN + body
    nonce = os.urandom(NONCE_BYTES)
    return MAGIC + nonce + AESGCM(key).encrypt(nonce, inside, MAGIC)


def unlock(package: bytes, key: bytes) -> bytes:
    """The JSON in a package; raises `InvalidTag`. The server needs it for checks only."""
    start = len(MAGIC) + NONCE_BYTES
    inside = AESGCM(key).decrypt(package[len(MAGIC) : start], package[start:], MAGIC)
    return gzip.decompress(inside[1:]) if inside[:1] == GZIP else inside[1:]


def may_travel(exam: Exam, now: int) -> bool:
    """Whether candidates may hold packages of this exam session: as long as they may sign in to it, until it has ended."""
    return exam.state in TRAVEL_STATES and now >= exam.starts_at - BEFORE_MS


def may_prepare(exam: Exam, now: int) -> bool:
    """Whether a missing package is worth making: before the bell only, afterwards the paper travels with the opening."""
    return may_travel(exam, now) and (exam.bell_at is None or now < exam.bell_at)


class Packages:
    """The packages in SQL, and what opens them."""

    def __init__(self, dbs: Databases, keyring: Keyring, clock: Clock) -> None:
        self.dbs = dbs
        self.keyring = keyring
        self.clock = clock
        self.body: Callable[[int], bytes] = unseal(dbs, keyring)

    def find(self, exam_session_id: int, form_id: int) -> Package | None:
        """The package of a form, if it is there."""
        with reading(self.dbs) as db:
            return _find(db, exam_session_id, form_id)

    def get_or_make(self, exam_session_id: int, form_id: int) -> Package | None:
        """The package of a form, made now if it may be.

        None: not the time, not its paper set, or the set is not ready. Whoever is second takes what the first stored.
        """
        with reading(self.dbs) as db:
            found = _find(db, exam_session_id, form_id)
            if found is not None or not self._may_make(db, exam_session_id, form_id):
                return found
        body = self.body(form_id)
        key = AESGCM.generate_key(bit_length=256)
        ciphertext = lock(body, key)
        made = Package(hashlib.sha256(ciphertext).hexdigest(), len(ciphertext))
        inside = msgspec.json.encode(release_of(body, key))
        release = self.keyring.seal(sealing.PAPER, inside, _aad(exam_session_id, form_id, made.digest))
        row = {"exam_session_id": exam_session_id, "form_id": form_id, "digest": made.digest, "size": made.size}
        try:
            with transaction(self.dbs) as db:
                now = self.clock.now()
                db.execute(insert(PaperPackage).values(**row, ciphertext=ciphertext, release=release, made_at=now))
                subject, detail = f"exam_session:{exam_session_id}", {"form": form_id, "digest": made.digest}
                trail.append(db, trail.SYSTEM, "paper.package_made", subject, now=now, detail=detail)
        except IntegrityError:
            return self.find(exam_session_id, form_id)
        return made

    def _may_make(self, db: Session, exam_session_id: int, form_id: int) -> bool:
        without_keys = defer(Form.sealed_keys)  # type: ignore[arg-type]  # a column, not a value
        session, form = db.get(ExamSession, exam_session_id), db.get(Form, form_id, options=[without_keys])
        if session is None or form is None or form.paper_set_id != session.paper_set_id or form.state != FormState.OPENED:
            return False
        if not may_prepare(exam_of(session), to_ms(self.clock.now())):
            return False
        if session.state == "open":
            return True
        return release.find(db, session) is not None and not passport.paper_set_ready(db, form.paper_set_id, exam_session_id)

    def ciphertext(self, exam_session_id: int, form_id: int, digest: str) -> bytes | None:
        """The bytes of a form's package if `digest` names it; None too when they are not those any more."""
        with reading(self.dbs) as db:
            data = db.execute(
                select(col(PaperPackage.ciphertext)).where(
                    col(PaperPackage.exam_session_id) == exam_session_id,
                    col(PaperPackage.form_id) == form_id,
                    col(PaperPackage.digest) == digest,
                )
            ).scalar_one_or_none()
        if data is not None and hashlib.sha256(data).hexdigest() != digest:
            log.error("package_damaged", exam_session=exam_session_id, form=form_id)
            return None
        return data

    def release(self, exam_session_id: int, form_id: int) -> tuple[str, Release] | None:
        """Digest and release of a package; None without one, or when it does not open (the paper then travels plainly).

        The caller answers for the bell.
        """
        mine = col(PaperPackage.exam_session_id) == exam_session_id, col(PaperPackage.form_id) == form_id
        with reading(self.dbs) as db:
            row = db.execute(select(col(PaperPackage.digest), col(PaperPackage.release)).where(*mine)).one_or_none()
        if row is None:
            return None
        digest, sealed = row
        try:
            opened = self.keyring.open(sealing.PAPER, sealed, _aad(exam_session_id, form_id, digest))
            return digest, msgspec.json.decode(opened, type=Release)
        except (InvalidTag, ValueError):
            log.error("package_release_damaged", exam_session=exam_session_id, form=form_id)
            return None


def unseal(dbs: Databases, keyring: Keyring) -> Callable[[int], bytes]:
    """Opens a form's public package: its JSON."""

    def load(form_id: int) -> bytes:
        with reading(dbs) as db:
            return public_package(db, form_id, keyring).model_dump_json().encode()

    return load


def prepare_due(dbs: Databases, keyring: Keyring, clock: Clock) -> int:
    """Make what is missing for every exam session candidates may sign in to by now; how many packages are there.

    A duty of the sweeper, so that neither the waiting room nor the bell has anything to make.
    """
    packages = Packages(dbs, keyring, clock)
    now = to_ms(clock.now())
    with reading(dbs) as db:
        rows = db.execute(select(ExamSession).where(col(ExamSession.state).in_(TRAVEL_STATES))).scalars()
        sets = {row.paper_set_id: row.id for row in rows if may_prepare(exam_of(row), now) and row.paper_set_id is not None}
        forms = db.execute(select(col(Form.paper_set_id), col(Form.id)).where(col(Form.paper_set_id).in_(sets))).all()
    ready = 0
    for paper_set_id, form_id in forms:
        try:
            ready += packages.get_or_make(sets[paper_set_id] or 0, form_id) is not None
        except ItemBankError as error:  # the next form may be whole
            log.error("package_not_made", form=form_id, error=type(error).__name__)
    return ready


def _find(db: Session, exam_session_id: int, form_id: int) -> Package | None:
    row = db.execute(
        select(col(PaperPackage.digest), col(PaperPackage.size)).where(
            col(PaperPackage.exam_session_id) == exam_session_id, col(PaperPackage.form_id) == form_id
        )
    ).one_or_none()
    return None if row is None else Package(row[0], row[1])


def _aad(exam_session_id: int, form_id: int, digest: str) -> bytes:
    return f"package:{exam_session_id}:{form_id}:{digest}".encode()
