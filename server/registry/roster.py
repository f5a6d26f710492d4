"""Rosters: rows of a spreadsheet become candidates, or a list of all mistakes by row and column. Pure.

Nothing is stored from here. A mistake never repeats the ID number; it names the cell.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.registry.admission import number_problem
from server.registry.rules import MINUTE_MS, id_number_problem, sex_from_id
from server.registry.sheets import column_letter

COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("姓名",),
    "sex": ("性别",),
    "id_number": ("身份证号", "身份证号码", "证件号码"),
    "exam_type": ("考试类型", "理论考试"),
    "employer": ("工作单位", "单位"),
    "admission_no": ("准考证号", "准考证号码"),
    "extra_minutes": ("加时(分钟)", "加时（分钟）", "加时"),
}
"""Field -> headings it is known by; the first is the one of the template."""
REQUIRED = ("name", "id_number")
EXAM_TYPES = ("新考", "补考")
MAX_EXTRA_MINUTES = 240
MAX_NAME = 50
MAX_EMPLOYER = 100
HEADER_SEARCH = 10

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+?\d+")


@dataclass(frozen=True)
class Candidate:
    """One row that can be stored. `id_number` is upper case; `admission_no` is empty when one is to be generated."""

    row: int
    name: str
    sex: str
    id_number: str
    exam_type: str = "新考"
    employer: str = ""
    admission_no: str = ""
    extra_ms: int = 0


@dataclass(frozen=True)
class Mistake:
    """What is wrong with one cell and how to mend it (msgids with `params`). `warning`: the row can be taken."""

    row: int
    column: str
    problem: str
    mend: str
    params: dict[str, Any] = field(default_factory=dict)
    warning: bool = False


@dataclass(frozen=True)
class Roster:
    """A file as read: what can be stored and what stands against it. It may be stored when `refused` is False."""

    candidates: list[Candidate]
    mistakes: list[Mistake]

    @property
    def refused(self) -> bool:
        """Whether any mistake is more than a warning, or there is nobody in it."""
        return not self.candidates or any(not mistake.warning for mistake in self.mistakes)


@dataclass(frozen=True)
class Present:
    """What the exam session holds: blind indexes of ID numbers, admission numbers, seats left (None: no rooms yet)."""

    id_indexes: Collection[str] = ()
    admission_nos: Collection[str] = ()
    seats_left: int | None = None


def read_roster(rows: Sequence[Sequence[Any]], present: Present, index_of: Callable[[str], str]) -> Roster:
    """Check every row. `index_of` turns an ID number into its blind index."""
    found = _find_header(rows)
    if isinstance(found, Mistake):
        return Roster([], [found])
    header_row, places = found
    reader = _Reader(places, present, index_of)
    for number, cells in enumerate(rows[header_row + 1 :], start=header_row + 2):
        if any(str(cell).strip() for cell in cells):
            reader.take(number, cells)
    reader.check_capacity()
    return Roster(reader.candidates, sorted(reader.mistakes, key=lambda mistake: (mistake.warning, mistake.row)))


def _find_header(rows: Sequence[Sequence[Any]]) -> tuple[int, dict[str, int]] | Mistake:
    best: dict[str, int] = {}
    for number, cells in enumerate(rows[:HEADER_SEARCH]):
        titles = [re.sub(r"[\s*＊]", "", str(cell)) for cell in cells]
        places = {name: titles.index(title) for name, known in COLUMNS.items() for title in reversed(known) if title in titles}
        if all(name in places for name in REQUIRED):
            return number, places
        best = max(best, places, key=len)
    missing = "、".join(COLUMNS[name][0] for name in REQUIRED if name not in best)
    return Mistake(
        1,
        missing,
        "The heading %(missing)s was not found in the first rows.",
        "Download the template and keep its headings.",
        {"missing": missing},
    )


class _Reader:
    """Collects candidates and mistakes row by row; knows what came before."""

    def __init__(self, places: dict[str, int], present: Present, index_of: Callable[[str], str]) -> None:
        self.places = places
        self.present = present
        self.index_of = index_of
        self.candidates: list[Candidate] = []
        self.mistakes: list[Mistake] = []
        self.id_rows: dict[str, int] = {}
        self.admission_rows: dict[str, int] = {}
        self.row = 0
        self.cells: Sequence[Any] = ()

    def take(self, row: int, cells: Sequence[Any]) -> None:
        """One row: every cell is looked at, so that all its mistakes are told at once."""
        self.row, self.cells = row, cells
        before = sum(not mistake.warning for mistake in self.mistakes)
        id_number = self._id_number()
        candidate = Candidate(
            row=row,
            name=self._name(),
            sex=self._sex(id_number),
            id_number=id_number,
            exam_type=self._exam_type(),
            employer=self._employer(),
            admission_no=self._admission_no(),
            extra_ms=self._extra_minutes() * MINUTE_MS,
        )
        if sum(not mistake.warning for mistake in self.mistakes) == before:
            self.candidates.append(candidate)

    def check_capacity(self) -> None:
        """The rooms of the exam session have to hold everybody."""
        left = self.present.seats_left
        if left is None:
            self._say(1, "—", "The exam session has no rooms yet.", "Choose rooms before seating.", warning=True)
        elif len(self.candidates) > left:
            self._say(
                self.candidates[max(left, 0)].row,
                "—",
                "The rooms have %(left)s free seats for %(count)s candidates.",
                "Add a room to the exam session, or take fewer candidates.",
                left=left,
                count=len(self.candidates),
            )

    def _say(self, row: int, column: str, problem: str, mend: str, *, warning: bool = False, **params: Any) -> None:
        self.mistakes.append(Mistake(row, column, problem, mend, params, warning))

    def _wrong(self, name: str, problem: str, mend: str, *, warning: bool = False, **params: Any) -> None:
        letter = column_letter(self.places[name]) if name in self.places else "—"
        self._say(self.row, f"{letter} {COLUMNS[name][0]}", problem, mend, warning=warning, **params)

    def _cell(self, name: str) -> Any:
        place = self.places.get(name)
        return self.cells[place] if place is not None and place < len(self.cells) else ""

    def _text(self, name: str) -> str:
        value = self._cell(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).strip()

    def _name(self) -> str:
        name = re.sub(r"\s+", " ", self._text("name"))
        if not name:
            self._wrong("name", "The name is missing.", "Enter the name as on the ID card.")
        elif len(name) > MAX_NAME or _CONTROL.search(name):
            self._wrong("name", "The name is too long or has invisible characters.", "Type the name again.")
        return name

    def _id_number(self) -> str:
        value = self._cell("id_number")
        if not isinstance(value, str) or _SCIENTIFIC.fullmatch(value.strip()):
            self._wrong(
                "id_number",
                "The cell holds a number, so its last digits are lost.",
                "Format the column as text, then type the ID number again.",
            )
            return ""
        number = re.sub(r"[\s'’`]", "", value).upper().replace("Ｘ", "X")
        if not number:
            self._wrong("id_number", "The ID number is missing.", "Enter all 18 characters.")
            return ""
        problem = id_number_problem(number)
        if problem:
            self._wrong("id_number", problem, "Compare it with the ID card.")
            return ""
        if number in self.id_rows:
            self._wrong(
                "id_number",
                "The same ID number is in row %(other)s.",
                "Keep one of the two rows.",
                other=self.id_rows[number],
            )
        elif self.index_of(number) in self.present.id_indexes:
            self._wrong("id_number", "This person is already entered in this exam session.", "Delete the row.")
        self.id_rows.setdefault(number, self.row)
        return number

    def _sex(self, id_number: str) -> str:
        sex = self._text("sex")
        by_id = sex_from_id(id_number) if id_number else ""
        if not sex:
            return by_id
        if sex not in {"男", "女"}:
            self._wrong("sex", "The sex is neither 男 nor 女.", "Enter 男 or 女, or leave it empty.")
        elif by_id and sex != by_id:
            self._wrong("sex", "The sex does not match the ID number.", "Compare it with the ID card.", warning=True)
        return sex

    def _exam_type(self) -> str:
        value = self._text("exam_type") or EXAM_TYPES[0]
        if value not in EXAM_TYPES:
            self._wrong("exam_type", "The exam type is neither 新考 nor 补考.", "Enter 新考 or 补考.")
        return value

    def _employer(self) -> str:
        value = self._text("employer")
        if len(value) > MAX_EMPLOYER or _CONTROL.search(value):
            self._wrong("employer", "The employer is too long or has invisible characters.", "Shorten it.")
        return value

    def _admission_no(self) -> str:
        if isinstance(self._cell("admission_no"), float) and abs(self._cell("admission_no")) >= 1e15:
            self._wrong(
                "admission_no",
                "The cell holds a number, so its last digits are lost.",
                "Format the column as text, then type the number again.",
            )
            return ""
        number = self._text("admission_no")
        if not number:
            return ""
        problem = number_problem(number)
        if problem:
            self._wrong("admission_no", problem, "Correct it, or leave the column empty to have numbers generated.")
        elif number in self.admission_rows:
            self._wrong(
                "admission_no",
                "The same admission number is in row %(other)s.",
                "Each candidate needs a number of their own.",
                other=self.admission_rows[number],
            )
        elif number in self.present.admission_nos:
            self._wrong(
                "admission_no",
                "The admission number is already given out in this exam session.",
                "Correct it, or leave the column empty to have numbers generated.",
            )
        self.admission_rows.setdefault(number, self.row)
        return number

    def _extra_minutes(self) -> int:
        value = self._text("extra_minutes") or "0"
        if not (value.isascii() and value.isdigit()) or int(value) > MAX_EXTRA_MINUTES:
            self._wrong(
                "extra_minutes",
                "The extra time is not a whole number of minutes from 0 to %(limit)s.",
                "Enter minutes, or leave it empty.",
                limit=MAX_EXTRA_MINUTES,
            )
            return 0
        return int(value)
