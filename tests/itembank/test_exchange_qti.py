"""QTI in (2.x, 3.0; items and packages) and out (3.0)."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from lxml import etree

from itembank.exchange import formats, qti
from itembank.exchange.item_row import ImportedItem, Reading
from tests.itembank.exchanged import (
    NOW,
    PICTURES,
    READING,
    batches,
    everything,
    figure,
    items,
    notes,
    png,
    refusals,
    valid,
    zipped,
)


@settings(deadline=None, max_examples=60)
@given(batches())
def test_a_package_gives_back_what_was_written(written: list[ImportedItem]) -> None:
    found = qti.sort_items(qti.write_package(written, now=NOW, figures=PICTURES), Reading())
    assert refusals(found) == []
    assert notes(found) == []
    assert everything(found.items) == everything(written)
    used = {digest for item in written for digest in item.body.media}
    assert used == found.figures.keys()


@settings(deadline=None, max_examples=40)
@given(items().filter(valid))
def test_a_single_item_gives_back_what_was_written(item: ImportedItem) -> None:
    found = qti.sort_items(qti.write_item([item], now=NOW, figures=PICTURES), Reading())
    assert refusals(found) == []
    assert everything(found.items) == everything([item])


V3 = 'xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0"'
V2 = 'xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1"'


def item3(body: str, key: str = "B", *, cardinality: str = "single", head: str = "", tail: str = "") -> str:
    values = "".join(f"<qti-value>{one}</qti-value>" for one in key)
    return f"""<?xml version="1.0" encoding="UTF-8"?><qti-assessment-item {V3} identifier="q1" title="标题">{head}
    <qti-response-declaration identifier="R" cardinality="{cardinality}" base-type="identifier">
      <qti-correct-response>{values}</qti-correct-response></qti-response-declaration>
    <qti-item-body>{body}</qti-item-body>{tail}</qti-assessment-item>"""


def choice3(prompt: str = "水是", a: str = "固体", b: str = "液体", more: str = "") -> str:
    return f"""<qti-choice-interaction response-identifier="R" shuffle="true" max-choices="1">
      <qti-prompt>{prompt}</qti-prompt>
      <qti-simple-choice identifier="A">{a}</qti-simple-choice>
      <qti-simple-choice identifier="B">{b}</qti-simple-choice>{more}</qti-choice-interaction>"""


def test_an_item_of_version_3() -> None:
    more = '<qti-simple-choice identifier="C">气<sub>2</sub></qti-simple-choice>'
    body = f"<p>看图：</p>\n   {choice3(more=more)}<p>选一个。</p>"
    (item,) = qti.sort_items(item3(body, "BC", cardinality="multiple").replace('"1">', '"2">').encode(), READING).items
    assert item.body.stem_html == "<p>看图：</p>\n<p>水是</p>\n<p>选一个。</p>"
    assert [option.html for option in item.body.options] == ["固体", "液体", "气<sub>2</sub>"]
    assert (item.body.kind, item.key.correct, item.body.fixed_order, item.reference) == ("multiple", (2, 3), False, "q1")


def test_an_item_of_version_2() -> None:
    text = f"""<assessmentItem {V2} identifier="x" title="t" adaptive="false" timeDependent="false">
    <responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier">
      <correctResponse><value>c2</value></correctResponse></responseDeclaration>
    <itemBody><p>离心泵启动前应关闭出口阀。</p>
      <choiceInteraction responseIdentifier="RESPONSE" shuffle="false" maxChoices="1">
        <simpleChoice identifier="c1">错误</simpleChoice><simpleChoice identifier="c2">正确<feedbackInline
          outcomeIdentifier="F" identifier="c2" showHide="show">对了</feedbackInline></simpleChoice>
      </choiceInteraction></itemBody></assessmentItem>"""
    found = qti.sort_items(text.encode(), READING)
    (item,) = found.items
    assert (item.body.kind, item.key.correct) == ("true_false", (1,))
    assert item.body.stem_html == "<p>离心泵启动前应关闭出口阀。</p>"
    assert notes(found) == [(1, "Feedback and rubrics inside the item were not taken.")]


def test_the_key_may_be_given_by_marks() -> None:
    mapping = (
        '<qti-mapping><qti-map-entry map-key="A" mapped-value="0"/><qti-map-entry map-key="B" mapped-value="1"/></qti-mapping>'
    )
    text = item3(choice3(), "").replace("</qti-correct-response>", f"</qti-correct-response>{mapping}")
    found = qti.sort_items(text.encode(), READING)
    assert found.items[0].key.correct == (2,)
    assert notes(found) == [(1, "The key was taken from the marks the options earn.")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (item3("<p>写<qti-upload-interaction response-identifier='R'/></p>"), "Questions of the type “uploadinteraction”"),
        (item3(f"<p><qti-text-entry-interaction response-identifier='R'/></p>{choice3()}"), "The item asks 2 questions at once."),
        (item3("<p>无</p>"), "Questions of the type “description”"),
        (item3(choice3() + choice3("又是")), "The item asks 2 questions at once."),
        (item3(choice3(), "Z"), "The key names option Z, which does not exist."),
        (item3(choice3(), ""), "There is no key."),
        (item3(choice3(), cardinality="ordered"), "The item does not say how its answers are recorded."),
        (item3(choice3(), head="<qti-assessment-stimulus-ref href='s.xml'/>"), "The item belongs to a shared text"),
        (item3(choice3(), head="<qti-template-declaration identifier='T'/>"), "The item is a template"),
        (
            item3(choice3("<m:math xmlns:m='http://www.w3.org/1998/Math/MathML'/>")),
            "The text holds something that cannot be taken: math.",
        ),
        (item3(choice3("<object data='a.mp4' type='video/mp4'/>")), "The text holds something that cannot be taken: object."),
        (item3(choice3("<img src='a.png' alt=''/>")), "The picture “a.png” was not given"),
        (f"<qti-assessment-item {V3}/>", "The item has no body."),
    ],
)
def test_what_cannot_be_taken_is_said(text: str, problem: str) -> None:
    found = qti.sort_items(text.encode(), READING)
    assert found.items == ()
    assert refusals(found)[0][1].startswith(problem)


def package(items_: dict[str, str], more: dict[str, bytes | str] | None = None, metadata: str = "") -> bytes:
    resources = "".join(
        f'<resource identifier="r{n}" type="imsqti_item_xmlv3p0" href="{name}"><metadata>{metadata}</metadata></resource>'
        for n, name in enumerate(items_)
    )
    manifest = f'<manifest xmlns="http://www.imsglobal.org/xsd/imscp_v1p1"><resources>{resources}</resources></manifest>'
    return zipped({"imsmanifest.xml": manifest, **items_, **(more or {})})


LOM = """<lom xmlns="http://ltsc.ieee.org/xsd/LOM"><general><identifier><entry>N-7</entry></identifier></general>
<educational><difficulty><value>very difficult</value></difficulty></educational>
<relation><resource><description><string>GB 1</string></description></resource></relation>
<classification><taxonPath><taxon><id>B-C-A-014</id></taxon></taxonPath></classification></lom>"""


def test_a_package_with_pictures_and_metadata() -> None:
    texts = {"items/a.xml": item3(choice3("<img src='../media/p%201.png' alt='泵'/>水是")), "items/b.xml": item3("<p>无</p>")}
    found = qti.sort_items(package(texts, {"media/p 1.png": png(1)}, LOM))
    (item,) = found.items
    assert item.body.media == found.figures.keys() == {figure(1).digest}
    assert (item.topic_code, item.difficulty, item.source, item.reference) == ("B-C-A-014", 5, "GB 1", "N-7")
    assert [(one.row, one.header) for one in found.refused] == [(2, "items/b.xml · 题型")]


def test_a_package_without_a_manifest_and_one_that_lacks_a_file() -> None:
    bare = zipped({"x/a.xml": item3(choice3()), "x/test.xml": "<qti-assessment-test/>"})
    assert len(qti.sort_items(bare, READING).items) == 1
    lacking = package({"a.xml": item3(choice3())}).replace(b"a.xml", b"b.xml", 1)
    assert len(qti.sort_items(lacking, READING).items) in {0, 1}
    manifest = '<manifest><resources><resource type="imsqti_item_xmlv2p1" href="gone.xml"/></resources></manifest>'
    found = qti.sort_items(zipped({"imsmanifest.xml": manifest}), READING)
    assert refusals(found) == [(1, "The package names a file that is not in it.")]


def test_what_is_written_is_well_formed_and_complete() -> None:
    (item,) = qti.sort_items(item3(choice3()).encode(), Reading(default_topic="A-001")).items
    with zipfile.ZipFile(io.BytesIO(qti.write_package([item], now=NOW))) as archive:
        assert archive.namelist() == ["items/item-00001.xml", "imsmanifest.xml"]
        root = etree.fromstring(archive.read("items/item-00001.xml"))
        manifest = etree.fromstring(archive.read("imsmanifest.xml"))
    order = [etree.QName(one).localname for one in root]
    assert order == ["qti-response-declaration", "qti-outcome-declaration", "qti-item-body", "qti-response-processing"]
    assert [one.get("href") for one in manifest.iter("{*}file")] == ["items/item-00001.xml"]
    body = etree.tostring(root.find("{*}qti-item-body"))
    assert b"correct" not in body
    assert qti.write_package([item], now=NOW) == qti.write_package([item], now=NOW)


def test_a_single_file_holds_one_item() -> None:
    assert formats.FORMATS["qti_item"].one_item
    with pytest.raises(ValueError, match="unpack"):
        qti.write_item([], now=NOW)
