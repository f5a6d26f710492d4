"""Some thousand candidates in one process, each whole: a pulse held on one connection, operations on another, an honest history.

    python -m loadtests.crowd    # a plan as one JSON line on stdin, then one command a line; one JSON line back for each

Commands: `pulse`, `open`, `work`, `answer`, `queue`, `drain`, `hand_in`, `until_ended`, `stop` (see `Crowd`). Every command
is bounded in time by what it was told. The history is three-valued (ok, refused, unknown) and goes to the diary that `verify`
reads; what is unknown is sent again until it is known, as the browser does.
"""

import asyncio
import gc
import json
import secrets
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import uvloop

from loadtests.diary import Diary
from loadtests.line import Answer, Line, raise_file_limit

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"
FLAG, RELOAD, REPEAT = 0.10, 0.01, 0.01
"""Shares of changes that are a flag, a page load, and operations that are sent twice (as after a lost reply)."""
MAX_OPS = 20
ANSWERS = (401, 409, 410, 413, 415, 422)
RETRY_S = (0.25, 8.0)


class Status(msgspec.Struct):
    """What a candidate reads of a reply."""

    state: str = ""
    epoch: int = 0
    ack: int = 0
    n: int = 0
    head: str = ""
    version: int = 0
    remaining_ms: int | None = None
    exam_state: str = ""
    error: str = ""
    retry_ms: int = 0
    answered: int = 0
    receipt: dict[str, Any] | None = None
    order: list[tuple[int, list[int]]] | None = None
    package: dict[str, Any] | None = None


_status = msgspec.json.Decoder(Status).decode
NOTHING = Status()


class Plan(msgspec.Struct):
    """What a process is told first. `whole`: so many of its candidates keep both connections, the others one."""

    host: str
    port: int
    people: list[dict[str, Any]]
    diary: str
    seed: int = 1
    every_s: float = 20.0
    whole: int = 1_000_000


class Tally:
    """What one command measured."""

    def __init__(self) -> None:
        self.millis: list[float] = []
        self.errors: dict[str, int] = {}
        self.last = 0.0
        self.shown: list[tuple[int, int, float]] = []
        """(entry number, answered as acknowledged, Unix time) whenever the count rose."""

    def wrong(self, what: str) -> None:
        """Count something that should not have happened."""
        self.errors[what] = self.errors.get(what, 0) + 1

    def timed(self, seconds: float) -> None:
        """One answer."""
        self.millis.append(round(seconds * 1000, 2))
        self.last = time.time()


class Seat:
    """One candidate."""

    def __init__(self, plan: Plan, person: dict[str, Any], diary: Diary, *, whole: bool) -> None:
        self.key = (person["exam_session_id"], person["entry_no"])
        self.diary, self.whole, self.every_s = diary, whole, plan.every_s
        self.rng = Random(f"{plan.seed} {self.key}")
        self.saves = Line(plan.host, plan.port, person["cookie"])
        self.pulses = Line(plan.host, plan.port, person["cookie"])
        self.state, self.epoch, self.op, self.version, self.answered = "waiting", 0, 0, 0, 0
        self.order: list[tuple[int, list[int]]] = []
        self.outbox: list[dict[str, Any]] = []
        self.package: str | None = None
        self.bell, self.ended = asyncio.Event(), asyncio.Event()
        self.ended_at = 0.0
        self.pulsing: asyncio.Task[None] | None = None
        self.hung_up = False
        self.loaded = asyncio.Event()
        self.loaded.set()

    # -- opening, pulse --

    async def open(self, tally: Tally, until: float) -> bool:
        """Open, or load the page anew; the time counts from the first try to the paper."""
        page = json.dumps({"page": secrets.token_hex(8)} | ({"package": self.package} if self.package else {})).encode()
        began = time.monotonic()
        while time.monotonic() < until:
            answer = await self.saves.post("/exam/api/open", page)
            status = read(answer)
            if answer.status == 200:
                tally.timed(time.monotonic() - began)
                self.epoch, self.op, self.version = status.epoch, status.ack, status.version
                self.order = status.order or self.order
                self._hear(status)
                if not self.whole:
                    self.saves.close()
                return True
            if answer.status == 410:
                self._hear(status)
                return False
            if status.error != "not_yet":
                tally.wrong(f"open {answer.status} {status.error}".strip())
            await asyncio.sleep(self.rng.uniform(0.3, 1.5))
        tally.wrong("never open")
        return False

    async def pulse(self, tally: Tally) -> None:
        """Hold pulses until the end."""
        while not self.ended.is_set():
            epoch = self.epoch
            answer = await self.pulses.get(f"/exam/api/pulse?epoch={epoch}&v={self.version}")
            status = read(answer)
            if answer.status == 200:
                self.version = status.version
                self._hear(status)
                if status.package is not None and self.package != status.package["digest"]:
                    await self._fetch(status.package, tally)
            elif answer.status == 0 and self.hung_up:
                self.hung_up = False  # a page load or the end: the next pulse is another page's
                await self.loaded.wait()
            elif not (answer.status == 409 and status.error == "fenced" and (not self.loaded.is_set() or epoch != self.epoch)):
                tally.wrong(f"pulse {answer.status} {status.error}".strip())
                await asyncio.sleep(self.rng.uniform(*RETRY_S))

    async def _fetch(self, offered: dict[str, Any], tally: Tally) -> None:
        """The sealed paper, as the page fetches it while it waits."""
        answer = await self.pulses.get(f"/exam/api/package/{offered['digest']}")
        if answer.status == 200 and sha256(answer.body).hexdigest() == offered["digest"]:
            self.package = offered["digest"]
        elif answer.status not in (0, 404):  # a connection that is gone is the next pulse's to tell; 404: it has ended meanwhile
            tally.wrong(f"package {answer.status}")

    def _hear(self, status: Status) -> None:
        if status.state:
            self.state = status.state
        if status.exam_state == "open":
            self.bell.set()
        if self.state == "ended" and not self.ended.is_set():
            self.ended_at = time.time()
            self.ended.set()
            if status.receipt is not None:
                self.diary.receipt(self.key, status.receipt)

    # -- changes --

    def change(self) -> dict[str, Any]:
        """An answer or a flag."""
        slot, options = self.rng.choice(self.order)
        if self.rng.random() < FLAG:
            return {"item": slot, "flag": self.rng.random() < 0.5}
        if not options:
            return {"item": slot, "value": [f"{self.rng.randint(1, 999)} 伏"]}
        count = 1 if self.rng.random() < 0.8 else min(2, len(options))
        return {"item": slot, "value": sorted(self.rng.sample(options, count))}

    async def work(self, tally: Tally, opens: Tally, until: float) -> None:
        """A change each `every_s` seconds on average until `until`."""
        await asyncio.sleep(min(self.rng.uniform(0, self.every_s), until - time.monotonic()))
        while time.monotonic() < until and self.state == "open":
            if self.rng.random() < RELOAD:
                self.loaded.clear()
                self.hang_up()
                await self.open(opens, until + 10)
                self.loaded.set()
            else:
                self.outbox.append(self.change())
                await self.flush(tally, until + 10, repeat=self.rng.random() < REPEAT)
            await asyncio.sleep(max(0.0, min(self.rng.uniform(0.5, 1.5) * self.every_s, until - time.monotonic())))

    async def flush(self, tally: Tally, until: float, *, repeat: bool = False, patient: bool = False) -> None:
        """Send the outbox until all of it is known; with `patient` a server that is away is no error."""
        wait = RETRY_S[0]
        while self.outbox:
            if time.monotonic() > until:
                tally.wrong("not known in time")
                return
            sent = self.outbox[:MAX_OPS]
            answer = await self._send(sent)
            if answer.status == 200:
                tally.timed(answer.seconds)
                self._count(read(answer).answered, tally)
                if repeat:
                    await self._send_again(sent, tally)
                del self.outbox[: len(sent)]
                wait = RETRY_S[0]
            elif answer.status in ANSWERS:
                tally.wrong(f"ops {answer.status} {read(answer).error}".strip())
                del self.outbox[: len(sent)]
                return
            else:
                if not (patient and answer.status in (0, 429)):
                    tally.wrong(f"ops {answer.status}")
                await asyncio.sleep(self.rng.uniform(0, wait))
                wait = min(2 * wait, RETRY_S[1])
        if not self.whole:
            self.saves.close()

    def _count(self, answered: int, tally: Tally) -> None:
        if answered > self.answered:
            tally.shown.append((self.key[1], answered, time.time()))
        self.answered = answered

    async def _send(self, contents: list[dict[str, Any]]) -> Answer:
        first = self.op + 1
        ops = [{"op": first + place, **content, "dt_ms": 250} for place, content in enumerate(contents)]
        answer = await self.saves.post("/exam/api/ops", msgspec.json.encode({"epoch": self.epoch, "ops": ops}))
        status = read(answer)
        outcome = OK if answer.status == 200 else REFUSED if answer.status in ANSWERS else UNKNOWN
        told = status if answer.status == 200 else None
        for place, content in enumerate(contents):
            taken = outcome == REFUSED and status.epoch == self.epoch and first + place <= status.ack
            self.diary.note(self.key, self.epoch, first + place, OK if taken else outcome, content, told)
        if answer.status == 200:
            self.op = first + len(contents) - 1
            self._hear(status)
        return answer

    async def _send_again(self, contents: list[dict[str, Any]], tally: Tally) -> None:
        self.op -= len(contents)
        answer = await self._send(contents)
        if answer.status != 200:
            tally.wrong(f"repeated ops {answer.status} {read(answer).error}".strip())
            self.op += len(contents)

    def hang_up(self) -> None:
        """Let the held pulse go."""
        self.hung_up = self.pulsing is not None
        self.pulses.close()

    def close(self) -> None:
        """Leave."""
        self.ended.set()
        self.loaded.set()
        self.hang_up()
        self.saves.close()


def read(answer: Answer) -> Status:
    """The body, as far as it is one."""
    try:
        return _status(answer.body) if answer.body else NOTHING
    except msgspec.DecodeError:
        return NOTHING


class Crowd:
    """The candidates of this process; each public coroutine is a command."""

    def __init__(self, plan: Plan) -> None:
        self.diary = Diary(Path(plan.diary))
        self.seats = [Seat(plan, person, self.diary, whole=at < plan.whole) for at, person in enumerate(plan.people)]
        self.background = Tally()

    async def pulse(self, over_s: float = 5.0) -> Tally:
        """From now on every candidate holds a pulse."""

        async def begin(seat: Seat) -> None:
            await asyncio.sleep(seat.rng.uniform(0, over_s))
            seat.pulsing = asyncio.create_task(seat.pulse(self.background))

        await asyncio.gather(*(begin(seat) for seat in self.seats if seat.pulsing is None))
        return Tally()

    async def open(self, over_s: float, at_bell: bool = False, limit_s: float = 120.0) -> Tally:
        """Everybody opens once, at random moments within `over_s` (of the bell as each hears it)."""
        tally, until = Tally(), time.monotonic() + limit_s

        async def one(seat: Seat) -> None:
            if at_bell:
                try:
                    await asyncio.wait_for(seat.bell.wait(), until - time.monotonic())
                except TimeoutError:
                    tally.wrong("bell not heard")
                    return
            await asyncio.sleep(seat.rng.uniform(0, over_s))
            await seat.open(tally, until)

        await asyncio.gather(*map(one, self.seats))
        return tally

    async def work(self, seconds: float) -> Tally:
        """Everybody at the human rhythm."""
        tally, opens, until = Tally(), Tally(), time.monotonic() + seconds
        await asyncio.gather(*(seat.work(tally, opens, until) for seat in self.seats))
        for what, count in opens.errors.items():
            tally.errors[what] = tally.errors.get(what, 0) + count
        return tally

    async def answer(self, changes: int, over_s: float) -> Tally:
        """Everybody makes some changes, at random moments within `over_s`."""
        tally, until = Tally(), time.monotonic() + over_s + 30

        async def one(seat: Seat) -> None:
            for _change in range(changes):
                await asyncio.sleep(seat.rng.uniform(0, 2 * over_s / changes))
                seat.outbox.append(seat.change())
                await seat.flush(tally, until)

        await asyncio.gather(*map(one, self.seats))
        return tally

    async def queue(self, ops: int) -> Tally:
        """Everybody makes changes that cannot be sent (the server is away)."""
        for seat in self.seats:
            seat.outbox += [seat.change() for _ in range(ops)]
        return Tally()

    async def drain(self, limit_s: float) -> Tally:
        """Everybody tries to send what waits, at the browser's rhythm of retries."""
        tally, until = Tally(), time.monotonic() + limit_s
        await asyncio.gather(*(seat.flush(tally, until, patient=True) for seat in self.seats))
        return tally

    async def hand_in(self, over_s: float) -> Tally:
        """Everybody hands in at random moments within `over_s`."""
        tally = Tally()

        async def one(seat: Seat) -> None:
            await asyncio.sleep(seat.rng.uniform(0, over_s))
            seat.outbox.append({"submit": True})
            await seat.flush(tally, time.monotonic() + 30)
            if seat.state != "ended":
                tally.wrong("handed in, not ended")

        await asyncio.gather(*map(one, self.seats))
        return tally

    async def until_ended(self, limit_s: float) -> Tally:
        """Everybody waits, by pulses, until told of the end; `last` is when the last one heard."""
        tally, until = Tally(), time.monotonic() + limit_s

        async def one(seat: Seat) -> None:
            try:
                await asyncio.wait_for(seat.ended.wait(), until - time.monotonic())
            except TimeoutError:
                tally.wrong("end not heard")

        await asyncio.gather(*map(one, self.seats))
        tally.last = max((seat.ended_at for seat in self.seats), default=0.0)
        return tally

    async def stop(self) -> Tally:
        """Hang up and close the diary; what went wrong with pulses all along."""
        for seat in self.seats:
            seat.close()
        await asyncio.gather(*(seat.pulsing for seat in self.seats if seat.pulsing is not None))
        self.diary.close()
        return self.background


async def main() -> None:
    """Commands from stdin until `stop`."""
    raise_file_limit()
    gc.disable()  # its pauses would be measured as the server's; a run is bounded
    loop = asyncio.get_running_loop()
    crowd = Crowd(msgspec.json.decode(await loop.run_in_executor(None, sys.stdin.readline), type=Plan))
    print(json.dumps({"ready": len(crowd.seats)}), flush=True)
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        name, given = json.loads(line) if line else ("stop", {})
        tally: Tally = await getattr(crowd, name)(**given)
        print(json.dumps(vars(tally)), flush=True)
        if name == "stop":
            return


if __name__ == "__main__":
    uvloop.run(main())
