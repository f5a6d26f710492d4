"""Moodle XML in and out."""

import base64

import pytest
from hypothesis import given, settings
from lxml import etree

from itembank.exchange import moodle
from itembank.exchange.item_row import ImportedItem, Reading
from tests.itembank.exchanged import NOW, PICTURES, READING, batches, everything, figure, notes, png, refusals


@settings(deadline=None, max_examples=60)
@given(batches())
def test_what_was_written_comes_back(written: list[ImportedItem]) -> None:
    found = moodle.sort_items(moodle.write_items(written, now=NOW, figures=PICTURES), Reading())
    assert refusals(found) == []
    assert notes(found) == []
    assert everything(found.items) == everything(written)
    used = {digest for item in written for digest in item.body.media}
    assert {digest: found.figures[digest].data for digest in used} == {digest: PICTURES[digest].data for digest in used}


def quiz(*questions: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><quiz>{"".join(questions)}</quiz>'.encode()


def choice(stem: str, *answers: str, more: str = "", kind: str = "multichoice") -> str:
    text = f'<questiontext format="html"><text>{stem}</text></questiontext>'
    return f'<question type="{kind}">{text}{more}{"".join(answers)}</question>'


def answer(text: str, fraction: str = "0", more: str = "") -> str:
    return f'<answer fraction="{fraction}" format="html"><text>{text}</text>{more}</answer>'


RIGHT, WRONG = answer("液体", "100"), answer("固体")


def test_a_question_as_moodle_writes_it() -> None:
    file = f'<file name="泵 1.png" path="/" encoding="base64">{base64.b64encode(png(1)).decode()}</file>'
    question = f"""<question type="category"><category><text>$course$/top/泵/B-C-A-014</text></category></question>
    <question type="multichoice"><name><text>泵的名称</text></name>
    <questiontext format="html">
      <text><![CDATA[<p>图中是（ ）。<img src="@@PLUGINFILE@@/%E6%B3%B5%201.png" alt="泵"></p>]]></text>{file}</questiontext>
    <generalfeedback format="html"><text>因为<i onclick="x">如此</i></text></generalfeedback>
    <single>false</single><shuffleanswers>0</shuffleanswers>
    {answer("甲", "50")}{answer("乙", "50", "<feedback><text>好</text></feedback>")}{answer("&lt;b&gt;丙&lt;/b&gt;", "-100")}
    <tags><tag><text>难度:难</text></tag><tag><text>依据：GB 1</text></tag></tags></question>"""
    found = moodle.sort_items(quiz(question))
    (item,) = found.items
    assert (item.body.kind, item.key.correct, item.body.fixed_order) == ("multiple", (1, 2), True)
    assert item.body.media == {figure(1).digest}
    assert item.body.options[2].html == "<b>丙</b>"
    assert (item.topic_code, item.difficulty, item.source, item.reference) == ("B-C-A-014", 5, "GB 1", "泵的名称")
    assert item.key.rationale_html == "因为<i>如此</i>"
    assert notes(found) == [(1, "Remarks on single options were not taken.")]


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (choice("水？", kind="essay"), "Questions of the type “essay” cannot be taken."),
        (choice("水？", kind="cloze"), "Questions of the type “cloze” cannot be taken."),
        (choice("水是", WRONG, answer("气体")), "There is no key."),
        (choice("水是", RIGHT, answer("水", "100")), "This kind has exactly one correct option, but the key names 2."),
        (choice("水是", RIGHT), "There are 1 options."),
        (choice("&lt;math&gt;x&lt;/math&gt;", RIGHT, WRONG), "The text holds something that cannot be taken: math."),
        (
            choice("&lt;img src='http://example.org/a.png'&gt;", RIGHT, WRONG),
            "The picture “http://example.org/a.png” was not given",
        ),
        (choice("&lt;img src='media:" + "0" * 64 + "'&gt;", RIGHT, WRONG), "The picture “media:000"),
        (choice("水" * 20_001, RIGHT, WRONG), "The text is too long: 20001 characters."),
        (choice("&lt;div&gt;" * 5000, RIGHT, WRONG), "The text is too long."),
    ],
)
def test_what_cannot_be_taken_is_said_and_the_rest_is_taken(question: str, problem: str) -> None:
    found = moodle.sort_items(quiz(question, choice("好题是（ ）。", RIGHT, WRONG)), READING)
    assert [item.row for item in found.items] == [2]
    assert [row for row, _ in refusals(found)] == [1]
    assert refusals(found)[0][1].startswith(problem)


def test_a_picture_inside_the_html_and_one_already_in_the_bank() -> None:
    inside = base64.b64encode(png(1)).decode()
    known = figure(2).digest
    stem = f"&lt;img src='data:image/png;base64,{inside}'&gt; &lt;img src='@@PLUGINFILE@@/{known}.png'&gt;"
    found = moodle.sort_items(quiz(choice(stem, RIGHT, WRONG)), Reading(default_topic="A-001", known_media=frozenset([known])))
    assert found.items[0].body.media == {figure(1).digest, known}
    assert found.figures.keys() == {figure(1).digest}


def test_true_and_false() -> None:
    answers = [answer("true", "0"), answer("false", "100")]
    (item,) = moodle.sort_items(quiz(choice("水是固体。", *answers, kind="truefalse")), READING).items
    assert (item.body.kind, item.key.correct) == ("true_false", (2,))


def test_nothing_but_the_answers_tells_the_key() -> None:
    item = moodle.sort_items(quiz(choice("水是", WRONG, RIGHT, more="<idnumber>7</idnumber>")), READING).items[0]
    tree = etree.fromstring(moodle.write_items([item], now=NOW))
    for fraction in tree.iter("answer"):
        del fraction.attrib["fraction"]
    other = moodle.sort_items(quiz(choice("水是", RIGHT.replace("液体", "固体"), WRONG.replace("固体", "液体"))), READING).items[
        0
    ]
    assert item.body == other.body
    assert b"100" not in etree.tostring(tree)


def test_without_a_key_nothing_is_marked() -> None:
    item = moodle.sort_items(quiz(choice("水是", WRONG, RIGHT)), READING).items[0]
    bare = type("Bare", (), {name: getattr(item, name) for name in ("body", "topic_code", "difficulty", "source", "reference")})
    bare.key = None  # type: ignore[attr-defined]
    assert b'fraction="100"' not in moodle.write_items([bare()], now=NOW)
