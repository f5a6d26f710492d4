"""Rosters: all mistakes by row and column, nothing taken that is wrong, no ID number repeated in a message."""

from typing import Any

import pytest

from server.registry.roster import Present, Roster, read_roster
from server.registry.rules import id_check_digit
from server.registry.sheets import Column, UnreadableSheetError, column_letter, read_rows, workbook

HEAD = ["姓名", "性别", "身份证号", "考试类型", "工作单位", "准考证号", "加时(分钟)"]
NOBODY = Present(seats_left=100)


def number(sequence: int, birthday: str = "19900307") -> str:
    """A valid ID number; an odd sequence is male."""
    first = f"330603{birthday}{sequence:03d}"
    return first + id_check_digit(first)


def read(*rows: list[Any], present: Present = NOBODY) -> Roster:
    return read_roster([HEAD, *rows], present, lambda value: f"#{value}")


def problems(roster: Roster) -> list[tuple[int, str, bool]]:
    return [(mistake.row, mistake.column, mistake.warning) for mistake in roster.mistakes]


def test_a_good_roster() -> None:
    roster = read(
        ["王建国", "男", number(1), "新考", "东方电气", "", ""],
        ["李娜", "", number(2).lower(), "补考", "", "A-0001", 10.0],
        ["", "", "", "", "", "", ""],
    )
    assert not roster.mistakes
    assert not roster.refused
    first, second = roster.candidates
    assert (first.name, first.sex, first.row, first.extra_ms) == ("王建国", "男", 2, 0)
    assert (second.sex, second.exam_type, second.extra_ms, second.admission_no) == ("女", "补考", 600_000, "A-0001")
    assert second.id_number == number(2)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (["", "男", number(1)], "A 姓名"),
        (["甲\u202e", "男", number(1)], "A 姓名"),
        (["甲", "M", number(1)], "B 性别"),
        (["甲", "男", ""], "C 身份证号"),
        (["甲", "男", 330603199003070015.0], "C 身份证号"),
        (["甲", "男", 330603199003070015], "C 身份证号"),
        (["甲", "男", "3.30603E+17"], "C 身份证号"),
        (["甲", "男", number(1)[:-1]], "C 身份证号"),
        (["甲", "男", number(1)[:-1] + ("0" if number(1)[-1] != "0" else "1")], "C 身份证号"),
        (["甲", "男", number(1), "重考"], "D 考试类型"),
        (["甲", "男", number(1), "", "x" * 101], "E 工作单位"),
        (["甲", "男", number(1), "", "", "第1号"], "F 准考证号"),
        (["甲", "男", number(1), "", "", 2026112100070012.0], "F 准考证号"),
        (["甲", "男", number(1), "", "", "", "-5"], "G 加时(分钟)"),
        (["甲", "男", number(1), "", "", "", 2.5], "G 加时(分钟)"),
    ],
)
def test_mistakes_name_row_and_column(row: list[Any], column: str) -> None:
    roster = read(row)
    assert problems(roster) == [(2, column, False)]
    assert roster.refused
    for mistake in roster.mistakes:
        assert "330603" not in f"{mistake.problem}{mistake.mend}{mistake.params}"


def test_all_mistakes_of_a_row_at_once() -> None:
    assert len(read(["", "x", "12", "y", "", "?", "z"]).mistakes) == 6


def test_sex_mismatch_is_a_warning_only() -> None:
    roster = read(["甲", "女", number(1)])
    assert problems(roster) == [(2, "B 性别", True)]
    assert not roster.refused
    assert len(roster.candidates) == 1


def test_duplicates_within_the_file_and_against_the_exam_session() -> None:
    roster = read(["甲", "", number(1)], ["乙", "", number(1)])
    assert problems(roster) == [(3, "C 身份证号", False)]
    assert roster.mistakes[0].params == {"other": 2}
    there = Present(id_indexes={f"#{number(3)}"}, admission_nos={"A-01"}, seats_left=10)
    assert problems(read(["甲", "", number(3)], present=there)) == [(2, "C 身份证号", False)]
    assert problems(read(["甲", "", number(5), "", "", "A-01"], present=there)) == [(2, "F 准考证号", False)]
    same = read(["甲", "", number(1), "", "", "A-02"], ["乙", "", number(3), "", "", "A-02"])
    assert problems(same) == [(3, "F 准考证号", False)]


def test_capacity() -> None:
    rows = [["甲", "", number(1)], ["乙", "", number(3)]]
    assert read(*rows, present=Present(seats_left=1)).refused
    assert not read(*rows, present=Present(seats_left=2)).refused
    none = read(*rows, present=Present(seats_left=None))
    assert not none.refused
    assert none.mistakes[0].warning


def test_missing_heading_and_empty_file() -> None:
    missing = read_roster([["姓名", "电话"], ["甲", "1"]], NOBODY, str)
    assert missing.refused
    assert missing.mistakes[0].params == {"missing": "身份证号"}
    assert read_roster([], NOBODY, str).refused
    assert read().refused


def test_title_above_the_heading_and_starred_headings() -> None:
    rows = [["报名表", "", ""], ["*姓名", "* 性别", "*身份证号码"], ["甲", "男", number(1)]]
    roster = read_roster(rows, NOBODY, str)
    assert [candidate.row for candidate in roster.candidates] == [3]


def test_reading_files() -> None:
    rows = [["姓名", "身份证号"], ["=1+1", number(1)]]
    book = workbook("名册", [Column("姓名"), Column("身份证号")], rows[1:])
    assert read_rows(book) == rows
    text = "姓名,身份证号\r\n=1+1," + number(1) + "\r\n"
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        assert read_rows(text.encode(encoding)) == rows
    assert read_rows(text.replace(",", "\t").encode()) == rows


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", b"\xff\xff\xff\x80\x00", b"a\0b"])
def test_unreadable_files(data: bytes) -> None:
    with pytest.raises(UnreadableSheetError):
        read_rows(data)


def test_column_letters() -> None:
    assert [column_letter(i) for i in (0, 25, 26, 51, 52)] == ["A", "Z", "AA", "AZ", "BA"]


def test_exports_hold_no_formula() -> None:
    import io
    import zipfile

    book = workbook("t[]:*", [Column("姓名"), Column("分")], [["=HYPERLINK(1)", 5], ["+1", None], ["@x", 2.5]])
    sheet = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert read_rows(book)[1:] == [["=HYPERLINK(1)", 5.0], ["+1", ""], ["@x", 2.5]]
