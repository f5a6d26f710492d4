"""The ground everything stands on: databases, triggers, sign-in, headers, foreign origins."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from server import alltables
from server import db as databases
from server.audit import trail
from server.auth import staff
from server.auth.tables import RoleGrant
from server.clock import FakeClock
from server.db import Databases, NotDurable, transaction
from server.migrations import triggers
from tests import factories


def test_every_append_only_table_has_its_triggers(dbs: Databases) -> None:
    with dbs.read.connect() as connection:
        assert triggers.missing(connection, alltables.APPEND_ONLY) == []


def test_audit_rows_can_neither_change_nor_go(dbs: Databases, clock: FakeClock) -> None:
    with transaction(dbs) as db:
        trail.append(db, trail.SYSTEM, "test.done", "thing:1", now=clock.now())
    for statement in ("UPDATE audit_row SET verb = 'x'", "DELETE FROM audit_row"):
        with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
            connection.execute(text(statement))
    with dbs.read.connect() as connection:
        assert connection.execute(text("SELECT verb FROM audit_row")).scalars().all() == ["test.done"]


def test_a_set_once_column_is_set_once(dbs: Databases, clock: FakeClock) -> None:
    with transaction(dbs) as db:
        who = factories.signed_in_person(db, ("invigilator",), clock.now())
    first = text("UPDATE role_grant SET ended_at = :at WHERE person_id = :who")
    with dbs.write.begin() as connection:
        connection.execute(first, {"at": clock.now(), "who": who.person_id})
    clock.advance(60)
    with pytest.raises(DBAPIError, match="append-only"), dbs.write.begin() as connection:
        connection.execute(first, {"at": clock.now(), "who": who.person_id})


def test_a_database_that_can_lose_a_commit_is_refused(database_url: str) -> None:
    careless = create_engine(
        database_url, connect_args={} if database_url.startswith("sqlite") else {"options": "-c synchronous_commit=off"}
    )
    if careless.dialect.name == "sqlite":

        @event.listens_for(careless, "connect")
        def _normal(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous=NORMAL")

    with pytest.raises(NotDurable):
        databases.check_durable(careless)
    careless.dispose()
    careful = databases.connect(database_url)
    databases.check_durable(careful.write)
    careful.dispose()


def test_sign_in_by_password_and_out(client: TestClient, app: FastAPI, clock: FakeClock) -> None:
    with transaction(app.state.dbs) as db:
        home = factories.institution(db)
        who = factories.person(db, home, clock.now(), "wang", staff.hash_password("correct horse"))
        db.add(RoleGrant(person_id=who, role="bank_manager", granted_at=clock.now()))
    wrong = client.post("/sign-in", data={"login": "wang", "password": "no"})
    assert wrong.status_code == 401
    assert "账号或密码不正确" in wrong.text
    right = client.post("/sign-in", data={"login": "WANG", "password": "correct horse", "next": "//evil.example"})
    assert right.status_code == 303
    assert right.headers["location"] == "/home"
    assert client.get("/home").status_code == 200
    client.post("/sign-out")
    assert client.get("/home").headers["location"].startswith("/sign-in")


def test_five_failures_close_the_account_for_a_while(client: TestClient, clock: FakeClock) -> None:
    for _ in range(5):
        assert client.post("/sign-in", data={"login": "nobody", "password": "x"}).status_code == 401
    throttled = client.post("/sign-in", data={"login": "nobody", "password": "x"})
    assert throttled.status_code == 429
    assert int(throttled.headers["retry-after"]) > 0
    clock.advance(15 * 60 + 1)
    assert client.post("/sign-in", data={"login": "nobody", "password": "x"}).status_code == 401


def test_pages_carry_the_policy_and_are_not_cached(client: TestClient) -> None:
    headers = client.get("/sign-in").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_foreign_origins_change_nothing(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/sign-out", headers=headers).status_code == 403


def test_the_language_is_the_reader_s(client: TestClient) -> None:
    assert "工作人员登录" in client.get("/sign-in").text
    client.post("/language", data={"code": "en", "back": "/sign-in"})
    assert "Staff sign-in" in client.get("/sign-in").text


def test_a_refusal_echoes_nothing_that_was_typed(client: TestClient, sign_in: Callable[..., object]) -> None:
    answer = client.post("/sign-in", data={"login": "11010519491231002X"})
    assert answer.status_code == 422
    assert "11010519491231002X" not in answer.text
    assert "password" in answer.text


def test_sessions_of_the_read_engine_cannot_write(dbs: Databases) -> None:
    with pytest.raises(DBAPIError), Session(dbs.read) as db:
        factories.institution(db)
        db.commit()
