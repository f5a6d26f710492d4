"""The bus in both forms by one suite; and what Redis may do to it: be absent, be killed, be flushed, stand still."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server.bus import Bus, InProcessBus
from server.redis_bus import RedisBus
from tests.valkey import Valkey, running


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with running() as server:
        yield server


@pytest.fixture(params=["in process", "redis"])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    made: Bus = InProcessBus() if request.param == "in process" else RedisBus(request.getfixturevalue("valkey").url, "one")
    made.start()
    yield made
    made.stop()


def eventually(holds: Callable[[], Any], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def heard(bus: Bus, channel: str = "sittings") -> list[Any]:
    found: list[Any] = []
    bus.subscribe(channel, lambda _channel, message: found.append(message))
    return found


def test_a_notice_is_heard_here_before_publish_returns(bus: Bus) -> None:
    threads: list[int] = []
    leave = bus.subscribe("sittings", lambda _channel, message: threads.append(threading.get_ident()))
    elsewhere = heard(bus, "papers")
    bus.publish("sittings", (7, 1, 3))
    assert threads == [threading.get_ident()]
    leave()
    bus.publish("sittings", (7, 1, 4))
    assert len(threads) == 1
    assert elsewhere == []


def test_presence_is_the_age_of_the_last_word(bus: Bus) -> None:
    bus.seen("candidates", (7, 1))
    time.sleep(0.02)
    bus.seen("candidates", (7, 2))
    ages = bus.presence("candidates")
    assert set(ages) == {(7, 1), (7, 2)}
    assert ages[7, 1] > ages[7, 2] >= 0
    assert bus.presence("nobody") == {}


def test_many_threads_at_once(bus: Bus) -> None:
    found = heard(bus)

    def act(start: int) -> None:
        for n in range(start, start + 500):
            bus.publish("sittings", (1, n))
            bus.seen("candidates", (1, n))

    threads = [threading.Thread(target=act, args=(500 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {message[1] for message in found} == set(range(2000))
    assert len(bus.presence("candidates")) == 2000


@pytest.fixture(scope="module")
def two(valkey: Valkey) -> Iterator[tuple[RedisBus, RedisBus]]:
    """Two processes of one house, as far as the bus is concerned; both hear."""
    pair = RedisBus(valkey.url, "house"), RedisBus(valkey.url, "house")
    for one in pair:
        one.start()
    eventually(lambda: all(one.hearing_s() > 0 for one in pair))
    yield pair
    for one in pair:
        one.stop()


def test_notices_and_presence_reach_the_other_process_and_no_other_house(two: tuple[RedisBus, RedisBus], valkey: Valkey) -> None:
    here, there = two
    stranger = RedisBus(valkey.url, "another")
    stranger.start()
    eventually(lambda: stranger.hearing_s() > 0)
    mine, theirs, strange = heard(here), heard(there), heard(stranger)
    here.publish("sittings", (7, 1, 3))
    here.seen("candidates", (7, 1))
    eventually(lambda: (7, 1, 3) in theirs)
    eventually(lambda: (7, 1) in there.presence("candidates"))
    assert 0 <= there.presence("candidates")[7, 1] < 15
    assert mine == [(7, 1, 3)], "our own notice must not come back to us"
    assert strange == []
    assert stranger.presence("candidates") == {}
    stranger.stop()


def test_a_flush_loses_nothing(two: tuple[RedisBus, RedisBus], valkey: Valkey) -> None:
    here, there = two
    here.seen("candidates", (7, 1))
    eventually(lambda: (7, 1) in there.presence("candidates"))
    with valkey.client() as client:
        client.flushall()
        assert client.keys("*") == [], "Redis keeps nothing for us"
    theirs = heard(there)
    here.publish("sittings", (7, 2, 1))
    eventually(lambda: (7, 2, 1) in theirs)
    assert (7, 1) in there.presence("candidates")


def test_rubbish_on_the_topic_ends_nothing(two: tuple[RedisBus, RedisBus], valkey: Valkey) -> None:
    here, there = two
    theirs = heard(there)
    with valkey.client() as client:
        for rubbish in (b"", b"\xff\x00", b"[]", b'["x", 5, 7]', b'["x", [[1]], [["c", 1, "no"]]]', b"{" * 5000):
            client.publish("jikao:house", rubbish)
    here.publish("sittings", (7, 3, 1))
    eventually(lambda: (7, 3, 1) in theirs)


def never_waits(bus: RedisBus) -> None:
    """Whatever Redis does: many notices and signs of life, at once, and all heard here."""
    found = heard(bus)
    for n in range(30_000):
        bus.publish("sittings", n)
        bus.seen("candidates", n % 50)
    assert len(found) == 30_000
    assert len(bus._notices) <= 20_000
    assert len(bus._fresh) <= 20_000
    assert len(bus.presence("candidates")) == 50


def test_absent_at_the_start_and_there_later() -> None:
    server = Valkey()
    bus, other = RedisBus(server.url, "house"), RedisBus(server.url, "house")
    bus.start()
    other.start()
    never_waits(bus)
    assert bus.hearing_s() == 0
    theirs = heard(other)
    server.start()
    try:
        eventually(lambda: bus.hearing_s() > 0 and other.hearing_s() > 0)
        bus.publish("sittings", "now")
        eventually(lambda: "now" in theirs)
    finally:
        bus.stop()
        other.stop()
        server.kill()


@pytest.mark.parametrize("blow", ["killed", "stalled"])
def test_gone_for_a_while(blow: str) -> None:
    with running() as server:
        bus = RedisBus(server.url, "house")
        bus.start()
        eventually(lambda: bus.hearing_s() > 0)
        server.kill() if blow == "killed" else server.stall()
        never_waits(bus)
        eventually(lambda: bus.hearing_s() == 0)
        server.start() if blow == "killed" else server.go_on()
        eventually(lambda: bus.hearing_s() > 0)
        bus.stop()
        assert not any(thread.is_alive() for thread in bus._threads)
