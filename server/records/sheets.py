"""What is printed on each statutory form: plain data in, PDF bytes out. No SQL here.

Forms follow the 考务记录表 of the published rules: 签到表（理论）, 考场情况记录表（理论）, 座次表 and 成绩汇总表. They are
Chinese whatever the language of the screen, for they are handed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from server.pages import marks
from server.records.typeset import typeset
from server.registry.rules import LEVELS
from server.registry.times import BEIJING

ROWS_PER_PAGE = 20
REMARK_LIMIT = 650
"""Characters of remarks that fit on the form; more go to an annex."""

LEVEL_NUMBERS = {"5": "五级", "4": "四级", "3": "三级", "2": "二级", "1": "一级"}


@dataclass(frozen=True)
class Heading:
    """What every form of an exam session says on top."""

    unit: str
    occupation: str
    level: str
    title: str
    starts_at: datetime
    ends_at: datetime
    room_count: int
    per_room: tuple[int, ...]
    """How many candidates each room holds, in the order of the rooms."""


@dataclass(frozen=True)
class Candidate:
    """One entry as printed."""

    admission_no: str
    name: str
    sex: str
    exam_type: str
    seat_no: int | None = None
    form_label: str = ""
    extra_ms: int = 0


@dataclass(frozen=True)
class RoomSheet:
    """A room as printed. `came` is None while the exam is not over: then the counts stay blank for a pen."""

    number: str
    name: str
    capacity: int
    columns: int
    candidates: tuple[Candidate, ...]
    came: frozenset[str] | None = None
    """Admission numbers of those who opened their paper."""
    remarks: tuple[str, ...] = field(default_factory=tuple)


def level_text(level: str) -> str:
    """'4' -> '四级（中级工）'; a level of the institution's own stays as it is."""
    return f"{LEVEL_NUMBERS[level]}（{LEVELS[level]}）" if level in LEVEL_NUMBERS else level


def time_text(starts_at: datetime, ends_at: datetime) -> str:
    """'2026年11月21日14时00分到15时30分'; the end names its day when it is another."""
    start, end = starts_at.astimezone(BEIJING), ends_at.astimezone(BEIJING)
    day = "" if start.date() == end.date() else f"{end.month}月{end.day}日"
    return f"{start.year}年{start.month}月{start.day}日{start.hour}时{start.minute:02d}分到{day}{end.hour}时{end.minute:02d}分"


def planned_end(starts_at: datetime, duration_ms: int) -> datetime:
    """When the exam ends for whoever has no extra time."""
    return starts_at + timedelta(milliseconds=duration_ms)


def per_room_text(counts: Sequence[int]) -> str:
    """'28' when all rooms hold the same, otherwise '28、28、4'."""
    return str(counts[0]) if counts and len(set(counts)) == 1 else "、".join(map(str, counts))


def _common(heading: Heading, made_at: datetime) -> dict[str, Any]:
    return {
        "unit": heading.unit,
        "occupation": heading.occupation,
        "level": level_text(heading.level),
        "time": time_text(heading.starts_at, heading.ends_at),
        "room_count": str(heading.room_count),
        "per_room": per_room_text(heading.per_room),
        "footer": f"{heading.title}　{made_at.astimezone(BEIJING):%Y-%m-%d %H:%M} 由机考系统生成",
    }


def sign_in_sheet_pdf(heading: Heading, rooms: Sequence[RoomSheet], *, made_at: datetime) -> bytes:
    """签到表（理论）: 20 numbered rows a page, blank rows to the foot of the last page, signatures by hand."""
    sheets = [
        {"room": room.number, "rows": rows}
        for room in rooms
        for rows in _pages([_sign_in_row(i, person) for i, person in enumerate(room.candidates, start=1)], width=7)
    ]
    return typeset("sign_in_sheet", _common(heading, made_at) | {"sheets": sheets}, made_at=made_at)


def _sign_in_row(number: int, person: Candidate) -> list[str]:
    note = f"加时{person.extra_ms / 60_000:g}分" if person.extra_ms else ""
    return [str(number), person.name, person.sex, person.admission_no, person.exam_type, "", note]


def _pages(rows: list[list[str]], *, width: int) -> list[list[list[str]]]:
    """Pages of 20 rows; the last is filled with numbered blank rows."""
    count = max(1, -(-len(rows) // ROWS_PER_PAGE)) * ROWS_PER_PAGE
    full = rows + [[str(i), *[""] * (width - 1)] for i in range(len(rows) + 1, count + 1)]
    return [full[i : i + ROWS_PER_PAGE] for i in range(0, count, ROWS_PER_PAGE)]


def room_record_pdf(heading: Heading, rooms: Sequence[RoomSheet], *, made_at: datetime) -> bytes:
    """考场情况记录表（理论）, one a room, filled in once the exam is over; before that the counts wait for a pen."""
    data = _common(heading, made_at) | {"rooms": [room_record_data(room) for room in rooms]}
    return typeset("room_record", data, made_at=made_at)


def room_record_data(room: RoomSheet) -> dict[str, Any]:
    """The cells of one record."""
    numbers = sorted(person.admission_no for person in room.candidates)
    over = room.came is not None
    absent = [number for number in numbers if room.came is not None and number not in room.came]
    fits = sum(len(line) for line in room.remarks) <= REMARK_LIMIT and len(room.remarks) <= 12
    remarks = list(room.remarks) if fits else [f"共{len(room.remarks)}条，见附页。"]
    if over and not room.remarks:
        remarks = ["考场秩序正常，无异常情况。"]
    return {
        "number": room.number,
        "expected": str(len(numbers)),
        "present": str(len(numbers) - len(absent)) if over else "",
        "absent": str(len(absent)) if over else "",
        "first": numbers[0] if numbers else "",
        "last": numbers[-1] if numbers else "",
        "absent_text": "、".join(absent) or ("无" if over else ""),
        "remarks": remarks,
        "annex": [] if fits else list(room.remarks),
    }


def seat_map_pdf(heading: Heading, rooms: Sequence[RoomSheet], *, made_at: datetime) -> bytes:
    """座次表, one page a room."""
    data = _common(heading, made_at) | {"rooms": [_seats(room) for room in rooms]}
    return typeset("seat_map", data, made_at=made_at)


def _seats(room: RoomSheet) -> dict[str, Any]:
    columns = max(1, room.columns)
    by_seat = {person.seat_no: person for person in room.candidates}
    seats: list[dict[str, str] | None] = []
    for number in range(1, room.capacity + 1):
        person = by_seat.get(number)
        seats.append(
            {
                "number": str(number),
                "name": person.name if person else "",
                "admission_no": person.admission_no if person else "空",
                "form": person.form_label if person else "",
            }
        )
    seats += [None] * (-room.capacity % columns)
    return {"number": room.number, "columns": columns, "seats": seats}


TheoryState = Literal["passed", "failed", "absent", "voided"]
_THEORY_WORDS: dict[str, str] = {"passed": "合格", "failed": "不合格", "absent": "缺考", "voided": "违纪作废"}


@dataclass(frozen=True)
class ScoreLine:
    """One candidate on the 成绩汇总表. `theory_score` in hundredths of a mark, None for absent and voided."""

    name: str
    sex: str
    theory_state: TheoryState
    theory_score: int | None
    skill_state: str = ""
    skill_score: str = ""
    review_score: str = ""


def score_cells(number: int, line: ScoreLine, occupation: str, level: str) -> list[str]:
    """The ten printed columns of one candidate; absent and voided have no score, and a score of 0 is 0."""
    score = "" if line.theory_state in {"absent", "voided"} else marks(line.theory_score or 0)
    theory = _THEORY_WORDS[line.theory_state]
    skill = [line.skill_state, line.skill_score, line.review_score]
    return [str(number), line.name, line.sex, occupation, level_text(level), theory, score, *skill]


def score_summary_pdf(
    *,
    unit: str,
    occupation: str,
    level: str,
    title: str,
    lines: Sequence[ScoreLine],
    reviewer: str,
    made_at: datetime,
) -> bytes:
    """成绩汇总表. `reviewer` is the results officer who checked the machine's marking, empty while nobody has."""
    rows = [score_cells(i, line, occupation, level) for i, line in enumerate(lines, start=1)]
    data = {
        "unit": unit,
        "pages": _pages(rows, width=10),
        "theory_marker": "系统阅卷　　复核：" + reviewer,
        "footer": f"{title}　{made_at.astimezone(BEIJING):%Y-%m-%d %H:%M} 由机考系统生成",
    }
    return typeset("score_summary", data, made_at=made_at)
