"""What the forms are filled from, on both databases: entries, sittings, incidents, staff acts."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from server.auth.staff import Staff
from server.clock import FakeClock
from server.errors import NotFound
from server.keyring import Keyring
from server.monitor.tables import Incident
from server.records.reading import act_text, heading_of, room_sheets
from server.records.sheets import room_record_data
from server.registry.rules import SessionProfile
from server.registry.tables import ExamSession, ExamSessionRoom
from server.sitting.events import genesis
from server.sitting.tables import JournalEvent, SittingRow
from tests import factories


def officer(institution_id: int, centre_ids: frozenset[int] | None = None) -> Staff:
    return Staff(1, "考务", "officer", institution_id, frozenset({"exam_officer"}), centre_ids)


def credited(exam_id: int, no: int, clock: FakeClock) -> JournalEvent:
    at = int(clock.now().timestamp() * 1000)
    data = {"ms": 180_000, "second": ["staff", 3, "赵敏"], "evidence": ""}
    body = [2, "credited", 1, None, at, ["staff", 2, "孙丽"], "更换键盘", data]
    return JournalEvent(
        exam_session_id=exam_id,
        entry_no=no,
        n=2,
        kind="credited",
        epoch=1,
        at=clock.now(),
        body=json.dumps(body, ensure_ascii=False).encode(),
        head=b"h",
    )


@pytest.fixture
def ended(db: Session, clock: FakeClock, keyring: Keyring) -> tuple[factories.Place, ExamSession]:
    """An exam that is over: six entries, two of them never came, two credited at once, one incident corrected."""
    where = factories.place(db)
    exam_id = factories.exam_session(db, where, clock.now(), state="ended")
    exam = db.get(ExamSession, exam_id)
    assert exam is not None
    exam.opened_at, exam.ended_at = clock.now() - timedelta(minutes=10), clock.now() + timedelta(minutes=25)
    for no in range(1, 7):
        factories.entry(db, where, exam_id, no, keyring)
        opened = clock.now() if no not in {2, 5} else None
        db.add(
            SittingRow(
                exam_session_id=exam_id,
                entry_no=no,
                institution_id=where.institution_id,
                room_id=where.room_id,
                state="ended" if opened else "absent",
                head=genesis(exam_id, no),
                opened_at=opened,
                last_at=clock.now(),
                changed_at=clock.now(),
            )
        )
    for no in (3, 4):
        db.add(credited(exam_id, no, clock))
    person = factories.person(db, where.institution_id, clock.now())
    about: dict[str, Any] = {
        "exam_session_id": exam_id,
        "institution_id": where.institution_id,
        "room_id": where.room_id,
        "recorded_at": clock.now(),
        "recorded_by": person,
        "recorded_name": "孙丽",
        "happened_at": clock.now() + timedelta(minutes=1),
    }
    first = Incident(**about, category="equipment", seat_no=4, text="写错了")
    db.add(first)
    db.flush()
    db.add(Incident(**about, category="equipment", seat_no=3, text="键盘失灵", action_taken="更换", corrects_id=first.id))
    room = db.get(ExamSessionRoom, (exam_id, where.room_id))
    assert room is not None
    room.supervisor_name, room.supervisor_organisation, room.supervisor_at = "周督导", "区人社局", clock.now()
    db.flush()
    return where, exam


def test_the_record_is_filled_from_what_happened(
    db: Session, clock: FakeClock, ended: tuple[factories.Place, ExamSession]
) -> None:
    where, exam = ended
    (sheet,) = room_sheets(db, officer(where.institution_id), exam)
    record = room_record_data(sheet)
    assert (record["expected"], record["present"], record["absent"]) == ("6", "4", "2")
    assert record["absent_text"] == f"2026{exam.id:04d}0002、2026{exam.id:04d}0005"
    assert record["remarks"] == [
        "09:00 机位3、4 补时3分钟：更换键盘（孙丽、赵敏）。",
        "09:01 机位3 设备故障：键盘失灵 处理：更换",
        "09:00 外部质量督导到场：周督导（区人社局）。",
    ]


def test_the_heading_tells_bell_and_end(db: Session, clock: FakeClock, ended: tuple[factories.Place, ExamSession]) -> None:
    where, exam = ended
    heading = heading_of(db, officer(where.institution_id), exam)
    assert heading.starts_at == clock.now()
    assert heading.ends_at == clock.now() + timedelta(minutes=25)
    assert (heading.room_count, heading.per_room) == (1, (6,))
    exam.profile = SessionProfile(bell="chief").to_json()
    assert heading_of(db, officer(where.institution_id), exam).starts_at == exam.opened_at


def test_counts_stay_blank_until_the_end(db: Session, ended: tuple[factories.Place, ExamSession]) -> None:
    where, exam = ended
    exam.state = "open"
    (sheet,) = room_sheets(db, officer(where.institution_id), exam)
    assert sheet.came is None


def test_another_centre_s_room_is_not_there(db: Session, ended: tuple[factories.Place, ExamSession]) -> None:
    where, exam = ended
    elsewhere = factories.place(db, where.institution_id)
    with pytest.raises(NotFound):
        room_sheets(db, officer(where.institution_id, frozenset({elsewhere.centre_id})), exam)
    with pytest.raises(NotFound):
        room_sheets(db, officer(where.institution_id), exam, elsewhere.room_id)


def test_an_act_without_reason_or_second_person() -> None:
    assert act_text(b'[3,"taken_over",2,null,0,["staff",1,"A"],null,{"device":null}]') == "更换机位设备（A）。"
    assert act_text(b'[3,"paused",2,null,0,null,null,{}]') == "暂停。"
