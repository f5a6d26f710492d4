"""The recovery file: what a machine that cannot reach the server any more could not send, carried by hand.

The exam page encrypts it for this installation: an ephemeral P-256 key of its own against the public key that `open` hands out,
HKDF-SHA256, AES-256-GCM. Only the server can read it, and nobody can change it unseen. That it comes from that page says `proof`,
a MAC over exam session, entry, PC and epoch which only that page was given at its opening: a file for another candidate cannot
be made without that candidate's open page.

A file is never more than a claim of what a page held. Its operations go to the quarantine, where two people decide.
"""

import base64
import hashlib
import hmac
from typing import Annotated, Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta, Struct

from server.keyring import Keyring
from server.sitting.commands import Count, Op
from server.sitting.operations import shape_problem
from server.sitting.tokens import Pass

FORMAT = "jikao-recovery-1"
FILE_MAX = 2_097_152
"""Bytes: a thousand operations with ids are a thirtieth of it, with typed words more."""
OPS_MAX = 1_000

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_POINT_BYTES = 65
_Moment = Annotated[int, Meta(ge=0, le=2**53)]


class RecoveryRefused(Exception):
    """Why a file is not taken: too_big, unreadable, foreign (another installation), damaged, malformed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it lies on the stick; everything in it is base64 but the format."""

    format: str
    key: str
    """Which installation can read it: a digest of its public key."""
    ephemeral: str
    nonce: str
    sealed: str


class PageState(Struct, frozen=True, forbid_unknown_fields=True):
    """How the page stood when the file was written: numbers only, for the people who decide."""

    answered: Count
    flagged: Count
    remaining_ms: _Moment | None
    handing_in: bool
    paused: bool
    locked: bool
    slot: Count = 0


class Content(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sealed: whose page, how far the server had got, and what it had not acknowledged."""

    of: str
    proof: str
    page: Annotated[str, Meta(max_length=40)]
    ack: Count
    made_ms: _Moment
    """The server's clock, as the page kept it, when the file was written."""
    state: PageState
    ops: Annotated[list[Op], Meta(min_length=1, max_length=OPS_MAX)]


class Carried(Struct, frozen=True):
    """A file that could be read and that was made by that page."""

    exam_session_id: int
    entry_no: int
    device: str
    epoch: int
    content: Content
    digest: str
    """Names the file in the audit trail."""


class Recovery:
    """Hands out what a page needs for a file, and reads files."""

    def __init__(self, keyring: Keyring) -> None:
        secret = keyring.key("recovery")
        number = int.from_bytes(_derived(secret, b"jikao recovery key", 48), "big") % (_P256_ORDER - 1) + 1
        self._private = ec.derive_private_key(number, ec.SECP256R1())
        self._proving = _derived(secret, b"jikao recovery proof", 32)
        self._public = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.key_name = hashlib.sha256(self._public).hexdigest()[:16]
        self._handed = {"key": base64.b64encode(self._public).decode(), "name": self.key_name}

    def offer(self, given: Pass, epoch: int) -> dict[str, Any]:
        """For the reply to `open`: the public key, whose page this is, and the proof of it."""
        of = f"{given.exam_session_id}.{given.entry_no}.{given.device}.{epoch}"
        return {**self._handed, "of": of, "proof": self._proof(of)}

    def _proof(self, of: str) -> str:
        return hmac.new(self._proving, of.encode(), hashlib.sha256).hexdigest()

    def read(self, data: bytes) -> Carried:
        """The file's content; raises `RecoveryRefused`."""
        if len(data) > FILE_MAX:
            raise RecoveryRefused("too_big")
        try:
            content = msgspec.json.decode(self._unsealed(data), type=Content)
            exam_session_id, entry_no, device, epoch = content.of.split(".")
            carried = Carried(
                int(exam_session_id), int(entry_no), device, int(epoch), content, hashlib.sha256(data).hexdigest()[:32]
            )
        except (msgspec.DecodeError, ValueError):
            raise RecoveryRefused("malformed") from None
        if not hmac.compare_digest(content.proof.encode(), self._proof(content.of).encode()):
            raise RecoveryRefused("malformed")
        numbers = [op.op for op in content.ops]
        if any(shape_problem([op]) for op in content.ops) or numbers != sorted(set(numbers)):
            raise RecoveryRefused("malformed")
        return carried

    def _unsealed(self, data: bytes) -> bytes:
        try:
            envelope = msgspec.json.decode(data, type=Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RecoveryRefused("unreadable") from None
        if envelope.format != FORMAT:
            raise RecoveryRefused("unreadable")
        if envelope.key != self.key_name:
            raise RecoveryRefused("foreign")
        try:
            point, nonce, sealed = (
                base64.b64decode(part, validate=True) for part in (envelope.ephemeral, envelope.nonce, envelope.sealed)
            )
            if len(point) != _POINT_BYTES:
                raise ValueError("not an uncompressed point")
            theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            shared = self._private.exchange(ec.ECDH(), theirs)
            key = _derived(shared, FORMAT.encode() + point + self._public, 32)
            return AESGCM(key).decrypt(nonce, sealed, FORMAT.encode())
        except (ValueError, InvalidTag):
            raise RecoveryRefused("damaged") from None


def _derived(secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(secret)
