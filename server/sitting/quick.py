"""Saves without the web server's ceremony: uvicorn's protocol, which answers a plain `POST /exam/api/ops` itself.

For an ordinary request uvicorn makes a task, a scope, an event and two writes; of a save's cost that was the largest part. A
save is short, whole in one segment, and a browser sends the same head every time. So the head is read once, strictly, and
remembered for the connection; a request that begins with it, and whose body follows whole, becomes a command at once and
is answered in one write when it is committed. **Everything else goes the ordinary way**: another path, a head that is odd in
any respect, a body in pieces, a refused cookie, a malformed body. Both ways end in `CandidateApi` and the same writer; what
is decided, checked and answered is the same, and a test sends the same requests down both.
"""

import asyncio
import re
from typing import Any, NamedTuple

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from server.sitting.api import PREFIX, CandidateApi
from server.sitting.commands import Outcome
from server.sitting.tokens import Pass
from server.sitting.versions import PRESENCE
from server.sitting.wire import BODY_MAX, NO_STORE, Asked, encode

REQUEST_LINE = b"POST " + PREFIX.encode() + b"ops HTTP/1.1\r\n"
HEAD_MAX = 8_192
REMEMBERED = 4
"""Heads a connection remembers: they differ by the length of the body alone."""
EARLY_MAX = 65_536

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ORDINARY_WAY = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"content-encoding", b"te", b"trailer"})
_OK = STATUS_LINE[200] + b"".join(b"%s: %s\r\n" % pair for pair in NO_STORE)


class Head(NamedTuple):
    """What the head of a save says: the `Cookie` header and how long the body is."""

    cookies: bytes
    length: int


def read_head(head: bytes) -> Head | None:
    """A head (with its empty line) that is beyond doubt a browser's save from our own pages; None: the ordinary way."""
    if len(head) > HEAD_MAX:
        return None
    headers, lengths = [], []
    for line in head[len(REQUEST_LINE) : -4].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if not colon or not _NAME.fullmatch(name) or _CONTROL.search(value) or name in _ORDINARY_WAY:
            return None
        if name == b"connection" and value.lower() != b"keep-alive":
            return None
        if name == b"content-length":
            lengths.append(value)
        headers.append((name, value))
    asked = Asked({"headers": headers})
    if len(lengths) != 1 or not lengths[0].isdigit() or not asked.is_json or asked.is_foreign:
        return None
    return Head(asked.cookies, int(lengths[0])) if int(lengths[0]) <= BODY_MAX else None


class Said:
    """The lines that uvicorn adds to every answer, shared by all connections."""

    headers: object = None
    lines = b""


class QuickProtocol(HttpToolsProtocol):
    """`api` and `said` are set by `protocol_for`."""

    api: CandidateApi
    said: Said

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._within = False
        """A message has begun that uvicorn's parser has not seen the end of."""
        self._asking: Pass | None = None
        """Whose save is on its way to the writer."""
        self._early = b""
        self._used_at = 0.0
        self._heads: dict[bytes, Head] = {}
        self._last = False

    # -- what uvicorn calls --

    def data_received(self, data: bytes) -> None:
        """A save that can be seen to be one, or else uvicorn's parser."""
        if self._asking is not None:  # the next request before the answer to this one: it waits
            self._early += data
            if len(self._early) > EARLY_MAX:
                self.flow.pause_reading()
        elif not (data.startswith(REQUEST_LINE) and self._idle and self._save(data)):
            super().data_received(data)

    def on_message_begin(self) -> None:
        """A message begins."""
        self._within = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """It is complete."""
        self._within = False
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """The timer is not set anew for each save: whether the connection rested is seen when it rings."""
        rested = self.loop.time() - self._used_at
        if self._asking is not None or rested < self.timeout_keep_alive:
            self._ring_in(self.timeout_keep_alive - (0.0 if self._asking is not None else rested))
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """The server stops: what is on its way is answered first."""
        if self._asking is not None:
            self._last = True
        else:
            super().shutdown()

    # -- a save --

    @property
    def _idle(self) -> bool:
        return not self._within and (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing()

    def _save(self, data: bytes) -> bool:
        end = data.find(b"\r\n\r\n") + 4
        head = self._heads.get(data[:end]) or self._learned(data[:end])
        if head is None or len(data) != end + head.length:
            return False
        core = self.api.core
        given = core.tokens.check(head.cookies)
        command = None if given is None else self.api.operations(given, data[end:])
        if given is None or command is None:
            return False
        self._asking = given
        refused = core.writer.hand_over(command, self._answered, self.loop)
        if refused is not None:
            self._answered(refused)
        return True

    def _learned(self, head: bytes) -> Head | None:
        found = read_head(head) if len(head) > len(REQUEST_LINE) else None
        if found is not None:
            if len(self._heads) >= REMEMBERED:
                self._heads.clear()
            self._heads[head] = found
        return found

    def _answered(self, outcome: Outcome) -> None:
        given = self._asking
        assert given is not None
        self.api.core.bus.seen(PRESENCE, given[:2])
        if outcome.code == "ok":
            body = encode(self.api.status(given, outcome.sitting))
            self._write(b"%scontent-length: %d\r\n%s\r\n%s" % (_OK, len(body), self._common(), body))
            self._done()
        else:
            task = self.loop.create_task(self._refused(given, outcome))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _refused(self, given: Pass, outcome: Outcome) -> None:
        parts: list[bytes] = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                lines = [b"%s: %s\r\n" % pair for pair in message["headers"]]
                parts.extend((STATUS_LINE[message["status"]], *lines, self._common(), b"\r\n"))
            else:
                parts.append(message["body"])

        try:
            await self.api.refuse(given, outcome, send)
            self._write(b"".join(parts))
        except BaseException:
            self.transport.close()  # no answer: the client does not know, and asks again
            raise
        finally:
            self._done()

    def _common(self) -> bytes:
        """The date, and whatever else uvicorn adds to every answer."""
        said, headers = self.said, self.server_state.default_headers
        if said.headers is not headers:  # uvicorn makes a new list once a second
            said.headers, said.lines = headers, b"".join([b"%s: %s\r\n" % pair for pair in headers])
        return said.lines + b"connection: close\r\n" if self._last else said.lines

    def _write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)

    def _done(self) -> None:
        self._asking = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._last:
            self.transport.close()
            return
        self._used_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._ring_in(self.timeout_keep_alive)
        if self._early:
            data, self._early = self._early, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _ring_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


def protocol_for(api: CandidateApi) -> type[asyncio.Protocol]:
    """uvicorn's `http`: a protocol that hands saves to `api`."""
    return type("QuickProtocol", (QuickProtocol,), {"api": api, "said": Said()})
