"""A function in a process of its own: its answer comes back, and too much memory or time ends only that process."""

import operator
import os
import time

import pytest

from server import apart


def spin() -> None:
    while True:
        pass


def test_the_answer_comes_back() -> None:
    assert apart.run(divmod, 17, 5) == (3, 2)
    assert len(apart.run(operator.mul, b"x" * 1_000_000, 5)) == 5_000_000


def test_much_is_given_to_a_process_that_is_slow_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_LOOK_S", 0.001)
    assert apart.run(len, b"x" * 3_000_000) == 3_000_000


def test_a_process_that_ends_before_it_has_read_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart.sys, "executable", "/bin/false")
    with pytest.raises(apart.OutOfBounds):
        apart.run(len, b"x" * 3_000_000)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (operator.mul, (b"x" * 1_000_000, 5_000)),  # memory
        (os.abort, ()),  # what a native reader does that cannot allocate
        (os._exit, (0,)),  # no answer at all
        (operator.truediv, (1, 0)),
    ],
)
def test_whatever_ends_the_process_is_out_of_bounds(function: object, args: tuple[object, ...]) -> None:
    with pytest.raises(apart.OutOfBounds):
        apart.run(function, *args, megabytes=400)  # type: ignore[arg-type]


def test_the_processor_is_taken_away_in_time() -> None:
    with pytest.raises(apart.OutOfBounds):
        apart.run(spin, seconds=1)


def test_whoever_waits_may_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_LOOK_S", 0.05)

    def stop() -> None:
        raise InterruptedError

    begun = time.monotonic()
    with pytest.raises(InterruptedError):
        apart.run(time.sleep, 60, waiting=stop)
    assert time.monotonic() - begun < 30


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_LOOK_S", 0.05)
    monkeypatch.setattr(apart, "_PATIENCE", 0)
    with pytest.raises(apart.OutOfBounds):
        apart.run(time.sleep, 60)


def test_an_error_s_text_reaches_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(apart.OutOfBounds):
        apart.run(int, "the secret stem of an item")
    assert "secret" not in capfd.readouterr().err
