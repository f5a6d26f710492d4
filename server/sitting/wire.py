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


def status(sitting: Sitting, now: int, version: int, message: dict[str, Any] | None) -> dict[str, Any]:
    """The status object of the protocol."""
    over = sitting.state in ("ended", "absent")
    return {
        "state": sitting.state,
        "end": sitting.end_kind,
        "epoch": sitting.epoch,
        "ack": sitting.ack,
        "head": sitting.head.hex(),
        "n": sitting.n,
        "version": version,
        "remaining_ms": 0 if over else times.remaining_ms(now, sitting.closes_at, sitting.stopped_at),
        "server_ms": now,
        "answered": sitting.answered.bit_count(),
        "flagged": sitting.flagged.bit_count(),
        "receipt": sitting.receipt,
        "message": message,
        "held": sitting.held,
        "outage_ms": sitting.outage_ms,
    }
