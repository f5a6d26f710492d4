"""Items: kinds, validation, sanitising, and that a public view has no place for a key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from itembank import markup
from itembank.errors import InvalidItem, UnknownKind
from itembank.items import (
    KINDS,
    MAX_OPTION,
    ItemBody,
    ItemKeyData,
    Option,
    PublicItem,
    check_item,
    public_view,
    require_valid,
    write_body,
    write_key,
)

DIGEST = "ab" * 32


def fields(body: ItemBody, key: ItemKeyData, **how: bool) -> list[str]:
    return [problem.field for problem in check_item(body, key, **how)]


def single(*options: str, stem: str = "水的沸点是（ ）。") -> ItemBody:
    return write_body("single", stem, options or ("90 ℃", "100 ℃", "110 ℃", "120 ℃"))


@pytest.mark.parametrize(
    ("correct", "ok"), [((), False), ((1,), True), ((4,), True), ((5,), False), ((1, 2), False), ((2, 2), True)]
)
def test_single_choice_has_exactly_one_key(correct: tuple[int, ...], ok: bool) -> None:
    assert (fields(single(), write_key(correct)) == []) is ok


@pytest.mark.parametrize(("correct", "ok"), [((1,), False), ((1, 2), True), ((1, 2, 3, 4), True), ((1, 5), False)])
def test_multiple_choice_has_two_or_more(correct: tuple[int, ...], ok: bool) -> None:
    body = write_body("multiple", "属于酸的有（ ）。", ["HCl", "NaOH", "HNO3", "KOH"])
    assert (fields(body, write_key(correct)) == []) is ok


def test_one_correct_in_multiple_choice_only_where_allowed() -> None:
    body = write_body("multiple", "属于酸的有（ ）。", ["HCl", "NaOH"])
    assert fields(body, write_key([1])) == ["key"]
    assert fields(body, write_key([1]), allow_one_correct=True) == []
    assert fields(body, write_key([]), allow_one_correct=True) == ["key"]


@pytest.mark.parametrize(("n", "ok"), [(0, False), (1, False), (2, True), (8, True), (9, False)])
def test_number_of_options(n: int, ok: bool) -> None:
    body = write_body("single", "题干", [f"选项{i}" for i in range(n)])
    assert ("options" not in fields(body, write_key([1]))) is ok


def test_true_false_brings_its_own_options() -> None:
    body = write_body("true_false", "水在标准大气压下 100 ℃ 沸腾。", ["对", "错"])
    assert [(option.id, option.html) for option in body.options] == [(1, "正确"), (2, "错误")]
    assert body.fixed_order
    assert fields(body, write_key([2])) == []
    assert fields(body, write_key([1, 2])) == ["key"]
    other = body.model_copy(update={"options": (Option(id=1, html="对"), Option(id=2, html="错"))})
    assert fields(other, write_key([1])) == ["options"]


@pytest.mark.parametrize("stem", ["", "  ", "<p> </p>", "<b></b>", "&nbsp;"])
def test_an_empty_stem_is_refused(stem: str) -> None:
    assert fields(single(stem=stem), write_key([1])) == ["stem"]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("1.5 V", "15 V", False),
        ("5 MΩ", "5 mΩ", False),
        ("m<sup>2</sup>", "m2", False),
        ("1 kg", "1kg", True),
        ("<b>铁</b>", "铁", True),
        (f'<img src="media:{DIGEST}">', f'<img src="media:{"cd" * 32}">', False),
    ],
)
def test_options_are_distinct(a: str, b: str, same: bool) -> None:
    assert ("options.2" in fields(single(a, b), write_key([1]))) is same


def test_problems_name_the_field_and_the_mend() -> None:
    body = single("甲", "", "丙", "甲")
    with pytest.raises(InvalidItem) as caught:
        require_valid(body, write_key([7]))
    found = {problem.field: problem for problem in caught.value.problems}
    assert set(found) == {"options.2", "options.4", "key"}
    assert str(found["options.4"].problem) == "Options A and D are the same."
    assert "G" in str(found["key"].problem)
    assert all(str(problem.mend) for problem in found.values())


def test_an_option_too_long() -> None:
    assert fields(single("甲" * MAX_OPTION, "乙"), write_key([1])) == []
    assert fields(single("甲" * (MAX_OPTION + 1), "乙"), write_key([1])) == ["options.1"]


def test_unknown_kinds_are_refused_by_name() -> None:
    with pytest.raises(UnknownKind) as caught:
        write_body("essay", "论述题")
    assert caught.value.kind == "essay"
    assert "single, multiple, true_false" in str(caught.value)
    with pytest.raises(UnknownKind):
        ItemBody.model_validate({"kind": "essay", "stem_html": "x", "options": []})


def test_a_public_view_has_no_place_for_a_key() -> None:
    shown = {"kind", "stem_html", "options", "fixed_order", "blanks", "unit", "prompts", "stimulus", "stimulus_html"}
    assert set(PublicItem.model_fields) == shown
    assert set(Option.model_fields) == {"id", "html"}
    with pytest.raises(ValidationError):
        PublicItem.model_validate({**public_view(single()).model_dump(), "correct": [1]})
    for kind in KINDS:
        assert public_view(write_body(kind, "题干。", ["甲", "乙"])).kind == kind


def test_models_are_frozen_and_ordered() -> None:
    assert write_key((3, 1, 3)).correct == (1, 3)
    assert write_key((3, 1, 2), kind="ordering").correct == (3, 1, 2)
    with pytest.raises(ValidationError):
        single().stem_html = "x"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        ItemKeyData(correct=(0,))


def test_a_body_survives_json() -> None:
    body = single(f'甲<img src="media:{DIGEST}">', "乙")
    assert ItemBody.model_validate_json(body.model_dump_json()) == body
    assert body.media == frozenset({DIGEST})


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '<img src="x" onerror="alert(1)">',
        '<svg><a xlink:href="javascript:alert(1)"><text>t</text></a></svg>',
        '<a href="javascript:alert(1)">t</a>',
        '<p style="position:fixed">t</p>',
        '<iframe src="https://example.org"></iframe>',
        '<math><mtext><img src=1 onerror="alert(1)"></mtext></math>',
        '<img src="data:image/svg+xml;base64,AAAA">',
        f'<img src="media:{DIGEST}/../x">',
        '<td colspan="2;x">t</td>',
    ],
)
def test_nothing_that_acts_or_fetches_survives(hostile: str) -> None:
    clean = markup.sanitise(hostile).lower()
    for word in ("script", "onerror", "svg", "href", "style", "iframe", "src", "math", "colspan"):
        assert word not in clean


def test_a_picture_without_a_file_is_a_problem() -> None:
    assert fields(single(stem='见图<img src="a.png">'), write_key([1])) == ["stem"]
    assert fields(single(stem=f'见图<img src="media:{DIGEST}">'), write_key([1])) == []


def test_a_stored_body_that_was_never_cleaned_is_refused() -> None:
    body = single().model_copy(update={"stem_html": '<p onclick="x()">题干</p>'})
    assert fields(body, write_key([1])) == ["stem"]


def test_allowed_formatting_stays() -> None:
    source = "<table><tbody><tr><td>H<sub>2</sub>O</td></tr></tbody></table>10<sup>-3</sup>"
    assert markup.sanitise(source) == source
    assert markup.plain_text(source) == "H_{2}O\n10^{-3}"


@settings(deadline=None)
@given(st.text())
def test_text_becomes_html_that_is_already_clean(text: str) -> None:
    made = markup.from_text(text)
    assert markup.sanitise(made) == made


@settings(deadline=None)
@given(st.text(alphabet="<>&\"'=/ abp:;#!-\n") | st.text())
def test_sanitising_twice_changes_nothing(text: str) -> None:
    once = markup.sanitise(text)
    assert markup.sanitise(once) == once
