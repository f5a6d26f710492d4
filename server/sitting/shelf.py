"""Papers in memory, from the bell on: unsealed once per process and form, kept as ready JSON bytes.

Before the bell nothing is unsealed by any route (`get` is asked only for an opened exam session and asks again itself). The
public package has no key in it, by type.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import anyio.to_thread
import msgspec
from msgspec import Struct

from itembank.packages import public_package
from server.db import Databases, reading
from server.keyring import Keyring
from server.sitting import draw
from server.sitting.exams import Exam

KEPT = 64


class Paper(Struct, frozen=True):
    """A public package: the bytes to send, and what drawing an order needs."""

    form_id: int
    digest: str
    body: bytes
    items: list[dict[str, Any]]
    section_sizes: list[int]

    def draw(self, rng: Random) -> list[list[Any]]:
        """An order of questions and options."""
        return draw.order(self.items, self.section_sizes, rng)


class _Section(Struct):
    count: int


class _Shape(Struct):
    digest: str
    items: list[dict[str, Any]]
    sections: list[_Section]


def paper_of(form_id: int, body: bytes) -> Paper:
    """A paper from the JSON of its public package."""
    shape = msgspec.json.decode(body, type=_Shape)
    items = [{name: item[name] for name in ("slot", "kind", "options", "fixed_order")} for item in shape.items]
    return Paper(form_id, shape.digest, body, items, [section.count for section in shape.sections])


def unseal(dbs: Databases, keyring: Keyring) -> Callable[[int], bytes]:
    """The loader of the product: opens a form's public package."""

    def load(form_id: int) -> bytes:
        with reading(dbs) as db:
            return public_package(db, form_id, keyring).model_dump_json().encode()

    return load


class Shelf:
    """Papers by form id."""

    def __init__(self, load: Callable[[int], bytes]) -> None:
        self._load = load
        self._papers: dict[int, Paper] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def get(self, form_id: int, exam: Exam, now: int) -> Paper | None:
        """The paper, None before the bell. Raises what unsealing raises."""
        if not exam.readable or exam.bell_at is None or now < exam.bell_at:
            return None
        paper = self._papers.get(form_id)
        if paper is not None:
            return paper
        async with self._locks.setdefault(form_id, asyncio.Lock()):
            if form_id not in self._papers:
                body = await anyio.to_thread.run_sync(self._load, form_id)
                if len(self._papers) >= KEPT:
                    self._papers.clear()
                self._papers[form_id] = paper_of(form_id, body)
        return self._papers[form_id]
