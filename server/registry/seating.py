"""Who sits where with which form, and which form the lot falls on: pure, the same answer for the same input.

Seats are numbered 1..capacity row by row, `columns` to a row, seen from the invigilator's desk. Rooms are filled in
order of admission number, so that the range printed on a room's record is one range; inside a room the order is drawn by
the seed, so that colleagues who registered together do not sit together. The form of a seat depends on its place alone:
neighbours left, right, in front and behind always get different forms.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RoomPlan:
    """A room as the seating sees it: `capacity` seats, `columns` to a row, the last `spare` of them left free."""

    room_id: int
    capacity: int
    columns: int
    spare: int = 0

    @property
    def usable(self) -> int:
        """Seats that may be given out before the exam."""
        return max(0, self.capacity - self.spare)


@dataclass(frozen=True)
class Place:
    """The seat and form of one entry; no form yet where the lot has still to fall."""

    entry_no: int
    room_id: int
    seat_no: int
    form_label: str | None


@dataclass(frozen=True)
class TooFewSeats:
    """The rooms cannot take everybody: `needed` entries, `usable` seats."""

    needed: int
    usable: int


def grid_position(seat_no: int, columns: int) -> tuple[int, int]:
    """(row, column) of a seat, both from 0; row 0 is in front."""
    return divmod(seat_no - 1, columns)


def form_of_seat(seat_no: int, columns: int, labels: Sequence[str], shift: int = 0) -> str:
    """The form of a seat: forms run diagonally, so neighbours in the grid differ as soon as there are two forms."""
    row, column = grid_position(seat_no, columns)
    return labels[(row + column + shift) % len(labels)]


def neighbours(seat_no: int, columns: int, capacity: int) -> list[int]:
    """Seats left, right, in front of and behind `seat_no`."""
    row, column = grid_position(seat_no, columns)
    around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    numbers = [r * columns + c + 1 for r, c in around if r >= 0 and 0 <= c < columns]
    return [number for number in numbers if 1 <= number <= capacity]


def share(count: int, usable: Sequence[int]) -> list[int]:
    """Split `count` entries over rooms in proportion to usable seats (largest remainders; never over a room's own).

    `count` is at most `sum(usable)`.
    """
    total = sum(usable)
    if total == 0:
        return [0] * len(usable)
    shares = [count * seats // total for seats in usable]
    by_remainder = sorted(range(len(usable)), key=lambda i: (-(count * usable[i] % total), i))
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares


@dataclass(frozen=True)
class Lot:
    """One form for everybody: `label` once it is drawn (`draw_form`), None before."""

    label: str | None = None


def seat_everyone(
    entry_nos: Sequence[int], rooms: Sequence[RoomPlan], labels: Sequence[str], seed: int, *, lot: Lot | None = None
) -> list[Place] | TooFewSeats:
    """Places for all of `entry_nos` (in order of admission number), or why not. With a `lot` no form depends on the seat."""
    usable = [room.usable for room in rooms]
    if len(entry_nos) > sum(usable):
        return TooFewSeats(needed=len(entry_nos), usable=sum(usable))
    draw = random.Random(seed)  # noqa: S311 - a draw that anyone can repeat, not a secret
    places: list[Place] = []
    start = 0
    for room, count in zip(rooms, share(len(entry_nos), usable), strict=True):
        here = list(entry_nos[start : start + count])
        start += count
        draw.shuffle(here)
        shift = draw.randrange(len(labels))
        for seat_no, entry_no in enumerate(here, start=1):
            label = lot.label if lot else form_of_seat(seat_no, room.columns, labels, shift)
            places.append(Place(entry_no, room.room_id, seat_no, label))
    return places


@dataclass(frozen=True)
class DrawInput:
    """All that decides which form the lot falls on: what was fixed beforehand, and what nobody could know then.

    `seed` was drawn when the exam session was scheduled and only its SHA-256 made known (`commitment_of`); the instants are those
    of the two people's words at the release. `forms`: (label, digest of the sealed form), by label.
    """

    exam_session_id: int
    paper_set_id: int
    seed: str
    forms: tuple[tuple[str, str], ...]
    first_ms: int
    second_ms: int

    @property
    def text(self) -> str:
        """One line; its SHA-256 decides."""
        forms = ",".join(f"{label}={digest}" for label, digest in self.forms)
        exam = f"{self.exam_session_id}:{self.paper_set_id}"
        return f"jikao-lot-1|{exam}|{self.seed}|{forms}|{self.first_ms}|{self.second_ms}"


def commitment_of(seed: str) -> str:
    """SHA-256 (hex) of the seed: made known when it is drawn, so that nobody can exchange it afterwards."""
    return hashlib.sha256(seed.encode()).hexdigest()


def draw_form(given: DrawInput) -> str:
    """The label the lot falls on: SHA-256 of the line as a number, modulo how many forms there are, counted from 0 by label.

    Anybody can repeat it: `printf '%s' LINE | sha256sum`.
    """
    number = int(hashlib.sha256(given.text.encode()).hexdigest(), 16)
    return sorted(label for label, _digest in given.forms)[number % len(given.forms)]
