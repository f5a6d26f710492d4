"""The one permission table holds on every route: each is walked with every role, by somebody who should and should not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from server.auth import permissions
from server.auth.staff import public
from server.clock import FakeClock
from server.db import transaction
from tests import factories

CANDIDATES = ("/exam/", "/static")
"""Paths that candidates reach: their own tests see to them."""
OPEN = {"/livez", "/readyz"}


@dataclass(frozen=True)
class Walked:
    """A route as it is reached: whole path, methods, what it depends on."""

    path: str
    methods: frozenset[str]
    dependant: Dependant


def routes(app: FastAPI) -> Iterator[Walked]:
    for route in iter_route_contexts(app.routes):
        path, methods = str(getattr(route, "path", "")), getattr(route, "methods", None)
        dependant = getattr(route, "dependant", None)
        if methods and dependant is not None and path not in OPEN and path != "/exam" and not path.startswith(CANDIDATES):
            yield Walked(path, frozenset(methods), dependant)


def calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from calls(inner)


def actions(route: Walked) -> list[str]:
    return [call.action for call in calls(route.dependant) if hasattr(call, "action")]  # type: ignore[attr-defined]


def test_every_route_names_exactly_one_action_or_is_marked_public(app: FastAPI) -> None:
    wrong = []
    for route in routes(app):
        is_public = public in list(calls(route.dependant))
        if (len(actions(route)) == 1) == is_public:
            wrong.append(f"{sorted(route.methods)} {route.path}: {actions(route)}, public={is_public}")
    assert wrong == []
    assert len(list(routes(app))) > 100


def test_every_action_is_asked_somewhere(app: FastAPI) -> None:
    asked = {action for route in routes(app) for action in actions(route)}
    assert set(permissions.ACTIONS) - asked == set()


def url_of(route: Walked) -> str:
    return re.sub(r"\{[^}]*\}", "987654", route.path)


@pytest.mark.parametrize("role", sorted(permissions.ROLES))
def test_every_role_gets_the_table_s_answer(app: FastAPI, client: TestClient, clock: FakeClock, role: str) -> None:
    with transaction(app.state.dbs) as db:
        signed = factories.signed_in_person(db, (role,), clock.now())
    wrong = []
    for route in routes(app):
        for action in actions(route):
            for method in sorted(route.methods - {"HEAD"}):
                client.cookies.set("jikao_s", signed.token)
                status = client.request(method, url_of(route)).status_code
                allowed = permissions.may(frozenset({role}), action)
                if (status == 403) == allowed or status == 401 or status >= 500:
                    wrong.append(f"{method} {route.path} as {role}: {status}, table says {allowed}")
    assert wrong == []


def test_nobody_gets_in_without_signing_in(app: FastAPI, client: TestClient) -> None:
    wrong = []
    for route in routes(app):
        if not actions(route):
            continue
        for method in sorted(route.methods - {"HEAD"}):
            status = client.request(method, url_of(route)).status_code
            if status not in {401, 303}:
                wrong.append(f"{method} {route.path}: {status}")
    assert wrong == []
