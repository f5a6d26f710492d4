"""Bytes in and out of the candidate's API: what a request may look like, what a sitting looks like in a reply."""

from typing import Any

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from server.sitting import times
from server.sitting.commands import Count, Op
from server.sitting.state import Sitting

BODY_MAX = 16_384
JSON = b"application/json"
NO_STORE = [
    (b"content-type", JSON),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]

encode = msgspec.json.Encoder().encode


class OpsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST ops."""

    epoch: Count
    ops: list[Op]


class OpenBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST open."""

    page: str
    have: str = ""
    package: str = ""
    """Digest of the package the client holds and can open."""


decode_ops = msgspec.json.Decoder(OpsBody).decode
decode_open = msgspec.json.Decoder(OpenBody).decode


class Asked:
    """What a request carries, found in one pass over its headers."""

    __slots__ = ("cookies", "host", "is_json", "origin", "site")

    def __init__(self, scope: Scope) -> None:
        self.cookies = self.host = self.origin = self.site = b""
        self.is_json = False
        for name, value in scope["headers"]:
            if name == b"cookie":
                self.cookies = value if not self.cookies else self.cookies + b"; " + value
            elif name == b"content-type":
                self.is_json = value[:16].lower() == JSON
            elif name == b"sec-fetch-site":
                self.site = value
            elif name == b"origin":
                self.origin = value
            elif name == b"host":
                self.host = value

    @property
    def is_foreign(self) -> bool:
        """Whether another site made the browser send this."""
        if self.site:
            return self.site not in (b"same-origin", b"none")
        return bool(self.origin) and self.origin.partition(b"://")[2] != self.host


async def read_body(receive: Receive) -> bytes | None:
    """The body, None when it is longer than `BODY_MAX` or the client went away."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] != "http.request":
        return None
    if not message.get("more_body", False):
        return body if len(body) <= BODY_MAX else None
    parts, size = [body], len(body)
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_MAX:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def reply(send: Send, status: int, value: Any, *, retry_s: int | None = None) -> None:
    """Send one JSON answer."""
    body = encode(value)
    headers = [*NO_STORE, (b"content-length", b"%d" % len(body))]
    if retry_s is not None:
        headers.append((b"retry-after", b"%d" % retry_s))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Status(Struct):
    """The status object of the protocol."""

    state: str
    end: str | None
    epoch: int
    ack: int
    head: str
    n: int
    version: int
    remaining_ms: int | None
    server_ms: int
    answered: int
    flagged: int
    receipt: dict[str, Any] | None
    message: dict[str, Any] | None
    held: int
    outage_ms: int


def status(sitting: Sitting, now: int, version: int, message: dict[str, Any] | None) -> Status:
    """What a reply says of a sitting."""
    over = sitting.state in ("ended", "absent")
    return Status(
        sitting.state,
        sitting.end_kind,
        sitting.epoch,
        sitting.ack,
        sitting.head.hex(),
        sitting.n,
        version,
        0 if over else times.remaining_ms(now, sitting.closes_at, sitting.stopped_at),
        now,
        sitting.answered.bit_count(),
        sitting.flagged.bit_count(),
        sitting.receipt,
        message,
        sitting.held,
        sitting.outage_ms if sitting.outages else 0,
    )
