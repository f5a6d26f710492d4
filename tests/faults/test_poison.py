"""Poisoned requests among good ones, through the whole API: each is refused by itself, nobody beside it notices (I9)."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from server.sitting.core import Core
from tests.sitting.conftest import Candidate

GOOD = b'{"epoch":1,"ops":[{"op":%d,"item":1,"value":[1]}]}'
POISON: dict[str, tuple[bytes, set[int]]] = {
    "a megabyte": (GOOD[:-2] % 2 + b" " * 1_000_000 + b"]}", {413}),
    "a megabyte of text": (b'{"epoch":1,"ops":[{"op":2,"item":1,"report":"' + b"x" * 1_000_000 + b'"}]}', {413}),
    "NUL": (b'{"epoch":1,"ops":[{"op":2,"item":1,"report":"a\\u0000b"}]}', {422}),
    "bare NUL": (b'{"epoch":1,"ops":[{"op":2,"item":1,"report":"a\x00b"}]}', {422}),
    "invalid UTF-8": (b'{"epoch":1,"ops":[{"op":2,"item":1,"report":"\xff\xfe"}]}', {422}),
    "half a surrogate": (b'{"epoch":1,"ops":[{"op":2,"item":1,"report":"\\ud800"}]}', {422}),
    "deep nesting": (b'{"epoch":1,"ops":' + b"[" * 8_000 + b"]" * 8_000 + b"}", {422}),
    "deep nesting in a value": (
        b'{"epoch":1,"ops":[{"op":2,"item":1,"value":' + b"[" * 8_000 + b"]" * 8_000 + b"}]}",
        {422, 413},
    ),
    "a huge number": (b'{"epoch":1,"ops":[{"op":2,"item":' + b"9" * 4_000 + b',"value":[1]}]}', {422}),
    "beyond the databases' integers": (b'{"epoch":1,"ops":[{"op":4294967296,"item":1,"value":[1]}]}', {422}),
    "a huge epoch": (b'{"epoch":18446744073709551616,"ops":[{"op":2,"item":1,"value":[1]}]}', {422}),
    "a fraction": (b'{"epoch":1,"ops":[{"op":2.5,"item":1,"value":[1]}]}', {422}),
    "not a number": (b'{"epoch":1,"ops":[{"op":NaN,"item":1,"value":[1]}]}', {422}),
    "too many operations": (
        b'{"epoch":1,"ops":[' + b",".join(b'{"op":%d,"item":1,"value":[1]}' % n for n in range(2, 23)) + b"]}",
        {422},
    ),
    "another's sitting": (b'{"epoch":1,"entry_no":2,"ops":[{"op":2,"item":1,"value":[1]}]}', {422}),
    "nothing": (b"", {422}),
    "half": (GOOD[:20], {422}),
}


@pytest.fixture
def sitting_ready(candidate: Callable[[int], Candidate], ring: Callable[[], None]) -> list[Candidate]:
    people = [candidate(no) for no in (1, 2)]
    for one in people:
        assert one.enter().status_code == 303
    ring()
    for one in people:
        assert one.open().status_code == 200
        assert one.ops({"op": 1, "item": 1, "value": [2]}).status_code == 200
    return people


def test_poison_is_refused_alone_among_good_requests(
    sitting_ready: list[Candidate], app: FastAPI, core: Core, log_lines: list[Any]
) -> None:
    poisoned, good = sitting_ready

    async def send(client: Candidate, content: bytes) -> int:
        headers = {"content-type": "application/json", "sec-fetch-site": "same-origin", "cookie": _cookies(client)}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as http:
            return int((await http.post("/exam/api/ops", content=content, headers=headers)).status_code)

    async def all_at_once(op: int, poison: bytes) -> list[int]:
        goods = [send(good, GOOD % op) for _again in range(3)]
        bads = [send(poisoned, poison) for _again in range(3)]
        return list(await asyncio.gather(*(one for pair in zip(goods, bads, strict=True) for one in pair)))

    assert good.http.portal is not None
    for op, (name, (body, expected)) in enumerate(POISON.items(), 2):
        statuses = good.http.portal.call(all_at_once, op, body)
        assert statuses[::2] == [200] * 3, name
        assert set(statuses[1::2]) <= expected, (name, statuses)
    assert poisoned.ops({"op": 2, "item": 2, "value": [1]}).json()["ack"] == 2  # nothing of it was stored, and it may go on
    assert not any(line.get("event") in ("writer_failed", "writer_broken", "command_failed") for line in log_lines)


def _cookies(client: Candidate) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.http.cookies.items())


@pytest.fixture
def log_lines() -> Any:
    from structlog.testing import capture_logs

    with capture_logs() as lines:
        yield lines
