"""ZIP archives from strangers: nothing is written to disk, names must stay inside, and sizes are known before reading."""

import io
import posixpath
import zipfile
from typing import Final

from itembank.errors import Message, msg
from itembank.exchange.grid import Limits, Refused
from itembank.exchange.mistakes import file_error
from itembank.exchange.ooxml import DAMAGED
from itembank.exchange.texts import check_size

_MOST_ENTRIES: Final = 70_000


class Archive:
    """An open archive. Raises `Refused` for one that is damaged, protected, too large when unpacked, or has unsafe names."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        check_size(data, limits)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except DAMAGED:
            raise _refused(msg("The file is damaged."), msg("Save it again and upload that.")) from None
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        if len(entries) > _MOST_ENTRIES or sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
            raise _refused(msg("The file is too large when unpacked."), msg("Split it into smaller files."))
        self._largest = limits.file_bytes
        self._entries = {}
        for entry in entries:
            if not _stays_inside(entry.filename):
                problem = msg("The archive holds a file with an unsafe name.")
                raise _refused(problem, msg("Make the archive anew with plain names."), entry.filename)
            self._entries[posixpath.normpath(entry.filename)] = entry

    @property
    def names(self) -> list[str]:
        """Paths of the files, in the archive's order."""
        return list(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises `Refused`."""
        entry = self._entries[name]
        if entry.flag_bits & 1:
            raise _refused(msg("The file is protected by a password."), msg("Remove the password and upload it again."))
        if entry.file_size > self._largest:
            raise _refused(msg("The file is too large when unpacked."), msg("Split it into smaller files."), name)
        try:
            return self._zip.read(entry)
        except DAMAGED:
            raise _refused(msg("The file is damaged."), msg("Save it again and upload that."), name) from None


def inside(folder: str, reference: str) -> str:
    """A reference relative to a folder of the archive as a path; empty where it leads outside."""
    path = posixpath.normpath(posixpath.join(folder, reference))
    return path if _stays_inside(path) else ""


def _stays_inside(name: str) -> bool:
    folders = name.split("/")
    return bool(folders[0]) and "\\" not in name and ":" not in folders[0] and ".." not in folders


def _refused(problem: Message, mend: Message, value: str = "") -> Refused:
    return Refused(file_error(problem, mend, value))
