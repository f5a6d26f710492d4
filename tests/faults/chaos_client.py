"""A candidate under fire: keeps what is not acknowledged, sends it again, reopens when told to, notes what it was told.

The rules of the exam page (protocol.md), and a diary of three values for every operation.
"""

import asyncio
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from loadtests.verify import Place, Told
from tests.faults.proxy import read_message

Answer = tuple[int, dict[str, Any]]
UNHEARD = (0, 502)
"""No answer, and nobody who listens (directly or by the proxy's word); both may still be stored, when sent twice."""
RETRY_S = (0.05, 1.0)
"""As in the page, but shorter: full jitter below a bound that doubles until something is answered."""


@dataclass
class Ledger:
    """What all candidates were told, and when something was accepted last."""

    told: dict[Place, Told] = field(default_factory=dict)
    fenced: dict[Place, dict[str, Any]] = field(default_factory=dict)
    receipts: dict[int, list[Any]] = field(default_factory=dict)
    accepted: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    """What came back for operations, but for refused connections."""
    refused_connections: int = 0
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def note(self, place: Place, content: dict[str, Any], outcome: str) -> None:
        self.told.setdefault(place, Told(content, [])).outcomes.append(outcome)

    def accept(self, count: int) -> None:
        self.accepted += count
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
        self.waiting.clear()

    async def next_accepted(self) -> None:
        """Until an operation is accepted that was not yet."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await future


class Candidate:
    """One browser. `port` is the proxy's."""

    def __init__(self, exam: int, entry_no: int, cookie: str, port: int, ledger: Ledger, rng: Random) -> None:
        self.exam, self.entry_no, self.cookie, self.port = exam, entry_no, cookie, port
        self.ledger, self.rng = ledger, rng
        self.epoch = self.ack = self.pages = self.accepted = 0
        self.slots: list[int] = []
        self.outbox: list[dict[str, Any]] = []
        self.state = "new"
        self.stop = self.gone = False
        """Hand in and end; go away without handing in."""
        self.reloads = 0.01
        """How often the page is loaded anew instead of sending."""
        self._bound = RETRY_S[0]
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def live(self) -> None:
        """Answer until told to stop; then hand in, and not end before the receipt is there; or until gone."""
        await self.open()
        while self.state != "ended" and not self.gone:
            if self.stop and not self.outbox:
                self.outbox.append({"submit": True})
            elif not self.stop and len(self.outbox) < 30:
                self.outbox += [self._change() for _ in range(self.rng.choice((1, 1, 2, 5)))]
            if not self.stop and self.rng.random() < self.reloads:
                await self.open()
            await self.send()
            await asyncio.sleep(self.rng.uniform(0.02, 0.2))
        self.hang_up()

    def _change(self) -> dict[str, Any]:
        slot = self.rng.choice(self.slots)
        if self.rng.random() < 0.1:
            return {"item": slot, "flag": self.rng.random() < 0.5}
        return {"item": slot, "value": [self.rng.randint(1, 2)]}

    async def open(self) -> None:
        self.pages += 1
        page = f"page-{self.entry_no}-{self.pages:05}"
        while True:
            status, body = await self.ask("POST", "open", {"page": page})
            if status == 200:
                break
            await self._wait()
        self.epoch, self.ack, self.state = body["epoch"], body["ack"], body["state"]
        self.slots = [slot for slot, _options in body["order"] or []] or self.slots
        if body["receipt"]:
            self.ledger.receipts.setdefault(self.entry_no, []).append(body["receipt"])

    async def send(self) -> None:
        """What is next in the outbox, once; `ack` decides what leaves it."""
        count = self.rng.randint(1, 20)
        sent = self.outbox[:count]
        if not sent:
            return
        first, epoch = self.ack + 1, self.epoch
        ops = [{"op": first + place, **content} for place, content in enumerate(sent)]
        status, body = await self.ask("POST", "ops", {"epoch": epoch, "ops": ops})
        error = str(body.get("error", ""))
        places = [(self.exam, self.entry_no, epoch, op["op"]) for op in ops]
        outcome = "ok" if status == 200 else "refused" if status in (409, 410, 422) and error != "gap" else "unknown"
        for place, content in zip(places, sent, strict=True):
            stored = status in (409, 410) and error != "fenced" and body.get("epoch") == epoch and place[3] <= body.get("ack", 0)
            self.ledger.note(place, content, "unknown" if stored else outcome)
            if error == "fenced":
                self.ledger.fenced[place] = content
        if status == 502:
            self.ledger.refused_connections += 1
        else:
            name = f"{status} {error}".strip()
            self.ledger.codes[name] = self.ledger.codes.get(name, 0) + 1
        await self._after(status, error, body, len(sent))

    async def _after(self, status: int, error: str, body: dict[str, Any], sent: int) -> None:
        if status == 200:
            del self.outbox[:sent]
            self.ack = self.ack + sent
            self.state = body["state"]
            self._bound = RETRY_S[0]
            self.accepted += sent
            self.ledger.accept(sent)
            if body["receipt"]:
                self.ledger.receipts.setdefault(self.entry_no, []).append(body["receipt"])
        elif error in ("fenced", "fork", "gap", "closed"):
            await self.open()
        else:
            assert status in (*UNHEARD, 429, 503), f"{status} {body}"
            await self._wait()

    async def _wait(self) -> None:
        await asyncio.sleep(self.rng.uniform(0, self._bound))
        self._bound = min(2 * self._bound, RETRY_S[1])

    async def ask(self, method: str, path: str, value: Any, within: float = 10) -> Answer:
        """One request on a kept connection; (0, {}) when nothing sensible came back in time, 502 when nobody listens."""
        body = json.dumps(value).encode()
        head = (
            f"{method} /exam/api/{path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\ncookie: {self.cookie}\r\n"
            f"sec-fetch-site: same-origin\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(within):
                if self._writer is None or self._reader is None:
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
                self._writer.write(head.encode() + body)
                answer = await read_message(self._reader)
            if answer is None:
                raise OSError("closed")
            top, _, rest = answer.partition(b"\r\n\r\n")
            return int(top[9:12]), json.loads(rest)
        except ConnectionRefusedError:
            return 502, {}
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self.hang_up()
            return 0, {}

    def hang_up(self) -> None:
        """Close the connection; the next request makes another."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
