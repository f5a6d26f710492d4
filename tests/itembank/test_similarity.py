"""Identical items: what makes another item and what does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.items import write_body
from itembank.similarity import content_digest, normal_form, normal_text, strip_option_letters


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1.5 V", "15 V"),
        ("5 MΩ", "5 mΩ"),
        ("1/2", "12"),
        ("-5 ℃", "5 ℃"),
        ("−5 ℃", "5 ℃"),
        ("10²", "102"),
        ("10<sup>2</sup>", "102"),
        ("10⁻³", "10³"),
        ("1½", "11/2"),
        ("50%", "50"),
        ("(1、2)", "(12)"),
        ("1 2", "12"),
        (".5 V", "5 V"),
        ("1:2", "12"),
        ("5!", "5"),
        ("①②", "12"),
        ("log₂8", "log28"),
        ("2×(3+4)", "2×3+4"),
        ("㎡", "m2"),
        ("±5", "5"),
        ("≥60", "60"),
        ("pH&lt;7", "pH&gt;7"),
    ],
)
def test_these_are_different(a: str, b: str) -> None:
    assert normal_form(f"为{a}。", []) != normal_form(f"为{b}。", [])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("水的沸点是（  ）。", "水的沸点是(  )"),
        ("水的沸点是____。", "水的沸点是（ ）"),
        ("１．５Ｖ", "1.5 V"),
        ("m³", "m<sup>3</sup>"),
        ("10⁻¹²", "10^-12"),
        ("Ω", "\u2126"),
        ("“安全第一”，预防为主！", "安全第一、预防为主"),
        ("第一行<br>第二行", "<p>第一行</p><p>第二行</p>"),
        ("−5", "-5"),
        ("㎡", "m²"),
    ],
)
def test_these_are_the_same(a: str, b: str) -> None:
    assert normal_form(a, []) == normal_form(b, [])


def digest(stem: str, *options: str, kind: str = "single") -> bytes:
    return content_digest(write_body(kind, stem, options))


def test_order_and_letters_of_options_do_not_matter() -> None:
    plain = digest("题干", "甲", "乙", "丙")
    assert digest("题干", "丙", "甲", "乙") == plain
    assert digest("题干", "（A）甲", "（B）乙", "(C) 丙。") == plain
    assert digest("题干", "A.甲", "B、乙", "C：丙") == plain
    assert digest("题干", "甲", "乙", "丁") != plain


def test_letters_go_only_where_every_option_has_its_own() -> None:
    assert strip_option_letters(["A、B", "B、C", "A、C"]) == ["A、B", "B、C", "A、C"]
    assert strip_option_letters(["A类", "B类"]) == ["A类", "B类"]
    assert strip_option_letters(["a) x", "b) y"]) == ["x", "y"]
    assert strip_option_letters([]) == []


def test_kind_does_not_make_another_item_but_a_picture_does() -> None:
    assert digest("题干", "甲", "乙") == digest("题干", "甲", "乙", kind="multiple")
    first, second = (f'见图<img src="media:{two * 32}">' for two in ("ab", "cd"))
    assert digest(first, "甲", "乙") != digest(second, "甲", "乙")
    assert digest(first, "甲", "乙") == digest(first.replace("见图", "见图："), "甲", "乙")


def test_stem_and_options_are_not_mixed_up() -> None:
    assert digest("题干甲", "乙", "丙") != digest("题干", "甲乙", "丙")


@settings(deadline=None)
@given(st.text())
def test_any_text_has_a_normal_form(text: str) -> None:
    assert normal_text(text) == normal_text(text)
    assert not set(normal_text(text)) & set("，。“” \n")


@settings(deadline=None)
@given(st.lists(st.integers(0, 9999), min_size=1, max_size=5))
def test_numbers_never_run_together(numbers: list[int]) -> None:
    for between in (" ", "、", "，", ", "):
        assert normal_text(between.join(map(str, numbers))).split(",") == [str(number) for number in numbers]
