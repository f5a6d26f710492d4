"""Seating: everybody once, neighbours with different forms, the same answer twice."""

import hashlib
import subprocess
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.registry.seating import (
    DrawInput,
    Lot,
    Place,
    RoomPlan,
    TooFewSeats,
    commitment_of,
    draw_form,
    form_of_seat,
    grid_position,
    neighbours,
    seat_everyone,
    share,
)

rooms = st.lists(
    st.builds(
        RoomPlan,
        room_id=st.integers(1, 10_000),
        capacity=st.integers(1, 80),
        columns=st.integers(1, 12),
        spare=st.integers(0, 5),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda room: room.room_id,
)
label_sets = st.sampled_from([("A", "B"), ("A", "B", "C"), ("A", "B", "C", "D")])


@given(rooms=rooms, labels=label_sets, seed=st.integers(0, 2**32), data=st.data())
def test_everybody_sits_once_and_neighbours_differ(
    rooms: list[RoomPlan], labels: tuple[str, ...], seed: int, data: st.DataObject
) -> None:
    usable = sum(room.usable for room in rooms)
    count = data.draw(st.integers(0, usable))
    places = seat_everyone(range(1, count + 1), rooms, labels, seed)
    assert isinstance(places, list)
    assert sorted(place.entry_no for place in places) == list(range(1, count + 1))
    by_room = {room.room_id: room for room in rooms}
    form_at = {(place.room_id, place.seat_no): place.form_label for place in places}
    assert len(form_at) == count
    for (room_id, seat_no), label in form_at.items():
        room = by_room[room_id]
        assert 1 <= seat_no <= room.usable
        for other in neighbours(seat_no, room.columns, room.capacity):
            assert form_at.get((room_id, other)) != label
    assert places == seat_everyone(range(1, count + 1), rooms, labels, seed)


@given(rooms=rooms, seed=st.integers(0, 2**32), data=st.data())
def test_a_room_holds_one_range_of_admission_numbers(rooms: list[RoomPlan], seed: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, sum(room.usable for room in rooms)))
    places = seat_everyone(range(1, count + 1), rooms, ("A", "B", "C"), seed)
    assert isinstance(places, list)
    for room in rooms:
        here = sorted(place.entry_no for place in places if place.room_id == room.room_id)
        assert not here or here == list(range(here[0], here[-1] + 1))


@given(usable=st.lists(st.integers(0, 90), min_size=1, max_size=8), data=st.data())
def test_share_gives_everyone_away_and_no_room_more_than_it_has(usable: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, sum(usable)))
    shares = share(count, usable)
    assert sum(shares) == count
    assert all(0 <= got <= seats for got, seats in zip(shares, usable, strict=True))


def test_too_few_seats_is_a_value() -> None:
    assert seat_everyone([1, 2, 3], [RoomPlan(1, 4, 2, spare=2)], ("A",), 1) == TooFewSeats(needed=3, usable=2)


def test_no_rooms() -> None:
    assert seat_everyone([], [], ("A", "B", "C"), 1) == []
    assert seat_everyone([1], [], ("A", "B", "C"), 1) == TooFewSeats(needed=1, usable=0)


def test_with_a_lot_the_seat_decides_nothing() -> None:
    rooms = [RoomPlan(1, 30, 6)]
    before = seat_everyone(range(1, 21), rooms, ("A", "B", "C"), 5, lot=Lot())
    after = seat_everyone(range(1, 21), rooms, ("A", "B", "C"), 5, lot=Lot("B"))
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert {place.form_label for place in before} == {None}, "nobody knows the form before the lot falls"
    assert {place.form_label for place in after} == {"B"}
    assert [place.seat_no for place in before] == [place.seat_no for place in after]


LOT = DrawInput(7, 3, "5e" * 32, (("A", "aa"), ("B", "bb"), ("C", "cc")), 1_000, 2_000)


def test_the_lot_is_what_its_line_says() -> None:
    assert LOT.text == f"jikao-lot-1|7:3|{'5e' * 32}|A=aa,B=bb,C=cc|1000|2000"
    digest = subprocess.run(["sha256sum"], input=LOT.text.encode(), capture_output=True, check=True).stdout.split()[0]
    assert draw_form(LOT) == "ABC"[int(digest, 16) % 3]
    assert commitment_of("seed") == hashlib.sha256(b"seed").hexdigest()


@pytest.mark.parametrize("change", [{"seed": "5f" * 32}, {"first_ms": 1_001}, {"second_ms": 2_001}, {"exam_session_id": 8}])
def test_everything_that_decides_is_in_the_line(change: dict[str, Any]) -> None:
    assert replace(LOT, **change).text != LOT.text


def test_every_form_has_the_same_chance() -> None:
    drawn = Counter(draw_form(replace(LOT, second_ms=n)) for n in range(3_000))
    assert set(drawn) == {"A", "B", "C"}
    assert all(abs(count - 1_000) < 150 for count in drawn.values())  # more than five standard deviations


def test_another_seed_seats_otherwise() -> None:
    room = [RoomPlan(1, 30, 6)]
    assert seat_everyone(range(1, 29), room, ("A", "B"), 1) != seat_everyone(range(1, 29), room, ("A", "B"), 2)


def test_forms_are_balanced() -> None:
    counts = Counter(form_of_seat(seat, 6, ("A", "B", "C")) for seat in range(1, 31))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_grid_and_neighbours() -> None:
    assert grid_position(1, 6) == (0, 0)
    assert grid_position(7, 6) == (1, 0)
    assert sorted(neighbours(8, 6, 30)) == [2, 7, 9, 14]
    assert sorted(neighbours(6, 6, 8)) == [5]
    assert Place(1, 2, 3, "A").form_label == "A"
