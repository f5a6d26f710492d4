"""Whether the key files are those this database was written with.

The database holds a fingerprint of each key. Keys are made only for a database that has none yet; afterwards a missing or
another key is refused before anything is read or written, so that no database ever holds data under two keyrings.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, select

from server.audit import trail
from server.db import Databases, UTCDateTime, reading, take_turns, transaction
from server.keyring import PURPOSES, Keyring, KeyringError
from server.settings import Settings

APPEND_ONLY: dict[str, tuple[str, ...]] = {"key_fingerprint": ()}


class KeyFingerprint(SQLModel, table=True):
    """Says which key a purpose has, and nothing about it."""

    __tablename__ = "key_fingerprint"

    purpose: str = Field(primary_key=True)
    digest: str
    noted_at: datetime = Field(sa_type=UTCDateTime)


def open_keys(dbs: Databases, settings: Settings, now: datetime) -> Keyring:
    """The keyring that fits this database; made here for a new one. Raises `KeyringError`."""
    with reading(dbs) as db:
        noted = {row.purpose: row.digest for row in db.exec(select(KeyFingerprint)).all()}
    if not noted:
        noted = _note(dbs, Keyring.open_folder(settings.keys), now)
    lacking = [f"{purpose}.key" for purpose in PURPOSES if purpose in noted and not (settings.keys / f"{purpose}.key").exists()]
    if lacking:
        raise KeyringError(f"{settings.keys} lacks {', '.join(lacking)}: put the keys of this database back before anything else")
    keyring = Keyring.open_folder(settings.keys)
    if set(PURPOSES) - set(noted):  # purposes that came with a later version
        noted = _note(dbs, keyring, now)
    foreign = [f"{purpose}.key" for purpose in PURPOSES if fingerprint(keyring, purpose) != noted[purpose]]
    if foreign:
        raise KeyringError(f"{', '.join(foreign)} in {settings.keys} belongs to another database: put the right keys back")
    return keyring


def _note(dbs: Databases, keyring: Keyring, now: datetime) -> dict[str, str]:
    """Note what is not noted yet; what is noted then. Of several processes that start together one notes, all compare."""
    with transaction(dbs) as db:
        take_turns(db, "key fingerprints")
        noted = {row.purpose: row.digest for row in db.exec(select(KeyFingerprint)).all()}
        later = [purpose for purpose in PURPOSES if purpose not in noted]
        if later:
            note(db, keyring, now, later)
        return noted | {purpose: fingerprint(keyring, purpose) for purpose in later}


def note(db: Session, keyring: Keyring, now: datetime, purposes: Iterable[str] = PURPOSES) -> None:
    """Remember which keys a database is written with."""
    for purpose in purposes:
        db.add(KeyFingerprint(purpose=purpose, digest=fingerprint(keyring, purpose), noted_at=now))
    trail.append(db, trail.SYSTEM, "keys.noted", "installation:keys", now=now)


def fingerprint(keyring: Keyring, purpose: str) -> str:
    """32 hex digits of a digest of the key; the key cannot be found from it."""
    return hashlib.sha256(b"jikao key fingerprint\0" + keyring.key(purpose)).hexdigest()[:32]
