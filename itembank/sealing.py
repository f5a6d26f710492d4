"""Canonical JSON, digests, and envelopes. Pure: no SQL, no files.

A *digest* names content: SHA-256 (hex) over canonical JSON, RFC 8785 (JSON Canonicalization Scheme). An *envelope*
hides it: AES-256-GCM under a key drawn for this one content, that key wrapped by the institution's `Keyring` for one
purpose. Who can open 'paper' can still not open 'answer_key'.
"""

import hashlib
import json
import os
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from itembank.errors import ItemBankError, msg

PAPER: Final = "paper"
ANSWER_KEY: Final = "answer_key"

_MAGIC: Final = b"JKE1"
_NONCE_BYTES: Final = 12
_LENGTH_BYTES: Final = 2
_SAFE_INTEGER: Final = 2**53 - 1


class Keyring(Protocol):
    """Holds the master keys, one per purpose. The server's keeps them in files; tests keep them in memory."""

    def seal(self, purpose: str, plaintext: bytes, aad: bytes) -> bytes:
        """Encrypt under the master key of `purpose`, bound to `aad`."""
        ...

    def open(self, purpose: str, blob: bytes, aad: bytes) -> bytes:
        """The plaintext; `cryptography.exceptions.InvalidTag` when blob, key or `aad` is another."""
        ...


class Tampered(ItemBankError):
    """A sealed blob does not open: changed, cut short, or put where it does not belong."""


class NotCanonical(ItemBankError):
    """The value has no canonical JSON here: a float, an integer beyond 2^53 - 1, a key that is not text."""


def canonical_json(value: object) -> bytes:
    """RFC 8785 for the values papers are made of: objects, lists, text, integers, booleans, null.

    Floats are refused, not formatted: marks, weights and times are integers here, and the number formatting of the
    RFC is then the identity. Keys sort by UTF-16 code units, as the RFC asks.
    """
    text = json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical(msg("The text contains half a character.")) from error


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise NotCanonical(msg("An object key is not text."))
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _ordered(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_ordered(element) for element in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) <= _SAFE_INTEGER:
        return value
    raise NotCanonical(msg("A value of type %(type)s has no canonical form.", type=type(value).__name__))


def digest(value: object) -> str:
    """SHA-256, 64 hex digits, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def seal_envelope(keyring: Keyring, purpose: str, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt under a fresh key and wrap that key.

    Layout: magic, length of the wrapped key, wrapped key, nonce, ciphertext.
    """
    key = AESGCM.generate_key(bit_length=256)
    wrapped = keyring.seal(purpose, key, aad)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plaintext, _MAGIC + aad)
    return _MAGIC + len(wrapped).to_bytes(_LENGTH_BYTES) + wrapped + nonce + sealed


def open_envelope(keyring: Keyring, purpose: str, blob: bytes, aad: bytes) -> bytes:
    """The plaintext; `Tampered` if blob, `aad` or the master key are not those it was sealed with."""
    start = len(_MAGIC) + _LENGTH_BYTES
    if not blob.startswith(_MAGIC) or len(blob) < start:
        raise Tampered(msg("This is not a sealed paper."))
    end = start + int.from_bytes(blob[len(_MAGIC) : start])
    nonce, sealed = blob[end : end + _NONCE_BYTES], blob[end + _NONCE_BYTES :]
    try:
        key = keyring.open(purpose, blob[start:end], aad)
        return AESGCM(key).decrypt(nonce, sealed, _MAGIC + aad)
    except (InvalidTag, ValueError) as error:
        raise Tampered(msg("The sealed paper does not open: it was changed or belongs elsewhere.")) from error
