"""Fill-in, calculation, matching and ordering items in QTI, Moodle XML and GIFT.

What is written comes back, and what others write is read as its makers mean it.
"""

import pytest
from hypothesis import given, settings

from itembank.exchange import formats, gift, moodle, qti
from itembank.exchange.item_row import ImportedItem
from itembank.items import with_stimulus, write_body, write_key
from itembank.similarity import content_digest
from tests.itembank.exchanged import NOW, PICTURES, READING, TOPIC, batches, everything, notes, refusals
from tests.itembank.test_exchange_moodle import quiz
from tests.itembank.test_exchange_qti import V2, V3

OTHERS = ("fill_in", "numeric", "matching", "ordering")
NAMED = {f"{digest}.png": figure.data for digest, figure in PICTURES.items()}


@pytest.mark.parametrize("code", ["xlsx", "qti_package", "moodle", "gift"])
def test_what_is_written_comes_back(code: str) -> None:
    found = formats.FORMATS[code]
    kinds = [kind for kind in OTHERS if kind in found.holds.kinds]

    @settings(deadline=None, max_examples=40)
    @given(batches(kinds))
    def holds(written: list[ImportedItem]) -> None:
        held = [item for item in written if found.can_hold(item)]
        assert found.write is not None
        if held:
            read = found.read(found.write(held, now=NOW, figures=PICTURES), READING, NAMED)
            assert refusals(read) == []
            assert everything(read.items) == everything(held)

    holds()


def item(kind: str, stem: str, *options: str, **more: object) -> ImportedItem:
    parts = {name: more.pop(name) for name in ("prompts", "unit") if name in more}
    body = write_body(kind, stem, options, **parts)  # type: ignore[arg-type]
    return ImportedItem(1, body, write_key(kind=kind, **more), TOPIC, None, "", "", content_digest(body))  # type: ignore[arg-type]


TWO_BLANKS = item("fill_in", "电压____伏，频率____赫兹。", accepted=[["220"], ["50"]])
ORDER = item("ordering", "排序：", "一", "二", "三", correct=[1, 2, 3])
MATCH = item("matching", "配对：", "m<sup>2</sup>", "米", prompts=["面积", "长度"], correct=[1, 2])


@pytest.mark.parametrize(
    ("code", "one", "reason"),
    [
        ("gift", TWO_BLANKS, "The item is left out: the format holds one blank an item."),
        ("gift", ORDER, "The item is left out: the format has no such kind."),
        ("gift", MATCH, "The item is left out: the options of this kind are plain text there."),
        ("moodle", MATCH, "The item is left out: the options of this kind are plain text there."),
        ("aiken", TWO_BLANKS, "The item is left out: the format has no such kind."),
    ],
)
def test_what_a_format_cannot_hold_is_said_and_left_out(code: str, one: ImportedItem, reason: str) -> None:
    found = formats.FORMATS[code]
    assert not found.can_hold(one)
    assert [str(loss.problem) for loss in formats.losses(found, [one])] == [reason]
    assert found.write is not None
    assert found.read(found.write([one], now=NOW), READING, None).items == ()


def test_the_text_of_a_set_stands_in_front_of_its_questions() -> None:
    body = with_stimulus(TWO_BLANKS.body, "1", "<p>某车间：</p>")
    shared = ImportedItem(1, body, TWO_BLANKS.key, TOPIC, None, "", "", content_digest(body))
    for code in ("qti_package", "moodle"):
        found = formats.FORMATS[code]
        assert "the set is not kept" in str(formats.losses(found, [shared])[0].problem)
        assert found.write is not None
        (read,) = found.read(found.write([shared], now=NOW), READING, None).items
        assert read.body.stem_html == "<p>某车间：</p>电压____伏，频率____赫兹。"


# --- as others write them -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("Two plus {=two =2} equals four.", "fill_in", (("two", "2"),)),
        ("Who's buried in Grant's tomb?{=no one =nobody}", "fill_in", (("no one", "nobody"),)),
        ("When was Ulysses S. Grant born?{#1822:5}", "numeric", ("1822", "5")),
        ("What is the value of pi?{#3.141..3.142}", "numeric", ("3.1415", "0.0005")),
        ("When was he born?{#\n=1822:0\n=%50%1822:2}", "numeric", ("1822", "0")),
        ("Match. {\n=Canada -> Ottawa\n=Italy -> Rome\n= -> Oslo\n}", "matching", ("Ottawa", "Rome")),
    ],
)
def test_gift_as_moodle_s_documents_show_it(text: str, kind: str, key: tuple[object, ...]) -> None:
    found = gift.sort_items(text.encode(), READING)
    assert refusals(found) == []
    (one,) = found.items
    assert one.body.kind == kind
    assert key in (one.key.accepted, (one.key.number, one.key.tolerance), matched(one))


def matched(one: ImportedItem) -> tuple[str, ...]:
    by_id = {option.id: option.html for option in one.body.options}
    return tuple(by_id[option] for option in one.key.correct)


def test_blanks_stand_where_moodle_shows_them() -> None:
    (one,) = gift.sort_items(b"Two plus {=two} equals four.", READING).items
    assert one.body.stem_html == "Two plus ____ equals four."


SHORT = """<question type="shortanswer"><questiontext format="html"><text>水的化学式是？</text></questiontext>
<answer fraction="100"><text>H2O</text></answer><answer fraction="50"><text>水</text></answer></question>"""
NUMBER = """<question type="numerical"><questiontext format="html"><text>电流是多少？</text></questiontext>
<answer fraction="100"><text>22</text><tolerance>0.5</tolerance></answer>
<units><unit><multiplier>1</multiplier><unit_name>A</unit_name></unit>
<unit><multiplier>1000</multiplier><unit_name>mA</unit_name></unit></units></question>"""
CLOZE = """<question type="cloze"><questiontext format="html"><text><![CDATA[<p>电压
{1:SHORTANSWER:=220 V~%100%220V~%50%220#差单位} ，频率
{2:SA:=50\\}&amp;~*}。</p>]]></text></questiontext></question>"""
ORDERED = """<question type="ordering"><questiontext format="html"><text>停电的次序</text></questiontext>
<answer fraction="3.0000000" format="html"><text>挂接地线</text></answer>
<answer fraction="1.0000000" format="html"><text>停电</text></answer>
<answer fraction="2.0000000" format="html"><text>验电</text></answer></question>"""
PAIRS = """<question type="matching"><questiontext format="html"><text>配对</text></questiontext>
<subquestion format="html"><text>电流</text><answer><text>A &lt; 安</text></answer></subquestion>
<subquestion format="html"><text>电压</text><answer><text>V</text></answer></subquestion>
<subquestion format="html"><text></text><answer><text>Ω</text></answer></subquestion></question>"""


def test_moodle_as_moodle_writes_it() -> None:
    found = moodle.sort_items(quiz(SHORT, NUMBER, CLOZE, ORDERED, PAIRS), READING)
    assert refusals(found) == []
    short, number, cloze, ordered, pairs = found.items
    assert (short.body.stem_html, short.key.accepted) == ("水的化学式是？ ____", (("H2O",),))
    assert (number.key.number, number.key.tolerance, number.body.unit) == ("22", "0.5", "A")
    assert cloze.body.stem_html == "<p>电压\n____ ，频率\n____。</p>"
    assert cloze.key.accepted == (("220 V", "220V"), ("50}&",))
    assert matched(ordered) == ("停电", "验电", "挂接地线")
    assert matched(pairs) == ("A &lt; 安", "V")
    assert [prompt.html for prompt in pairs.body.prompts] == ["电流", "电压"]
    assert len(pairs.body.options) == 3
    assert notes(found) == [
        (1, "Marks for partly right options were not taken."),
        (2, "Units other than that of the number were not taken."),
        (3, "Marks for partly right options were not taken."),
        (3, "Remarks on single options were not taken."),
    ]


def declared(name: str, cardinality: str, base: str, *values: str, mapping: str = "") -> str:
    correct = "".join(f"<qti-value>{value}</qti-value>" for value in values)
    return (
        f'<qti-response-declaration identifier="{name}" cardinality="{cardinality}" base-type="{base}">'
        f"<qti-correct-response>{correct}</qti-correct-response>{mapping}</qti-response-declaration>"
    )


def in_version_3(declarations: str, body: str, tail: str = "") -> bytes:
    head = f'<qti-assessment-item {V3} identifier="q" title="t">{declarations}'
    return f"{head}<qti-item-body>{body}</qti-item-body>{tail}</qti-assessment-item>".encode()


def test_blanks_of_qti() -> None:
    more = '<qti-mapping><qti-map-entry map-key="yorke" mapped-value="0.5"/></qti-mapping>'
    declarations = declared("R1", "single", "string", "York", mapping=more) + declared("R2", "single", "string", "Lancaster")
    field = '<qti-text-entry-interaction response-identifier="R{}"/>'
    found = qti.sort_items(in_version_3(declarations, f"<p>From {field.format(1)} to {field.format(2)}!</p>"), READING)
    assert refusals(found) == []
    (one,) = found.items
    assert one.body.stem_html == "<p>From ____ to ____!</p>"
    assert one.key.accepted == (("York", "yorke"), ("Lancaster",))


@pytest.mark.parametrize(
    ("processing", "tolerance"),
    [
        ('<qti-equal tolerance-mode="absolute" tolerance="0.5 0.5"><qti-variable identifier="R"/></qti-equal>', "0.5"),
        ('<qti-equal tolerance-mode="exact"/>', "0"),
        ('<qti-equal tolerance-mode="relative" tolerance="5 5"/>', "0"),
    ],
)
def test_a_number_of_qti(processing: str, tolerance: str) -> None:
    tail = f"<qti-response-processing><qti-response-condition>{processing}</qti-response-condition></qti-response-processing>"
    body = '<p>I = <qti-text-entry-interaction response-identifier="R"/> A</p>'
    found = qti.sort_items(in_version_3(declared("R", "single", "float", "22"), body, tail), READING)
    (one,) = found.items
    assert (one.body.kind, one.body.stem_html, one.key.number, one.key.tolerance) == (
        "numeric", "<p>I = ____ A</p>", "22", tolerance,
    )  # fmt: skip
    assert bool(notes(found)) is ("relative" in processing)


def test_matching_of_version_2() -> None:
    text = f"""<assessmentItem {V2} identifier="m" title="t">
    <responseDeclaration identifier="RESPONSE" cardinality="multiple" baseType="directedPair">
      <correctResponse><value>C R</value><value>D M</value></correctResponse></responseDeclaration>
    <itemBody><matchInteraction responseIdentifier="RESPONSE" shuffle="true" maxAssociations="2"><prompt>配对</prompt>
      <simpleMatchSet><simpleAssociableChoice identifier="C" matchMax="1">Capulet</simpleAssociableChoice>
        <simpleAssociableChoice identifier="D" matchMax="1">Demetrius</simpleAssociableChoice></simpleMatchSet>
      <simpleMatchSet><simpleAssociableChoice identifier="M" matchMax="4">梦</simpleAssociableChoice>
        <simpleAssociableChoice identifier="R" matchMax="4">剧</simpleAssociableChoice></simpleMatchSet>
    </matchInteraction></itemBody></assessmentItem>"""
    found = qti.sort_items(text.encode(), READING)
    assert refusals(found) == []
    assert matched(found.items[0]) == ("剧", "梦")
    one_to_none = qti.sort_items(text.replace("<value>D M</value>", "").encode(), READING)
    assert refusals(one_to_none) == [(1, "The key does not give each line exactly one option.")]


def test_ordering_of_version_3() -> None:
    choices = "".join(f'<qti-simple-choice identifier="{name}">{name}车手</qti-simple-choice>' for name in "ABC")
    body = f'<qti-order-interaction response-identifier="R" shuffle="true"><qti-prompt>谁先到？</qti-prompt>{choices}'
    found = qti.sort_items(
        in_version_3(declared("R", "ordered", "identifier", "C", "A", "B"), f"{body}</qti-order-interaction>"), READING
    )
    assert refusals(found) == []
    assert matched(found.items[0]) == ("C车手", "A车手", "B车手")


def test_without_its_key_an_item_of_qti_gives_nothing_away() -> None:
    for one in (TWO_BLANKS, ORDER, item("numeric", "求电流", unit="A", number="22", tolerance="0.125", units=["安培"])):
        bare = ImportedItem(1, one.body, None, TOPIC, None, "", "", one.digest)  # type: ignore[arg-type]
        text = qti.write_item([bare], now=NOW).decode()
        assert "correct-response" not in text
        for secret in ("220", "0.125", "安培"):
            assert secret not in text
