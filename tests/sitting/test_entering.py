"""Guessing at the door: tries at one moment count one after another, whichever process they reach."""

import threading
from collections import Counter
from typing import Any, cast

from sqlmodel import select

from server.auth import staff
from server.auth.tables import SignInAttempt
from server.clock import FakeClock
from server.db import Databases, connect, transaction
from server.keyring import Keyring
from server.sitting.entering import Place, enter


def together(count: int, act: Any) -> Counter[Any]:
    found: list[Any] = []
    start = threading.Barrier(count)

    def one(number: int) -> None:
        start.wait()
        found.append(act(number))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(found)


def test_twenty_guesses_at_once_are_five(dbs: Databases, keyring: Keyring, clock: FakeClock, database_url: str) -> None:
    processes = [dbs, connect(database_url)]

    def guess(number: int) -> int:
        place = Place(device_id=number, seat=None, address="10.0.0.9")
        result = enter(processes[number % 2], cast(Any, None), keyring, place, "20260001", f"00000{number % 10}", clock.now())
        return cast(Any, result).status

    assert together(20, guess) == {401: 5, 429: 15}
    processes[1].dispose()


def test_a_right_try_leaves_nothing(dbs: Databases, clock: FakeClock) -> None:
    for _ in range(20):
        with transaction(dbs) as db:
            wait, number = staff.take_try(db, "staff", "wang", "10.0.0.9", clock.now())
            assert wait == 0
        with transaction(dbs) as db:
            staff.forget_try(db, number)
    with transaction(dbs) as db:
        assert db.exec(select(SignInAttempt)).all() == []
