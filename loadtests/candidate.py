"""One candidate over HTTP at a human rhythm, and an honest diary: what was sent, and what the server said to it.

Three-valued: an operation is `ok` (acknowledged), `refused` (answered, not stored) or `unknown` (no answer, 429, 5xx). An unknown
operation is sent again until it is known, as the browser does. `verify` compares the diary with SQL.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol, TextIO

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"


class Reply(Protocol):
    """What an HTTP library answers; status 0 means that nothing came back."""

    status_code: int

    def json(self) -> Any:
        """The body."""


class Http(Protocol):
    """A session that keeps its cookies and connection."""

    def send(self, method: str, path: str, body: Any, name: str) -> Reply:
        """One request; `body` None, a dict for JSON, or a `Form`."""


@dataclass(frozen=True)
class Form:
    """Fields of an HTML form."""

    fields: dict[str, str]


class Diary:
    """JSON lines, flushed at once: the load may be killed at any moment."""

    def __init__(self, path: Path) -> None:
        self.file: TextIO = path.open("a", encoding="utf-8")

    def note(self, **entry: Any) -> None:
        self.file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.file.flush()


@dataclass
class Candidate:
    """Signs in, opens, answers, flags, now and then reloads, hands in at the end."""

    http: Http
    diary: Diary
    exam_session_id: int
    entry_no: int
    admission_no: str
    secret: str
    sleep: Callable[[float], Any]
    rng: Random = field(default_factory=Random)
    pace_s: tuple[float, float] = (2.0, 20.0)
    epoch: int = 0
    op: int = 0
    version: int = 0
    state: str = "new"
    order: list[list[Any]] = field(default_factory=list)

    def enter(self) -> bool:
        """Sign in; whether it went through."""
        self.http.send("GET", "/exam", None, "GET /exam")
        form = Form({"admission_no": self.admission_no, "secret": self.secret})
        reply = self.http.send("POST", "/exam/enter", form, "POST /exam/enter")
        if reply.status_code != 303:
            return False
        return self.http.send("GET", "/exam/api/me", None, "GET me").status_code == 200

    def open(self) -> bool:
        """Open, or reload: a new page is a new epoch. False while it is not possible yet."""
        page = secrets.token_hex(8)
        for _attempt in range(30):
            reply = self.http.send("POST", "/exam/api/open", {"page": page}, "POST open")
            if reply.status_code == 200:
                return self._opened(reply.json())
            if reply.status_code == 410:
                self.state = "over"
                return False
            self.sleep(self.rng.uniform(0.3, 2.0))
        return False

    def _opened(self, body: dict[str, Any]) -> bool:
        self.epoch, self.op, self.version = body["epoch"], body["ack"], body["version"]
        self.state = body["state"]
        self.order = body["order"] or []
        return self.state == "open"

    def work(self) -> None:
        """One step: answer, flag, look, or reload."""
        self.sleep(self.rng.uniform(*self.pace_s))
        chance = self.rng.random()
        slot, options = self.rng.choice(self.order)
        if chance < 0.02:
            self.open()
        elif chance < 0.12:
            self.send({"item": slot, "flag": self.rng.random() < 0.5})
        else:
            count = 1 if self.rng.random() < 0.8 else min(2, len(options))
            value = sorted(self.rng.sample(options, count)) if options else [str(self.rng.randint(1, 999))]
            self.send({"item": slot, "value": value})

    def hand_in(self) -> None:
        """The last operation."""
        self.send({"submit": True})

    def send(self, content: dict[str, Any]) -> None:
        """One operation until its outcome is known."""
        number, epoch = self.op + 1, self.epoch
        self._note("sent", epoch, number, content)
        while True:
            body = {"epoch": epoch, "ops": [{"op": number, **content}]}
            reply = self.http.send("POST", "/exam/api/ops", body, "POST ops")
            if reply.status_code == 200:
                self.op = number
                self.state = reply.json()["state"]
                self._note(OK, epoch, number, content, ack=reply.json()["ack"])
                return
            if reply.status_code in (409, 410, 422, 401):
                self._note(REFUSED, epoch, number, content, why=reply.json().get("error"))
                if reply.status_code == 410:
                    self.state = "over"
                elif reply.status_code == 409:
                    self.open()
                return
            self._note(UNKNOWN, epoch, number, content, why=reply.status_code)
            self.sleep(self.rng.uniform(0.25, 3.0))

    def pulse(self) -> None:
        """One held pulse."""
        reply = self.http.send("GET", f"/exam/api/pulse?epoch={self.epoch}&v={self.version}", None, "GET pulse")
        if reply.status_code == 200:
            self.version = reply.json()["version"]
            self.state = reply.json()["state"]

    def _note(self, outcome: str, epoch: int, op: int, content: dict[str, Any], **more: Any) -> None:
        self.diary.note(
            exam=self.exam_session_id, entry=self.entry_no, epoch=epoch, op=op, outcome=outcome, content=content, **more
        )
