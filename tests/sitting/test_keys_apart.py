"""No request of a candidate reads, opens or names an answer key: every statement and every opening of one is watched."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from server.clock import FakeClock
from server.keyring import Keyring
from server.sitting import package
from server.sitting.core import Core
from tests.registry.test_pc_checks import GOOD
from tests.sitting.conftest import Candidate, Exam

ABOUT_KEYS = re.compile(r"item_key|sealed_keys|marking_key|item_mark|\bresult\b", re.IGNORECASE)


@contextmanager
def watched(core: Core, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], set[str]]]:
    """Statements run, and purposes of the keyring asked for, meanwhile."""
    statements: list[str] = []
    purposes: set[str] = set()
    plain = Keyring.key

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    def key(self: Keyring, purpose: str) -> bytes:
        purposes.add(purpose)
        return plain(self, purpose)

    monkeypatch.setattr(Keyring, "key", key)
    for engine in (core.dbs.read, core.dbs.write):
        event.listen(engine, "before_cursor_execute", note)
    yield statements, purposes
    for engine in (core.dbs.read, core.dbs.write):
        event.remove(engine, "before_cursor_execute", note)


def test_a_whole_sitting_touches_no_key(
    candidate: Callable[[int], Candidate],
    core: Core,
    exam: Exam,
    clock: FakeClock,
    later: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with watched(core, monkeypatch) as (statements, purposes):
        one = candidate(1)
        pages = [one.http.get("/exam"), one.http.get("/exam/check"), one.http.post("/exam/check", json=GOOD)]
        assert one.enter().status_code == 303
        package.prepare_due(core.dbs, one.http.app.state.keyring, clock)  # type: ignore[attr-defined]
        pages += [one.http.get(f"/exam{path}") for path in ("/room", "/api/me", "/api/practice")]
        offered = pages[-2].json()["package"]
        pages.append(one.http.get(f"/exam/api/package/{offered['digest']}"))
        later((exam.starts_at - clock.now()).total_seconds())
        core.hub.exams.clear()
        pages.append(one.open())
        for item in (1, 2, 3):
            pages.append(one.ops({"op": item, "item": item, "value": [item % 2 + 1]}))
        pages += [one.pulse(), one.http.get("/exam/room")]
        clock.advance(10 * 60)
        core.closer.beaten(clock.now())
        done = one.ops({"op": 4, "submit": True})
        pages += [done, one.open("page-two-2"), one.http.get("/exam/api/me"), one.http.get("/exam/room")]
    assert done.json()["state"] == "ended"
    assert [page.status_code for page in pages if page.status_code >= 400] == []
    assert len(statements) > 20
    assert "paper" in purposes, "the watch sees what is opened"
    assert "answer_key" not in purposes
    assert [statement for statement in statements if ABOUT_KEYS.search(statement)] == []
