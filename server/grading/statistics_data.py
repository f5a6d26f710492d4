"""What statistics are computed from: a marking run's answers as arrays, and who sat where. Loads numpy; for the child process."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlmodel import Session, col

from itembank.items import ItemBody
from itembank.tables import FormSlot, Item, ItemVersion
from server.grading.marking import FormKey, MarkingRules, SlotKey
from server.grading.statistics_flags import is_choice
from server.grading.tables import ItemMark, MarkingRun, Result
from server.registry.seating import grid_position
from server.registry.tables import Centre, Entry, Room

TYPED_GUESS: Final = 0.1
"""Chance to hit a typed or matched answer by luck: certainly less, so that nobody is suspected too easily."""
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SlotItem:
    """The item in one slot. `options`: highest option id, 0 where it is not a choice; `guess`: chance to be right by luck."""

    slot: int
    kind: str
    bank_id: int
    item_id: int
    version_id: int
    version: int
    options: int
    guess: float
    key: SlotKey


@dataclass(frozen=True)
class Seat:
    """Where somebody sat; `row`, `column` in the room's grid, None where no seat is known."""

    entry_no: int
    sex: str
    exam_type: str
    room_id: int | None
    room: str
    centre_id: int | None
    centre: str
    row: int | None
    column: int | None

    @property
    def place(self) -> str:
        """The room, told apart from its namesakes elsewhere."""
        return f"{self.centre} {self.room}".strip()


@dataclass(frozen=True)
class Sheets:
    """Everyone who sat one form and was marked.

    `entries` (people): entry numbers, the order of all rows. `answers`, `marks` (people × slots): bit masks of options (or
    numbers that tell answers apart), 0 for blank; hundredths. `slots`: all of the form, in order. `totals` (people): the
    results in force, in hundredths.
    """

    form_id: int
    label: str
    key: FormKey
    slots: tuple[SlotItem, ...]
    entries: tuple[int, ...]
    answers: Whole
    marks: Whole
    totals: Whole

    @property
    def counted(self) -> list[int]:
        """Columns that take part: items that are not cancelled."""
        return [column for column, one in enumerate(self.slots) if not one.key.cancelled]

    @property
    def full(self) -> int:
        """Full marks of the columns that take part."""
        return sum(self.slots[column].key.marks for column in self.counted)

    def pass_mark(self, rules: MarkingRules) -> int:
        """The sum over the columns that take part with which somebody just passes."""
        if self.full == self.key.full:
            return rules.pass_mark
        if rules.cancelled_item == "full_marks":
            return max(rules.pass_mark - (self.key.full - self.full), 0)
        return -(-rules.pass_mark * self.full // max(self.key.full, 1))


def sheets(db: Session, run: MarkingRun, keys: Mapping[int, FormKey]) -> list[Sheets]:
    """One for each form of the run, in order of its labels."""
    here = (col(Result.exam_session_id) == run.exam_session_id, col(Result.run_no) == run.no)
    marked = db.execute(
        select(col(Result.entry_no), col(Result.form_id), col(Result.total))
        .where(*here, col(Result.state) == "marked")
        .order_by(col(Result.entry_no))
    ).all()
    made = []
    for form in run.forms:
        form_id = int(form["form_id"])
        slots = _slots(db, keys[form_id])
        people = {entry_no: total or 0 for entry_no, of, total in marked if of == form_id}
        answers, marks = _read(db, run, list(people), slots)
        totals = np.array(list(people.values()), dtype=np.int64)
        made.append(Sheets(form_id, str(form["label"]), keys[form_id], slots, tuple(people), answers, marks, totals))
    return made


def _slots(db: Session, key: FormKey) -> tuple[SlotItem, ...]:
    shown: tuple[Any, ...] = (col(FormSlot.slot), col(FormSlot.item_id), col(Item.bank_id))
    shown += (col(ItemVersion.id), col(ItemVersion.version), col(ItemVersion.body))
    rows = db.execute(
        select(*shown)
        .join(ItemVersion, col(ItemVersion.id) == col(FormSlot.item_version_id))
        .join(Item, col(Item.id) == col(FormSlot.item_id))
        .where(col(FormSlot.form_id) == key.form_id)
        .order_by(col(FormSlot.slot))
    ).all()
    found = []
    for slot, item_id, bank_id, version_id, version, body in rows:
        mine = key.slots[slot]
        ids = [option.id for option in ItemBody.model_validate(body).options]
        options = max(ids, default=0) if is_choice(mine.kind) else 0
        found.append(SlotItem(slot, mine.kind, bank_id, item_id, version_id, version, options, guess(mine.kind, len(ids)), mine))
    return tuple(found)


def guess(kind: str, options: int) -> float:
    """Chance to be right by luck. Multiple choice: one of all sets of two and more, for nobody leaves just one or none there."""
    if kind in {"single", "true_false"} and options > 0:
        return 1 / options
    if kind == "multiple" and options > 1:
        return 1 / ((1 << options) - options - 1)
    if kind == "ordering" and options > 0:
        return 1 / factorial(options)
    return TYPED_GUESS


def _read(db: Session, run: MarkingRun, people: Sequence[int], slots: Sequence[SlotItem]) -> tuple[Whole, Whole]:
    """(people × slots) answers and marks; each answer as a mask, or as a number of its own where it is not a choice."""
    row_of = {entry_no: row for row, entry_no in enumerate(people)}
    column_of = {one.slot: column for column, one in enumerate(slots)}
    choice = [one.options > 0 for one in slots]
    codes: list[dict[tuple[Any, ...], int]] = [{} for _one in slots]
    answers = np.zeros((len(people), len(slots)), dtype=np.int64)
    marks = np.zeros_like(answers)
    found = db.execute(
        select(col(ItemMark.entry_no), col(ItemMark.slot), col(ItemMark.response), col(ItemMark.marks))
        .where(col(ItemMark.exam_session_id) == run.exam_session_id, col(ItemMark.run_no) == run.no)
        .execution_options(yield_per=5_000)
    )
    for entry_no, slot, response, earned in found:
        row, column = row_of.get(entry_no), column_of.get(slot)
        if row is None or column is None:
            continue
        marks[row, column] = earned
        if choice[column]:
            answers[row, column] = sum(1 << option - 1 for option in response)
        elif response:
            answers[row, column] = codes[column].setdefault(tuple(response), len(codes[column]) + 1)
    return answers, marks


def key_mask(key: SlotKey) -> int:
    """The right options of a choice as bits; 0 for the others."""
    return sum(1 << option - 1 for option in key.correct) if is_choice(key.kind) else 0


def seats(db: Session, exam_session_id: int) -> dict[int, Seat]:
    """Everybody on the roster by entry number."""
    rows = db.execute(
        select(Entry, Room, Centre)
        .join(Room, col(Room.id) == col(Entry.room_id), isouter=True)
        .join(Centre, col(Centre.id) == col(Room.centre_id), isouter=True)
        .where(col(Entry.exam_session_id) == exam_session_id)
    ).all()
    return {entry.no: _seat(entry, room, centre) for entry, room, centre in rows}


def _seat(entry: Entry, room: Room | None, centre: Centre | None) -> Seat:
    row, column = None, None
    if room is not None and entry.seat_no is not None:
        row, column = grid_position(entry.seat_no, max(room.columns, 1))
    return Seat(
        entry.no,
        entry.sex,
        entry.exam_type,
        entry.room_id,
        room.name if room else "",
        centre.id if centre else None,
        centre.name if centre else "",
        row,
        column,
    )


def near(one: Seat, other: Seat) -> bool:
    """Whether two people sat at most a row and two seats apart. Those who touch have different forms; these can be on one."""
    if None in (one.row, one.column, other.row, other.column) or one.room_id != other.room_id:
        return False
    return abs((one.row or 0) - (other.row or 0)) <= 1 and abs((one.column or 0) - (other.column or 0)) <= 2


@dataclass(frozen=True)
class Focal:
    """A group to look at against all others. `kind`: sex, exam_type, centre, place (a room); `name` as people call it."""

    kind: str
    name: str
    members: npt.NDArray[np.bool_]


def focal_groups(people: Iterable[Seat]) -> list[Focal]:
    """Groups that some belong to and some do not. Of two, the smaller one says it all."""
    everyone = list(people)
    found = []
    for kind in ("sex", "exam_type", "centre", "place"):
        names = [str(getattr(seat, kind)) for seat in everyone]
        counted = Counter(name for name in names if name).most_common()
        for name, _n in counted[1:] if len(counted) == 2 else counted if len(counted) > 2 else []:
            found.append(Focal(kind, name, np.array([one == name for one in names], dtype=np.bool_)))
    return found
