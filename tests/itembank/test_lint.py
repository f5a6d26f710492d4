"""Remarks on items: each rule on both sides of its boundary."""

from collections.abc import Sequence
from typing import Any

import pytest

from itembank.items import option_ids, write_body, write_key
from itembank.lint import BATCH_NEEDED, Finding, LintItem, lint, lint_batch

SOURCE = "GBZ/T 001-2020 第 3 条"


def codes(kind: str, stem: str, options: list[str], correct: list[int], source: str = SOURCE) -> list[str]:
    return [finding.code for finding in lint(write_body(kind, stem, options), write_key(correct), source)]


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("水在标准大气压下 100 ℃ 沸腾。", []),
        ("水在标准大气压下 100 ℃ 沸腾。（ ）", []),
        ("水在标准大气压下 100 ℃ 沸腾", ["tf_full_stop"]),
        ("水会沸腾。冰会融化。", ["tf_one_sentence"]),
        ("水是 100 ℃ 沸腾吗？", ["tf_full_stop", "tf_question"]),
        ("密度是质量。 正确答案：密度是质量与体积之比。", ["key_in_stem", "tf_one_sentence"]),
        ("水会沸腾（√）。", ["key_in_blank"]),
    ],
)
def test_true_false_is_one_statement(stem: str, expected: list[str]) -> None:
    assert codes("true_false", stem, [], [1]) == expected


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("以上都是", True),
        ("以上皆非", True),
        ("以上选项均正确。", True),
        ("上述都不对", True),
        ("都对", True),
        ("5 分以上", False),
        ("全部关闭阀门", False),
    ],
)
def test_all_of_the_above(option: str, found: bool) -> None:
    assert ("all_of_the_above" in codes("single", "题干", ["甲", "乙", option], [1])) is found


def test_a_long_option_is_worse_when_it_is_the_key() -> None:
    options = ["关闭进料阀", "打开放空阀", "立即停车并通知班长和调度后按规程处理"]
    body = write_body("single", "应当（ ）。", options)
    assert [(f.code, f.severity) for f in lint(body, write_key([3]), SOURCE)] == [("long_option", "warning")]
    assert [(f.code, f.severity) for f in lint(body, write_key([1]), SOURCE)] == [("long_option", "hint")]
    assert codes("single", "题干", ["甲", "乙", "丙丁戊己"], [3]) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["22.4 L", "2.24 L", "224 L"], []),
        (["22.4 L", "2.24 L", "不能确定其体积"], ["odd_one_out"]),
        (["甲。", "乙。", "丙"], ["option_endings"]),
        (["压力变送器甲", "压力变送器乙", "压力变送器丙"], ["shared_start"]),
        (["甲", "甲。", "乙"], ["same_options", "option_endings"]),
    ],
)
def test_options_are_parallel(options: list[str], expected: list[str]) -> None:
    assert codes("single", "题干", options, [1]) == expected


def test_a_key_in_the_stem_is_an_error_and_comes_first() -> None:
    found = lint(write_body("single", "单位是（C）。", ["甲", "乙", "丙", "以上都是"]), write_key([3]))
    assert (found[0].code, found[0].severity) == ("key_in_blank", "error")
    assert codes("single", "电流（A）的单位是（ ）。", ["甲", "乙", "丙"], [2]) == []
    assert codes("single", "若 P(C) > 0，则正确的是", ["甲", "乙", "丙"], [3]) == []
    assert codes("single", "基因（A）和（B）中显性的是", ["甲", "乙", "丙"], [1]) == []
    assert codes("multiple", "有（ABC）。", ["甲", "乙", "丙"], [1, 2, 3]) == ["key_in_blank"]


def test_source_and_negative_are_hints() -> None:
    found = lint(write_body("single", "下列不正确的是（ ）。", ["甲", "乙", "丙"]), write_key([1]))
    assert {(f.code, f.severity) for f in found} == {("negative_stem", "hint"), ("no_source", "hint")}


def batch(keys: str) -> list[Finding]:
    return lint_batch(LintItem("single", "", ("甲", "乙", "丙", "丁"), ("ABCD".index(key) + 1,), "") for key in keys)


def test_key_balance() -> None:
    assert batch("ABCD" * 10) == []
    assert batch("A" * (BATCH_NEEDED - 1)) == []
    (found,) = batch("A" * BATCH_NEEDED)
    assert found.code == "key_balance"
    assert "A 20 B 0 C 0 D 0" in str(found.message)
    # Chi-square of 12:4:2:2 is 13.6 > 11.34; of 11:5:2:2 it is 10.8.
    assert len(batch("A" * 12 + "BBBB" + "CCDD")) == 1
    assert batch("A" * 11 + "BBBBB" + "CCDD") == []


def test_multiple_choice_and_true_false_are_balanced_apart() -> None:
    items = [LintItem("multiple", "", ("甲", "乙"), (1, 2), "")] * 40
    items += [LintItem("true_false", "", ("正确", "错误"), (n % 2 + 1,), "") for n in range(40)]
    assert lint_batch(items) == []
    assert [f.code for f in lint_batch([LintItem("true_false", "", ("正确", "错误"), (1,), "")] * 40)] == ["key_balance"]


def found_in(
    kind: str, stem: str, options: Sequence[str] = (), prompts: Sequence[str] = (), unit: str = "", **key: Any
) -> list[str]:
    """Codes of the remarks; `correct` of the key by position."""
    ids = option_ids(kind, stem, options)
    correct = [ids[position - 1] for position in key.pop("correct", ())]
    body = write_body(kind, stem, options, prompts=prompts, unit=unit)
    return [finding.code for finding in lint(body, write_key(correct, kind=kind, **key), SOURCE)]


@pytest.mark.parametrize(
    ("stem", "accepted", "expected"),
    [
        ("送电前应当先____。", [["验电"]], []),
        ("送电前先验电，即____。", [["验电", "检验"]], ["answer_in_text"]),
        ("____是送电前的第一步。", [["验电"]], ["blank_first"]),
        ("送电前应当先____。", [["按照规程逐项检查设备并且办理工作票手续后再行操作"]], ["long_answer"]),
        ("额定电压是____伏。", [["220", "220.0"]], ["number_answer"]),
        ("依次____，____，____，____。", [["停"], ["验"], ["挂"], ["封"]], ["many_blanks"]),
    ],
)
def test_blanks(stem: str, accepted: list[list[str]], expected: list[str]) -> None:
    assert found_in("fill_in", stem, accepted=accepted) == expected


@pytest.mark.parametrize(
    ("stem", "unit", "key", "expected"),
    [
        ("电流是多少？", "A", {"number": "22"}, []),
        ("电流是多少？", "A", {"number": "22.5"}, ["no_tolerance"]),
        ("电流是多少（保留一位小数）？", "A", {"number": "22.5"}, []),
        ("电流是多少？", "A", {"number": "22.5", "tolerance": "0.1"}, []),
        ("电流是多少？", "A", {"number": "2", "tolerance": "2"}, ["wide_tolerance"]),
        ("电流是多少？", "", {"number": "22"}, ["no_unit"]),
        ("电压 220 V，是多少伏？", "V", {"number": "220"}, ["answer_in_text"]),
    ],
)
def test_numbers(stem: str, unit: str, key: dict[str, str], expected: list[str]) -> None:
    assert found_in("numeric", stem, unit=unit, **key) == expected


def test_pairs() -> None:
    three, two = ["黄绿双色", "淡蓝色", "红色"], ["保护线", "中性线"]
    assert found_in("matching", "选择颜色。", three, two, correct=[1, 2]) == []
    assert found_in("matching", "选择颜色。", three[:2], two, correct=[1, 2]) == ["equal_sides"]
    assert found_in("matching", "选择颜色。", ["保护线用黄绿双色", *three[1:]], two, correct=[1, 2]) == ["pair_given_away"]
    assert found_in("matching", "选择颜色。", three, ["保护线", "保护线。"], correct=[1, 2]) == ["same_prompts"]


def test_sequences() -> None:
    assert found_in("ordering", "次序：", ["断电", "验电", "挂地线"], correct=[1, 2, 3]) == []
    assert found_in("ordering", "次序：", ["首先断电", "验电", "挂地线"], correct=[1, 2, 3]) == ["order_word"]
    assert found_in("ordering", "次序：", ["断电", "2. 验电", "挂地线"], correct=[1, 2, 3]) == ["numbered_step"]
    assert found_in("ordering", "次序：", ["断电", "验电"], correct=[1, 2]) == ["few_steps"]
