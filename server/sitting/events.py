"""Events: their canonical bytes, the hash chain over them, and the receipt. Pure.

Canonical event = UTF-8 JSON, no white space, object keys sorted, integers only (no floats):
`[n, kind, epoch, op, at, who, reason, data]`; `at` in Unix milliseconds, `who` null (the candidate) or `[kind, id,
name]`.
`head[0] = SHA-256("jikao journal 1 <exam_session_id>/<entry_no>")`, `head[n] = SHA-256(head[n-1] || canonical event
n)`: a chain cannot be moved to another sitting, and needs nothing but SHA-256 to be checked.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

CANDIDATE_KINDS = frozenset({"answered", "flagged", "reported", "submitted", "held"})
"""Events that come from numbered operations."""

END_KINDS = frozenset({"submitted", "timed_out", "forced", "voided"})
"""Terminal events: exactly one per opening."""

KINDS = (
    CANDIDATE_KINDS
    | END_KINDS
    | frozenset(
        {
            "admitted",
            "arrived",
            "identity_checked",
            "opened",
            "page_opened",
            "taken_over",
            "paused",
            "resumed",
            "credited",
            "messaged",
            "absent",
            "reopened",
            "late_admitted",
            "credit_withdrawn",
            "judged",
        }
    )
)

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder()


class Event(Struct, frozen=True):
    """One row of a journal. `body` is the canonical form of the other fields, `head` the chain up to here."""

    n: int
    kind: str
    epoch: int
    op: int | None
    at: int
    who: list[Any] | None
    reason: str | None
    data: dict[str, Any]
    body: bytes
    head: bytes


class BrokenChainError(Exception):
    """A journal that does not recompute; `n` names the first bad event."""

    def __init__(self, n: int, why: str) -> None:
        super().__init__(f"event {n}: {why}")
        self.n = n


def genesis(exam_session_id: int, entry_no: int) -> bytes:
    """The head before the first event."""
    return hashlib.sha256(f"jikao journal 1 {exam_session_id}/{entry_no}".encode()).digest()


def chained(previous: bytes, draft: list[Any]) -> Event:
    """Encode and chain `[n, kind, epoch, op, at, who, reason, data]` behind `previous`."""
    body = _encoder.encode(draft)
    return _event(draft, body, hashlib.sha256(previous + body).digest())


def read(body: bytes, head: bytes) -> Event:
    """An event from its stored bytes."""
    return _event(_decoder.decode(body), body, head)


def _event(fields: list[Any], body: bytes, head: bytes) -> Event:
    n, kind, epoch, op, at, who, reason, data = fields
    return Event(n, kind, epoch, op, at, who, reason, data, body, head)


def check_chain(exam_session_id: int, entry_no: int, events: Iterable[Event]) -> bytes:
    """The last head; raises `BrokenChainError` when numbers have a gap or a head does not recompute."""
    head = genesis(exam_session_id, entry_no)
    for expected, event in enumerate(events, start=1):
        if event.n != expected:
            raise BrokenChainError(expected, f"number {event.n} stands in its place")
        head = hashlib.sha256(head + event.body).digest()
        if head != event.head:
            raise BrokenChainError(expected, "the head does not recompute")
    return head


def receipt_code(head: bytes) -> str:
    """16 base32 characters (80 bits) of the head: too many to be forged by search."""
    return base64.b32encode(head[:10]).decode()


def canonical(value: Any) -> bytes:
    """Canonical JSON of plain values."""
    return _encoder.encode(value)
