"""Remarks on items: each rule on both sides of its boundary."""

import pytest

from itembank.items import write_body, write_key
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
