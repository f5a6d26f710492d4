"""The keys of an installation: one file a purpose, in one folder, apart from the database.

Losing `paper.key` makes sealed papers unreadable, losing `answer_key.key` makes marking impossible, losing
`id_number.key` makes ID numbers unreadable: back the folder up to another place than the database. Purposes are separate
files so that an operator can keep the answer keys on another medium until marking.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PURPOSES = ("paper", "answer_key", "item_body", "id_number", "blind_index", "token", "recovery")
KEY_BYTES = 32
NONCE_BYTES = 12


class KeyringError(Exception):
    """A key file is missing or not a key."""


class Keyring:
    """AES-256-GCM under a key per purpose; blind indexes by HMAC-SHA256."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys

    @classmethod
    def open_folder(cls, folder: Path) -> "Keyring":
        """Read every key, making those that are not there yet (files readable by the owner only)."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls({purpose: _read_or_make(folder / f"{purpose}.key") for purpose in PURPOSES})

    @classmethod
    def ephemeral(cls) -> "Keyring":
        """Fresh keys in memory, for tests."""
        return cls({purpose: secrets.token_bytes(KEY_BYTES) for purpose in PURPOSES})

    def seal(self, purpose: str, plaintext: bytes, aad: bytes) -> bytes:
        """nonce || ciphertext || tag under the purpose's key, bound to `aad`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.key(purpose)).encrypt(nonce, plaintext, aad)

    def open(self, purpose: str, blob: bytes, aad: bytes) -> bytes:
        """The plaintext; raises `cryptography.exceptions.InvalidTag` when blob, key or `aad` is another."""
        return AESGCM(self.key(purpose)).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], aad)

    def blind_index(self, value: str, domain: str = "id_number") -> str:
        """A keyed digest for looking up equality without storing `value` (64 hex digits)."""
        return hmac.new(self.key("blind_index"), f"{domain}\0{value}".encode(), hashlib.sha256).hexdigest()

    def key(self, purpose: str) -> bytes:
        """The raw key of a purpose."""
        try:
            return self._keys[purpose]
        except KeyError:
            raise KeyringError(f"no key for the purpose '{purpose}'") from None


def _read_or_make(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyringError(f"{path} does not hold a key of {KEY_BYTES} bytes")
    return key


def _make(path: Path) -> None:
    """Whole or not at all: of several processes that make it at once one wins, and none reads half a key."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
