"""The short way of saves: the same answers as the ordinary one, and nothing taken for a save that is not beyond doubt one."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from server.audit.trail import Actor
from server.sitting.commands import Message
from server.sitting.core import Core
from server.sitting.quick import REQUEST_LINE, protocol_for, read_head
from tests.sitting.conftest import Candidate


class Line:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.left = b""

    def send(self, *segments: bytes) -> None:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for segment in segments:
            self.socket.sendall(segment)

    def answer(self) -> bytes:
        while True:
            end = self.left.find(b"\r\n\r\n") + 4
            length = re.search(rb"content-length: (\d+)", self.left[:end])
            if end > 3 and length and len(self.left) >= end + int(length[1]):
                whole, self.left = self.left[: end + int(length[1])], self.left[end + int(length[1]) :]
                return whole
            more = self.socket.recv(65_536)
            if not more:
                raise ConnectionError("closed")
            self.left += more

    def ask(self, *segments: bytes) -> bytes:
        self.send(*segments)
        return self.answer()


@dataclass
class Ways:
    """Two listening ports on one application; `asgi` has what took the ordinary way."""

    ports: list[int]
    asgi: list[str]
    state: ServerState
    call: Callable[..., Any]
    """Runs a function on the event loop."""
    lines: list[Line] = field(default_factory=list)

    def connection(self) -> Any:
        """The protocol of the only connection."""
        (found,) = self.state.connections
        return found

    def quick(self) -> Line:
        self.lines.append(Line(self.ports[0]))
        return self.lines[-1]

    def ordinary(self) -> Line:
        self.lines.append(Line(self.ports[1]))
        return self.lines[-1]


@pytest.fixture
def ways(app: FastAPI, client: TestClient, core: Core) -> Iterator[Ways]:
    asgi: list[str] = []

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        asgi.append(scope["path"])
        await app(scope, receive, send)

    config = uvicorn.Config(counted, lifespan="off", log_level="critical", access_log=False)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Wed, 25 Nov 2026 01:00:00 GMT")]

    async def listen(kind: Callable[..., asyncio.Protocol]) -> asyncio.Server:
        def made() -> asyncio.Protocol:
            return kind(config=config, server_state=state, app_state={})

        return await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)

    async def stop() -> None:
        for server in servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.sleep(0)

    assert client.portal is not None
    servers = [client.portal.call(listen, kind) for kind in (protocol_for(app.state.candidate_api), HttpToolsProtocol)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    made = Ways(ports, asgi, state, client.portal.call)
    yield made
    for line in made.lines:
        line.socket.close()
    client.portal.call(stop)


@pytest.fixture
def sitting(candidate: Callable[[int], Candidate], ring: Callable[[], None]) -> Candidate:
    one = candidate(1)
    assert one.enter().status_code == 303
    ring()
    assert one.open().status_code == 200
    return one


def request_of(sitting: Candidate | None, body: bytes, *, path: bytes = b"ops", extra: bytes = b"") -> bytes:
    cookies = "" if sitting is None else "; ".join(f"{name}={value}" for name, value in sitting.http.cookies.items())
    return (
        b"POST /exam/api/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nCookie: %s\r\n"
        b"Sec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n%s\r\n%s" % (path, cookies.encode(), len(body), extra, body)
    )


def ops(sitting: Candidate, *numbers: int, value: int = 1, epoch: int | None = None) -> bytes:
    listed = [{"op": number, "item": 1, "value": [value]} for number in numbers]
    return json.dumps({"epoch": sitting.epoch if epoch is None else epoch, "ops": listed}).encode()


def test_both_ways_answer_alike(ways: Ways, sitting: Candidate) -> None:
    quick, ordinary = ways.quick(), ways.ordinary()
    bodies = [
        (200, ops(sitting, 1)),
        (200, ops(sitting, 2, 3)),
        (200, ops(sitting, 2, 3)),  # repeated
        (409, ops(sitting, 9)),  # gap
        (409, ops(sitting, 1, value=2)),  # fork
        (409, ops(sitting, 1, epoch=0)),  # fenced
    ]
    for status, body in bodies:
        first, second = quick.ask(request_of(sitting, body)), ordinary.ask(request_of(sitting, body))
        assert first.startswith(b"HTTP/1.1 %d " % status)
        assert sorted(first.partition(b"\r\n\r\n")[0].split(b"\r\n")) == sorted(second.partition(b"\r\n\r\n")[0].split(b"\r\n"))
        assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2]
    assert len(ways.asgi) == len(bodies)  # the quick ones never came to the framework


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (401, {"sitting": None}),
        (403, {"extra": b"Origin: http://elsewhere\r\n", "site": b"cross-site"}),
        (415, {"type": b"text/plain"}),
        (422, {"body": b'{"epoch":1,"ops":[{"op":1,"item":1,"value":[1],"score":100}]}'}),
        (422, {"body": b"\xff\xfe"}),
        (413, {"body": b" " * 20_000}),
    ],
)
def test_what_is_refused_goes_the_ordinary_way(ways: Ways, sitting: Candidate, status: int, change: dict[str, Any]) -> None:
    asked = request_of(change.get("sitting", sitting), change.get("body", ops(sitting, 1)), extra=change.get("extra", b""))
    asked = asked.replace(b"same-origin", change.get("site", b"same-origin"))
    asked = asked.replace(b"application/json", change.get("type", b"application/json"))
    line = ways.quick()
    assert line.ask(asked).startswith(b"HTTP/1.1 %d " % status)
    assert ways.asgi == ["/exam/api/ops"]


def test_pieces_pipelines_and_a_request_within_a_body(ways: Ways, sitting: Candidate) -> None:
    line = ways.quick()
    first = request_of(sitting, ops(sitting, 1))
    assert b'"ack":1' in line.ask(first[:40], first[40:])
    assert b'"ack":2' in line.ask(request_of(sitting, ops(sitting, 2)))
    line.send(request_of(sitting, ops(sitting, 3)) + request_of(sitting, ops(sitting, 4)))
    assert b'"ack":3' in line.answer()
    assert b'"ack":4' in line.answer()
    line.send(request_of(sitting, ops(sitting, 5)), request_of(sitting, ops(sitting, 6)))
    assert b'"ack":5' in line.answer()
    assert b'"ack":6' in line.answer()
    hidden = request_of(sitting, ops(sitting, 7))
    outer = request_of(sitting, hidden, path=b"open")
    line.send(outer[: len(outer) - len(hidden)])
    line.send(hidden)
    assert line.answer().startswith(b"HTTP/1.1 422 ")
    assert sitting.ops({"op": 7, "item": 2, "value": [2]}).json()["ack"] == 7  # nothing has taken this number


def test_a_request_within_a_head_is_none(ways: Ways, sitting: Candidate) -> None:
    line = ways.quick()
    line.send(b"GET /exam/api/me HTTP/1.1\r\nX-Odd: ")
    time.sleep(0.2)  # read by itself: what follows arrives in the middle of a message
    assert line.ask(request_of(sitting, ops(sitting, 1))).startswith(b"HTTP/1.1 ")
    assert ways.asgi[-1] == "/exam/api/me"
    assert sitting.ops({"op": 1, "item": 2, "value": [2]}).json()["ack"] == 1  # nothing has taken this number


def test_connections_are_kept_and_closed_as_asked(ways: Ways, sitting: Candidate) -> None:
    line = ways.quick()
    assert b'"ack":1' in line.ask(request_of(sitting, ops(sitting, 1), extra=b"Connection: close\r\n"))
    assert line.socket.recv(10) == b""
    assert ways.asgi == ["/exam/api/ops"]


class Gate:
    """Where the writer stands before each commit, until it is let through."""

    def __init__(self, core: Core) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self.commit = core.writer.store.commit

    def __call__(self, connection: Any) -> None:
        self.reached.set()
        assert self.open.wait(20)
        self.commit(connection)


@pytest.fixture
def gate(core: Core, monkeypatch: pytest.MonkeyPatch, sitting: Candidate) -> Iterator[Gate]:
    made = Gate(core)
    monkeypatch.setattr(core.writer.store, "commit", made)
    yield made
    made.open.set()


def unanswered(line: Line) -> bool:
    """Nothing comes while we look."""
    line.socket.settimeout(0.2)
    try:
        return not line.left and not line.socket.recv(1)
    except TimeoutError:
        return True
    finally:
        line.socket.settimeout(10)


def test_i1_no_answer_before_the_commit_and_what_comes_meanwhile_waits(ways: Ways, sitting: Candidate, gate: Gate) -> None:
    line = ways.quick()
    line.send(request_of(sitting, ops(sitting, 1)))
    assert gate.reached.wait(10)
    second, third = request_of(sitting, ops(sitting, 2)), request_of(sitting, ops(sitting, 3))
    line.send(second[:50])
    assert unanswered(line)
    line.send(second[50:] + third)
    assert unanswered(line)
    ways.call(ways.connection().timeout_keep_alive_handler)  # however long it takes, it does not rest
    gate.open.set()
    assert [json.loads(line.answer().partition(b"\r\n\r\n")[2])["ack"] for _ in range(3)] == [1, 2, 3]


def test_a_stop_answers_what_is_on_its_way_and_then_closes(ways: Ways, sitting: Candidate, gate: Gate) -> None:
    line = ways.quick()
    line.send(request_of(sitting, ops(sitting, 1)))
    assert gate.reached.wait(10)
    ways.call(ways.connection().shutdown)
    gate.open.set()
    answer = line.answer()
    assert b'"ack":1' in answer
    assert b"connection: close\r\n" in answer
    assert line.socket.recv(10) == b""


def test_a_save_behind_a_held_pulse_waits_its_turn(ways: Ways, sitting: Candidate, core: Core) -> None:
    line = ways.quick()
    version = sitting.pulse().json()["version"]
    pulse = request_of(sitting, b"", path=b"pulse?epoch=%d&v=%d" % (sitting.epoch, version)).replace(b"POST", b"GET", 1)
    line.send(pulse)
    assert unanswered(line)
    line.send(request_of(sitting, ops(sitting, 1)))
    assert unanswered(line)
    staff = Actor("staff", 1, "监考甲", 1)
    assert core.writer.do(Message(sitting.exam.id, sitting.no, actor=staff, reason="", text="还有五分钟")).ok
    assert "还有五分钟".encode() in line.answer()
    assert b'"ack":1' in line.answer()


@pytest.mark.parametrize("why", ["full", "stopping"])
def test_what_the_writer_does_not_take_is_told_at_once(
    ways: Ways, sitting: Candidate, core: Core, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(core.writer, *(("capacity", 0) if why == "full" else ("_stopping", True)))
    line, ordinary = ways.quick(), ways.ordinary()
    for answer in (line.ask(request_of(sitting, ops(sitting, 1))), ordinary.ask(request_of(sitting, ops(sitting, 1)))):
        assert answer.startswith(b"HTTP/1.1 429 " if why == "full" else b"HTTP/1.1 503 ")
        assert b'"retry_ms":' in answer
    monkeypatch.undo()
    assert b'"ack":1' in line.ask(request_of(sitting, ops(sitting, 1)))
    assert len(ways.asgi) == 1


def test_a_body_whose_end_is_still_to_come_is_waited_for(ways: Ways, sitting: Candidate) -> None:
    """What is there so far is whole JSON: only the length says that more belongs to it."""
    line = ways.quick()
    body = ops(sitting, 1)
    whole = request_of(sitting, body + b"    ")
    line.send(whole[:-4])
    assert unanswered(line)
    line.send(whole[-4:])
    assert b'"ack":1' in line.answer()
    assert b'"ack":2' in line.ask(request_of(sitting, ops(sitting, 2)))


GOOD = (
    REQUEST_LINE
    + b"host: a\r\ncontent-type: application/json\r\nsec-fetch-site: same-origin\r\ncookie: c=1\r\ncontent-length: 5\r\n"
)


def test_a_plain_head_is_read() -> None:
    head = read_head(GOOD + b"\r\n")
    assert head is not None
    assert (head.cookies, head.length) == (b"c=1", 5)
    assert read_head(GOOD + b"connection: keep-alive\r\n\r\n") is not None


@pytest.mark.parametrize(
    "line",
    [
        b"content-length: 5",
        b"transfer-encoding: chunked",
        b"expect: 100-continue",
        b"upgrade: websocket",
        b"connection: close",
        b"no colon",
        b" folded: line",
        b"na me: x",
        b"x: a\x00b",
        b"x: " + b"a" * 9_000,
        b"sec-fetch-site: cross-site",
    ],
)
def test_an_odd_head_goes_the_ordinary_way(line: bytes) -> None:
    assert read_head(GOOD + line + b"\r\n\r\n") is None


@pytest.mark.parametrize("length", [b"+5", b"-1", b"5 5", b"", b"0x5", b"99999"])
def test_an_odd_length_goes_the_ordinary_way(length: bytes) -> None:
    assert read_head(GOOD.replace(b"length: 5", b"length: " + length) + b"\r\n") is None
