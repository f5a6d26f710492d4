"""The rooms of the exam sessions of the coming week: seats to spare, and the checks of the PCs that stand in them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from server.registry import devices, pc_checks
from server.registry.pc_checks import REMEMBERED_FOR, Checked
from server.registry.tables import Entry, ExamSession, ExamSessionRoom, Room
from server.rehearsal.findings import Finding, Verdict, look_if

COMING = timedelta(days=7)
MOST_NAMED = 8
"""PCs named in one line; the page of the checks has them all."""

CHECKS: dict[str, tuple[str, str]] = {
    "browser": ("浏览器", "browser"),
    "secure": ("连接加密", "encrypted connection"),
    "storage": ("本机存储", "storage"),
    "survival": ("重启后存储保留", "storage over a restart"),
    "clock": ("电脑时钟", "clock"),
    "zone": ("时区", "time zone"),
    "network": ("网络", "network"),
    "screen": ("屏幕", "screen"),
}
"""Name of a finding of `registry.pc_rules` -> in words."""


def rooms(session: Session, now: datetime) -> list[Finding]:
    """Spare seats in these rooms."""
    found = []
    for exam, room in _coming(session, now):
        mine = (col(Entry.exam_session_id) == exam.id, col(Entry.room_id) == room.id)
        seated = session.execute(select(func.count()).select_from(Entry).where(*mine)).scalar_one()
        free = room.capacity - seated
        found.append(
            Finding(
                f"空余座位：{exam.title}，{room.name}",
                f"Seats to spare: {exam.title}, {room.name}",
                f"{free} / {room.capacity}",
                look_if(free < max(1, room.spare)),
            )
        )
    return found


def _coming(session: Session, now: datetime) -> list[tuple[ExamSession, Room]]:
    rows = session.execute(
        select(ExamSession, Room)
        .join(ExamSessionRoom, col(ExamSessionRoom.exam_session_id) == col(ExamSession.id))
        .join(Room, col(Room.id) == col(ExamSessionRoom.room_id))
        .where(col(ExamSession.state).in_(("draft", "scheduled")), col(ExamSession.starts_at).between(now, now + COMING))
        .order_by(col(ExamSession.starts_at), col(Room.number))
    )
    return [(exam, room) for exam, room in rows]


def pcs(session: Session, now: datetime) -> list[Finding]:
    """What the PCs in these rooms were found to be; a check older than a month is none.

    One line a room, one line a thing that is wrong, one line for the PCs that stand at no seat yet. A PC at a seat that
    would not do makes the whole not fit: mend it, or put another there.
    """
    places = {room.id: room for _exam, room in _coming(session, now) if room.id is not None}
    if not places:
        return []
    checked = [one for one in pc_checks.latest(session, tuple(places), now) if one.at > now - REMEMBERED_FOR]
    bound = devices.bound_seats(session, tuple(places))
    at_seats = [one for one in checked if one.seat is not None]
    found = []
    for room_id, room in places.items():
        seats = {seat for seat in bound if seat[0] == room_id}
        mine = [one for one in at_seats if one.seat in seats]
        found.append(_line(room.name, room.name, mine, len(seats) - len(mine)))
    loose = [one for one in checked if one.seat is None]
    if loose:
        line = _line("未绑定座位的电脑", "PCs at no seat", loose, 0)
        found.append(Finding(line.zh, line.en, line.value, look_if(line.verdict != "good")))
    return [*found, *_wrong(at_seats, {room_id: room.number for room_id, room in places.items()})]


def _line(zh: str, en: str, checked: Sequence[Checked], unchecked: int) -> Finding:
    counts = Counter(one.state for one in checked)
    shown = {"✓": counts["ok"], "△": counts["warn"], "✗": counts["bad"], "未检查 unchecked": unchecked}
    value = " · ".join(f"{sign} {count}" for sign, count in shown.items() if count)
    verdict: Verdict = "bad" if counts["bad"] else look_if(counts["warn"] > 0 or unchecked > 0 or not checked)
    return Finding(f"电脑检查：{zh}", f"PC checks: {en}", value or "—", verdict)


def _wrong(checked: Sequence[Checked], numbers: dict[int, str]) -> list[Finding]:
    """One line a kind of check that not every PC passed: at which seats."""
    seats: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for one in checked:
        for finding in one.findings:
            if finding.state != "ok" and one.seat is not None:
                seats[finding.state, finding.name].append((numbers[one.seat[0]], one.seat[1]))
    found = []
    for (state, name), where in sorted(seats.items()):
        named = ", ".join(f"{room}-{seat}" for room, seat in sorted(where)[:MOST_NAMED])
        value = f"{named} … ({len(where)})" if len(where) > MOST_NAMED else named
        zh, en = CHECKS[name]
        found.append(Finding(f"电脑须处理：{zh}", f"PCs to see to: {en}", value, "bad" if state == "bad" else "look"))
    return found
