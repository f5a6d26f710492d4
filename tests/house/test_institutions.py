"""Nothing of one institution is seen or changed from another: every route is walked with the demo's ids by a stranger."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server import migrations
from server.app import create_app
from server.auth import permissions
from server.clock import FakeClock
from server.db import transaction
from server.demo import run
from server.keyring import Keyring
from server.settings import Settings
from tests import factories
from tests.conftest import START
from tests.house.test_permissions import Walked, actions, routes

PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
WORDS = {"act": "credit", "digest": "0" * 64}
"""Parameters that are not numbers."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, TestClient]]:
    """The demo's institution, and a stranger of another one who has every role there."""
    folder = tmp_path_factory.mktemp("world")
    settings, keyring, clock = Settings(data_dir=folder), Keyring.ephemeral(), FakeClock(START)
    migrations.upgrade(settings.url)
    app = create_app(settings, clock=clock, keyring=keyring, duties_run=False)
    run.load(app.state.dbs, keyring, clock.now())
    with transaction(app.state.dbs) as db:
        stranger = factories.signed_in_person(db, tuple(permissions.ROLES), clock.now())
    with TestClient(app, follow_redirects=False, headers={"accept": "text/html"}) as client:
        client.cookies.set("jikao_s", stranger.token)
        yield app, client


def reached(route: Walked, number: int) -> str:
    return PARAMETER.sub(lambda found: WORDS.get(found[1], str(number)), route.path)


@pytest.mark.parametrize("number", [1, 2])
def test_a_stranger_sees_none_of_it(world: tuple[FastAPI, TestClient], number: int) -> None:
    app, client = world
    wrong, walked = [], 0
    for route in routes(app):
        if PARAMETER.search(route.path) and actions(route) and "GET" in route.methods:
            status = client.get(reached(route, number)).status_code
            walked += 1
            if status != 404:
                wrong.append(f"{reached(route, number)}: {status}")
    assert wrong == []
    assert walked > 30


@pytest.mark.parametrize("number", [1, 2])
def test_a_stranger_changes_none_of_it(world: tuple[FastAPI, TestClient], number: int) -> None:
    app, client = world
    wrong = []
    for route in routes(app):
        if PARAMETER.search(route.path) and actions(route) and "POST" in route.methods:
            status = client.post(reached(route, number), data={"reason": "a stranger's reason"}).status_code
            if status not in {404, 422}:
                wrong.append(f"{reached(route, number)}: {status}")
    assert wrong == []


def test_lists_are_empty_for_a_stranger(world: tuple[FastAPI, TestClient]) -> None:
    app, client = world
    told = [
        route.path
        for route in routes(app)
        if actions(route) and "GET" in route.methods and not PARAMETER.search(route.path)
        for word in ("柯桥", "电工四级", "DG4")
        if word in client.get(route.path).text
    ]
    assert told == []
