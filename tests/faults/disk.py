"""A disk in memory whose power can be cut: an SQLite VFS that keeps unsynced writes apart, and loses them at the cut.

What a real disk promises is modelled, nothing more: a write is durable once `xSync` of its file returned. Until then each
sector of each write may, at the cut, be there, be missing, or be torn (a part of the new bytes, then old ones or noise); the
length of a file, its creation and its deletion likewise. Readers of the running process see all writes, as the page cache shows
them. Sectors are 512 or 4096 bytes; with `safe_overwrite` a torn sector does no harm outside the bytes written, without it the
whole sector may become noise (SQLite is told which by `xDeviceCharacteristics`).
"""

import itertools
from random import Random
from typing import Any

import apsw

_names = itertools.count(1)


class Cut(Exception):
    """The power is off."""


class Stored:
    """One file: what the process sees, what is on the platter, and the changes in between."""

    __slots__ = ("durable", "exists_durably", "pending", "visible")

    def __init__(self, content: bytes = b"", *, durable: bool = False) -> None:
        self.visible = bytearray(content)
        self.durable = bytearray(content) if durable else bytearray()
        self.exists_durably = durable
        self.pending: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        _put(self.visible, offset, data)
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        _cut_to(self.visible, size)
        self.pending.append((size, None))

    def sync(self) -> None:
        for offset, data in self.pending:
            if data is None:
                _cut_to(self.durable, offset)
            else:
                _put(self.durable, offset, data)
        self.pending.clear()
        self.exists_durably = True


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _cut_to(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


class Disk(apsw.VFS):
    """Files by name. `fuse`: how many more writes, truncations, syncs and deletions there is power for (None: for ever)."""

    def __init__(self, rng: Random, *, sector: int = 4096, safe_overwrite: bool = True) -> None:
        self.vfs_name = f"power-{next(_names)}"
        self.rng, self.sector, self.safe_overwrite = rng, sector, safe_overwrite
        self.files: dict[str, Stored] = {}
        self.deleted: dict[str, Stored] = {}
        self.fuse: int | None = None
        self.full_at: int | None = None
        self.off = False
        self.syncs = 0
        super().__init__(self.vfs_name, "")

    def load(self, name: str, content: bytes) -> None:
        """Put a durable file on it."""
        self.files[f"/{name}"] = Stored(content, durable=True)

    @property
    def used(self) -> int:
        """Bytes of all files."""
        return sum(len(one.visible) for one in self.files.values())

    def room_for(self, stored: Stored, end: int) -> bool:
        """Whether a write up to `end` fits on the disk."""
        return self.full_at is None or self.used + max(0, end - len(stored.visible)) <= self.full_at

    def spend(self) -> None:
        """One operation that needs power."""
        if self.off:
            raise apsw.IOError("no power")
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.off = True
                raise apsw.IOError("no power")

    def restore(self) -> None:
        """The power is back: what the platter holds is what there is."""
        for name, stored in self.deleted.items():
            if stored.exists_durably and name not in self.files and self.rng.random() < 0.5:
                self.files[name] = stored
        self.deleted.clear()
        for name in list(self.files):
            stored = self.files[name]
            if not stored.exists_durably and self.rng.random() < 0.5:
                del self.files[name]
                continue
            self.files[name] = Stored(self._after_cut(stored), durable=True)
        self.off, self.fuse = False, None

    def _after_cut(self, stored: Stored) -> bytes:
        content, rng = stored.durable, self.rng
        keep = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for offset, data in stored.pending:
            if data is None:
                if rng.random() < keep:
                    _cut_to(content, offset)
                continue
            for start in range(offset - offset % self.sector, offset + len(data), self.sector):
                first, last = max(start, offset), min(start + self.sector, offset + len(data))
                chance = rng.random()
                if chance < keep:
                    _put(content, first, data[first - offset : last - offset])
                elif chance > 0.9:
                    self._tear(content, start, first, data[first - offset : last - offset])
        return bytes(content)

    def _tear(self, content: bytearray, sector: int, first: int, data: bytes) -> None:
        written = self.rng.randrange(len(data) + 1)
        _put(content, first, data[:written])
        if self.rng.random() < 0.5:
            if self.safe_overwrite:
                _put(content, first + written, self.rng.randbytes(len(data) - written))
            else:
                _put(content, sector, self.rng.randbytes(min(self.sector, max(len(content) - sector, 1))))

    # -- what SQLite calls --

    def xOpen(self, name: Any, flags: list[int]) -> "Handle":
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        stored = self.files.get(path) if path else None
        if stored is None:
            stored = Stored()
            if path:
                self.spend()
                self.files[path] = stored
        return Handle(self, stored)

    def xDelete(self, name: str, sync: bool) -> None:
        self.spend()
        stored = self.files.pop(name, None)
        if stored is not None and not sync:
            self.deleted[name] = stored

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.files

    def xFullPathname(self, name: str) -> str:
        return name if name.startswith("/") else f"/{name}"


class Handle:
    """An open file. Locks are no matter: one process, locking_mode EXCLUSIVE."""

    def __init__(self, disk: Disk, stored: Stored) -> None:
        self.disk, self.stored = disk, stored

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self.stored.visible[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.spend()
        if not self.disk.room_for(self.stored, offset + len(data)):
            raise apsw.FullError("no space left")
        self.stored.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self.disk.spend()
        self.stored.truncate(size)

    def xSync(self, flags: int) -> None:
        self.disk.spend()
        self.disk.syncs += 1
        self.stored.sync()

    def xFileSize(self) -> int:
        return len(self.stored.visible)

    def xLock(self, level: int) -> None:
        return None

    def xUnlock(self, level: int) -> None:
        return None

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return self.disk.sector

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE if self.disk.safe_overwrite else 0

    def xClose(self) -> None:
        return None
