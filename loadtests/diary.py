"""The diary of many candidates: one line for each outcome, buffered; `verify` reads it.

Beside what was sent and how it was answered (ok, refused, unknown), an `ok` carries what the server claimed with it: the last
event's number `n`, the first 16 digits of the chain's `head` there, and `ack`. A claim binds the server: `verify` looks for it in
the journal.
"""

from pathlib import Path
from typing import Any, Protocol

import msgspec

HEAD_DIGITS = 16
_encode = msgspec.json.Encoder().encode


class Claim(Protocol):
    """What a reply says of the journal."""

    n: int
    head: str
    ack: int


class Diary:
    """JSON lines, appended."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def note(self, key: tuple[int, int], epoch: int, op: int, outcome: str, content: dict[str, Any], claim: Claim | None) -> None:
        """What came of one operation."""
        line: dict[str, Any] = {
            "exam": key[0],
            "entry": key[1],
            "epoch": epoch,
            "op": op,
            "outcome": outcome,
            "content": content,
        }
        if claim is not None:
            line |= {"n": claim.n, "head": claim.head[:HEAD_DIGITS], "ack": claim.ack}
        self._file.write(_encode(line) + b"\n")

    def receipt(self, key: tuple[int, int], receipt: dict[str, Any]) -> None:
        """The receipt a candidate was shown."""
        self._file.write(_encode({"exam": key[0], "entry": key[1], "receipt": receipt}) + b"\n")

    def close(self) -> None:
        """Write what is buffered."""
        self._file.close()
