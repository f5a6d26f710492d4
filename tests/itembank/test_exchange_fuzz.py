"""Hostile, damaged and unexpected files end in a list of mistakes: nothing is raised, and it does not take long."""

import random
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.exchange import aiken, formats, gift, moodle, qti, textlist
from itembank.exchange.item_row import Reading
from itembank.exchange.item_sheet import SortedItems
from itembank.exchange.mistakes import RowError
from tests.itembank.exchanged import NOW, PICTURES, READING, png, zipped

READERS = {name: formats.FORMATS[name].read for name in ("gift", "aiken", "moodle", "qti_item", "qti_package", "textlist")}
TEXT = "一、单选题\n1. 水是（B）。\nA. 固体  B. 液体\n2. 冰是（ ）。\nA. 固体\nB. 液体\n答案：A 解析：x\n参考答案\n1.B 2-3 AB\n"
SECONDS = 20.0


def seeds() -> dict[str, bytes]:
    """One good file of each format, made from the same items."""
    source = '水是[html]{=液体 ~<b>固体</b>}\n\n冰[html]<img src\\="media\\:X">{~%50%甲 ~%50%乙 ~丙####因为}\n\n水是湿的。{T}\n'
    digest = next(iter(PICTURES))
    items = gift.sort_items(
        source.replace("X", digest).encode(), READING, {"a.png": png(0), "b.png": png(1), "c.png": png(2)}
    ).items
    assert len(items) == 3
    document = "<w:document xmlns:w='w'><w:body>" + "".join(
        f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in TEXT.split("\n")
    )
    return {
        "gift": gift.write_items(items, now=NOW),
        "aiken": aiken.write_items(items, now=NOW),
        "moodle": moodle.write_items(items, now=NOW, figures=PICTURES),
        "qti_item": qti.write_item(items[1:2], now=NOW, figures=PICTURES),
        "qti_package": qti.write_package(items, now=NOW, figures=PICTURES),
        "textlist": TEXT.encode(),
        "docx": zipped({"word/document.xml": f"{document}</w:body></w:document>"}),
    }


SEEDS = seeds()


def judged(read: Callable[..., SortedItems], data: bytes) -> SortedItems:
    """The answer of a reader, which must be one, in time."""
    begun = time.perf_counter()
    found = read(data, READING, None)
    assert time.perf_counter() - begun < SECONDS
    assert found.items or found.refused
    assert all(isinstance(one, RowError) and str(one.problem) and str(one.mend) for one in found.refused + found.notes)
    return found


@pytest.mark.parametrize("name", SEEDS)
def test_the_files_to_be_damaged_are_good(name: str) -> None:
    assert judged(READERS.get(name, textlist.sort_items), SEEDS[name]).items != ()


def mutations(data: bytes, chance: random.Random) -> Iterator[bytes]:
    for _ in range(40):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(broken) + 1)
            match chance.randrange(5):
                case 0:
                    del broken[place : place + chance.randint(1, 30)]
                case 1:
                    broken[place:place] = chance.randbytes(chance.randint(1, 8))
                case 2:
                    broken[place:place] = broken[chance.randrange(len(broken) + 1) :][:60]
                case 3:
                    broken[place:place] = chance.choice(
                        [b"<", b"]]>", b"{", b"}", b"\x00", b"&", b'"', b"~", b"\xff\xfe", b"://"]
                    )
                case 4:
                    del broken[place:]
            if not broken:
                break
        yield bytes(broken)


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_files(name: str) -> None:
    chance = random.Random(7)
    for data in mutations(SEEDS[name], chance):
        formats.detect(data, f"x.{name}")
        judged(READERS.get(name, textlist.sort_items), data)


@pytest.mark.parametrize("name", ["qti_package", "docx"])
def test_archives_whose_parts_are_damaged(name: str) -> None:
    chance = random.Random(11)
    with zipfile.ZipFile(BytesIO(SEEDS[name])) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    for part, good in parts.items():
        for data in list(mutations(good, chance))[:10]:
            judged(READERS.get(name, textlist.sort_items), zipped({**parts, part: data}))


@settings(deadline=None, max_examples=60)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_anything_at_all(data: bytes) -> None:
    formats.detect(data, "x.txt")
    for read in READERS.values():
        judged(read, data)


@settings(deadline=None, max_examples=40)
@given(st.text(st.sampled_from("12.、（）()ABCD√× \n\t：答案解析判断题单选参考一-=~{}#%[]:\\/TF"), max_size=120))
def test_text_made_of_marks(text: str) -> None:
    for name in ("gift", "aiken", "textlist"):
        judged(READERS[name], text.encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "gb18030", "shift_jis", "latin-1", "utf-7"])
def test_wrong_encodings(encoding: str) -> None:
    for name in ("gift", "aiken", "textlist", "moodle"):
        text = SEEDS[name].decode()
        judged(READERS[name], text.encode(encoding, "replace"))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "billion laughs": f'<!DOCTYPE quiz [<!ENTITY l0 "lol">{LAUGHS}]><quiz a="&l9;"><question>&l9;</question></quiz>',
    "outside entity": '<!DOCTYPE quiz [<!ENTITY x SYSTEM "file:///etc/passwd">]><quiz><question type="&x;">&x;</question></quiz>',
    "parameter entity": '<!DOCTYPE quiz [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x"> %x;]><quiz/>',
    "outside document type": '<!DOCTYPE quiz SYSTEM "http://127.0.0.1:1/x.dtd"><quiz/>',
    "unknown entity": "<quiz><question>&nothing;</question></quiz>",
    "deep": "<a>" * 100_000,
    "deep but whole": "<quiz>" + "<question>" * 240 + "</question>" * 240 + "</quiz>",
    "many attributes": "<quiz " + " ".join(f'a{n}="1"' for n in range(20_000)) + "/>",
    "not closed": "<quiz><question type='multichoice'>",
    "NUL": "<quiz>\x00</quiz>",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_made_to_break_readers(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    formats.detect(data, "x.xml")
    for found in (
        judged(moodle.sort_items, data),
        judged(qti.sort_items, data),
        judged(qti.sort_items, zipped({"imsmanifest.xml": data})),
        judged(textlist.sort_items, zipped({"word/document.xml": data})),
    ):
        assert found.items == ()
        assert not any("root:" in one.value for one in found.refused)


def test_a_document_nested_deeply() -> None:
    text = f"<w:document xmlns:w='w'><w:body>{'<w:p>' * 200}x{'</w:p>' * 200}</w:body></w:document>"
    judged(textlist.sort_items, zipped({"word/document.xml": text}))


@pytest.mark.parametrize("name", ["../a.xml", "/etc/a.xml", "a/../../b.xml", "C:\\a.xml", "..\\a.xml", "c:/a.xml"])
def test_names_that_lead_outside(name: str) -> None:
    for data in (zipped({"imsmanifest.xml": "<manifest/>", name: "x"}), zipped({"word/document.xml": "<a/>", name: "x"})):
        read = textlist.sort_items if b"word/" in data else qti.sort_items
        assert str(judged(read, data).refused[0].problem) == "The archive holds a file with an unsafe name."


@pytest.mark.parametrize(
    "reference", ["../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/a.png", "/etc/hostname", "a\\..\\b"]
)
def test_references_that_lead_outside(reference: str) -> None:
    manifest = f'<manifest><resources><resource type="imsqti_item_xmlv3p0" href="{reference}"/></resources></manifest>'
    assert judged(qti.sort_items, zipped({"imsmanifest.xml": manifest})).items == ()
    item = SEEDS["qti_item"].replace(b"<div ", f"<div ><img src='{reference}' alt=''/></div><div ".encode(), 1)
    judged(qti.sort_items, item)
    stem = f'<question type="multichoice"><questiontext><text>&lt;img src="{reference}"&gt;</text></questiontext></question>'
    assert judged(moodle.sort_items, f"<quiz>{stem}</quiz>".encode()).items == ()


def test_archives_that_unpack_to_too_much() -> None:
    bomb = zipped({"imsmanifest.xml": "<manifest/>", "items/a.xml": b"0" * 320_000_000})
    assert len(bomb) < 1_000_000
    assert str(judged(qti.sort_items, bomb).refused[0].problem) == "The file is too large when unpacked."
    one = zipped({"word/document.xml": b" " * 30_000_000})
    assert str(judged(textlist.sort_items, one).refused[0].problem) == "The file is too large when unpacked."


def test_protected_and_lying_archives() -> None:
    data = bytearray(zipped({"imsmanifest.xml": "<manifest/>"}))
    for place in (6, data.index(b"PK\x01\x02") + 8):
        data[place] |= 1
    assert str(judged(qti.sort_items, bytes(data)).refused[0].problem) == "The file is protected by a password."
    lying = SEEDS["qti_package"].replace(b"items/item-00001.xml", b"items/item-0000\xff.xml")
    judged(qti.sort_items, lying)


HUGE = "好" * 200_000


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gift", f"{HUGE}{{=a ~b}}"),
        ("gift", "{" * 300_000),
        ("gift", "水{" + "=" * 300_000),
        ("gift", "// " + "[id:" * 100_000 + "\n水{=a ~b}"),
        ("gift", "[html]" + "<ul><li>" * 50_000 + "{=a ~b}"),
        ("gift", "::" + "\\" * 300_000),
        ("aiken", "A) x\n" * 100_000),
        ("textlist", "1. 水是（A）。" + " " * 400_000 + "\nA. 甲 B. 乙"),
        ("textlist", "1. " + "（A" * 200_000),
        ("textlist", "1. " + "A. x " * 100_000),
        ("textlist", "1. 水\nA. 甲 B. 乙\n" + "继续\n" * 200_000),
        ("textlist", "参考答案\n" + "1-9999 " * 20_000 + "ABCDEFGH" * 20_000),
        ("textlist", "参考答案\n" + "【" * 300_000),
        ("textlist", "\n" * 500_000),
        ("moodle", f"<quiz><question type='multichoice'><questiontext><text>{HUGE}</text></questiontext></question></quiz>"),
        ("moodle", "<quiz>" + "<question/>" * 50_000 + "</quiz>"),
        (
            "moodle",
            "<quiz><question><questiontext><text>" + "&lt;img src=&quot;" * 10_000 + "</text></questiontext></question></quiz>",
        ),
    ],
)
def test_fields_and_lines_far_too_long(name: str, data: str) -> None:
    formats.detect(data.encode(), "x.txt")
    judged(READERS[name], data.encode())


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_50_megabytes_is_refused_unread(name: str) -> None:
    found = judged(READERS[name], b"<quiz>" + b"x" * 50_000_000)
    assert str(found.refused[0].problem) == "The file is too large: 50 MB."


def test_a_field_of_15_megabytes() -> None:
    text = (
        "<quiz><question type='multichoice'><questiontext><text>" + "x" * 15_000_000 + "</text></questiontext></question></quiz>"
    )
    assert judged(moodle.sort_items, text.encode()).items == ()
    assert judged(gift.sort_items, b"x" * 15_000_000 + b"{=a ~b}").items == ()


def test_detection_goes_by_content() -> None:
    expected = {"docx": "textlist"}
    for name, data in SEEDS.items():
        found = formats.detect(data, "file")
        assert found is not None
        assert found.code == expected.get(name, name)
    for data in (b"", b"\x00\x01", b'[{"id": 1}]', b"<html/>", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", "只是文字".encode()):
        assert formats.detect(data, "file.txt") is None
    assert formats.detect("题型,题干\n".encode("gb18030"), "a.csv") is formats.FORMATS["xlsx"]
    assert formats.detect(("1. 水\nA. " + "水" * 400_000).encode(), "a.txt") is formats.FORMATS["textlist"]


def test_limits_are_the_callers() -> None:
    how = Reading(default_topic="A-001", limits=replace(Reading().limits, file_bytes=100))
    assert str(gift.sort_items(b"x" * 101, how).refused[0].problem) == "The file is too large: 0 MB."
