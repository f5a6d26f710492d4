"""The statutory forms: what stands in which cell, and that a PDF comes out with the text in it."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.records import sheets, typeset
from server.records.sheets import (
    Candidate,
    Heading,
    RoomSheet,
    ScoreLine,
    per_room_text,
    room_record_data,
    room_record_pdf,
    score_cells,
    score_summary_pdf,
    seat_map_pdf,
    sign_in_sheet_pdf,
    time_text,
)

STARTS = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MADE = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
HEADING = Heading("示范评价机构", "电工（6-31-01-03）", "4", "场次一", STARTS, STARTS + timedelta(minutes=90), 2, (3, 25))
NAMES = ("王建国", '#eval("1")', "*李娜*", "𠮷田", "阿卜杜热合曼·买买提·吐尔逊")


def people(count: int) -> tuple[Candidate, ...]:
    return tuple(Candidate(f"20261121{i:04d}", NAMES[i % len(NAMES)], "男", "新考", i, "ABC"[i % 3]) for i in range(1, count + 1))


def text_of(pdf: bytes, tmp_path: Path) -> list[str]:
    """Text of each page, white space removed."""
    assert pdf.startswith(b"%PDF-")
    file = tmp_path / "form.pdf"
    file.write_bytes(pdf)
    out = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, check=True).stdout.decode()
    return ["".join(page.split()) for page in out.split("\f")[:-1]]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (20, 1), (21, 2), (40, 2), (41, 3)])
def test_sign_in_sheet_has_twenty_rows_a_page(count: int, pages: int, tmp_path: Path) -> None:
    room = RoomSheet("1", "机房", 60, 6, people(count))
    found = text_of(sign_in_sheet_pdf(HEADING, [room], made_at=MADE), tmp_path)
    assert len(found) == pages
    for page in found:
        assert "签到表（理论）" in page
        assert "评价单位：示范评价机构" in page
        assert "第1考场" in page
    if count >= 4:
        assert '#eval("1")' in found[0]
        assert "*李娜*" in found[0]


def test_room_record_before_and_after_the_exam() -> None:
    before = room_record_data(RoomSheet("2", "机房", 30, 6, people(5)))
    assert (before["expected"], before["present"], before["absent"], before["absent_text"]) == ("5", "", "", "")
    came = frozenset({"202611210001", "202611210003", "202611210005"})
    after = room_record_data(RoomSheet("2", "机房", 30, 6, people(5), came))
    assert (after["expected"], after["present"], after["absent"]) == ("5", "3", "2")
    assert after["absent_text"] == "202611210002、202611210004"
    assert (after["first"], after["last"]) == ("202611210001", "202611210005")
    assert after["remarks"] == ["考场秩序正常，无异常情况。"]
    full = room_record_data(RoomSheet("2", "机房", 30, 6, people(2), frozenset({"202611210001", "202611210002"})))
    assert full["absent_text"] == "无"


def test_long_remarks_go_to_an_annex(tmp_path: Path) -> None:
    lines = tuple(f"14:{i:02d} 机位{i} 设备故障：更换设备后继续作答。" for i in range(30))
    room = RoomSheet("1", "机房", 30, 6, people(5), frozenset(), lines)
    assert room_record_data(room)["remarks"] == ["共30条，见附页。"]
    pages = text_of(room_record_pdf(HEADING, [room], made_at=MADE), tmp_path)
    assert "附页" in pages[1]
    assert "14:29机位29" in "".join(pages)
    short = RoomSheet("1", "机房", 30, 6, people(5), frozenset(), lines[:3])
    assert len(text_of(room_record_pdf(HEADING, [short, short], made_at=MADE), tmp_path)) == 2


def test_the_whole_record_as_printed(tmp_path: Path) -> None:
    room = RoomSheet("1", "机房", 30, 6, people(5), frozenset({"202611210001"}))
    (page,) = text_of(room_record_pdf(HEADING, [room], made_at=MADE), tmp_path)
    for words in (
        "评价单位（盖章）：示范评价机构",
        "认定职业电工（6-31-01-03）",
        "四级（中级工）",
        "2026年11月21日14时00分到15时30分",
        "202611210001——202611210005",
        "总监考人签名",
        "监考人签名",
        "3、25",
    ):
        assert words in page, words


def test_seat_map_names_seat_and_form(tmp_path: Path) -> None:
    room = RoomSheet("1", "机房", 14, 4, people(10))
    (page,) = text_of(seat_map_pdf(HEADING, [room], made_at=MADE), tmp_path)
    assert "座次表（理论）" in page
    assert "202611210010" in page
    assert page.count("空") == 4


def test_score_cells_tell_absent_voided_and_zero_apart() -> None:
    def cells(state: sheets.TheoryState, score: int | None) -> list[str]:
        return score_cells(1, ScoreLine("甲", "男", state, score), "电工", "4")[5:7]

    assert cells("passed", 8650) == ["合格", "86.5"]
    assert cells("failed", 0) == ["不合格", "0"]
    assert cells("absent", None) == ["缺考", ""]
    assert cells("voided", 8000) == ["违纪作废", ""]


def test_score_summary(tmp_path: Path) -> None:
    lines = [ScoreLine(f"考生{i}", "女", "passed", 6000 + i) for i in range(21)] + [ScoreLine("乙", "男", "absent", None)]
    pdf = score_summary_pdf(
        unit="示范评价机构", occupation="电工", level="4", title="场次一", lines=lines, reviewer="赵敏", made_at=MADE
    )
    pages = text_of(pdf, tmp_path)
    assert len(pages) == 2
    assert "系统阅卷复核：赵敏" in pages[0]
    assert "缺考" in pages[1]


def test_the_same_data_gives_the_same_bytes() -> None:
    room = RoomSheet("1", "机房", 14, 4, people(10))
    assert seat_map_pdf(HEADING, [room], made_at=MADE) == seat_map_pdf(HEADING, [room], made_at=MADE)


def test_without_a_chinese_font_nothing_is_printed() -> None:
    assert typeset.chinese_families(["DejaVu Sans", "simsun", "Noto Sans CJK SC"]) == ["simsun", "Noto Sans CJK SC"]
    with pytest.raises(typeset.NoChineseFontError) as problem:
        typeset.chinese_families(["DejaVu Sans"])
    assert "fonts-noto-cjk" in problem.value.message


def test_times_and_counts() -> None:
    assert time_text(STARTS, STARTS + timedelta(hours=11)).endswith("14时00分到11月22日1时00分")
    assert per_room_text((28, 28)) == "28"
    assert per_room_text((28, 4)) == "28、4"
    assert per_room_text(()) == ""
