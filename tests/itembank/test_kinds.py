"""Fill-in, calculation, matching, ordering, shared texts: what is valid, how ids are given, that old JSON stays what it was."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank import markup
from itembank.items import (
    CASE_SET,
    ItemBody,
    ItemKeyData,
    Option,
    check_item,
    number_of,
    option_ids,
    public_view,
    section_name_zh,
    text_form,
    with_stimulus,
    with_unit,
    write_body,
    write_key,
)
from itembank.packages import PublicSlot
from itembank.sealing import digest
from tests.kinds import STIMULUS, written


def fields(body: ItemBody, key: ItemKeyData) -> list[str]:
    return [problem.field for problem in check_item(body, key)]


def texts(*blanks: list[str]) -> ItemKeyData:
    return write_key(kind="fill_in", accepted=blanks)


def number(value: str, tolerance: str = "", units: tuple[str, ...] = ()) -> ItemKeyData:
    return write_key(kind="numeric", number=value, tolerance=tolerance, units=units)


def test_the_items_of_all_kinds_are_valid() -> None:
    assert [check_item(one.body, one.key) for one in written()] == [[]] * 8


@pytest.mark.parametrize(
    ("stem", "blanks"),
    [
        ("无空。", 0),
        ("____", 1),
        ("a___b__c", 1),
        ("<p>一____二</p><p>三<b>____</b>四</p>", 2),
        ("__<b>__</b>__", 0),
        ("（　　）", 0),
        ("\\(x____y\\)____", 1),
        (f'<img src="media:{"ab" * 32}" alt="____">____', 1),
    ],
)
def test_blanks_are_counted_as_the_page_shows_them(stem: str, blanks: int) -> None:
    assert write_body("fill_in", stem).blanks == markup.blanks_in(markup.sanitise(stem)) == blanks


FILL = write_body("fill_in", "甲____乙____。")
ONE = write_body("fill_in", "甲____。")
CALC = write_body("numeric", "求值。", unit="V")
PAIR = write_body("matching", "配对。", ["a", "b", "c"], prompts=["x", "y"])
SEQUENCE = write_body("ordering", "排序。", ["a", "b", "c"])


@pytest.mark.parametrize(
    ("body", "key", "wrong"),
    [
        (FILL, texts(["a"], ["b"]), []),
        (FILL, texts(["a"]), ["key"]),
        (FILL, texts(["a"], [" "]), ["key"]),
        (FILL, texts(["a"], ["x" * 201]), ["key"]),
        (FILL, texts(["a"], [str(n) for n in range(21)]), ["key"]),
        (FILL, write_key([1]), ["key"]),
        (FILL, number("1"), ["key"]),
        (write_body("fill_in", "没有空。"), texts(), ["stem"]),
        (write_body("fill_in", "____" + "、____" * 8), texts(*[["a"]] * 9), ["stem"]),
        (ONE.model_copy(update={"blanks": 2}), texts(["a"], ["b"]), ["stem"]),
        (ONE.model_copy(update={"options": (Option(id=1, html="a"),)}), texts(["a"]), ["options"]),
        (CALC, number("12.5", "0.1", ("伏",)), []),
        (CALC, number("１２．５"), []),
        (CALC, number("12,5"), ["key"]),
        (CALC, number("十二"), ["key"]),
        (CALC, number(""), ["key"]),
        (CALC, number("1", "-1"), ["key"]),
        (CALC, number("1", "约"), ["key"]),
        (CALC, number("1", units=("3V",)), ["key"]),
        (CALC, number("1", units=tuple("abcdefghijk")), ["key"]),
        (write_body("numeric", "求值。", unit="V" * 21), number("1"), ["unit"]),
        (write_body("single", "选。", ["a", "b"], unit="V"), write_key([1]), ["unit"]),
        (PAIR, write_key([2, 1], kind="matching"), []),
        (PAIR, write_key([2, 2], kind="matching"), ["key"]),
        (PAIR, write_key([2], kind="matching"), ["key"]),
        (PAIR, write_key([2, 9], kind="matching"), ["key"]),
        (
            write_body("matching", "配对。", ["a", "b"], prompts=["x", "y", "z"]),
            write_key([1, 2, 1], kind="matching"),
            ["options", "key"],
        ),
        (write_body("matching", "配对。", ["a", "b"], prompts=["x"]), write_key([1], kind="matching"), ["prompts"]),
        (write_body("matching", "配对。", ["a", "b"], prompts=["x", "x"]), write_key([1, 2], kind="matching"), ["prompts.2"]),
        (
            write_body("matching", "配对。", list("abcdefghijk"), prompts=["x", "y"]),
            write_key([1, 2], kind="matching"),
            ["options"],
        ),
        (write_body("single", "选。", ["a", "b"], prompts=["x", "y"]), write_key([1]), ["prompts"]),
        (SEQUENCE, write_key([3, 1, 2], kind="ordering"), []),
        (SEQUENCE, write_key([3, 1], kind="ordering"), ["key"]),
        (SEQUENCE, write_key([3, 1, 1], kind="ordering"), ["key"]),
        (write_body("ordering", "排序。", ["a"]), write_key([1], kind="ordering"), ["options"]),
        (write_body("ordering", "排序。", ["a", "a"]), write_key([1, 2], kind="ordering"), ["options.2"]),
        (with_stimulus(ONE, "7", STIMULUS), texts(["a"]), []),
        (with_stimulus(ONE, "7", ""), texts(["a"]), ["stimulus"]),
        (with_stimulus(ONE, "", STIMULUS), texts(["a"]), ["stimulus"]),
        (with_stimulus(ONE, "7", "<script>x</script>甲"), texts(["a"]), ["stimulus"]),
    ],
)
def test_every_fault_is_named(body: ItemBody, key: ItemKeyData, wrong: list[str]) -> None:
    found = check_item(body, key)
    assert [problem.field for problem in found] == wrong
    assert all(str(problem.problem) and str(problem.mend) for problem in found)


@given(
    st.lists(st.text("甲乙丙丁戊", min_size=1, max_size=4), min_size=2, max_size=8, unique=True),
    st.randoms(use_true_random=False),
)
def test_ids_do_not_tell_the_order_written(options: list[str], rng: object) -> None:
    """The same options in any order are numbered alike, so the numbers can say nothing about the order of writing."""
    body = write_body("ordering", "排序。", options)
    ids = option_ids("ordering", "排序。", options)
    assert {option.id: option.html for option in body.options} == dict(zip(ids, options, strict=True))
    again = list(options)
    rng.shuffle(again)  # type: ignore[attr-defined]
    assert write_body("ordering", "排序。", again) == body
    assert option_ids("single", "排序。", options) == tuple(range(1, len(options) + 1))


def test_options_numbered_as_written_are_refused() -> None:
    forged = SEQUENCE.model_copy(
        update={"options": tuple(Option(id=n, html=one.html) for n, one in enumerate(reversed(SEQUENCE.options), 1))}
    )
    assert fields(forged, write_key([1, 2, 3], kind="ordering")) == ["options"]


def test_what_was_stored_before_there_were_these_kinds_keeps_its_bytes() -> None:
    body = write_body("single", "水的沸点是（ ）。", ["90 ℃", "100 ℃"])
    plain = {
        "kind": "single",
        "stem_html": "水的沸点是（ ）。",
        "options": [{"id": 1, "html": "90 ℃"}, {"id": 2, "html": "100 ℃"}],
        "fixed_order": False,
    }
    assert body.model_dump(mode="json") == plain
    assert digest(plain) == digest(body.model_dump(mode="json"))
    assert write_key([2]).model_dump(mode="json") == {"correct": [2], "rationale_html": ""}
    slot = PublicSlot(slot=1, marks=100, **dict(public_view(body)))
    assert json.loads(slot.model_dump_json()) == plain | {"slot": 1, "marks": 100}


@pytest.mark.parametrize("one", written(), ids=lambda one: one.body.kind)
def test_bodies_and_keys_survive_json(one: object) -> None:
    from tests.kinds import Written

    assert isinstance(one, Written)
    body = with_stimulus(one.body, "7", STIMULUS)
    assert ItemBody.model_validate_json(body.model_dump_json()) == body
    assert ItemKeyData.model_validate_json(one.key.model_dump_json()) == one.key
    assert public_view(body).stimulus_html == STIMULUS


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("２２０ Ｖ，交流 电", "220v,交流电"),
        ("  No   Load ", "no load"),
        ("1 2", "1 2"),
        ("“三相”", '"三相"'),
        ("50 Hz", "50hz"),
        ("m²", "m2"),
    ],
)
def test_texts_are_compared_by_form(text: str, form: str) -> None:
    assert text_form(text) == form
    assert text_form(text_form(text)) == form


@given(st.text(max_size=60))
def test_no_text_breaks_the_forms(text: str) -> None:
    assert text_form(text_form(text)) == text_form(text)
    found = number_of(text, ["V"])
    assert found is None or found.is_finite()


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1,234.5", "1234.5"),
        ("−3.", "-3"),
        ("5 kV", "5"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("V", None),
        ("e5", None),
        ("1e999", None),
    ],
)
def test_numbers(typed: str, value: str | None) -> None:
    assert number_of(typed, ["V", "kV"]) == (None if value is None else Decimal(value))


def test_the_printed_unit_may_be_typed() -> None:
    assert with_unit(number("1", units=("伏", "V")), "V").units == ("V", "伏")
    assert with_unit(number("1"), "").units == ()


def test_a_section_of_case_sets_has_a_heading() -> None:
    assert (section_name_zh(CASE_SET), section_name_zh("fill_in")) == ("案例题", "填空题")
