"""Papers in memory: packages for the waiting room, and from the bell on their keys and, where asked for, the plain papers.

Before the bell no route gives away a key or a paper: `get` and `body` ask the exam session's bell themselves. One look-up per
process and form; after it a start storm costs neither SQL nor decryption. The public package has no
answer key in it, by type.
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import anyio.to_thread
import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from itembank.errors import ItemBankError
from server.sitting import draw
from server.sitting.exams import Exam
from server.sitting.package import Package, Packages, Release, may_travel, release_of

log = structlog.get_logger()

KEPT = 64
LOOK_AGAIN_S = 5.0

T = TypeVar("T")
Place = tuple[int, int]
"""(exam_session_id, form_id)."""


class Paper(Struct, frozen=True):
    """A paper from the bell on. `package` names its package, "" when there is none; `release` holds the key to it."""

    form_id: int
    package: str
    release: Release

    @property
    def digest(self) -> str:
        """The digest of what is asked."""
        return self.release.paper_digest

    def key_to(self, package: str) -> str | None:
        """The key to the package a client holds (base64), if it is the one of this paper."""
        if not package or package != self.package or not self.release.key:
            return None
        return b64encode(self.release.key).decode()

    def draw(self, rng: Random) -> list[list[Any]]:
        """An order of questions and options."""
        return draw.order(self.release.items, self.release.section_sizes, rng)


def paper_of(form_id: int, body: bytes) -> Paper:
    """A paper from the JSON of its public package, without a key."""
    return Paper(form_id, "", release_of(body))


class Shelf:
    """Papers by exam session and form, on the event loop."""

    def __init__(self, packages: Packages) -> None:
        self._source = packages
        self._papers: dict[Place, Paper] = {}
        self._bodies: dict[int, bytes] = {}
        self._packages: dict[Place, Package] = {}
        self._ciphertexts: dict[str, bytes] = {}
        self._looked: dict[Place, float] = {}
        self._locks: dict[Any, asyncio.Lock] = {}

    # -- before the bell --

    async def package(self, form_id: int | None, exam: Exam | None, now: int) -> Package | None:
        """What a candidate's page may fetch now; made here if nobody has yet. Never fails: without it the paper comes later."""
        if form_id is None or exam is None or not may_travel(exam, now):
            return None
        place = (exam.id, form_id)
        if place not in self._packages and self._due(place):
            async with self._lock("package", *place):
                await self._look(place)
        return self._packages.get(place)

    def _due(self, place: Place) -> bool:
        """Whether to look again; each page of a waiting room asks every few seconds."""
        at = time.monotonic()
        if at - self._looked.get(place, -LOOK_AGAIN_S) < LOOK_AGAIN_S:
            return False
        self._looked[place] = at
        return True

    async def _look(self, place: Place) -> None:
        try:
            found = await anyio.to_thread.run_sync(self._source.get_or_make, *place)
        except (ItemBankError, SQLAlchemyError, OSError) as error:
            log.error("package_not_made", form=place[1], error=type(error).__name__)
            return
        if found is not None:
            _keep(self._packages, place, found)

    async def ciphertext(self, form_id: int | None, exam: Exam | None, digest: str, now: int) -> bytes | None:
        """The bytes of the package called `digest`, if it is that of this form and may travel."""
        package = await self.package(form_id, exam, now)
        if form_id is None or exam is None or package is None or package.digest != digest:
            return None
        if digest not in self._ciphertexts:
            async with self._lock("ciphertext", digest):
                if digest not in self._ciphertexts:
                    data = await anyio.to_thread.run_sync(self._source.ciphertext, exam.id, form_id, digest)
                    if data is None:
                        return None
                    _keep(self._ciphertexts, digest, data)
        return self._ciphertexts[digest]

    # -- from the bell on --

    async def get(self, form_id: int, exam: Exam, now: int) -> Paper | None:
        """The paper, None before the bell. Raises what unsealing raises."""
        if not exam.readable or exam.bell_at is None or now < exam.bell_at:
            return None
        place = (exam.id, form_id)
        return await self._once(self._papers, place, lambda: self._paper(place))

    async def body(self, form_id: int, exam: Exam, now: int) -> bytes | None:
        """The JSON of the public package for a client that holds none; None before the bell."""
        if not exam.readable or exam.bell_at is None or now < exam.bell_at:
            return None
        return await self._once(self._bodies, form_id, lambda: self._source.body(form_id))

    def _paper(self, place: Place) -> Paper:
        found = self._source.release(*place)
        if found is None:
            return paper_of(place[1], self._source.body(place[1]))
        return Paper(place[1], *found)

    async def _once(self, kept: dict[Any, T], name: Any, load: Callable[[], T]) -> T:
        found = kept.get(name)
        if found is not None:
            return found
        async with self._lock(id(kept), name):
            found = kept.get(name)
            if found is None:
                found = await anyio.to_thread.run_sync(load)
                _keep(kept, name, found)
        return found

    def _lock(self, *name: Any) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def _keep(kept: dict[Any, T], name: Any, value: T) -> None:
    if len(kept) >= KEPT:
        kept.clear()
    kept[name] = value
